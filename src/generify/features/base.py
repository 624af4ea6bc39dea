"""What every extractor promises, before any audio is read.

An extractor turns the heard stretches of a song into one vector. It declares its name, version,
sample rates, parameters and columns up front, so that a table's layout, a cache key and a model's
expectations are known without listening.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generify.excerpts import Excerpts

__all__ = ["Extractor", "ExtractorSpec", "ParameterValue"]

ParameterValue = int | float | str | bool


@dataclass(frozen=True)
class ExtractorSpec:
    """Which extractor made a vector: enough to tell whether two vectors may be compared.

    Attributes
    ----------
    name : str
        Registered name.
    version : int
        Raised whenever the numbers change.
    parameters : str
        Parameters as canonical JSON.
    """

    name: str
    version: int
    parameters: str = "{}"

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Extractor(ABC):
    """Stretches of a song in, one feature vector out.

    Subclasses set the class attributes and implement :attr:`columns` and :meth:`extract`.

    Attributes
    ----------
    name : str
        Registered name, as in ``--features NAME``.
    version : int
        Raised whenever the numbers change.
    summary : str
        One line for help texts and lists.
    """

    name: str
    version: int
    summary: str

    @property
    @abstractmethod
    def parameters(self) -> Mapping[str, ParameterValue]:
        """Everything that changes the numbers, by name."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the vector's numbers, ``feature.statistic.number``, in order."""

    @abstractmethod
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

    def extract_spans(
        self, samples: NDArray[np.float32], sample_rate: int, spans: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        """Compute the vectors of several, maybe overlapping, spans of one stretch.

        Parameters
        ----------
        samples : ndarray of float32, shape (n_samples,)
            Mono samples.
        sample_rate : int
            Their rate in Hz.
        spans : sequence of (int, int)
            First sample and the one behind the last of each span, at least a second apart.

        Returns
        -------
        ndarray of float32, shape (n_spans, n_features)
            A row a span. An extractor that can share work between spans overrides this.
        """
        parts = (Excerpts.from_samples(samples[a:b], sample_rate) for a, b in spans)
        return np.stack([self.extract(part) for part in parts])

    @property
    def spec(self) -> ExtractorSpec:
        """Name, version and parameters as one comparable value."""
        parameters = json.dumps(dict(self.parameters), sort_keys=True)
        return ExtractorSpec(self.name, self.version, parameters)
