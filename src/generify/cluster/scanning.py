"""A music library into a file or a folder of partitions, heard by a cluster.

:class:`ClusterScan` is a :class:`generify.scan.Scan` whose songs may lie at addresses, and to which
a cluster listens; it keeps the same journal and writes the same file. :class:`PartitionedScan`
keeps what was heard as partitions, in a folder that may itself lie at an address.

In it: :func:`open_cluster_scan`, :class:`ClusterScan`, :class:`PartitionedScan`,
:func:`is_partitioned`.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from generify.cluster.listening import ClusterPlan, listen_on_cluster
from generify.cluster.partitions import Partitions
from generify.cluster.places import Places, find_places
from generify.errors import ParameterError
from generify.model import GenreModel
from generify.results import SongResult, check_results_path
from generify.scan import Redo, Scan, ScanSettings, ScanSummary
from generify.scan.finding import check_any_there, is_address
from generify.scan.going_on import lying_elsewhere, named_from_here, other_kind
from generify.scan.journal import ScanHead, ScanKind
from generify.scan.listening import FileState, Recognised
from generify.scan.workers import Heard, WorkerSetup

__all__ = ["ClusterScan", "PartitionedScan", "is_partitioned", "open_cluster_scan"]

_N_SONGS = 1000  # of a partition
_SECONDS = 60.0  # after which a partition is written although it is small


def is_partitioned(output: str) -> bool:
    """Tell whether an output is a folder of partitions.

    Parameters
    ----------
    output : str
        As a person gives it.

    Returns
    -------
    bool
        Whether it ends in ``/``.

    Raises
    ------
    ParameterError
        When it is neither a folder nor a file of results on a disk.

    Examples
    --------
    >>> is_partitioned("s3://bucket/genres/"), is_partitioned("results.csv")
    (True, False)
    """
    if output.endswith("/"):
        return True
    if is_address(output):
        raise ParameterError(
            f"{output} is no folder; at an address results are a folder of partitions",
            hint=f"let it end in a slash, {output}/, or write a file on this machine",
        )
    try:
        check_results_path(output)
    except ParameterError as err:
        raise ParameterError(str(err), hint=f"{err.hint}; or in / for a folder") from err
    return False


class ClusterScan(Scan):
    """A scan into a file that a cluster does; made by :func:`open_cluster_scan`.

    Parameters
    ----------
    places : Places
        The songs.
    output : Path
        Where the results go.
    model : GenreModel
        A loaded model.
    settings : ScanSettings
        How it is done.
    address : str or None
        Of the cluster (see :class:`~generify.cluster.ClusterPlan`).
    """

    def __init__(
        self,
        places: Places,
        output: Path,
        model: GenreModel,
        settings: ScanSettings,
        address: str | None,
    ) -> None:
        super().__init__(places.on_disk, output, model, settings)
        self._songs += tuple(places.addresses)
        self.n_songs += len(places.addresses)
        self.n_before = self.n_songs
        self._states = places.addresses
        self._plan = ClusterPlan(address, settings.jobs, settings.time_limit)

    def _state(self, path: str) -> FileState:
        return self._states[path] if is_address(path) else super()._state(path)

    def _hear(self, todo: Sequence[str], setup: WorkerSetup) -> Generator[Heard, None, None]:
        if not todo:  # and so no cluster needed
            return
        with closing(listen_on_cluster(todo, setup, self._plan)) as heard:
            for song in heard:
                if is_address(song.path):
                    yield replace(song, modified=self._states[song.path].modified)
                else:
                    yield song


class PartitionedScan(ClusterScan):
    """A scan into a folder of partitions that a cluster does; made by :func:`open_cluster_scan`.

    Parameters
    ----------
    places : Places
        The songs.
    folder : str
        Path or address of the folder.
    model : GenreModel
        A loaded model.
    settings : ScanSettings
        How it is done.
    address : str or None
        Of the cluster (see :class:`~generify.cluster.ClusterPlan`).

    Raises
    ------
    MissingExtraError
        When what reads the folder's address is not installed.
    ParameterError
        When nothing knows the scheme of the address.
    """

    def __init__(
        self,
        places: Places,
        folder: str,
        model: GenreModel,
        settings: ScanSettings,
        address: str | None,
    ) -> None:
        super().__init__(places, Path(folder), model, settings, address)
        self._partitions = Partitions(folder)
        self._head: ScanHead | None = None
        self._moved: dict[str, SongResult] = {}
        self._wanted = frozenset(self._songs)
        self._answered: set[str] = set()
        self._n_failed = len(self._failures)

    @property
    def n_done(self) -> int:
        """Songs that are answered."""
        return len(self._answered) + len(self._failures)

    @property
    def n_failed(self) -> int:
        """Songs that failed, as far as is known."""
        return self._n_failed

    @property
    def key(self) -> str:
        """Name of this scan, the same when it is gone on with; empty once it is finished."""
        return "" if self._head is None else self._head.key

    @contextmanager
    def _opened(self, given: Iterable[str | Path]) -> Iterator[None]:
        with self._partitions.locked():
            self._head = head = self._begin_or_go_on()
            if self._settings.redo is Redo.CHANGED:
                lies_elsewhere = lying_elsewhere(given, self._unread)
                self._partitions.keep(
                    lambda result: lies_elsewhere(result.path) or self._still_holds(result),
                    self._model.genres,
                    head.key,
                )
            results, place = self._partitions.read(), self._partitions.place
            for result in named_from_here(results, place, self._songs):
                self._note(result)
            self.n_before = len(self._answered)
            all_done = self.n_done == self.n_songs and not head.anew
            if all_done and not self._partitions.has_any(head.key):
                self.complete, self._head = True, None
            yield

    def _begin_or_go_on(self) -> ScanHead:
        kind = ScanKind.of(self._model, self._settings.min_confidence)
        head, again = self._partitions.read_head(), self._settings.redo is Redo.ALL
        if head is not None and head.kind == kind and (head.anew or not again):
            return head
        if head is not None and not again:
            raise other_kind(head.kind, kind, f"{self._partitions.place} holds a scan")
        self._partitions.remove()
        head = ScanHead(kind, os.urandom(16).hex(), anew=again)
        self._partitions.begin(head)
        return head

    def _still_holds(self, result: SongResult) -> bool:
        """Tell whether an answer still holds; the sound of what is gone may be found elsewhere."""
        self.n_gone += result.path not in self._wanted
        if result.failed:
            return False
        now = self._state(result.path) if result.path in self._wanted else FileState()
        if FileState(result.size, result.modified).is_still(now):
            return True
        if result.recording is not None:
            self._moved[result.recording] = result
        return False

    def _note(self, result: SongResult) -> None:
        if result.path in self._wanted and result.path not in self._answered:
            self._answered.add(result.path)
            self._n_failed += result.failed

    def listen(self) -> Iterator[SongResult]:
        """Listen to the songs that are not answered yet.

        Yields
        ------
        SongResult
            Each as soon as it is there, in no certain order; written down with the others of its
            partition, at the latest a minute later or when the iterator is closed.

        Raises
        ------
        ModelError
            When the model cannot be used.
        ClusterError
            When the cluster cannot be reached, has no free core, another Generify, or does not see
            the songs.
        ResultsError
            When a partition cannot be written, as on a full disk.
        MissingExtraError
            When Ray is not installed.
        """
        todo = [path for path in self._songs if path not in self._answered]
        setup = self._setup(self._moved)
        waiting: list[SongResult] = []
        with closing(self._hear(todo, setup)) as heard:
            try:
                written = time.monotonic()
                for song in heard:
                    if isinstance(song, Recognised):
                        song = song.with_answer_of(self._moved[song.recording])
                        self.n_recognised += 1
                    self._note(song)
                    waiting.append(song)
                    if len(waiting) >= _N_SONGS or time.monotonic() - written > _SECONDS:
                        written = time.monotonic()
                        self._write_down_all(waiting)
                    yield song
            finally:
                self._write_down_all(waiting)

    def _write_down_all(self, waiting: list[SongResult]) -> None:
        results = tuple(waiting)
        waiting.clear()  # what could not be written is not tried again at the end
        self._partitions.add(results, self._model.genres, self.key)

    def results(self) -> Iterator[SongResult]:
        """Give all results so far.

        Yields
        ------
        SongResult
            In the order in which they were heard; what could not be looked into comes last. Songs
            outside the given paths are among them where the folder is brought up to date.

        Raises
        ------
        ResultsError
            When they cannot be read.
        """
        seen: set[str] = set()
        for result in self._partitions.read():
            wanted = self._settings.redo is Redo.CHANGED or result.path in self._wanted
            if wanted and result.path not in seen:
                seen.add(result.path)
                yield result
        yield from map(SongResult, self._failures)

    def heard(self) -> Iterator[SongResult]:
        """Give the results of this scan alone, without those that the folder held before.

        Yields
        ------
        SongResult
            In the order in which they were heard, also before an interruption; none once the scan
            is finished.

        Raises
        ------
        ResultsError
            When they cannot be read.
        """
        if self._head is not None:
            yield from self._partitions.read(self.key)

    def _write_output(self, results: Iterable[SongResult]) -> None:
        deque(results, maxlen=0)  # the partitions are there already

    def finish(self) -> ScanSummary:
        """Let what is added to the folder from now on be another scan.

        Returns
        -------
        ScanSummary
            What came out.

        Raises
        ------
        ParameterError
            When songs are still to be listened to.
        ResultsError
            When the folder cannot be read or written.
        """
        summary = self.write()
        if self._head is not None:
            self._partitions.begin(ScanHead(self._head.kind, os.urandom(16).hex()))
        self._head, self.complete = None, True
        return summary


@contextmanager
def open_cluster_scan(
    paths: Iterable[str | Path],
    output: str | Path,
    model: GenreModel,
    settings: ScanSettings | None = None,
    *,
    address: str | None = None,
) -> Iterator[ClusterScan]:
    """Begin a scan by a cluster, or go on with it where it was interrupted.

    Parameters
    ----------
    paths : iterable of str or Path
        Songs and folders of songs: paths that mean the same on every machine of the cluster, and
        addresses.
    output : str or Path
        The file for the results, as for :func:`generify.scan.open_scan`; or a folder, whose name
        ends in ``/``, for partitions.
    model : GenreModel
        A loaded model.
    settings : ScanSettings, optional
        How it is done; ``jobs`` are actors, 0 for one per core of the cluster.
    address : str, optional
        Of a running cluster, ``"auto"`` for the one that this machine belongs to; else one is
        started on this machine alone.

    Yields
    ------
    ClusterScan
        With the songs found; nothing is heard yet, and Ray not started.

    Raises
    ------
    ParameterError
        When there is no song, nothing of what is given exists, the output is neither a folder nor a
        file of results, the scan to be gone on with is of another kind, a complete output is of
        another kind or lacks some of the songs, or what was heard names its songs from another
        folder.
    DatasetError
        When a folder cannot be read.
    ResultsError
        When another scan is writing the same output, when the output holds something else, or when
        it cannot be written.
    MissingExtraError
        When fsspec, what reads an address, or pyarrow is not installed.

    Notes
    -----
    The output file is the one that :func:`generify.scan.open_scan` would write, and either goes on
    with what the other began. A folder keeps what was heard: only songs that are not in it are
    heard, and under ``Redo.CHANGED`` those that were altered or failed. Nothing locks a folder at
    an address.
    """
    target, how = os.fspath(output), settings or ScanSettings()
    partitioned = is_partitioned(target)
    if partitioned:
        check_results_path("partition.parquet")  # hours of work need what writes it
    places = find_places(paths)
    if not places.addresses:
        check_any_there(places.on_disk)
    scan = (
        PartitionedScan(places, target, model, how, address)
        if partitioned
        else ClusterScan(places, Path(target), model, how, address)
    )
    with scan._opened(places.searched):
        yield scan
