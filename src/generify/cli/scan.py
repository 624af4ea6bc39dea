"""``generify scan``: a whole music library into a file."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from generify import defaults
from generify.cli.keeping import KeepDatabaseOption, KeepOption, is_to_keep
from generify.cli.options import MinConfidenceOption, ModelOption
from generify.cli.scan_cluster import AddressOption, Engine, EngineOption, choose_engine
from generify.cli.scan_history import check_extras, keep_results
from generify.cli.scan_progress import looking_for_songs, watch
from generify.cli.scan_summary import compare, print_agreement, print_summary, say_next
from generify.cli.terminal import go_on_unread, say
from generify.errors import ParameterError

if TYPE_CHECKING:
    from generify.scan import Redo

__all__ = ["register", "scan"]

_Paths = Annotated[
    list[str],
    typer.Argument(metavar="PATH...", help="Folders of songs, or songs.", show_default=False),
]
_Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="File for the results: .parquet, .csv, .ndjson, .json or .db (SQLite).",
        show_default=False,
    ),
]
_Jobs = Annotated[
    int,
    typer.Option(
        "--jobs", "-j", min=0, metavar="N", help="Songs at the same time; 0: one per core."
    ),
]
_Changed = Annotated[
    bool,
    typer.Option(
        "--changed",
        help="Bring FILE up to date for PATH: hear only new and altered songs, keep all others.",
    ),
]
_Again = Annotated[bool, typer.Option("--again", help="Listen to everything anew, replacing FILE.")]
_TimeLimit = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="A song that takes longer is given up.")
]
_AgainstTags = Annotated[
    bool, typer.Option("--against-tags", help="Compare the answers with the genres in the files.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify scan my-music -o results.csv")(scan)


def scan(
    paths: _Paths,
    output: _Output,
    model: ModelOption = defaults.MODEL,
    min_confidence: MinConfidenceOption = 0.0,
    jobs: _Jobs = 0,
    changed: _Changed = False,
    again: _Again = False,
    time_limit: _TimeLimit = defaults.TIME_LIMIT,
    keep: KeepOption = False,
    database: KeepDatabaseOption = None,
    against_tags: _AgainstTags = False,
    engine: EngineOption = Engine.LOCAL,
    address: AddressOption = None,
) -> None:
    """Tell the genre of every song in a music library.

    The same command goes on where it was after any interruption. The exit code is 1 as long as a
    song of FILE has failed, also when there is nothing new to hear.
    """
    from generify.model import load_model
    from generify.scan import ScanSettings

    go_on_unread()
    settings = ScanSettings(min_confidence, jobs, time_limit, _redo(changed, again))
    open_scan = choose_engine(engine, address, paths, output)
    keep = is_to_keep(keep, database)
    check_extras(keep=keep, database=database, against_tags=against_tags)
    genre_model = load_model(model)
    with ExitStack() as stack:
        with looking_for_songs():
            job = stack.enter_context(open_scan(paths, output, genre_model, settings))
        heard, was_complete = watch(job), job.complete
        summary = job.write()
        complete = "is complete; --changed listens to new and altered songs, --again to all"
        say(f"{output} {complete}" if was_complete else f"wrote {output}")
        agreement = compare(job, genre_model.genres) if against_tags else None
        kept = not keep or keep_results(job, genre_model.card, database)
        if kept:  # else the same command goes on with it
            job.finish()
    print_summary(summary, heard)
    if agreement is not None:
        print_agreement(agreement)
    say_next(output, summary)
    if summary.n_failed or not kept:
        raise typer.Exit(1)


def _redo(changed: bool, again: bool) -> Redo:
    from generify.scan import Redo

    if changed and again:
        raise ParameterError("--changed and --again exclude each other", hint="give one of them")
    return Redo.ALL if again else Redo.CHANGED if changed else Redo.NOTHING
