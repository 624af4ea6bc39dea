"""How far a scan is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generify.cli.terminal import counted, format_time, say

if TYPE_CHECKING:
    from rich.console import Console

    from generify.scan import Scan

__all__ = ["Heard", "looking_for_songs", "watch"]

_EVERY = 30.0  # seconds between two lines in a log


@dataclass
class Heard:
    """What was heard since the command began, and what was recognised without."""

    n_songs: int = 0
    seconds: float = 0.0
    duration: float = 0.0
    n_recognised: int = 0

    @property
    def rates(self) -> str:
        """Songs and hours of audio a second."""
        seconds = max(self.seconds, 1e-9)
        return (
            f"{self.n_songs / seconds:.1f} songs/s, "
            f"{self.duration / 3600 / seconds:.2g} audio-hours/s"
        )


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def looking_for_songs() -> AbstractContextManager[object]:
    """Show that folders are looked through, which takes a while on a slow disk."""
    if not sys.stderr.isatty():
        return nullcontext()
    return _console().status("looking for songs")


def watch(scan: Scan) -> Heard:
    """Listen to all songs that are left, showing how far it is."""
    heard = Heard()
    if scan.complete:
        return heard
    if scan.n_before:
        n_left = scan.n_songs - scan.n_done
        rest = f"; going on with the other {n_left}" if n_left else ""
        say(f"{scan.n_done} of {scan.n_songs} songs are answered already{rest}")
    if scan.n_gone:
        n_gone = counted(scan.n_gone, "song")
        say(f"left out of {scan.output}, as no longer there: {n_gone}")
    begun = time.monotonic()
    with _bar(scan) if sys.stderr.isatty() else nullcontext(_lines(scan)) as show:
        try:
            for result in scan.listen():
                if scan.n_recognised > heard.n_recognised:
                    heard.n_recognised = scan.n_recognised
                else:
                    heard.n_songs += 1
                    heard.duration += getattr(result.answer, "duration", 0.0)
                heard.seconds = time.monotonic() - begun
                show(heard)
        except SystemExit:  # Ctrl-C
            say(f"{scan.n_done} of {scan.n_songs} songs are answered and safe")
            raise
    return heard


def _state(scan: Scan, heard: Heard) -> str:
    n_answered = heard.n_songs + heard.n_recognised
    left = heard.seconds / max(n_answered, 1) * (scan.n_songs - scan.n_done)
    return f"{heard.rates}, {format_time(left)} left, {scan.n_failed} failed"


def _lines(scan: Scan) -> Callable[[Heard], None]:
    said = 0.0

    def show(heard: Heard) -> None:
        nonlocal said
        if heard.seconds - said >= _EVERY:
            said = heard.seconds
            say(f"{scan.n_done} of {scan.n_songs} songs, {_state(scan, heard)}")

    return show


@contextmanager
def _bar(scan: Scan) -> Iterator[Callable[[Heard], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        BarColumn(bar_width=10),  # all in one line of 80 columns
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=_console(), transient=True) as bar:
        task = bar.add_task("starting", total=scan.n_songs, completed=scan.n_done)

        def show(heard: Heard) -> None:
            bar.update(task, completed=scan.n_done, description=_state(scan, heard))

        yield show
