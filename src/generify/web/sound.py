"""What a song looks like: its waveform as peaks, and its mel spectrogram as a picture.

Both are computed while the song is still there, a minute at a time, in columns that are evenly
spread over its length.

In it: :func:`draw_sound`, :class:`SoundPicture`.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generify.audio import load_audio
from generify.spectrum import mel_spectrogram, power_to_db

__all__ = ["SoundPicture", "draw_sound"]

_RATE = 22050
_N_MELS = 96
_HOP = 512
_MAX_COLUMNS = 1000
_BLOCK = 60.0  # seconds decoded at once
_RANGE_DB = 80.0
# From silence to the loudest: dark blue, violet, red, orange, pale yellow; lightness only rises, so
# that it can be read in grey and by those who confuse colours.
_COLOURS = ((0, 0, 8), (46, 15, 92), (136, 34, 106), (212, 72, 66), (249, 149, 30), (252, 253, 191))


@dataclass(frozen=True)
class SoundPicture:
    """The picture of a song.

    Attributes
    ----------
    peaks : tuple of float
        Largest magnitude of each column, 0 to 1.
    png : bytes
        The mel spectrogram, one pixel a column and band, the highest band on top.
    width, height : int
        Its size in pixels.
    low_hz, high_hz : float
        Outer edges of its bands.
    """

    peaks: tuple[float, ...]
    png: bytes
    width: int
    height: int
    low_hz: float = 0.0
    high_hz: float = _RATE / 2


def draw_sound(path: str | Path, duration: float) -> SoundPicture:
    """Draw a song.

    Parameters
    ----------
    path : str or Path
        An audio file.
    duration : float
        Its length in seconds.

    Returns
    -------
    SoundPicture
        At most 1000 columns wide.

    Raises
    ------
    AudioDecodeError
        When the file cannot be heard.
    """
    n_columns = max(1, min(_MAX_COLUMNS, math.floor(duration * _RATE / _HOP)))
    peaks, bands = np.empty(n_columns), np.empty((_N_MELS, n_columns), np.float32)
    for columns in np.array_split(np.arange(n_columns), math.ceil(duration / _BLOCK)):
        part = slice(columns[0], columns[-1] + 1)
        start, stop = (duration * c / n_columns for c in (part.start, part.stop))
        audio = load_audio(path, _RATE, start=start, duration=stop - start, allow_silence=True)
        power = mel_spectrogram(audio.samples, _RATE, hop_length=_HOP, n_mels=_N_MELS)
        peaks[part] = _pool(np.abs(audio.samples)[np.newaxis], len(columns))[0]
        bands[:, part] = _pool(power, len(columns))
    shown = tuple(np.minimum(peaks, 1).round(3).tolist())
    return SoundPicture(shown, _png(bands), n_columns, _N_MELS)


def _pool(values: NDArray[np.floating], n_columns: int) -> NDArray[np.floating]:
    """Take the maximum of each of so many columns."""
    starts = np.arange(n_columns) * values.shape[1] // n_columns
    pooled: NDArray[np.floating] = np.maximum.reduceat(values, starts, axis=1)
    return pooled


def _png(power: NDArray[np.float32]) -> bytes:
    from PIL import Image

    loudest = float(power.max())
    db = power_to_db(power, ref=loudest or 1.0, top_db=None)
    level = np.clip(1 + db / _RANGE_DB, 0, 1) if loudest else np.zeros_like(power)
    image = Image.fromarray((255 * level[::-1]).astype(np.uint8), mode="L")
    image = image.convert("P")
    image.putpalette(_palette().tobytes())
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return content.getvalue()


def _palette() -> NDArray[np.uint8]:
    places = np.linspace(0, 1, len(_COLOURS))
    shades = np.linspace(0, 1, 256)
    channels = [np.interp(shades, places, channel) for channel in zip(*_COLOURS, strict=True)]
    return np.stack(channels, axis=1).astype(np.uint8)
