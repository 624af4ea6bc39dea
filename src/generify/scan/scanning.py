"""A music library into a file: find its songs, listen to each once, go on after any interruption.

::

    with open_scan(["Music"], "results.parquet", load_model("western")) as scan:
        for result in scan.listen():
            print(result.path, scan.n_done, scan.n_songs)
        summary = scan.finish()

Each result is written to a journal beside the output as soon as it is there (see
:mod:`generify.scan.journal`); :meth:`Scan.finish` writes the output in the order in which the songs
were found, so it does not depend on timing, and removes the journal.

In it: :func:`open_scan`, :class:`Scan`, :class:`ScanSettings`, :class:`Redo`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from generify import defaults
from generify.cores import n_cores
from generify.datasets.listing import badly_named, is_text
from generify.errors import ParameterError
from generify.model import GenreModel
from generify.results import (
    ResultsError,
    SongResult,
    check_results_path,
    read_song_results,
    write_song_results,
)
from generify.scan.finding import FoundSongs, check_any_there, find_songs
from generify.scan.going_on import (
    check_complete,
    locked,
    lying_elsewhere,
    named_from_here,
    old_results,
    other_kind,
)
from generify.scan.journal import GO_ON_HINT, Journal, ScanKind
from generify.scan.listening import FileState, Recognised
from generify.scan.summary import ScanSummary, Tally
from generify.scan.workers import Heard, WorkerSetup, listen_in_processes

__all__ = ["Redo", "Scan", "ScanSettings", "open_scan"]

_JOURNAL = ".part"


class Redo(StrEnum):
    """What is listened to although there is a complete output."""

    NOTHING = "nothing"
    CHANGED = "changed"
    ALL = "all"


@dataclass(frozen=True)
class ScanSettings:
    """How a scan is done.

    Attributes
    ----------
    min_confidence : float
        Weaker answers, 0 to 1, are given as unknown.
    jobs : int
        Processes; 0 for one per core.
    time_limit : float
        Seconds after which a song is given up.
    redo : Redo
        What is listened to although there is a complete output.
    """

    min_confidence: float = 0.0
    jobs: int = 0
    time_limit: float = defaults.TIME_LIMIT
    redo: Redo = Redo.NOTHING

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ParameterError(
                f"min_confidence must lie between 0 and 1, got {self.min_confidence:g}"
            )
        if self.jobs < 0:
            raise ParameterError(f"jobs must be 0 or more, got {self.jobs}")
        if not self.time_limit > 0:
            raise ParameterError(f"time_limit must be above 0 s, got {self.time_limit:g}")


class Scan:
    """A scan that is under way; made by :func:`open_scan`.

    Parameters
    ----------
    found : FoundSongs
        The songs.
    output : Path
        Where the results go.
    model : GenreModel
        A loaded model.
    settings : ScanSettings
        How it is done.

    Attributes
    ----------
    output : Path
        Where the results go.
    n_songs : int
        Songs that were found, and what could not be looked into.
    n_before : int
        Songs that were answered before this scan was opened.
    n_gone : int
        Songs of an output that is brought up to date which are no longer where they were.
    n_recognised : int
        Songs whose recording was answered before, so that they were not heard again, as far as is
        known.
    complete : bool
        Whether the output is there, so that nothing is left to do.
    """

    def __init__(
        self, found: FoundSongs, output: Path, model: GenreModel, settings: ScanSettings
    ) -> None:
        self.output, self.complete = output, False
        self._model, self._settings = model, settings
        self._songs = tuple(str(path) for path in found.files if is_text(str(path)))
        unnamed = (badly_named(str(p)) for p in found.files if not is_text(str(p)))
        self._failures, self._unread = (*found.failures, *unnamed), found.unread
        self.n_songs = len(self._songs) + len(self._failures)
        self.n_gone = self.n_recognised = 0
        self._positions: dict[str, int] = {}
        self._elsewhere: tuple[int, ...] = ()
        self._journal: Journal | None = None
        self._summary: ScanSummary | None = None
        self.n_before = self.n_songs

    @property
    def songs(self) -> tuple[str, ...]:
        """The songs that were found, as text."""
        return self._songs

    @property
    def n_done(self) -> int:
        """Songs that are answered."""
        return self.n_songs if self.complete else len(self._positions) + len(self._failures)

    @property
    def n_failed(self) -> int:
        """Songs that failed, as far as is known."""
        if self._summary is not None:
            return self._summary.n_failed
        return len(self._failures) + (0 if self._journal is None else self._journal.n_failed)

    @property
    def key(self) -> str:
        """Name of this scan, the same when it is gone on with; empty for a complete output."""
        return "" if self._journal is None else self._journal.key

    @contextmanager
    def _opened(self, given: Iterable[str | Path]) -> Iterator[None]:
        """Hold the output, and begin or go on."""
        kind = ScanKind.of(self._model, self._settings.min_confidence)
        with ExitStack() as stack:
            stack.enter_context(locked(self.output))
            journal = _open_journal(self.output, kind, self._settings.redo, self.songs)
            if journal is None:
                check_complete(self.output, self.songs, kind)
                self.complete = True
            else:
                self._go_on(stack.enter_context(journal), given)
            yield

    def _go_on(self, journal: Journal, given: Iterable[str | Path]) -> None:
        """Take over what a journal knows, also of songs that lie outside the given paths."""
        self._journal = journal
        if journal.old:  # else the output is to hold what is given, and nothing else
            known = {*self._songs, *(failure.path for failure in self._failures)}
            lines = {path: old.position for path, old in journal.old.items()} | journal.heard
            lies_elsewhere = lying_elsewhere(given, self._unread)
            others = {path: line for path, line in lines.items() if path not in known}
            self._elsewhere = tuple(o for path, o in others.items() if lies_elsewhere(path))
            self.n_gone = len(others) - len(self._elsewhere)
        for path in self._songs:
            if path in journal.heard:
                self._positions[path] = journal.heard[path]
            elif path in journal.old and journal.old[path].holds(self._state(path)):
                self._positions[path] = journal.old[path].position
        self.n_before = len(self._positions)

    def _state(self, path: str) -> FileState:
        return FileState.of(path)

    def listen(self) -> Iterator[SongResult]:
        """Listen to the songs that are not answered yet.

        Yields
        ------
        SongResult
            Each as soon as it is there and written down, in no certain order.

        Raises
        ------
        ModelError
            When the model cannot be used.
        WorkerError
            When no process can be started.
        ResultsError
            When a result cannot be written down, as on a full disk.
        """
        if self._journal is None:
            return
        todo = [path for path in self._songs if path not in self._positions]
        kept = set(self._positions.values())
        unseen = {
            old.recording: old.position
            for old in self._journal.old.values()
            if old.recording is not None and not old.failed and old.position not in kept
        }
        with closing(self._hear(todo, self._setup(unseen))) as heard:
            for song in heard:
                yield self._write_down(song, unseen)

    def _setup(self, known: Iterable[str]) -> WorkerSetup:
        """Say what whoever listens needs; known recordings need not be heard again."""
        card, least = self._model.card, self._settings.min_confidence
        return WorkerSetup(self._model.graph, card.name, least, frozenset(known))

    def _hear(self, todo: Sequence[str], setup: WorkerSetup) -> Generator[Heard, None, None]:
        jobs = min(self._settings.jobs or n_cores(), len(todo))
        return listen_in_processes(todo, setup, jobs=jobs, time_limit=self._settings.time_limit)

    def _write_down(self, song: Heard, unseen: dict[str, int]) -> SongResult:
        assert self._journal is not None
        if isinstance(song, Recognised):
            song = song.with_answer_of(self._journal.read(unseen[song.recording]))
            self.n_recognised += 1
        self._journal.append(song)
        self._positions[song.path] = self._journal.heard[song.path]
        return song

    def results(self) -> Iterator[SongResult]:
        """Give all results so far.

        Yields
        ------
        SongResult
            First those of songs outside the given paths, which an output that is brought up to date
            keeps; then in the order in which the songs were found; what could not be looked into
            comes last.

        Raises
        ------
        ResultsError
            When they cannot be read.
        """
        if self._journal is None:
            yield from read_song_results(self.output)
            return
        yield from map(self._journal.read, self._elsewhere)
        for path in self._songs:
            if path in self._positions:
                yield self._journal.read(self._positions[path])
        yield from map(SongResult, self._failures)

    def heard(self) -> Iterator[SongResult]:
        """Give the results of this scan alone, without those of the output it brings up to date.

        Yields
        ------
        SongResult
            In the order in which they were heard, also before an interruption; none once the scan
            is finished.
        """
        if self._journal is not None:
            yield from map(self._journal.read, self._journal.heard.values())

    def write(self) -> ScanSummary:
        """Write the output, whole or not at all; what is known of this scan alone stays.

        Returns
        -------
        ScanSummary
            What came out.

        Raises
        ------
        ParameterError
            When songs are still to be listened to.
        ResultsError
            When the output cannot be written; the journal stays.
        """
        if self.n_done < self.n_songs:
            raise ParameterError(
                f"{self.n_songs - self.n_done} songs are still to be listened to",
                hint="go through listen() to its end first",
            )
        if self._summary is None:
            tally = Tally()
            results = map(tally.add, self.results())
            if self.complete:
                deque(results, maxlen=0)
            else:
                self._write_output(results)
            self._summary = tally.summary()
        return self._summary

    def _write_output(self, results: Iterable[SongResult]) -> None:
        try:  # safe from a power cut too, as the journal goes next
            write_song_results(results, self.output, self._model.genres)
        except ResultsError as err:
            raise ResultsError(str(err), hint=GO_ON_HINT) from err

    def finish(self) -> ScanSummary:
        """Write the output where :meth:`write` has not, and remove the journal.

        Returns
        -------
        ScanSummary
            What came out.

        Raises
        ------
        ParameterError
            When songs are still to be listened to.
        ResultsError
            When the output cannot be written; the journal stays. When the journal cannot be
            removed.
        """
        summary = self.write()
        journal, self._journal, self.complete = self._journal, None, True
        if journal is not None:
            journal.close(remove=True)
        return summary


@contextmanager
def open_scan(
    paths: Iterable[str | Path],
    output: str | Path,
    model: GenreModel,
    settings: ScanSettings | None = None,
) -> Iterator[Scan]:
    """Begin a scan of a music library, or go on with it where it was interrupted.

    Parameters
    ----------
    paths : iterable of str or Path
        Songs, and folders of songs.
    output : str or Path
        The file for the results; its name tells the format (see :mod:`generify.results`).
    model : GenreModel
        A loaded model.
    settings : ScanSettings, optional
        How it is done.

    Yields
    ------
    Scan
        With the songs found; nothing is heard yet.

    Raises
    ------
    ParameterError
        When there is no song, nothing of what is given exists, the output's name does not tell a
        format, the scan to be gone on with is of another kind, or a complete output is of another
        kind, names its songs from another folder, or lacks some of the songs.
    DatasetError
        When a folder cannot be read.
    ResultsError
        When another scan is writing the same output, when the output holds something else, or when
        it cannot be written.
    MissingExtraError
        When the output is to be Parquet and pyarrow is not installed.

    Notes
    -----
    A scan begun without an interruption and one interrupted anywhere, also by a kill, write the
    same output. A complete output tells its model, but not the `min_confidence` it was judged with:
    it is refused where an answer contradicts the one that is asked for. ``Redo.CHANGED`` also keeps
    the answers for songs outside the given paths. Paths in an output are as they were given, so
    relative ones begin in the folder in which the program ran.
    """
    check_results_path(output)
    given = tuple(paths)
    found = find_songs(given)
    check_any_there(found)
    scan = Scan(found, Path(output), model, settings or ScanSettings())
    with scan._opened(given):
        yield scan


def _open_journal(output: Path, kind: ScanKind, redo: Redo, songs: Sequence[str]) -> Journal | None:
    """Open or begin a journal; None where the output is complete and stays."""
    path = output.with_name(output.name + _JOURNAL)
    again = redo is Redo.ALL
    if path.exists():
        journal = Journal(path)
        if journal.kind == kind and (journal.anew or not again):
            return journal
        journal.close()
        if not again:
            raise other_kind(journal.kind, kind, f"{path} is an unfinished scan")
    elif output.exists():
        if redo is Redo.NOTHING:
            return None
        old = old_results(output, None if again else kind)
        kept = () if again else named_from_here(old, output, songs)
        return Journal.begin(path, kind, anew=again, old=kept)
    return Journal.begin(path, kind, anew=again)
