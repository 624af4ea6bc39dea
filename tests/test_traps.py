"""Songs that are odd in one known way each (``tests/fuzz/traps.py``): what comes is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.traps import TRAPS, spring

PAGE = Path(__file__).resolve().parents[1] / "docs" / "robustness.md"


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap(name: str) -> None:
    row = spring(name)
    assert row.as_expected, f"expected {row.expected}, came {row.came}"


def test_all_traps_are_on_the_page() -> None:
    """Renew it with ``python -m fuzz traps --page ../docs/robustness.md`` in ``tests``."""
    text = PAGE.read_text(encoding="utf-8")
    rows = text.partition("<!-- fuzz traps -->")[2].partition("<!-- end fuzz traps -->")[0].strip()
    named = [line.split(" | ")[0].removeprefix("| ") for line in rows.splitlines()[2:] if line]
    assert named == list(TRAPS)
    assert "✗" not in rows
