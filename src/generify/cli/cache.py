"""``generify cache``: the store of computed features."""

from __future__ import annotations

import typer

from generify.cli.terminal import format_bytes, say

__all__ = ["register"]

_group = typer.Typer(
    help="Show or clear the store of computed features.",
    epilog="Try: generify cache info",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_group, name="cache")


@_group.command(epilog="Try: generify cache info")
def info() -> None:
    """Show where the cache lies and how full it is."""
    from generify.cache import FeatureCache

    found = FeatureCache().info()
    print(f"folder   {found.folder}")
    print(f"entries  {found.n_entries}")
    print(f"size     {format_bytes(found.size_bytes)} of at most {format_bytes(found.limit_bytes)}")


@_group.command(epilog="Try: generify cache clear")
def clear() -> None:
    """Remove every entry; features are computed again when needed."""
    from generify.cache import FeatureCache

    cache = FeatureCache()
    say(f"removed {cache.clear()} entries from {cache.folder}")
