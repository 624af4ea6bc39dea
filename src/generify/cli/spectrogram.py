"""``generify spectrogram``: mel spectrograms as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generify.cli.checks import check_extra, check_output, check_suffix
from generify.cli.terminal import print_failures, progress_bar, say
from generify.errors import AudioDecodeError, Failure, ParameterError

__all__ = ["register", "spectrogram"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify spectrogram song.mp3 -o song.png")(spectrogram)


def spectrogram(
    songs: Annotated[
        list[Path],
        typer.Argument(
            metavar="SONG...",
            help="Songs, or folders of songs, drawn side by side; at most 30.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Picture to write (.png, .svg or .pdf).",
            show_default=False,
        ),
    ],
    seconds: Annotated[
        float, typer.Option(min=1, metavar="N", help="How much of each song is drawn.")
    ] = 30.0,
) -> None:
    """Draw the mel spectrograms of songs."""
    from generify.scan import find_songs
    from generify.scan.finding import check_any_there

    check_extra("train", "matplotlib")
    from generify.plots import plot_spectrograms, save_figure
    from generify.plots.sound import MAX_PANELS
    from generify.plots.style import FIGURE_FORMATS
    from generify.spectrograms import load_spectrogram

    check_output(output)
    check_suffix(output, *(f".{name}" for name in FIGURE_FORMATS))
    found = find_songs(songs)
    check_any_there(found)
    if len(found.files) > MAX_PANELS:
        raise ParameterError(
            f"{len(found.files)} songs were given, a picture holds {MAX_PANELS} at most",
            hint="name fewer of them, and draw the others into a second picture",
        )
    panels, failures = [], list(found.failures)
    with progress_bar("listening") as progress:
        for number, song in enumerate(found.files, start=1):
            try:
                panels.append(load_spectrogram(song, seconds))
            except AudioDecodeError as err:
                failures.append(Failure.from_error(song, err))
            progress(number, len(found.files))
    print_failures(failures, "failed")
    if panels:
        save_figure(plot_spectrograms(panels), output)
        say(f"wrote {output}")
    if failures:
        raise typer.Exit(1)
