"""``generify predict``: the genre of songs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generify import defaults
from generify.cli.answers import cells_of, print_predictions, record_of
from generify.cli.formats import Format, emit
from generify.cli.options import FormatOption, ModelOption
from generify.cli.terminal import describe, progress_bar, say
from generify.errors import Failure, ParameterError

__all__ = ["predict", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify predict song.mp3 --timeline")(predict)


def predict(
    songs: Annotated[
        list[Path], typer.Argument(help="Songs, or folders of songs.", show_default=False)
    ],
    model: ModelOption = defaults.MODEL,
    top: Annotated[int, typer.Option(min=1, help="Genres shown for each song.")] = defaults.TOP,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Judge every few seconds of the whole song too.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Folder for a timeline picture of each song.", show_default=False),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Weaker answers are given as unknown.")
    ] = 0.0,
    how: FormatOption = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write there, not to the terminal.")
    ] = None,
) -> None:
    """Tell the genre of songs, and how sure it is."""
    from generify.model import load_model
    from generify.prediction import Prediction
    from generify.scan import find_songs, predict_songs

    if output is not None and how is Format.TABLE:
        raise ParameterError("--output needs a format for files", hint="give --format json or csv")
    files = find_songs(songs)
    genre_model = load_model(model)
    results: list[Prediction | Failure] = []
    with progress_bar("listening") as progress:
        for number, result in enumerate(
            predict_songs(
                files,
                genre_model,
                timeline=timeline or plot is not None,
                min_confidence=min_confidence,
            ),
            start=1,
        ):
            results.append(result)
            progress(number, len(files))
    failures = [r for r in results if isinstance(r, Failure)]
    if how is Format.TABLE:
        print_predictions([r for r in results if not isinstance(r, Failure)], top, timeline)
        for failure in failures:
            say(f"failed: {describe(failure)}")
    else:
        emit([record_of(r) for r in results], how, lambda record: cells_of(record, top), output)
    if plot is not None:
        from generify.cli.pictures import draw_timelines

        draw_timelines([r for r in results if not isinstance(r, Failure)], plot)
    if failures:
        say(f"{len(failures)} of {len(results)} songs failed")
        raise typer.Exit(1)
