"""``generify history clear``: predictions removed, after a question."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from generify.cli.history_options import DatabaseOption, ModelFilter, parse_moment
from generify.cli.terminal import counted, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify history clear --before 2025-01-01")(clear)


def clear(
    before: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Kept before this day.", show_default=False),
    ] = None,
    model: ModelFilter = None,
    corrections: Annotated[
        bool, typer.Option("--corrections", help="Corrections too, which else are kept.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    database: DatabaseOption = None,
) -> None:
    """Remove predictions, and the songs that nothing else is known of."""
    from generify.history import HistoryFilter, open_history

    until = None if before is None else parse_moment(before)
    with open_history(database, create=False) as history:
        n_all = history.count(HistoryFilter(until=until, model=model))
        what = counted(n_all, "prediction") + (" and all corrections" if corrections else "")
        if not yes and not _agreed(f"Remove {what} from {history.label}?"):
            say("nothing was removed")
            raise typer.Exit(1)
        history.clear(before=until, model=model, with_corrections=corrections)
        say(f"removed {what} from {history.label}")


def _agreed(question: str) -> bool:
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
