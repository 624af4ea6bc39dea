"""What encoding does to features, so that a classifier need not go by what it changes.

People's songs are MP3, AAC, Ogg Vorbis or Opus, each with its own losses, and many were encoded
more than once. The same clip encoded in eleven ways gives eleven vectors that lie close to its own,
but not upon it. How features move, and which of them together, was measured once on GTZAN clips
that were Ogg Vorbis already (``benchmarks/encoding_shifts.py`` writes it into ``shifts.npz``). It
counts as variation within a genre: so the recognition of speakers allows for microphones.

In it: :func:`encoding_scatter`, :func:`standardise_scatter`.

References
----------
A. O. Hatch, S. Kajarekar and A. Stolcke, "Within-class covariance normalization for SVM-based
speaker recognition", in Proceedings of Interspeech, 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

__all__ = ["encoding_scatter", "standardise_scatter"]

_MOST = 1e6  # deviations; more would leave too few digits for the other columns


@cache
def _measured() -> tuple[dict[str, int], NDArray[np.float64]]:
    with resources.files("generify.encoding").joinpath("shifts.npz").open("rb") as stream:
        archive = np.load(stream, allow_pickle=False)
        columns, scatter = archive["columns"].tolist(), archive["scatter"]
    return {column: i for i, column in enumerate(columns)}, scatter.astype(np.float64)


def encoding_scatter(columns: Sequence[str]) -> NDArray[np.float64] | None:
    """Give the mean products of the shifts that encoding causes.

    Parameters
    ----------
    columns : sequence of str
        Names of the features.

    Returns
    -------
    ndarray of float64, shape (n_features, n_features), or None
        In the features' own units; mean squares of the shifts are on the diagonal.
        None where one of the features was not measured; those of ``tags`` and ``rhythm`` were.
    """
    number, scatter = _measured()
    if any(column not in number for column in columns):
        return None
    chosen = [number[column] for column in columns]
    return scatter[np.ix_(chosen, chosen)]


def standardise_scatter(
    scatter: NDArray[np.float64], X: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Put a scatter into units of the deviations between songs, as a scaler puts their features.

    Parameters
    ----------
    scatter : ndarray of float64, shape (n_features, n_features)
        Mean products of shifts, in the features' own units.
    X : ndarray of float32, shape (n_tracks, n_features)
        Features of the songs.

    Returns
    -------
    ndarray of float64, shape (n_features, n_features)
        The same for features of unit variance; constant ones keep their unit, and none moves by
        more than a million deviations.
    """
    unit = X.std(axis=0, dtype=np.float64)
    unit[unit == 0] = 1
    unit = np.maximum(unit, np.sqrt(np.diag(scatter)) / _MOST)
    scaled: NDArray[np.float64] = scatter / np.outer(unit, unit)
    return scaled
