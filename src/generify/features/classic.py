"""The features of a decade of genre recognition: MFCC, pitch classes, brightness and loudness.

They are what librosa computes with its defaults at 22.05 kHz, so tables that others made with it
can be trained on; but for what depends on the file that a song is kept in. The level of the highest
mel band, which resampling takes away, is taken out of the means of MFCC, see
:func:`without_highest_band`; and their deviations stop at the tenth, as those of the others hear
the holes that codecs leave between partials. As in librosa, the volume of a recording counts: it
moves ``mfcc.mean.00`` and ``rms.mean.00``. Statistics are taken over the frames of all heard
stretches together, and so are the loudest bin (MFCC are floored 80 dB below it) and the tuning of
the pitch classes.

In it: :class:`Classic`, :func:`classic_vector`, :data:`COLUMNS`; :data:`LIBROSA_COLUMNS` and
:func:`without_highest_band`, which make them of a table of librosa's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from generify.errors import ParameterError
from generify.excerpts import Excerpts
from generify.features.base import Extractor, ParameterValue
from generify.spectral_features import (
    N_CHROMA,
    SpectralPeaks,
    chroma,
    estimate_tuning,
    rms,
    spectral_centroid,
    spectral_peaks,
    spectral_rolloff,
    zero_crossing_rate,
)
from generify.spectrum import (
    count_frames,
    dct_basis,
    mel_filterbank,
    power_spectrogram,
    power_to_db,
)

__all__ = [
    "COLUMNS",
    "LIBROSA_COLUMNS",
    "SAMPLE_RATE",
    "Classic",
    "classic_vector",
    "without_highest_band",
]

Floats = NDArray[np.float32]

SAMPLE_RATE = 22050
_N_FFT = 2048
_HOP_LENGTH = 512
_N_MELS = 128
_N_MFCC = 20
# Of 28 clips one moved by up to 1.3 deviations in the other ten, encoded as Ogg Vorbis, and without
# them cross-validated accuracy is no lower (`docs/robustness.md`).
_N_MFCC_STD = 10
_BLOCK = 1024  # frames at once, so that an hour's linear spectrum is never held: 4 MB, not 640

_SINGLE = MappingProxyType(
    {
        "centroid": "spec_centroid",
        "rolloff": "spec_rolloff",
        "zero_crossing_rate": "zcr",
        "rms": "rms",
    }
)
LIBROSA_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        **{f"{ours}.mean.00": f"{theirs}_mean" for ours, theirs in _SINGLE.items()},
        **{
            f"{feature}.{statistic}.{i:02d}": f"{feature}{i + 1}_{statistic}"
            for feature, statistic, count in (
                ("mfcc", "mean", _N_MFCC),
                ("mfcc", "std", _N_MFCC_STD),
                ("chroma", "mean", N_CHROMA),
                ("chroma", "std", N_CHROMA),
            )
            for i in range(count)
        },
    }
)
"""What our columns are called in tables such as the Indian one: ``mfcc.mean.00`` is ``mfcc1_mean``.

The values of such a table become ours by :func:`without_highest_band`. Such tables have a tempo as
well. It is left out: of 120 GTZAN clips 14 % change theirs when 20 s of the 30 are heard, mostly to
a half or a double.
"""
COLUMNS = tuple(LIBROSA_COLUMNS)
# all but the first: it holds the level, which would be spread over the others
_SHAPE = slice(COLUMNS.index("mfcc.mean.01"), COLUMNS.index("mfcc.mean.00") + _N_MFCC)


def without_highest_band(X: NDArray[np.floating]) -> Floats:
    """Take the level of the highest mel band, 10.5 to 11 kHz, out of the means of MFCC.

    Parameters
    ----------
    X : ndarray of float, shape (..., 58)
        What librosa's defaults give, in the order of :data:`COLUMNS`.

    Returns
    -------
    ndarray of float32, shape (..., 58)
        The same, but that ``mfcc.mean.01`` to ``mfcc.mean.19`` are projected on what is orthogonal
        to that band's part in them, its column of the cosine transform.

    Notes
    -----
    What is resampled to 22.05 kHz has lost that band, by 5 dB in the mean of 28 GTZAN clips and by
    up to 19; a recording that is kept at 22.05 kHz may have it. Means are linear in the levels of
    the bands, so this can be done to a table, which has no spectra.

    Examples
    --------
    >>> from generify.spectrum import dct_basis
    >>> louder = np.zeros(len(COLUMNS))
    >>> louder[5:24] = dct_basis(20, 128)[1:, -1]
    >>> bool(np.abs(without_highest_band(louder)).max() < 1e-6)
    True
    """
    highest = dct_basis(_N_MFCC, _N_MELS)[1:, -1].astype(np.float64)
    result = np.array(X, dtype=np.float64)
    shape = result[..., _SHAPE]
    shape -= (shape @ highest / (highest @ highest))[..., np.newaxis] * highest
    return result.astype(np.float32)


def _power_blocks(stretches: Sequence[Floats]) -> Iterator[Floats]:
    """Power spectra of all stretches, some frames at a time, shape (n_bins, n_block)."""
    for samples in stretches:
        n_frames = count_frames(len(samples), _HOP_LENGTH)
        for first in range(0, n_frames, _BLOCK):
            frames = np.arange(first, min(first + _BLOCK, n_frames))
            yield power_spectrogram(samples, n_fft=_N_FFT, hop_length=_HOP_LENGTH, frames=frames)


def classic_vector(stretches: Sequence[Floats]) -> Floats:
    """Summarise the heard stretches of one song.

    Parameters
    ----------
    stretches : sequence of ndarray of float32, each of shape (n_samples,)
        Mono samples at :data:`SAMPLE_RATE`, full scale ±1; none empty.

    Returns
    -------
    ndarray of float32, shape (58,)
        In the order of :data:`COLUMNS`; always finite.

    Raises
    ------
    ParameterError
        When there is no stretch, or one that is empty or not one-dimensional.

    Notes
    -----
    Takes about 25 ms for 30 s. Spectra are computed twice, because pitch classes cannot be summed
    before the tuning of the whole song is known, and keeping all spectra would take 10 MB a minute.

    References
    ----------
    .. [1] G. Tzanetakis and P. Cook, "Musical genre classification of audio signals", IEEE
       Transactions on Speech and Audio Processing 10(5), 2002.
    .. [2] S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic
       word recognition in continuously spoken sentences", IEEE Transactions on Acoustics, Speech
       and Signal Processing 28(4), 1980.
    .. [3] B. McFee, C. Raffel, D. Liang, D. P. W. Ellis, M. McVicar, E. Battenberg and O. Nieto,
       "librosa: audio and music signal analysis in Python", Python in Science Conference, 2015.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050).astype(np.float32)
    >>> chroma_means = classic_vector([tone])[COLUMNS.index("chroma.mean.00") :][:12]
    >>> int(chroma_means.argmax())  # C, C sharp, D … A
    9
    """
    shapes = [samples.shape for samples in stretches]
    if not shapes or any(len(shape) != 1 or shape[0] < 1 for shape in shapes):
        raise ParameterError(
            f"stretches must be one or more arrays of shape (n_samples,), none empty, got {shapes}"
        )
    spectral, peaks = _spectral_frames(stretches)
    waves = [(zero_crossing_rate(samples), rms(samples)) for samples in stretches]
    crossings, loudness = (np.concatenate(rows) for rows in zip(*waves, strict=True))
    single = (spectral[-2], spectral[-1], crossings, loudness)
    coefficients = dct_basis(_N_MFCC, _N_MELS) @ power_to_db(spectral[:_N_MELS])
    mfcc_mean, mfcc_std = _mean_and_std(coefficients)
    as_librosa = np.concatenate(
        [
            [np.mean(values, dtype=np.float64) for values in single],
            mfcc_mean,
            mfcc_std[:_N_MFCC_STD],
            *_mean_and_std(_chroma_frames(stretches, estimate_tuning(peaks))),
        ]
    )
    return without_highest_band(as_librosa)


def _spectral_frames(stretches: Sequence[Floats]) -> tuple[Floats, SpectralPeaks]:
    """Mel bands, centroid and rolloff of every frame, shape (130, n_frames); and all peaks."""
    bands = mel_filterbank(SAMPLE_RATE, _N_FFT, _N_MELS)
    frames, peaks = [], []
    for power in _power_blocks(stretches):
        brightness = (spectral_centroid(power, SAMPLE_RATE), spectral_rolloff(power, SAMPLE_RATE))
        frames.append(np.vstack([bands @ power, *brightness]))
        peaks.append(spectral_peaks(power, SAMPLE_RATE))
    found = SpectralPeaks(
        np.concatenate([part.frequencies for part in peaks]),
        np.concatenate([part.strengths for part in peaks]),
    )
    return np.concatenate(frames, axis=1), found


def _chroma_frames(stretches: Sequence[Floats], tuning: float) -> Floats:
    parts = [chroma(power, SAMPLE_RATE, tuning=tuning) for power in _power_blocks(stretches)]
    return np.concatenate(parts, axis=1)


def _mean_and_std(rows: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return rows.mean(axis=1, dtype=np.float64), rows.std(axis=1, dtype=np.float64)


class Classic(Extractor):
    """Means and deviations of MFCC and 12 pitch classes; brightness, noisiness and loudness."""

    name = "classic"
    version = 2
    summary = "MFCC, chroma, brightness, loudness as librosa's defaults give them; for its tables"

    @property
    def parameters(self) -> Mapping[str, ParameterValue]:
        """Everything that changes the numbers, by name."""
        return {
            "sample_rate": SAMPLE_RATE,
            "n_fft": _N_FFT,
            "hop_length": _HOP_LENGTH,
            "n_mels": _N_MELS,
            "n_mfcc": _N_MFCC,
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numbers: :data:`COLUMNS`."""
        return COLUMNS

    def extract(self, excerpts: Excerpts) -> Floats:
        """Compute the vector of one song.

        Parameters
        ----------
        excerpts : Excerpts
            The heard stretches.

        Returns
        -------
        ndarray of float32, shape (58,)
            In the order of :attr:`columns`; always finite.
        """
        return classic_vector(excerpts.at(SAMPLE_RATE))
