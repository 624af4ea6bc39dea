"""Archives unpacked without trusting them.

An archive from the network may be cut, damaged or made to harm. So it is read member by member,
never by names that it chooses: a name that leads out of the folder, a link, a device, more data or
files than it can honestly hold, each ends the unpacking with one error. Its end is looked at too,
because tarfile takes a damaged header for the end and says nothing.

What an archive is, tar (plain, gzip or bzip2) or zip, is told by its first bytes. Permissions,
owners and times in it are ignored; what operating systems leave behind (``.DS_Store``,
``__MACOSX``, ``._x``) is left out.

In it: :func:`unpack_archive`, :func:`examine_archive`, :func:`archive_format`, :class:`Limits`,
:class:`Unpacked`, :class:`UnfitArchiveError`; folders that appear whole or not at all:
:func:`fresh_folder`.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Protocol, cast

from generify.errors import DatasetError
from generify.progress import Progress

__all__ = [
    "Limits",
    "UnfitArchiveError",
    "Unpacked",
    "archive_format",
    "examine_archive",
    "fresh_folder",
    "unpack_archive",
]

_BLOCK_BYTES = 1 << 20
_TAR_BLOCK_BYTES = 512
# tarfile reads a long name or an extended header in one piece, however long it claims to be.
_MAX_HEADER_BYTES = 4 << 20
# A small archive of text may shrink well beyond any ratio and harm nobody.
_SMALL_BYTES = 100_000_000
# Names are joined to folders; far below where any system or a recursion would give up.
_MAX_DEPTH = 32
_MAX_NAME_BYTES = 255
_SHOWN_CHARACTERS = 80

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Names that mean another drive or a device on Windows, whatever folder they are joined to.
_WINDOWS = re.compile(r"[a-z]:.*|(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_JUNK = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})
_JUNK_PREFIXES = ("._", ".generify-")
_ZIP_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
_ENCRYPTED = 0x1

_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError),
    *(UnicodeDecodeError, OverflowError, ValueError, NotImplementedError, RuntimeError),
)
_CLASHING = (FileExistsError, NotADirectoryError, IsADirectoryError)


class UnfitArchiveError(DatasetError):
    """An archive that was read and is no good: none, damaged, unsafe or not what was published."""


@dataclass(frozen=True)
class Limits:
    """More than this no honest dataset holds.

    Attributes
    ----------
    max_files : int
        Files and folders in an archive; the largest known dataset has 107,000.
    max_bytes : int
        Bytes unpacked.
    max_ratio : float
        Bytes unpacked for each byte of the archive; tables shrink to a tenth, audio hardly.
    """

    max_files: int = 250_000
    max_bytes: int = 2 * 10**12
    max_ratio: float = 50.0


@dataclass(frozen=True)
class Unpacked:
    """What came out of an archive.

    Attributes
    ----------
    n_files : int
        Files, folders not counted.
    n_bytes : int
        Their size in all.
    """

    n_files: int = 0
    n_bytes: int = 0


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


@dataclass(frozen=True)
class _Member:
    path: PurePosixPath
    stream: _Readable | None
    """What the file holds; None for a folder."""


def archive_format(archive: Path) -> str:
    """Tell what kind of archive a file is, by its first bytes.

    Parameters
    ----------
    archive : Path
        A file.

    Returns
    -------
    str
        ``"gzip"``, ``"bzip2"``, ``"tar"`` or ``"zip"``; of the first two it is not known yet
        whether there is a tar inside.

    Raises
    ------
    UnfitArchiveError
        When it is none of these.
    DatasetError
        When it cannot be read.
    """
    try:
        with archive.open("rb") as stream:
            head = stream.read(_TAR_BLOCK_BYTES)
    except OSError as err:
        raise _unreadable(archive, err) from err
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh"):
        return "bzip2"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head[257:262] == b"ustar":
        return "tar"
    raise UnfitArchiveError(
        f"{archive.name} is {_what_else(head)}, a .zip, .tar, .tar.gz or .tar.bz2 was expected",
        hint="get the archive itself; opened in a browser, its address may show a page first",
    )


def _what_else(head: bytes) -> str:
    if not head:
        return "empty"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "a web page" if start.startswith((b"<!doctype", b"<html", b"<?xml")) else "no archive"


def unpack_archive(
    archive: Path,
    folder: Path,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Unpacked:
    """Unpack an archive into a folder, and nowhere else.

    Parameters
    ----------
    archive : Path
        A tar or zip; see :func:`archive_format`.
    folder : Path
        Where to; it exists. After an error what it holds is worth nothing, so let
        :func:`fresh_folder` make it.
    limits : Limits, optional
        How much may come out.
    progress : callable, optional
        Called with (bytes of the archive done, bytes in all).

    Returns
    -------
    Unpacked
        How much came out.

    Raises
    ------
    UnfitArchiveError
        When the archive is none, damaged, cut, encrypted or unsafe.
    DatasetError
        When it cannot be read, or the folder cannot be written or is full.
    """
    n_files = n_bytes = 0
    with _trouble_told(archive, folder):
        for member in _members(archive, limits or Limits(), progress):
            n_written = _write(member, folder)
            n_files += member.stream is not None
            n_bytes += n_written
    return Unpacked(n_files, n_bytes)


def examine_archive(
    archive: Path, *, limits: Limits | None = None, progress: Progress | None = None
) -> Unpacked:
    """Read an archive to its end without writing anything.

    Parameters
    ----------
    archive : Path
        A tar or zip; see :func:`archive_format`.
    limits : Limits, optional
        How much may come out.
    progress : callable, optional
        Called with (bytes of the archive done, bytes in all).

    Returns
    -------
    Unpacked
        How much would come out.

    Raises
    ------
    UnfitArchiveError
        When the archive is none, damaged, cut, encrypted or unsafe.
    DatasetError
        When it cannot be read.
    """
    n_files = n_bytes = 0
    with _trouble_told(archive, None):
        for member in _members(archive, limits or Limits(), progress):
            if member.stream is not None:
                n_files += 1
                n_bytes += sum(map(len, _blocks(member.stream)))
    return Unpacked(n_files, n_bytes)


@contextmanager
def fresh_folder(target: Path, temporary: Path) -> Iterator[Path]:
    """Give a new folder to fill, and put it in its place at the end.

    Parameters
    ----------
    target : Path
        Where it shall be; nothing is there, or an empty folder.
    temporary : Path
        Where it is until then, on the same file system. What a killed run left there is removed.

    Yields
    ------
    Path
        The folder to fill. After an error or an interrupt it is removed, and the target is as it
        was before.

    Raises
    ------
    DatasetError
        When a folder cannot be made, written or put in its place.
    """
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        if target.is_dir():
            target.rmdir()  # only Unix renames over an empty folder
        temporary.rename(target)
    except OSError as err:
        raise _unwritable(target, err) from err
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unwritable(folder: Path, err: OSError) -> DatasetError:
    full = err.errno in (errno.ENOSPC, errno.EDQUOT)
    return DatasetError(
        f"cannot write into {folder}: {err.strerror or err}",
        hint="make room, or choose another folder"
        if full
        else "choose a folder that you may write to",
    )


@contextmanager
def _trouble_told(archive: Path, folder: Path | None) -> Iterator[None]:
    """Turn what goes wrong while unpacking, or reading into no folder, into one sentence."""
    try:
        yield
    except _CLASHING as err:
        clashing = Path(str(err.filename)).name
        raise _unsafe(archive, clashing, "is in it twice, or as a file and a folder") from err
    except _DAMAGED as err:
        raise _damaged(archive, str(err) or type(err).__name__) from err
    except OSError as err:
        if err.errno is None:  # how gzip and bz2 say that the data is wrong
            raise _damaged(archive, str(err)) from err
        if folder is None:
            raise _unreadable(archive, err) from err
        raise _unwritable(folder, err) from err


def _unreadable(archive: Path, err: OSError) -> DatasetError:
    return DatasetError(f"cannot read {archive}: {err.strerror or err}")


def _damaged(archive: Path, why: str) -> UnfitArchiveError:
    return UnfitArchiveError(f"{archive.name} is damaged or cut: {why}", hint="get it again")


def _unsafe(archive: Path, name: str, why: str) -> UnfitArchiveError:
    # As repr, because a name may hold what a terminal obeys or cannot show.
    shown = repr(name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}…")
    return UnfitArchiveError(
        f"{archive.name} is not safe to unpack: {shown} {why}",
        hint="get it from another place; nothing of it was kept",
    )


def _write(member: _Member, folder: Path) -> int:
    path = folder / member.path
    if member.stream is None:
        path.mkdir(parents=True, exist_ok=True)
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    # Never over a file that is there: it would be a second one of that name.
    with path.open("xb") as target:
        return sum(target.write(block) for block in _blocks(member.stream))


def _blocks(stream: _Readable) -> Iterator[bytes]:
    while block := stream.read(_BLOCK_BYTES):
        yield block


def _members(archive: Path, limits: Limits, progress: Progress | None) -> Iterator[_Member]:
    """Give what is worth unpacking, names checked and limits held."""
    read = _zip_members if archive_format(archive) == "zip" else _tar_members
    n_archive_bytes = archive.stat().st_size
    most = min(limits.max_bytes, max(_SMALL_BYTES, int(limits.max_ratio * n_archive_bytes)))
    for n_members, (name, stream, n_done) in enumerate(read(archive, _Meter(archive, most)), 1):
        if n_members > limits.max_files:
            raise _unsafe(archive, name, f"is one of more than {limits.max_files:,} files")
        path = _safe_path(archive, name, stream is None)
        if not any(part in _JUNK or part.startswith(_JUNK_PREFIXES) for part in path.parts):
            yield _Member(path, stream)
        if progress is not None:
            progress(n_done, n_archive_bytes)


def _safe_path(archive: Path, name: str, is_folder: bool) -> PurePosixPath:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if why := _why_unsafe(name, parts):
        raise _unsafe(archive, name, why)
    if not parts and not is_folder:
        raise _unsafe(archive, name, "is no name for a file")
    return PurePosixPath(*parts)


def _why_unsafe(name: str, parts: list[str]) -> str:
    """Say what is wrong with a name; "" when nothing is."""
    try:
        lengths = [len(part.encode("utf-8")) for part in parts]
    except UnicodeEncodeError:
        return "is a name that is not UTF-8"
    if _CONTROL.search(name):
        return "has control characters in its name"
    if name.startswith("/") or ".." in parts:
        return "leads out of the folder"
    if "\\" in name or any(map(_WINDOWS.fullmatch, parts)):
        return "is a path or device of Windows"
    if len(parts) > _MAX_DEPTH or max(lengths, default=0) > _MAX_NAME_BYTES:
        return "is too long or too deep"
    return ""


_Entry = tuple[str, _Readable | None, int]
"""Name, content (None for a folder), and how many bytes of the archive are behind it."""


class _Meter:
    """Counts what comes out of an archive, and stops at the limit."""

    def __init__(self, archive: Path, most: int) -> None:
        self.archive = archive
        self._most = most
        self._n_bytes = 0

    def count(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > self._most:
            raise UnfitArchiveError(
                f"{self.archive.name} is not safe to unpack: it grows beyond {self._most:,} bytes, "
                "as a zip bomb does",
                hint="get it from another place; nothing of it was kept",
            )


class _Metered:
    """A decompressed stream that is counted and only goes forward.

    A header that claims a negative size would send tarfile back and round for ever, and one that
    claims terabytes would fill the memory.
    """

    def __init__(self, stream: _Readable, meter: _Meter) -> None:
        self._stream = stream
        self._meter = meter
        self._position = 0
        self.last = b""

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._stream.read(size)
        self._position += len(self.last)
        self._meter.count(len(self.last))
        return self.last

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.ReadError("a header leads backwards")
        while self._position < position:
            if not self.read(min(_BLOCK_BYTES, position - self._position)):
                raise EOFError("it ends in the middle of a file")


def _tar_members(archive: Path, meter: _Meter) -> Iterator[_Entry]:
    with archive.open("rb") as raw:
        stream = _Metered(_decompressed(raw, archive_format(archive)), meter)
        plain = cast(IO[bytes], stream)
        with tarfile.open(fileobj=plain, mode="r:", encoding="utf-8") as tar:
            for info in tar:
                yield info.name, _tar_content(tar, info, archive), raw.tell()
        # Anything but an empty block is a damaged header, or the end of a cut file.
        if stream.last != bytes(_TAR_BLOCK_BYTES):
            raise tarfile.ReadError("it does not end as a tar archive does")
        while stream.read(_BLOCK_BYTES):  # a checksum of gzip and bzip2 comes at the very end
            pass


def _decompressed(raw: BinaryIO, how: str) -> _Readable:
    if how == "gzip":
        return gzip.GzipFile(fileobj=raw)
    return bz2.BZ2File(raw) if how == "bzip2" else raw


def _tar_content(tar: tarfile.TarFile, info: tarfile.TarInfo, archive: Path) -> _Readable | None:
    if info.isdir():
        return None
    if info.issym() or info.islnk():
        raise _unsafe(archive, info.name, "is a link")
    if not info.isreg() or info.issparse():
        raise _unsafe(archive, info.name, "is neither a file nor a folder")
    return tar.extractfile(info)


def _zip_members(archive: Path, meter: _Meter) -> Iterator[_Entry]:
    n_read = 0
    with zipfile.ZipFile(archive, metadata_encoding="utf-8") as packed:
        infos = packed.infolist()
        if sum(info.compress_size for info in infos) > archive.stat().st_size:
            raise zipfile.BadZipFile("its files overlap, as in a zip bomb")
        for info in infos:
            _check_zip_entry(info, archive)
            if info.orig_filename.endswith("/"):
                yield info.orig_filename, None, n_read
                continue
            with packed.open(info) as stream:
                yield info.orig_filename, _Metered(stream, meter), n_read
            n_read += info.compress_size


def _check_zip_entry(info: zipfile.ZipInfo, archive: Path) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if stat.S_ISLNK(kind):
        raise _unsafe(archive, info.orig_filename, "is a link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _unsafe(archive, info.orig_filename, "is neither a file nor a folder")
    if info.flag_bits & _ENCRYPTED:
        raise zipfile.BadZipFile(f"{info.orig_filename!r} is encrypted")
    if info.compress_type not in _ZIP_METHODS:
        raise zipfile.BadZipFile(f"{info.orig_filename!r} is compressed in an unknown way")
