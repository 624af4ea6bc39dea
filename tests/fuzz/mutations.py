"""Damage with a knowledge of containers: it hits lengths, rates and counts, not only samples.

A file's numbers are found by walking its chunks, boxes, pages, blocks or frames (:func:`parts`);
each mutation changes one number, one part, or plain bytes. Ogg pages get a right checksum again,
half of the time: otherwise no damage would reach the codec.

In it: :func:`mutate`, :func:`parts`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Order = Literal["little", "big"]


@dataclass(frozen=True)
class Part:
    """A chunk, box, page, block or frame: where it lies, and where its numbers are."""

    start: int
    end: int
    numbers: tuple[tuple[int, int, Order], ...] = ()  # where, how many bytes, which first


def parts(data: bytes) -> list[Part]:
    """Walk a file; empty where nothing is known of its kind."""
    for magic, order in ((b"RIFF", "little"), (b"RF64", "little"), (b"FORM", "big")):
        if data.startswith(magic):
            return [_header(data, 12), *_chunks(data, 12, 4, 8, order, 1)]  # type: ignore[arg-type]
    if data[4:8] == b"ftyp" or data[4:8] in (b"moov", b"mdat", b"wide"):
        return list(_boxes(data, 0, len(data), 0))
    known: dict[bytes, Callable[[bytes], Iterator[Part]]] = {
        b"OggS": _pages,
        b"caff": lambda d: _chunks(d, 8, 4, 12, "big", 0),
        b"riff": lambda d: _chunks(d, 40, 16, 24, "little", 0, whole=True),
        b"\x30\x26\xb2\x75": lambda d: _chunks(d, 30, 16, 24, "little", 0, whole=True),
        b"fLaC": _flac_blocks,
        b"wvpk": lambda d: _chunks(d, 0, 4, 8, "little", 0),
        b"\x1a\x45\xdf\xa3": lambda d: _elements(d, 0, len(d), 0),
    }
    walk = known.get(data[:4], _frames)
    return [_header(data, 64), *walk(data)]


def _header(data: bytes, length: int) -> Part:
    length = min(length, len(data) & ~3)
    return Part(0, length, tuple((at, 4, "little") for at in range(0, length, 4)))


def _chunks(
    data: bytes, at: int, name: int, head: int, order: Order, pad: int, *, whole: bool = False
) -> Iterator[Part]:
    """Walk chunks of a name and a length; ``whole`` lengths include the head."""
    while at + head <= len(data):
        length = int.from_bytes(data[at + name : at + head], order)
        length = max(length - head, 0) if whole else length
        inside = range(at + head, min(at + head + min(length, 48), len(data) - 4), 2)
        numbers = [(i, size, order) for i in inside for size in (2, 4)]
        end = min(at + head + length, len(data))
        yield Part(at, end, ((at + name, head - name, order), *numbers))
        at = end + (length & pad)


_NESTED = frozenset(b"moov trak mdia minf stbl moof traf mvex edts udta dinf".split())


def _boxes(data: bytes, at: int, end: int, depth: int) -> Iterator[Part]:
    """Walk the boxes of an MP4 file, and those inside."""
    while at + 8 <= end:
        length = int.from_bytes(data[at : at + 4], "big") or end - at
        stop = min(at + max(length, 8), end)
        inside = range(at + 8, min(at + 64, stop - 4), 4)
        yield Part(at, stop, ((at, 4, "big"), *((i, 4, "big") for i in inside)))
        if data[at + 4 : at + 8] in _NESTED and depth < 8:
            yield from _boxes(data, at + 8, stop, depth + 1)
        at = stop


def _pages(data: bytes) -> Iterator[Part]:
    at = data.find(b"OggS")
    while at >= 0:
        following = data.find(b"OggS", at + 4)
        end = following if following >= 0 else len(data)
        head = ((at + 4, 1), (at + 5, 1), (at + 6, 8), (at + 14, 4), (at + 18, 4), (at + 26, 1))
        inside = [(i, 4) for i in range(at + 27, min(at + 91, end - 4), 2)]
        yield Part(at, end, tuple((i, size, "little") for i, size in (*head, *inside)))
        at = following


def _flac_blocks(data: bytes) -> Iterator[Part]:
    at, last = 4, False
    while not last and at + 4 <= len(data):
        last = bool(data[at] & 0x80)
        end = min(at + 4 + int.from_bytes(data[at + 1 : at + 4], "big"), len(data))
        inside = [(i, 2, "big") for i in range(at + 4, min(end, at + 40) - 2)]
        yield Part(at, end, ((at, 1, "big"), (at + 1, 3, "big"), *inside))  # type: ignore[arg-type]
        at = end
    yield from _frames(data, at)


def _frames(data: bytes, at: int = 0) -> Iterator[Part]:
    """Cut where the sync words of MPEG, ADTS, FLAC, AC-3 or DTS may be."""
    starts = []
    for sync in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xfd", b"\xff\xf8", b"\x0b\x77"):
        found = data.find(sync, at)
        while found >= 0 and len(starts) < 5000:
            starts.append(found)
            found = data.find(sync, found + 1)
    starts = [*sorted(starts), len(data)]
    for start, end in itertools.pairwise(starts):
        yield Part(start, end, tuple((i, 1, "big") for i in range(start, min(start + 8, end))))


def _elements(data: bytes, at: int, end: int, depth: int) -> Iterator[Part]:
    """Walk the elements of a Matroska file, and those inside."""
    while at + 2 <= end:
        id_bytes = _vint_bytes(data[at])
        if at + id_bytes >= end:
            return
        size_bytes = _vint_bytes(data[at + id_bytes])
        start = at + id_bytes + size_bytes
        raw = int.from_bytes(data[at + id_bytes : start], "big") & ((1 << 7 * size_bytes) - 1)
        stop = end if raw == (1 << 7 * size_bytes) - 1 else min(start + raw, end)
        small = ((start, stop - start, "big"),) if 0 < stop - start <= 8 else ()
        yield Part(at, stop, ((at + id_bytes, size_bytes, "big"), *small))  # type: ignore[arg-type]
        if id_bytes == 4 or data[at] in (0xAE, 0xE1, 0xA0):  # masters, tracks, their sound
            yield from _elements(data, start, stop, depth + 1) if depth < 6 else ()
        at = max(stop, at + 2)


def _vint_bytes(first: int) -> int:
    return max(1, 9 - first.bit_length())


# ------------------------------------------------------------------ what is done


def _number(data: bytes, rng: random.Random) -> bytes:
    """Set a number to one at the edge of what it can be, or near to what it was."""
    found = [part for part in parts(data) if part.numbers]
    if not found:
        return _bytes(data, rng)
    # the first parts are headers, which are few and matter most
    part = rng.choice(found[:24] if rng.random() < 0.7 else found)
    at, size, order = rng.choice(part.numbers)
    largest = (1 << 8 * size) - 1
    was = int.from_bytes(data[at : at + size], order)
    edge = (0, 1, 2, 255, largest, largest - 1, largest >> 1, (largest >> 1) + 1, 10**9, 0x7FFFF000)
    near = (was + 1, was - 1, was * 2, was // 2, was + 8, was ^ 1 << rng.randrange(8 * size))
    value = rng.choice((*edge, *near, rng.randrange(largest + 1))) & largest
    return data[:at] + value.to_bytes(size, order) + data[at + size :]


def _part(data: bytes, rng: random.Random) -> bytes:
    """Drop, double, move, empty or shorten one part."""
    found = parts(data)
    if not found:
        return _block(data, rng)
    part = rng.choice(found[:12] if rng.random() < 0.4 else found)
    before, itself, after = data[: part.start], data[part.start : part.end], data[part.end :]
    other = rng.choice(found)
    return rng.choice(
        (
            lambda: before + after,
            lambda: (
                before + itself * (rng.choice((2, 3, 40)) if len(data) < 300_000 else 2) + after
            ),
            lambda: before + bytes(len(itself)) + after,
            lambda: before + itself[: rng.randrange(len(itself) + 1)] + after,
            lambda: before + data[other.start : other.end] + after,
            lambda: before + data[other.start : other.end] + itself + after,
        )
    )()


def _bits(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    # only the head, or everywhere
    within = min(len(data), rng.choice((64, 512, len(data))))
    for _ in range(rng.choice((1, 2, 8, 64, 512))):
        changed[rng.randrange(within)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _bytes(data: bytes, rng: random.Random) -> bytes:
    at, length = rng.randrange(len(data)), rng.choice((1, 2, 4, 16, 400))
    new = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    return data[:at] + new + data[at + length :]


def _block(data: bytes, rng: random.Random) -> bytes:
    """Take a block away, double it, or put junk in its place."""
    at = rng.randrange(len(data))
    length = rng.choice((1, 100, 4096, len(data) // 3))
    block = data[at : at + length]
    junk = rng.choice((b"", block * 2, rng.randbytes(min(length, 4096)), bytes(length)))
    return data[:at] + junk + data[at + length :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    length = rng.choice((1, 12, 44, 64, rng.randrange(len(data)), len(data) - 1, len(data) // 2))
    return data[: max(1, min(length, len(data) - 1))]


def _front(data: bytes, rng: random.Random) -> bytes:
    """Put junk, or a tag whose length may be a lie, before everything."""
    size = rng.choice((0, 10, 3000, 70_000))
    stated = rng.choice((size, size + 1000, 0x0FFFFFFF))
    length = bytes(stated >> shift & 127 for shift in (21, 14, 7, 0))
    tag = b"ID3" + bytes([rng.choice((2, 3, 4, 9)), 0, 0]) + length + bytes(size)
    other = data[rng.randrange(len(data)) :]
    return rng.choice((tag, bytes(size), rng.randbytes(size), other)) + data


_DAMAGE: Sequence[tuple[str, int, Callable[[bytes, random.Random], bytes]]] = (
    ("number", 8, _number),
    ("part", 4, _part),
    ("bits", 3, _bits),
    ("bytes", 2, _bytes),
    ("block", 2, _block),
    ("cut", 2, _cut),
    ("front", 1, _front),
)


def mutate(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> tuple[bytes, str]:
    """Damage a file in one to three ways.

    Returns
    -------
    bytes
        The damaged file, at least one byte.
    str
        What was done, for example ``"number+cut"``.
    """
    done: list[str] = []
    data = data or b"\0"
    weights = [weight for _, weight, _ in _DAMAGE]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name, _, change = rng.choices(_DAMAGE, weights)[0]
        data = change(data, rng) or b"\0"
        done.append(name)
    if others and rng.random() < 0.05:
        other = rng.choice(others)
        data = data[: rng.randrange(1, len(data) + 1)] + other[rng.randrange(len(other)) :]
        done.append("splice")
    if data.startswith(b"OggS") and rng.random() < 0.5:
        data = with_checksums(data)
        done.append("checksums")
    return data, "+".join(done)


def with_checksums(data: bytes) -> bytes:
    """Give every Ogg page the checksum that its content has."""
    changed = bytearray(data)
    for page in _pages(data):
        if page.end - page.start >= 27:
            changed[page.start + 22 : page.start + 26] = bytes(4)
            checksum = _ogg_checksum(changed[page.start : page.end])
            changed[page.start + 22 : page.start + 26] = checksum.to_bytes(4, "little")
    return bytes(changed)


def with_serial(data: bytes, serial: int) -> bytes:
    """Give all Ogg pages the number of one stream."""
    changed = bytearray(data)
    for page in _pages(data):
        changed[page.start + 14 : page.start + 18] = serial.to_bytes(4, "little")
    return with_checksums(bytes(changed))


def _make_ogg_table() -> tuple[int, ...]:
    """RFC 3533: polynomial 0x04c11db7, nothing reflected, nothing inverted."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return tuple(table)


_OGG_TABLE = _make_ogg_table()


def _ogg_checksum(page: bytes | bytearray) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[value >> 24 ^ byte]
    return value
