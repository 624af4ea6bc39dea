"""Mel spectrograms of songs as pictures show them; :mod:`generify.plots` draws them.

In it: :class:`Spectrogram`, :func:`load_spectrogram`, :func:`genre_spectrograms`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generify.audio import load_audio
from generify.errors import GenerifyError
from generify.mel_grid import GRID_SAMPLE_RATE
from generify.spectrum import mel_spectrogram, power_to_db
from generify.table import FeatureTable

__all__ = ["Spectrogram", "genre_spectrograms", "load_spectrogram"]

_SECONDS = 30.0


@dataclass(frozen=True)
class Spectrogram:
    """The mel spectrum of some seconds of a song.

    Attributes
    ----------
    title : str
        What stands above it.
    decibels : ndarray of float, shape (n_mels, n_frames)
        Its bands reach from 0 Hz to half of the shared grid's sample rate.
    duration : float
        Seconds shown.
    """

    title: str
    decibels: NDArray[np.floating]
    duration: float


def load_spectrogram(path: str | Path, seconds: float = _SECONDS) -> Spectrogram:
    """Compute the mel spectrogram of the beginning of a song.

    Parameters
    ----------
    path : str or Path
        An audio file.
    seconds : float
        How much of it.

    Returns
    -------
    Spectrogram
        Of 128 bands, in decibels relative to the loudest bin, titled with the file's name.

    Raises
    ------
    AudioDecodeError
        When the file cannot be heard.
    """
    audio = load_audio(path, GRID_SAMPLE_RATE, duration=seconds)
    power = mel_spectrogram(audio.samples, GRID_SAMPLE_RATE)
    decibels = power_to_db(power / np.float32(power.max()))
    return Spectrogram(Path(path).name, decibels, len(audio.samples) / GRID_SAMPLE_RATE)


def genre_spectrograms(table: FeatureTable) -> tuple[Spectrogram, ...]:
    """Compute the mel spectrogram of one track of each genre, side by side in a report.

    Parameters
    ----------
    table : FeatureTable
        Tracks with audio files; those without are passed over.

    Returns
    -------
    tuple of Spectrogram
        Titled with the genres, in their order.
    """
    return tuple(_of_each_genre(table))


def _of_each_genre(table: FeatureTable) -> Iterator[Spectrogram]:
    for genre in table.genres:
        paths = (t.path for t in table.tracks if t.genre == genre and t.path is not None)
        path = next(paths, None)
        if path is None:
            continue
        try:
            yield replace(load_spectrogram(path), title=genre)
        except GenerifyError:
            continue  # a picture less; the report itself says which tracks failed
