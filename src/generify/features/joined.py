"""Several extractors as one: their vectors one behind the other. In it: :class:`Joined`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generify.errors import ParameterError
from generify.excerpts import Excerpts
from generify.features.base import Extractor, ParameterValue

__all__ = ["SEPARATOR", "Joined"]

SEPARATOR = "+"


class Joined(Extractor):
    """Several extractors as one; the song is decoded once for all of them.

    Parameters
    ----------
    parts : sequence of Extractor
        Two or more, without a column in common.

    Attributes
    ----------
    name, version, summary : str, int, str
        See :class:`generify.features.base.Extractor`.

    Raises
    ------
    ParameterError
        When there are fewer than two or two of them share columns.
    """

    def __init__(self, parts: Sequence[Extractor]) -> None:
        columns = [column for part in parts for column in part.columns]
        if len(parts) < 2 or len(set(columns)) < len(columns):
            names = SEPARATOR.join(part.name for part in parts)
            raise ParameterError(
                f"{names} cannot be joined: two or more extractors without a column in common are "
                "expected"
            )
        self._parts = tuple(parts)
        self._columns = tuple(columns)
        self.name = SEPARATOR.join(part.name for part in parts)
        self.version = 1
        self.summary = " and ".join(part.name for part in parts) + " together"

    @property
    def parameters(self) -> Mapping[str, ParameterValue]:
        """Version and parameters of each part, by its name."""
        own = {f"{part.name}.version": part.version for part in self._parts}
        theirs = {
            f"{part.name}.{name}": value
            for part in self._parts
            for name, value in part.parameters.items()
        }
        return {**own, **theirs}

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the parts, in order."""
        return self._columns

    def extract(self, excerpts: Excerpts) -> NDArray[np.float32]:
        """Compute the vector of one song.

        Parameters
        ----------
        excerpts : Excerpts
            The heard stretches.

        Returns
        -------
        ndarray of float32, shape (n_features,)
            The parts' vectors, one behind the other.
        """
        return np.concatenate([part.extract(excerpts) for part in self._parts])

    def extract_spans(
        self, samples: NDArray[np.float32], sample_rate: int, spans: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        """Compute the vectors of several spans of one stretch.

        Parameters
        ----------
        samples : ndarray of float32, shape (n_samples,)
            Mono samples.
        sample_rate : int
            Their rate in Hz.
        spans : sequence of (int, int)
            First sample and the one behind the last of each span.

        Returns
        -------
        ndarray of float32, shape (n_spans, n_features)
            The parts' vectors side by side, a row a span.
        """
        tables = [part.extract_spans(samples, sample_rate, spans) for part in self._parts]
        return np.concatenate(tables, axis=1)
