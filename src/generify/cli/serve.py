"""``generify serve``: the site and its API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generify.cli.checks import check_extra
from generify.cli.terminal import say
from generify.web.settings import describe_settings

__all__ = ["register", "serve"]

_HELP = """Serve the site and its API on this machine.

Everything below can be set in the environment, or in a TOML file (port = 8080: the same names,
small, without GENERIFY_; lists as ["a", "b"], in the environment a,b) that --settings or
GENERIFY_SETTINGS names. Times are in seconds.

\b
"""


def _settings_table() -> str:
    lines = (
        name + (f" [{default}]" if default != "-" else "") + f"\n    {meaning}"
        for name, default, meaning in describe_settings()
    )
    return "\n".join(lines)


def register(app: typer.Typer) -> None:
    """Add the command."""
    epilog = "Try: generify serve --port 8080"
    app.command(help=_HELP + _settings_table(), epilog=epilog)(serve)


def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="N", help="Port; 0: any that is free.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file of settings.")
    ] = None,
) -> None:
    """Serve the site and its API."""
    check_extra("web", "fastapi", "uvicorn", "jinja2", "python_multipart", "prometheus_client",
                "itsdangerous", "PIL", "matplotlib")  # fmt: skip
    check_extra("history", "sqlalchemy", "alembic")
    from generify.web.server import serve as run
    from generify.web.settings import load_settings

    run(load_settings(settings, overrides={"host": host, "port": port}), on_ready=_announce)


def _announce(url: str) -> None:
    say(f"Generify is at {url} – Ctrl-C ends it")
