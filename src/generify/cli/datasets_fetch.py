"""``generify datasets fetch``: a published dataset, downloaded, checked and unpacked."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generify.cli.terminal import RowPrinter, format_bytes, print_warnings, say

if TYPE_CHECKING:
    from generify.datasets.download import Step

__all__ = ["add", "fetch"]


def add(group: typer.Typer) -> None:
    """Add the command to ``generify datasets``."""
    group.command(epilog="Try: generify datasets fetch gtzan -o gtzan")(fetch)


def fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A dataset of generify datasets list.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder to make [default: NAME, in the current folder]",
            show_default=False,
        ),
    ] = None,
    archives: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Archive downloaded already, as where that takes an account; once for each part.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Keep downloaded archives beside the folder.")
    ] = False,
) -> None:
    """Download, check and unpack a dataset.

    Run again after a cut, it goes on where it was.
    """
    from generify.datasets import dataset_facts
    from generify.datasets.fetch import fetch_dataset

    facts = dataset_facts(name)
    folder = output or Path(name)
    with _progress() as progress:
        fetched = fetch_dataset(
            facts, folder, archives=archives or (), keep=keep, progress=progress
        )
    print_warnings(fetched.warnings)
    if not fetched.is_new:
        say(f"{facts.title} is there already, nothing was fetched")
    rows = [
        ("folder", str(folder)),
        ("files", f"{fetched.n_files:,} ({format_bytes(fetched.n_bytes)})"),
        *(("archive", str(folder.parent / archive.name)) for archive in fetched.archives),
        ("licence", facts.licence),
        ("cite", facts.citation),
        ("next", f"generify datasets verify {shlex.quote(str(folder))}"),
    ]
    printer = RowPrinter([max(len(title) for title, _ in rows)])
    for row in rows:
        printer.row(row)


@contextmanager
def _progress() -> Iterator[Callable[[Step], None]]:
    """Show each step on stderr: on a terminal a bar with rate and time left, else a line."""
    if sys.stderr.isatty():
        with _bar() as show:
            yield show
        return
    shown: list[str] = []

    def tell(step: Step) -> None:
        if shown[-1:] != [step.what]:
            shown.append(step.what)
            say(step.what)

    yield tell


@contextmanager
def _bar() -> Iterator[Callable[[Step], None]]:
    from rich import progress as parts
    from rich.console import Console

    columns = (
        *(parts.TextColumn("{task.description}", markup=False), parts.BarColumn(None)),
        *(parts.DownloadColumn(), parts.TransferSpeedColumn(), parts.TimeRemainingColumn()),
    )
    with parts.Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def show(step: Step) -> None:
            # A new task for each step, or the rate would count what an earlier run had brought.
            if not bar.tasks or bar.tasks[-1].description != step.what:
                for task in bar.task_ids:
                    bar.remove_task(task)
                bar.add_task(step.what, total=step.n_all, completed=step.n_done)
            bar.update(bar.task_ids[-1], completed=step.n_done, total=step.n_all)

        yield show
