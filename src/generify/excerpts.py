"""Which seconds of a song are heard: one plan for all extractors, clips and long songs alike.

A clip of up to 60 s is heard whole. Of a longer song three stretches of 10 s are heard, spread
evenly over its middle 80 % (intros and fade-outs say little about a genre); only those seconds are
decoded. An extractor receives :class:`Excerpts` and asks for the sample rate it needs, so a song is
decoded once however many extractors listen. What no player would let you hear is mended first: a
constant offset, and a level far from that of any released song.

In it: :class:`ExcerptPlan`, :class:`Excerpts`, :func:`load_excerpts`, :func:`mend_levels`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from generify.audio import Audio, AudioInfo, is_silent, load_audio, probe_audio, resample
from generify.containers import DAMAGED
from generify.errors import AudioDecodeError, ParameterError

T = TypeVar("T")

__all__ = [
    "DEFAULT_PLAN",
    "HEARING_VERSION",
    "ExcerptPlan",
    "Excerpts",
    "load_excerpts",
    "mend_levels",
]

# Raised whenever a plan gives other samples of the same song, so that cached features are renewed.
HEARING_VERSION = 2

# The tagger needs it (`python benchmarks/levels.py DATA`): of GTZAN's 103 validation clips with
# audio it names 82 % right as they are, 54 % when they are 20 dB quieter, 63 % with an offset of
# 0.3; mended 81 and 82 %. The median RMS of its clips is 0.1; no offset is above 0.03 of the peak.
_QUIETEST_PEAK, _LOUDEST_PEAK = 0.25, 2.0
_USUAL_RMS = 0.1
_LARGEST_OFFSET = 0.05


@dataclass(frozen=True)
class ExcerptPlan:
    """Which seconds of a song are heard.

    Attributes
    ----------
    n_stretches : int
        How many stretches of a long song.
    stretch : float
        Length of each in seconds.
    whole_up_to : float
        Songs up to this many seconds are heard whole.
    middle : float
        Fraction of a long song, around its middle, over which the stretches are spread.
    """

    n_stretches: int = 3
    stretch: float = 10.0
    whole_up_to: float = 60.0
    middle: float = 0.8

    def __post_init__(self) -> None:
        """Refuse a plan that would hear nothing."""
        if self.n_stretches < 1 or self.stretch < 1 or not 0 < self.middle <= 1:
            raise ParameterError(
                "an excerpt plan needs n_stretches >= 1, stretch >= 1 and 0 < middle <= 1, "
                f"got {self}"
            )

    def stretches(self, duration: float) -> tuple[tuple[float, float], ...]:
        """Choose the stretches of a song.

        Parameters
        ----------
        duration : float
            Length of the song in seconds.

        Returns
        -------
        tuple of (float, float)
            Start and length of each stretch in seconds, in order, never overlapping.

        Examples
        --------
        >>> ExcerptPlan().stretches(30.0)
        ((0.0, 30.0),)
        >>> ExcerptPlan().stretches(240.0)
        ((24.0, 10.0), (115.0, 10.0), (206.0, 10.0))
        """
        span = duration * self.middle
        if duration <= self.whole_up_to or span < self.n_stretches * self.stretch:
            return ((0.0, duration),)
        first = (duration - span) / 2
        if self.n_stretches == 1:
            return (((duration - self.stretch) / 2, self.stretch),)
        step = (span - self.stretch) / (self.n_stretches - 1)
        return tuple((round(first + i * step, 6), self.stretch) for i in range(self.n_stretches))


DEFAULT_PLAN = ExcerptPlan()


@dataclass(frozen=True)
class Excerpts:
    """The heard stretches of one song, at whatever sample rate is asked for.

    Attributes
    ----------
    stretches : tuple of Audio
        Mono stretches at the song's own sample rate, in order.
    duration : float
        Length of the whole song in seconds.
    warnings : tuple of str
        What was odd about the file.
    """

    stretches: tuple[Audio, ...]
    duration: float
    warnings: tuple[str, ...] = ()
    _known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_samples(cls, samples: NDArray[np.float32], sample_rate: int) -> Excerpts:
        """Wrap samples that are already in memory as one stretch.

        Parameters
        ----------
        samples : ndarray of float32, shape (n_samples,)
            Mono samples, full scale ±1.
        sample_rate : int
            Their rate in Hz.

        Returns
        -------
        Excerpts
            One stretch with all samples.
        """
        duration = len(samples) / sample_rate
        audio = Audio(samples=samples, sample_rate=sample_rate, start=0.0, duration=duration)
        return cls(stretches=(audio,), duration=duration)

    @property
    def analysed(self) -> float:
        """Seconds heard, all stretches together."""
        return sum(len(s.samples) / s.sample_rate for s in self.stretches)

    def at(self, sample_rate: int) -> tuple[NDArray[np.float32], ...]:
        """Give the stretches at a sample rate.

        Parameters
        ----------
        sample_rate : int
            Wanted rate in Hz.

        Returns
        -------
        tuple of ndarray of float32, each of shape (n_samples,)
            Mono samples of each stretch; computed once per rate.
        """
        return self.remember(
            f"samples at {sample_rate} Hz",
            lambda: tuple(resample(s.samples, s.sample_rate, sample_rate) for s in self.stretches),
        )

    def remember(self, name: str, compute: Callable[[], T]) -> T:
        """Compute something of this song once, however many ask for it.

        Parameters
        ----------
        name : str
            What it is, parameters included.
        compute : callable
            Called without arguments the first time.

        Returns
        -------
        object
            What it returned, now or then.
        """
        if name not in self._known:
            self._known[name] = compute()
        known: T = self._known[name]
        return known


def load_excerpts(path: str | Path, plan: ExcerptPlan = DEFAULT_PLAN) -> Excerpts:
    """Decode the seconds of a song that a plan asks for, and no others.

    Parameters
    ----------
    path : str or Path
        An audio file.
    plan : ExcerptPlan
        Which seconds.

    Returns
    -------
    Excerpts
        The stretches at the song's own sample rate, with a warning where some of them could not be
        decoded. Where none could, because the file is shorter than it says, its beginning.

    Raises
    ------
    AudioDecodeError
        When the file cannot be heard (see :func:`generify.audio.load_audio`); a silent stretch is
        no error as long as another is not.
    """
    info = probe_audio(path)
    wanted = plan.stretches(info.duration)
    if len(wanted) == 1 and info.duration <= plan.whole_up_to:
        return _load_whole(path, info)
    parts = [part for start, length in wanted if (part := _load_stretch(info, start, length))]
    missing = len(wanted) - len(parts)
    if _heard(parts) < plan.stretch:
        beginning = _load_stretch(info, 0.0, plan.whole_up_to)
        parts = max(parts, [beginning] if beginning else [], key=_heard)
    if not parts:
        return _load_whole(path, info)
    if all(is_silent(part.samples) for part in parts):  # before what is left of it is raised
        raise AudioDecodeError(
            f"{path}: is silent in all stretches that were heard (peaks below -80 dBFS)",
            hint="check the recording",
        )
    parts = mend_levels(parts)
    warnings = list(dict.fromkeys(w for part in parts for w in part.warnings))
    if missing:
        warnings.append(_missing_warning(parts, missing, len(wanted)))
    return Excerpts(tuple(parts), info.duration, tuple(warnings))


def _load_stretch(info: AudioInfo, start: float, length: float) -> Audio | None:
    """Decode one stretch; None where a damaged file has nothing there."""
    try:
        return load_audio(info.path, start=start, duration=length, allow_silence=True, info=info)
    except AudioDecodeError:
        return None


def _load_whole(path: str | Path, info: AudioInfo) -> Excerpts:
    whole = load_audio(path, info=info)
    return Excerpts(tuple(mend_levels([whole])), whole.duration, whole.warnings)


def mend_levels(stretches: Sequence[Audio]) -> list[Audio]:
    """Take constant offsets away, and bring a song that is too quiet or loud to a usual level.

    Parameters
    ----------
    stretches : sequence of Audio
        What is heard of one song; all get the same gain.

    Returns
    -------
    list of Audio
        The same samples, unless their mean is above 5 % of their peak, or the loudest of all is
        below 0.25 (-12 dBFS) or above 2.
    """
    centred = [_centred(stretch) for stretch in stretches]
    peak = max((_peak(stretch.samples) for stretch in centred), default=0.0)
    if not peak or _QUIETEST_PEAK <= peak <= _LOUDEST_PEAK:
        return centred
    # divided first: squares of very large samples would be infinite
    units = [stretch.samples / np.float32(peak) for stretch in centred]
    energy = sum(float(np.dot(unit, unit)) for unit in units) / sum(map(len, units))
    gain = np.float32(min(_USUAL_RMS / math.sqrt(energy), 1.0))
    for unit in units:
        unit *= gain
    return [replace(s, samples=unit) for s, unit in zip(centred, units, strict=True)]


def _centred(stretch: Audio) -> Audio:
    samples = stretch.samples
    # summed in double precision: of an hour's samples, or very large ones, single would lose it
    mean = float(samples.mean(dtype=np.float64)) if len(samples) else 0.0
    if abs(mean) <= _LARGEST_OFFSET * _peak(samples):
        return stretch
    return replace(stretch, samples=samples - np.float32(mean))


def _peak(samples: NDArray[np.float32]) -> float:
    return max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))


def _heard(parts: list[Audio]) -> float:
    """Seconds of sound in all stretches together."""
    return sum(len(part.samples) / part.sample_rate for part in parts)


def _missing_warning(parts: list[Audio], missing: int, n_wanted: int) -> str:
    return (
        f"{missing} of {n_wanted} stretches could not be decoded, "
        f"{_heard(parts):.1f} s were heard; the file is {DAMAGED}"
    )
