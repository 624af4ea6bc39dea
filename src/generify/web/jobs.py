"""Songs on their way through the server, seen by the event loop.

A job begins when a song has arrived and ends with a prediction or a problem; either way its file is
gone then. Who waits for it is told of every change. Jobs are forgotten a while after their end.

In it: :class:`Job`, :class:`Jobs`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Literal

from generify.history.entries import format_moment
from generify.web.listener import Task
from generify.web.problems import Problem, explain
from generify.web.uploads import Upload
from generify.web.workers import Heard, WorkerPool

__all__ = ["Job", "Jobs", "State"]

State = Literal["queued", "running", "done", "failed"]
Finish = Callable[["Job", Heard], Awaitable[dict[str, Any]]]

_FORGET_AFTER = 900.0
_MAX_ENDED = 500


class Job:
    """One song on its way.

    Parameters
    ----------
    visitor : str
        Who asked.
    upload : Upload
        The song.

    Attributes
    ----------
    id : str
        32 hexadecimal digits.
    visitor : str
        Who asked.
    upload : Upload
        The song.
    state : State
        How far it is.
    progress : float
        0 to 1.
    duration : float or None
        Seconds of the song, once they are known.
    prediction : dict or None
        The answer.
    problem : Problem or None
        Why there is none.
    when : str
        When it began, ISO 8601, UTC.
    begun, ended : float or None
        When, on the clock that only goes forward.
    """

    def __init__(self, visitor: str, upload: Upload) -> None:
        self.id = uuid.uuid4().hex
        self.visitor, self.upload = visitor, upload
        self.state: State = "queued"
        self.progress = 0.0
        self.duration: float | None = None
        self.prediction: dict[str, Any] | None = None
        self.problem: Problem | None = None
        self.when = format_moment(datetime.now(UTC))
        self.begun = time.monotonic()
        self.ended: float | None = None
        self._changed = asyncio.Event()

    def change(self) -> asyncio.Event:
        """Give what is set at the next change.

        Returns
        -------
        asyncio.Event
            Not set yet.
        """
        return self._changed

    def move(self, progress: float, duration: float | None) -> None:
        """Note that the song is being heard.

        Parameters
        ----------
        progress : float
            0 to 1.
        duration : float or None
            Seconds of the song.
        """
        if self.ended is None:
            self.state, self.progress = "running", max(self.progress, min(progress, 1.0))
            self.duration = self.duration if duration is None else duration
            self._tell()

    def end(self, prediction: dict[str, Any] | None, found: Problem | None) -> None:
        """Note the outcome.

        Parameters
        ----------
        prediction : dict or None
            The answer.
        found : Problem or None
            Why there is none.
        """
        self.prediction, self.problem, self.ended = prediction, found, time.monotonic()
        self.state = "done" if found is None else "failed"
        self.progress = 1.0 if found is None else self.progress
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Jobs:
    """All jobs of a server.

    Parameters
    ----------
    pool : WorkerPool
        Hears the songs.
    finish : callable
        Makes of what was heard the prediction that is given; may raise a problem.
    max_seconds : float
        Longer songs are refused.
    """

    def __init__(self, pool: WorkerPool, finish: Finish, *, max_seconds: float) -> None:
        self._pool, self._finish, self._max_seconds = pool, finish, max_seconds
        self._jobs: dict[str, Job] = {}
        self._endings: set[asyncio.Task[None]] = set()

    def begin(self, upload: Upload, visitor: str, model: str) -> Job:
        """Take a song.

        Parameters
        ----------
        upload : Upload
            The song; its file is removed at the end.
        visitor : str
            Who asks.
        model : str
            Name of the model.

        Returns
        -------
        Job
            Waiting.

        Raises
        ------
        QueueFullError
            When the queue is full.
        """
        job, loop = Job(visitor, upload), asyncio.get_running_loop()
        task = Task(str(upload.path), upload.name, model, upload.timeline, self._max_seconds)

        def progressed(share: float, duration: float | None) -> None:
            loop.call_soon_threadsafe(job.move, share, duration)

        def ended(future: Future[Heard]) -> None:
            loop.call_soon_threadsafe(self._end_soon, job, future.result())

        future = self._pool.submit(task, progressed)
        self._forget()
        self._jobs[job.id] = job
        future.add_done_callback(ended)
        return job

    def _end_soon(self, job: Job, heard: Heard) -> None:
        ending = asyncio.create_task(self._end(job, heard))
        self._endings.add(ending)  # the loop itself holds tasks but weakly
        ending.add_done_callback(self._endings.discard)

    async def _end(self, job: Job, heard: Heard) -> None:
        job.upload.remove()
        try:
            job.end(await self._finish(job, heard), None)
        except Exception as err:
            job.end(None, explain(err))

    def get(self, visitor: str | None, name: str) -> Job | None:
        """Look a job up.

        Parameters
        ----------
        visitor : str or None
            Who asks.
        name : str
            The job's id.

        Returns
        -------
        Job or None
            None when this visitor has no such job.
        """
        job = self._jobs.get(name)
        return job if job is not None and job.visitor == visitor else None

    def drop(self, job: Job) -> None:
        """Forget a job whose outcome was told at once.

        Parameters
        ----------
        job : Job
            The job.
        """
        self._jobs.pop(job.id, None)

    def position(self, job: Job) -> int | None:
        """Count the songs before one that waits.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int or None
            None when it does not wait.
        """
        if job.state != "queued":
            return None
        waiting = [j.id for j in self._jobs.values() if j.state == "queued"]
        return waiting.index(job.id) if job.id in waiting else 0

    async def settle(self) -> None:
        """Wait until all that was heard is kept."""
        while self._endings:
            await asyncio.gather(*self._endings, return_exceptions=True)

    def _forget(self) -> None:
        """Drop jobs that ended long ago; they are in the order in which they began."""
        now = time.monotonic()
        ended = [j for j in self._jobs.values() if j.ended is not None]
        old = [j for j in ended if j.ended is not None and now - j.ended > _FORGET_AFTER]
        for job in [*old, *ended[: max(0, len(ended) - _MAX_ENDED)]]:
            self._jobs.pop(job.id, None)
