"""Worker processes that listen to songs, and the queue before them.

Each worker process is looked after by a thread of the server: it takes the next song of the queue,
hands it over, and waits for what the process says, but not for ever. A process that dies or takes
too long costs the one song it was hearing, and is replaced. Nothing is shared between processes,
so none can leave a lock behind. The queue is bounded: one song too many is refused at once.

In it: :class:`WorkerPool`, :class:`Heard`, :class:`QueueFullError`.
"""

from __future__ import annotations

import json
import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

from generify.child_processes import one_thread_and_no_interrupt
from generify.web.listener import Task, WorkerSetup, listen
from generify.web.problems import Problem, problem

__all__ = ["Heard", "QueueFullError", "WorkerPool"]

OnProgress = Callable[[float, float | None], None]

_MESSAGE_BYTES = 16 * 2**20  # of the longest song: its timeline and spectrogram
_START_SECONDS = 120.0  # a worker loads its models
_MAX_STILLBORN = 3  # processes in a row that may die before they take a song
_CLOSING = 0.5  # a pipe is closed a moment before its process is gone
_USUAL_SECONDS = 1.0  # for a song, before any was heard
_MEMORY = 0.9  # how slowly the mean time for a song changes
_CLOSED_PIPE = (EOFError, OSError)


class QueueFullError(Exception):
    """No room in the queue, or the pool is closing.

    Parameters
    ----------
    wait : float
        Seconds after which there is likely to be room; 0 when there will be none.
    """

    def __init__(self, wait: float) -> None:
        super().__init__("the queue is full")
        self.wait = wait


@dataclass(frozen=True)
class Heard:
    """What came of a song.

    Attributes
    ----------
    answer : dict or None
        ``prediction`` as :meth:`generify.prediction.Prediction.to_dict` gives it,
        ``model_version``, ``recording`` and ``picture``.
    problem : Problem or None
        Why there is no answer.
    too_long : float
        Seconds of a song that was refused for its length, otherwise 0.
    """

    answer: dict[str, Any] | None = None
    problem: Problem | None = None
    too_long: float = 0.0


@dataclass
class _Work:
    task: Task
    on_progress: OnProgress
    future: Future[Heard] = field(default_factory=Future)


class WorkerPool:
    """So many processes and a bounded queue.

    Parameters
    ----------
    setup : WorkerSetup
        What each process needs.
    n_workers, n_waiting : int
        Processes, and songs that may wait.
    time_limit : float
        Seconds after which a song is given up.
    """

    def __init__(
        self, setup: WorkerSetup, *, n_workers: int, n_waiting: int, time_limit: float
    ) -> None:
        self.setup, self.time_limit = setup, time_limit
        self.n_workers, self.n_waiting = n_workers, n_waiting
        self.n_deaths = 0
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._n_open, self._closing = 0, False
        self._mean_seconds = _USUAL_SECONDS
        self._keepers = [_Keeper(self) for _ in range(n_workers)]

    def start(self) -> None:
        """Start the processes."""
        for keeper in self._keepers:
            keeper.start()

    @property
    def n_open(self) -> int:
        """Songs that are waiting or being heard."""
        return self._n_open

    @property
    def n_queued(self) -> int:
        """Songs that are waiting."""
        return max(0, self._n_open - self.n_workers)

    def process_ids(self) -> list[int]:
        """Name the processes that run now.

        Returns
        -------
        list of int
            In no order.
        """
        return [k.process.pid for k in self._keepers if k.process is not None and k.process.pid]

    def check_room(self) -> None:
        """Refuse a song that could not be taken now.

        Raises
        ------
        QueueFullError
            When the queue is full or the pool is closing.
        """
        if self._closing:
            raise QueueFullError(0)
        if self._n_open >= self.n_workers + self.n_waiting:
            raise QueueFullError(self.expected_wait())

    def expected_wait(self) -> float:
        """Guess when there is room again.

        Returns
        -------
        float
            Seconds, 1 or more.
        """
        half = (1 + self.n_queued) / 2  # until half of the queue is heard: others come back too
        return float(max(1, math.ceil(self._mean_seconds * half / self.n_workers)))

    def submit(self, task: Task, on_progress: OnProgress) -> Future[Heard]:
        """Take a song.

        Parameters
        ----------
        task : Task
            The song.
        on_progress : callable
            Told the share that is done, 0 to 1, and once the song's length in seconds; called in
            another thread.

        Returns
        -------
        Future of Heard
            Never fails; may be cancelled while it waits.

        Raises
        ------
        QueueFullError
            When the queue is full or the pool is closing.
        """
        work = _Work(task, on_progress)
        with self._lock:
            self.check_room()
            self._n_open += 1
        work.future.add_done_callback(self._leave)
        self._queue.put(work)
        return work.future

    def _leave(self, _: Future[Heard]) -> None:
        with self._lock:
            self._n_open -= 1

    def next_work(self) -> _Work | None:
        """Wait for a song; None when there will be no more.

        Returns
        -------
        _Work or None
            Not cancelled.
        """
        while (work := self._queue.get()) is not None:
            if work.future.set_running_or_notify_cancel():
                return work
        self._queue.put(None)  # for the next keeper
        return None

    def note(self, seconds: float) -> None:
        """Remember how long a song took.

        Parameters
        ----------
        seconds : float
            How long.
        """
        self._mean_seconds = _MEMORY * self._mean_seconds + (1 - _MEMORY) * seconds

    def close(self, grace: float) -> None:
        """Take no more songs, let those that were taken be heard, and end the processes.

        Parameters
        ----------
        grace : float
            Seconds after which what is not done is given up.
        """
        with self._lock:
            self._closing = True
        self._queue.put(None)
        deadline = time.monotonic() + grace
        for keeper in self._keepers:
            if keeper.is_alive():
                keeper.join(max(0.0, deadline - time.monotonic()))
        for keeper in self._keepers:
            keeper.give_up()


class _Keeper(threading.Thread):
    """Looks after one worker process."""

    def __init__(self, pool: WorkerPool) -> None:
        super().__init__(daemon=True, name="generify-keeper")
        self._pool = pool
        self._given_up = threading.Event()
        self._taken = False
        self.process: BaseProcess | None = None
        self._pipe: Any = None

    def run(self) -> None:
        self._ready()
        while (work := self._pool.next_work()) is not None:
            work.future.set_result(self._hear(work))
        self._end()

    def give_up(self) -> None:
        self._given_up.set()
        process = self.process
        if self.is_alive():
            if process is not None:
                with suppress(ValueError):  # it has just been closed
                    process.kill()
            self.join(_CLOSING * 4)

    def _hear(self, work: _Work) -> Heard:
        begun = time.monotonic()
        heard = self._attempt(work)
        self._pool.note(time.monotonic() - begun)
        return heard

    def _attempt(self, work: _Work) -> Heard:
        """Hand a song over; again when the process turns out to have died before it."""
        for _ in range(_MAX_STILLBORN):
            if not self._given_up.is_set() and not self._ready():
                continue
            if self._given_up.is_set():  # perhaps while the process began, so it was not killed
                return Heard(problem=_closing())
            self._taken = False
            try:
                return self._follow(work, time.monotonic() + self._pool.time_limit)
            except (*_CLOSED_PIPE, ValueError, KeyError, TypeError):
                self._bury()
            if self._taken:
                break
        return Heard(problem=_closing() if self._given_up.is_set() else _died(work.task.name))

    def _follow(self, work: _Work, deadline: float) -> Heard:
        self._pipe.send_bytes(work.task.to_json())
        while (said := self._listen(deadline)) is not None:
            self._taken = True
            if "progress" not in said:
                return _heard(said)
            work.on_progress(float(said["progress"]), said.get("duration"))
        self._bury()
        return Heard(problem=_took_too_long(work.task.name, self._pool.time_limit))

    def _listen(self, deadline: float) -> dict[str, Any] | None:
        """Give what the process says next; None when it says nothing in time."""
        if not self._pipe.poll(max(0.0, deadline - time.monotonic())):
            return None
        said: dict[str, Any] = json.loads(self._pipe.recv_bytes(_MESSAGE_BYTES))
        return said

    def _ready(self) -> bool:
        """Make sure that there is a process; one that died while it waited is replaced."""
        if self.process is not None and self.process.is_alive():
            return True
        if self.process is not None:
            self._bury()
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(
            target=listen, args=(theirs, self._pool.setup), daemon=True, name="generify-listener"
        )
        with one_thread_and_no_interrupt():
            process.start()
        self.process = process
        theirs.close()
        try:
            if self._listen(time.monotonic() + _START_SECONDS) == {"ready": True}:
                return True
        except (*_CLOSED_PIPE, ValueError):
            pass
        self._bury()
        return False

    def _bury(self) -> None:
        self._pool.n_deaths += 1
        self._end()

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self.process is not None:
            self.process.join(_CLOSING)
            self.process.kill()
            self.process.join()
            self.process.close()
        self.process = self._pipe = None


def _heard(said: dict[str, Any]) -> Heard:
    if "answer" in said:
        return Heard(answer=said["answer"])
    if "too_long" in said:
        return Heard(too_long=float(said["too_long"]))
    found = said["problem"]
    return Heard(problem=problem(found["code"], found["detail"], hint=found["hint"]))


def _died(name: str) -> Problem:
    return problem(
        "worker-died",
        f"the process that heard {name} died",
        hint="send it again; if that happens twice, it is damaged",
        headers={"Retry-After": "1"},
    )


def _took_too_long(name: str, limit: float) -> Problem:
    return problem(
        "took-too-long",
        f"{name}: was given up after {limit:g} s",
        hint="ask without the timeline, or cut the song",
    )


def _closing() -> Problem:
    return problem("closing", "the server is closing", hint="try again in a minute")
