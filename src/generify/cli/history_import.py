"""``generify history import``: the tables of the predecessor."""

from __future__ import annotations

from typing import Annotated

import typer

from generify.cli.history_options import DatabaseOption
from generify.cli.terminal import print_table, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import", epilog="Try: generify history import old.db")(import_)


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="The old database: a file, mysql://… or postgresql://…",
            show_default=False,
        ),
    ],
    database: DatabaseOption = None,
) -> None:
    """Bring in the two tables of the predecessor.

    They are eng_genre_finder and genre_finder (file, genre). The old database is only read.
    What is in the history already is not kept again.
    """
    from generify.history import import_predecessor, open_history

    with open_history(database) as history:
        tables = import_predecessor(history, source)
    print_table(
        ["table", "kept as", ">rows", ">new", ">without file or genre"],
        [[t.table, t.model, f"{t.n_rows:,}", f"{t.n_kept:,}", f"{t.n_skipped:,}"] for t in tables],
    )
    say(f"try it: generify history search --model {tables[0].model}")
