"""A file said by another: which parts of it are there, and the few bytes that are not.

Tagging moves most of a file and changes little, so a journal that holds only the difference stays
small whatever the format, covers inside the tag included. Nothing is held in memory but blocks.

In it: :class:`Delta`, :func:`make_delta`, :func:`apply_delta`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["Delta", "apply_delta", "make_delta"]

_STEP_BYTES = 1 << 16  # compared at once
_PROBE_BYTES = 32  # shorter matches are not worth a line
_BLOCK_BYTES = 1024  # what is looked for anywhere in the other file
_MAX_BLOCKS = 1 << 16  # of them; a longer file is cut into larger ones
_PATIENCE_BYTES = 256  # without a match before it is looked for anywhere
_LITERAL = -1


@dataclass(frozen=True)
class Delta:
    """How to make a file from another.

    Attributes
    ----------
    pieces : tuple of (int, int)
        In order: where a piece begins in the other file and how long it is; -1 for bytes that are
        not there, to be taken from ``literal``.
    literal : bytes
        The bytes that are not there.
    """

    pieces: tuple[tuple[int, int], ...]
    literal: bytes


class _Bytes:
    """A stream as a long row of bytes. Not mapped: a file cut meanwhile would end the program."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = stream.seek(0, 2)

    def at(self, start: int, length: int) -> bytes:
        if start < 0:
            return b""
        self._stream.seek(start)
        return self._stream.read(length)


def make_delta(old: BinaryIO, new: BinaryIO) -> Delta:
    """Say an old file by a new one.

    Parameters
    ----------
    old, new : binary file
        Open for reading.

    Returns
    -------
    Delta
        How to make the old file from the new one.

    Examples
    --------
    >>> from io import BytesIO
    >>> song = bytes(range(256))
    >>> make_delta(BytesIO(b"ABC" + song), BytesIO(b"a new head" + song))
    Delta(pieces=((-1, 3), (10, 256)), literal=b'ABC')
    """
    search = _Search(_Bytes(old), _Bytes(new))
    pieces: list[tuple[int, int]] = []
    literal = bytearray()
    position = 0
    while position < search.old.size:
        missing = pieces[-1][1] if pieces and pieces[-1][0] == _LITERAL else 0
        start, length = search.find(position, far=missing >= _PATIENCE_BYTES)
        if start == _LITERAL:
            literal += search.old.at(position, length)
            pieces[len(pieces) - bool(missing) :] = [(_LITERAL, missing + length)]
        else:
            pieces.append((start, length))
        position += length
    return Delta(tuple(pieces), bytes(literal))


class _Search:
    """Looks for parts of the old file in the new one."""

    def __init__(self, old: _Bytes, new: _Bytes) -> None:
        self.old, self.new = old, new
        self._shifts = [0, new.size - old.size]  # same from the start, or from the end
        self._blocks: dict[int, int] = {}
        self._length = max(_BLOCK_BYTES, -(-new.size // _MAX_BLOCKS))

    def find(self, position: int, *, far: bool) -> tuple[int, int]:
        """Give where what begins at a position is, and its length; one missing byte otherwise."""
        probe = self.old.at(position, _PROBE_BYTES)
        starts = (position + shift for shift in self._shifts)
        start = next((s for s in starts if self.new.at(s, _PROBE_BYTES) == probe), _LITERAL)
        if start == _LITERAL and far:
            start = self._anywhere(position)
        if start == _LITERAL or len(probe) < _PROBE_BYTES:
            return _LITERAL, 1
        self._shifts[2:] = [start - position]
        return start, self._matching(position, start)

    def _anywhere(self, position: int) -> int:
        if not self._blocks:
            for start in range(0, self.new.size - self._length + 1, self._length):
                self._blocks.setdefault(hash(self.new.at(start, self._length)), start)
        wanted = self.old.at(position, self._length)
        start = self._blocks.get(hash(wanted), _LITERAL)
        return start if self.new.at(start, len(wanted)) == wanted else _LITERAL

    def _matching(self, position: int, start: int) -> int:
        length = 0
        while True:
            a = self.old.at(position + length, _STEP_BYTES)
            b = self.new.at(start + length, _STEP_BYTES)
            if a != b or len(a) < _STEP_BYTES:
                return length + _common(a, b)
            length += _STEP_BYTES


def _common(a: bytes, b: bytes) -> int:
    """Count the bytes that two begin with alike."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def apply_delta(delta: Delta, new: BinaryIO, out: BinaryIO) -> None:
    """Make the old file again.

    Parameters
    ----------
    delta : Delta
        From :func:`make_delta`.
    new : binary file
        The new file, open for reading.
    out : binary file
        Where the old one is written to.
    """
    source = _Bytes(new)
    taken = 0
    for start, length in delta.pieces:
        if start == _LITERAL:
            out.write(delta.literal[taken : taken + length])
            taken += length
            continue
        for offset in range(0, length, _STEP_BYTES):
            out.write(source.at(start + offset, min(_STEP_BYTES, length - offset)))
