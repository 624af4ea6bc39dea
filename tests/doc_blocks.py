"""The code blocks of the documentation, and how they are run.

A block is fenced and names its language. What each language means:

* ``console``: lines that begin with ``$`` are commands, what follows is what they print, both
  streams as on a terminal. ``…`` stands for any text, alone on a line for any lines.
* ``bash`` must end with exit code 0; ``python`` runs as a program of its own.
* ``toml``, ``json``, ``yaml`` and ``ini`` must be readable.
* ``text``, ``diff`` are shown: no commands.

A comment on the line before a block says what is special about it::

    <!-- not run: needs a cluster -->     shown only; each reason is counted
    <!-- numbers: 2 -->                   printed numbers may differ by as much
    <!-- exits: 1 -->                     the last command's exit code
    <!-- prints -->                       a text block: what the block before it printed
    <!-- file: src/generify/x.py -->      the block is that file
    <!-- edit -->                         a diff block: is applied

Blocks of a page run one after the other in one folder, which holds ``examples/``, ``song.mp3``,
``my-music/`` (three genres), ``Music/`` (songs without order) and ``tools/``. A page that mentions
``http://127.0.0.1:8000`` finds a site there.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUN = frozenset(("console", "bash", "python"))
READ = frozenset(("toml", "json", "yaml", "ini"))
SHOWN = frozenset(("text", "diff"))
MARKS = frozenset(("not run", "numbers", "exits", "prints", "file", "edit"))
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[^`]*)$")
_MARK = re.compile(r"^ *<!-- (?P<name>[a-z ]+?)(?:: (?P<value>.*?))? -->$")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_code(self) -> bool:
        """Whether it is a block of a language, and no directive of the site."""
        return not self.language.startswith("{")


def pages() -> list[Path]:
    """List every page whose blocks are tested."""
    folder = ROOT / "docs"
    found = [p for p in folder.rglob("*.md") if "_build" not in p.parts]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(found)]


def name_of(page: Path) -> str:
    """Give a page's path below the root."""
    return page.relative_to(ROOT).as_posix()


def read_blocks(page: Path) -> list[Block]:
    """Find the fenced blocks of a page, in order."""
    return list(_blocks(name_of(page), page.read_text(encoding="utf-8").splitlines()))


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    marks: dict[str, str] = {}
    number = 0
    while number < len(lines):
        line = lines[number]
        if mark := _MARK.match(line):
            marks[mark["name"]] = mark["value"] or ""
        elif fence := _FENCE.match(line):
            end = _end(lines, number + 1, fence["fence"])
            text = textwrap.dedent("\n".join(lines[number + 1 : end]))
            yield Block(page, number + 1, fence["language"].strip(), text, marks)
            marks, number = {}, end
        elif line.strip():
            marks = {}
        number += 1


def _end(lines: list[str], start: int, fence: str) -> int:
    for number in range(start, len(lines)):
        if lines[number].strip() == fence:
            return number
    raise AssertionError(f"a block begins in line {start} and does not end")


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Cut a session into commands and the lines that each is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
        elif line.strip():
            found[-1][1].append(_plain(line))
    return found


def _plain(line: str) -> str:
    """Width of columns and rules does not count."""
    return re.sub(r"─+", "─", " ".join(line.split()))


def difference(expected: list[str], printed: str, tolerance: float = 0.0) -> str:
    """Say where what was printed is not what is written; empty when it is."""
    lines = [_plain(line) for line in printed.splitlines() if line.strip()]
    at = 0
    for number, wanted in enumerate(expected):
        if wanted == "…":
            following = expected[number + 1 :]
            if not following:
                return ""
            at = next(
                (i for i in range(at, len(lines)) if _same(following[0], lines[i], tolerance)),
                len(lines),
            )
        elif at < len(lines) and _same(wanted, lines[at], tolerance):
            at += 1
        else:
            return f"written: {wanted}\nprinted: {lines[at] if at < len(lines) else '(the end)'}"
    return "" if at == len(lines) else f"printed too: {lines[at]}"


def _same(wanted: str, printed: str, tolerance: float) -> bool:
    pattern = re.escape(wanted).replace(re.escape("…"), ".*")
    if re.fullmatch(pattern, printed):
        return True
    if not tolerance or _NUMBER.sub("#", wanted) != _NUMBER.sub("#", printed):
        return False
    pairs = zip(_NUMBER.findall(wanted), _NUMBER.findall(printed), strict=True)
    return all(abs(float(a) - float(b)) <= tolerance for a, b in pairs)
