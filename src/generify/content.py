"""The identity of a recording: a hash of its sound data that tags do not change.

Two copies of a song whose tags differ are one recording, and writing a genre into a file must not
make its cached features or its line in the history stale. So only the bytes that hold sound are
hashed: nothing is decoded, and a file is read once, a block at a time.

What counts as sound: MP3 and other bare streams without the tags before and behind them; FLAC
without its metadata blocks; the format and sound chunks of WAV and AIFF; the ``mdat`` atoms of MP4;
the data object of WMA; the payload of Ogg pages from the first that carries a time on. Of all else
the whole file.

In it: :func:`content_hash` and :func:`identify`, which lets a file be unreadable; of all bytes of a
file, :func:`file_digest`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO

from generify.containers import iter_chunks, skip_id3v2, sniff_format
from generify.errors import AudioDecodeError
from generify.progress import Progress

__all__ = ["content_hash", "file_digest", "identify"]

_BLOCK_BYTES = 1 << 17  # stays in the second-level cache between reading and hashing
# Streams of frames that carry ID3 or APE tags before or behind them.
_BARE_STREAMS = frozenset(
    ("MP1", "MP2", "MP3", "AAC", "AC3", "APE", "WAVPACK", "TTA", "MUSEPACK", "TAK")
)
_SOUND_CHUNKS = frozenset((b"fmt ", b"data", b"COMM", b"SSND"))

_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")

Range = tuple[int, int]
"""First byte and the one behind the last."""


def content_hash(path: str | Path) -> str:
    """Identify a recording, whatever its tags and its name.

    Parameters
    ----------
    path : str or Path
        An audio file.

    Returns
    -------
    str
        SHA-256 of the sound data, 64 hexadecimal digits.

    Raises
    ------
    AudioDecodeError
        When the file cannot be read.

    Notes
    -----
    Two encodings of one performance are two recordings.
    """
    try:
        fmt = sniff_format(path)
        with Path(path).open("rb") as stream:
            size = stream.seek(0, 2)
            # A container without the parts expected of it is hashed whole, as unknown ones are.
            ranges = [r for r in _sound_ranges(stream, fmt, size) if r[0] < r[1]] or [(0, size)]
            return _hash_ranges(stream, ranges)
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or err
        raise AudioDecodeError(f"{path}: cannot be read ({reason})", hint="check the path") from err


def identify(path: str | Path) -> str | None:
    """Identify a recording where that can be done; whoever listens to it says what is wrong.

    Parameters
    ----------
    path : str or Path
        An audio file.

    Returns
    -------
    str or None
        Its :func:`content_hash`; None when the file cannot be read.
    """
    try:
        return content_hash(path)
    except AudioDecodeError:
        return None


def file_digest(
    path: str | Path,
    algorithm: str = "sha256",
    *,
    progress: Progress | None = None,
) -> str:
    """Give the digest of all bytes of a file, tags included.

    Parameters
    ----------
    path : str or Path
        Any file.
    algorithm : str
        As in :mod:`hashlib`.
    progress : callable, optional
        Called with the number of bytes read and of all bytes.

    Returns
    -------
    str
        Hexadecimal digits.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    # Not for security: md5 is all that some datasets publish, and some systems forbid it.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with Path(path).open("rb", buffering=0) as stream:
        n_all = stream.seek(0, 2)
        for block in _blocks(stream, [(0, n_all)]):
            digest.update(block)
            if progress is not None:
                progress(stream.tell(), n_all)
    return digest.hexdigest()


def _hash_ranges(stream: BufferedReader, ranges: Iterable[Range]) -> str:
    digest = hashlib.sha256()
    for block in _blocks(stream, ranges):
        digest.update(block)
    return digest.hexdigest()


def _blocks(stream: BufferedReader | FileIO, ranges: Iterable[Range]) -> Iterator[memoryview]:
    """Read ranges of a file; each block is overwritten by the next."""
    buffer = memoryview(bytearray(_BLOCK_BYTES))
    for start, end in ranges:
        stream.seek(start)
        while start < end and (n_read := stream.readinto(buffer[: end - start])):
            yield buffer[:n_read]
            start += n_read


def _sound_ranges(stream: BinaryIO, fmt: str | None, size: int) -> Iterable[Range]:
    if fmt in _BARE_STREAMS:
        return [(skip_id3v2(stream), _end_before_tags(stream, size))]
    if fmt == "FLAC":
        return [(_end_of_flac_metadata(stream), _end_before_tags(stream, size))]
    if fmt in ("WAV", "AIFF"):
        chunks = [c for c in iter_chunks(stream) if c.name in _SOUND_CHUNKS]
        return [(c.start, min(c.start + c.length, size)) for c in chunks]
    if fmt in ("M4A", "MP4", "MOV"):
        return list(_mdat_ranges(stream, size))
    if fmt in ("OGG", "OPUS", "SPEEX"):
        return list(_ogg_ranges(stream, size))
    if fmt == "WMA":
        return list(_asf_ranges(stream, size))
    return []


def _end_before_tags(stream: BinaryIO, end: int) -> int:
    """Step back over ID3v1, APEv2 and Lyrics3v2 tags, in whatever order they were appended."""
    while True:
        stream.seek(max(0, end - 160))
        tail = stream.read(end - max(0, end - 160))
        length = _tag_length(tail)
        if not 0 < length <= end:
            return end
        end -= length


def _tag_length(tail: bytes) -> int:
    """Length of the tag that ends here, 0 where none does."""
    if tail[-128:-125] == b"TAG":
        return 128
    if tail[-32:-24] == b"APETAGEX":
        has_header = int.from_bytes(tail[-12:-8], "little") >> 31
        return int.from_bytes(tail[-20:-16], "little") + 32 * has_header
    if tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    return 0


def _end_of_flac_metadata(stream: BinaryIO) -> int:
    position = skip_id3v2(stream) + 4
    last = False
    while not last:
        stream.seek(position)
        head = stream.read(4)
        if len(head) < 4:
            return 0
        last = bool(head[0] & 0x80)
        position += 4 + int.from_bytes(head[1:], "big")
    return position


def _mdat_ranges(stream: BinaryIO, size: int) -> Iterator[Range]:
    position = 0
    while position + 8 <= size:
        stream.seek(position)
        head = stream.read(16)
        length, start = int.from_bytes(head[:4], "big"), position + 8
        if length == 1:  # the true length follows, in eight bytes
            length, start = int.from_bytes(head[8:], "big"), position + 16
        end = size if length == 0 else min(position + length, size)
        if head[4:8] == b"mdat":
            yield start, end
        position = max(end, start)


def _asf_ranges(stream: BinaryIO, size: int) -> Iterator[Range]:
    position = 0
    while position + 24 <= size:
        stream.seek(position)
        head = stream.read(24)
        end = position + max(int.from_bytes(head[16:], "little"), 24)
        if head[:16] == _ASF_DATA:
            yield position + 24, min(end, size)
        position = end


def _ogg_ranges(stream: BinaryIO, size: int) -> Iterator[Range]:
    """Find the payloads of the pages behind the headers.

    Header pages have a granule position of 0, or -1 where a long comment fills the whole page. The
    pages' own headers are left out too: tagging renumbers them.
    """
    position, sounding = 0, False
    while position + 27 <= size:
        stream.seek(position)
        head = stream.read(27 + 255)
        if head[:4] != b"OggS":
            yield position, size
            return
        start = position + 27 + head[26]
        end = min(start + sum(head[27 : 27 + head[26]]), size)
        sounding = sounding or int.from_bytes(head[6:14], "little", signed=True) > 0
        if sounding:
            yield start, end
        position = max(end, start)
