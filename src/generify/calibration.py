"""Whether confidence means what it says, and the temperature that makes it so.

In it: confidence against accuracy, :class:`CalibrationBin`, :func:`calibration_bins` and
:func:`calibration_error`; :func:`fit_temperature`, :func:`apply_temperature`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LEAST_PROBABILITY",
    "CalibrationBin",
    "apply_temperature",
    "calibration_bins",
    "calibration_error",
    "fit_temperature",
]

LEAST_PROBABILITY = 1e-30
"""What a probability of zero counts as: float32 can still hold it."""

_N_CALIBRATION_BINS = 10
_LOG_TEMPERATURES = (np.log(0.1), np.log(100.0))


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


def fit_temperature(y: NDArray[np.intp], probabilities: NDArray[np.floating]) -> float:
    """Find the temperature at which probabilities mean what they say.

    Parameters
    ----------
    y : ndarray of int, shape (n_tracks,)
        Numbers of the true genres.
    probabilities : ndarray, shape (n_tracks, n_genres)
        Predicted for tracks that were not trained on.

    Returns
    -------
    float
        Above 1 where the classifier is too sure of itself; minimises the log loss.

    Notes
    -----
    `n` tracks say no more than that about one in `n + 2` is named wrongly, were they all named
    rightly (Laplace's rule of succession). So much of each track is counted as of the other
    genres, as Platt does: ten tracks allow a sureness of about 92 % on average, a thousand 99.9 %.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", International Conference on Machine Learning, 2017.
    .. [2] J. C. Platt, "Probabilistic outputs for support vector machines", Advances in Large
       Margin Classifiers, 1999.
    """
    from scipy.optimize import minimize_scalar

    n_tracks, n_genres = probabilities.shape
    doubt = 1 / (n_tracks + 2)
    targets = np.full(probabilities.shape, doubt / max(1, n_genres - 1))
    targets[np.arange(n_tracks), y] = 1 - doubt

    def log_loss(log_temperature: float) -> float:
        tempered = apply_temperature(probabilities, float(np.exp(log_temperature)))
        logs = np.log(np.maximum(tempered, LEAST_PROBABILITY))
        return float(-np.mean((targets * logs).sum(axis=1)))

    found = minimize_scalar(log_loss, bounds=_LOG_TEMPERATURES, method="bounded")
    return float(np.exp(found.x))


def apply_temperature(
    probabilities: NDArray[np.floating], temperature: float
) -> NDArray[np.float64]:
    """Flatten or sharpen probabilities.

    Parameters
    ----------
    probabilities : ndarray, shape (n_tracks, n_genres)
        Rows sum to one.
    temperature : float
        Above 0; 1 changes nothing, more flattens.

    Returns
    -------
    ndarray of float64, shape (n_tracks, n_genres)
        Proportional to the probabilities to the power ``1 / temperature``; rows sum to one.
    """
    logits = np.log(np.maximum(probabilities, LEAST_PROBABILITY)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result
