"""Listening in several processes at once, none of which can hurt the others.

Each worker is a process with its own model and its own pipe: it gets a song, answers, and gets the
next. A worker that dies (a decoder's crash, memory that ran out) or that does not answer in time
costs the one song that it was listening to, which becomes a failure, and is replaced. What a song
may take is limited (see :mod:`generify.decode_guard`). Nothing is shared, so there is no lock that
a dying process could keep. When the parent ends in whatever way, its workers end too. Why no
library does this: ``docs/decisions/0007-scan-workers.md``.

In it: :func:`listen_in_processes`, :class:`WorkerSetup`, :class:`WorkerError`,
:func:`failed_song`.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnContext
from pickle import UnpicklingError

from generify.child_processes import live_and_die_with_parent, one_thread_and_no_interrupt
from generify.decode_guard import limit_this_process
from generify.errors import Failure, GenerifyError
from generify.model import GenreModel
from generify.results import SongResult
from generify.scan.listening import Recognised, listen

__all__ = ["Heard", "WorkerError", "WorkerSetup", "failed_song", "listen_in_processes"]

Heard = SongResult | Recognised
"""What comes of a song."""

_TICK = 1.0  # seconds between two looks at who is late
_START = 60.0  # seconds that a worker may take to begin, on a machine that is busy or slow
_MAX_STILLBORN = 3  # workers in a row that may die before they can listen
_CLOSED_PIPE = (EOFError, OSError, UnpicklingError)
_CLOSING = 0.5  # a pipe is closed a moment before its process is gone
# Of these no song is the cause: somebody ends the whole program, or the machine shuts down.
_FROM_OUTSIDE = tuple(
    -getattr(signal, n) for n in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, n)
)


class WorkerError(GenerifyError):
    """A process that listened to a song died, or took too long."""


@dataclass(frozen=True)
class WorkerSetup:
    """What every worker needs.

    Attributes
    ----------
    graph : bytes
        The model's file.
    source : str
        The model's name.
    min_confidence : float
        Weaker answers are given as unknown.
    known : frozenset of str
        Recordings that need not be heard again.
    """

    graph: bytes
    source: str
    min_confidence: float = 0.0
    known: frozenset[str] = frozenset()


def listen_in_processes(
    paths: Iterable[str], setup: WorkerSetup, *, jobs: int, time_limit: float
) -> Generator[Heard, None, None]:
    """Listen to songs in several processes.

    Parameters
    ----------
    paths : iterable of str
        Audio files; one is asked for when a worker is free.
    setup : WorkerSetup
        The model and how answers are judged.
    jobs : int
        Number of processes.
    time_limit : float
        Seconds after which a song is given up; a process that begins has a minute at least.

    Yields
    ------
    SongResult or Recognised
        One a song, as soon as it is there.

    Raises
    ------
    ModelError
        When the model cannot be used.
    WorkerError
        When no process can be started.

    Notes
    -----
    Processes are spawned, so a script must keep its own calls below ``if __name__ == "__main__":``.
    Closing the iterator ends them.
    """
    crew = _Crew(setup, jobs, time_limit)
    try:
        yield from crew.listen(iter(paths))
    finally:
        crew.dismiss()


class _Worker:
    """A process that listens, seen from its parent."""

    def __init__(self, context: SpawnContext, setup: WorkerSetup) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, setup), daemon=True)
        with one_thread_and_no_interrupt():
            self.process.start()
        theirs.close()
        self.ready = False
        self.path: str | None = None
        self.waited = 0.0

    def give(self, path: str) -> None:
        self.path, self.waited = path, 0.0
        with suppress(OSError):  # it has died: the next look at the pipe will say so
            self.pipe.send(path)

    def end(self) -> int:
        """End it if it still runs, and give its exit code; below 0 a signal's number."""
        self.process.join(_CLOSING)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()
        code = self.process.exitcode or 0
        self.process.close()
        return code


class _Crew:
    """The workers, and who listens to what."""

    def __init__(self, setup: WorkerSetup, jobs: int, time_limit: float) -> None:
        self._context = get_context("spawn")
        self._setup, self._jobs, self._time_limit = setup, jobs, time_limit
        self._workers: list[_Worker] = []
        self._put_back: list[str] = []
        self._n_stillborn = 0

    def listen(self, paths: Iterator[str]) -> Iterator[Heard]:
        waiting = next(paths, None)
        while waiting is not None or any(w.path is not None for w in self._workers):
            if waiting is not None:
                self._fill_up()
            for worker in self._workers:
                if waiting is not None and worker.ready and worker.path is None:
                    worker.give(waiting)
                    waiting = next(paths, None)
            yield from self._look()
            if waiting is None and self._put_back:
                waiting = self._put_back.pop()

    def _fill_up(self) -> None:
        while len(self._workers) < self._jobs:
            self._workers.append(_Worker(self._context, self._setup))

    def _look(self) -> Iterator[Heard]:
        """Wait until something happens, and give what was heard."""
        begun = time.monotonic()
        by_pipe = {worker.pipe: worker for worker in self._workers}
        spoke = [by_pipe[pipe] for pipe in connection.wait(list(by_pipe), _TICK)]  # type: ignore[index]
        # Not more than a tick or two: the whole program may have been stopped meanwhile (Ctrl-Z).
        passed = min(time.monotonic() - begun, 2 * _TICK)
        for worker in spoke:
            yield from self._hear(worker)
        for worker in [w for w in self._workers if w not in spoke and (w.path or not w.ready)]:
            worker.waited += passed
            limit = self._time_limit if worker.ready else max(self._time_limit, _START)
            if worker.waited > limit:
                yield from self._give_up(worker)

    def _hear(self, worker: _Worker) -> Iterator[Heard]:
        try:
            said = worker.pipe.recv()
        except _CLOSED_PIPE:
            yield from self._bury(worker)
            return
        if isinstance(said, Exception):
            raise said
        if said is None:
            worker.ready, self._n_stillborn = True, 0
        else:
            yield said
        worker.path, worker.waited = None, 0.0

    def _bury(self, worker: _Worker) -> Iterator[Heard]:
        """Say of what a worker died; another takes its place."""
        self._workers.remove(worker)
        code = worker.end()
        if worker.path is None:
            self._count_stillborn(worker, code)
        elif code in _FROM_OUTSIDE:
            self._put_back.append(worker.path)
        else:
            why = f"the process that listened to it died ({_describe_exit(code)})"
            yield failed_song(worker.path, why, "it may be damaged, or memory was short")

    def _give_up(self, worker: _Worker) -> Iterator[Heard]:
        self._workers.remove(worker)
        worker.process.kill()
        code = worker.end()
        if worker.path is None:
            self._count_stillborn(worker, code)
        else:
            why = f"no answer within {self._time_limit:g} s"
            yield failed_song(worker.path, why, "listen to it alone with `generify predict`")

    def _count_stillborn(self, worker: _Worker, code: int) -> None:
        if worker.ready:
            return
        self._n_stillborn += 1
        if self._n_stillborn >= _MAX_STILLBORN:
            raise WorkerError(
                "the processes that listen to songs end before they begin "
                f"({_describe_exit(code)})",
                hint='give more memory or fewer jobs; a script needs `if __name__ == "__main__":`',
            )

    def dismiss(self) -> None:
        """End all workers, whatever they do."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.end()
        self._workers.clear()


def failed_song(path: str, why: str, hint: str) -> SongResult:
    """Give a song that a process failed at.

    Parameters
    ----------
    path : str
        The song.
    why, hint : str
        What happened, and what to do about it.

    Returns
    -------
    SongResult
        With a :class:`WorkerError` as its failure.
    """
    return SongResult(Failure.from_error(path, WorkerError(f"{path}: {why}", hint=hint)))


def _describe_exit(code: int) -> str:
    with suppress(ValueError):
        if code < 0:
            return signal.Signals(-code).name
    return f"exit code {code}"


def _work(pipe: connection.Connection, setup: WorkerSetup) -> None:
    """Listen to what comes through the pipe until it is closed."""
    live_and_die_with_parent()
    try:
        model = GenreModel.from_bytes(setup.graph, source=setup.source)
        pipe.send(None)
        limit_this_process()
        while True:
            path = pipe.recv()
            pipe.send(listen(path, model, min_confidence=setup.min_confidence, known=setup.known))
    except _CLOSED_PIPE:
        return
    except GenerifyError as err:
        pipe.send(err)
