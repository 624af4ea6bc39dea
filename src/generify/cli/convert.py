"""``generify convert``: audio of any kind into WAV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generify.cli.terminal import print_failures, print_warnings, progress_bar, say

__all__ = ["convert", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify convert genres -o genres-wav")(convert)


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of audio.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder for the WAV files.",
            show_default=False,
        ),
    ],
) -> None:
    """Write all audio below a folder as 16-bit WAV.

    Originals are kept, and what is converted already is skipped.
    """
    from generify.datasets.convert import convert_folder

    with progress_bar("converting") as progress:
        result = convert_folder(source, output, progress=progress)
    print_warnings(result.warnings)
    print_failures(result.failures, "failed")
    say(
        f"{len(result.converted)} converted, {len(result.skipped)} already there, "
        f"{len(result.failures)} failed"
    )
    if result.failures:
        raise typer.Exit(1)
