"""Thirteen MFCC, averaged over the middle of a song: where genre recognition began.

This is what genreXpose and the first Generify used, except that the sample rate is the song's. As
with them the volume of a recording counts: it moves the zeroth coefficient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generify.excerpts import Excerpts
from generify.features.base import Extractor, ParameterValue
from generify.mel_grid import GRID_N_MELS, GRID_SAMPLE_RATE, log_mel_grid
from generify.spectrum import dct_basis

__all__ = ["Mfcc", "mfcc_vector"]

_N_MFCC = 13
_MARGIN = 0.1  # of the frames, left out at each end


def mfcc_vector(
    mels: Sequence[NDArray[np.float32]], loudest_db: float = 0.0
) -> NDArray[np.float32]:
    """Average 13 MFCC over the middle 80 % of the frames.

    Parameters
    ----------
    mels : sequence of ndarray of float32, each of shape (128, n_frames)
        Mel spectra of the heard stretches in dB relative to the loudest bin.
    loudest_db : float
        Level of that bin; it moves the zeroth coefficient and no other.

    Returns
    -------
    ndarray of float32, shape (13,)
        Mean coefficients, the zeroth included.

    References
    ----------
    .. [1] S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic
       word recognition in continuously spoken sentences", IEEE Transactions on Acoustics, Speech
       and Signal Processing 28(4), 1980.
    """
    mel = np.concatenate(mels, axis=1)
    n_frames = mel.shape[1]
    margin = int(n_frames * _MARGIN)
    mean: NDArray[np.float32] = mel[:, margin : n_frames - margin].mean(axis=1)
    vector: NDArray[np.float32] = dct_basis(_N_MFCC, GRID_N_MELS) @ (mean + np.float32(loudest_db))
    return vector


class Mfcc(Extractor):
    """Mean of 13 MFCC over the middle 80 % of a song."""

    name = "mfcc"
    version = 1
    summary = "13 mean MFCC, as the predecessors used: small, quick, a baseline"

    @property
    def parameters(self) -> Mapping[str, ParameterValue]:
        """Everything that changes the numbers, by name."""
        return {"n_mfcc": _N_MFCC, "middle": 1 - 2 * _MARGIN, "sample_rate": GRID_SAMPLE_RATE}

    @property
    def columns(self) -> tuple[str, ...]:
        """``mfcc.mean.00`` to ``mfcc.mean.12``."""
        return tuple(f"mfcc.mean.{i:02d}" for i in range(_N_MFCC))

    def extract(self, excerpts: Excerpts) -> NDArray[np.float32]:
        """Compute the vector of one song.

        Parameters
        ----------
        excerpts : Excerpts
            The heard stretches.

        Returns
        -------
        ndarray of float32, shape (13,)
            Mean coefficients.
        """
        grid = log_mel_grid(excerpts.at(GRID_SAMPLE_RATE))
        return mfcc_vector(grid.mels, grid.loudest_db)
