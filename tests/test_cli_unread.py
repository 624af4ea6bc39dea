"""Readers that have had enough, as in ``generify scan … | head``.

What writes a file goes on to its end; what only prints ends with its reader.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import TableMaker
from generify.results import read_results
from generify.table import save_table

MFCC = ("--features", "mfcc")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes differ there")


def run_unread(*arguments: object) -> int:
    """Run the command with pipes that nobody reads, and give its exit code."""
    stdout, stderr = os.pipe(), os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "generify", *map(str, arguments)], stdout=stdout[1], stderr=stderr[1]
    ) as process:
        for end in (*stdout, *stderr):
            os.close(end)
    return process.returncode


@pytest.fixture
def table_file(make_table: TableMaker, tmp_path: Path) -> Path:
    save_table(make_table(["jazz", "rock"] * 3), tmp_path / "music.parquet")
    return tmp_path / "music.parquet"


def test_a_scan_is_written(music: Path, model_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    assert run_unread("scan", music / "tones", "-m", model_file, "-o", output) == 0
    assert len(list(read_results(output))) == 8
    assert run_unread("scan", music / "tones", "-m", model_file, "-o", output) == 0


def test_a_comparison_with_a_report_is_written(table_file: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    assert run_unread("compare", table_file, *MFCC, "--report", report) == 0
    assert (report / "comparison.html").stat().st_size > 1000


def test_a_comparison_that_is_only_printed_ends(table_file: Path) -> None:
    assert run_unread("compare", table_file, *MFCC) == 1


@pytest.mark.parametrize("option", ["--output", "--database", "--plot"])
def test_answers_that_are_kept(option: str, music: Path, model_file: Path, tmp_path: Path) -> None:
    place = {"--output": "a.csv", "--plot": "plots"}.get(option, "h.db")
    named = f"sqlite:///{tmp_path / place}" if option == "--database" else tmp_path / place
    assert run_unread("predict", music / "tones", "-m", model_file, option, named) == 0
    assert (tmp_path / place).exists()
