"""What writes pages: tables, the check for stale ones, and sentences that hold figures."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return import_module("generated_pages")


@pytest.fixture
def accuracy_page(pages: Any) -> Any:
    return import_module("accuracy_page")


def test_a_cell_stays_one_cell(pages: Any) -> None:
    rows = [("a|b", "two\nlines"), (1, 2.5)]
    head = "| x | y |\n| --- | --: |\n"
    assert pages.table(("x", "y"), rows, n_left=1) == f"{head}| a\\|b | two lines |\n| 1 | 2.5 |"
    assert pages.table(("x", "y"), ()) == "| x | y |\n| --- | --- |"


@pytest.mark.parametrize("folder", ["tools", "benchmarks"])
def test_a_stale_page_is_told_with_the_program_that_renews_it(
    folder: str, pages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path.resolve())
    page = pages.ROOT / "docs" / "page.md"
    program = str(tmp_path / folder / "write.py")
    monkeypatch.setattr(sys, "argv", [program])
    pages.write_or_check({page: "new\n"}, "A page.")
    assert page.read_text(encoding="utf-8") == "new\n"
    monkeypatch.setattr(sys, "argv", [program, "--check"])
    pages.write_or_check({page: "new\n"}, "A page.")
    with pytest.raises(SystemExit) as caught:
        pages.write_or_check({page: "newer\n"}, "A page.")
    assert caught.value.code == f"out of date: docs/page.md; run python {folder}/write.py"
    assert page.read_text(encoding="utf-8") == "new\n"


@pytest.mark.parametrize(("n_better", "said"), [(0, "None"), (6, "Six"), (7, "7")])
def test_simple_recipes_that_do_better_are_counted(
    n_better: int, said: str, accuracy_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {"recipe": "western", "split": "fault-filtered", "accuracy": 0.8}
    better = {"recipe": "x", "split": "fault-filtered", "accuracy": 0.9, "above_western_low": 0.0}
    monkeypatch.setattr(accuracy_page, "results", lambda name: [ours, *n_better * [better]])
    assert accuracy_page.n_above_western() == said


def test_the_fall_of_the_indian_recipe_is_that_of_the_results(
    accuracy_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"recipe": "a", "split": "random 10-fold", "accuracy": 0.9},
        {"recipe": "a", "split": "blocks of ten files", "accuracy": 0.776},
        {"recipe": "b", "split": "random 10-fold", "accuracy": 0.8},
        {"recipe": "b", "split": "blocks of ten files", "accuracy": 0.5},
        {"recipe": "a, settings nested", "split": "random 10-fold", "accuracy": 0.95},
    ]
    monkeypatch.setattr(accuracy_page, "results", lambda name: rows)
    assert accuracy_page.n_points_less_in_blocks() == 12
