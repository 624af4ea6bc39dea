"""Splits as people see them: what they leak, and as a file."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from generify.cli.formats import Format, emit
from generify.cli.terminal import format_percent, print_table, print_warnings, say
from generify.errors import DatasetError

if TYPE_CHECKING:
    from generify.datasets import Dataset
    from generify.datasets.leaks import Leaks
    from generify.datasets.splits import Split

__all__ = ["inspect_splits", "show_leaks", "write_made"]


def inspect_splits(
    names: Sequence[str], make: Callable[[str], Split], found: Dataset, copies: Sequence[int]
) -> list[Leaks]:
    """Look for leaks, and tell on stderr what weakens each split."""
    from generify.datasets.leaks import inspect_split

    reports = []
    for name in names:
        try:
            made = make(name)
        except DatasetError as err:
            if len(names) == 1:
                raise
            say(f"warning: {name}: {err}")
            continue
        reports.append(inspect_split(made, found.tracks, copies))
        told = dict.fromkeys((*made.warnings, *reports[-1].warnings()))
        print_warnings([f"{name}: {line}" for line in told])
    return reports


def show_leaks(reports: Sequence[Leaks], how: Format) -> None:
    """Print what the splits leak."""
    if how is not Format.TABLE:
        emit([report.to_dict() for report in reports], how, dict)
        return
    print_table(
        ["split", ">folds", ">tested", ">shared artist", ">shared album", ">shared recording"],
        [
            [r.split, str(r.n_folds), str(r.n_tested)]
            + [
                _count(n, r.n_tested)
                for n in (r.n_shared_artist, r.n_shared_album, r.n_shared_recording)
            ]
            for r in reports
        ],
    )


def _count(n: int | None, n_all: int) -> str:
    if n is None:
        return "unknown"
    return f"{n} ({format_percent(n / n_all)})" if n else "0"


def write_made(made: Split, found: Dataset, copies: Sequence[int], output: Path | None) -> None:
    """Write a split as CSV, and say what it is and what weakens it."""
    from generify.datasets.leaks import inspect_split
    from generify.datasets.split_files import format_split, split_records, write_split

    leaks = inspect_split(made, found.tracks, copies)
    print_warnings(list(dict.fromkeys((*made.warnings, *leaks.warnings()))))
    say(f"{made.name}: {made.meaning}")
    say(_sizes(made, len(found.tracks)))
    if output is None:
        sys.stdout.write(format_split(split_records(made, found.tracks)))
        return
    write_split(made, found.tracks, output)
    say(f"wrote {output}")
    say(f"try it: generify evaluate {shlex.quote(str(output))} --split given")


def _sizes(made: Split, n_tracks: int) -> str:
    tested = [len(fold.test) for fold in made.folds]
    if len(tested) > 1:
        largest = f" to {max(tested)}" if max(tested) > min(tested) else ""
        return f"{len(tested)} folds of {min(tested)}{largest} tracks"
    (fold,) = made.folds
    parts = {"train": fold.train, "valid": fold.valid, "test": fold.test}
    n_out = n_tracks - sum(len(rows) for rows in parts.values())
    named = [f"{len(rows)} {name}" for name, rows in parts.items() if len(rows)]
    return ", ".join(named) + (f"; {n_out} left out" if n_out else "")
