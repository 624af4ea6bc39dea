"""The history of a site: what visitors asked, each seeing only what is theirs.

Answers are kept by :mod:`generify.history`, so ``generify history`` reads them too. Whose they are
is said by the run that they belong to: its key begins with the visitor's name. What that history
has no room for (timeline, waveform, spectrogram, warnings) lies beside it in files, one or two an
answer, of which the newest are kept. No sound is kept.

In it: :class:`Archive`, :class:`Kept`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from generify.atomic import replacing
from generify.history import HistoryFilter, open_history
from generify.history.schema import corrections, predictions, runs, songs
from generify.history.searching import conditions
from generify.history.writing import Answer, stored_path

__all__ = ["Archive", "Kept"]

_COMMAND = "serve"
_CHUNK = 1000
_DETAILS = ("analysed", "warnings", "timeline", "waveform", "spectrogram")
_p = predictions.c
_COLUMNS = (
    *(_p.id, _p.key, _p.predicted, _p.path, _p.model, _p.model_version, _p.genre, _p.confidence),
    *(_p.genres, _p.styles, songs.c.duration),
)


@dataclass(frozen=True)
class _NamedModel:
    name: str
    version: str


@dataclass(frozen=True)
class Kept:
    """An answer that was kept.

    Attributes
    ----------
    id : str
        32 hexadecimal digits.
    record : mapping
        The answer as plain values, named as in a prediction's JSON.
    """

    id: str
    record: Mapping[str, Any]


class Archive:
    """The history of a site; every call may wait for the database.

    Parameters
    ----------
    url : str
        The database; see :func:`generify.history.open_history`.
    folder : Path
        For timelines and spectrograms.
    n_kept_timelines : int
        How many of these are kept.
    """

    def __init__(self, url: str, folder: Path, *, n_kept_timelines: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._history = open_history(url)
        self._folder, self._n_kept = folder, n_kept_timelines

    def close(self) -> None:
        """Close the connections."""
        self._history.close()

    def keep(
        self, visitor: str, record: Mapping[str, Any], recording: str | None, png: bytes | None
    ) -> Kept:
        """Keep an answer.

        Parameters
        ----------
        visitor : str
            Whose it is.
        record : mapping
            A prediction's plain values and ``model_version``, perhaps ``waveform`` and
            ``spectrogram``.
        recording : str or None
            Hash of the sound.
        png : bytes or None
            The spectrogram.

        Returns
        -------
        Kept
            With its new name.

        Raises
        ------
        HistoryError
            When the database cannot be written to.
        """
        name = uuid.uuid4().hex
        model = _NamedModel(record["model"], record["model_version"])
        run = self._history.start_run(_COMMAND, model, key=_run_key(visitor, model))
        self._history.add_answers(run, [_answer(name, record, recording)])
        self._keep_details(name, record, png)
        with self._history.database.reading() as connection:
            when = connection.execute(sa.select(_p.predicted).where(_p.key == name)).scalar_one()
        return Kept(name, {"when": _iso(when), **record})

    def search(
        self, visitor: str, wanted: HistoryFilter, *, limit: int, offset: int
    ) -> tuple[int, list[Kept]]:
        """Look answers up.

        Parameters
        ----------
        visitor : str
            Whose.
        wanted : HistoryFilter
            Which.
        limit, offset : int
            How many at most, and how many newer ones to leave out.

        Returns
        -------
        tuple of int and list of Kept
            How many there are in all, and those asked for, the newest first.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        tests = [*_of(visitor), *conditions(wanted)]
        selected = _select(tests).order_by(_p.predicted.desc(), _p.id.desc())
        with self._history.database.reading() as connection:
            total = connection.scalar(_joined(sa.select(sa.func.count())).where(*tests)) or 0
            rows = connection.execute(selected.limit(limit).offset(offset)).all()
        return total, [_kept(row) for row in rows]

    def get(self, visitor: str, name: str) -> Kept | None:
        """Look one answer up, with its timeline where that is still kept.

        Parameters
        ----------
        visitor : str
            Whose.
        name : str
            The answer's name.

        Returns
        -------
        Kept or None
            None when this visitor has no such answer.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        with self._history.database.reading() as connection:
            row = connection.execute(_select([*_of(visitor), _p.key == name])).one_or_none()
        if row is None:
            return None
        details = {}
        with suppress(OSError, ValueError):
            details = json.loads(self._file(name, ".json").read_text(encoding="utf-8"))
        return Kept(name, {**_kept(row).record, **details})

    def spectrogram(self, name: str) -> bytes | None:
        """Give the picture of an answer.

        Parameters
        ----------
        name : str
            Of an answer that :meth:`get` has found.

        Returns
        -------
        bytes or None
            PNG; None when there is none, or not any longer.
        """
        with suppress(OSError):
            return self._file(name, ".png").read_bytes()
        return None

    def remove(self, visitor: str, name: str | None = None) -> int:
        """Remove one answer, or all of a visitor.

        Parameters
        ----------
        visitor : str
            Whose.
        name : str, optional
            The answer's name; all by default.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        HistoryError
            When the database cannot be written to.
        """
        names: list[str] = self._history.database.write(lambda c: _remove(c, visitor, name))
        for removed in names:
            self._remove_details(removed)
        return len(names)

    def export(self, visitor: str, wanted: HistoryFilter) -> Iterator[Kept]:
        """Give all answers, the earliest first.

        Parameters
        ----------
        visitor : str
            Whose.
        wanted : HistoryFilter
            Which.

        Yields
        ------
        Kept
            Read a thousand at a time.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        selected = _select([*_of(visitor), *conditions(wanted)]).order_by(_p.id).limit(_CHUNK)
        last = 0
        while True:
            with self._history.database.reading() as connection:
                rows = connection.execute(selected.where(_p.id > last)).all()
            yield from map(_kept, rows)
            if len(rows) < _CHUNK:
                return
            last = rows[-1].id

    def statistics(self, visitor: str, wanted: HistoryFilter) -> dict[str, Any]:
        """Count answers by model and genre.

        Parameters
        ----------
        visitor : str
            Whose.
        wanted : HistoryFilter
            Which.

        Returns
        -------
        dict
            ``n_predictions``, ``n_unknown`` and, for each model and genre, ``genres``.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        n, sure = sa.func.count(), sa.func.avg(_p.confidence)
        tests = [*_of(visitor), *conditions(wanted)]
        counted = _joined(sa.select(_p.model, _p.genre, n, sure)).where(*tests)
        with self._history.database.reading() as connection:
            rows = connection.execute(counted.group_by(_p.model, _p.genre)).all()
        totals: dict[str, int] = {}
        for model, _, n_rows, _ in rows:
            totals[model] = totals.get(model, 0) + n_rows
        ranked = sorted(rows, key=lambda row: (row[0], -row[2], row[1] or ""))
        return {
            "n_predictions": sum(totals.values()),
            "n_unknown": sum(row[2] for row in rows if row[1] is None),
            "genres": [_count(row, totals[row[0]]) for row in ranked],
        }

    def _file(self, name: str, suffix: str) -> Path:
        return self._folder / f"{name}{suffix}"

    def _keep_details(self, name: str, record: Mapping[str, Any], png: bytes | None) -> None:
        details = {key: record[key] for key in _DETAILS if key in record}
        if png is None and not record["warnings"]:
            return  # nothing that is worth a file
        with replacing(self._file(name, ".json")) as temporary:
            temporary.write_text(json.dumps(details, ensure_ascii=False), encoding="utf-8")
        if png is not None:
            with replacing(self._file(name, ".png")) as temporary:
                temporary.write_bytes(png)
        self._prune()

    def _prune(self) -> None:
        """Remove the oldest details, some at once so that the folder is not read for each song."""
        files = [f for f in self._folder.iterdir() if f.suffix == ".json"]
        if len(files) <= self._n_kept + self._n_kept // 10:
            return
        with suppress(OSError):
            files.sort(key=lambda f: f.stat().st_mtime_ns)
        for file in files[: len(files) - self._n_kept]:
            self._remove_details(file.stem)

    def _remove_details(self, name: str) -> None:
        for suffix in (".json", ".png"):
            self._file(name, suffix).unlink(missing_ok=True)


def _prefix(visitor: str) -> str:
    return f"web-{visitor}-"


def _run_key(visitor: str, model: _NamedModel) -> str:
    named = hashlib.blake2b(f"{model.name}\0{model.version}".encode(), digest_size=8)
    return _prefix(visitor) + named.hexdigest()


def _answer(name: str, record: Mapping[str, Any], recording: str | None) -> Answer:
    return Answer(
        key=name,
        path=stored_path(record["path"]),
        place=name,
        recording=recording,
        genre=record["genre"],
        confidence=record["confidence"],
        duration=record["duration"],
        genres={g["genre"]: g["probability"] for g in record["genres"]},
        styles={s["style"]: s["score"] for s in record["styles"]},
    )


def _of(visitor: str) -> list[sa.ColumnElement[bool]]:
    return [runs.c.key.startswith(_prefix(visitor), autoescape=True)]


def _joined(selected: sa.Select[Any]) -> sa.Select[Any]:
    return (
        selected.select_from(predictions)
        .join(runs, _p.run_id == runs.c.id)
        .join(songs, _p.song_id == songs.c.id)
    )


def _select(tests: list[sa.ColumnElement[bool]]) -> sa.Select[Any]:
    return _joined(sa.select(*_COLUMNS)).where(*tests)


def _ranked(scores: Mapping[str, float], what: str, value: str) -> list[dict[str, Any]]:
    ordered = sorted(scores.items(), key=lambda item: -item[1])
    return [{what: name, value: score} for name, score in ordered]


def _kept(row: sa.Row[*tuple[Any, ...]]) -> Kept:
    return Kept(
        row.key,
        {
            "when": _iso(row.predicted),
            "path": row.path,
            "model": row.model,
            "model_version": row.model_version,
            "genre": row.genre,
            "confidence": row.confidence,
            "unknown": row.genre is None,
            "genres": _ranked(row.genres, "genre", "probability"),
            "styles": _ranked(row.styles, "style", "score"),
            "duration": row.duration,
        },
    )


def _count(row: sa.Row[*tuple[Any, ...]], total: int) -> dict[str, Any]:
    model, genre, n, confidence = row
    return {
        "model": model,
        "genre": genre,
        "n_predictions": n,
        "share": round(n / total, 6),
        "confidence": None if confidence is None else round(confidence, 6),
    }


def _remove(connection: sa.Connection, visitor: str, name: str | None) -> list[str]:
    """Remove answers, and songs that nothing is known of any longer; give the answers' names."""
    tests = [*_of(visitor), *([_p.key == name] if name is not None else [])]
    doomed = connection.execute(
        _joined(sa.select(_p.id, _p.key, _p.song_id, _p.model, _p.newest)).where(*tests)
    ).all()
    for start in range(0, len(doomed), _CHUNK):
        part = doomed[start : start + _CHUNK]
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


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")
