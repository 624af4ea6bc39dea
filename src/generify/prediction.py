"""Song in, genre out: :func:`predict`, and the :class:`Prediction` that everything else passes on.

The timeline judges slots of 3 s, each from the 15 s around it: long enough for the features to mean
something, short enough to follow a song. Slots whose surroundings are silent are left out. A song
is read a minute at a time, so memory does not grow with its length.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify import defaults
from generify.audio import Audio, is_silent, load_audio
from generify.errors import ParameterError
from generify.excerpts import (
    DEFAULT_PLAN,
    ExcerptPlan,
    Excerpts,
    load_excerpts,
    mend_levels,
)
from generify.features.tagger import TAG_NAMES
from generify.features.tags import Tags
from generify.model import GenreModel, load_model
from generify.music_check import CHECK_SAMPLE_RATE, describe_non_music
from generify.percent import format_sure

__all__ = [
    "GenreProbability",
    "Prediction",
    "StyleScore",
    "TimelineSegment",
    "predict",
    "predict_timeline",
]

_SLOT = 3.0
_N_STYLES = 5
_MARGIN = 6.0  # heard before and after a slot: 15 s in all
_GAP = 0.01  # seconds; less apart, two segments are neighbours, also when read from a file
_TICK = 0.001  # seconds, to which times are written
_BLOCK = 20 * _SLOT  # seconds decoded at once for a timeline
# Of GTZAN's validation clips 82 % are named right at 22.05 kHz, 83 % at 16, 68 % at 11.025 and
# 66 % at 8 kHz (`python benchmarks/levels.py DATA`).
_NARROW_RATE = 16000  # Hz; a song with a lower sample rate lacks what models listen to


@dataclass(frozen=True)
class GenreProbability:
    """A genre and how probable it is.

    Attributes
    ----------
    genre : str
        The genre.
    probability : float
        0 to 1.
    """

    genre: str
    probability: float


@dataclass(frozen=True)
class StyleScore:
    """A free tag of the tagger and its score.

    Attributes
    ----------
    style : str
        The tag, for example ``"Mellow"``.
    score : float
        0 to 1; scores of one song do not sum to one.
    """

    style: str
    score: float


@dataclass(frozen=True)
class TimelineSegment:
    """The genre of a few seconds of a song.

    Attributes
    ----------
    start, end : float
        Seconds from the start of the song.
    genre : str
        The most probable genre.
    probability : float
        Its probability.
    genres : tuple of GenreProbability
        All genres in the model's order.
    """

    start: float
    end: float
    genre: str
    probability: float
    genres: tuple[GenreProbability, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What a model says of one song.

    Attributes
    ----------
    path : str
        The file as it was given.
    model : str
        Name of the model.
    genre : str or None
        The most probable genre; None exactly when :attr:`unknown`.
    confidence : float
        Probability of the most probable genre.
    unknown : bool
        Whether the answer is too weak to be given, or the song unlike nearly all that the model
        has heard; warnings say why.
    genres : tuple of GenreProbability
        All genres, the most probable first, as they are printed, summing to one; those that are
        as probable are in the model's order.
    styles : tuple of StyleScore
        The five strongest free tags, the strongest first.
    timeline : tuple of TimelineSegment or None
        Genre over time, where it was asked for.
    duration, analysed : float
        Seconds of the song, and seconds of it that were heard.
    warnings : tuple of str
        What was odd about the file; where there is a doubt, the last tells of it.
    doubt : str
        Why the song is unknown whatever its probabilities, which mean nothing then; empty where
        they mean something.
    """

    path: str
    model: str
    genre: str | None
    confidence: float
    unknown: bool
    genres: tuple[GenreProbability, ...]
    duration: float
    analysed: float
    styles: tuple[StyleScore, ...] = ()
    timeline: tuple[TimelineSegment, ...] | None = None
    warnings: tuple[str, ...] = ()
    doubt: str = ""

    def __str__(self) -> str:
        nearest = self.genres[0].genre if self.genres else ""
        if self.unknown:
            return f"{self.path}: unknown (nearest: {nearest})"
        return f"{self.path}: {self.genre} ({format_sure(self.confidence)})"

    @property
    def passages(self) -> tuple[TimelineSegment, ...]:
        """The timeline, neighbouring segments of one genre joined; empty where there is none."""
        groups: list[list[TimelineSegment]] = []
        for segment in self.timeline or ():
            last = groups[-1][-1] if groups else None
            if last and last.genre == segment.genre and segment.start - last.end < _GAP:
                groups[-1].append(segment)
            else:
                groups.append([segment])
        return tuple(map(_join, groups))

    def with_timeline(self, segments: Iterable[TimelineSegment]) -> Prediction:
        """Add the genre over time, for which the whole song was heard.

        Parameters
        ----------
        segments : iterable of TimelineSegment
            From :func:`predict_timeline`.

        Returns
        -------
        Prediction
            The same with a timeline.
        """
        return replace(self, timeline=tuple(segments), analysed=self.duration)

    def to_dict(self) -> dict[str, Any]:
        """Give the prediction as plain values, the same as the command's JSON.

        Returns
        -------
        dict
            ``timeline`` only where it was asked for.
        """
        result: dict[str, Any] = {
            "path": self.path,
            "model": self.model,
            "genre": self.genre,
            "confidence": _short(self.confidence),
            "unknown": self.unknown,
            "genres": [
                {"genre": g.genre, "probability": _short(g.probability)} for g in self.genres
            ],
            "styles": [{"style": s.style, "score": _short(s.score)} for s in self.styles],
            "duration": round(self.duration, 3),
            "analysed": round(self.analysed, 3),
            "warnings": list(self.warnings),
            "doubt": self.doubt,
        }
        if self.timeline is not None:
            result["timeline"] = [
                {
                    "start": round(s.start, 3),
                    "end": round(s.end, 3),
                    "genre": s.genre,
                    "probability": _short(s.probability),
                }
                for s in self.timeline
            ]
        return result


def _join(segments: Sequence[TimelineSegment]) -> TimelineSegment:
    # The last slot of a song may be shorter than the others, and in a file be rounded to nothing.
    lengths = [max(_TICK, segment.end - segment.start) for segment in segments]
    mean = float(np.average([segment.probability for segment in segments], weights=lengths))
    return TimelineSegment(segments[0].start, segments[-1].end, segments[0].genre, mean)


def _short(probability: float) -> float:
    return round(probability, 6)


def _rank(item: GenreProbability) -> float:
    # As it is printed: the digits behind differ with the number of threads.
    return -_short(item.probability)


def _in_model_order(
    model: GenreModel, probabilities: NDArray[np.float32]
) -> tuple[GenreProbability, ...]:
    pairs = zip(model.genres, probabilities.tolist(), strict=True)
    return tuple(GenreProbability(genre, probability) for genre, probability in pairs)


def predict(
    path: str | os.PathLike[str],
    model: GenreModel | str | Path = defaults.MODEL,
    *,
    timeline: bool = False,
    min_confidence: float = 0.0,
    plan: ExcerptPlan = DEFAULT_PLAN,
) -> Prediction:
    """Name the genre of a song.

    Parameters
    ----------
    path : str or path-like
        One audio file.
    model : GenreModel, str or Path
        A loaded model, a bundled model's name or a model file.
    timeline : bool
        Whether to judge every few seconds of the whole song too.
    min_confidence : float
        Weaker answers, 0 to 1, are given as unknown.
    plan : ExcerptPlan
        Which seconds of the song are heard.

    Returns
    -------
    Prediction
        Genres sorted by probability.

    Raises
    ------
    AudioDecodeError
        When the file cannot be heard.
    ModelError
        When there is no such model or it cannot be used.
    ParameterError
        When ``path`` is no path, or ``min_confidence`` is not between 0 and 1.

    Examples
    --------
    >>> predict("song.mp3").genre  # doctest: +SKIP
    'jazz'
    """
    if not isinstance(path, str | os.PathLike):
        raise ParameterError(
            f"the path of one song was expected, got a {type(path).__name__}",
            hint="predict_songs of generify.scan takes many, and a model loaded once",
        )
    if not 0 <= min_confidence <= 1:
        raise ParameterError(f"min_confidence must lie between 0 and 1, got {min_confidence:g}")
    genre_model = model if isinstance(model, GenreModel) else load_model(model)
    excerpts = load_excerpts(os.fspath(path), plan)
    result = _judge(os.fspath(path), genre_model, excerpts, min_confidence)
    if not timeline:
        return result
    return result.with_timeline(predict_timeline(path, genre_model, duration=excerpts.duration))


def _judge(path: str, model: GenreModel, excerpts: Excerpts, min_confidence: float) -> Prediction:
    X = model.extractor.extract(excerpts)[np.newaxis]
    genres = _in_model_order(model, model.predict_proba(X)[0])
    ranked = tuple(sorted(genres, key=_rank))
    doubt = _doubt(model, excerpts, float(model.novelty(X)[0]))
    told = (f"{doubt}, so its percentages mean nothing here",) if doubt else ()
    unknown = bool(doubt) or ranked[0].probability < min_confidence
    return Prediction(
        path=path,
        model=model.card.name,
        genre=None if unknown else ranked[0].genre,
        confidence=ranked[0].probability,
        unknown=unknown,
        genres=ranked,
        styles=_styles(excerpts),
        duration=excerpts.duration,
        analysed=excerpts.analysed,
        warnings=excerpts.warnings + _narrow_warning(excerpts) + told,
        doubt=doubt,
    )


def _narrow_warning(excerpts: Excerpts) -> tuple[str, ...]:
    rate = min(stretch.sample_rate for stretch in excerpts.stretches)
    if rate >= _NARROW_RATE:
        return ()
    return (f"has a sample rate of {rate} Hz, so nothing above {rate / 2000:g} kHz is heard",)


def _doubt(model: GenreModel, excerpts: Excerpts, novelty: float) -> str:
    """Say why a song is unknown whatever its probabilities; empty where nothing speaks for it."""
    sound = describe_non_music(excerpts.at(CHECK_SAMPLE_RATE))
    if sound:
        return f"it sounds like {sound}, not like music"
    threshold = model.card.novelty_threshold
    unlike = threshold is not None and novelty > threshold
    return f"it is unlike nearly all that {model.card.name} was trained on" if unlike else ""


def _styles(excerpts: Excerpts) -> tuple[StyleScore, ...]:
    scores = Tags().tags_of(excerpts).mean(axis=0).tolist()
    styles = map(StyleScore, TAG_NAMES, scores)
    return tuple(sorted(styles, key=lambda style: -_short(style.score))[:_N_STYLES])


def predict_timeline(
    path: str | os.PathLike[str], model: GenreModel, *, duration: float
) -> Iterator[TimelineSegment]:
    """Name the genre of every few seconds of a song.

    Parameters
    ----------
    path : str or path-like
        An audio file.
    model : GenreModel
        A loaded model.
    duration : float
        Length of the song in seconds.

    Yields
    ------
    TimelineSegment
        Slots of 3 s in order, each judged from the 15 s around it; the last has 1.5 to 4.5 s,
        silent ones are left out.

    Raises
    ------
    AudioDecodeError
        When the file cannot be heard.
    """
    slots = _slots(duration)
    per_block = round(_BLOCK / _SLOT)
    for first_slot in range(0, len(slots), per_block):
        here = slots[first_slot : first_slot + per_block]
        first = max(0.0, here[0][0] - _MARGIN)
        last = min(duration, here[-1][0] + _SLOT + _MARGIN)
        if last - first < 1:
            continue  # under a second in all: nothing to judge it by
        block = load_audio(os.fspath(path), start=first, duration=last - first, allow_silence=True)
        yield from _judge_slots(model, block, here)


def _slots(duration: float) -> list[tuple[float, float]]:
    """Say from where to where each slot of a song reaches, in seconds."""
    starts = np.arange(0, duration, _SLOT).tolist()
    if len(starts) > 1 and duration - starts[-1] < _SLOT / 2:
        # Nearly all that it would be judged by, the slot before is judged by too.
        del starts[-1]
    return list(itertools.pairwise([*starts, duration]))


def _judge_slots(
    model: GenreModel, block: Audio, slots: Sequence[tuple[float, float]]
) -> Iterator[TimelineSegment]:
    spans = {slot: _span(block, slot[0] - _MARGIN, slot[0] + _SLOT + _MARGIN) for slot in slots}
    heard = {slot: span for slot, span in spans.items() if _is_heard(block, span)}
    if not heard:
        return
    (mended,) = mend_levels([block])
    X = model.extractor.extract_spans(mended.samples, block.sample_rate, list(heard.values()))
    for (start, end), row in zip(heard, model.predict_proba(X), strict=True):
        genres = _in_model_order(model, row)
        best = min(genres, key=_rank)
        yield TimelineSegment(start, end, best.genre, best.probability, genres)


def _span(block: Audio, start: float, end: float) -> tuple[int, int]:
    first = round((start - block.start) * block.sample_rate)
    last = round((end - block.start) * block.sample_rate)
    return max(0, first), min(len(block.samples), max(0, last))


def _is_heard(block: Audio, span: tuple[int, int]) -> bool:
    part = block.samples[slice(*span)]
    return len(part) >= block.sample_rate and not is_silent(part)
