"""Onsets, beats, attacks and percussiveness: the part of timbre that a tagger does not hear.

In it: :class:`Rhythm`, :func:`rhythm_vector`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generify.excerpts import Excerpts
from generify.features.base import Extractor, ParameterValue
from generify.features.timbre import COLUMNS as TIMBRE_COLUMNS
from generify.features.timbre import Timbre, timbre_vector
from generify.mel_grid import GRID_SAMPLE_RATE, log_mel_grid

__all__ = ["Rhythm", "rhythm_vector"]

_FEATURES = ("attack", "percussiveness", "onset", "beat")
_COLUMNS = tuple(name for name in TIMBRE_COLUMNS if name.partition(".")[0] in _FEATURES)


def rhythm_vector(mels: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Summarise how a song moves.

    Parameters
    ----------
    mels : sequence of ndarray of float32, each of shape (128, n_frames)
        Mel spectra of the heard stretches, as for :func:`generify.features.timbre.timbre_vector`.

    Returns
    -------
    ndarray of float32, shape (43,)
        Skewness of attacks and percussiveness by band, statistics of onsets, autocorrelation at
        beat lags.

    Raises
    ------
    ParameterError
        When there is no stretch, or one that is not 128 bands by at least one frame.

    References
    ----------
    .. [1] G. Tzanetakis and P. Cook, "Musical genre classification of audio signals", IEEE
       Transactions on Speech and Audio Processing 10(5), 2002.
    .. [2] K. Seyerlehner, G. Widmer and T. Pohle, "Fusing block-level features for music similarity
       estimation", DAFx, 2010.
    .. [3] N. Ono, K. Miyamoto, J. Le Roux, H. Kameoka and S. Sagayama, "Separation of a monaural
       audio signal into harmonic/percussive components by complementary diffusion on spectrogram",
       EUSIPCO, 2008.
    """
    return timbre_vector(mels, features=_FEATURES)


class Rhythm(Extractor):
    """Onsets, beats, attacks and percussiveness.

    Attributes
    ----------
    name, version, summary : str, int, str
        See :class:`generify.features.base.Extractor`.
    """

    name = "rhythm"
    version = 3
    summary = "onsets, beats, attacks, percussiveness: joined to tags, the best"

    @property
    def parameters(self) -> Mapping[str, ParameterValue]:
        """Everything that changes the numbers, by name."""
        return Timbre().parameters

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numbers, as in timbre."""
        return _COLUMNS

    def extract(self, excerpts: Excerpts) -> NDArray[np.float32]:
        """Compute the vector of one song.

        Parameters
        ----------
        excerpts : Excerpts
            The heard stretches.

        Returns
        -------
        ndarray of float32, shape (43,)
            In the order of :attr:`columns`; always finite.
        """
        return rhythm_vector(log_mel_grid(excerpts.at(GRID_SAMPLE_RATE)).mels)
