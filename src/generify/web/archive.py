"""The history of a site: what visitors asked, each seeing only what is theirs.

Answers are kept by :mod:`generify.history`, so ``generify history`` reads them too. What it has no
room for (timeline, waveform, spectrogram, warnings) lies beside it in files, one or two an answer,
of which the newest are kept. No sound is kept.

In it: :class:`Archive`, :class:`Kept`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generify.atomic import replacing
from generify.history import HistoryFilter, open_history
from generify.history.entries import format_moment
from generify.history.owners import AnswerCount, OwnedEntry, OwnedHistory
from generify.history.writing import Answer, stored_path

__all__ = ["Archive", "Kept"]

_COMMAND = "serve"
_DETAILS = ("analysed", "warnings", "doubt", "timeline", "waveform", "spectrogram")
_NOT_SHOWN = ("corrected", "recording", "command")  # of an entry's plain values


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
        self._history = OwnedHistory(open_history(url), _COMMAND)
        self._folder, self._n_kept = folder, n_kept_timelines

    def close(self) -> None:
        """Close the connections."""
        self._history.history.close()

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
        when = self._history.keep(visitor, model, _answer(name, record, recording))
        self._keep_details(name, record, png)
        return Kept(name, {"when": format_moment(when), **record})

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
        total, found = self._history.search(visitor, wanted, limit=limit, offset=offset)
        return total, [_kept(owned) for owned in found]

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
        found = self._history.get(visitor, name)
        if found is None:
            return None
        details = {}
        with suppress(OSError, ValueError):
            details = json.loads(self._file(name, ".json").read_text(encoding="utf-8"))
        return Kept(name, {**_kept(found).record, **details})

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
        names = self._history.remove(visitor, name)
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
        yield from map(_kept, self._history.export(visitor, wanted))

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
            ``n_songs``, ``n_predictions``, ``n_unknown`` and, for each model and genre, ``genres``.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        counts = self._history.count(visitor, wanted)
        totals: dict[str, int] = {}
        for count in counts:
            totals[count.model] = totals.get(count.model, 0) + count.n_answers
        return {
            "n_songs": self._history.count_songs(visitor, wanted),
            "n_predictions": sum(totals.values()),
            "n_unknown": sum(count.n_answers for count in counts if count.genre is None),
            "genres": [_share(count, totals[count.model]) for count in counts],
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


def _kept(owned: OwnedEntry) -> Kept:
    plain = owned.entry.to_dict()
    return Kept(owned.key, {name: plain[name] for name in plain if name not in _NOT_SHOWN})


def _share(count: AnswerCount, total: int) -> dict[str, Any]:
    return {
        "model": count.model,
        "genre": count.genre,
        "n_predictions": count.n_answers,
        "share": round(count.n_answers / total, 6),
        "confidence": None if count.confidence is None else round(count.confidence, 6),
    }
