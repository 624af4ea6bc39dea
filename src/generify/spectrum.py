"""Samples to frames to spectra: the one short-time Fourier transform, and what is read off it.

Conventions: parameters are named as in librosa (``n_fft, hop_length, n_mels, n_mfcc, fmin, fmax``)
and the numbers equal librosa's defaults (periodic Hann window, frames centred on multiples of the
hop with zeros beyond both ends, Slaney mel bands of the power spectrum). Frames are columns: every
result has shape ``(n_features, n_frames)``. Everything is float32; frames are transformed in
blocks that stay in the processor's cache.

In it: :func:`power_spectrogram`, :func:`band_spectrogram`, :func:`mel_filterbank`,
:func:`mel_spectrogram`, :func:`power_to_db`, :func:`dct_basis`, :func:`mfcc`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generify.errors import ParameterError

__all__ = [
    "band_spectrogram",
    "count_frames",
    "dct_basis",
    "hz_to_mel",
    "mel_filterbank",
    "mel_spectrogram",
    "mel_to_hz",
    "mfcc",
    "power_spectrogram",
    "power_to_db",
]

Floats = NDArray[np.float32]

_BLOCK = 64  # frames at once: 64 × 2048 float32 fit the second-level cache; 64–128 measured best
# Bands multiplied at once: their bins are neighbours, the rest of the rows is zero. 8–16 measured
# best.
_BAND_GROUP = 16

_MEL_HZ_LINEAR = 200.0 / 3  # Slaney's scale: linear below 1 kHz,
_MEL_BREAK_HZ = 1000.0
_MEL_BREAK = _MEL_BREAK_HZ / _MEL_HZ_LINEAR
_MEL_LOG_STEP = np.log(6.4) / 27.0  # … then 27 steps to each factor of 6.4


def hz_to_mel(frequencies: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Convert Hz to mel on Slaney's scale.

    Parameters
    ----------
    frequencies : array_like
        Frequencies in Hz, not negative.

    Returns
    -------
    ndarray of float64
        Mels, same shape.

    References
    ----------
    .. [1] M. Slaney, "Auditory Toolbox", version 2, Interval Research Corporation technical
       report 1998-010, 1998.

    Examples
    --------
    >>> round(float(hz_to_mel(1000.0)), 6)
    15.0
    """
    hz = np.asarray(frequencies, dtype=np.float64)
    high = _MEL_BREAK + np.log(np.maximum(hz, _MEL_BREAK_HZ) / _MEL_BREAK_HZ) / _MEL_LOG_STEP
    return np.where(hz < _MEL_BREAK_HZ, hz / _MEL_HZ_LINEAR, high)


def mel_to_hz(mels: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Convert mel on Slaney's scale to Hz; the inverse of :func:`hz_to_mel`.

    Parameters
    ----------
    mels : array_like
        Mels, not negative.

    Returns
    -------
    ndarray of float64
        Frequencies in Hz, same shape.

    Examples
    --------
    >>> round(float(mel_to_hz(15.0)), 6)
    1000.0
    """
    m = np.asarray(mels, dtype=np.float64)
    high = _MEL_BREAK_HZ * np.exp(_MEL_LOG_STEP * (np.maximum(m, _MEL_BREAK) - _MEL_BREAK))
    return np.where(m < _MEL_BREAK, m * _MEL_HZ_LINEAR, high)


@lru_cache(maxsize=16)
def mel_filterbank(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    *,
    fmin: float = 0.0,
    fmax: float | None = None,
) -> Floats:
    """Triangular mel bands, each of unit area (Slaney's normalisation).

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_fft : int
        Length of the transform in samples.
    n_mels : int
        Number of bands.
    fmin, fmax : float
        Lower edge of the first and upper edge of the last band in Hz; ``fmax`` is half the sample
        rate by default.

    Returns
    -------
    ndarray of float32, shape (n_mels, 1 + n_fft // 2)
        Weights of the bins, read-only.

    Raises
    ------
    ParameterError
        Unless ``0 <= fmin < fmax <= sample_rate / 2`` and ``n_mels >= 1``.

    References
    ----------
    .. [1] M. Slaney, "Auditory Toolbox", version 2, Interval Research Corporation technical
       report 1998-010, 1998.
    """
    top = sample_rate / 2 if fmax is None else fmax
    if n_mels < 1 or not 0 <= fmin < top <= sample_rate / 2:
        raise ParameterError(
            f"mel bands need n_mels >= 1 and 0 <= fmin < fmax <= {sample_rate / 2:g} Hz, "
            f"got n_mels={n_mels}, fmin={fmin:g}, fmax={top:g}"
        )
    bins = np.arange(1 + n_fft // 2) * (sample_rate / n_fft)
    edges = mel_to_hz(np.linspace(hz_to_mel(fmin), hz_to_mel(top), n_mels + 2))
    low, centre, high = (edges[i : i + n_mels, None] for i in range(3))
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    bands = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))
    weights = bands.astype(np.float32)
    weights.flags.writeable = False
    return weights


def _band_groups(weights: Floats) -> list[tuple[slice, slice, Floats]]:
    """Cut a filterbank into groups of bands with the bins that they touch."""
    groups = []
    for first in range(0, len(weights), _BAND_GROUP):
        rows = slice(first, min(first + _BAND_GROUP, len(weights)))
        used = np.flatnonzero(weights[rows].any(axis=0))
        bins = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        groups.append((rows, bins, np.ascontiguousarray(weights[rows, bins])))
    return groups


@lru_cache(maxsize=8)
def _hann(n_fft: int) -> Floats:
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    return window.astype(np.float32)


def count_frames(n_samples: int, hop_length: int) -> int:
    """Count the frames of a signal.

    Parameters
    ----------
    n_samples : int
        Its length.
    hop_length : int
        Samples between the centres of neighbouring frames.

    Returns
    -------
    int
        One for each multiple of the hop from 0 to the end.
    """
    return 1 + n_samples // hop_length


def _power_blocks(
    samples: Floats, n_fft: int, hop_length: int, frames: NDArray[np.intp] | None
) -> Iterator[tuple[slice, Floats]]:
    """Yield the power spectra of a few frames at a time, shape (n_block, n_bins).

    Each block is overwritten by the next: fresh memory for all would take longer than the work.
    """
    if samples.ndim != 1:
        raise ParameterError(
            f"samples must be mono, shape (n_samples,), got shape {samples.shape}",
            hint="average the channels first",
        )
    if frames is None:
        frames = np.arange(count_frames(len(samples), hop_length))
    starts = frames * hop_length - n_fft // 2
    step = _even_step(starts)
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    window = _hann(n_fft) * np.float32(n_fft)
    n_rows, n_bins = min(_BLOCK, len(frames)), 1 + n_fft // 2
    windowed = np.empty((n_rows, n_fft), dtype=np.float32)
    spectrum = np.empty((n_rows, n_bins), dtype=np.complex64)
    power = np.empty((n_rows, n_bins), dtype=np.float32)
    for first in range(0, len(frames), _BLOCK):
        chosen = starts[first : first + _BLOCK]
        rows = slice(0, len(chosen))
        _window_frames(samples, chosen, step, window, windowed[rows])
        # Scaled by 1 / n_fft, which the window makes up for: unscaled, numpy computes in double
        # precision and takes twice the time. Its type hints know double precision only.
        np.fft.rfft(windowed[rows], norm="forward", out=spectrum[rows])  # type: ignore[arg-type]
        np.abs(spectrum[rows], out=power[rows])
        yield slice(first, first + len(chosen)), np.square(power[rows], out=power[rows])


def _even_step(starts: NDArray[np.intp]) -> int | None:
    """Measure how far frames are apart; None where that differs."""
    steps = np.diff(starts)
    return int(steps[0]) if len(steps) and steps[0] > 0 and (steps == steps[0]).all() else None


def _window_frames(
    samples: Floats, starts: NDArray[np.intp], step: int | None, window: Floats, result: Floats
) -> None:
    """Put the windowed frames that begin at some samples into a matrix; zero beyond the ends."""
    first, last = int(starts.min()), int(starts.max()) + len(window)
    inside = samples[max(first, 0) : last]
    if len(inside) < last - first:
        before = max(-first, 0)
        inside = np.pad(inside, (before, last - first - before - len(inside)))
    if step is not None:
        n_bytes = inside.itemsize
        frames = np.ndarray(result.shape, np.float32, inside, strides=(n_bytes * step, n_bytes))
        np.multiply(frames, window, out=result)
        return
    for row, start in zip(result, (starts - first).tolist(), strict=True):
        np.multiply(inside[start : start + len(window)], window, out=row)


def power_spectrogram(
    samples: Floats,
    *,
    n_fft: int = 2048,
    hop_length: int = 512,
    frames: NDArray[np.intp] | None = None,
) -> Floats:
    """Squared magnitude of the short-time Fourier transform.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono samples, full scale ±1.
    n_fft : int
        Samples in a frame.
    hop_length : int
        Samples between the centres of neighbouring frames.
    frames : ndarray of int, optional
        Numbers of the wanted frames; all ``1 + n_samples // hop_length`` by default.

    Returns
    -------
    ndarray of float32, shape (1 + n_fft // 2, n_frames)
        Power of each bin and frame.

    Raises
    ------
    ParameterError
        When samples are not one-dimensional.

    Notes
    -----
    Frame ``t`` is centred on sample ``t * hop_length``; beyond the ends the signal is zero.
    """
    n_frames = count_frames(len(samples), hop_length) if frames is None else len(frames)
    result = np.empty((1 + n_fft // 2, n_frames), dtype=np.float32)
    for columns, power in _power_blocks(samples, n_fft, hop_length, frames):
        result[:, columns] = power.T
    return result


def band_spectrogram(
    samples: Floats,
    weights: Floats,
    *,
    hop_length: int,
    frames: NDArray[np.intp] | None = None,
) -> Floats:
    """Power in any bands over time.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono samples, full scale ±1.
    weights : ndarray of float32, shape (n_bands, 1 + n_fft // 2)
        Weights of the bins; frames are twice as long as there are bins but one, an even number.
        Quickest where neighbouring bands share bins and have few, as in :func:`mel_filterbank`.
    hop_length : int
        Samples between the centres of neighbouring frames.
    frames : ndarray of int, optional
        Numbers of the wanted frames; all by default.

    Returns
    -------
    ndarray of float32, shape (n_bands, n_frames)
        ``weights @ power_spectrogram(samples)``, without holding the spectrogram.

    Raises
    ------
    ParameterError
        When samples are not one-dimensional.
    """
    n_bands, n_bins = weights.shape
    groups = _band_groups(weights)
    n_frames = count_frames(len(samples), hop_length) if frames is None else len(frames)
    result = np.empty((n_bands, n_frames), dtype=np.float32)
    for columns, power in _power_blocks(samples, 2 * (n_bins - 1), hop_length, frames):
        for rows, bins, part in groups:
            np.matmul(part, power[:, bins].T, out=result[rows, columns])
    return result


def mel_spectrogram(
    samples: Floats,
    sample_rate: int,
    *,
    n_fft: int = 2048,
    hop_length: int = 512,
    n_mels: int = 128,
    frames: NDArray[np.intp] | None = None,
) -> Floats:
    """Power in mel bands over time.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono samples, full scale ±1.
    sample_rate : int
        Hz.
    n_fft, hop_length : int
        Frame length and hop in samples.
    n_mels : int
        Number of bands, from 0 Hz to half the sample rate.
    frames : ndarray of int, optional
        Numbers of the wanted frames; all by default.

    Returns
    -------
    ndarray of float32, shape (n_mels, n_frames)
        Power in each band and frame.

    Raises
    ------
    ParameterError
        When samples are not one-dimensional or there are no bands.

    References
    ----------
    .. [1] S. S. Stevens, J. Volkmann and E. B. Newman, "A scale for the measurement of the
       psychological magnitude pitch", Journal of the Acoustical Society of America 8(3), 1937.
    """
    bands = mel_filterbank(sample_rate, n_fft, n_mels)
    return band_spectrogram(samples, bands, hop_length=hop_length, frames=frames)


def power_to_db(power: Floats, *, ref: float = 1.0, top_db: float | None = 80.0) -> Floats:
    """Convert power to decibels.

    Parameters
    ----------
    power : ndarray of float32
        Power, not negative.
    ref : float
        Power at 0 dB.
    top_db : float, optional
        Nothing is further than this below the loudest value; None keeps everything down to -100 dB.

    Returns
    -------
    ndarray of float32
        ``10 log10(power / ref)``, same shape.

    Raises
    ------
    ParameterError
        When ``ref`` or ``top_db`` is not positive.
    """
    if ref <= 0 or (top_db is not None and top_db <= 0):
        raise ParameterError(f"ref and top_db must be positive, got ref={ref}, top_db={top_db}")
    smallest = np.float32(1e-10)
    db: Floats = np.maximum(power, smallest)
    np.log10(db, out=db)
    db *= np.float32(10)
    db -= np.float32(10 * np.log10(max(ref, 1e-10)))
    if top_db is not None and db.size:
        np.maximum(db, db.max() - np.float32(top_db), out=db)
    return db


@lru_cache(maxsize=8)
def dct_basis(n_mfcc: int, n_mels: int) -> Floats:
    """Orthonormal basis of the type-II discrete cosine transform.

    Parameters
    ----------
    n_mfcc : int
        Number of coefficients, at most ``n_mels``.
    n_mels : int
        Number of values transformed.

    Returns
    -------
    ndarray of float32, shape (n_mfcc, n_mels)
        Read-only; ``dct_basis(n_mfcc, n_mels) @ log_mel`` gives the coefficients.

    Raises
    ------
    ParameterError
        Unless ``1 <= n_mfcc <= n_mels``.

    References
    ----------
    .. [1] N. Ahmed, T. Natarajan and K. R. Rao, "Discrete Cosine Transform", IEEE Transactions on
       Computers C-23(1), 1974.
    """
    if not 1 <= n_mfcc <= n_mels:
        raise ParameterError(f"n_mfcc must lie between 1 and n_mels = {n_mels}, got {n_mfcc}")
    angles = np.pi / n_mels * np.outer(np.arange(n_mfcc), np.arange(n_mels) + 0.5)
    basis = np.sqrt(2.0 / n_mels) * np.cos(angles)
    basis[0] /= np.sqrt(2.0)
    result: Floats = basis.astype(np.float32)
    result.flags.writeable = False
    return result


def mfcc(
    samples: Floats,
    sample_rate: int,
    *,
    n_mfcc: int = 20,
    n_fft: int = 2048,
    hop_length: int = 512,
    n_mels: int = 128,
) -> Floats:
    """Mel-frequency cepstral coefficients.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono samples, full scale ±1.
    sample_rate : int
        Hz.
    n_mfcc : int
        Number of coefficients, the zeroth included.
    n_fft, hop_length : int
        Frame length and hop in samples.
    n_mels : int
        Number of mel bands.

    Returns
    -------
    ndarray of float32, shape (n_mfcc, n_frames)
        Discrete cosine transform of the mel spectrum in dB, floored 80 dB below its loudest bin.

    Raises
    ------
    ParameterError
        When samples are not one-dimensional or ``n_mfcc`` exceeds ``n_mels``.

    References
    ----------
    .. [1] S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic
       word recognition in continuously spoken sentences", IEEE Transactions on Acoustics, Speech
       and Signal Processing 28(4), 1980.
    """
    power = mel_spectrogram(samples, sample_rate, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels)
    coefficients: Floats = dct_basis(n_mfcc, n_mels) @ power_to_db(power)
    return coefficients
