"""Pages that a program writes: into their place, or compared with what is there.

In it: :func:`write_or_check`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def write_or_check(pages: Mapping[Path, str], description: str) -> None:
    """Write pages, or with ``--check`` on the command line end with an error where one is stale.

    Parameters
    ----------
    pages : mapping of Path to str
        Text of each page.
    description : str
        What they are, for ``--help``.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="fail when a page is out of date")
    check = parser.parse_args().check
    stale = []
    for path, text in pages.items():
        name = str(path.relative_to(ROOT))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        tool = Path(sys.argv[0]).name
        sys.exit(f"out of date: {', '.join(stale)}; run python tools/{tool}")
