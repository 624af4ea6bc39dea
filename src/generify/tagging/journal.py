"""What was tagged, and how to bring it back: a line of JSON for each file, one journal a run.

A line is on the disk before its file is replaced. So a line whose file is still the old one is
harmless, and a line that was cut by a kill belongs to a file that was not touched.

One run at a time has a journal: it holds the lock ``.JOURNAL.generify-lock`` beside it.

In it: :class:`Entry`, :class:`Journal`, :func:`read_journal`, :func:`held`,
:func:`latest_journal`, :func:`name_aside`, :func:`default_folder`.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path
from typing import Any, BinaryIO

from generify.errors import Failure
from generify.tag_formats import TagError
from generify.tagging.delta import Delta
from generify.tagging.replacement import sync_folder

__all__ = [
    "Entry",
    "Journal",
    "default_folder",
    "held",
    "latest_journal",
    "name_aside",
    "read_journal",
]

FOLDER_VARIABLE = "GENERIFY_STATE_DIR"
_SUFFIX = ".ndjson"
_ASIDE = ".aside"
_LOCK = ".generify-lock"
_VERSION = 1
_BEGINNING = f'{{"version": {_VERSION}, "path": "'.encode()


def default_folder() -> Path:
    """Where journals lie unless told otherwise.

    Returns
    -------
    Path
        ``tagging`` in ``$GENERIFY_STATE_DIR``, else in the platform's folder for a program's state.
    """
    import platformdirs

    chosen = os.environ.get(FOLDER_VARIABLE)
    state = chosen or platformdirs.user_state_dir("generify", appauthor=False)
    return Path(state) / "tagging"


@dataclass(frozen=True)
class Entry:
    """One file's replacement.

    Attributes
    ----------
    path : str
        The file, absolute and without links.
    genres_before, genres : tuple of str
        Genres in the old file and in the new one.
    hash_before, hash_after : str
        SHA-256 of all bytes of the old file and of the new one.
    mtime_ns : int
        Time of change of the old file.
    delta : Delta
        How to make the old file from the new one.
    """

    path: str
    genres_before: tuple[str, ...]
    genres: tuple[str, ...]
    hash_before: str
    hash_after: str
    mtime_ns: int
    delta: Delta

    def to_line(self) -> bytes:
        """Give the entry as a line of JSON.

        Returns
        -------
        bytes
            ASCII, with its newline.
        """
        record = {
            "version": _VERSION,
            "path": self.path,
            "before": self.genres_before,
            "after": self.genres,
            "sha256_before": self.hash_before,
            "sha256_after": self.hash_after,
            "mtime_ns": self.mtime_ns,
            "pieces": self.delta.pieces,
            "literal": base64.b64encode(zlib.compress(self.delta.literal)).decode(),
        }
        return json.dumps(record).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Entry:
        """Read a line of JSON.

        Parameters
        ----------
        line : bytes
            From :meth:`to_line`.

        Returns
        -------
        Entry
            What was written.

        Raises
        ------
        ValueError
            When it is no such line.
        """
        try:
            record: dict[str, Any] = json.loads(line)
            if record["version"] != _VERSION:
                raise ValueError(f"version {record['version']} of the journal's format")
            literal = zlib.decompress(base64.b64decode(record["literal"]))
            return cls(
                path=record["path"],
                genres_before=tuple(record["before"]),
                genres=tuple(record["after"]),
                hash_before=record["sha256_before"],
                hash_after=record["sha256_after"],
                mtime_ns=int(record["mtime_ns"]),
                delta=Delta(tuple((int(a), int(b)) for a, b in record["pieces"]), literal),
            )
        except (
            *(KeyError, TypeError, AttributeError, OverflowError, RecursionError),
            zlib.error,
        ) as err:
            raise ValueError(f"not a line of a journal ({err})") from err


class Journal:
    """A file that entries are added to, made when there is one.

    Parameters
    ----------
    path : Path, optional
        The file; a new one in :func:`default_folder` by default.

    Raises
    ------
    TagError
        When the folder of journals cannot be made, or the file is another one than a journal.
    """

    def __init__(self, path: Path | None = None) -> None:
        now = datetime.now(UTC)
        name = f"{now:%Y-%m-%dT%H-%M-%S.%f}-{os.getpid()}{_SUFFIX}"
        self.path = path or default_folder() / name
        self._stream: BinaryIO | None = None
        self._holding = ExitStack()
        try:
            if path is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            elif not _may_go_on(self.path):
                raise TagError(
                    f"{self.path} is there and is not a journal of generify tag, so nothing was "
                    "changed",
                    hint="choose a new file with --journal FILE",
                )
        except OSError as err:
            raise self._error(err) from err

    def _error(self, err: OSError) -> TagError:
        return TagError(
            f"the journal {self.path} cannot be written ({err.strerror or err}), so nothing was "
            "changed",
            hint="choose another with --journal FILE",
        )

    def append(self, entry: Entry) -> None:
        """Add an entry and have it on the disk.

        Parameters
        ----------
        entry : Entry
            What is about to happen.

        Raises
        ------
        TagError
            When it cannot be written, or another run has it; the journal is as before.
        """
        try:
            if self._stream is None:
                self._stream = self._open()
            _append_line(self._stream, entry.to_line())
        except OSError as err:
            raise self._error(err) from err

    def _open(self) -> BinaryIO:
        with ExitStack() as opening:
            opening.enter_context(held(self.path))
            stream = opening.enter_context(self.path.open("ab", buffering=0))
            _cut_unfinished_line(self.path)
            sync_folder(self.path.parent)
            self._holding = opening.pop_all()
        return stream

    def _remove_abandoned_lock(self) -> None:
        """Remove what a run left that was killed when all was done."""
        if _lock_of(self.path).exists():
            with suppress(TagError, OSError), held(self.path):
                pass

    def close(self) -> None:
        """Close the file, and remove it when nothing could be written."""
        if self._stream is None:
            self._remove_abandoned_lock()
        with self._holding:
            if self._stream is not None:
                self._stream.close()
                if self.path.is_file() and not self.path.stat().st_size:
                    self.path.unlink()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Have a journal alone: nobody else adds to it or undoes it meanwhile.

    Parameters
    ----------
    path : Path
        The journal; it need not exist.

    Yields
    ------
    None
        While the lock is held.

    Raises
    ------
    TagError
        When another run holds it.
    OSError
        When there can be no lock beside it.
    """
    from filelock import FileLock, Timeout

    if path.exists() and not path.is_file():  # a device keeps nothing that could be lost
        yield
        return
    name = _lock_of(path)
    name.parent.stat()  # the lock would make a folder that is missing
    lock = FileLock(name, thread_local=False)  # a generator may be ended by another thread
    try:
        lock.acquire(timeout=0)
    except Timeout as err:
        raise TagError(
            f"the run of the journal {path} is still tagging, or being undone",
            hint="wait until it has ended, or give another with --journal FILE",
        ) from err
    try:
        yield
    finally:
        with suppress(OSError):  # removed while it is still held, so nobody's new lock is
            name.unlink()
        lock.release()


def _lock_of(path: Path) -> Path:
    real = path.resolve()
    return real.with_name(f".{real.name}{_LOCK}")


def _may_go_on(path: Path) -> bool:
    """Whether nothing is lost by adding lines: a new or empty file, or one of whole entries."""
    if not path.exists() or not path.stat().st_size:
        return True
    with path.open("rb") as stream:
        if stream.read(len(_BEGINNING)) != _BEGINNING:
            return False
        stream.seek(0)
        line = stream.readline()
    try:
        # Without its newline it is the one line of a run that was killed.
        return not line.endswith(b"\n") or bool(Entry.from_line(line))
    except ValueError:
        return False


def _append_line(stream: BinaryIO, line: bytes) -> None:
    end = stream.seek(0, os.SEEK_END)
    try:
        if stream.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(stream.fileno())
    except OSError:
        with suppress(OSError):
            stream.truncate(end)
        raise


def _cut_unfinished_line(path: Path) -> None:
    """Forget a line that a killed process did not finish: its file was not touched."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        if not size or (stream.seek(size - 1) and stream.read(1) == b"\n"):
            return
    os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


def _has_line(path: Path) -> bool:
    """Whether anything was done: a run that is killed at its first song leaves half a line."""
    with path.open("rb") as stream:
        return stream.readline().endswith(b"\n")


def latest_journal() -> Path:
    """Find the journal of the latest run that is not undone.

    Returns
    -------
    Path
        Its file; one that was put aside only where there is no other.

    Raises
    ------
    TagError
        When there is none.
    """
    folder = default_folder()
    journals = [path for path in folder.glob(f"*{_SUFFIX}") if _has_line(path)]
    found = sorted(journals, key=lambda path: (path != name_aside(path), path))
    if not found:
        raise TagError(
            f"nothing to undo: there is no journal in {folder}",
            hint="a run with --journal FILE is undone with --undo --journal FILE",
        )
    return found[-1]


def name_aside(path: Path) -> Path:
    """Name a journal by which no further undo could do anything, so that it hides no other.

    Parameters
    ----------
    path : Path
        A journal.

    Returns
    -------
    Path
        Its name once it is put aside; its own where it is already, or is not among those that are
        looked through for the latest.
    """
    if path.parent != default_folder() or path.stem.endswith(_ASIDE):
        return path
    return path.with_name(f"{path.stem}{_ASIDE}{_SUFFIX}")


def read_journal(path: Path) -> Iterator[Entry | Failure]:
    """Read a journal backwards.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    iterator of Entry or Failure
        The latest first; damaged lines as failures, an unfinished last line not at all.

    Raises
    ------
    TagError
        When the file cannot be read or is no journal.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as err:
        raise TagError(
            f"the journal {path} cannot be read ({err.strerror or err})",
            hint="a journal is removed once its run is undone; give the right one with --journal",
        ) from err
    numbered = [(path, number, line) for number, line in enumerate(lines, start=1)]
    if all(isinstance(_entry(*line), Failure) for line in numbered):
        raise TagError(f"{path} is not a journal of generify tag", hint="give one with --journal")
    return starmap(_entry, reversed(numbered))


def _entry(path: Path, number: int, line: bytes) -> Entry | Failure:
    try:
        return Entry.from_line(line)
    except ValueError as err:
        error = TagError(f"line {number} of the journal is damaged: {err}")
        return Failure.from_error(path, error)
