"""What came out of a scan, as people see it in a terminal."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from generify.cli.scan_progress import Heard
from generify.cli.terminal import (
    RowPrinter,
    counted,
    drawable,
    format_percent,
    format_sure,
    format_time,
    print_table,
    print_text,
    say,
)

if TYPE_CHECKING:
    from generify.agreement import Agreement, TagRow
    from generify.scan import Scan, ScanSummary

__all__ = ["compare", "print_agreement", "print_summary", "say_next"]

_BAR = 30  # characters of the longest bar
_ROWS = 20


def print_summary(summary: ScanSummary, heard: Heard) -> None:
    """Print genres as bars, damage, failures with their reasons, and what was heard how fast."""
    rows = list(summary.genres.items())
    rows += [("unknown", summary.n_unknown)] if summary.n_unknown else []
    if rows:
        _print_bars(rows, summary.n_songs - summary.n_failed)
    if summary.n_damaged:
        _print_songs("damaged", "heard in part", summary.n_damaged, summary.damaged)
    for group in summary.failures:
        _print_songs("failed", group.reason, group.n_songs, group.paths)
    damaged = f"{summary.n_damaged} damaged, " if summary.n_damaged else ""
    hours = summary.duration / 3600
    print_text(
        f"{counted(summary.n_songs, 'song')}, {hours:.1f} hours of audio, "
        f"{summary.n_unknown} unknown, {damaged}{summary.n_failed} failed"
    )
    if heard.n_recognised:
        print_text(f"recognised {heard.n_recognised:,} by the sound: only names or tags are new")
    if heard.n_songs:
        print_text(f"heard {heard.n_songs} in {format_time(heard.seconds)}: {heard.rates}")


def _print_bars(rows: Sequence[tuple[str, int]], n_answered: int) -> None:
    longest = max(count for _, count in rows)
    printer = RowPrinter((max(len(genre) for genre, _ in rows), -len(f"{longest:,}"), -6))
    for genre, count in rows:
        bar = drawable("█", "#") * max(1, round(_BAR * count / longest))
        printer.row((genre, f"{count:,}", format_percent(count / n_answered), bar))


def _print_songs(what: str, why: str, n_songs: int, paths: Sequence[str]) -> None:
    print_text(f"{what}: {n_songs} × {why}")
    for path in paths:
        print(f"  {path}")  # in one piece, to be copied
    more = n_songs - len(paths)
    if more:
        print(f"  and {more} more")


def say_next(output: str, summary: ScanSummary) -> None:
    """Say on a terminal what the results are good for."""
    if sys.stdout.isatty() and summary.genres and Path(output).is_file():
        name = shlex.quote(output)
        say(f"try it: generify playlist {name} -o Playlists")
        say(f"        generify tag --from {name} --dry-run")


def compare(scan: Scan, genres: Sequence[str]) -> Agreement:
    """Compare the answers with the genres in the files."""
    from generify.agreement import compare_with_tags

    return compare_with_tags((result.answer for result in scan.results()), genres)


def print_agreement(agreement: Agreement) -> None:
    """Print how far tags and answers agree, tag by tag, and where they do not."""
    if agreement.rows:
        headers = ["genre in the file", ">songs", ">agreeing", "heard as"]
        print_text("")
        print_table(headers, [_row_cells(row) for row in agreement.rows[:_ROWS]])
    if agreement.disagreements:
        print_text("")
        print_table(
            ["disagreeing, the surest first", "in the file", "heard as", ">sure"],
            [
                [found.path, ", ".join(found.tags), found.genre, format_sure(found.confidence)]
                for found in agreement.disagreements
            ],
        )
    print_text("")
    if agreement.share is not None:
        n_compared = agreement.n_agreeing + agreement.n_disagreeing
        print_text(
            f"{agreement.n_agreeing} of {n_compared} answers agree with the tags "
            f"({format_percent(agreement.share)})"
        )
    print_text(
        f"not compared: {counted(agreement.n_untagged, 'song')} without a genre, "
        f"{agreement.n_foreign} with "
        f"one that the model does not know, {agreement.n_unknown} unknown, "
        f"{agreement.n_unreadable} whose tags cannot be read"
    )


def _row_cells(row: TagRow) -> list[str]:
    n_heard = row.n_songs - row.n_unknown
    comparable = row.meant and n_heard
    return [
        row.tag,
        f"{row.n_songs:,}",
        format_percent(row.n_agreeing / n_heard) if comparable else "",
        ", ".join(f"{genre} {count}" for genre, count in _heard_as(row)),
    ]


def _heard_as(row: TagRow) -> list[tuple[str, int]]:
    return [*row.heard.items(), *([("unknown", row.n_unknown)] if row.n_unknown else [])]
