"""Classic descriptions of a sound, frame by frame: how bright, how loud, which pitches.

Conventions: ``power`` is a matrix ``(n_bins, n_frames)`` as
:func:`generify.spectrum.power_spectrogram` gives it, its bins evenly spaced from 0 Hz to half the
sample rate; ``samples`` are mono. Names and numbers are those of librosa's defaults, so tables that
librosa made can be used: frames are 2048 samples long, 512 apart, centred. Frames are columns, and
what has one number a frame has shape ``(n_frames,)``. Silent frames give 0, never NaN.

In it: :func:`spectral_centroid`, :func:`spectral_rolloff`, :func:`zero_crossing_rate`, :func:`rms`;
and the way to pitch classes: :func:`spectral_peaks`, :func:`estimate_tuning`,
:func:`chroma_filterbank`, :func:`chroma`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generify.errors import ParameterError
from generify.spectrum import count_frames

__all__ = [
    "N_CHROMA",
    "SpectralPeaks",
    "chroma",
    "chroma_filterbank",
    "estimate_tuning",
    "rms",
    "spectral_centroid",
    "spectral_peaks",
    "spectral_rolloff",
    "zero_crossing_rate",
]

Floats = NDArray[np.float32]

N_CHROMA = 12
_TINY = np.finfo(np.float32).tiny
_FAINT = 1e-10  # samples closer to zero than this have no sign: dither, not sound
_LEAST_PEAK = 0.1  # of the frame's strongest bin
_PITCH_RANGE = (150.0, 4000.0)  # Hz; lower peaks are too broad in frequency, higher ones overtones
_TUNING_EDGES = np.linspace(-0.5, 0.5, 101)  # hundredths of a semitone
_A0 = 27.5
_CENTRE_OCTAVE, _OCTAVE_WIDTH = 5.0, 2.0  # pitch classes are read mostly around 880 Hz


def _frequencies(power: Floats, sample_rate: int) -> Floats:
    if power.ndim != 2 or len(power) < 3:
        raise ParameterError(
            f"power must have shape (n_bins, n_frames) with 3 or more bins, got {power.shape}"
        )
    return np.linspace(0, sample_rate / 2, len(power), dtype=np.float32)


def spectral_centroid(power: Floats, sample_rate: int) -> Floats:
    """Centre of mass of the magnitude spectrum: how bright a frame is.

    Parameters
    ----------
    power : ndarray of float32, shape (n_bins, n_frames)
        Power spectrogram.
    sample_rate : int
        Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames,)
        Hz: magnitudes times frequencies over magnitudes.

    Raises
    ------
    ParameterError
        When power is no matrix of three or more bins.

    References
    ----------
    .. [1] J. M. Grey and J. W. Gordon, "Perceptual effects of spectral modifications on musical
       timbres", Journal of the Acoustical Society of America 63(5), 1978.

    Examples
    --------
    >>> power = np.zeros((1025, 1), dtype=np.float32)
    >>> power[[100, 200]] = 4
    >>> round(spectral_centroid(power, 20480).item())
    1500
    """
    frequencies = _frequencies(power, sample_rate)
    magnitudes = np.sqrt(power)
    result: Floats = (frequencies @ magnitudes) / np.maximum(magnitudes.sum(axis=0), _TINY)
    return result


def spectral_rolloff(power: Floats, sample_rate: int, *, roll_percent: float = 0.85) -> Floats:
    """Frequency below which most of the magnitude lies.

    Parameters
    ----------
    power : ndarray of float32, shape (n_bins, n_frames)
        Power spectrogram.
    sample_rate : int
        Hz.
    roll_percent : float
        The share that lies below, between 0 and 1.

    Returns
    -------
    ndarray of float32, shape (n_frames,)
        Hz, the frequency of a bin.

    Raises
    ------
    ParameterError
        When power is no matrix of three or more bins, or the share is out of range.

    References
    ----------
    .. [1] E. Scheirer and M. Slaney, "Construction and evaluation of a robust multifeature
       speech/music discriminator", IEEE International Conference on Acoustics, Speech and Signal
       Processing, 1997.

    Examples
    --------
    >>> spectral_rolloff(np.ones((1025, 1), dtype=np.float32), 20480).item()
    8710.0
    """
    frequencies = _frequencies(power, sample_rate)
    if not 0 < roll_percent < 1:
        raise ParameterError(f"roll_percent must lie between 0 and 1, got {roll_percent}")
    magnitudes = np.sqrt(power)
    wanted = np.float32(roll_percent) * magnitudes.sum(axis=0)
    below = np.zeros_like(wanted)
    n_below = np.zeros(len(wanted), dtype=np.intp)
    # bin by bin: a running sum over columns strides through memory and takes up to ten times longer
    for of_bin in magnitudes:
        below += of_bin
        n_below += below < wanted
    result: Floats = frequencies[np.minimum(n_below, len(power) - 1)]
    return result


def zero_crossing_rate(
    samples: Floats, *, frame_length: int = 2048, hop_length: int = 512
) -> NDArray[np.float64]:
    """Share of the samples of a frame at which the signal changes its sign.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono samples, not empty.
    frame_length : int
        Samples in a frame.
    hop_length : int
        Samples between the centres of neighbouring frames.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        From 0 to 1. Beyond both ends the signal keeps its first and last value.

    Raises
    ------
    ParameterError
        When samples are empty or not one-dimensional.

    References
    ----------
    .. [1] B. Kedem, "Spectral analysis and discrimination by zero-crossings", Proceedings of the
       IEEE 74(11), 1986.

    Examples
    --------
    >>> ramp = np.arange(-8, 8, dtype=np.float32)
    >>> zero_crossing_rate(ramp, frame_length=8, hop_length=4).tolist()
    [0.0, 0.0, 0.125, 0.0, 0.0]
    """
    _check_samples(samples)
    negative = samples < -_FAINT
    crossed = np.zeros(len(samples) + frame_length + 1, dtype=np.intp)
    crossed[frame_length // 2 + 2 :][: len(samples) - 1] = negative[1:] != negative[:-1]
    total = np.cumsum(crossed)  # of the padded signal's samples before each
    starts = np.arange(count_frames(len(samples), hop_length)) * hop_length
    # a frame does not know the sample before its first, so the first is never a crossing
    result: NDArray[np.float64] = (total[starts + frame_length] - total[starts + 1]) / frame_length
    return result


def rms(samples: Floats, *, frame_length: int = 2048, hop_length: int = 512) -> Floats:
    """Root of the mean square of each frame: how loud it is.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono samples, full scale ±1, not empty.
    frame_length : int
        Samples in a frame, a multiple of the hop.
    hop_length : int
        Samples between the centres of neighbouring frames.

    Returns
    -------
    ndarray of float32, shape (n_frames,)
        From 0 to 1. Beyond both ends the signal is zero.

    Raises
    ------
    ParameterError
        When samples are empty or not one-dimensional, or the frame is no multiple of the hop.

    Examples
    --------
    >>> np.round(rms(np.ones(2048, dtype=np.float32)).astype(float), 3).tolist()
    [0.707, 0.866, 1.0, 0.866, 0.707]
    """
    _check_samples(samples)
    if frame_length % hop_length:
        raise ParameterError(
            f"frame_length must be a multiple of hop_length, got {frame_length} and {hop_length}"
        )
    n_hops = count_frames(len(samples), hop_length) + frame_length // hop_length - 1
    padded = np.pad(samples, (frame_length // 2, frame_length))[: n_hops * hop_length]
    hops = padded.reshape(n_hops, hop_length)
    energy = np.einsum("ij,ij->i", hops, hops)
    frames = np.lib.stride_tricks.sliding_window_view(energy, frame_length // hop_length)
    result: Floats = np.sqrt(frames.sum(axis=1) / np.float32(frame_length))
    return result


def _check_samples(samples: Floats) -> None:
    if samples.ndim != 1 or not len(samples):
        raise ParameterError(f"samples must be mono and not empty, got shape {samples.shape}")


@dataclass(frozen=True)
class SpectralPeaks:
    """Peaks of the spectra of some frames.

    Attributes
    ----------
    frequencies : ndarray of float32, shape (n_peaks,)
        Hz, finer than the bins.
    strengths : ndarray of float32, shape (n_peaks,)
        Power at the top of each.
    """

    frequencies: Floats
    strengths: Floats


def spectral_peaks(power: Floats, sample_rate: int) -> SpectralPeaks:
    """Find the peaks between 150 and 4000 Hz of every frame.

    Parameters
    ----------
    power : ndarray of float32, shape (n_bins, n_frames)
        Power spectrogram.
    sample_rate : int
        Hz.

    Returns
    -------
    SpectralPeaks
        Bins above their neighbours and above a tenth of the frame's strongest, placed by a parabola
        through the three.

    Raises
    ------
    ParameterError
        When power is no matrix of three or more bins.

    References
    ----------
    .. [1] J. O. Smith and X. Serra, "PARSHL: an analysis/synthesis program for non-harmonic sounds
       based on a sinusoidal representation", International Computer Music Conference, 1987.
    """
    frequencies = _frequencies(power, sample_rate)
    first, last = np.searchsorted(frequencies, _PITCH_RANGE)
    first, last = max(int(first), 1), min(int(last), len(power) - 1)
    middle, above = power[first:last], power[first + 1 : last + 1]
    below = power[first - 1 : last - 1]
    is_peak = (middle > below) & (middle >= above)
    is_peak &= middle > np.float32(_LEAST_PEAK) * power.max(axis=0)
    rows, columns = np.nonzero(is_peak)
    top, left, right = (part[rows, columns] for part in (middle, below, above))
    slope, bend = (right - left) / 2, left + right - 2 * top
    # at a flat top the parabola's vertex would lie beyond the neighbour
    inside = np.abs(slope) < np.abs(bend)
    shift = np.where(inside, -slope / np.where(inside, bend, 1), 0)
    step = np.float32(sample_rate / (2 * (len(power) - 1)))
    return SpectralPeaks(
        frequencies=(rows + first + shift).astype(np.float32) * step,
        strengths=(top + slope * shift / 2).astype(np.float32),
    )


def estimate_tuning(peaks: SpectralPeaks) -> float:
    """Find how far the music is from concert pitch.

    Parameters
    ----------
    peaks : SpectralPeaks
        Peaks of all frames of a song.

    Returns
    -------
    float
        Semitones from the nearest note on the scale where A4 is 440 Hz, from -0.5 to 0.49 in steps
        of 0.01: where most of the stronger half of the peaks lie. 0 without peaks.

    Examples
    --------
    >>> sharp = np.float32(440 * 2 ** (np.arange(5) / 12 + 0.205 / 12))
    >>> round(estimate_tuning(SpectralPeaks(sharp, np.ones(5, dtype=np.float32))), 2)
    0.2
    """
    if not len(peaks.frequencies):
        return 0.0
    strong = peaks.strengths >= np.median(peaks.strengths)
    steps = N_CHROMA * np.log2(peaks.frequencies[strong] / np.float32(_A0))
    residuals = np.mod(steps, 1.0)
    residuals[residuals >= 0.5] -= 1.0
    counts, _ = np.histogram(residuals, _TUNING_EDGES)
    return float(_TUNING_EDGES[counts.argmax()])


@lru_cache(maxsize=128)
def chroma_filterbank(sample_rate: int, n_fft: int, *, tuning: float = 0.0) -> Floats:
    """Weights that sum a power spectrum into twelve pitch classes.

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_fft : int
        Length of the transform in samples.
    tuning : float
        Semitones from concert pitch.

    Returns
    -------
    ndarray of float32, shape (12, 1 + n_fft // 2)
        From C to B, read-only: bells around each note, weakened away from 880 Hz.

    References
    ----------
    .. [1] D. P. W. Ellis, "Chroma feature analysis and synthesis", LabROSA, Columbia University,
       2007.
    """
    hz = np.arange(1, n_fft) * (sample_rate / n_fft)
    steps = N_CHROMA * np.log2(hz / _A0) - tuning
    # the bin of 0 Hz has no pitch: an octave and a half below the next, so broad that it is faint
    steps = np.concatenate([[steps[0] - 1.5 * N_CHROMA], steps])
    widths = np.append(np.maximum(np.diff(steps), 1), 1)
    distances = np.mod(steps - np.arange(N_CHROMA)[:, None] + N_CHROMA / 2, N_CHROMA) - N_CHROMA / 2
    bells = np.exp(-0.5 * (2 * distances / widths) ** 2)
    bells /= np.linalg.norm(bells, axis=0)
    octaves = (steps / N_CHROMA - _CENTRE_OCTAVE) / _OCTAVE_WIDTH
    weights = (bells * np.exp(-0.5 * octaves**2))[:, : 1 + n_fft // 2]
    result: Floats = np.roll(weights, -3, axis=0).astype(np.float32)  # bells start at A
    result.flags.writeable = False
    return result


def chroma(power: Floats, sample_rate: int, *, tuning: float = 0.0) -> Floats:
    """Strength of the twelve pitch classes over time.

    Parameters
    ----------
    power : ndarray of float32, shape (n_bins, n_frames)
        Power spectrogram.
    sample_rate : int
        Hz.
    tuning : float
        Semitones from concert pitch, see :func:`estimate_tuning`.

    Returns
    -------
    ndarray of float32, shape (12, n_frames)
        From C to B; the strongest of a frame is 1.

    Raises
    ------
    ParameterError
        When power is no matrix of three or more bins.

    References
    ----------
    .. [1] M. A. Bartsch and G. H. Wakefield, "To catch a chorus: using chroma-based representations
       for audio thumbnailing", IEEE Workshop on Applications of Signal Processing to Audio and
       Acoustics, 2001.
    """
    _frequencies(power, sample_rate)
    raw: Floats = chroma_filterbank(sample_rate, 2 * (len(power) - 1), tuning=tuning) @ power
    strongest = raw.max(axis=0)
    strongest[strongest < _TINY] = 1
    result: Floats = raw / strongest
    return result
