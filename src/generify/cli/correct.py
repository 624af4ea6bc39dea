"""``generify correct``: the true genre of a song, as a person knows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generify.cli.history_options import DatabaseOption
from generify.cli.terminal import print_failures, say
from generify.errors import Failure, GenerifyError, HistoryError, ParameterError

if TYPE_CHECKING:
    from generify.history import History
    from generify.history.genres import KnownGenres

__all__ = ["correct", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify correct song.mp3 jazz")(correct)


def correct(
    song: Annotated[
        Path | None, typer.Argument(metavar="SONG", help="The song.", show_default=False)
    ] = None,
    genre: Annotated[
        str | None, typer.Argument(metavar="GENRE", help="Its true genre.", show_default=False)
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Many at once: a .csv with the columns path and genre.",
            show_default=False,
        ),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take the correction of SONG back.")
    ] = False,
    database: DatabaseOption = None,
) -> None:
    """Keep the true genre of a song in the history.

    `generify train … --with-corrections` learns from it; a later correction replaces an earlier.
    """
    from generify.history import open_history

    _check(song, genre, source, remove)
    if source is not None:
        _correct_many(source, database)
    elif song is not None:
        with open_history(database, create=not remove) as history:
            _correct_one(history, song, genre)


def _check(song: Path | None, genre: str | None, source: Path | None, remove: bool) -> None:
    given = (song is not None, genre is not None, source is not None, remove)
    if given not in {(True, True, False, False), (False, False, True, False),
                     (True, False, False, True)}:  # fmt: skip
        raise ParameterError(
            "a song and its genre, or --from, or a song and --remove were expected",
            hint="as in: generify correct song.mp3 jazz",
        )


def _correct_one(history: History, song: Path, genre: str | None) -> None:
    if genre is not None:
        kept = history.correct(song, _spell(_known_in(history), genre))
        say(f"{song}: {kept.genre}, kept in {history.label}")
    elif history.take_back(song):
        say(f"{song}: no longer corrected")
    else:
        raise HistoryError(
            f"{song} has no correction", hint="see: generify history export --corrections"
        )


def _known_in(history: History) -> KnownGenres:
    from generify.history.genres import KnownGenres
    from generify.tagging import MUSICBRAINZ_NAMES

    return KnownGenres.read(history, MUSICBRAINZ_NAMES)


def _spell(known: KnownGenres, genre: str) -> str:
    """Spell a genre as it is known, and say so where that is otherwise than it was given."""
    spelt = known.spell(genre)
    if spelt != genre.strip():
        say(f"{genre} is known as {spelt}, and kept as that")
    if doubt := known.doubt(spelt):
        say(f"warning: {doubt}")
    return spelt


def _correct_many(source: Path, database: str | None) -> None:
    from generify.datasets.manifest import read_manifest
    from generify.history import open_history

    manifest = read_manifest(source)
    failures = list(manifest.failures)
    with open_history(database) as history:
        known = _known_in(history)
        spelling = {genre: _spell(known, genre) for genre in manifest.genres}
        for track in manifest.tracks:
            try:
                history.correct(str(track.path), spelling[track.genre])
            except HistoryError:
                raise
            except GenerifyError as err:
                failures.append(Failure.from_error(str(track.path), err))
        n_all = len(manifest.tracks) + len(manifest.failures)
        say(f"{n_all - len(failures):,} of {n_all:,} corrections kept in {history.label}")
    print_failures(failures, what="failed")
    if failures:
        raise typer.Exit(1)
