"""The folder that a dataset is fetched into, and the hidden one beside it where that is prepared.

A fetched folder carries a small hidden note, its receipt, by which a later run knows it again. The
workplace keeps what has been downloaded from one run to the next; a lock in it keeps two runs
apart.

In it: :func:`find_fetched`, :func:`write_receipt`, :func:`locked_workplace`, :func:`check_room`,
:func:`say_kept`.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generify.atomic import cure_for
from generify.datasets.archives import Unpacked
from generify.errors import DatasetError

if TYPE_CHECKING:
    from filelock import FileLock

__all__ = ["check_room", "find_fetched", "locked_workplace", "say_kept", "write_receipt"]

_RECEIPT = ".generify-fetch.json"
_LOCK = "lock"
_NO_LOCKS = (
    errno.ENOLCK,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
)  # nothing to be had, so nothing to wait for


def find_fetched(target: Path, name: str) -> Unpacked | None:
    """Look whether a folder holds a fetched dataset, or is free for one.

    Parameters
    ----------
    target : Path
        The folder, links resolved.
    name : str
        Name of the dataset.

    Returns
    -------
    Unpacked or None
        How much is in it; None when nothing is there, or an empty folder.

    Raises
    ------
    DatasetError
        When something else is there, files of the dataset are gone, or an empty folder cannot be
        replaced because it is a mount point or the current folder.
    """
    if not target.is_dir():
        if target.exists():
            raise DatasetError(
                f"{target} is a file; a folder was expected", hint="choose another folder with -o"
            )
        return None
    if not any(target.iterdir()):
        _check_replaceable(target, name)
        return None
    receipt = _read_receipt(target)
    if receipt is None:
        raise DatasetError(
            f"{target} is not empty, and nothing is fetched into it",
            hint="choose another folder with -o; if the dataset is there already: "
            f"generify datasets verify {target}",
        )
    return _compare(target, name, receipt)


def _check_replaceable(target: Path, name: str) -> None:
    is_mount = os.path.ismount(target)  # Path.is_mount does not exist on Windows before 3.12
    if is_mount or target == Path(os.path.realpath(Path.cwd())):
        what = "a mount point" if is_mount else "the folder you are in"
        raise DatasetError(
            f"{target} is {what}, and a dataset is put in its place as a whole",
            hint=f"choose a new folder below it: -o {target / name}",
        )


def _compare(target: Path, name: str, receipt: dict[str, Any]) -> Unpacked:
    if receipt["dataset"] != name:
        raise DatasetError(
            f"{target} holds {receipt['dataset']}, not {name}",
            hint="choose another folder with -o",
        )
    there = _count(target)
    if there.n_files < receipt["n_files"]:
        raise DatasetError(
            f"{target} has lost files: {there.n_files:,} of {receipt['n_files']:,} are left",
            hint="remove it to fetch it again, or see what is missing: "
            f"generify datasets verify {target}",
        )
    return there


def _read_receipt(target: Path) -> dict[str, Any] | None:
    try:
        receipt = json.loads((target / _RECEIPT).read_text(encoding="utf-8"))
        return {"dataset": str(receipt["dataset"]), "n_files": int(receipt["n_files"])}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _count(folder: Path) -> Unpacked:
    n_files = n_bytes = 0
    for root, _, names in os.walk(folder):
        for name in names:
            if name != _RECEIPT:
                n_files += 1
                n_bytes += Path(root, name).lstat().st_size
    return Unpacked(n_files, n_bytes)


def write_receipt(folder: Path, name: str, unpacked: Unpacked, sources: Sequence[str]) -> None:
    """Note in a folder what was put into it.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str
        Name of the dataset.
    unpacked : Unpacked
        How much is in it.
    sources : sequence of str
        Addresses or file names of its archives.
    """
    receipt = {
        "dataset": name,
        "n_files": unpacked.n_files,
        "n_bytes": unpacked.n_bytes,
        "sources": list(sources),
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(receipt, indent=2, ensure_ascii=False) + "\n"
    (folder / _RECEIPT).write_text(text, encoding="utf-8")


def check_room(folder: Path, n_bytes: int) -> None:
    """Refuse to begin what a disk has no room for.

    Parameters
    ----------
    folder : Path
        Any folder on that disk.
    n_bytes : int
        How much is needed, at least.

    Raises
    ------
    DatasetError
        When less is free.
    """
    n_free = shutil.disk_usage(folder).free
    if n_bytes > n_free:
        raise DatasetError(
            f"{folder.parent} has {_megabytes(n_free)} free, and at least "
            f"{_megabytes(n_bytes)} are needed",
            hint="make room, or choose another folder with -o",
        )


def say_kept(work: Path) -> str:
    """Say what a run that failed leaves for the next.

    Parameters
    ----------
    work : Path
        The workplace.

    Returns
    -------
    str
        One sentence; empty when there is nothing.
    """
    n_bytes = _n_kept_bytes(work)
    if not n_bytes:
        return ""
    return f"{_megabytes(n_bytes)} are kept in {work}, and the same command goes on from there"


def _n_kept_bytes(work: Path) -> int:
    """Count what a later run can go on from; notes about it are worth nothing alone."""
    lock = work / _LOCK  # holds the number of a process where the file system knows no locks
    found = (path for path in work.rglob("*") if path.is_file() and path != lock)
    files = (path for path in found if path.suffix != ".json")
    return sum(path.stat().st_size for path in files)


def _megabytes(n_bytes: int) -> str:
    return f"{math.ceil(n_bytes / 1e6):,} MB"


@contextmanager
def locked_workplace(work: Path, name: str) -> Iterator[None]:
    """Make the workplace and keep others out; remove it at the end if nothing is left in it.

    Parameters
    ----------
    work : Path
        The workplace.
    name : str
        Name of the dataset.

    Yields
    ------
    None
        While the lock is held. The system frees it after a kill.

    Raises
    ------
    DatasetError
        When it cannot be written, or another run holds it.
    """
    from filelock import FileLock

    lock = FileLock(work / _LOCK)
    try:
        work.mkdir(parents=True, exist_ok=True)
        is_ours = _acquire(lock)
    except OSError as err:
        raise DatasetError(
            f"cannot write into {work.parent}: {err.strerror or err}",
            hint=cure_for(err),
        ) from err
    if not is_ours:
        raise DatasetError(
            f"{name} is being fetched into this place already, by another run",
            hint="wait for it to end",
        )
    try:
        yield
    finally:
        if not _n_kept_bytes(work):  # while the lock is still held, so nobody's new one is removed
            shutil.rmtree(work, ignore_errors=True)
        lock.release()


def _acquire(lock: FileLock) -> bool:
    """Take a lock, or tell that another has it."""
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    except NotImplementedError:  # a file system that knows no locks, as some versions say it
        return True
    except OSError as err:
        if err.errno not in _NO_LOCKS:
            raise
    return True
