"""Reading protocol buffers from strangers: strictly, and never more than there is.

A message is read by a list of the fields that it may have. Whatever else it holds (unknown fields,
groups, a field twice, a list of numbers in pieces, numbers that are too long, lengths beyond the
end) is refused and not skipped, so that no other reader can see in the same bytes what this one did
not.

Conventions: a *span* is where a message begins and ends within the file. Numbers are decoded by
numpy, a whole list at once. What is read is paid for from a :class:`Budget`.

In it: :func:`read_message`, :class:`Field`, :class:`Kind`, :class:`Budget`, :class:`Refusal`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Budget", "Field", "Kind", "Refusal", "Span", "read_message"]

Span = tuple[int, int]

_VARINT, _FIXED_32, _LENGTH = 0, 5, 2
_DAMAGED = "is damaged or no ONNX file"
_MAX_TEXT_BYTES = 256
_MAX_LIST_BYTES = 4 * 2**20  # of integers: decoding takes 40 times as much for a moment


class Refusal(Exception):  # noqa: N818 - never seen outside; it becomes a ModelError
    """Why a file is refused, in words that follow "the file …"."""


class Kind(IntEnum):
    """What a field holds."""

    INTEGER = 1
    NUMBER = 2
    TEXT = 3
    BYTES = 4
    MESSAGE = 5
    INTEGERS = 6
    NUMBERS = 7
    TEXTS = 8
    MESSAGES = 9
    REFUSED = 10


_REPEATED = {Kind.TEXTS: Kind.TEXT, Kind.MESSAGES: Kind.MESSAGE}
_WIRE_TYPES = {
    Kind.INTEGER: (_VARINT,),
    Kind.NUMBER: (_FIXED_32,),
    Kind.INTEGERS: (_VARINT, _LENGTH),
    Kind.NUMBERS: (_FIXED_32, _LENGTH),
}


@dataclass(frozen=True)
class Field:
    """A field that a message may have.

    Attributes
    ----------
    name : str
        Its name; of a field that is refused, what it is in words.
    kind : Kind
        What it holds; those in the plural may come more than once.
    """

    name: str
    kind: Kind


@dataclass
class Budget:
    """What may still be read of one file.

    Attributes
    ----------
    n_fields : int
        Fields, of all messages.
    list_bytes : int
        Bytes of lists of integers.
    """

    n_fields: int = 1_000_000
    list_bytes: int = 16 * 2**20

    def spend_field(self) -> None:
        """Take one field.

        Raises
        ------
        Refusal
            When there were too many.
        """
        self.n_fields -= 1
        if self.n_fields < 0:
            raise Refusal("has more parts than any model needs")

    def spend_list(self, n_bytes: int) -> None:
        """Take a list of integers.

        Parameters
        ----------
        n_bytes : int
            How long it is.

        Raises
        ------
        Refusal
            When it is too long, or all of them are.
        """
        self.list_bytes -= n_bytes
        if n_bytes > _MAX_LIST_BYTES or self.list_bytes < 0:
            raise Refusal("has longer lists of integers than any model needs")


def read_message(
    content: bytes, span: Span, fields: Mapping[int, Field], budget: Budget
) -> dict[str, Any]:
    """Read one message.

    Parameters
    ----------
    content : bytes
        The whole file.
    span : (int, int)
        Where the message begins and ends.
    fields : mapping of int to Field
        What it may have, by number.
    budget : Budget
        Paid from.

    Returns
    -------
    dict
        Value of each field that is there, by name: int, float, str, memoryview, span; lists of str
        and spans; arrays of int64 and float32.

    Raises
    ------
    Refusal
        When it has any other field or is no such message.
    """
    found: dict[str, Any] = {}
    at, end = span
    while at < end:
        budget.spend_field()
        number, wire_type, behind_tag = _read_tag(content, at, end)
        field = _known(fields, number, wire_type)
        if field.kind in _REPEATED:
            part, at = _read_value(content, behind_tag, end, _REPEATED[field.kind])
            found.setdefault(field.name, []).append(part)
            continue
        if field.name in found:
            raise Refusal(f"{_DAMAGED}: {field.name} is there twice")
        if field.kind in (Kind.INTEGERS, Kind.NUMBERS):
            found[field.name], at = _read_list(
                content, (at, behind_tag, end), field.kind, wire_type, budget
            )
        else:
            found[field.name], at = _read_value(content, behind_tag, end, field.kind)
    return found


def _known(fields: Mapping[int, Field], number: int, wire_type: int) -> Field:
    field = fields.get(number)
    if field is None:
        raise Refusal(f"{_DAMAGED}: there is no field {number}")
    if field.kind is Kind.REFUSED:
        raise Refusal(f"has {field.name}, which no model of Generify has")
    if wire_type not in _WIRE_TYPES.get(field.kind, (_LENGTH,)):
        raise Refusal(f"{_DAMAGED}: {field.name} has the wire type {wire_type}")
    return field


def _read_tag(content: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Give a field's number, its wire type, and where the tag ends."""
    key, behind = _read_varint(content, at, end)
    if behind - at > 1 and not content[behind - 1]:
        raise Refusal(f"{_DAMAGED}: an overlong tag at byte {at}")
    if key >> 32:
        raise Refusal(f"{_DAMAGED}: no tag at byte {at}")
    return key >> 3, key & 7, behind


def _read_varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, lowest first; also where it ends."""
    if at < end and content[at] < 0x80:  # nearly all of them
        return content[at], at + 1
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise Refusal(f"is cut short or damaged at byte {at}")
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    else:
        raise Refusal(f"{_DAMAGED}: a number of more than ten bytes before byte {at}")
    if value >> 64:
        raise Refusal(f"{_DAMAGED}: a number of more than 64 bits before byte {at}")
    return value, at


def _read_length(content: bytes, at: int, end: int) -> Span:
    """Read a length, and give the span that it stands before."""
    length, start = _read_varint(content, at, end)
    if length > end - start:
        raise Refusal(f"is cut short or damaged: {length:,} bytes promised at byte {at}")
    return start, start + length


def _read_value(content: bytes, at: int, end: int, kind: Kind) -> tuple[Any, int]:
    """Read a field that there is once; also where it ends."""
    if kind is Kind.INTEGER:
        value, at = _read_varint(content, at, end)
        return value - (value >> 63 << 64), at
    if kind is Kind.NUMBER:
        if end - at < 4:
            raise Refusal(f"is cut short or damaged at byte {at}")
        return float(np.frombuffer(content, "<f4", 1, at)[0]), at + 4
    start, stop = _read_length(content, at, end)
    if kind is Kind.TEXT:
        return _read_text(content, start, stop), stop
    return (memoryview(content)[start:stop] if kind is Kind.BYTES else (start, stop)), stop


def _read_text(content: bytes, start: int, stop: int) -> str:
    if stop - start > _MAX_TEXT_BYTES:
        raise Refusal(f"has a name of {stop - start:,} bytes, more than {_MAX_TEXT_BYTES}")
    try:
        return content[start:stop].decode()
    except UnicodeDecodeError as err:
        raise Refusal(f"{_DAMAGED}: a name at byte {start} is no text") from err


def _read_list(
    content: bytes, places: tuple[int, int, int], kind: Kind, wire_type: int, budget: Budget
) -> tuple[NDArray[np.int64] | NDArray[np.float32], int]:
    """Read a list of numbers, which is packed or in one run; also where it ends."""
    at, behind_tag, end = places
    if wire_type == _LENGTH:
        start, stop = _read_length(content, behind_tag, end)
        data = np.frombuffer(content, np.uint8, stop - start, start)
        return (_floats(data) if kind is Kind.NUMBERS else _integers(data, budget)), stop
    # numbers of a list that is not packed stand behind one another, each with its tag
    tag = content[at:behind_tag]
    run = _run_of(tag, wire_type).match(content, at, end)
    if run is None:
        raise Refusal(f"is cut short or damaged at byte {at}")
    data = np.frombuffer(content, np.uint8, run.end() - at, at)
    if kind is Kind.NUMBERS:
        return _floats(data.reshape(-1, len(tag) + 4)[:, len(tag) :].ravel()), run.end()
    return _integers(data, budget)[1::2], run.end()


@cache
def _run_of(tag: bytes, wire_type: int) -> re.Pattern[bytes]:
    value = rb".{4}" if wire_type == _FIXED_32 else rb"[\x80-\xff]{0,9}+[\x00-\x7f]"
    return re.compile(rb"(?:" + re.escape(tag) + value + rb")++", re.DOTALL)


def _floats(data: NDArray[np.uint8]) -> NDArray[np.float32]:
    if len(data) % 4:
        raise Refusal(f"{_DAMAGED}: a list of numbers ends in the middle of one")
    return data.view("<f4")


def _integers(data: NDArray[np.uint8], budget: Budget) -> NDArray[np.int64]:
    """Decode numbers of seven bits a byte, all at once."""
    budget.spend_list(len(data))
    if not len(data):
        return np.empty(0, np.int64)
    ends = np.flatnonzero(data < 0x80)
    if not len(ends) or ends[-1] != len(data) - 1:
        raise Refusal(f"{_DAMAGED}: a list of integers ends in the middle of one")
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    longest = int(lengths.max())
    if longest > 10 or (data[ends[lengths == 10]] > 1).any():
        raise Refusal(f"{_DAMAGED}: an integer of more than 64 bits")
    values = np.zeros(len(ends), np.uint64)
    for i in range(longest):
        reaching = lengths > i
        bits = (data[starts[reaching] + i] & 0x7F).astype(np.uint64)
        values[reaching] |= bits << np.uint64(7 * i)
    return values.view(np.int64)
