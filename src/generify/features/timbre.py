"""The colour, texture and rhythm of the sound, as statistics of one log-mel spectrogram.

Everything is read off mel spectra in dB, so a table of published mel spectra gives the same vector
as the audio does. Each stretch of a song is a matrix ``(128, n_frames)`` on the grid of
:func:`generify.mel_grid.log_mel_grid`. Values are taken relative to the loudest one and floored
:data:`FLOOR_DB` below it: neither level nor the faint hiss of a recording counts. Nor do the eight
highest bands, from 8.8 kHz up: what is resampled has lost the top of them. Statistics over frames
are taken over the frames of all stretches together; whatever looks from one frame to the next never
looks across the gap between two stretches.

In it: :class:`Timbre`, :func:`timbre_vector`, :data:`COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from generify.errors import ParameterError
from generify.excerpts import Excerpts
from generify.features.base import Extractor, ParameterValue
from generify.mel_grid import GRID_HOP_LENGTH, GRID_N_MELS, GRID_SAMPLE_RATE, log_mel_grid
from generify.spectrum import dct_basis

__all__ = ["COLUMNS", "FLOOR_DB", "Timbre", "timbre_vector"]

Floats = NDArray[np.floating]

# Published mel tables stop 80 dB below the loudest of all frames, which is up to 5 dB above the
# loudest of the frames they keep: from -75 up suits both. Accuracy is the same from -80 to -50.
FLOOR_DB = -65.0
# Resampling to 22.05 kHz weakens the two highest of the 128 mels by up to 5 and 19 dB: heard, they
# moved percussiveness by up to 1.4 deviations (`docs/robustness.md`). Eight less divide well, and
# cross-validated accuracy is a point higher.
_N_HEARD = 120
N_MFCC = 30
_N_CORRELATED = 13
_N_COARSE, _N_FINE = 8, 15  # bands of 15 and of 8 mels
_N_ONSET = 30  # bands of 4 mels

_FRAME_RATE = GRID_SAMPLE_RATE / GRID_HOP_LENGTH * 0.3
_SEGMENT = 64  # frames: 5 s, so that 10-s stretches and 30-s clips are measured alike
# Hz; the bands hold bars, half-bars, beats, half-beats … of common tempi
_RATE_EDGES = np.array([0.1, 0.4, 0.8, 1.2, 1.8, 2.6, 3.5, 4.5, 6.5])
_SCALE_EDGES = np.array([0, 1, 2, 4, 8, 16, 32, 64])  # cepstral orders, an octave each
_N_RATES = len(_RATE_EDGES) - 1
_BEAT_LAGS = slice(3, 26)  # 0.23–2 s, so 30–258 beats a minute
_EPSILON_DB = 0.1  # changes smaller than this are numerical, not musical
_SMALL_DB = 1.0  # added to a deviation that divides: what hardly varies shall not count as much


class _Grid:
    """All heard frames, and what several groups of features are read from."""

    def __init__(self, mels: Sequence[Floats]) -> None:
        heard = [m[:_N_HEARD] for m in mels]
        loudest = np.float32(max(float(m.max()) for m in heard))
        self.stretches = [_at_least_two(np.maximum(m - loudest, FLOOR_DB)) for m in heard]

    @cached_property
    def mel(self) -> Floats:
        return np.concatenate(self.stretches, axis=1)

    @cached_property
    def change(self) -> Floats:
        return np.concatenate([np.diff(m, axis=1) for m in self.stretches], axis=1)

    @cached_property
    def onsets(self) -> list[Floats]:
        """Onset envelope of each stretch: mean rise in dB from frame to frame."""
        return [np.maximum(np.diff(_bands(m, _N_ONSET)), 0).mean(axis=0) for m in self.stretches]


def _at_least_two(mel: Floats) -> Floats:
    return mel if mel.shape[1] > 1 else np.repeat(mel, 2, axis=1)


def _bands(mel: Floats, n_bands: int) -> Floats:
    """Mean over neighbouring mels: shape (n_bands, n_frames)."""
    result: Floats = mel.reshape(n_bands, -1, mel.shape[1]).mean(axis=1)
    return result


def _cepstrum(mel: Floats, n_mfcc: int) -> Floats:
    result: Floats = dct_basis(n_mfcc, _N_HEARD) @ mel
    return result


def _skewness(values: Floats) -> Floats:
    """Skewness of each row, the deviation raised by 1 dB; 0 where nothing varies."""
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = centred.std(axis=-1) + np.float32(_SMALL_DB)
    result: Floats = np.mean(centred * centred**2, axis=-1) / spread**3
    return result


def _mfcc(grid: _Grid) -> Floats:
    """Mean and deviation of MFCC: the spectral envelope (Davis & Mermelstein 1980)."""
    mfcc = _cepstrum(grid.mel, N_MFCC)
    delta = _cepstrum(grid.change, N_MFCC)
    return np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1), delta.std(axis=1)])


def _correlation(grid: _Grid) -> Floats:
    """How MFCC change together: covariance (Mandel & Ellis 2005) of deltas, scaled."""
    delta = _cepstrum(grid.change, _N_CORRELATED)
    covariance = np.atleast_2d(np.cov(delta, bias=True))
    spread = np.sqrt(np.diag(covariance)) + _SMALL_DB
    result: Floats = (covariance / np.outer(spread, spread))[_PAIRS]
    return result


def _modulation_power(rows: Sequence[Floats]) -> Floats:
    """Power in each modulation band: shape (n_rows, n_rates), in dB²; of 5-s segments."""
    spectra = [_segment_power(part) for stretch in rows for part in _segments(stretch)]
    rates = np.fft.rfftfreq(_SEGMENT, 1 / _FRAME_RATE)
    starts = np.searchsorted(rates, _RATE_EDGES[:-1])
    return np.add.reduceat(np.mean(spectra, axis=0), starts, axis=1)


def _segments(rows: Floats) -> list[Floats]:
    last = max(rows.shape[1] - _SEGMENT, 0)
    return [rows[:, first : first + _SEGMENT] for first in range(0, last + 1, _SEGMENT // 2)]


def _segment_power(rows: Floats) -> Floats:
    window = np.hanning(rows.shape[1] + 2)[1:-1].astype(np.float32)
    centred = (rows - rows.mean(axis=1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(centred, _SEGMENT, axis=1)) ** 2
    result: Floats = power / np.sum(window**2)
    return result


def _rhythm(grid: _Grid) -> Floats:
    """How strongly coarse bands pulsate at which rate (Rauber, Pampalk & Merkl 2002)."""
    power = _modulation_power([_bands(m, _N_COARSE) for m in grid.stretches])
    result: Floats = np.log(power + _EPSILON_DB).ravel()
    return result


def _ripple(grid: _Grid) -> Floats:
    """Modulation by spectral scale and temporal rate (Chi, Ru & Shamma 2005)."""
    power = _modulation_power([_cepstrum(m, _N_HEARD) for m in grid.stretches])
    counts = np.diff([*_SCALE_EDGES, _N_HEARD])
    scales = np.add.reduceat(power, _SCALE_EDGES, axis=0) / counts[:, None]
    result: Floats = np.log(scales + _EPSILON_DB).ravel()
    return result


def _contrast(grid: _Grid) -> Floats:
    """Peaks over valleys of coarse bands, mean and deviation (Jiang et al. 2002)."""
    ordered = np.sort(grid.mel.reshape(_N_COARSE, -1, grid.mel.shape[1]), axis=1)
    n_extreme = 3  # of 15 mels: a fifth
    contrast = ordered[:, -n_extreme:].mean(axis=1) - ordered[:, :n_extreme].mean(axis=1)
    return np.concatenate([contrast.mean(axis=1), contrast.std(axis=1)])


def _attack(grid: _Grid) -> Floats:
    """Sharp rises and slow decays skew the frame-to-frame change of a band (Seyerlehner 2010)."""
    return _skewness(np.concatenate([np.diff(_bands(m, _N_FINE)) for m in grid.stretches], axis=1))


def _percussiveness(grid: _Grid) -> Floats:
    """Change along time over change along frequency (after Ono et al. 2008), log, by band."""
    along_time = _bands(np.abs(grid.change), _N_FINE).mean(axis=1)
    steps = np.abs(np.diff(grid.mel, axis=0, append=grid.mel[-1:]))
    along_frequency = _bands(steps, _N_FINE).mean(axis=1)
    result: Floats = np.log((along_time + _EPSILON_DB) / (along_frequency + _EPSILON_DB))
    return result


def _quantiles(values: Floats, shares: Sequence[float]) -> NDArray[np.float64]:
    """Quantiles as np.percentile has them, which would import numpy.ma: 15 ms."""
    places = np.array(shares) * (len(values) - 1)
    quantiles: NDArray[np.float64] = np.interp(places, np.arange(len(values)), np.sort(values))
    return quantiles


def _onset(grid: _Grid) -> Floats:
    """How much, how evenly and how often the spectrum rises."""
    onsets = np.concatenate(grid.onsets)
    median, high = _quantiles(onsets, [0.5, 0.9])
    busy = np.mean(onsets > 2 * onsets.mean())
    return np.array([onsets.mean(), onsets.std(), _skewness(onsets), median, high, busy])


def _beat(grid: _Grid) -> Floats:
    """Shape of the onset envelope's autocorrelation (Tzanetakis & Cook 2002)."""
    correlation = _autocorrelation(grid.onsets)
    beat = np.sort(correlation[_BEAT_LAGS])
    strength = [beat[-1], beat[-3:].mean(), beat[0], beat.std(), np.abs(beat).mean()]
    return np.array([*strength, correlation[1], correlation[2]])


def _autocorrelation(rows: Sequence[Floats]) -> Floats:
    """Autocorrelation at the lags up to 2 s, all stretches together; 0 where nothing varies."""
    n_lags = _BEAT_LAGS.stop
    mean = np.concatenate(rows).mean()
    total = np.zeros(n_lags)
    for row in rows:
        centred = np.pad(row - mean, (0, n_lags))
        total += [centred[: len(row)] @ centred[lag : lag + len(row)] for lag in range(n_lags)]
    result: Floats = total / (total[0] + 1e-3)
    return result


def _numbered(feature: str, statistics: str, *counts: int) -> tuple[str, ...]:
    """Column names, one statistic after the other: ``mfcc.mean.00``, ``mfcc.mean.01`` and on."""
    return tuple(
        ".".join([feature, statistic, *(f"{i:02d}" for i in index)])
        for statistic in statistics.split()
        for index in np.ndindex(*counts)
    )


_PAIRS = np.triu_indices(_N_CORRELATED, 1)

_GROUPS = (
    (_mfcc, _numbered("mfcc", "mean std delta_std", N_MFCC)),
    (_correlation, tuple(f"mfcc.delta_corr.{i:02d}.{j:02d}" for i, j in zip(*_PAIRS, strict=True))),
    (_rhythm, _numbered("modulation", "band", _N_COARSE, _N_RATES)),
    (_ripple, _numbered("modulation", "scale", len(_SCALE_EDGES), _N_RATES)),
    (_contrast, _numbered("contrast", "mean std", _N_COARSE)),
    (_attack, _numbered("attack", "skew", _N_FINE)),
    (_percussiveness, _numbered("percussiveness", "mean", _N_FINE)),
    (_onset, _numbered("onset", "mean std skew median p90 busy", 1)),
    (_beat, _numbered("beat", "peak top3 dip spread strength lag1 lag2", 1)),
)

COLUMNS = tuple(column for _, columns in _GROUPS for column in columns)


def timbre_vector(
    mels: Sequence[NDArray[np.float32]], *, features: Collection[str] | None = None
) -> NDArray[np.float32]:
    """Summarise the mel spectra of one song.

    Parameters
    ----------
    mels : sequence of ndarray of float32, each of shape (128, n_frames)
        One matrix for each heard stretch: Slaney mel bands in dB, 12.9 frames a second. The lower
        120 are used; only differences between values count, not what 0 dB stands for.
    features : collection of str, optional
        Only columns whose names begin with one of these and a dot; all by default.

    Returns
    -------
    ndarray of float32, shape (n_features,)
        In the order of :data:`COLUMNS`; always finite.

    Raises
    ------
    ParameterError
        When there is no stretch, or one that is not 128 bands by at least one frame.

    Notes
    -----
    Takes about 2 ms for 30 s. Groups of columns: ``mfcc.mean``, ``mfcc.std`` and
    ``mfcc.delta_std`` [1]_; ``mfcc.delta_corr``, the covariance [2]_ of the frame-to-frame changes,
    each scaled by its deviation plus 1 dB; ``modulation.band``, log energy by mel band and
    modulation rate [3]_; ``modulation.scale``, the same by octave of cepstral order [4]_;
    ``contrast`` of peaks and valleys in eight mel bands [5]_; ``attack``, the skewness of change
    [6]_; ``percussiveness``, change along time over change along frequency [7]_; ``onset`` and
    ``beat``, the onset envelope and its autocorrelation [8]_.

    References
    ----------
    .. [1] S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic
       word recognition in continuously spoken sentences", IEEE Transactions on Acoustics, Speech
       and Signal Processing 28(4), 1980.
    .. [2] M. Mandel and D. Ellis, "Song-level features and support vector machines for music
       classification", ISMIR, 2005.
    .. [3] A. Rauber, E. Pampalk and D. Merkl, "Using psycho-acoustic models and self-organizing
       maps to create a hierarchical structuring of music by sound similarity", ISMIR, 2002.
    .. [4] T. Chi, P. Ru and S. Shamma, "Multiresolution spectrotemporal analysis of complex
       sounds", Journal of the Acoustical Society of America 118(2), 2005.
    .. [5] D.-N. Jiang, L. Lu, H.-J. Zhang, J.-H. Tao and L.-H. Cai, "Music type classification by
       spectral contrast feature", IEEE International Conference on Multimedia and Expo, 2002.
    .. [6] K. Seyerlehner, G. Widmer and T. Pohle, "Fusing block-level features for music similarity
       estimation", DAFx, 2010.
    .. [7] N. Ono, K. Miyamoto, J. Le Roux, H. Kameoka and S. Sagayama, "Separation of a monaural
       audio signal into harmonic/percussive components by complementary diffusion on spectrogram",
       EUSIPCO, 2008.
    .. [8] G. Tzanetakis and P. Cook, "Musical genre classification of audio signals", IEEE
       Transactions on Speech and Audio Processing 10(5), 2002.

    Examples
    --------
    >>> silence = np.full((128, 13), -80, dtype=np.float32)
    >>> timbre_vector([silence]).shape == (len(COLUMNS),)
    True
    """
    shapes = [m.shape for m in mels]
    if not shapes or any(len(s) != 2 or s[0] != GRID_N_MELS or s[1] < 1 for s in shapes):
        raise ParameterError(
            f"mels must be one or more matrices of shape ({GRID_N_MELS}, n_frames), got {shapes}"
        )
    grid = _Grid(mels)
    wanted = [
        group
        for group, columns in _GROUPS
        if features is None or columns[0].partition(".")[0] in features
    ]
    return np.concatenate([group(grid) for group in wanted]).astype(np.float32)


class Timbre(Extractor):
    """Statistics of the mel spectrum: envelope, texture and rhythm.

    Attributes
    ----------
    name, version, summary : str, int, str
        See :class:`generify.features.base.Extractor`.
    """

    name = "timbre"
    version = 2
    summary = "envelope, texture and rhythm of the mel spectrum"

    @property
    def parameters(self) -> Mapping[str, ParameterValue]:
        """Everything that changes the numbers, by name."""
        return {"floor_db": FLOOR_DB, "n_mels": _N_HEARD, "n_mfcc": N_MFCC}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numbers: :data:`COLUMNS`."""
        return COLUMNS

    def extract(self, excerpts: Excerpts) -> NDArray[np.float32]:
        """Compute the vector of one song.

        Parameters
        ----------
        excerpts : Excerpts
            The heard stretches.

        Returns
        -------
        ndarray of float32, shape (n_features,)
            In the order of :attr:`columns`; always finite.
        """
        return timbre_vector(log_mel_grid(excerpts.at(GRID_SAMPLE_RATE)).mels)
