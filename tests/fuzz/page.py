"""The figures of ``docs/robustness.md``, between marks that say which command writes them.

In it: :func:`write_section`, :func:`describe_songs`, :func:`describe_traps`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from sections import with_section  # beside the benchmarks

if TYPE_CHECKING:
    from fuzz.songs import Report
    from fuzz.traps import Sprung


def describe_songs(report: Report) -> str:
    """Give the table of a run, and what it was."""
    plan, total = report.plan, report.total
    return (
        f"{total.n_files:,} damaged files (seed {plan.seed}) in {report.seconds / 60:.1f} minutes "
        f"by {plan.n_processes} processes: {total.n_answered:,} answered, "
        f"{total.failed.total():,} failed by name, {total.n_lost:,} cost a worker; "
        f"{len(report.findings)} findings; at most {total.peak_bytes / 1e6:.0f} MB for a command "
        f"and its worker.\n\n{report.table()}"
    )


def describe_traps(rows: Sequence[Sprung]) -> str:
    """Give the table of traps."""
    head = "| condition | expected | came | |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {row.name} | {row.expected} | {row.came} | {'✓' if row.as_expected else '✗'} |\n"
        for row in rows
    )


def write_section(path: Path, name: str, text: str) -> None:
    """Put a text between the marks of a section."""
    page = path.read_text(encoding="utf-8")
    path.write_text(with_section(page, f"fuzz {name}", text), encoding="utf-8")
