"""Pages that a program writes: into their place, or compared with what is there.

In it: :func:`table`, :func:`write_pages`, :func:`write_or_check`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, n_left: int | None = None
) -> str:
    r"""Give a Markdown table.

    Parameters
    ----------
    headers : sequence of str
        Of the columns.
    rows : sequence of sequence of object
        Their cells.
    n_left : int, optional
        So many columns are aligned left, the others right; all are left by default.

    Returns
    -------
    str
        Lines without the last one's end.

    Examples
    --------
    >>> print(table(("way", "songs"), [("a|b", 3)], n_left=1))
    | way | songs |
    | --- | --: |
    | a\|b | 3 |
    """
    left = len(headers) if n_left is None else n_left
    rule = ["---"] * left + ["--:"] * (len(headers) - left)
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in (headers, rule, *rows))


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def write_pages(pages: Mapping[Path, str]) -> None:
    """Write pages, and say so.

    Parameters
    ----------
    pages : mapping of Path to str
        Text of each page.
    """
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)


def write_or_check(pages: Mapping[Path, str], description: str) -> None:
    """Write pages, or with ``--check`` on the command line end with an error where one is stale.

    Parameters
    ----------
    pages : mapping of Path to str
        Text of each page.
    description : str
        What they are, for ``--help``.

    Raises
    ------
    SystemExit
        When a page is stale.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="fail when a page is out of date")
    if not parser.parse_args().check:
        write_pages(pages)
        return
    stale = [
        str(path.relative_to(ROOT))
        for path, text in pages.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if stale:
        program = Path(sys.argv[0]).resolve().relative_to(ROOT).as_posix()
        sys.exit(f"out of date: {', '.join(stale)}; run python {program}")
