"""``generify datasets``: published datasets, and what can be done with any dataset."""

from __future__ import annotations

import typer

from generify.cli import datasets_fetch, datasets_info, datasets_split, datasets_verify

__all__ = ["register"]

_group = typer.Typer(
    help="List, fetch, check and split datasets.",
    epilog="Try: generify datasets list",
    no_args_is_help=True,
    rich_markup_mode=None,
)

datasets_info.add(_group)
datasets_fetch.add(_group)
datasets_verify.add(_group)
datasets_split.add(_group)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_group, name="datasets")
