"""``multipart/form-data`` read a block at a time, its one file written as it comes.

The parsing is python-multipart's. Starlette's own reading of forms takes files of any size, so it
is of no use for a limit that holds while a file arrives.

In it: :class:`FormReader`, :class:`FormError`, :func:`boundary_of`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

__all__ = ["FormError", "FormReader", "boundary_of"]

_FILE = "file"


class FormError(Exception):
    """A form that cannot be used.

    Parameters
    ----------
    message : str
        Why.
    code : str
        Kind of problem.
    """

    def __init__(self, message: str, code: str = "bad-upload") -> None:
        super().__init__(message)
        self.code = code


def boundary_of(content_type: str) -> bytes | None:
    """Find what separates the parts of a form.

    Parameters
    ----------
    content_type : str
        The header.

    Returns
    -------
    bytes or None
        None when it is no form.
    """
    kind, options = parse_options_header(content_type)
    return (options.get(b"boundary") or None) if kind == b"multipart/form-data" else None


class FormReader:
    """Reads a form that comes in blocks.

    Parameters
    ----------
    boundary : bytes
        What separates its parts.
    stream : BinaryIO
        Where the file is written to.
    known : iterable of str
        Fields that there may be beside the file.
    max_other_bytes : int
        How much there may be beside the file.
    """

    def __init__(
        self, boundary: bytes, stream: BinaryIO, *, known: Iterable[str], max_other_bytes: int
    ) -> None:
        self.file_name = ""
        self._stream, self._known, self._room = stream, frozenset(known), max_other_bytes
        self._n_bytes, self._n_files, self._ended = 0, 0, False
        self._fields: dict[str, bytearray] = {}
        self._header, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._field: bytearray | None = None
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError as err:
            raise FormError("the form's boundary is too long") from err

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._note(self._header, data[start:end]),
            "on_header_value": lambda data, start, end: self._note(self._value, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open_part,
            "on_part_data": self._take,
            "on_end": self._end,
        }

    def feed(self, block: bytes) -> int:
        """Take the next block.

        Parameters
        ----------
        block : bytes
            As it came.

        Returns
        -------
        int
            Bytes of the file so far.

        Raises
        ------
        FormError
            When it is no form, has a field that nobody knows or one twice, or more beside the file
            than there may be.
        """
        before = self._n_bytes
        try:
            self._parser.write(block)
        except FormParserError as err:
            raise FormError("the form cannot be read: it does not keep to its format") from err
        except OSError as err:
            raise FormError(f"the song cannot be kept: {err.strerror}", "internal") from err
        self._spend(len(block) - (self._n_bytes - before))
        return self._n_bytes

    def finish(self) -> dict[str, str]:
        """End the form.

        Returns
        -------
        dict of str to str
            The fields.

        Raises
        ------
        FormError
            When the form ends early, or has no file or more than one.
        """
        if not self._ended:
            raise FormError("the form ends before its end: it was cut on the way")
        if self._n_files != 1:
            raise FormError(
                f"one song was expected in the field {_FILE!r}, got {self._n_files or 'none'}",
                "invalid-request",
            )
        return {name: value.decode("utf-8", "replace") for name, value in self._fields.items()}

    def _spend(self, n_bytes: int) -> None:
        self._room -= n_bytes
        if self._room < 0:
            raise FormError("the form holds too much beside the song")

    def _note(self, where: bytearray, part: bytes) -> None:
        where += part

    def _begin_part(self) -> None:
        self._headers, self._field = {}, None
        self._end_header()

    def _end_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _open_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name == _FILE:
            self._n_files += 1
            given = options.get(b"filename", b"").decode("utf-8", "replace")
            self.file_name = given.replace("%22", '"')  # so browsers write a quote, and only that
        elif name not in self._known:
            raise FormError(f"there is no field {name[:40]!r}", "invalid-request")
        elif name in self._fields:
            raise FormError(f"the field {name[:40]!r} is there twice", "invalid-request")
        else:
            self._field = self._fields.setdefault(name, bytearray())

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._field is not None:
            self._field += data[start:end]
        elif self._n_files == 1:
            self._stream.write(data[start:end])
            self._n_bytes += end - start

    def _end(self) -> None:
        self._ended = True
