"""What a person sees: errors, progress, tables.

stdout carries the result only; everything else goes to stderr.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from generify.errors import Failure, GenerifyError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "format_percent",
    "format_time",
    "print_error",
    "print_failures",
    "print_table",
    "print_warnings",
    "progress_bar",
    "say",
]

_SHOWN_FAILURES = 20
_PIPE_WIDTH = 160  # a table in a pipe or a log is not cut to an imagined 80 columns


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, soft_wrap=True)


def say(message: str) -> None:
    """Tell the person something on stderr."""
    print(message, file=sys.stderr)


def print_error(error: GenerifyError) -> None:
    """Print an error as one line, and its hint as another."""
    say(f"error: {' '.join(str(error).split())}")
    if error.hint:
        say(f"hint: {error.hint}")


def print_warnings(warnings: Sequence[str]) -> None:
    """Print warnings on stderr, one a line."""
    for warning in warnings[:_SHOWN_FAILURES]:
        say(f"warning: {warning}")
    if len(warnings) > _SHOWN_FAILURES:
        say(f"warning: and {len(warnings) - _SHOWN_FAILURES} more")


def print_failures(failures: Sequence[Failure], what: str = "left out") -> None:
    """Print which files failed and why, one a line, on stderr."""
    for failure in failures[:_SHOWN_FAILURES]:
        say(f"{what}: {describe(failure)}")
    if len(failures) > _SHOWN_FAILURES:
        say(f"{what}: and {len(failures) - _SHOWN_FAILURES} more")


def describe(failure: Failure) -> str:
    """Give a failure as one line that names the file once."""
    named = failure.path in failure.message
    return failure.message if named else f"{failure.path}: {failure.message}"


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr while work goes on; nothing where stderr is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = _console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=None)

        def update(n_done: int, n_all: int) -> None:
            bar.update(task, completed=n_done, total=n_all)

        yield update


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table on stdout; headers that begin with ``>`` are aligned right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        right = header.startswith(">")
        table.add_column(
            header.removeprefix(">"), justify="right" if right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def format_percent(share: float) -> str:
    """Give a share as whole percent."""
    return f"{100 * share:.0f} %"


def format_time(seconds: float) -> str:
    """Give seconds as minutes and seconds, ``m:ss``."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
