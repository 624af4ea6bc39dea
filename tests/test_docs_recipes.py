"""The README's sessions and the recipes of CONTRIBUTING.md do what they say.

The recipes are followed in a copy of the repository; this file is apart from
``test_docs_run.py`` so that both run at the same time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from doc_blocks import ROOT
from doc_places import assert_page_holds


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_blocks_do_what_the_page_says(name: str, tmp_path: Path, music: Path) -> None:
    assert_page_holds(ROOT / name, tmp_path, music)
