"""How long a song is going to be, told from the part of its file that has arrived.

Only the header is read, by code of our own that decodes nothing, so it may be done in the server
itself. What it finds is a lower bound: formats that do not say how long they are give 0, and are
measured once they are here.

In it: :func:`promised_seconds`.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from generify.containers import UNKNOWN_LENGTH, iter_chunks, mp3_duration, sniff_format

__all__ = ["promised_seconds"]


def promised_seconds(path: str | Path) -> float:
    """Read how long a song says it is, or has already been found to be.

    Parameters
    ----------
    path : str or Path
        The beginning of an audio file.

    Returns
    -------
    float
        Seconds; 0 where nothing is known.
    """
    try:
        kind = sniff_format(path)
        if kind in ("MP1", "MP2", "MP3"):
            length = mp3_duration(path)
            return max(length.duration, length.cut_from) if length else 0.0
        with Path(path).open("rb") as stream:
            if kind == "WAV":
                return _wav_seconds(stream)
            return _flac_seconds(stream) if kind == "FLAC" else 0.0
    except (OSError, ValueError, struct.error):
        return 0.0


def _wav_seconds(stream: BinaryIO) -> float:
    rate = 0
    for chunk in iter_chunks(stream):
        if chunk.name == b"fmt ":
            stream.seek(chunk.start + 8)
            (rate,) = struct.unpack("<I", stream.read(4))
        elif chunk.name == b"data":
            return chunk.length / rate if rate and chunk.length < UNKNOWN_LENGTH else 0.0
    return 0.0


def _flac_seconds(stream: BinaryIO) -> float:
    """Read STREAMINFO, which opens every FLAC: 20 bits of rate, 36 bits of samples."""
    stream.seek(18)
    bits = int.from_bytes(stream.read(8), "big")
    rate, n_samples = bits >> 44, bits & ((1 << 36) - 1)
    return n_samples / rate if rate else 0.0
