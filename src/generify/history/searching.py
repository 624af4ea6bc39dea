"""Questions to the history, as SQL that its indexes answer.

In it: :func:`conditions`, :func:`select_newest`, :func:`select_entries`, :func:`entry_of`,
:func:`read_all`, :func:`count_rows`, :func:`count_genres`, :func:`list_corrections`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
    itself, it would rather look up each row of another index in the table.
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


def _column(column: sa.Column[Any], wanted: HistoryFilter) -> sa.ColumnElement[Any]:
    return _Scanned(column) if wanted.name else column


def conditions(wanted: HistoryFilter) -> list[sa.ColumnElement[bool]]:
    """Turn a filter into conditions on predictions.

    Parameters
    ----------
    wanted : HistoryFilter
        Which entries.

    Returns
    -------
    list of ColumnElement
        All must hold; values are bound, never part of the SQL.
    """
    genre, model = _column(_p.genre, wanted), _column(_p.model, wanted)
    predicted = _column(_p.predicted, wanted)
    found = []
    if wanted.genre is not None:
        found.append(_is_of(genre, wanted.genre))
    if wanted.model is not None:
        found.append(model == wanted.model)
    if wanted.since is not None:
        found.append(predicted >= wanted.since)
    if wanted.until is not None:
        found.append(predicted < wanted.until)
    if wanted.unknown is not None:
        unknown = sa.and_(genre.is_(None), ~_corrected())
        found.append(unknown if wanted.unknown else ~unknown)
    if wanted.name:
        found.append(_p.folded.contains(fold(wanted.name), autoescape=True))
    return found


def _is_of(genre: sa.ColumnElement[Any], wanted: str) -> sa.ColumnElement[bool]:
    """Ask what a person said of a song, and only else what the model did."""
    return sa.or_(
        _corrected(corrections.c.genre == wanted), sa.and_(genre == wanted, ~_corrected())
    )


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
    order = (_column(_p.predicted, wanted).desc(), _p.id.desc())
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
    genre = sa.func.coalesce(corrections.c.genre, _p.genre)
    stays = sa.or_(corrections.c.genre.is_(None), corrections.c.genre == _p.genre)
    counted = (
        sa.select(
            *(_p.model, genre, sa.func.count(), sa.func.avg(sa.case((stays, _p.confidence)))),
            sa.func.count() - sa.func.count(sa.case((stays, 1))),
        )
        .outerjoin_from(predictions, corrections, corrections.c.song_id == _p.song_id)
        .where(*_newest_of_song(wanted), *conditions(wanted))
        .group_by(_p.model, genre)
    )
    rows = connection.execute(counted).all()
    totals: dict[str, int] = {}
    for model, _, n, *_ in rows:
        totals[model] = totals.get(model, 0) + n
    ranked = sorted(rows, key=lambda row: (row[0], -row[2], row[1] or ""))
    return tuple(
        GenreCount(model, genre, n, n / totals[model], sure, n_corrected)
        for model, genre, n, sure, n_corrected in ranked
    )


def _newest_of_song(wanted: HistoryFilter) -> list[sa.ColumnElement[bool]]:
    # The flag is quick, but the answer that has it may be a later one, or one on a copy elsewhere.
    if wanted.until is None and not wanted.name:
        return [_p.newest == sa.true()]
    looked_at = replace(wanted, genre=None, unknown=None)
    last = sa.select(sa.func.max(_p.id)).where(*conditions(looked_at))
    return [_p.id.in_(last.group_by(_p.song_id, _p.model).correlate(None))]


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
