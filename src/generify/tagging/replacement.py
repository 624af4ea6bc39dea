"""A file replaced by a changed copy of itself, in one step or not at all.

The copy lies beside the file under a hidden name and is locked by the process that works on it. A
process that is killed leaves its copy, and the lock is gone with it: the next run that comes by
sees that and removes it.

In it: :class:`Target`, :func:`working_copy`, :func:`remove_abandoned`,
:func:`sync_folder`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from generify.atomic import TEMPORARY_PREFIX
from generify.tag_formats import TagError

__all__ = [
    "Target",
    "WorkingCopy",
    "remove_abandoned",
    "sync_folder",
    "working_copy",
]

_PREFIX = f"{TEMPORARY_PREFIX}tag-"
_RANDOM_BYTES = 6
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Target:
    """A file that may be replaced, and what it looked like when that was found out.

    Attributes
    ----------
    path : Path
        The file itself, where it was given by a link.
    status : os.stat_result
        Its status.
    """

    path: Path
    status: os.stat_result

    @classmethod
    def check(cls, path: str | os.PathLike[str]) -> Target:
        """Look whether a file may be replaced.

        Parameters
        ----------
        path : str or path-like
            The file, or a link to it.

        Returns
        -------
        Target
            The file.

        Raises
        ------
        TagError
            When it is missing, no regular file, read-only, in a folder that is, or another user's.
        """
        name = os.fspath(path)
        try:
            real = Path(path).resolve(strict=True)
            status = real.stat()
        except (OSError, RuntimeError) as err:  # RuntimeError: links in a circle
            reason = getattr(err, "strerror", None) or "its links lead in a circle"
            raise TagError(f"{name}: cannot be read ({reason})") from err
        if not stat.S_ISREG(status.st_mode):
            raise TagError(f"{name}: is not a regular file")
        if hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid):
            raise TagError(
                f"{name}: belongs to another user, whose it would not stay",
                hint="run this as that user",
            )
        # Asked of the mode too: root may write anywhere, but someone meant it.
        if not status.st_mode & 0o222 or not os.access(real, os.W_OK):
            raise TagError(f"{name}: is read-only", hint="make it writable, as with chmod u+w")
        if not os.access(real.parent, os.W_OK | os.X_OK):
            raise TagError(f"{name}: its folder is read-only", hint="make the folder writable")
        return cls(real, status)

    @property
    def n_links(self) -> int:
        """Names that the file has."""
        return self.status.st_nlink

    def is_unchanged(self) -> bool:
        """Whether the file is still the one that was checked."""
        now, then = self.path.stat(), self.status
        return (now.st_ino, now.st_size, now.st_mtime_ns) == (
            then.st_ino,
            then.st_size,
            then.st_mtime_ns,
        )


class WorkingCopy:
    """A file beside its target, to be changed and put in the target's place.

    Parameters
    ----------
    path : Path
        The copy.
    stream : binary file
        The copy, open for reading and writing.
    target : Target
        What it is to replace.
    """

    def __init__(self, path: Path, stream: BinaryIO, target: Target) -> None:
        self.path, self.stream, self._target = path, stream, target

    def fill(self) -> None:
        """Copy the target's bytes."""
        with self._target.path.open("rb") as source:
            shutil.copyfileobj(source, self.stream, _COPY_BYTES)
        self.stream.flush()

    def take_over_attributes(self) -> None:
        """Copy the target's owner, mode, times and extended attributes."""
        status, own = self._target.status, self.path.stat()
        if own.st_uid != status.st_uid:
            os.chown(self.path, status.st_uid, status.st_gid)
        elif own.st_gid != status.st_gid:
            with suppress(OSError):  # a group that one does not belong to
                os.chown(self.path, -1, status.st_gid)
        shutil.copystat(self._target.path, self.path)

    def sync(self) -> None:
        """Have the bytes on the disk, so that no cut of power leaves an empty file."""
        self.stream.flush()
        os.fsync(self.stream.fileno())

    def take_place(self) -> None:
        """Become the target.

        Raises
        ------
        TagError
            When the target was changed meanwhile.
        """
        if not self._target.is_unchanged():
            raise TagError(f"{self._target.path}: another program changed it meanwhile")
        if sys.platform == "win32":
            self.stream.close()  # an open file cannot be renamed there
        self.path.replace(self._target.path)
        sync_folder(self.path.parent)


@contextmanager
def working_copy(target: Target) -> Iterator[WorkingCopy]:
    """Make an empty file beside a target.

    Parameters
    ----------
    target : Target
        The file that is to be replaced.

    Yields
    ------
    WorkingCopy
        Removed at the end, unless it took the target's place.

    Raises
    ------
    OSError
        When the folder cannot be written to, or the disk is full.
    """
    path = target.path.parent / f"{_PREFIX}{secrets.token_hex(_RANDOM_BYTES)}"
    try:
        with path.open("x+b") as stream:
            with suppress(OSError):  # a file system without locks
                _lock(stream)
            yield WorkingCopy(path, stream, target)
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove the copies that killed processes left in a folder.

    Parameters
    ----------
    folder : Path
        Where to look, not below.
    """
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            with path.open("rb") as stream:
                _lock(stream)  # held as long as somebody works on it
            path.unlink(missing_ok=True)


def _lock(stream: BinaryIO) -> None:
    if sys.platform != "win32":  # where an open file cannot be removed anyway
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk.

    Parameters
    ----------
    folder : Path
        The folder; nothing is done where the system cannot.
    """
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # not every file system can
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
