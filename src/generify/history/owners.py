"""The parts of a history that belong to different owners, such as the visitors of a site.

Whose an answer is, is said by the run that it belongs to: the run's key begins with the owner's
name. An owner sees and removes only what is theirs. Every answer counts here, not only the newest
of its song: an owner asks what they asked for, not what is in a library. A correction counts in no
search of an owner's, for whose it is nobody knows.

In it: :class:`OwnedHistory`, :class:`OwnedEntry`, :class:`AnswerCount`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from generify.history.entries import HistoryEntry, HistoryFilter
from generify.history.schema import corrections, predictions, runs, songs
from generify.history.searching import conditions, entry_of, read_all, select_entries
from generify.history.store import History, NamedModel
from generify.history.writing import Answer

__all__ = ["AnswerCount", "OwnedEntry", "OwnedHistory"]

_AT_ONCE = 1000  # entries removed
_p = predictions.c


@dataclass(frozen=True)
class OwnedEntry:
    """An entry and its name.

    Attributes
    ----------
    key : str
        The answer's name.
    entry : HistoryEntry
        What was said.
    """

    key: str
    entry: HistoryEntry


@dataclass(frozen=True)
class AnswerCount:
    """How often a model said a genre.

    Attributes
    ----------
    model : str
        Name of the model.
    genre : str or None
        The genre; None for unknown.
    n_answers : int
        How often.
    confidence : float or None
        Mean over these answers.
    """

    model: str
    genre: str | None
    n_answers: int
    confidence: float | None


class OwnedHistory:
    """A history in which every answer has an owner.

    Parameters
    ----------
    history : History
        An open one; it may hold what others keep, which is neither seen nor touched.
    command : str
        What is noted as the command of the answers that are kept.
    """

    def __init__(self, history: History, command: str) -> None:
        self.history, self._command = history, command

    def keep(self, owner: str, model: NamedModel, answer: Answer) -> datetime:
        """Keep an answer.

        Parameters
        ----------
        owner : str
            Whose it is, at most 40 characters.
        model : ModelCard
            Whose answer it is; anything with a name and a version.
        answer : Answer
            What was said; its key must be new.

        Returns
        -------
        datetime
            When it was kept.

        Raises
        ------
        HistoryError
            When the database cannot be written to.
        """
        run = self.history.start_run(self._command, model, key=_run_key(owner, model))
        self.history.add_answers(run, [answer])
        kept = sa.select(_p.predicted).where(_p.run_id == run.id, _p.key == answer.key)
        with self.history.database.reading() as connection:
            when: datetime = connection.execute(kept).scalar_one()
        return when

    def search(
        self, owner: str, wanted: HistoryFilter, *, limit: int, offset: int = 0
    ) -> tuple[int, list[OwnedEntry]]:
        """Look answers up.

        Parameters
        ----------
        owner : str
            Whose.
        wanted : HistoryFilter
            Which.
        limit, offset : int
            How many at most, and how many newer ones to leave out.

        Returns
        -------
        tuple of int and list of OwnedEntry
            How many there are in all, and those asked for, the newest first.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        tests = [*_of(owner), *conditions(wanted, corrected=False)]
        page = _select(tests).order_by(_p.predicted.desc(), _p.id.desc())
        with self.history.database.reading() as connection:
            total = connection.scalar(_joined(sa.select(sa.func.count())).where(*tests)) or 0
            rows = connection.execute(page.limit(limit).offset(offset)).all()
        return total, [_owned(row) for row in rows]

    def get(self, owner: str, key: str) -> OwnedEntry | None:
        """Look one answer up.

        Parameters
        ----------
        owner : str
            Whose.
        key : str
            The answer's name.

        Returns
        -------
        OwnedEntry or None
            None when this owner has no such answer.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        with self.history.database.reading() as connection:
            row = connection.execute(_select([*_of(owner), _p.key == key])).one_or_none()
        return None if row is None else _owned(row)

    def export(self, owner: str, wanted: HistoryFilter) -> Iterator[OwnedEntry]:
        """Give all answers, the earliest first.

        Parameters
        ----------
        owner : str
            Whose.
        wanted : HistoryFilter
            Which.

        Yields
        ------
        OwnedEntry
            Read a thousand at a time.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        selected = _select([*_of(owner), *conditions(wanted, corrected=False)])
        yield from map(_owned, read_all(self.history.database, selected))

    def count(self, owner: str, wanted: HistoryFilter) -> list[AnswerCount]:
        """Count answers by model and genre.

        Parameters
        ----------
        owner : str
            Whose.
        wanted : HistoryFilter
            Which.

        Returns
        -------
        list of AnswerCount
            By model, the most frequent genre first.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        n, confidence = sa.func.count(), sa.func.avg(_p.confidence)
        counted = _joined(sa.select(_p.model, _p.genre, n, confidence)).where(
            *_of(owner), *conditions(wanted, corrected=False)
        )
        with self.history.database.reading() as connection:
            rows = connection.execute(counted.group_by(_p.model, _p.genre)).all()
        counts = (AnswerCount(*row) for row in rows)
        return sorted(counts, key=lambda c: (c.model, -c.n_answers, c.genre or ""))

    def count_songs(self, owner: str, wanted: HistoryFilter) -> int:
        """Count songs, each once however many answers it has.

        Parameters
        ----------
        owner : str
            Whose.
        wanted : HistoryFilter
            Which.

        Returns
        -------
        int
            How many.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        counted = _joined(sa.select(sa.func.count(_p.song_id.distinct()))).where(
            *_of(owner), *conditions(wanted, corrected=False)
        )
        with self.history.database.reading() as connection:
            return connection.scalar(counted) or 0

    def remove(self, owner: str, key: str | None = None) -> list[str]:
        """Remove one answer, or all of an owner, and the songs that nobody knows any longer.

        Parameters
        ----------
        owner : str
            Whose.
        key : str, optional
            The answer's name; all by default.

        Returns
        -------
        list of str
            The names of the answers that were removed.

        Raises
        ------
        HistoryError
            When the database cannot be written to.
        """
        removed: list[str] = self.history.database.write(lambda c: _remove(c, owner, key))
        return removed


def _prefix(owner: str) -> str:
    return f"web-{owner}-"


def _run_key(owner: str, model: NamedModel) -> str:
    named = hashlib.blake2b(f"{model.name}\0{model.version}".encode(), digest_size=8)
    return _prefix(owner) + named.hexdigest()


def _of(owner: str) -> list[sa.ColumnElement[bool]]:
    return [runs.c.key.startswith(_prefix(owner), autoescape=True)]


def _joined(selected: sa.Select[Any]) -> sa.Select[Any]:
    return selected.select_from(predictions).join(runs, _p.run_id == runs.c.id)


def _select(tests: list[sa.ColumnElement[bool]]) -> sa.Select[Any]:
    return select_entries(*tests).add_columns(_p.key)


def _owned(row: sa.Row[*tuple[Any, ...]]) -> OwnedEntry:
    return OwnedEntry(row.key, entry_of(row))


def _remove(connection: sa.Connection, owner: str, key: str | None) -> list[str]:
    tests = [*_of(owner), *([_p.key == key] if key is not None else [])]
    columns = (_p.id, _p.key, _p.song_id, _p.model, _p.newest)
    doomed = connection.execute(_joined(sa.select(*columns)).where(*tests)).all()
    for start in range(0, len(doomed), _AT_ONCE):
        part = doomed[start : start + _AT_ONCE]
        connection.execute(sa.delete(predictions).where(_p.id.in_([row.id for row in part])))
        for song, model in {(row.song_id, row.model) for row in part if row.newest}:
            _restore_newest(connection, song, model)
        _remove_songs(connection, {row.song_id for row in part})
    return [row.key for row in doomed]


def _restore_newest(connection: sa.Connection, song: int, model: str) -> None:
    """Let the answer before one that was removed be the last word on its song."""
    last = connection.scalar(
        sa.select(sa.func.max(_p.id)).where(_p.song_id == song, _p.model == model)
    )
    if last is not None:
        connection.execute(sa.update(predictions).where(_p.id == last).values(newest=True))


def _remove_songs(connection: sa.Connection, ids: set[int]) -> None:
    asked = sa.exists().where(predictions.c.song_id == songs.c.id)
    corrected = sa.exists().where(corrections.c.song_id == songs.c.id)
    connection.execute(sa.delete(songs).where(songs.c.id.in_(sorted(ids)), ~asked, ~corrected))
