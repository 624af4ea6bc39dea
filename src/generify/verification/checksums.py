"""Lists of checksums that lie beside the files they are of, as FMA and many archives bring them.

A list is a text named ``checksums``, ``MD5SUMS``, ``SHA256SUMS`` … or ending in ``.md5``,
``.sha1``, ``.sha256``, with lines as the programs ``md5sum``, ``sha1sum`` and ``sha256sum`` write
them; the number of digits tells which it was.

In it: :func:`read_checksums`, :class:`Checksum`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from generify.datasets.listing import Listing

__all__ = ["Checksum", "read_checksums"]

_NAMES = frozenset({"checksums", "md5sums", "sha1sums", "sha256sums"})
_SUFFIXES = frozenset({".md5", ".sha1", ".sha256"})
_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{32,64})[ \t]+\*?(?P<name>\S.*?)\s*")
_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}
_LONGEST_LIST = 64 << 20


@dataclass(frozen=True)
class Checksum:
    """What a whole file should hash to.

    Attributes
    ----------
    algorithm : str
        ``"md5"``, ``"sha1"`` or ``"sha256"``.
    digest : str
        Hexadecimal digits, small letters.
    source : str
        The list it comes from, relative to the dataset's folder.
    """

    algorithm: str
    digest: str
    source: str


def read_checksums(listing: Listing) -> dict[PurePosixPath, Checksum]:
    """Read all lists of checksums below a folder.

    Parameters
    ----------
    listing : Listing
        The files below the folder.

    Returns
    -------
    dict
        File, relative to the folder, → its checksum; lines that are none are passed over, and so
        are lists that cannot be read.
    """
    found = {}
    for source in listing.files:
        if _is_list(source):
            for line in _lines(listing, source):
                match = _LINE.fullmatch(line)
                algorithm = _ALGORITHMS.get(len(match["digest"])) if match else None
                if match and algorithm:
                    file = source.parent / match["name"].replace("\\", "/")
                    found[file] = Checksum(algorithm, match["digest"].lower(), str(source))
    return found


def _is_list(file: PurePosixPath) -> bool:
    name = file.name.lower()
    return name in _NAMES or name.removesuffix(".txt") in _NAMES or file.suffix.lower() in _SUFFIXES


def _lines(listing: Listing, source: PurePosixPath) -> list[str]:
    path = listing.root / source
    try:
        if path.stat().st_size > _LONGEST_LIST:
            return []
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
