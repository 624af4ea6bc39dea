"""How far a song is from everything that a model knows.

The novelty of a song is its squared Mahalanobis distance from the nearest genre. Above a threshold
that a few known songs exceed, the answer is "unknown". It is fitted where features include tags:
other features alone do not tell songs from speech (``benchmarks/novelty.py`` shows the trade-off).

In it: :class:`Novelty`, :func:`fit_novelty`, :func:`novelty_columns`,
:func:`describe_missing_novelty`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["REFUSED", "Novelty", "describe_missing_novelty", "fit_novelty", "novelty_columns"]

REFUSED = 0.04  # share of known songs that may be called unknown

# Both by cross-validation. With less shrinkage, or attacks at full weight, fewer songs of held-out
# genres are refused; without attacks fewer animals are.
_SHRINKAGE = 0.7
_WEIGHTS = {"attack": 0.25}
_NEEDED = "tags"


def novelty_columns(names: Sequence[str]) -> NDArray[np.float64]:
    """Tell how much novelty looks at each feature.

    Parameters
    ----------
    names : sequence of str
        Names of all features.

    Returns
    -------
    ndarray of float64, shape (n_features,)
        Weights from 0 to 1; all are 0 where novelty could not be trusted: without tags.

    Examples
    --------
    >>> novelty_columns(["tags.root.00", "attack.skewness.00"]).tolist()
    [1.0, 0.25]
    """
    groups = [name.partition(".")[0] for name in names]
    if _NEEDED not in groups:
        return np.zeros(len(names))
    return np.array([_WEIGHTS.get(group, 1.0) for group in groups])


def describe_missing_novelty(names: Sequence[str]) -> str:
    """Say what a model without novelty cannot do, and why.

    Parameters
    ----------
    names : sequence of str
        Names of all its features.

    Returns
    -------
    str
        For its card and for whoever trained it.

    Examples
    --------
    >>> describe_missing_novelty(["mfcc.mean.00"])
    'this model cannot say "unknown" of music unlike its own: its features hold no tags'
    """
    why = "its features hold no tags"
    if novelty_columns(names).any():
        why = "there are too few tracks of a genre to find a threshold"
    return f'this model cannot say "unknown" of music unlike its own: {why}'


@dataclass(frozen=True)
class Novelty:
    """How far a song is from every genre.

    Attributes
    ----------
    centre : ndarray of float, shape (n_features,)
        Subtracted from features.
    whitening : ndarray of float, shape (n_features, n_used)
        Multiplied from the right: afterwards songs of one genre differ alike in all directions.
    genres : ndarray of float, shape (n_genres, n_used)
        Whitened means of the genres.
    """

    centre: NDArray[np.float64]
    whitening: NDArray[np.float64]
    genres: NDArray[np.float64]

    def score(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Squared distance from the nearest genre.

        Parameters
        ----------
        X : ndarray, shape (n_tracks, n_features)
            Features.

        Returns
        -------
        ndarray of float64, shape (n_tracks,)
            About the number of features used for a song like those of its genre.
        """
        whitened = (X - self.centre) @ self.whitening
        squares = ((whitened[:, np.newaxis] - self.genres) ** 2).sum(axis=2)
        nearest: NDArray[np.float64] = squares.min(axis=1)
        return nearest

    def append_to(self, graph: Any) -> None:
        """Put the score behind an ONNX graph's features, as the output ``novelty``.

        Parameters
        ----------
        graph : onnx.GraphProto
            With the input ``features``; changed in place.
        """
        from onnx import TensorProto, helper, numpy_helper

        constants = {
            "novelty_centre": self.centre.astype(np.float32),
            "novelty_whitening": self.whitening.astype(np.float32),
            "novelty_genres": self.genres.astype(np.float32)[np.newaxis],
            "novelty_axis_1": np.array([1], dtype=np.int64),
            "novelty_axis_2": np.array([2], dtype=np.int64),
        }
        for name, value in constants.items():
            graph.initializer.append(numpy_helper.from_array(value, name))
        steps = (
            ("Sub", ["features", "novelty_centre"], "novelty_centred"),
            ("MatMul", ["novelty_centred", "novelty_whitening"], "novelty_white"),
            ("Unsqueeze", ["novelty_white", "novelty_axis_1"], "novelty_wide"),
            ("Sub", ["novelty_wide", "novelty_genres"], "novelty_apart"),
            ("Mul", ["novelty_apart", "novelty_apart"], "novelty_squares"),
        )
        for operator, inputs, output in steps:
            graph.node.append(helper.make_node(operator, inputs, [output]))
        for operator, inputs, output in (
            ("ReduceSum", ["novelty_squares", "novelty_axis_2"], "novelty_distances"),
            ("ReduceMin", ["novelty_distances", "novelty_axis_1"], "novelty"),
        ):
            graph.node.append(helper.make_node(operator, inputs, [output], keepdims=0))
        graph.output.append(helper.make_tensor_value_info("novelty", TensorProto.FLOAT, [None]))


def fit_novelty(
    X: NDArray[np.floating], y: NDArray[np.integer], weights: NDArray[np.floating]
) -> Novelty:
    """Fit genre means and one covariance within genres, shrunk towards equal variances.

    Parameters
    ----------
    X : ndarray, shape (n_tracks, n_features)
        Features.
    y : ndarray of int, shape (n_tracks,)
        Numbers of the genres.
    weights : ndarray of float, shape (n_features,)
        How much each standardised feature counts against the shrinkage, from
        :func:`novelty_columns`; those of weight 0 are not looked at.

    Returns
    -------
    Novelty
        Ready to score.

    References
    ----------
    .. [1] K. Lee, K. Lee, H. Lee and J. Shin, "A simple unified framework for detecting
       out-of-distribution samples and adversarial attacks", Advances in Neural Information
       Processing Systems 31, 2018.
    """
    centre, deviation = X.mean(axis=0, dtype=float), X.std(axis=0, dtype=float)
    used = weights > 0
    scale = np.where(deviation > 0, weights / np.where(deviation > 0, deviation, 1), 0.0)
    Z = ((X - centre) * scale)[:, used]
    numbers, indices = np.unique(y, return_inverse=True)
    means = np.stack([Z[y == number].mean(axis=0) for number in numbers])
    within = Z - means[indices]
    covariance = within.T @ within / len(Z)
    level = max(float(np.trace(covariance)) / len(covariance), 1e-9)
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * level * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(shrunk)
    white = vectors / np.sqrt(values)
    whitening = np.zeros((X.shape[1], len(covariance)))
    whitening[used] = scale[used, np.newaxis] * white
    return Novelty(centre, whitening, means @ white)
