"""What a person sees: errors, progress, tables.

stdout carries the result only; everything else goes to stderr.
"""

from __future__ import annotations

import io
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from generify.errors import Failure, GenerifyError
from generify.percent import format_percent, format_sure
from generify.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "RowPrinter",
    "counted",
    "describe",
    "drawable",
    "format_bytes",
    "format_percent",
    "format_sure",
    "format_time",
    "go_on_unread",
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
_GAP = (0, 3, 0, 0)  # between columns, in rich's order: above, right, below, left
_HEAD_STYLE = "bold"
_PIPE_WIDTH = 10_000  # a table in a pipe or a log is not cut to an imagined 80 columns


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, soft_wrap=True)


def stdout_width() -> int:
    """Give the columns that there are for a table."""
    return _console().width


class _UnreadFile(io.FileIO):
    """A pipe whose reader may have had enough; what comes then is thrown away."""

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content) or 0
        except BrokenPipeError:
            return memoryview(content).nbytes


def go_on_unread() -> None:
    """Let what is printed be read or not, as in ``generify tag Music | head``.

    For commands whose work is something else than what they print; others end with their reader.
    """
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__"):  # a test or a program has put its own there
            continue
        unread = io.BufferedWriter(_UnreadFile(number, "wb", closefd=False))
        setattr(sys, name, io.TextIOWrapper(
            unread, stream.encoding, stream.errors, line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        ))  # fmt: skip


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
    """Give a failure as one line that names the file once, without what the decoders said."""
    return f"{failure.path}: {failure.why}"


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Show a progress bar on stderr while work goes on; nothing where stderr is no terminal."""
    console = _console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _all: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bar,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    # What is printed meanwhile goes above the bar, but never from a pipe or file to the terminal.
    with Bar(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    ) as bar:
        task = bar.add_task(title, total=None)

        def update(n_done: int, n_all: int) -> None:
            bar.update(task, completed=n_done, total=n_all)

        yield update


def drawable(character: str, otherwise: str) -> str:
    """Give a character of a rule or a bar, or what stands for it where stdout has no such one."""
    try:
        character.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return otherwise
    return character


def _rule() -> str:
    """Give the character of the line below titles."""
    return drawable("─", "-")


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table on stdout; headers that begin with ``>`` are aligned right.

    It looks as a :class:`RowPrinter`'s, but its columns are as wide as they need to be.
    """
    from rich.rule import Rule
    from rich.table import Table

    table = Table.grid(padding=_GAP)
    for header in headers:
        table.add_column(justify="right" if header.startswith(">") else "left", overflow="fold")
    table.add_row(*(header.removeprefix(">") for header in headers), style=_HEAD_STYLE)
    table.add_row(*(Rule(characters=_rule(), style="") for _ in headers))
    for row in rows:
        table.add_row(*row)
    if title:
        print_text("")
        print_text(title)
    _console().print(table)


def print_text(text: str) -> None:
    """Print a sentence on stdout, on a terminal broken between words."""
    width = stdout_width()
    print(textwrap.fill(text, width) if len(text) > width else text)


class RowPrinter:
    """Prints the rows of a table one by one on stdout, as they become known.

    To be made before a progress bar is shown, which puts itself in the place of stdout. The last
    column has no width; elsewhere a negative width aligns right. A cell that is too long goes on in
    the next line, and a word that is too long moves what is right of it as far as there is room; in
    a pipe no cell is broken.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = widths
        self._console, self._rule = _console(), _rule()

    def head(self, titles: Sequence[str]) -> None:
        """Print the titles and a rule."""
        self.row(titles, style=_HEAD_STYLE)
        self.row([self._rule * abs(width) for width in (*self._widths, len(titles[-1]))])

    def row(self, cells: Sequence[str], *, style: str = "") -> None:
        """Print one row."""
        from rich.table import Table

        grid = Table.grid(padding=_GAP)
        for width, needed in zip(self._widths, self._needed(cells), strict=True):
            side: Literal["left", "right"] = "right" if width < 0 else "left"
            grid.add_column(width=needed, justify=side, overflow="fold")
        grid.add_column(overflow="fold")
        grid.add_row(*cells, style=style)
        with self._console.capture() as caught:
            self._console.print(grid)
        print(caught.get(), end="", flush=True)

    def _needed(self, cells: Sequence[str]) -> list[int]:
        """Give the widths with which no word, and in a pipe no cell, is broken, if they fit."""
        from rich.cells import cell_len

        fixed = [abs(width) for width in self._widths]
        broken_at = " " if self._console.is_terminal else "\n"
        *most, last = [max(map(cell_len, cell.split(broken_at))) for cell in cells]
        needed = [max(pair) for pair in zip(fixed, most, strict=True)]
        fits = sum(needed) + _GAP[1] * len(needed) + last <= self._console.width
        return needed if fits else fixed


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
