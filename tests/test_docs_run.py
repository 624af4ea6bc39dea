"""Every session, program and file in the pages below docs/ does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from doc_blocks import name_of, pages, read_blocks
from doc_places import assert_page_holds

BELOW_DOCS = [page for page in pages() if name_of(page).startswith("docs/")]


@pytest.mark.parametrize(
    "page",
    [page for page in BELOW_DOCS if any(block.is_code for block in read_blocks(page))],
    ids=name_of,
)
def test_blocks_do_what_the_page_says(page: Path, tmp_path: Path, music: Path) -> None:
    assert_page_holds(page, tmp_path, music)
