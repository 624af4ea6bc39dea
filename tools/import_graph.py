"""Draw who imports whom, ``docs/images/imports.svg``, from the sources and the rows of the design.

::

    python tools/import_graph.py [--check]

The rows stand in ``docs/design.md``. A box is a module or package of ``generify``, an arrow an
import, also one inside a function. Arrows that follow from others are left out, and so are those to
the lowest row, which nearly all have. With ``--check`` nothing is written; it fails when the
picture is not that of the sources.

In it: :func:`read_rows`, :func:`part_of`, :func:`imports_of`, which ``tests/test_architecture.py``
uses too; :func:`draw`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "generify"
DESIGN = ROOT / "docs" / "design.md"
PICTURE = ROOT / "docs" / "images" / "imports.svg"
BEFORE_THE_ROWS = "Imports point one way"

Edges = Mapping[str, frozenset[str]]
"""Part → the parts that it imports."""

WIDTH, ROW_HEIGHT, BOX_HEIGHT, MARGIN = 1000.0, 66.0, 26.0, 24.0
HEAD = 58.0
LETTER = 7.3  # of the boxes' names, which are in 12 pixels
GAP = 12.0
N_SWEEPS = 60
HUES = ("#2f5fae", "#a3421f", "#3f7a3c", "#8a3f8f", "#0f7c86", "#8f6b00")
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#222}"
    ".box{fill:#fff;stroke:#5b6472;stroke-width:1.2}.folder{fill:#e8eef8}"
    ".base{fill:#f3f1ea}.name{font-size:12px;text-anchor:middle}"
    ".edge{fill:none;stroke-width:1.3;opacity:.75}"
)


def read_rows() -> tuple[tuple[str, ...], ...]:
    """Read the rows, from top to bottom; a part imports from rows below its own."""
    text = DESIGN.read_text(encoding="utf-8").partition(BEFORE_THE_ROWS)[2]
    block = re.search(r"```text\n(.*?)```", text, flags=re.S)
    if block is None:
        raise SystemExit(f"{DESIGN.name} has no rows behind {BEFORE_THE_ROWS!r}")
    return tuple(tuple(line.split()) for line in block[1].splitlines() if line.strip())


def part_of(path: Path) -> str:
    """Name the top-level module or package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> frozenset[str]:
    """List the top-level parts of generify that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("generify."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "generify":
            names = {alias.name for alias in node.names}
            found |= {n for n in names if (PACKAGE / n).is_dir() or (PACKAGE / f"{n}.py").exists()}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("generify.")}
    return frozenset(found)


def read_edges() -> Edges:
    """Gather the imports of all parts."""
    edges: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        part = part_of(path)
        edges.setdefault(part, set()).update(imports_of(path) - {part})
    return {part: frozenset(imported) for part, imported in edges.items()}


def reduce_edges(edges: Edges) -> Edges:
    """Leave out the imports that follow from others."""
    below: dict[str, frozenset[str]] = {}

    def all_below(part: str) -> frozenset[str]:
        if part not in below:
            direct = edges.get(part, frozenset())
            below[part] = direct.union(*map(all_below, direct))
        return below[part]

    return {
        part: frozenset(
            one for one in imported if not any(one in all_below(other) for other in imported)
        )
        for part, imported in edges.items()
    }


@dataclass
class Layout:
    """Boxes, and the bends of arrows that pass rows, in rows of places from left to right.

    A place is the name of a part, or of a bend: ``from>to``. ``x`` is the middle of each.
    """

    rows: list[list[str]]
    links: list[tuple[str, str]]
    x: dict[tuple[int, str], float] = field(default_factory=dict)

    def width(self, place: str) -> float:
        """Room that a place takes."""
        return GAP if ">" in place else LETTER * len(place) + 16 + GAP

    def neighbours(self, row: int) -> dict[str, list[float]]:
        """Places above and below that each place of a row is linked with."""
        found: dict[str, list[float]] = {place: [] for place in self.rows[row]}
        for above, below in self.links:
            for here, there, step in ((above, below, 1), (below, above, -1)):
                if here in found and (row + step, there) in self.x:
                    found[here].append(self.x[row + step, there])
        return found

    def spread(self, row: int, wanted: Mapping[str, float]) -> None:
        """Put the places of a row as near as there is room to where they are wanted."""
        places, ends = self.rows[row], [0.0]
        for place in places:
            ends.append(ends[-1] + self.width(place))
        offsets = [(a + b) / 2 for a, b in pairwise(ends)]
        room = WIDTH - 2 * MARGIN
        fitted = _ascending([wanted[p] - o for p, o in zip(places, offsets, strict=True)])
        for place, offset, start in zip(places, offsets, fitted, strict=True):
            low = MARGIN + min(max(start - MARGIN, 0.0), max(0.0, room - ends[-1]))
            self.x[row, place] = low + offset


def _ascending(values: Sequence[float]) -> list[float]:
    """Give the ascending numbers that are nearest to some numbers, by pooling neighbours."""
    pools: list[tuple[float, int]] = []
    for value in values:
        pools.append((value, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (b, n), (a, m) = pools.pop(), pools.pop()
            pools.append(((a * m + b * n) / (m + n), m + n))
    return [value for value, n in pools for _ in range(n)]


def lay_out(rows: Sequence[Sequence[str]], edges: Edges) -> Layout:
    """Find places for boxes and bends so that few arrows cross."""
    number = {part: i for i, row in enumerate(rows) for part in row}
    layout = Layout([list(row) for row in rows], [])
    for part in number:
        for other in sorted(edges.get(part, ())):
            way = [f"{part}>{other}"] * (number[other] - number[part] - 1)
            for row, bend in enumerate(way, start=number[part] + 1):
                layout.rows[row].append(bend)
            stops = [part, *way, other]
            layout.links += dict.fromkeys(pairwise(stops))
    for row, places in enumerate(layout.rows):
        layout.spread(row, {p: WIDTH * (i + 0.5) / len(places) for i, p in enumerate(places)})
    for sweep in range(N_SWEEPS):
        order = range(len(rows)) if sweep % 2 else range(len(rows) - 1, -1, -1)
        for row in order:
            near = layout.neighbours(row)
            wanted = {p: sum(n) / len(n) if n else layout.x[row, p] for p, n in near.items()}
            if sweep < N_SWEEPS * 2 // 3:
                layout.rows[row].sort(key=lambda place: (wanted[place], place))
            layout.spread(row, wanted)
    return layout


def _middle(row: int) -> float:
    return HEAD + ROW_HEIGHT * (row + 0.5)


def _draw_edges(layout: Layout, hues: Mapping[str, str]) -> Iterator[str]:
    for row in range(len(layout.rows) - 1):
        for above, below in layout.links:
            if (row, above) not in layout.x or (row + 1, below) not in layout.x:
                continue
            (x, y), (to_x, to_y) = (
                (layout.x[row, above], _middle(row) + (0 if ">" in above else BOX_HEIGHT / 2)),
                (
                    layout.x[row + 1, below],
                    _middle(row + 1) - (0 if ">" in below else BOX_HEIGHT / 2 + 4),
                ),
            )
            half = (y + to_y) / 2
            hue = hues[above.partition(">")[0]]
            end = "" if ">" in below else f' marker-end="url(#to{HUES.index(hue)})"'
            yield (
                f'<path class="edge" stroke="{hue}"{end} d="M{x:.1f} {y:.1f}'
                f'C{x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {to_y:.1f}"/>'
            )


def _draw_box(name: str, x: float, y: float, kind: str) -> str:
    width = LETTER * len(name) + 16
    return (
        f'<rect class="box {kind}" x="{x - width / 2:.1f}" y="{y - BOX_HEIGHT / 2:.1f}" '
        f'width="{width:.1f}" height="{BOX_HEIGHT:g}" rx="5"/>'
        f'<text class="name" x="{x:.1f}" y="{y + 4:.1f}">{escape(name)}</text>'
    )


def draw() -> str:
    """Draw the picture.

    Returns
    -------
    str
        SVG on a ground of its own, so that it can be read on light and dark pages.
    """
    *rows, base = [row for row in read_rows() if row != ("__main__",)]
    kept = {part: imported - set(base) for part, imported in read_edges().items()}
    layout = lay_out(rows, reduce_edges(kept))
    parts = [part for row in rows for part in row]
    hues = {part: HUES[i % len(HUES)] for i, part in enumerate(parts)}
    height = HEAD + ROW_HEIGHT * (len(rows) + 1)
    boxes = [
        _draw_box(place, layout.x[row, place], _middle(row), "folder" * (PACKAGE / place).is_dir())
        for row, places in enumerate(layout.rows)
        for place in places
        if ">" not in place
    ]
    step = (WIDTH - 2 * MARGIN) / len(base)
    boxes += [
        _draw_box(name, MARGIN + step * (i + 0.5), _middle(len(rows)), "base")
        for i, name in enumerate(base)
    ]
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img">',
        "<title>Who imports whom in Generify</title>",
        f"<style>{STYLE}</style>",
        "<defs>",
        *(
            f'<marker id="to{i}" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="6" '
            f'markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8z" fill="{hue}"/></marker>'
            for i, hue in enumerate(HUES)
        ),
        "</defs>",
        f'<rect width="{WIDTH:g}" height="{height:g}" rx="10" fill="#fbfbfd"/>',
        f'<text x="{MARGIN:g}" y="30" font-size="15" font-weight="600">Who imports whom</text>',
        f'<text x="{MARGIN:g}" y="48" font-size="12">Tinted boxes are packages. Arrows that follow '
        "from others are left out, and so are those to the lowest row.</text>",
        *_draw_edges(layout, hues),
        *boxes,
        "</svg>",
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    from generated_pages import write_or_check

    write_or_check({PICTURE: draw()}, "Picture of who imports whom.")
