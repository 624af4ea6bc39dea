"""What the history holds, as frozen values; nothing here needs a database.

Times are aware and in UTC. Paths are absolute, as the song lay when it was heard.

In it: :class:`HistoryEntry`, :class:`HistoryFilter`, :class:`Correction`, :class:`GenreCount`,
:class:`HistoryStatistics`, :class:`ImportedTable`, :func:`corrected_tracks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from generify.datasets import Track

__all__ = [
    "Correction",
    "GenreCount",
    "HistoryEntry",
    "HistoryFilter",
    "HistoryStatistics",
    "ImportedTable",
    "corrected_tracks",
    "format_moment",
]


@dataclass(frozen=True)
class HistoryFilter:
    """Which entries are wanted; what is not given does not matter.

    Attributes
    ----------
    name : str or None
        Part of the path, upper and lower case alike.
    genre : str or None
        The genre that was answered.
    model : str or None
        Name of the model.
    since, until : datetime or None
        Kept at this moment or later, and before this moment.
    unknown : bool or None
        True for songs without a genre, False for those with one.

    Examples
    --------
    >>> HistoryFilter(genre="jazz").unknown is None
    True
    """

    name: str | None = None
    genre: str | None = None
    model: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    unknown: bool | None = None


@dataclass(frozen=True)
class HistoryEntry:
    """What a model once said of a song.

    Attributes
    ----------
    when : datetime
        When it was kept.
    path : str
        Where the song lay.
    genre : str or None
        The genre; None exactly when it was unknown.
    confidence : float or None
        Probability of the most probable genre; None where it was never known.
    model, model_version : str
        Which model.
    command : str
        What was run, ``"predict"`` or ``"scan"``.
    recording : str or None
        Content hash of the sound; None when the file could not be read.
    duration : float or None
        Seconds.
    corrected : str or None
        The genre that a person gave since.
    genres, styles : mapping of str to float
        Probabilities and scores, the greatest first.
    """

    when: datetime
    path: str
    genre: str | None
    confidence: float | None
    model: str
    model_version: str
    command: str
    recording: str | None = None
    duration: float | None = None
    corrected: str | None = None
    genres: Mapping[str, float] = field(default_factory=dict)
    styles: Mapping[str, float] = field(default_factory=dict)

    @property
    def unknown(self) -> bool:
        """Whether no genre was given."""
        return self.genre is None

    def to_dict(self) -> dict[str, Any]:
        """Give the entry as plain values, named as in a prediction's JSON.

        Returns
        -------
        dict
            ``when`` in UTC, ISO 8601.
        """
        return {
            "when": format_moment(self.when),
            "path": self.path,
            "model": self.model,
            "model_version": self.model_version,
            "genre": self.genre,
            "confidence": self.confidence,
            "unknown": self.unknown,
            "corrected": self.corrected,
            "genres": [{"genre": g, "probability": p} for g, p in self.genres.items()],
            "styles": [{"style": s, "score": p} for s, p in self.styles.items()],
            "duration": self.duration,
            "recording": self.recording,
            "command": self.command,
        }


@dataclass(frozen=True)
class Correction:
    """The genre that a person gave to a song.

    Attributes
    ----------
    path : str
        Where the song lay when it was last seen.
    genre : str
        The true genre.
    when : datetime
        When it was said.
    recording : str or None
        Content hash of the sound; None when the file could not be read.
    """

    path: str
    genre: str
    when: datetime
    recording: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the correction as plain values: a row of a manifest.

        Returns
        -------
        dict
            ``path``, ``genre`` and ``when``.
        """
        return {"path": self.path, "genre": self.genre, "when": format_moment(self.when)}


@dataclass(frozen=True)
class GenreCount:
    """How many songs a model finds to be of a genre.

    Attributes
    ----------
    model : str
        Name of the model.
    genre : str or None
        The genre; None for unknown.
    n_songs : int
        Songs whose newest answer by this model it is, or that a person gave this genre.
    share : float
        Of all songs of this model that were asked for, 0 to 1.
    confidence : float or None
        Mean over these songs, corrected ones left out; None where there is no other.
    n_corrected : int
        Songs that are in it because a person said so.
    """

    model: str
    genre: str | None
    n_songs: int
    share: float
    confidence: float | None
    n_corrected: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Give the count as plain values.

        Returns
        -------
        dict
            One key an attribute.
        """
        return {
            "model": self.model,
            "genre": self.genre,
            "n_songs": self.n_songs,
            "share": round(self.share, 6),
            "confidence": None if self.confidence is None else round(self.confidence, 6),
            "n_corrected": self.n_corrected,
        }


@dataclass(frozen=True)
class HistoryStatistics:
    """What a history amounts to.

    Attributes
    ----------
    n_songs, n_predictions, n_runs, n_corrections : int
        In the whole history; runs without an answer do not count.
    genres : tuple of GenreCount
        Of the entries asked for, model by model, the most frequent genre first.
    """

    n_songs: int
    n_predictions: int
    n_runs: int
    n_corrections: int
    genres: tuple[GenreCount, ...]


@dataclass(frozen=True)
class ImportedTable:
    """What became of one table of the predecessor.

    Attributes
    ----------
    table, model : str
        Its name, and the name of the model that its rows are now under.
    n_rows, n_kept : int
        Rows read, and those that were not in the history already.
    n_skipped : int
        Rows without a file or a genre.
    """

    table: str
    model: str
    n_rows: int
    n_kept: int
    n_skipped: int


def corrected_tracks(corrections: Iterable[Correction]) -> dict[str, Track]:
    """Turn corrections into tracks to train on.

    Parameters
    ----------
    corrections : iterable of Correction
        As :meth:`generify.history.History.corrections` gives them.

    Returns
    -------
    dict of str to Track
        Content hash → track, named as in a folder of genre folders. Songs that could not be
        read are left out.
    """
    return {
        c.recording: Track(f"{c.genre}/{Path(c.path).stem}", c.path, c.genre)
        for c in corrections
        if c.recording is not None
    }


def format_moment(when: datetime) -> str:
    """Give a moment as text, to the second.

    Parameters
    ----------
    when : datetime
        Aware.

    Returns
    -------
    str
        ISO 8601, in UTC.
    """
    return when.astimezone(UTC).isoformat(timespec="seconds")
