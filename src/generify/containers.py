"""What a file is and what its header promises, read from its bytes alone.

The type of a file is never taken from its name: an .m4a named .mp3 made one decoder return a tenth
of a second without an error. Nothing is decoded here and no library is needed, so this serves both
the decoders and the search for songs in folders.

In it: :func:`sniff_format`, :func:`skip_id3v2`, :func:`mp3_duration`, :func:`promised_bytes`,
:func:`adts_frame_length`, :func:`iter_chunks`.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

__all__ = [
    "DAMAGED",
    "MUSIC_FORMATS",
    "TORN",
    "UNKNOWN_LENGTH",
    "Chunk",
    "Mp3Frame",
    "Mp3Length",
    "adts_frame_length",
    "iter_chunks",
    "mp3_duration",
    "parse_mp3_frame",
    "promised_bytes",
    "skip_id3v2",
    "sniff_format",
]

# Three Layer III frames (at most 1441 bytes each) behind the rest of one that was cut.
_HEAD_BYTES = 8192
# Some programs leave zeros or junk behind a tag or before the first frame: how far to look.
_SEARCH_BYTES = 65536
UNKNOWN_LENGTH = 0x7FFFF000
"""Programs that stream state this or more: they do not know yet."""
DAMAGED = "damaged or cut short"
"""How warnings end of songs of which a part is missing."""
TORN = f"it ends inside a frame; it is {DAMAGED}"
"""What is said of a file that states no length and whose last frame is not whole."""

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"fLaC", "FLAC"),
    (0, b".snd", "AU"),
    (0, b"dns.", "AU"),
    (0, b"wvpk", "WAVPACK"),
    (0, b"caff", "CAF"),
    (0, b"MAC ", "APE"),
    (0, b"TTA1", "TTA"),
    (0, b"MPCK", "MUSEPACK"),
    (0, b"MP+", "MUSEPACK"),
    (0, b"tBaK", "TAK"),
    (0, b"DSD ", "DSF"),
    (0, b"#!AMR", "AMR"),
    (0, b"Creative Voice File", "VOC"),
    (0, b"NIST_1A", "NIST"),
    (0, b"\x64\xa3\x01\x00", "IRCAM"),
    (0, b"riff\x2e\x91\xcf\x11", "W64"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
    (0, b"\x0b\x77", "AC3"),
    (0, b"FLV\x01", "FLV"),
    (4, b"moov", "MOV"),
    (4, b"mdat", "MOV"),
    (4, b"wide", "MOV"),
)
_OGG_CODECS = {b"\x01vorbis": "OGG", b"OpusHead": "OPUS", b"\x7fFLAC": "OGG", b"Speex   ": "SPEEX"}
_PICTURE_BRANDS = frozenset(b"heic heix hevc mif1 msf1 avif avis".split()) | {b"crx "}

MUSIC_FORMATS = frozenset(
    {fmt for _, _, fmt in _SIGNATURES} - {"FLV", "MOV", "AC3"}
    | {"MP1", "MP2", "MP3", "AAC", "WAV", "AIFF", "OGG", "OPUS", "SPEEX", "M4A", "MP4", "WEBM"}
)
"""Formats in which songs are kept; films (AVI, MKV, MOV …) are decodable but are not songs."""


@dataclass(frozen=True)
class Mp3Frame:
    """One MPEG audio frame, as its four header bytes describe it.

    Attributes
    ----------
    layer : int
        1, 2 or 3.
    length : int
        Bytes from this header to the next.
    n_samples : int
        Samples per channel.
    sample_rate : int
        In Hz.
    info_offset : int
        Bytes from the header to where an encoder puts its Xing or Info block.
    """

    layer: int
    length: int
    n_samples: int
    sample_rate: int
    info_offset: int


@dataclass(frozen=True)
class Mp3Length:
    """How long an MP3 is, and how that is known.

    Attributes
    ----------
    duration : float
        Seconds that the frames in the file make up, or that its header states.
    stated : bool
        Whether a Xing, Info or VBRI block states the length.
    cut_from : float
        Seconds the header promised where the file ends early, otherwise 0.
    fault : str
        What is wrong with the end of a file that states no length, otherwise empty.
    """

    duration: float
    stated: bool
    cut_from: float = 0.0
    fault: str = ""


@dataclass(frozen=True)
class Chunk:
    """One chunk of a WAV or AIFF file.

    Attributes
    ----------
    name : bytes
        Four letters, for example ``b"data"``.
    start : int
        Where its content begins in the file.
    length : int
        Bytes of content, as its header states them; the file may hold fewer.
    """

    name: bytes
    start: int
    length: int


# ISO/IEC 11172-3 and 13818-3: kbit/s by (low sampling frequencies?, layer).
_BITRATES = {
    (False, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (False, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (True, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (True, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44100, 48000, 32000)
_RATE_DIVISOR = {3: 1, 2: 2, 0: 4}


def parse_mp3_frame(header: bytes) -> Mp3Frame | None:
    """Read the four bytes that open an MPEG audio frame.

    Parameters
    ----------
    header : bytes
        Four bytes or more.

    Returns
    -------
    Mp3Frame or None
        None where the bytes open no frame, or one of free format, which nobody uses.

    Examples
    --------
    >>> parse_mp3_frame(bytes.fromhex("fffb9000")).length
    417
    """
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate_index, rate_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate_index in (0, 15) or rate_index == 3:
        return None
    low = version != 3
    bits = _BITRATES[low, layer][bitrate_index - 1] * 1000
    rate = _SAMPLE_RATES[rate_index] // _RATE_DIVISOR[version]
    padding = header[2] >> 1 & 1
    mono = header[3] >> 6 == 3
    n_samples = 384 if layer == 1 else 576 if low and layer == 3 else 1152
    length = n_samples // 8 * bits // rate + padding
    if layer == 1:  # counts in slots of four bytes
        length = (12 * bits // rate + padding) * 4
    side_info = (9 if mono else 17) if low else (17 if mono else 32)
    return Mp3Frame(layer, length, n_samples, rate, 4 + side_info)


def skip_id3v2(stream: BinaryIO) -> int:
    """Find where the sound begins behind any ID3v2 tags.

    Parameters
    ----------
    stream : binary file
        Open for reading; left at the position returned.

    Returns
    -------
    int
        Offset of the first byte behind the tags, 0 where there are none.
    """
    position = 0
    while True:
        stream.seek(position)
        head = stream.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
            stream.seek(position)
            return position
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        footer = 10 if head[5] & 0x10 else 0
        position += 10 + size + footer


def sniff_format(path: str | Path) -> str | None:
    """Tell a file's format from its first bytes.

    Parameters
    ----------
    path : str or Path
        A file.

    Returns
    -------
    str or None
        For example ``"MP3"``, ``"WAV"`` or ``"M4A"``; None where the bytes are of no known kind.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with Path(path).open("rb") as stream:
        offset = skip_id3v2(stream)
        head = stream.read(_HEAD_BYTES)
        if offset or head[:4] == bytes(4):
            head += stream.read(_SEARCH_BYTES)
    return _sniff_container(head) or _sniff_mpeg(head)


def _sniff_container(head: bytes) -> str | None:
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return {b"WAVE": "WAV", b"AVI ": "AVI"}.get(head[8:12])
    if head[:4] == b"FORM":
        return "AIFF" if head[8:12] in (b"AIFF", b"AIFC") else None
    if head[:4] == b"OggS":
        return next((fmt for mark, fmt in _OGG_CODECS.items() if mark in head[27:80]), "OGV")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "WEBM" if b"webm" in head[:80] else "MKV"
    if head[4:8] == b"ftyp":
        return _sniff_brand(head[8:12])
    return next((fmt for at, mark, fmt in _SIGNATURES if head.startswith(mark, at)), None)


def _sniff_brand(brand: bytes) -> str | None:
    if brand in _PICTURE_BRANDS:
        return None
    if brand == b"qt  ":
        return "MOV"
    return "M4A" if brand in (b"M4A ", b"M4B ") else "MP4"


def _sniff_mpeg(head: bytes) -> str | None:
    position = _find_mpeg(head)
    if position is None:
        return None
    frame = parse_mp3_frame(head[position : position + 4])
    return f"MP{frame.layer}" if frame else "AAC"


def _find_mpeg(head: bytes) -> int | None:
    """Look for the first frame, behind padding or the rest of a frame that was cut."""
    position = head.find(b"\xff")
    while position >= 0:
        if _opens_mpeg(head, position) or _opens_adts(head, position):
            return position
        position = head.find(b"\xff", position + 1)
    return None


def _opens_mpeg(head: bytes, position: int) -> bool:
    """Whether three like frames follow each other: sync bits alone also open a UTF-16 text."""
    first = parse_mp3_frame(head[position : position + 4])
    frame = first
    for _ in range(2):
        if frame is None or first is None:
            return False
        position += frame.length
        frame = parse_mp3_frame(head[position : position + 4])
        if frame and (frame.layer, frame.sample_rate) != (first.layer, first.sample_rate):
            return False
    return frame is not None


def _opens_adts(head: bytes, position: int) -> bool:
    """Whether three ADTS (raw AAC) frames follow each other here."""
    for _ in range(3):
        length = adts_frame_length(head[position : position + 7])
        if length is None:
            return False
        position += length
    return True


def adts_frame_length(header: bytes) -> int | None:
    """Read the seven bytes that open an ADTS (raw AAC) frame.

    Parameters
    ----------
    header : bytes
        Seven bytes or more.

    Returns
    -------
    int or None
        Bytes from this header to the next; None where the bytes open no frame.
    """
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return None
    return max((header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5, 7)


def mp3_duration(path: str | Path) -> Mp3Length | None:
    """Find out how long an MP3 is without decoding it.

    An MP3 whose first frame holds a Xing, Info or VBRI block states its length. Of one without,
    decoders guess from the first bit rate (38.8 s of 120 s was met), so its frames are counted.

    Parameters
    ----------
    path : str or Path
        An MPEG audio file.

    Returns
    -------
    Mp3Length or None
        None where no frame was found.

    Notes
    -----
    Counting takes about 2 ms per minute of music; a stated length costs one read.
    """
    with Path(path).open("rb") as stream:
        offset = skip_id3v2(stream)
        head = stream.read(_SEARCH_BYTES)
        position = _find_mpeg(head)
        frame = parse_mp3_frame(head[position : position + 4]) if position is not None else None
        if position is None or frame is None:
            return None
        stated = _stated_length(head[position : position + frame.length], frame)
        available = stream.seek(0, 2) - offset - position
        if stated and stated[1] <= available:
            return Mp3Length(stated[0], stated=True)
        counted, torn = _count_frames(stream, offset + position, frame)
    if stated is None:
        return Mp3Length(counted, stated=False, fault=TORN if torn else "")
    return Mp3Length(counted, stated=True, cut_from=stated[0])


def _stated_length(first: bytes, frame: Mp3Frame) -> tuple[float, int] | None:
    """Seconds and bytes that a Xing, Info or VBRI block states, if there is one."""
    block = first[frame.info_offset : frame.info_offset + 16]
    seconds_per_frame = frame.n_samples / frame.sample_rate
    if block[:4] in (b"Xing", b"Info"):
        flags = int.from_bytes(block[4:8], "big")
        if not flags & 1:
            return None
        n_bytes = int.from_bytes(block[12:16], "big") if flags & 2 else 0
        return int.from_bytes(block[8:12], "big") * seconds_per_frame, n_bytes
    if first[36:40] == b"VBRI":
        n_frames = int.from_bytes(first[50:54], "big")
        return n_frames * seconds_per_frame, int.from_bytes(first[46:50], "big")
    return None


def _count_frames(stream: BinaryIO, position: int, first: Mp3Frame) -> tuple[float, bool]:
    """Walk from header to header and add up the seconds; say whether the last frame is cut."""
    known: dict[bytes, Mp3Frame | None] = {}
    n_frames, end, torn = 0, position, False
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while 0 <= position <= len(data) - 4:
            header = data[position : position + 4]
            if header not in known:
                known[header] = parse_mp3_frame(header)
            frame = known[header]
            if frame is None or frame.sample_rate != first.sample_rate:
                position = data.find(b"\xff", position + 1)
                continue
            n_frames += 1
            # Behind a break what looks like a frame may be none.
            torn = position == end and position + frame.length > len(data)
            position = end = position + frame.length
    return n_frames * first.n_samples / first.sample_rate, torn


def promised_bytes(path: str | Path) -> tuple[int, int] | None:
    """Compare the sound data that a WAV, AIFF or AU header promises with what the file holds.

    Parameters
    ----------
    path : str or Path
        A file.

    Returns
    -------
    (int, int) or None
        Promised and present bytes; None where the header promises nothing, as in a stream written
        to a pipe, or the file is none of these.
    """
    with Path(path).open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        head = stream.read(12)
        if head[:4] == b".snd":
            start, length = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
        else:
            data = [c for c in iter_chunks(stream) if c.name in (b"data", b"SSND")]
            if not data:
                return None
            start, length = data[0].start, data[0].length
    # Writers that could not seek back leave one of these in place of the length.
    if length == 0 or length >= UNKNOWN_LENGTH:
        return None
    return length, max(0, size - start)


def iter_chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """Walk the chunks of a WAV or AIFF file.

    Parameters
    ----------
    stream : binary file
        Open for reading.

    Yields
    ------
    Chunk
        In the file's order; none where the file is of another kind.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(12)
    if head[:4] + head[8:12] == b"RIFFWAVE":
        order: Literal["little", "big"] = "little"
    elif head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        order = "big"
    else:
        return
    position = 12
    while position + 8 <= size:
        stream.seek(position)
        head = stream.read(8)
        length = int.from_bytes(head[4:], order)
        yield Chunk(head[:4], position + 8, length)
        position += 8 + length + (length & 1)
