"""What a person sees: errors, progress, tables.

stdout carries the result only; everything else goes to stderr.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from generify.errors import Failure, GenerifyError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "RowPrinter",
    "counted",
    "describe",
    "format_bytes",
    "format_percent",
    "format_time",
    "print_error",
    "print_failures",
    "print_table",
    "print_text",
    "print_warnings",
    "progress_bar",
    "say",
    "stdout_width",
]

_SHOWN_FAILURES = 20
_PIPE_WIDTH = 10_000  # a table in a pipe or a log is not cut to an imagined 80 columns


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, soft_wrap=True)


def stdout_width() -> int:
    """Give the columns that there are for a table."""
    return _console().width


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
    console = _console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _all: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    # What is printed meanwhile goes above the bar, but never from a pipe or file to the terminal.
    with Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
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


def print_text(text: str) -> None:
    """Print a sentence on stdout, on a terminal broken between words."""
    width = stdout_width()
    print(textwrap.fill(text, width) if len(text) > width else text)


class RowPrinter:
    """Prints the rows of a table one by one on stdout, as they become known.

    To be made before a progress bar is shown, which puts itself in the place of stdout. The last
    column has no width; elsewhere a negative width aligns right, and a cell that is too long goes
    on in the next line.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = widths
        self._console = _console()
        try:
            "─".encode(sys.stdout.encoding or "ascii")
        except UnicodeEncodeError:
            self._rule = "-"
        else:
            self._rule = "─"

    def head(self, titles: Sequence[str]) -> None:
        """Print the titles and a rule."""
        self.row(titles, style="bold")
        self.row([self._rule * abs(width) for width in (*self._widths, len(titles[-1]))])

    def row(self, cells: Sequence[str], *, style: str = "") -> None:
        """Print one row."""
        from rich.table import Table

        grid = Table.grid(padding=(0, 3, 0, 0))
        for width in self._widths:
            side: Literal["left", "right"] = "right" if width < 0 else "left"
            grid.add_column(width=abs(width), justify=side, overflow="fold")
        grid.add_column(overflow="fold")
        grid.add_row(*cells, style=style)
        with self._console.capture() as caught:
            self._console.print(grid)
        print(caught.get(), end="", flush=True)


def format_percent(share: float) -> str:
    """Give a share as whole percent; what is nearly all or nothing does not become either."""
    if 0.995 <= share < 1:
        return "> 99 %"
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def format_bytes(n_bytes: int) -> str:
    """Give a size in the unit in which it is easily read."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes} bytes"


def format_time(seconds: float) -> str:
    """Give seconds as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def counted(n: int, what: str, many: str = "") -> str:
    """Give a number with its noun."""
    return f"{n:,} {what if n == 1 else many or what + 's'}"
