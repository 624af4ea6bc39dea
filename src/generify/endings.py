"""Whether a file that states no length in its header ends as it should.

Ogg and ADTS files are streams: whoever decodes one that was cut gives what there is, without a
word. But the last page of an Ogg stream is marked and says how far it went, and the last frame of
ADTS is whole. Nothing is decoded here.

In it: :func:`describe_ending`, :func:`tells_of_damage`.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import BinaryIO

from generify.containers import DAMAGED, TORN, adts_frame_length, skip_id3v2

__all__ = ["describe_ending", "tells_of_damage"]

# RFC 3533: a page has a head of 27 bytes, at most 255 lengths, and at most 255 bytes for each.
_HEAD_BYTES = 27
_PAGE_BYTES = _HEAD_BYTES + 255 + 255 * 255
_FIRST, _LAST = 2, 4  # flags of a page
_ROUNDING = 0.1  # seconds
_FROM_START = 5.0  # seconds that the first page may hold; a recorded broadcast begins far later


def tells_of_damage(warning: str) -> bool:
    """Tell warnings that a part of a song is missing from those of another kind.

    Parameters
    ----------
    warning : str
        One of a prediction's warnings, which results on disk keep as texts.

    Returns
    -------
    bool
        Whether it says that the file is damaged.

    Examples
    --------
    >>> tells_of_damage("9.8 s of 30.0 s could be decoded; the file is damaged or cut short")
    True
    """
    return warning.endswith(DAMAGED)


def describe_ending(path: str | Path, fmt: str | None, duration: float) -> str:
    """Say what is wrong with a file's end.

    Parameters
    ----------
    path : str or Path
        A file.
    fmt : str or None
        From :func:`generify.containers.sniff_format`.
    duration : float
        Length of the sound that a decoder finds in it, in seconds.

    Returns
    -------
    str
        One line; empty where nothing is wrong, and for formats that state their length.
    """
    if fmt not in ("OGG", "OPUS", "SPEEX", "AAC"):
        return ""
    with Path(path).open("rb") as stream:
        if fmt == "AAC":
            return TORN if _ends_in_adts_frame(stream) else ""
        return _describe_ogg_ending(stream, duration)


def _describe_ogg_ending(stream: BinaryIO, duration: float) -> str:
    pages = _first_pages(stream)
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _PAGE_BYTES))
    tail = stream.read()
    last = tail[max(0, tail.rfind(b"OggS")) :]
    if len(last) < _page_length(last) or not last[5] & _LAST:
        return f"its end is missing (the last Ogg page); it is {DAMAGED}"
    if last[14:18] not in {page[14:18] for page in pages}:
        return "several songs lie in it one behind the other; those of another kind are not heard"
    begun = _position(pages, _first_sounding_page(stream))
    promised = _position(pages, last) if begun < _FROM_START else 0.0
    if promised - duration <= _ROUNDING:
        return ""
    return f"{duration:.1f} s of {promised:.1f} s are in the file; it is {DAMAGED}"


def _first_pages(stream: BinaryIO) -> list[bytes]:
    """Read the pages that open a stream, of which there may be several side by side."""
    pages, head = [], stream.read(_PAGE_BYTES)
    while head[:4] == b"OggS" and len(head) > _HEAD_BYTES and head[5] & _FIRST:
        length = _page_length(head)
        pages.append(head[:length])
        head = head[length:]
    return pages


def _first_sounding_page(stream: BinaryIO) -> bytes:
    """Read the head of the page behind the headers, which have no position in the song."""
    position = 0
    while True:
        stream.seek(position)
        head = stream.read(_HEAD_BYTES + 255)
        if head[:4] != b"OggS" or int.from_bytes(head[6:14], "little", signed=True) > 0:
            return head
        position += _page_length(head)


def _page_length(page: bytes) -> int:
    if len(page) < _HEAD_BYTES:
        return _HEAD_BYTES
    n_lengths = page[26]
    return _HEAD_BYTES + n_lengths + sum(page[_HEAD_BYTES : _HEAD_BYTES + n_lengths])


def _position(pages: list[bytes], page: bytes) -> float:
    """Tell how far into the song a page says that it goes; 0 where that cannot be known."""
    if len(pages) != 1:
        return 0.0
    content = pages[0][_HEAD_BYTES + 1 :]
    position = int.from_bytes(page[6:14], "little", signed=True)
    if content.startswith(b"OpusHead"):
        return (position - int.from_bytes(content[10:12], "little")) / 48000
    if content.startswith(b"\x01vorbis"):
        rate = int.from_bytes(content[12:16], "little")
        return position / rate if rate else 0.0
    return 0.0


def _ends_in_adts_frame(stream: BinaryIO) -> bool:
    """Walk from frame to frame; whether the last is cut."""
    position = skip_id3v2(stream)
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while 0 <= position <= len(data) - 7:
            length = adts_frame_length(data[position : position + 7])
            if length is None:
                position = data.find(b"\xff", position + 1)
            elif position + length > len(data):
                return True
            else:
                position += length
    return False
