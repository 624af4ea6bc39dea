"""The history itself: what was predicted, kept in a database.

Each call is a short transaction of its own, so several programs may use one history at once. A
write is tried again for some seconds when the database is away; nothing is kept twice, because an
answer is known by its run and its path.

In it: :class:`History`, :class:`Run`, :class:`NamedModel`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol

import sqlalchemy as sa

from generify import __version__
from generify.audio import is_audio
from generify.content import identify
from generify.errors import AudioDecodeError, Failure, HistoryError, ParameterError
from generify.history import searching, writing
from generify.history.database import Database
from generify.history.entries import (
    Correction,
    HistoryEntry,
    HistoryFilter,
    HistoryStatistics,
)
from generify.history.schema import MAX_NAME, corrections, predictions, runs, songs
from generify.history.writing import Answer
from generify.prediction import Prediction

__all__ = ["History", "NamedModel", "Run"]

_ALL = HistoryFilter()
_BATCH = 500  # answers in one transaction
# A run without answers may be one that has just begun in another process.
_RUN_IN_PROGRESS = timedelta(days=1)
_HAS_ANSWERS = sa.exists().where(predictions.c.run_id == runs.c.id)


class NamedModel(Protocol):
    """What is kept of a model; a :class:`generify.model.ModelCard` has both."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def version(self) -> str:
        """The model's version."""


@dataclass(frozen=True)
class Run:
    """One run of a command with one model.

    Attributes
    ----------
    key : str
        Names it in every program; the same key is the same run.
    command : str
        What was run.
    model, model_version : str
        The model.
    started : datetime
        When it began.
    id : int
        Its number in this database.
    """

    key: str
    command: str
    model: str
    model_version: str
    started: datetime
    id: int
    _history: History = field(repr=False, compare=False)

    def add(self, results: Iterable[Prediction | Failure]) -> int:
        """Keep answers; see :meth:`History.add`.

        Parameters
        ----------
        results : iterable of Prediction or Failure
            What came out.

        Returns
        -------
        int
            How many were new.
        """
        return self._history.add(self, results)


class History:
    """Predictions, runs and corrections in a database; a context manager.

    Made by :func:`generify.history.open_history`.

    Parameters
    ----------
    database : Database
        With tables of the right version.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def __repr__(self) -> str:
        return f"History({self.label!r})"

    def __enter__(self) -> History:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def label(self) -> str:
        """Where it lies, without user and password."""
        return self.database.location.label

    def close(self) -> None:
        """Close the connections; the history may not be used afterwards."""
        self.database.close()

    def start_run(self, command: str, model: NamedModel, *, key: str | None = None) -> Run:
        """Begin a run, or go on with one.

        Parameters
        ----------
        command : str
            What is run, for example ``"predict"`` or ``"scan --engine ray"``.
        model : ModelCard
            The model; anything with a name and a version.
        key : str, optional
            Key of an earlier run to go on with, at most 64 characters; a new one by default.

        Returns
        -------
        Run
            To keep answers in.

        Raises
        ------
        HistoryError
            When the database cannot be written to.
        """
        values = {
            "key": key or uuid.uuid4().hex,
            "started": datetime.now(UTC),
            "command": command,
            "model": model.name,
            "model_version": model.version,
            "program_version": __version__,
        }
        row = self.database.write(lambda c: writing.keep_run(c, values))
        return Run(row.key, row.command, row.model, row.model_version, row.started, row.id, self)

    def add(self, run: Run, results: Iterable[Prediction | Failure]) -> int:
        """Keep answers, each once, whatever happens in between.

        Parameters
        ----------
        run : Run
            The run that they belong to.
        results : iterable of Prediction or Failure
            What came out; failures are no answers and are passed over. Kept 500 at a time, so
            answers that come slowly are best given one by one.

        Returns
        -------
        int
            How many were new: not in this run already.

        Raises
        ------
        HistoryError
            When the database cannot be written to; what an earlier batch held is kept, and the
            same call again keeps the rest.

        Notes
        -----
        Reads each song's file once, for its content hash.
        """
        answers = (writing.answer_of(r) for r in results if not isinstance(r, Failure))
        return self.add_answers(run, answers)

    def add_answers(self, run: Run, answers: Iterable[Answer]) -> int:
        """Keep answers that are ready to be kept; see :meth:`add`.

        Parameters
        ----------
        run : Run
            The run that they belong to.
        answers : iterable of Answer
            What was said.

        Returns
        -------
        int
            How many were new.

        Raises
        ------
        HistoryError
            When the database cannot be written to.
        """
        model = (run.model, run.model_version)
        waiting = iter(answers)
        n_new = 0
        while batch := list(islice(waiting, _BATCH)):
            n_new += self._keep(run.id, model, batch)
        return n_new

    def _keep(self, run_id: int, model: tuple[str, str], batch: list[Answer]) -> int:
        return self.database.write(lambda c: writing.keep(c, run_id, model, batch))

    def search(
        self, wanted: HistoryFilter = _ALL, *, limit: int = 20, offset: int = 0
    ) -> list[HistoryEntry]:
        """Look up entries, the newest first.

        Parameters
        ----------
        wanted : HistoryFilter
            Which; all by default.
        limit : int
            How many at most.
        offset : int
            How many newer ones to leave out.

        Returns
        -------
        list of HistoryEntry
            The newest first.

        Raises
        ------
        ParameterError
            When `limit` is below 1 or `offset` below 0.
        HistoryError
            When the database cannot be read.
        """
        if limit < 1 or offset < 0:
            raise ParameterError(
                f"a search needs a limit of 1 or more and an offset of 0 or more, "
                f"got {limit} and {offset}"
            )
        page = searching.select_newest(wanted).limit(limit).offset(offset)
        with self.database.reading() as connection:
            ids = connection.scalars(page).all()
            rows = connection.execute(searching.select_entries(predictions.c.id.in_(ids)))
            found = {row.id: searching.entry_of(row) for row in rows}
        # On a server another may remove what was found before it is read.
        return [found[number] for number in ids if number in found]

    def count(self, wanted: HistoryFilter = _ALL) -> int:
        """Count entries.

        Parameters
        ----------
        wanted : HistoryFilter
            Which; all by default.

        Returns
        -------
        int
            How many there are.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        with self.database.reading() as connection:
            return searching.count_rows(connection, predictions, *searching.conditions(wanted))

    def statistics(self, wanted: HistoryFilter = _ALL) -> HistoryStatistics:
        """Count songs by model and genre.

        Parameters
        ----------
        wanted : HistoryFilter
            Which answers are looked at; of these the newest of each song and model counts, if its
            genre is wanted.

        Returns
        -------
        HistoryStatistics
            Totals of the whole history, and the genres of the answers asked for.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        with self.database.reading() as connection:
            return HistoryStatistics(
                n_songs=searching.count_rows(connection, songs),
                n_predictions=searching.count_rows(connection, predictions),
                n_runs=searching.count_rows(connection, runs, _HAS_ANSWERS),
                n_corrections=searching.count_rows(connection, corrections),
                genres=searching.count_genres(connection, wanted),
            )

    def export(self, wanted: HistoryFilter = _ALL) -> Iterator[HistoryEntry]:
        """Give all entries one after the other, the earliest first.

        Parameters
        ----------
        wanted : HistoryFilter
            Which; all by default.

        Yields
        ------
        HistoryEntry
            Read a thousand at a time, so memory stays small and no writer waits long.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        selected = searching.select_entries(*searching.conditions(wanted))
        yield from map(searching.entry_of, searching.read_all(self.database, selected))

    def clear(
        self,
        *,
        before: datetime | None = None,
        model: str | None = None,
        with_corrections: bool = False,
    ) -> int:
        """Remove predictions, and the runs and songs that nothing is known of any longer.

        Parameters
        ----------
        before : datetime, optional
            Only predictions kept before this moment.
        model : str, optional
            Only predictions of the model of this name.
        with_corrections : bool
            Whether corrections, which are a person's work, are removed too.

        Returns
        -------
        int
            How many predictions were removed.

        Raises
        ------
        HistoryError
            When the database cannot be written to.
        """
        gone = searching.conditions(HistoryFilter(until=before, model=model))
        n_removed = self.database.write(lambda c: _remove(c, gone, with_corrections))
        self.database.shrink()
        return n_removed

    def correct(self, path: str | os.PathLike[str], genre: str) -> Correction:
        """Keep the true genre of a song, in place of an earlier correction.

        Parameters
        ----------
        path : str or path-like
            The song; one that is no longer there must be in the history.
        genre : str
            Its genre.

        Returns
        -------
        Correction
            What was kept.

        Raises
        ------
        ParameterError
            When the genre is empty or too long, or the path that of a folder.
        AudioDecodeError
            When the file is not audio.
        HistoryError
            When there is neither such a file nor such a song in the history, or the database
            cannot be written to.
        """
        genre = genre.strip()
        if not 0 < len(genre) <= MAX_NAME:
            raise ParameterError(
                f"a genre has 1 to {MAX_NAME} characters, got {len(genre)}", hint="name the genre"
            )
        song, when = _song(path, genre), datetime.now(UTC)
        unreadable = song.recording is None
        recording = self.database.write(
            lambda c: writing.keep_correction(c, song, when, known_only=unreadable)
        )
        if recording is None:
            raise _no_such_song(song.path)
        return Correction(song.path, genre, when, writing.content_of(recording))

    def take_back(self, path: str | os.PathLike[str]) -> bool:
        """Remove the correction of a song.

        Parameters
        ----------
        path : str or path-like
            The song.

        Returns
        -------
        bool
            Whether there was one.

        Raises
        ------
        ParameterError
            When the path is that of a folder.
        AudioDecodeError
            When the file is not audio.
        HistoryError
            When the database cannot be written to.
        """
        song = _song(path, None)
        c = corrections.c

        def remove(connection: sa.Connection) -> bool:
            song_id = writing.song_of(connection, song)
            return (
                connection.execute(sa.delete(corrections).where(c.song_id == song_id)).rowcount > 0
            )

        return self.database.write(remove)

    def corrections(self) -> tuple[Correction, ...]:
        """Give all corrections.

        Returns
        -------
        tuple of Correction
            The earliest first, one a song.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        with self.database.reading() as connection:
            return searching.list_corrections(connection)


def _song(path: str | os.PathLike[str], genre: str | None) -> Answer:
    full = writing.full_path(path)
    if Path(full).is_dir():
        message = f"{os.fspath(path)} is a folder, a song was expected"
        raise ParameterError(message, hint="give one song after the other, or a list with --from")
    key = writing.path_key(full)
    recording = identify(full)
    if recording is not None and not is_audio(full):
        raise AudioDecodeError(f"{os.fspath(path)}: is not an audio file", hint="give a song")
    return Answer(key, writing.stored_path(full), key, recording, genre)


def _no_such_song(path: str) -> HistoryError:
    return HistoryError(
        f"there is no file {path}, and the history knows of none", hint="check the path"
    )


def _remove(
    connection: sa.Connection, gone: list[sa.ColumnElement[bool]], with_corrections: bool
) -> int:
    if with_corrections:
        connection.execute(sa.delete(corrections))
    n_removed = connection.execute(sa.delete(predictions).where(*gone)).rowcount
    begun = runs.c.started < datetime.now(UTC) - _RUN_IN_PROGRESS
    connection.execute(sa.delete(runs).where(~_HAS_ANSWERS, begun))
    of_song = sa.exists().where(predictions.c.song_id == songs.c.id)
    corrected = sa.exists().where(corrections.c.song_id == songs.c.id)
    connection.execute(sa.delete(songs).where(~of_song, ~corrected))
    return n_removed
