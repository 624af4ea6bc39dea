"""A store of computed features: keys and arrays, nothing of music.

Every entry is one small file, named by its key and written whole or not at all, so processes may
share a cache without locks. An entry carries a digest of its content: a damaged one counts as
missing and is computed again. What was used longest ago goes first when the size limit is reached.

In it: :class:`FeatureCache`, :class:`CacheEntry`, :class:`CacheInfo`, :func:`make_key`,
:func:`default_folder`.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.atomic import TEMPORARY_PREFIX, replacing
from generify.errors import CacheError, GenerifyError

__all__ = ["CacheEntry", "CacheInfo", "FeatureCache", "default_folder", "make_key"]

FOLDER_VARIABLE = "GENERIFY_CACHE_DIR"
DEFAULT_LIMIT_BYTES = 2 * 2**30
_DIGEST_BYTES = 16
_SUFFIX = ".entry"
_ABANDONED_AFTER = 3600.0  # seconds; writing an entry takes milliseconds


def default_folder() -> Path:
    """Where the cache lies unless told otherwise.

    Returns
    -------
    Path
        ``$GENERIFY_CACHE_DIR``, else the platform's folder for caches.
    """
    import platformdirs

    chosen = os.environ.get(FOLDER_VARIABLE)
    return (
        Path(chosen) if chosen else Path(platformdirs.user_cache_dir("generify", appauthor=False))
    )


def make_key(*parts: object) -> str:
    """Make one key of everything that an entry depends on.

    Parameters
    ----------
    *parts : object
        Values whose text tells them apart.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> make_key("a", 1) == make_key("a", 1), make_key("a", 1) == make_key("a1")
    (True, False)
    """
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


@dataclass(frozen=True)
class CacheEntry:
    """An array and what belongs to it.

    Attributes
    ----------
    array : ndarray of float32, shape (n,)
        The values.
    notes : mapping
        Anything that fits into JSON.
    """

    array: NDArray[np.float32]
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CacheInfo:
    """How full a cache is.

    Attributes
    ----------
    folder : Path
        Where it lies.
    n_entries : int
        Files in it.
    size_bytes, limit_bytes : int
        Their size together, and the size they may reach.
    """

    folder: Path
    n_entries: int
    size_bytes: int
    limit_bytes: int


def _encode(entry: CacheEntry) -> bytes:
    notes = json.dumps(dict(entry.notes)).encode()
    body = len(notes).to_bytes(4, "big") + notes + entry.array.astype("<f4").tobytes()
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() + body


def _decode(content: bytes) -> CacheEntry | None:
    digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
        return None
    end = 4 + int.from_bytes(body[:4], "big")
    array = np.frombuffer(body[end:], dtype="<f4").astype(np.float32)
    return CacheEntry(array, json.loads(body[4:end]))


def _is_damaged(path: Path) -> bool:
    try:
        return _decode(path.read_bytes()) is None
    except FileNotFoundError:  # another process has removed it
        return False
    except (OSError, ValueError):
        return True


def _is_being_written(path: Path, status: os.stat_result) -> bool:
    """Tell a file that another process still works on from one that a killed process left."""
    return (
        path.name.startswith(TEMPORARY_PREFIX) and time.time() - status.st_mtime < _ABANDONED_AFTER
    )


class FeatureCache:
    """A folder of computed features.

    Parameters
    ----------
    folder : str or Path, optional
        Where the entries lie; :func:`default_folder` by default. Made when first written to.
    limit_bytes : int
        Size that :meth:`prune` cuts the cache down to.
    """

    def __init__(
        self, folder: str | Path | None = None, *, limit_bytes: int = DEFAULT_LIMIT_BYTES
    ) -> None:
        self.folder = default_folder() if folder is None else Path(folder)
        self.limit_bytes = limit_bytes

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}{_SUFFIX}"

    def get(self, key: str) -> CacheEntry | None:
        """Look an entry up.

        Parameters
        ----------
        key : str
            From :func:`make_key`.

        Returns
        -------
        CacheEntry or None
            None when it is missing or damaged.
        """
        path = self._path(key)
        try:
            entry = _decode(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if entry is not None:
            with suppress(OSError):  # a cache that may only be read serves as well
                os.utime(path)
        return entry

    def put(self, key: str, entry: CacheEntry) -> None:
        """Keep an entry.

        Parameters
        ----------
        key : str
            From :func:`make_key`.
        entry : CacheEntry
            What to keep; replaces what was there.

        Raises
        ------
        CacheError
            When the cache cannot be written.
        """
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path, sync=False) as temporary:  # it has a digest
                temporary.write_bytes(_encode(entry))
        except (OSError, GenerifyError) as err:
            raise CacheError(
                f"the cache folder {self.folder} cannot be written: {err}",
                hint=f"set {FOLDER_VARIABLE} to a folder that can, or give --no-cache",
            ) from err

    def identity(self, path: str | Path, compute: Callable[[str | Path], str]) -> str:
        """Give the identity of a file's content without reading it twice.

        Parameters
        ----------
        path : str or Path
            The file.
        compute : callable
            Takes the path, returns the identity; called unless a file of this path, size and time
            of change was seen before.

        Returns
        -------
        str
            What ``compute`` returned, now or then.

        Raises
        ------
        OSError
            When the file cannot be looked at.
        CacheError
            When the cache cannot be written.
        """
        status = os.stat(path)  # noqa: PTH116 - takes str and Path alike
        key = make_key("identity", Path(path).absolute(), status.st_size, status.st_mtime_ns)
        known = self.get(key)
        if known is not None and "identity" in known.notes:
            return str(known.notes["identity"])
        identity = compute(path)
        self.put(key, CacheEntry(np.empty(0, dtype=np.float32), {"identity": identity}))
        return identity

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self.folder.glob(f"??/*{_SUFFIX}"):
            with suppress(OSError):  # another process may have removed it
                status = path.stat()
                if not _is_being_written(path, status):
                    yield path, status

    def info(self) -> CacheInfo:
        """Count what is there.

        Returns
        -------
        CacheInfo
            Entries and size.
        """
        sizes = [status.st_size for _, status in self._files()]
        return CacheInfo(self.folder, len(sizes), sum(sizes), self.limit_bytes)

    def check(self, most: int) -> tuple[int, int]:
        """Read entries, to see whether any is damaged.

        Parameters
        ----------
        most : int
            Entries read at most, spread over the cache.

        Returns
        -------
        n_read, n_damaged : int
            A damaged entry is never believed, and computed again when it is needed.
        """
        paths = [path for path, _ in self._files()]
        chosen = paths[:: max(1, -(-len(paths) // most))]
        return len(chosen), sum(_is_damaged(path) for path in chosen)

    def prune(self) -> int:
        """Remove what was used longest ago until the size limit holds.

        Returns
        -------
        int
            Entries removed.
        """
        files = sorted(self._files(), key=lambda item: item[1].st_mtime_ns)
        excess = sum(status.st_size for _, status in files) - self.limit_bytes
        n_removed = 0
        for path, status in files:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= status.st_size
            n_removed += 1
        return n_removed

    def clear(self) -> int:
        """Remove every entry, and nothing else that may lie in the folder.

        Returns
        -------
        int
            Entries removed.

        Raises
        ------
        CacheError
            When an entry cannot be removed.
        """
        n_removed = 0
        try:
            for path, _ in self._files():
                path.unlink(missing_ok=True)
                n_removed += 1
        except OSError as err:
            raise CacheError(
                f"the cache folder {self.folder} cannot be cleared: {err.strerror or err}",
                hint="remove it by hand",
            ) from err
        return n_removed
