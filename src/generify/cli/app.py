"""The command's root: its sub-commands, and what happens to errors."""

from __future__ import annotations

import io
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from generify import __version__
from generify.cli.terminal import print_error, say
from generify.cores import THREAD_VARIABLES
from generify.errors import GenerifyError, MissingExtraError, ParameterError

__all__ = ["COMMANDS", "build_app", "run"]

# What each is for is known here too, so that the list of them is shown without importing them.
COMMANDS = {
    "predict": "Tell the genre of songs, and how sure it is.",
    "scan": "Tell the genre of every song in a music library.",
    "tag": "Write the genre into songs that have none, where it is sure.",
    "playlist": "Write one M3U8 playlist for each genre, with relative paths.",
    "history": "Look up the answers that `--keep` kept.",
    "correct": "Keep the true genre of a song in the history.",
    "train": "Train a model on your own genres, and judge it.",
    "evaluate": "Measure accuracy, and say on which split.",
    "compare": "Compare the six classifiers on the same folds.",
    "datasets": "List, fetch, check and split datasets.",
    "extract": "Compute the features of every track, as a Parquet table.",
    "convert": "Write all audio below a folder as 16-bit WAV.",
    "serve": "Serve the site and its API on this machine.",
    "spectrogram": "Draw the mel spectrograms of songs.",
    "models": "Show models and what is known of them; copy them.",
    "cache": "Show or clear the store of computed features.",
    "doctor": "Look whether everything works, and say what to mend.",
}

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
_GOES_ON = frozenset(
    ("train", "evaluate", "compare", "extract", "convert", "fetch", "verify", "duplicates", "scan")
)


def build_app(commands: Iterable[str] = COMMANDS) -> typer.Typer:
    """Put sub-commands together: these ready to run, the others by name and summary only."""
    app = typer.Typer(
        cls=_InOrder,
        help="Tells the genre of a song, and how sure it is. Nothing ever leaves your machine.",
        epilog="Try: generify predict song.mp3",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
    )
    app.callback()(_options)
    ready = set(commands)
    for name, summary in COMMANDS.items():
        if name in ready:
            import_module(f"generify.cli.{name}").register(app)
        else:
            app.command(name, help=summary)(_name_only)
    return app


class _InOrder(TyperGroup):
    """Lists sub-commands in the order of `COMMANDS`; typer would put groups last."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def invoke(self, ctx: Any) -> Any:
        """Run a sub-command; where an argument or option is missing, show an example."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as err:
            if not err.message and err.ctx is not None:
                err.message = err.ctx.command.epilog or ""
            raise


def _name_only() -> None:
    """Stand for a sub-command in the list of them.

    Never called: the first word that is no option is what :func:`run` makes ready, and also what
    is taken for the sub-command, as the root has no option with a value.
    """
    raise NotImplementedError


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"generify {__version__}")
        raise typer.Exit


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


class _Interruption:
    """What Ctrl-C does, and whether it came: an extension that is being loaded swallows it."""

    came = False

    def __call__(self, _signal: int, _frame: object) -> None:
        self.came = True
        sys.unraisablehook = lambda _: None  # what is half made complains while it is thrown away
        raise SystemExit(INTERRUPTED)


def run() -> None:
    """Run the command, turn errors into one line and an exit code.

    Exit codes: 0 all done, 1 some songs or the whole job failed, 2 wrong usage, 130 interrupted.
    """
    arguments = sys.argv[1:]
    for name in THREAD_VARIABLES:  # matrices are small here, and waiting threads spin on a core
        os.environ.setdefault(name, "1")
    interruption = _Interruption()
    signal.signal(signal.SIGINT, interruption)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that cannot be shown is shown escaped
            stream.reconfigure(errors="backslashreplace")
    words = [argument for argument in arguments if argument != "--debug"]
    asked = next((word for word in words if not word.startswith("-")), "")
    try:
        build_app([asked])(args=words, prog_name="generify")
    except SystemExit as err:
        code = err.code
        if code == WRONG_USAGE:
            _say_meant(words, asked)
    except Exception as err:
        if interruption.came:
            code = INTERRUPTED
        elif not isinstance(err, GenerifyError | OSError):
            raise
        else:
            sys.exit(_explain(err, debug="--debug" in arguments))
    if code == INTERRUPTED:
        _say_interrupted(arguments)
    sys.exit(_flushed(code))


def _say_meant(words: Sequence[str], asked: str) -> None:
    """Say what was likely meant by a song or ``help`` in a command's place, or a song like -a."""
    if asked == "help":
        rest = [word for word in words if word in COMMANDS]
        say(f"hint: {shlex.join(['generify', *rest[:1], '--help'])}")
    elif asked not in COMMANDS and os.path.lexists(asked):
        say(f"hint: {shlex.join(['generify', 'predict', *words])}")
    for word in words:
        if word.startswith("-") and os.path.lexists(word):
            say(f"hint: for the file {word} give {shlex.quote(f'./{word}')}")


def _explain(err: GenerifyError | OSError, *, debug: bool = False) -> int:
    """Print an error, after its traceback where that is wanted, and give its exit code."""
    if debug:
        traceback.print_exception(err)
    if isinstance(err, GenerifyError):
        print_error(err)
        usage = isinstance(err, ParameterError | MissingExtraError)
        return WRONG_USAGE if usage else FAILED
    _shut_stdout()
    if not isinstance(err, BrokenPipeError):  # the reader of a pipe has had enough
        from generify.atomic import cure_for

        where = f"{err.filename}: " if err.filename else ""
        print_error(GenerifyError(f"{where}{err.strerror or err}", hint=cure_for(err)))
    return FAILED


def _say_interrupted(arguments: list[str]) -> None:
    kept = _GOES_ON.intersection(arguments[:2]) and "--no-cache" not in arguments
    say("interrupted" + ("; the same command goes on where it was" if kept else ""))


def _flushed(code: str | int | None) -> str | int | None:
    """Write what is still to be written; a full disk is found out here."""
    try:
        sys.stdout.flush()
    except OSError as err:
        return _explain(err)
    return code


def _shut_stdout() -> None:
    """Throw away what could not be written, so that Python does not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
