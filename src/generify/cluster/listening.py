"""Listening on the cores of a Ray cluster, whatever happens to its machines.

Each core gets an actor with its own model; it is handed a few songs at a time and answers them
together. An actor that dies, with its machine or alone, is replaced and its songs are handed out
again, one by one: so a song that ends whoever decodes it is found out, and becomes a failure after
its third victim. Machines may leave and join in the middle. Why not Ray Data:
``docs/decisions/0010-ray.md``.

In it: :func:`listen_on_cluster`, :class:`ClusterPlan`, :class:`ClusterError`.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import socket
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from generify import __version__, defaults
from generify.cluster.places import fetch_ahead
from generify.errors import Failure, GenerifyError, MissingExtraError
from generify.model import GenreModel
from generify.results import SongResult
from generify.scan.finding import is_address
from generify.scan.listening import Recognised, listen
from generify.scan.workers import Heard, WorkerSetup, failed_song

__all__ = ["ClusterError", "ClusterPlan", "listen_on_cluster"]

# Songs handed to an actor at once, after 1, 2, 4 and 8 for early answers: seconds of work, against
# milliseconds to hand them out.
_BATCH = 16
_VICTIMS = 3  # actors that may die of one song; the first two may have died of something else
_TICK = 1.0  # seconds between two looks at the cluster
_COUNTING = 10.0  # seconds between two counts of its cores
_PATIENCE = 600.0  # seconds in which a core must be free; a cluster may have to start machines
_STILLBORN = 3  # actors in a row that may die before they can listen, beside one for each core
_KNOCKING = 10.0  # seconds in which whoever is at an address must be there
_STORE_BYTES = 128 * 2**20  # what actors share: the model, and answers on their way


class ClusterError(GenerifyError):
    """A cluster that cannot be reached, or cannot listen."""


@dataclass(frozen=True)
class ClusterPlan:
    """Which cluster listens, and with what part of it.

    Attributes
    ----------
    address : str or None
        Address of a running cluster, ``"auto"`` for the one that this machine belongs to; None to
        start one on this machine alone.
    jobs : int
        Actors; 0 for one per core of the cluster.
    time_limit : float
        Seconds after which a song is given up.
    """

    address: str | None = None
    jobs: int = 0
    time_limit: float = defaults.TIME_LIMIT


def listen_on_cluster(
    songs: Sequence[str], setup: WorkerSetup, plan: ClusterPlan
) -> Generator[Heard, None, None]:
    """Listen to songs on all cores of a cluster.

    Parameters
    ----------
    songs : sequence of str
        Paths that mean the same file on every machine, and addresses.
    setup : WorkerSetup
        The model and how answers are judged.
    plan : ClusterPlan
        The cluster.

    Yields
    ------
    SongResult or Recognised
        One a song, as soon as it is there, in no certain order.

    Raises
    ------
    ModelError
        When the model cannot be used.
    ClusterError
        When the cluster cannot be reached, has no free core, another Generify, or does not see the
        songs.
    MissingExtraError
        When Ray is not installed, or a machine of the cluster lacks what reads an address.

    Notes
    -----
    Closing the iterator ends the actors, and the cluster where it was started here.
    """
    with _connected(plan) as ray:
        crew = _Crew(ray, setup, plan)
        try:
            yield from crew.listen(songs)
        finally:
            crew.dismiss()


@contextmanager
def _connected(plan: ClusterPlan) -> Iterator[Any]:
    with _quiet():
        try:
            import ray
        except ModuleNotFoundError as err:
            raise MissingExtraError.for_extra("ray", "ray") from err
        mine = not ray.is_initialized()
        if mine:
            _start(ray, plan)
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray from reporting to its makers, and from printing on stdout that an actor has died."""
    wanted = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": ".*"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start(ray: Any, plan: ClusterPlan) -> None:
    here: dict[str, Any] = {"num_cpus": plan.jobs or None, "object_store_memory": _STORE_BYTES}
    try:
        _knock(plan.address or "")
        ray.init(
            address=plan.address or "local",
            include_dashboard=None if plan.address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if plan.address else here),
        )
    except (OSError, RuntimeError, ValueError) as err:
        where = f"at {plan.address}" if plan.address else "on this machine"
        hint = "start one with `ray start --head`, or leave the address out"
        raise ClusterError(
            f"no Ray cluster can be used {where}: {_first_line(err)}",
            hint=hint if plan.address else "",
        ) from err


def _knock(address: str) -> None:
    """Try whether somebody is there: Ray itself would for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _KNOCKING).close()


def _first_line(error: BaseException) -> str:
    reason = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return str(reason).splitlines()[0].rstrip(".")


_Introduction = tuple[str, GenerifyError | None]
"""The version of Generify on a core, and why it cannot listen, if so."""


class _Listener:
    """What runs on a core of the cluster."""

    def __init__(self, setup: WorkerSetup, time_limit: float, folder: str) -> None:
        self._setup, self._time_limit = setup, time_limit
        with suppress(OSError):  # paths may be relative to it; without it they are not seen
            os.chdir(folder)
        self._nowhere = Path(os.devnull).open("w")  # noqa: SIM115 - open as long as the process
        # Errors are answers: what is raised here arrives as no more than the text of a traceback.
        self._fault: GenerifyError | None = None
        try:
            self._model = GenreModel.from_bytes(setup.graph, source=setup.source)
        except GenerifyError as err:
            self._fault = err

    def introduce(self) -> _Introduction:
        return __version__, self._fault

    def listen(self, songs: Sequence[str]) -> list[Heard] | GenerifyError:
        heard: list[Heard] = []
        files = fetch_ahead(songs)
        try:
            for _ in songs:
                # Ends the process when it takes too long, also inside a decoder that hangs.
                faulthandler.dump_traceback_later(self._time_limit, exit=True, file=self._nowhere)
                heard.append(self._hear(*next(files)))
        except GenerifyError as err:
            return err
        finally:
            faulthandler.cancel_dump_traceback_later()
            files.close()
        return heard

    def _hear(self, song: str, file: Path | Failure) -> Heard:
        if isinstance(file, Failure):
            return SongResult(file, self._model.card.version)
        setup = self._setup
        path = str(file) if is_address(song) else song
        heard = listen(path, self._model, min_confidence=setup.min_confidence, known=setup.known)
        return _named(heard, path, song) if is_address(song) else heard


def _named(heard: Heard, path: str, song: str) -> Heard:
    """Name a fetched song by its address; when its copy was written means nothing."""
    if isinstance(heard, Recognised):
        return replace(heard, path=song, modified=None)
    answer = heard.answer
    if isinstance(answer, Failure):
        answer = replace(answer, message=answer.message.replace(path, song))
    return replace(heard, answer=replace(answer, path=song), modified=None)


@dataclass(frozen=True)
class _Errand:
    """What an actor is doing."""

    actor: Any
    songs: tuple[str, ...]
    begun: float


class _Crew:
    """The actors, and who listens to what."""

    def __init__(self, ray: Any, setup: WorkerSetup, plan: ClusterPlan) -> None:
        self._ray, self._plan = ray, plan
        # Replaced by us: Ray would have a song that ends its actors heard for ever.
        self._actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Listener)
        self._setup = ray.put(setup)
        self._todo: deque[str] = deque()
        self._alone: deque[str] = deque()
        self._victims: Counter[str] = Counter()
        self._starting: dict[Any, Any] = {}
        self._busy: dict[Any, _Errand] = {}
        # Not ray.wait, in which a signal's handler cannot raise.
        self._answers: SimpleQueue[tuple[Any, Future[Any]]] = SimpleQueue()
        self._idle: list[tuple[Any, int]] = []
        self._n_cores, self._counted = 0, -_COUNTING
        self._n_stillborn, self._last_ready = 0, time.monotonic()

    def listen(self, songs: Sequence[str]) -> Iterator[Heard]:
        self._todo.extend(songs)
        while self._todo or self._alone or self._busy:
            self._fill_up()
            while self._idle and (self._todo or self._alone):
                self._hand_out(*self._idle.pop())
            yield from self._look()

    def _fill_up(self) -> None:
        if time.monotonic() - self._counted > _COUNTING:
            self._n_cores = int(self._ray.cluster_resources().get("CPU", 0))
            self._counted = time.monotonic()
        wanted = min(self._plan.jobs or self._n_cores, len(self._todo) + len(self._alone))
        for _ in range(wanted - len(self._starting) - len(self._idle) - len(self._busy)):
            actor = self._actor.remote(self._setup, self._plan.time_limit, str(Path.cwd()))
            self._starting[self._ask(actor.introduce.remote())] = actor

    def _ask(self, ref: Any) -> Any:
        ref.future().add_done_callback(lambda answer: self._answers.put((ref, answer)))
        return ref

    def _hand_out(self, actor: Any, n_songs: int) -> None:
        n_actors = len(self._busy) + len(self._idle) + 1
        # Fewer at the end, so that all end together.
        n_songs = 1 if self._alone else min(n_songs, max(1, len(self._todo) // (2 * n_actors)))
        source = self._alone or self._todo
        songs = tuple(source.popleft() for _ in range(n_songs))
        asked = self._ask(actor.listen.remote(songs))
        self._busy[asked] = _Errand(actor, songs, time.monotonic())

    def _look(self) -> Iterator[Heard]:
        """Wait until something happens, and give what was heard."""
        with suppress(Empty):
            ref, answer = self._answers.get(timeout=_TICK)
            if ref in self._starting:
                self._welcome(self._starting.pop(ref), answer)
            else:
                yield from self._hear(self._busy.pop(ref), answer)
        if self._busy:
            self._last_ready = time.monotonic()
        elif time.monotonic() - self._last_ready > _PATIENCE:
            raise ClusterError(
                f"no core of the cluster became free within {_PATIENCE:g} s",
                hint="see `ray status`; other jobs may hold them",
            )

    def _welcome(self, actor: Any, answer: Future[_Introduction]) -> None:
        try:
            version, fault = answer.result()
        except self._ray.exceptions.RayError as err:
            self._count_stillborn(err)
            return
        if version != __version__:
            raise ClusterError(
                f"the cluster has Generify {version}, this is {__version__}",
                hint="install the same version on every machine",
            )
        if fault is not None:
            raise fault
        self._n_stillborn, self._last_ready = 0, time.monotonic()
        self._idle.append((actor, 1))

    def _count_stillborn(self, error: Exception) -> None:
        self._n_stillborn += 1
        if self._n_stillborn >= _STILLBORN + self._n_cores:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise ClusterError(
                f"the cluster's processes end before they can listen: {lines[-1]}",
                hint="install the same Generify on every machine, with what reads the addresses",
            ) from error

    def _hear(
        self, errand: _Errand, answer: Future[list[Heard] | GenerifyError]
    ) -> Iterator[Heard]:
        try:
            heard = answer.result()
        except self._ray.exceptions.RayTaskError as err:
            raise ClusterError(f"listening failed: {_first_line(err.cause or err)}") from err
        except self._ray.exceptions.RayError:
            yield from self._mourn(errand)
            return
        if isinstance(heard, GenerifyError):
            raise heard
        self._idle.append((errand.actor, min(2 * len(errand.songs), _BATCH)))
        for song in heard:
            _check_seen(song)
            yield song

    def _mourn(self, errand: _Errand) -> Iterator[Heard]:
        """Hand out again what a dead actor had in hand, or say of which song it died."""
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(errand.actor)
        if len(errand.songs) > 1:
            self._alone.extend(errand.songs)
            return
        (song,) = errand.songs
        self._victims[song] += 1
        limit = self._plan.time_limit
        if time.monotonic() - errand.begun >= limit:
            why = f"no answer within {limit:g} s"
            yield failed_song(song, why, "listen to it alone with `generify predict`")
        elif self._victims[song] >= _VICTIMS:
            why = "the process that listened to it died"
            yield failed_song(song, why, "it may be damaged, or memory was short")
        else:
            self._alone.append(song)

    def dismiss(self) -> None:
        """End all actors, whatever they do."""
        busy = (errand.actor for errand in self._busy.values())
        for actor in (*self._starting.values(), *busy, *(actor for actor, _ in self._idle)):
            with suppress(Exception):  # the cluster may be gone already
                self._ray.kill(actor)


def _check_seen(song: Heard) -> None:
    """Stop where the machines do not see the disk that the songs lie on."""
    lost = isinstance(song, SongResult) and song.failed and song.size is None
    if lost and not is_address(song.path) and Path(song.path).is_file():
        raise ClusterError(
            f"a machine of the cluster does not see {song.path}",
            hint="put the songs where all machines find them: a shared disk, or s3://, gs://",
        )
