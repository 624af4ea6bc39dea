"""The command's root: its sub-commands, and what happens to errors."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated

import typer

from generify import __version__
from generify.cli import (
    cache,
    compare,
    convert,
    evaluate,
    extract,
    models,
    predict,
    spectrogram,
    train,
)
from generify.cli.terminal import print_error
from generify.errors import GenerifyError, MissingExtraError, ParameterError

__all__ = ["app", "run"]

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="Tells the genre of a song, and how sure it is. Nothing ever leaves your machine.",
    epilog="Try: generify predict song.mp3",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"generify {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (anywhere on the line).")
    ] = False,
) -> None:
    """Hold the options that belong to no sub-command."""


for module in (predict, train, evaluate, compare, extract, convert, spectrogram, models, cache):
    module.register(app)


def _interrupt(_signal: int, _frame: object) -> None:
    raise SystemExit(INTERRUPTED)


def run() -> None:
    """Run the command, turn errors into one line and an exit code.

    Exit codes: 0 all done, 1 some songs or the whole job failed, 2 wrong usage, 130 interrupted.
    """
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    signal.signal(signal.SIGINT, _interrupt)
    try:
        app(args=[a for a in arguments if a != "--debug"], prog_name="generify")
    except GenerifyError as err:
        if debug:
            raise
        print_error(err)
        usage = isinstance(err, ParameterError | MissingExtraError)
        sys.exit(WRONG_USAGE if usage else FAILED)
    except BrokenPipeError:  # the reader of a pipe has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except SystemExit as err:
        if err.code == INTERRUPTED:
            print("interrupted; what was finished is kept, run it again to go on", file=sys.stderr)
        raise
