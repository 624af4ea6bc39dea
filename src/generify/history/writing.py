"""What is done within one transaction of a writer: songs found or made, answers kept once.

Songs are locked in the order of their numbers, so two writers with the same songs take turns. A
prediction is known by its run and its path: one that is there already is passed over.

In it: :class:`Answer`, :func:`answer_of`, :func:`answer_columns`, :func:`keep`, :func:`keep_run`,
:func:`keep_correction`, :func:`song_of`, :func:`full_path`, :func:`stored_path`, :func:`path_key`,
:func:`fold`.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from generify.content import identify
from generify.history.schema import corrections, predictions, runs, songs
from generify.prediction import Prediction

__all__ = [
    "Answer",
    "answer_columns",
    "answer_of",
    "content_of",
    "fold",
    "full_path",
    "keep",
    "keep_correction",
    "keep_run",
    "path_key",
    "song_of",
    "stored_path",
]

_UNHEARD = "path-"
_DECIMALS = 6  # as in a prediction's JSON


@dataclass(frozen=True)
class Answer:
    """A prediction as it is kept.

    Attributes
    ----------
    key : str
        Tells it apart within its run.
    path : str
        The song's path, as text that any database takes.
    place : str
        Key of the path.
    recording : str or None
        Content hash; None for a file that could not be read.
    genre : str or None
        The answer.
    confidence, duration : float or None
        Where they are known.
    genres, styles : mapping of str to float
        Probabilities and scores.
    """

    key: str
    path: str
    place: str
    recording: str | None
    genre: str | None
    confidence: float | None = None
    duration: float | None = None
    genres: Mapping[str, float] = field(default_factory=dict)
    styles: Mapping[str, float] = field(default_factory=dict)


def full_path(path: str | os.PathLike[str]) -> str:
    """Give the absolute path of a file; a URL stays as it is.

    Parameters
    ----------
    path : str or path-like
        A file or a URL.

    Returns
    -------
    str
        The path.

    Examples
    --------
    >>> full_path("s3://bucket/song.mp3")
    's3://bucket/song.mp3'
    """
    text = os.fspath(path)
    return text if "://" in text else os.path.abspath(text)  # noqa: PTH100 (resolves "..")


def stored_path(path: str) -> str:
    r"""Give a path as text that any database takes.

    Parameters
    ----------
    path : str
        May hold bytes that are no UTF-8, as Python's file names do.

    Returns
    -------
    str
        With those bytes, and zeros, spelt out.

    Examples
    --------
    >>> stored_path("caf\udce9.mp3")
    'caf\\xe9.mp3'
    """
    raw = path.encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def path_key(path: str) -> str:
    """Give a short name of a path, of one length whatever the path's.

    Parameters
    ----------
    path : str
        The path.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    raw = path.encode("utf-8", "surrogateescape")
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def fold(text: str) -> str:
    """Give a text in which upper and lower case, and two ways to write an accent, are one.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str
        For comparing only.
    """
    return unicodedata.normalize("NFC", text.casefold())


def answer_of(prediction: Prediction, recording: str | None = None) -> Answer:
    """Make a prediction ready to be kept.

    Parameters
    ----------
    prediction : Prediction
        What a model said.
    recording : str, optional
        The recording's hash; without it the whole file is read once.

    Returns
    -------
    Answer
        With the recording's hash.
    """
    path = full_path(prediction.path)
    key = path_key(path)
    return Answer(
        key=key,
        path=stored_path(path),
        place=key,
        recording=recording or identify(path),
        genre=prediction.genre,
        confidence=round(prediction.confidence, _DECIMALS),
        duration=round(prediction.duration, 3),
        genres={g.genre: round(g.probability, _DECIMALS) for g in prediction.genres},
        styles={s.style: round(s.score, _DECIMALS) for s in prediction.styles},
    )


def content_of(recording: str) -> str | None:
    """Give the content hash of a song.

    Parameters
    ----------
    recording : str
        As it is in the table of songs.

    Returns
    -------
    str or None
        None for a song whose file could not be read, and which is known by its path only.
    """
    return None if recording.startswith(_UNHEARD) else recording


def keep_run(connection: sa.Connection, values: Mapping[str, Any]) -> sa.Row[*tuple[Any, ...]]:
    """Find the run with this key, or make it.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    values : mapping
        Columns of the table of runs.

    Returns
    -------
    Row
        ``id, key, started, command, model, model_version``.
    """
    columns = (runs.c.id, runs.c.key, runs.c.started, runs.c.command, runs.c.model,
               runs.c.model_version)  # fmt: skip
    wanted = sa.select(*columns).where(runs.c.key == values["key"])
    found = connection.execute(wanted).one_or_none()
    if found is not None:
        return found
    connection.execute(sa.insert(runs).values(**values))
    return connection.execute(wanted).one()


def keep(
    connection: sa.Connection, run_id: int, model: tuple[str, str], answers: Sequence[Answer]
) -> int:
    """Keep answers that the run does not have yet.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    run_id : int
        The run.
    model : tuple of str
        Name and version.
    answers : sequence of Answer
        What was said, the last word on a song last.

    Returns
    -------
    int
        How many were new.
    """
    known = sa.select(predictions.c.key).where(
        predictions.c.run_id == run_id, predictions.c.key.in_([a.key for a in answers])
    )
    seen = set(connection.scalars(known))
    new = list({a.key: a for a in answers if a.key not in seen}.values())
    if not new:
        return 0
    ids = _song_ids(connection, new)
    _supersede(connection, model[0], set(ids))
    last = {song_id: i for i, song_id in enumerate(ids)}
    now = datetime.now(UTC)
    fixed = {"run_id": run_id, "predicted": now, "model": model[0], "model_version": model[1]}
    rows = [
        {**fixed, **answer_columns(answer), "song_id": song_id, "newest": last[song_id] == i}
        for i, (song_id, answer) in enumerate(zip(ids, new, strict=True))
    ]
    connection.execute(sa.insert(predictions), rows)
    return len(rows)


def answer_columns(answer: Answer) -> dict[str, Any]:
    """Give an answer's own columns in the table of predictions.

    Parameters
    ----------
    answer : Answer
        What was said.

    Returns
    -------
    dict
        Column → value.
    """
    return {
        "key": answer.key,
        "genre": answer.genre,
        "confidence": answer.confidence,
        "path": answer.path,
        "folded": fold(answer.path),
        "genres": dict(answer.genres),
        "styles": dict(answer.styles),
    }


def _supersede(connection: sa.Connection, model: str, song_ids: set[int]) -> None:
    p = predictions.c
    newest = p.song_id.in_(sorted(song_ids)), p.model == model, p.newest == sa.true()
    connection.execute(sa.update(predictions).where(*newest).values(newest=False))


def _song_ids(connection: sa.Connection, answers: Sequence[Answer]) -> list[int]:
    """Find the songs of answers or make them; locked until the transaction ends."""
    known_places = _by_place(connection, [a.place for a in answers if a.recording is None])
    recordings = [a.recording or known_places.get(a.place, _UNHEARD + a.place) for a in answers]
    wanted = dict(zip(recordings, answers, strict=True))
    missing = wanted.keys() - _locked(connection, wanted).keys()
    if missing:
        rows = [{"recording": r, **_place(wanted[r])} for r in sorted(missing)]
        connection.execute(sa.insert(songs), rows)
    found = _locked(connection, wanted)
    for recording, row in found.items():
        moved = row.path_key != wanted[recording].place  # or another copy
        if moved or row.duration is None:  # corrected before it was heard
            place = {k: v for k, v in _place(wanted[recording]).items() if v is not None}
            connection.execute(sa.update(songs).where(songs.c.id == row.id).values(**place))
    return [found[recording].id for recording in recordings]


def _place(answer: Answer) -> dict[str, Any]:
    return {"path": answer.path, "path_key": answer.place, "duration": answer.duration}


def _by_place(connection: sa.Connection, places: Sequence[str]) -> dict[str, str]:
    """Find the recordings that lay at some places when last seen."""
    if not places:
        return {}
    found = sa.select(songs.c.path_key, songs.c.recording).where(songs.c.path_key.in_(places))
    return {row.path_key: row.recording for row in connection.execute(found.order_by(songs.c.id))}


def _locked(
    connection: sa.Connection, recordings: Iterable[str]
) -> dict[str, sa.Row[*tuple[Any, ...]]]:
    found = (
        sa.select(songs.c.id, songs.c.recording, songs.c.path_key, songs.c.duration)
        .where(songs.c.recording.in_(list(recordings)))
        .order_by(songs.c.id)
        .with_for_update()
    )
    return {row.recording: row for row in connection.execute(found)}


def keep_correction(
    connection: sa.Connection, song: Answer, when: datetime, *, known_only: bool
) -> str | None:
    """Keep the genre that a person gave to a song, in place of an earlier one.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    song : Answer
        Its path, recording and true genre.
    when : datetime
        Now.
    known_only : bool
        Whether a song that is not in the history is refused.

    Returns
    -------
    str or None
        The song as the table of songs names it; None when it was refused.
    """
    if known_only and song.place not in _by_place(connection, [song.place]):
        return None
    (song_id,) = _song_ids(connection, [song])
    connection.execute(sa.delete(corrections).where(corrections.c.song_id == song_id))
    values = {"song_id": song_id, "genre": song.genre, "corrected": when}
    connection.execute(sa.insert(corrections).values(**values))
    kept: str = connection.execute(
        sa.select(songs.c.recording).where(songs.c.id == song_id)
    ).scalar_one()
    return kept


def song_of(connection: sa.Connection, song: Answer) -> int | None:
    """Find a song.

    Parameters
    ----------
    connection : Connection
        Any.
    song : Answer
        Its path and recording.

    Returns
    -------
    int or None
        Its number; None when the history does not know it.
    """
    recording = song.recording or _by_place(connection, [song.place]).get(song.place)
    found: int | None = connection.scalar(
        sa.select(songs.c.id).where(songs.c.recording == recording)
    )
    return found
