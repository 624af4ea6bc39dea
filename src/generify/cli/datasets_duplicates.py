"""``generify datasets duplicates``: songs that are there more than once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generify.cli.checks import check_output
from generify.cli.formats import Format, emit, file_format
from generify.cli.options import FormatOption, JobsOption, NoCacheOption
from generify.cli.terminal import (
    counted,
    format_percent,
    print_failures,
    print_table,
    print_text,
    progress_bar,
    say,
)

if TYPE_CHECKING:
    from generify.verification import DuplicateReport

__all__ = ["FolderArgument", "OutputOption", "add", "counted_heard", "duplicates"]

FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder with the songs.", show_default=False)
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="File to write (.json, .ndjson or .csv).",
        show_default=False,
    ),
]


def add(group: typer.Typer) -> None:
    """Add the command to ``generify datasets``."""
    group.command(epilog="Try: generify datasets duplicates my-music")(duplicates)


def duplicates(
    folder: FolderArgument,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    jobs: JobsOption = 0,
    no_cache: NoCacheOption = False,
) -> None:
    """Find songs that are there more than once.

    Another format, bit rate, sample rate, volume or cut does not hide a song; another speed or key
    does. An offset is where in the first song the second one begins, in seconds.
    """
    from generify.cache import FeatureCache
    from generify.verification import find_duplicates

    how = file_format(output, how)
    check_output(output)
    cache = None if no_cache else FeatureCache()
    with progress_bar("listening") as progress:
        report = find_duplicates(folder, cache=cache, jobs=jobs, progress=progress)
    if output is None and how is Format.TABLE:
        _print_duplicates(report)
    else:
        emit(report.records(), how, dict, output)
    if output is not None:
        say(f"wrote {output}: {counted(len(report.doubles), 'pair')}")
    print_failures(report.failures, "not heard in full")
    if report.failures:
        raise typer.Exit(1)


def _print_duplicates(report: DuplicateReport) -> None:
    records = report.records()
    heard = counted_heard(report.n_heard, len(report.songs))
    if not records:
        print_text(f"{heard} heard, none of them twice")
        return
    print_table(
        [">group", ">alike", ">offset", "song", "and"],
        [
            [
                str(record["group"]),
                "equal" if record["kind"] == "exact" else format_percent(record["similarity"]),
                f"{record['offset']:+.1f} s",
                record["first"],
                record["second"],
            ]
            for record in records
        ],
    )
    n_groups = len({record["group"] for record in records})
    n_songs = len({record[side] for record in records for side in ("first", "second")})
    print_text("")
    print_text(
        f"{heard} heard; {n_songs} of them are "
        f"{counted(n_groups, 'recording')}, in {counted(len(records), 'pair')}"
    )


def counted_heard(n_heard: int, n_songs: int) -> str:
    """Give how many songs were heard, with how many there are where that is not all."""
    some = f"{n_heard:,} of " if n_heard < n_songs else ""
    return some + counted(n_songs, "song")
