"""Which genres a file gets, and why: decided from a prediction and what is in the file already.

In it: :class:`TagOptions`, :class:`TagChange`, :class:`Reason`, :func:`choose`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generify import defaults
from generify.endings import tells_of_damage
from generify.errors import ParameterError
from generify.tagging.vocabulary import name_in_tags

if TYPE_CHECKING:
    from generify.prediction import Prediction

__all__ = ["FURTHER_GENRES_FROM", "Reason", "TagChange", "TagOptions", "choose"]

FURTHER_GENRES_FROM = 0.2
"""A second or third genre is written from this probability on: twice what chance gives each of ten
genres."""


@dataclass(frozen=True)
class TagOptions:
    """What may be written.

    Attributes
    ----------
    overwrite : bool
        Whether files that name a genre get another one.
    min_confidence : float
        Songs that the model is less sure of, 0 to 1, are left alone.
    max_genres : int
        Genres written at most; all but the first must be 20 % probable.
    vocabulary : mapping of str to str
        Model's genre to name in tags; MusicBrainz' names for all that it leaves out.
    dry_run : bool
        Whether to say what would be done, and do nothing.
    journal : Path or None
        File that keeps what is needed for undoing; a new one in the user's state folder by default.

    Raises
    ------
    ParameterError
        When ``min_confidence`` is not between 0 and 1 or ``max_genres`` not positive.
    """

    overwrite: bool = False
    min_confidence: float = defaults.TAG_CONFIDENCE
    max_genres: int = 1
    vocabulary: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    journal: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ParameterError(
                f"min_confidence must lie between 0 and 1, got {self.min_confidence:g}"
            )
        if self.max_genres < 1:
            raise ParameterError(f"max_genres must be 1 or more, got {self.max_genres}")


class Reason(StrEnum):
    """Why a file is changed or left as it is."""

    SURE = "sure enough"
    NOT_SURE = "not sure enough"
    UNKNOWN = "unknown"
    HAS_GENRE = "had a genre"
    ALREADY_SO = "already so"
    BROUGHT_BACK = "brought back"
    AS_BEFORE = "as before"


@dataclass(frozen=True)
class TagChange:
    """What became of the genres of one file, or would become of them.

    Attributes
    ----------
    path : str
        The file as it was given.
    before, after : tuple of str
        Its genres; equal where the file is left as it is.
    reason : Reason
        Why.
    confidence : float or None
        How sure the model is, 0 to 1; None where it was not asked.
    written : bool
        Whether the file was changed.
    warnings : tuple of str
        What else there is to know: that only a part of the song could be heard, for one.
    """

    path: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: Reason
    confidence: float | None = None
    written: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether the genres differ."""
        return self.before != self.after

    def to_dict(self) -> dict[str, Any]:
        """Give the change as plain values.

        Returns
        -------
        dict
            As the command's JSON has it.
        """
        return {
            "path": self.path,
            "before": list(self.before),
            "after": list(self.after),
            "reason": str(self.reason),
            "confidence": self.confidence,
            "written": self.written,
            "warnings": list(self.warnings),
        }


def choose(prediction: Prediction, before: tuple[str, ...], options: TagOptions) -> TagChange:
    """Decide on a file's genres.

    Parameters
    ----------
    prediction : Prediction
        What the model says.
    before : tuple of str
        Genres in the file.
    options : TagOptions
        What may be written.

    Returns
    -------
    TagChange
        What is to be done; not done yet.
    """
    left = TagChange(
        prediction.path, before, before, Reason.HAS_GENRE, confidence=prediction.confidence
    )
    if before and not options.overwrite:
        return left
    left = replace(left, warnings=tuple(filter(tells_of_damage, prediction.warnings)))
    if prediction.unknown or prediction.genre is None:
        return replace(left, reason=Reason.UNKNOWN)
    if prediction.confidence < options.min_confidence:
        return replace(left, reason=Reason.NOT_SURE)
    after = _names(prediction, options)
    reason = Reason.ALREADY_SO if after == before else Reason.SURE
    return replace(left, after=after, reason=reason)


def _names(prediction: Prediction, options: TagOptions) -> tuple[str, ...]:
    first, *others = prediction.genres
    genres = [first] + [g for g in others if g.probability >= FURTHER_GENRES_FROM]
    names = [name_in_tags(g.genre, options.vocabulary) for g in genres]
    return tuple(dict.fromkeys(names))[: options.max_genres]
