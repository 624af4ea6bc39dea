"""A music library into a file or a folder of partitions, heard by a cluster.

:class:`ClusterScan` is a :class:`generify.scan.Scan`; only where songs lie, who listens, and how
what was heard is kept meanwhile differ. An output file has its partitions in ``FILE.parts`` beside
it; at the end they are put into one file, the same that a scan on one machine writes. An output
whose name ends in ``/`` is a folder that keeps its partitions.

In it: :func:`open_cluster_scan`, :class:`ClusterScan`, :func:`is_partitioned`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

from generify.cluster.listening import ClusterPlan, listen_on_cluster
from generify.cluster.partitions import Head, Partitions
from generify.cluster.places import Places, find_places, is_address
from generify.errors import ParameterError
from generify.model import GenreModel
from generify.results import SongResult, check_results_path
from generify.scan import Redo, Scan, ScanSettings, ScanSummary
from generify.scan.going_on import check_complete, locked, old_results, other_kind
from generify.scan.journal import Journal, ScanKind
from generify.scan.listening import FileState, Recognised
from generify.scan.workers import WorkerSetup

__all__ = ["ClusterScan", "is_partitioned", "open_cluster_scan"]

_PARTS = ".parts"
_N_SONGS = 1000  # of a partition
_SECONDS = 60.0  # after which a partition is written although it is small
_SORTED = "sorted.ndjson"


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
    """A scan that a cluster does; made by :func:`open_cluster_scan`.

    Parameters
    ----------
    places : Places
        The songs.
    output : str
        Where the results go.
    model : GenreModel
        A loaded model.
    settings : ScanSettings
        How it is done.
    address : str or None
        Of the cluster (see :class:`~generify.cluster.ClusterPlan`).

    Attributes
    ----------
    output : Path
        Where the results go, where that is a file.
    n_songs : int
        Songs in all.
    n_before : int
        Songs that were answered before this scan was opened.
    complete : bool
        Whether the output was already there, so that nothing is done.

    Raises
    ------
    MissingExtraError
        When what reads the output's address is not installed.
    ParameterError
        When the output is neither a folder nor a file of results.
    """

    def __init__(
        self,
        places: Places,
        output: str,
        model: GenreModel,
        settings: ScanSettings,
        address: str | None,
    ) -> None:
        super().__init__(places.on_disk, Path(output), model, settings)
        self._songs += tuple(places.addresses)
        self.n_songs += len(places.addresses)
        self._states = places.addresses
        self._plan = ClusterPlan(address, settings.jobs, settings.time_limit)
        self._in_file = not is_partitioned(output)
        self._partitions = Partitions(output + _PARTS if self._in_file else output)
        self._head: Head | None = None
        self._moved: dict[str, SongResult] = {}
        self._wanted = frozenset(self._songs)
        self._answered: set[str] = set()
        self._n_failed = 0

    @property
    def n_done(self) -> int:
        """Songs that are answered."""
        return self.n_songs if self.complete else len(self._answered) + len(self._failures)

    @property
    def n_failed(self) -> int:
        """Songs that failed, as far as is known."""
        return self._n_failed + len(self._failures)

    @property
    def key(self) -> str:
        """Name of this scan, the same when it is gone on with; empty for a complete output."""
        return "" if self._head is None else self._head.key

    def _open(self) -> None:
        """Begin, or take over what was heard before."""
        kind, redo = _kind(self._model, self._settings), self._settings.redo
        head = self._partitions.read_head()
        if head is not None and redo is Redo.ALL and not head.anew:
            head = None
        if head is None:
            head = self._begin(Head(kind, os.urandom(16).hex(), anew=redo is Redo.ALL))
        elif head.kind != kind:
            raise other_kind(head.kind, kind, Path(self._partitions.place))
        elif redo is Redo.CHANGED and not self._in_file:
            self._partitions.keep(self._is_as_it_was, self._model.genres)
        if head is not None:
            self._head = head
            for result in self._partitions.read():
                self._note(result)
            self.n_before = len(self._answered)
            self.complete = not self._in_file and self.n_done == self.n_songs

    def _begin(self, head: Head) -> Head | None:
        """Begin with what is taken over from a complete output; None where that stays."""
        redo = self._settings.redo
        if self._in_file and self.output.exists():
            old = old_results(self.output, None if redo is Redo.ALL else head.kind)
            if redo is Redo.NOTHING:
                check_complete(self, head.kind)
                return None
            self._partitions.remove()
            kept = filter(self._is_as_it_was, () if redo is Redo.ALL else old)
            while taken := list(islice(kept, _N_SONGS)):
                self._partitions.add(taken, self._model.genres, before=True)
        else:
            self._partitions.remove()
        self._partitions.begin(head)
        return head

    def _is_as_it_was(self, result: SongResult) -> bool:
        """Tell whether an answer still holds; the sound of what is gone may be found elsewhere."""
        if result.failed:
            return False
        state = self._state(result.path) if result.path in self._wanted else FileState()
        if state.modified is not None and state == FileState(result.size, result.modified):
            return True
        if result.recording is not None:
            self._moved[result.recording] = result
        return False

    def _state(self, path: str) -> FileState:
        return self._states[path] if is_address(path) else FileState.of(path)

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
        if self._head is None or not todo:
            return
        card, settings = self._model.card, self._settings
        known = frozenset(self._moved)
        setup = WorkerSetup(self._model.graph, card.name, settings.min_confidence, known)
        waiting: list[SongResult] = []
        with closing(listen_on_cluster(todo, setup, self._plan)) as heard:
            try:
                written = time.monotonic()
                for song in heard:
                    result = self._named(song)
                    self._note(result)
                    waiting.append(result)
                    if len(waiting) >= _N_SONGS or time.monotonic() - written > _SECONDS:
                        written = time.monotonic()
                        self._write_down_all(waiting)
                    yield result
            finally:
                self._write_down_all(waiting)

    def _write_down_all(self, waiting: list[SongResult]) -> None:
        results = tuple(waiting)
        waiting.clear()  # what could not be written is not tried again at the end
        self._partitions.add(results, self._model.genres)

    def _named(self, song: SongResult | Recognised) -> SongResult:
        """Give what is kept of a song, with the time that its file has where it lies."""
        if isinstance(song, Recognised):
            old, state = self._moved[song.recording], song.state
            answer = replace(old.answer, path=song.path)
            song = replace(old, answer=answer, size=state.size, modified=state.modified)
        if is_address(song.path):
            return replace(song, modified=self._states[song.path].modified)
        return song

    def results(self) -> Iterator[SongResult]:
        """Give all results so far.

        Yields
        ------
        SongResult
            In the order in which the songs were found, or for a folder of partitions in the order
            in which they were heard; what could not be looked into comes last.

        Raises
        ------
        ResultsError
            When they cannot be read.
        """
        if self._in_file:
            self._sort()
            yield from super().results()
            return
        seen: set[str] = set()
        for result in self._partitions.read():
            if result.path in self._wanted and result.path not in seen:
                seen.add(result.path)
                yield result
        yield from (SongResult(failure) for failure in self._failures)

    def _sort(self) -> None:
        """Put what the partitions hold into a journal, from which it can be read in any order."""
        sorted_already = len(self._positions) == len(self._answered)
        if self._head is None or not self._in_file or sorted_already:
            return
        self._close()
        journal = Journal.begin(Path(self._partitions.place) / _SORTED, self._head.kind)
        self._journal = journal
        for result in self._partitions.read():
            journal.append(result)
        heard = journal.heard
        self._positions = {path: heard[path] for path in self._songs if path in heard}

    def heard(self) -> Iterator[SongResult]:
        """Give the results of this scan alone, without those of the output it brings up to date.

        Yields
        ------
        SongResult
            In the order in which they were heard, also before an interruption.

        Raises
        ------
        ResultsError
            When they cannot be read.
        """
        if self._head is not None:
            yield from self._partitions.read(before=False)

    def write(self) -> ScanSummary:
        """Write the output from the partitions, whole or not at all; they stay.

        Returns
        -------
        ScanSummary
            What came out. Where the output is a folder, its partitions are what came out.

        Raises
        ------
        ParameterError
            When songs are still to be listened to.
        ResultsError
            When the output cannot be written.
        """
        if self.n_done == self.n_songs:
            self._sort()
        return super().write()

    def finish(self) -> ScanSummary:
        """Write the output where :meth:`write` has not, and remove the partitions beside it.

        Returns
        -------
        ScanSummary
            What came out.

        Raises
        ------
        ParameterError
            When songs are still to be listened to.
        ResultsError
            When the output cannot be written; the partitions stay. When they cannot be removed.
        """
        summary = super().finish()
        if self._head is not None and self._in_file:
            self._partitions.remove()
        elif self._head is not None:
            self._partitions.begin(replace(self._head, anew=False))
        self._head = None
        return summary

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close(remove=True)
            self._journal = None


def _kind(model: GenreModel, settings: ScanSettings) -> ScanKind:
    fingerprint = hashlib.sha256(model.graph).hexdigest()
    return ScanKind(model.card.name, model.card.version, fingerprint, settings.min_confidence)


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
        When there is no song, the output is neither a folder nor a file of results, the scan to be
        gone on with is of another kind, or a complete output lacks some of the songs.
    DatasetError
        When a folder cannot be read.
    ResultsError
        When another scan is writing the same output, when the output holds something else, or when
        it cannot be written.
    MissingExtraError
        When fsspec, what reads an address, or pyarrow is not installed.

    Notes
    -----
    The output file is the one that :func:`generify.scan.open_scan` would write. A folder keeps what
    was heard: only songs that are not in it are heard, and under ``Redo.CHANGED`` those that were
    altered or failed. Nothing locks an output at an address.
    """
    target = os.fspath(output)
    is_partitioned(target)
    check_results_path("partition.parquet")  # hours of work need what writes it
    scan = ClusterScan(find_places(paths), target, model, settings or ScanSettings(), address)
    with ExitStack() as stack:
        if not is_address(target):
            stack.enter_context(locked(scan.output))
        scan._open()
        stack.callback(scan._close)
        yield scan
