"""The history as people see it in a terminal, and as rows of CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from generify.cli.terminal import (
    counted,
    drawable,
    format_percent,
    format_sure,
    print_table,
    print_text,
    say,
)

if TYPE_CHECKING:
    from generify.history import GenreCount, HistoryEntry, HistoryStatistics

__all__ = ["flat_entry", "print_entries", "print_statistics", "say_page"]

_BAR_WIDTH = 24
_LISTS = ("genres", "styles")


def flat_entry(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give an entry's record as one row for CSV."""
    return {name: value for name, value in record.items() if name not in _LISTS}


def print_entries(entries: Sequence[HistoryEntry]) -> None:
    """Print entries as a table; a song is named in full where two have the same name."""
    names = {entry.path: PurePath(entry.path).name for entry in entries}
    alike = len(set(names.values())) < len(names)
    rows = [
        (
            entry.when.astimezone().strftime("%Y-%m-%d %H:%M"),
            entry.path if alike else names[entry.path],
            _genre(entry),
            _sure(entry),
            entry.model,
        )
        for entry in entries
    ]
    print_table(["when", "song", "genre", ">sure", "model"], rows)


def _genre(entry: HistoryEntry) -> str:
    answer = entry.genre or "unknown"
    if entry.corrected is None or entry.corrected == entry.genre:
        return answer
    return f"{answer}, in truth {entry.corrected}"


def _sure(entry: HistoryEntry) -> str:
    known = entry.confidence is not None and not entry.unknown
    return format_sure(entry.confidence or 0) if known else ""


def say_page(n_shown: int, first: int, n_all: int) -> None:
    """Tell which entries of how many are shown, and how to see more."""
    last = first + n_shown - 1
    if n_shown < n_all:
        say(f"{first:,} to {last:,} of {n_all:,}" + ("; more with --page" if last < n_all else ""))


def print_statistics(found: HistoryStatistics) -> None:
    """Print the totals, then each model's genres with bars."""
    print_text(
        f"{counted(found.n_songs, 'song')}, {counted(found.n_predictions, 'prediction')} in "
        f"{counted(found.n_runs, 'run')}, {counted(found.n_corrections, 'correction')}"
    )
    for model, counts in groupby(found.genres, key=lambda count: count.model):
        headers = ["genre", ">songs", ">share", "", ">sure", ">corrected"]
        rows = _bars(list(counts))
        n_shown = len(headers) if any(row[-1] for row in rows) else len(headers) - 1
        print_table(headers[:n_shown], [row[:n_shown] for row in rows], title=model)


def _bars(counts: Sequence[GenreCount]) -> list[list[str]]:
    most = max(count.n_songs for count in counts)
    block = drawable("█", "#")
    return [
        [
            count.genre or "unknown",
            f"{count.n_songs:,}",
            format_percent(count.share),
            block * max(1, round(_BAR_WIDTH * count.n_songs / most)),
            format_sure(count.confidence) if count.genre and count.confidence else "",
            f"{count.n_corrected:,}" if count.n_corrected else "",
        ]
        for count in counts
    ]
