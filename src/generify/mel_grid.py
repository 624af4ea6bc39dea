"""The frames that extractors share: a log-mel spectrum, 12.9 frames a second.

It is the grid of the published mel table of GTZAN: what is trained on that table holds for audio.

In it: :class:`LogMelGrid`, :func:`log_mel_grid`, :func:`grid_frames`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generify.spectrum import count_frames, mel_spectrogram, power_to_db

__all__ = [
    "GRID_HOP_LENGTH",
    "GRID_N_FFT",
    "GRID_N_MELS",
    "GRID_SAMPLE_RATE",
    "LogMelGrid",
    "grid_frames",
    "log_mel_grid",
]

Floats = NDArray[np.float32]

GRID_SAMPLE_RATE = 22050
GRID_N_FFT = 2048
GRID_HOP_LENGTH = 512
GRID_N_MELS = 128
# hops between grid frames: 12.91 a second, the spacing of the published GTZAN mel table
_GRID_STEP = 1293 / 387.5
_GRID_FLOOR_DB = -80.0


def grid_frames(n_samples: int) -> NDArray[np.intp]:
    """Choose the frames of the shared grid: about every third, 12.91 a second.

    Parameters
    ----------
    n_samples : int
        Length of the stretch at :data:`GRID_SAMPLE_RATE`.

    Returns
    -------
    ndarray of int
        Frame numbers at :data:`GRID_HOP_LENGTH`, rising; at least one.

    Examples
    --------
    >>> grid_frames(22050).tolist()
    [1, 5, 8, 11, 15, 18, 21, 25, 28, 31, 35, 38, 41]
    """
    n_frames = count_frames(n_samples, GRID_HOP_LENGTH)
    count = max(1, int(n_frames / _GRID_STEP))
    wanted: NDArray[np.intp] = np.floor((np.arange(count) + 0.5) * _GRID_STEP).astype(np.intp)
    np.minimum(wanted, n_frames - 1, out=wanted)
    return wanted


@dataclass(frozen=True)
class LogMelGrid:
    """Mel spectra of the heard stretches of one song.

    Attributes
    ----------
    mels : tuple of ndarray of float32, each of shape (128, n_frames)
        dB relative to the loudest bin of all stretches, from -80 to 0.
    loudest_db : float
        Level of that bin; 0 dB is a power of 1.
    """

    mels: tuple[Floats, ...]
    loudest_db: float


def log_mel_grid(stretches: Sequence[Floats]) -> LogMelGrid:
    """Mel spectra in dB on the grid that the extractors share.

    Timbre statistics need a sample of the frames, not all of them: a third of the frames gives
    the same statistics in a third of the time.

    Parameters
    ----------
    stretches : sequence of ndarray of float32, each of shape (n_samples,)
        Mono samples of each stretch of one song at :data:`GRID_SAMPLE_RATE`.

    Returns
    -------
    LogMelGrid
        Decibels relative to the loudest bin of all stretches, from -80 to 0; and how loud that is.

    Raises
    ------
    ParameterError
        When samples are not one-dimensional.
    """
    powers = [
        mel_spectrogram(
            samples,
            GRID_SAMPLE_RATE,
            n_fft=GRID_N_FFT,
            hop_length=GRID_HOP_LENGTH,
            n_mels=GRID_N_MELS,
            frames=grid_frames(len(samples)),
        )
        for samples in stretches
    ]
    # relative before the floor, so that a quiet recording is treated as a loud one
    loudest = np.float32(max((float(power.max()) for power in powers), default=0) or 1e-30)
    decibels = (power_to_db(power / loudest, top_db=None) for power in powers)
    mels = tuple(np.maximum(db, np.float32(_GRID_FLOOR_DB)) for db in decibels)
    return LogMelGrid(mels, 10 * math.log10(float(loudest)))
