"""``generify history``: what was predicted, looked up, counted, removed."""

from __future__ import annotations

from typing import Annotated

import typer

from generify.cli import history_clear, history_export, history_import
from generify.cli.formats import Format, emit
from generify.cli.history_options import (
    DatabaseOption,
    GenreFilter,
    ModelFilter,
    NameArgument,
    SinceFilter,
    UnknownFilter,
    UntilFilter,
    make_filter,
    spell_genre,
)
from generify.cli.history_tables import (
    flat_entry,
    print_entries,
    print_statistics,
    say_page,
)
from generify.cli.options import FormatOption
from generify.cli.terminal import say

__all__ = ["register"]

_group = typer.Typer(
    help="Look up the answers that `--keep` kept.",
    epilog="Try: generify history search --genre jazz",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    history_clear.register(_group)
    history_export.register(_group)
    history_import.register(_group)
    app.add_typer(_group, name="history")


@_group.command(epilog="Try: generify history search miles --genre jazz --since 2025-01-01")
def search(
    name: NameArgument = None,
    genre: GenreFilter = None,
    model: ModelFilter = None,
    since: SinceFilter = None,
    until: UntilFilter = None,
    unknown: UnknownFilter = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Entries a page.")] = 20,
    page: Annotated[int, typer.Option(min=1, metavar="N", help="Which page.")] = 1,
    how: FormatOption = Format.TABLE,
    database: DatabaseOption = None,
) -> None:
    """Find entries, the newest first."""
    from generify.history import open_history

    wanted = make_filter(name, genre, model, (since, until), unknown)
    offset = (page - 1) * limit
    with open_history(database, create=False) as history:
        wanted = spell_genre(history, wanted)
        entries = history.search(wanted, limit=limit, offset=offset)
        n_all = history.count(wanted)
    if how is not Format.TABLE:
        emit([entry.to_dict() for entry in entries], how, flat_entry)
    elif entries:
        print_entries(entries)
    if entries:
        say_page(len(entries), offset + 1, n_all)
    else:
        say(f"nothing on page {page}, {n_all:,} in all" if n_all else "nothing found")


@_group.command(epilog="Try: generify history stats --model western")
def stats(
    name: NameArgument = None,
    genre: GenreFilter = None,
    model: ModelFilter = None,
    since: SinceFilter = None,
    until: UntilFilter = None,
    unknown: UnknownFilter = None,
    how: FormatOption = Format.TABLE,
    database: DatabaseOption = None,
) -> None:
    """Count the songs of each genre.

    By each song's newest answer of each model.
    """
    from generify.history import open_history

    wanted = make_filter(name, genre, model, (since, until), unknown)
    with open_history(database, create=False) as history:
        found = history.statistics(spell_genre(history, wanted))
    if how is Format.TABLE:
        print_statistics(found)
    else:
        emit([count.to_dict() for count in found.genres], how, dict)
