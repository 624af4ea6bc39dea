"""What people give by mistake in the place of a song or a model: pictures, texts, addresses.

Files are told by their first bytes, never by their names; an error can say it in a few words then.

In it: :func:`name_other_kind`, :func:`name_kind_of_file`, :func:`is_url`.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

__all__ = ["is_url", "name_kind_of_file", "name_other_kind"]

_HEAD_BYTES = 1024
_LONGEST_LETTER = 4  # bytes in UTF-8
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"%PDF-", "a document (PDF)"),
    (b"PK\x03\x04", "an archive (ZIP)"),
    (b"\x1f\x8b", "an archive (gzip)"),
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z)"),
    (b"Rar!\x1a\x07", "an archive (RAR)"),
    (b"SQLite format 3\0", "a database (SQLite)"),
    (b"PAR1", "a table (Parquet)"),
)
_URL = re.compile(r"(https?|ftp):/", re.IGNORECASE)  # a Path keeps one slash of two
_INVISIBLE = frozenset(("Zs", "Zl", "Zp", "Cf"))  # blanks, ends of lines, marks such as U+FEFF
_BYTE_ORDER_MARK = "\ufeff"
_WEB_PAGES = ("<!doctype html", "<html")


def name_other_kind(head: bytes) -> str:
    """Name what is neither a song nor a model, as far as its first bytes tell.

    Parameters
    ----------
    head : bytes
        The beginning of a file, or all of it.

    Returns
    -------
    str
        Fit for "is …"; empty where the bytes are of no kind that is known here.

    Examples
    --------
    >>> name_other_kind(b"some words"), name_other_kind(b"%PDF-1.7"), name_other_kind(bytes(9))
    ('a text', 'a document (PDF)', '')
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a picture (WebP)"
    named = next((kind for mark, kind in _KINDS if head.startswith(mark)), "")
    return named or _name_text(head[:_HEAD_BYTES])


def _name_text(head: bytes) -> str:
    text = head.decode("utf-8", errors="ignore")
    n_undecoded = len(head) - len(text.encode())  # the last letter may be cut
    if not text or n_undecoded >= _LONGEST_LETTER or not all(map(_is_of_text, text)):
        return ""
    begin = text.removeprefix(_BYTE_ORDER_MARK).lstrip().lower()
    return "a web page" if begin.startswith(_WEB_PAGES) else "a text"


def _is_of_text(letter: str) -> bool:
    shown = letter.isprintable() or letter in "\t\n\f\r"
    return shown or unicodedata.category(letter) in _INVISIBLE


def is_url(path: str | Path) -> bool:
    """Tell an address of the web.

    Parameters
    ----------
    path : str or Path
        As a person gave it, or what a Path made of it.

    Returns
    -------
    bool
        Whether it begins as one.

    Examples
    --------
    >>> is_url(Path("https://example.com/song.mp3")), is_url("music/song.mp3")
    (True, False)
    """
    return _URL.match(str(path)) is not None


def name_kind_of_file(path: str | Path) -> str:
    """Name what a file is that is neither a song nor a model.

    Parameters
    ----------
    path : str or Path
        A file.

    Returns
    -------
    str
        As :func:`name_other_kind` gives it; empty also where it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return name_other_kind(file.read(_HEAD_BYTES))
    except OSError:
        return ""
