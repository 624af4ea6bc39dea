"""Everything that a running site has: its models, workers, jobs, history, folders and counters.

In it: :class:`Site`, :class:`Catalogue`.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import Request

from generify import defaults
from generify.errors import Failure, GenerifyError, ParameterError
from generify.model import GenreModel, ModelCard, list_models, load_model
from generify.web.archive import Archive, Kept
from generify.web.figures import Figures
from generify.web.jobs import Job, Jobs
from generify.web.listener import WorkerSetup
from generify.web.metrics import Metrics
from generify.web.problems import Problem, ProblemError, problem
from generify.web.settings import Settings
from generify.web.uploads import Upload, UploadFolder, too_long
from generify.web.workers import Heard, QueueFullError, WorkerPool

__all__ = ["API", "Catalogue", "Site", "site_of"]

API = "/api/v1"
_log = logging.getLogger("generify.web")


def site_of(request: Request) -> Site:
    """Find the site that a request is for.

    Parameters
    ----------
    request : Request
        What was asked.

    Returns
    -------
    Site
        The site.
    """
    site: Site = request.app.state.site
    return site


class Catalogue:
    """The models that are served, by the names on their cards.

    Parameters
    ----------
    names : tuple of str
        Bundled models and model files; all bundled ones when empty.

    Raises
    ------
    ModelError
        When one cannot be used.
    ParameterError
        When two have the same name.
    """

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self._models: dict[str, GenreModel] = {}
        for given in names or _bundled():
            model = load_model(given)
            if model.card.name in self._models:
                raise ParameterError(
                    f"two models are called {model.card.name!r}", hint="leave one of them out"
                )
            self._models[model.card.name] = model

    @property
    def names(self) -> tuple[str, ...]:
        """The names; the first is the default."""
        return tuple(self._models)

    @property
    def hint(self) -> str:
        """What to tell somebody who asked for another."""
        return f"the models here: {', '.join(self.names)}"

    @property
    def graphs(self) -> dict[str, bytes]:
        """The models' files by their names."""
        return {name: model.graph for name, model in self._models.items()}

    def card(self, name: str) -> ModelCard:
        """Give a model's card.

        Parameters
        ----------
        name : str
            One of :attr:`names`.

        Returns
        -------
        ModelCard
            The card.

        Raises
        ------
        KeyError
            When there is no such model.
        """
        return self._models[name].card

    def figures(self, name: str) -> tuple[str, ...]:
        """Say which figures there are of a model.

        Parameters
        ----------
        name : str
            One of :attr:`names`.

        Returns
        -------
        tuple of str
            Of ``confusion`` and ``roc``.

        Raises
        ------
        KeyError
            When there is no such model.
        """
        return Figures.names(self.card(name))


def _bundled() -> tuple[str, ...]:
    """Name the bundled models, the default one first."""
    return tuple(sorted(list_models(), key=lambda name: (name != defaults.MODEL, name)))


class Site:
    """A site; its processes and folders are there between :meth:`open` and :meth:`close`.

    Parameters
    ----------
    settings : Settings
        How it is served.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models = Catalogue(settings.models)
        self.figures, self.metrics = Figures(), Metrics()
        self.pool = WorkerPool(
            WorkerSetup(self.models.graphs, settings.memory_limit_bytes),
            n_workers=settings.n_processes,
            n_waiting=settings.n_waiting,
            time_limit=settings.time_limit,
        )
        self.jobs = Jobs(self.pool, self._finish, max_seconds=settings.max_seconds)
        self.archive: Archive | None = None
        self._uploads: UploadFolder | None = None
        self.n_uploads = 0
        self._watch()

    def _watch(self) -> None:
        watch = self.metrics.watch
        watch("generify_queued_songs", "Songs that wait.", lambda: self.pool.n_queued)
        watch("generify_open_songs", "Songs waiting or being heard.", lambda: self.pool.n_open)
        watch("generify_uploads", "Songs arriving now.", lambda: self.n_uploads)
        watch("generify_worker_deaths", "Workers that had to be replaced.",
              lambda: self.pool.n_deaths)  # fmt: skip

    @property
    def uploads(self) -> UploadFolder:
        """Where songs arrive."""
        if self._uploads is None:
            raise RuntimeError("the site is not open")
        return self._uploads

    def open(self) -> None:
        """Make the folders, open the history and start the processes, unless that is done.

        Raises
        ------
        GenerifyError
            When the history cannot be opened.
        OSError
            When a folder cannot be made.
        """
        if self._uploads is not None:
            return
        folder = self.settings.folder
        if self.settings.history != "off":
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.archive = Archive(
                self.settings.database_url or str(folder / "history.db"),
                folder / "timelines",
                n_kept_timelines=self.settings.n_kept_timelines,
            )
        self._uploads = UploadFolder(folder / "uploads")
        self.pool.start()

    async def close(self) -> None:
        """Let what is being heard be finished, then end everything."""
        await asyncio.to_thread(self.pool.close, self.settings.grace)
        await asyncio.sleep(0)  # endings that the pool's threads announced begin now
        await self.jobs.settle()
        if self.archive is not None:
            self.archive.close()
        if self._uploads is not None:
            self._uploads.close()

    def check_room(self) -> None:
        """Refuse an upload that could not be taken now.

        Raises
        ------
        ProblemError
            When the queue is full, too many are arriving, or the server is closing.
        """
        try:
            self.pool.check_room()
        except QueueFullError as err:
            raise ProblemError(self.explain_full(err)) from err
        if self.n_uploads >= self.settings.n_uploads:
            raise ProblemError(self.explain_full(QueueFullError(self.pool.expected_wait())))

    def explain_full(self, error: QueueFullError) -> Problem:
        """Say when to come back.

        Parameters
        ----------
        error : QueueFullError
            Why a song was not taken.

        Returns
        -------
        Problem
            With ``Retry-After``.
        """
        self.metrics.songs.labels("busy").inc()
        if not error.wait:
            return problem("closing", "the server is closing", hint="try again in a minute")
        return problem(
            "busy",
            "more songs came at once than the server can hear",
            hint=f"send it again in {error.wait:.0f} s",
            headers={"Retry-After": f"{error.wait:.0f}"},
        )

    def begin(self, upload: Upload, visitor: str) -> Job:
        """Take a song that has arrived.

        Parameters
        ----------
        upload : Upload
            The song; its file is removed whatever happens.
        visitor : str
            Who asks.

        Returns
        -------
        Job
            Waiting.

        Raises
        ------
        ProblemError
            When there is no such model or the queue is full.
        """
        model = upload.model or self.models.names[0]
        try:
            if model not in self.models.names:
                raise ProblemError(
                    problem(
                        "unknown-model",
                        f"there is no model {model[:60]!r}",
                        hint=self.models.hint,
                    )
                )
            return self.jobs.begin(upload, visitor, model)
        except QueueFullError as err:
            upload.remove()
            raise ProblemError(self.explain_full(err)) from err
        except ProblemError:
            upload.remove()
            raise

    def is_long(self, job: Job) -> bool:
        """Tell whether a song is so long that nobody should wait for its answer.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        bool
            False as long as its length is not known.
        """
        s = self.settings
        limit = s.long_timeline_seconds if job.upload.timeline else s.long_seconds
        return job.duration is not None and job.duration > limit

    async def wait(self, job: Job) -> None:
        """Wait for the end of a job that is not long.

        Parameters
        ----------
        job : Job
            The job; still open when it is long, or when patience came to its end.
        """
        try:
            async with asyncio.timeout(self.settings.patience):
                while job.ended is None and not self.is_long(job):
                    await job.change().wait()
        except TimeoutError:
            return

    async def _finish(self, job: Job, heard: Heard) -> dict[str, Any]:
        """Keep what was heard, and make of it what is shown."""
        if heard.too_long:
            self.metrics.songs.labels("too-long").inc()
            raise ProblemError(too_long(heard.too_long, self.settings.max_seconds))
        if heard.answer is None:
            assert heard.problem is not None
            self.metrics.songs.labels(heard.problem.code).inc()
            raise ProblemError(_for_a_person(heard.problem, job.upload.name))
        record, png = _record_of(heard.answer)
        self.metrics.songs.labels("answered").inc()
        self.metrics.song_seconds.labels(record["model"]).observe(time.monotonic() - job.begun)
        kept = await self._keep(job, record, heard.answer["recording"], png)
        return self.show(kept) if kept is not None else _show_unkept(job, record, png)

    async def _keep(
        self, job: Job, record: Mapping[str, Any], recording: str | None, png: bytes | None
    ) -> Kept | None:
        if self.archive is None:
            return None
        try:
            return await asyncio.to_thread(self.archive.keep, job.visitor, record, recording, png)
        except GenerifyError:
            _log.exception("an answer could not be kept")  # it is given all the same
            return None

    def show(self, kept: Kept) -> dict[str, Any]:
        """Make of an answer what the API gives.

        Parameters
        ----------
        kept : Kept
            The answer.

        Returns
        -------
        dict
            With its name and links.
        """
        own = f"{API}/predictions/{kept.id}"
        shown = {"id": kept.id, **kept.record, "links": _links(kept.record) | {"self": own}}
        if "spectrogram" in shown:
            shown["spectrogram"] = {"href": f"{own}/spectrogram.png", **shown["spectrogram"]}
        return shown


def _for_a_person(found: Problem, name: str) -> Problem:
    return replace(found, why=Failure(name, found.code, found.detail).why)


def _links(record: Mapping[str, Any]) -> dict[str, str]:
    return {"model": f"{API}/models/{record['model']}"}


def _record_of(answer: Mapping[str, Any]) -> tuple[dict[str, Any], bytes | None]:
    """Part what a worker said into a record and the picture's file."""
    record = {**answer["prediction"], "model_version": answer["model_version"]}
    picture = answer["picture"]
    if picture is None:
        return record, None
    record["waveform"] = {"peaks": picture["peaks"]}
    sizes = ("width", "height", "low_hz", "high_hz")
    record["spectrogram"] = {name: picture[name] for name in sizes}
    return record, base64.b64decode(picture["png"])


def _show_unkept(job: Job, record: dict[str, Any], png: bytes | None) -> dict[str, Any]:
    """Show an answer that is nowhere else."""
    shown = {"id": job.id, "when": job.when, **record, "links": _links(record)}
    if png is not None:
        inline = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
        shown["spectrogram"] = {"href": inline, **record["spectrogram"]}
    return shown
