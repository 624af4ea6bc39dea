"""Options of the history's sub-commands, declared once, and what they mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from generify.cli.terminal import say
from generify.errors import ParameterError

if TYPE_CHECKING:
    from generify.history import History, HistoryFilter

__all__ = [
    "HISTORY_PLACES",
    "DatabaseOption",
    "GenreFilter",
    "ModelFilter",
    "NameArgument",
    "SinceFilter",
    "UnknownFilter",
    "UntilFilter",
    "make_filter",
    "parse_moment",
    "spell_genre",
]

HISTORY_PLACES = (
    "a file, mysql://… or postgresql://… [default: $GENERIFY_DATABASE_URL, else a file of your own]"
)
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help=f"Where the history lies: {HISTORY_PLACES}",
        show_default=False,
    ),
]
NameArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="Part of the song's path; case does not count.", show_default=False
    ),
]
GenreFilter = Annotated[
    str | None,
    typer.Option(
        "--genre",
        metavar="GENRE",
        help="Songs of this genre; a correction counts.",
        show_default=False,
    ),
]
ModelFilter = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="NAME", help="Answers of this model.",
                 show_default=False),
]  # fmt: skip
SinceFilter = Annotated[
    str | None,
    typer.Option("--since", metavar="DATE", help="Kept on this day or later.", show_default=False),
]
UntilFilter = Annotated[
    str | None,
    typer.Option("--until", metavar="DATE", help="Kept on this day or before.",
                 show_default=False),
]  # fmt: skip
UnknownFilter = Annotated[
    bool | None,
    typer.Option(
        "--unknown/--known",
        help="Songs without a genre, or with one; a correction gives one.",
        show_default=False,
    ),
]


def make_filter(
    name: str | None,
    genre: str | None,
    model: str | None,
    days: tuple[str | None, str | None],
    unknown: bool | None,
) -> HistoryFilter:
    """Turn what was given into a filter; days are the first and the last one wanted."""
    from generify.history import HistoryFilter

    since, until = days
    if genre is not None and unknown:
        raise ParameterError("--genre and --unknown exclude each other", hint="give one of them")
    return HistoryFilter(
        name=name,
        genre=genre,
        model=model,
        since=None if since is None else parse_moment(since),
        until=None if until is None else parse_moment(until, end_of_day=True),
        unknown=unknown,
    )


def spell_genre(history: History, wanted: HistoryFilter) -> HistoryFilter:
    """Spell the genre that is looked for as the history does, and ask where nobody knows it."""
    if wanted.genre is None:
        return wanted
    from generify.history.genres import KnownGenres
    from generify.tagging import MUSICBRAINZ_NAMES

    known = KnownGenres.read(history, MUSICBRAINZ_NAMES)
    spelt = known.spell_kept(wanted.genre)
    if doubt := known.doubt(spelt):
        say(f"warning: {doubt}")
    return replace(wanted, genre=spelt)


def parse_moment(text: str, *, end_of_day: bool = False) -> datetime:
    """Read a day or a moment, local time unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError) as err:
        raise ParameterError(
            f"{text!r} is no date", hint="give it as 2025-12-31, or 2025-12-31T18:30"
        ) from err
    only_a_day = len(text.strip()) <= len("2025-12-31")
    return moment + timedelta(days=1) if end_of_day and only_a_day else moment
