"""Files that are written whole or not at all.

What is written lies beside its target under a hidden name until it is whole. The name is made of
the target's and the file is locked, so what a killed process left is known as such, and is used by
the next that writes the same target.

In it: :func:`replacing`, :func:`make_folder`; what to do about a disk that refuses,
:func:`cure_for`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from generify.errors import GenerifyError

__all__ = ["cure_for", "make_folder", "replacing"]

TEMPORARY_PREFIX = ".generify-"
_NAME_BYTES = 6
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_CHOOSE = "choose a folder that exists and that you may write to"


def cure_for(error: OSError, otherwise: str = _CHOOSE) -> str:
    """Say what to do about a file that cannot be written.

    Parameters
    ----------
    error : OSError
        What the system said.
    otherwise : str
        What to do where neither room nor the disk is what is wrong.

    Returns
    -------
    str
        One line, fit for a hint.

    Examples
    --------
    >>> cure_for(OSError(errno.ENOSPC, "No space left on device"))
    'make room on that disk, then run the same command again'
    """
    if error.errno in _FULL:
        return "make room on that disk, then run the same command again"
    if error.errno == errno.EIO:
        return "the disk or the way to it fails: save what is on it, and use another"
    return otherwise


def make_folder(folder: Path, error: type[GenerifyError] = GenerifyError) -> None:
    """Make a folder that files are to be written into, and those above it.

    Parameters
    ----------
    folder : Path
        Where; it may be there already.
    error : type of GenerifyError
        Raised when it cannot be made.

    Raises
    ------
    GenerifyError
        Of the type asked for, when the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise error(
            f"cannot make the folder {folder}: {err.strerror or err}",
            hint=cure_for(err, "choose a folder that you may write to"),
        ) from err


@contextmanager
def replacing(
    path: str | Path, error: type[GenerifyError] = GenerifyError, *, sync: bool = True
) -> Iterator[Path]:
    """Give a temporary path beside a file, and put it in the file's place at the end.

    A reader sees the old file or the new one, never half of it, also when the program is killed.

    Parameters
    ----------
    path : str or Path
        The file to write.
    error : type of GenerifyError
        What to raise when it cannot be written.
    sync : bool
        Whether that holds when the power fails too. It costs milliseconds, which is much only for
        small files by the thousand.

    Yields
    ------
    Path
        Where to write; same folder and same suffix.

    Raises
    ------
    GenerifyError
        Of the given type, when the folder is missing, read-only or full. The target is then as it
        was before.
    """
    target = Path(path)
    try:
        with _temporary(target) as (temporary, stream):
            yield temporary
            if sync:
                os.fsync(stream.fileno())
            if sys.platform == "win32":
                stream.close()  # an open file cannot be renamed there
            temporary.replace(target)
    except OSError as err:
        raise error(f"cannot write {target}: {err.strerror or err}", hint=cure_for(err)) from err


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Make an empty file beside a target; it is removed when what is done with it fails."""
    digest = hashlib.blake2b(os.fsencode(target.name), digest_size=_NAME_BYTES).hexdigest()
    path = target.with_name(f"{TEMPORARY_PREFIX}{digest}{target.suffix}")
    taken = _take(path)
    if taken is None:  # another process writes the same file, or there are no locks
        name = f"{TEMPORARY_PREFIX}{secrets.token_hex(_NAME_BYTES)}{target.suffix}"
        path = target.with_name(name)
    try:
        with taken or path.open("xb") as stream:
            yield path, stream
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _take(path: Path) -> BinaryIO | None:
    """Make a file or take over one that nobody works on, empty; None where that cannot be told."""
    if sys.platform == "win32":
        return None
    import fcntl

    with ExitStack() as opened:
        try:
            stream = opened.enter_context(path.open("ab"))
        except OSError:
            return None
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It may have become the target, or be gone, before it was locked.
            if not os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                return None
            stream.truncate(0)
        except BlockingIOError:
            return None
        except OSError:  # there are no locks, so nobody else works on it either
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        opened.pop_all()
    return stream
