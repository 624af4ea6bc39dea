"""``generify predict``: the genre of songs."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generify import defaults
from generify.cli.answers import AnswerTable, cells_of, print_line, say_remarks, show_all
from generify.cli.checks import check_extra, check_folder, check_output
from generify.cli.formats import Format, emit, file_format
from generify.cli.keeping import KeepDatabaseOption, Keeper, KeepOption, is_to_keep
from generify.cli.options import FormatOption, MinConfidenceOption, ModelOption
from generify.cli.terminal import counted, go_on_unread, say
from generify.errors import Failure

if TYPE_CHECKING:
    from generify.prediction import Prediction

__all__ = ["predict", "register"]

_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="File to write (.json, .ndjson or .csv)."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify predict song.mp3 --timeline")(predict)


def predict(
    songs: Annotated[
        list[Path],
        typer.Argument(metavar="SONG...", help="Songs, or folders of songs.", show_default=False),
    ],
    model: ModelOption = defaults.MODEL,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default=False,
            help=f"Genres shown for each song [default: {defaults.TOP}, and none below 1 %].",
        ),
    ] = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Judge every few seconds of the whole song too.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder for a timeline picture of each song.", show_default=False
        ),
    ] = None,
    min_confidence: MinConfidenceOption = 0.0,
    keep: KeepOption = False,
    database: KeepDatabaseOption = None,
    how: FormatOption = Format.TABLE,
    output: _Output = None,
) -> None:
    """Tell the genre of songs, and how sure it is."""
    from generify.model import load_model
    from generify.scan import find_songs, predict_songs
    from generify.scan.finding import check_any_there

    how = file_format(output, how)
    keep = is_to_keep(keep, database)
    _check_outputs(output, plot, keep=keep)
    found = find_songs(songs)
    check_any_there(found)
    genre_model = load_model(model)
    keeper = Keeper.open(keep, database, "predict", genre_model.card)
    table = AnswerTable(found.files, genre_model.genres, top=top, timeline=timeline)
    show = table.show if how is Format.TABLE else say_remarks
    if how is Format.NDJSON and output is None:
        show = print_line
    judged = timeline or plot is not None
    answers = predict_songs(
        found.files, genre_model, timeline=judged, min_confidence=min_confidence
    )
    results = show_all(
        chain(found.failures, keeper.keep(answers)), show, len(found.failures) + len(found.files)
    )
    if output is not None or how in {Format.JSON, Format.CSV}:
        emit([r.to_dict() for r in results], how, lambda record: cells_of(record, top), output)
    if timeline and how is Format.CSV:
        say("warning: the timeline is not in a CSV; .json and .ndjson hold it")
    if output is not None:
        say(f"wrote {output}")
    _finish(results, plot, keeper.finish())


def _check_outputs(output: Path | None, plot: Path | None, *, keep: bool) -> None:
    if keep or output is not None or plot is not None:
        go_on_unread()
    check_output(output)
    check_folder(plot)
    if plot is not None:
        check_extra("train", "matplotlib")


def _finish(results: list[Prediction | Failure], plot: Path | None, not_kept: bool) -> None:
    """Draw the pictures, and end with what the failures amount to."""
    failures = [r for r in results if isinstance(r, Failure)]
    if plot is not None:
        from generify.cli.pictures import draw_timelines

        draw_timelines([r for r in results if not isinstance(r, Failure)], plot)
    if failures:
        say(f"{len(failures)} of {counted(len(results), 'song')} failed")
    if failures or not_kept:
        raise typer.Exit(1)
