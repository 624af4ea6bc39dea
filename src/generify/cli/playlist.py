"""``generify playlist``: a playlist for each genre."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generify.cli.checks import check_folder
from generify.cli.terminal import counted, print_failures, print_table, say

__all__ = ["playlist", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify playlist results.ndjson -o Playlists")(playlist)


def playlist(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS",
            help="What generify scan, or generify predict -o, wrote.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where the playlists go.", show_default=False
        ),
    ],
    unknown: Annotated[
        bool, typer.Option("--unknown", help="A playlist of the unknown songs too.")
    ] = False,
) -> None:
    """Write one M3U8 playlist for each genre, with relative paths."""
    from generify.playlists import write_playlists
    from generify.results import read_results

    check_folder(output)
    answers = read_results(results)
    made = write_playlists(answers, output, unknown=unknown)
    if made.written:
        print_table(
            ["playlist", "genre", ">songs"],
            [[str(output / p.path.name), p.genre, str(p.n_songs)] for p in made.written],
        )
    else:
        say("no playlist: no song has a genre")
    if made.n_unknown:
        n_unknown = counted(made.n_unknown, "unknown song")
        say(f"{n_unknown} left out; --unknown gives a playlist of them")
    if made.n_failed:
        are = "is" if made.n_failed == 1 else "are"
        say(f"{counted(made.n_failed, 'song')} failed in the scan and {are} in no playlist")
    if made.failures:
        print_failures(made.failures)
        raise typer.Exit(1)
