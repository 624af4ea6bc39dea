"""Questions to the history, as SQL that its indexes answer.

In it: :func:`conditions`, :func:`select_newest`, :func:`select_entries`, :func:`entry_of`,
:func:`read_all`, :func:`count_rows`, :func:`count_genres`, :func:`list_corrections`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from generify.history.database import Database
from generify.history.entries import Correction, GenreCount, HistoryEntry, HistoryFilter
from generify.history.schema import corrections, predictions, runs, songs
from generify.history.writing import content_of, fold

__all__ = [
    "conditions",
    "count_genres",
    "count_rows",
    "entry_of",
    "list_corrections",
    "read_all",
    "select_entries",
]

_CHUNK = 1000  # entries read at once
_p = predictions.c


class _Scanned(FunctionElement[Any]):
    """A column whose own index SQLite shall not use.

    For a name it must read the index that holds all that is asked for from end to end; left to
    itself, it would rather look up each row of another index in the table. For corrected songs,
    which are few, it must look up each of them; left to itself, it would rather go through all.
    """

    name = "scanned"
    inherit_cache = True

    def __init__(self, column: sa.Column[Any]) -> None:
        self.type = column.type
        super().__init__(column)


@compiles(_Scanned)
def _plain(element: _Scanned, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_Scanned, "sqlite")
def _with_plus(element: _Scanned, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


def conditions(wanted: HistoryFilter, *, corrected: bool = True) -> list[sa.ColumnElement[bool]]:
    """Turn a filter into conditions on predictions.

    Parameters
    ----------
    wanted : HistoryFilter
        Which entries.
    corrected : bool
        Whether the genre that a person gave to a song counts in the place of the model's.

    Returns
    -------
    list of ColumnElement
        All must hold; values are bound, never part of the SQL.
    """
    return [*_kept_as(wanted, scanned=bool(wanted.name)), *_genre_is(wanted, corrected=corrected)]


def _kept_as(wanted: HistoryFilter, *, scanned: bool) -> list[sa.ColumnElement[bool]]:
    """Ask for all but the genre."""
    model, predicted = _column(_p.model, scanned), _column(_p.predicted, scanned)
    found = []
    if wanted.model is not None:
        found.append(model == wanted.model)
    if wanted.since is not None:
        found.append(predicted >= wanted.since)
    if wanted.until is not None:
        found.append(predicted < wanted.until)
    if wanted.name:
        found.append(_p.folded.contains(fold(wanted.name), autoescape=True))
    return found


def _genre_is(wanted: HistoryFilter, *, corrected: bool) -> list[sa.ColumnElement[bool]]:
    """Ask what a person said of a song, where that counts, and only else what the model did."""
    genre = _column(_p.genre, bool(wanted.name))
    found = []
    if wanted.genre is not None:
        said = genre == wanted.genre
        given = _corrected(corrections.c.genre == wanted.genre)
        found.append(sa.or_(given, sa.and_(said, ~_corrected())) if corrected else said)
    if wanted.unknown is not None:
        unknown: sa.ColumnElement[bool] = genre.is_(None)
        if corrected:
            unknown = sa.and_(unknown, ~_corrected())
        found.append(unknown if wanted.unknown else ~unknown)
    return found


def _column(column: sa.Column[Any], scanned: bool) -> sa.ColumnElement[Any]:
    return _Scanned(column) if scanned else column


def _corrected(*tests: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return _p.song_id.in_(sa.select(corrections.c.song_id).where(*tests))


def select_newest(wanted: HistoryFilter) -> sa.Select[int]:
    """Select the numbers of entries.

    Parameters
    ----------
    wanted : HistoryFilter
        Which entries.

    Returns
    -------
    Select
        The newest first.
    """
    order = (_column(_p.predicted, bool(wanted.name)).desc(), _p.id.desc())
    return sa.select(_p.id).where(*conditions(wanted)).order_by(*order)


def select_entries(*tests: sa.ColumnElement[bool]) -> sa.Select[*tuple[Any, ...]]:
    """Select what :func:`entry_of` needs.

    Parameters
    ----------
    *tests : ColumnElement
        Which predictions.

    Returns
    -------
    Select
        In no order.
    """
    return (
        sa.select(
            *(_p.id, _p.predicted, _p.path, _p.genre, _p.confidence, _p.model, _p.model_version),
            *(_p.genres, _p.styles, runs.c.command, songs.c.recording, songs.c.duration),
            corrections.c.genre.label("corrected"),
        )
        .join_from(predictions, runs, _p.run_id == runs.c.id)
        .join(songs, _p.song_id == songs.c.id)
        .outerjoin(corrections, corrections.c.song_id == songs.c.id)
        .where(*tests)
    )


def entry_of(row: sa.Row[*tuple[Any, ...]]) -> HistoryEntry:
    """Make an entry of a row.

    Parameters
    ----------
    row : Row
        Of :func:`select_entries`.

    Returns
    -------
    HistoryEntry
        The entry.
    """
    return HistoryEntry(
        when=row.predicted,
        path=row.path,
        genre=row.genre,
        confidence=row.confidence,
        model=row.model,
        model_version=row.model_version,
        command=row.command,
        recording=content_of(row.recording),
        duration=row.duration,
        corrected=row.corrected,
        # A database may give the keys of an object in an order of its own.
        genres=_ranked(row.genres),
        styles=_ranked(row.styles),
    )


def _ranked(scores: dict[str, float]) -> dict[str, float]:
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def read_all(
    database: Database, selected: sa.Select[*tuple[Any, ...]]
) -> Iterator[sa.Row[*tuple[Any, ...]]]:
    """Read predictions however many they are, the earliest first.

    Parameters
    ----------
    database : Database
        Where they are.
    selected : Select
        The predictions wanted, their ``id`` among the columns; neither ordered nor limited.

    Yields
    ------
    Row
        Read a thousand at a time, so memory stays small and no writer waits long.

    Raises
    ------
    HistoryError
        When the database cannot be read.
    """
    page, last = selected.order_by(_p.id).limit(_CHUNK), 0
    while True:
        with database.reading() as connection:
            rows = connection.execute(page.where(_p.id > last)).all()
        yield from rows
        if len(rows) < _CHUNK:
            return
        last = rows[-1].id


def count_rows(connection: sa.Connection, table: sa.Table, *tests: sa.ColumnElement[bool]) -> int:
    """Count rows of a table.

    Parameters
    ----------
    connection : Connection
        Any.
    table : Table
        One of the history's.
    *tests : ColumnElement
        What must hold of a row.

    Returns
    -------
    int
        How many there are.
    """
    return connection.scalar(sa.select(sa.func.count()).select_from(table).where(*tests)) or 0


def count_genres(connection: sa.Connection, wanted: HistoryFilter) -> tuple[GenreCount, ...]:
    """Count the songs of each model and genre by the newest answer of each song.

    The newest of those with the wanted name, model and time; its genre is looked at only then.
    A corrected song counts under the genre that a person gave, and without a confidence.

    Parameters
    ----------
    connection : Connection
        Any.
    wanted : HistoryFilter
        Which answers count.

    Returns
    -------
    tuple of GenreCount
        By model, the most frequent genre first.
    """
    rows: dict[tuple[str, str | None], _Counts] = {}
    counted = sa.union_all(_count_answers(wanted), _count_corrected(wanted))
    for model, genre, *counts in connection.execute(counted):
        rows[model, genre] = rows.get((model, genre), _Counts()).plus(*counts)
    totals: Counter[str] = Counter()
    for (model, _), found in rows.items():
        totals[model] += found.n
    ranked = sorted(rows.items(), key=lambda row: (row[0][0], -row[1].n, row[0][1] or ""))
    return tuple(
        GenreCount(model, genre, found.n, found.n / totals[model], found.mean, found.n_corrected)
        for (model, genre), found in ranked
    )


@dataclass(frozen=True)
class _Counts:
    """Songs, how many of them have a confidence, the sum of these, and the corrected songs."""

    n: int = 0
    n_sure: int = 0
    sure: float = 0.0
    n_corrected: int = 0

    def plus(self, n: int, n_sure: int, sure: float | None, n_given: int) -> _Counts:
        n_corrected = self.n_corrected + n_given
        return _Counts(self.n + n, self.n_sure + n_sure, self.sure + (sure or 0), n_corrected)

    @property
    def mean(self) -> float | None:
        return self.sure / self.n_sure if self.n_sure else None


# Counted apart: as one, joined to their corrections, a million answers would have to be sorted.
def _count_answers(wanted: HistoryFilter) -> sa.Select[*tuple[Any, ...]]:
    """Count songs that nobody corrected, in the order of an index."""
    n, sure = sa.func.count, _p.confidence
    last = _last_words(wanted)
    newest = _p.newest == sa.true() if last is None else _p.id.in_(last)
    return (
        sa.select(_p.model, _p.genre, n(), n(sure), sa.func.sum(sure), sa.literal(0))
        .where(newest, ~_corrected(), *conditions(wanted, corrected=False))
        .group_by(_p.model, _p.genre)
    )


def _count_corrected(wanted: HistoryFilter) -> sa.Select[*tuple[Any, ...]]:
    """Count corrected songs under the genre that a person gave, starting from the corrections."""
    n, genre = sa.func.count, corrections.c.genre
    right = genre == _p.genre
    sure = sa.case((right, _p.confidence))
    last = _last_words(wanted, _corrected())
    newest = _Scanned(_p.newest) == sa.true() if last is None else _p.id.in_(last)
    tests = [newest, *_kept_as(wanted, scanned=True)]
    if wanted.genre is not None:
        tests.append(genre == wanted.genre)
    if wanted.unknown:
        tests.append(sa.false())
    return (
        sa.select(
            *(_p.model, genre, n(), n(sure), sa.func.sum(sure), n() - n(sa.case((right, 1)))),
        )
        .join_from(corrections, predictions, _p.song_id == _Scanned(corrections.c.song_id))
        .where(*tests)
        .group_by(_p.model, genre)
    )


def _last_words(wanted: HistoryFilter, *tests: sa.ColumnElement[bool]) -> sa.Select[int] | None:
    """Select the numbers of the newest answers; None where the flag says it, which is quick."""
    # The answer that has the flag may be a later one, or one on a copy that lies elsewhere.
    if wanted.until is None and not wanted.name:
        return None
    scanned = bool(wanted.name or tests)
    last = sa.select(sa.func.max(_p.id)).where(*tests, *_kept_as(wanted, scanned=scanned))
    last = last.group_by(*(_column(c, scanned) for c in (_p.song_id, _p.model)))
    return last.correlate(None)


def list_corrections(connection: sa.Connection) -> tuple[Correction, ...]:
    """Give all corrections.

    Parameters
    ----------
    connection : Connection
        Any.

    Returns
    -------
    tuple of Correction
        The earliest first.
    """
    c = corrections.c
    wanted = (
        sa.select(songs.c.path, songs.c.recording, c.genre, c.corrected)
        .join_from(corrections, songs, c.song_id == songs.c.id)
        .order_by(c.corrected, c.song_id)
    )
    return tuple(
        Correction(row.path, row.genre, row.corrected, content_of(row.recording))
        for row in connection.execute(wanted)
    )
