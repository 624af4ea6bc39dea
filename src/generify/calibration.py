"""Whether confidence means what it says: confidence against accuracy.

In it: :class:`CalibrationBin`, :func:`calibration_bins`, :func:`calibration_error`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CalibrationBin", "calibration_bins", "calibration_error"]

_N_CALIBRATION_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """Tracks whose confidence lies in one range.

    Attributes
    ----------
    low, high : float
        The range of confidence.
    n_tracks : int
        Tracks in it.
    confidence, accuracy : float
        Their mean confidence and the share of right answers; NaN for an empty bin.
    """

    low: float
    high: float
    n_tracks: int
    confidence: float
    accuracy: float


def calibration_bins(
    y: NDArray[np.intp], probabilities: NDArray[np.floating]
) -> tuple[CalibrationBin, ...]:
    """Compare confidence with accuracy in ten ranges of confidence.

    Parameters
    ----------
    y : ndarray of int, shape (n_tracks,)
        Numbers of the true genres.
    probabilities : ndarray, shape (n_tracks, n_genres)
        In the order that ``y`` counts by.

    Returns
    -------
    tuple of CalibrationBin
        Ten bins of equal width, from 0 to 1.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == y
    edges = np.linspace(0, 1, _N_CALIBRATION_BINS + 1)
    number = np.clip(np.digitize(confidence, edges[1:-1], right=True), 0, _N_CALIBRATION_BINS - 1)
    bins = []
    for i in range(_N_CALIBRATION_BINS):
        inside = number == i
        some = bool(inside.any())
        bins.append(
            CalibrationBin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                n_tracks=int(inside.sum()),
                confidence=float(confidence[inside].mean()) if some else math.nan,
                accuracy=float(right[inside].mean()) if some else math.nan,
            )
        )
    return tuple(bins)


def calibration_error(bins: tuple[CalibrationBin, ...]) -> float:
    """Mean gap between confidence and accuracy, weighted by tracks.

    Parameters
    ----------
    bins : tuple of CalibrationBin
        From :func:`calibration_bins`.

    Returns
    -------
    float
        Expected calibration error, 0 (perfect) to 1.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", International Conference on Machine Learning, 2017.
    """
    total = sum(b.n_tracks for b in bins)
    return sum(b.n_tracks * abs(b.confidence - b.accuracy) for b in bins if b.n_tracks) / total
