"""What a cluster has heard so far: a folder of Parquet files, on a disk or at an address.

``part-00000-8d3f0c41-1f9c04.parquet`` and so on hold some songs each, in the order in which they
were heard, with the columns of :mod:`generify.results`. ``scan.json`` says what the scan is; the
second number of a partition is the beginning of the key of the scan that heard it. Each file is
written whole or not at all, so whatever is there counts.

In it: :class:`Partitions`.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from generify.atomic import replacing
from generify.cluster.places import open_place
from generify.results import ResultsError, SongResult, read_song_results, write_song_results
from generify.scan.going_on import locked
from generify.scan.journal import ScanHead, ScanKind

__all__ = ["Partitions"]

_FORMAT = 1
_HEAD = "scan.json"
_PART = re.compile(r"part-[0-9]+-[0-9a-f]{8}-[0-9a-f]+\.parquet")
_HINT = "choose a folder that you may write to, or check your permissions"


class Partitions:
    """The partitions in a folder.

    Parameters
    ----------
    place : str
        The folder; it need not exist.

    Raises
    ------
    MissingExtraError
        When fsspec, or what it needs for this address, is not installed.
    ParameterError
        When nothing knows the scheme of the address.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._files, root = open_place(place)
        self._root = root.rstrip("/")
        self._on_disk = "file" in self._files.protocol
        self._last: int | None = None  # number of the last partition, once it is looked up

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one scan at a time write into the folder; at an address nothing can be locked.

        Yields
        ------
        None
            While it is held; the folder it lies in is made where it is missing.

        Raises
        ------
        ResultsError
            When another scan holds it, or nothing can be written there.
        """
        if not self._on_disk:
            yield
            return
        with self._explained("write"):
            Path(self._root).parent.mkdir(parents=True, exist_ok=True)
        with locked(Path(self._root)):
            yield

    def read_head(self) -> ScanHead | None:
        """Read what the scan is.

        Returns
        -------
        ScanHead or None
            None where no scan was begun.

        Raises
        ------
        ResultsError
            When the folder cannot be read, or holds something else.
        """
        with self._explained("read"):
            if not self._files.exists(self._path(_HEAD)):
                return None
            text = self._files.cat_file(self._path(_HEAD))
        try:
            values = json.loads(text)
            if values["partitions"] != _FORMAT:
                raise ValueError("of another format")
            return ScanHead(ScanKind(**values["kind"]), str(values["key"]), bool(values["anew"]))
        except (ValueError, KeyError, TypeError, RecursionError) as err:
            raise ResultsError(
                f"{self.place} holds no scan that this Generify can go on with",
                hint="remove it to begin anew, or choose another output",
            ) from err

    def begin(self, head: ScanHead) -> None:
        """Write down what the scan is.

        Parameters
        ----------
        head : ScanHead
            What it is.

        Raises
        ------
        ResultsError
            When it cannot be written.
        """
        text = json.dumps({"partitions": _FORMAT, **asdict(head)})

        def write(path: Path) -> None:
            with replacing(path, ResultsError) as temporary:
                temporary.write_text(text, encoding="utf-8")

        self._put(_HEAD, write)

    def add(self, results: Sequence[SongResult], genres: Sequence[str], key: str) -> None:
        """Write a partition.

        Parameters
        ----------
        results : sequence of SongResult
            Its songs; none write nothing.
        genres : sequence of str
            The model's genres, for the columns.
        key : str
            Of the scan that heard them.

        Raises
        ------
        ResultsError
            When it cannot be written.
        """
        if results:
            if self._last is None:
                self._last = max((_number_and_key(name)[0] for name in self._names()), default=-1)
            self._last += 1
            # Two scans may write into one folder at an address, where nothing can be locked.
            name = f"part-{self._last:05d}-{key[:8]}-{os.urandom(3).hex()}.parquet"
            self._write(name, results, genres)

    def _write(self, name: str, results: Sequence[SongResult], genres: Sequence[str]) -> None:
        self._put(name, lambda path: write_song_results(results, path, genres))

    def read(self, key: str = "") -> Iterator[SongResult]:
        """Read the partitions.

        Parameters
        ----------
        key : str
            Of the scan that heard them; empty for all.

        Yields
        ------
        SongResult
            Partition by partition, in the order in which they were heard.

        Raises
        ------
        ResultsError
            When one cannot be read.
        """
        for name in self._names():
            if _number_and_key(name)[1].startswith(key[:8]):
                with self._local(name) as path:
                    yield from read_song_results(path)

    def has_any(self, key: str) -> bool:
        """Tell whether there is anything that a scan has heard.

        Parameters
        ----------
        key : str
            Of the scan.

        Returns
        -------
        bool
            Whether a partition is its own.

        Raises
        ------
        ResultsError
            When the folder cannot be read.
        """
        return any(_number_and_key(name)[1] == key[:8] for name in self._names())

    def keep(self, wanted: Callable[[SongResult], bool], genres: Sequence[str], key: str) -> None:
        """Leave out songs that earlier scans have heard.

        Parameters
        ----------
        wanted : callable
            Whether a song is kept.
        genres : sequence of str
            The model's genres, for the columns.
        key : str
            Of the scan whose own partitions are left as they are.

        Raises
        ------
        ResultsError
            When a partition cannot be read or written.
        """
        for name in self._names():
            if _number_and_key(name)[1] == key[:8]:
                continue
            with self._local(name) as path:
                results = list(read_song_results(path))
            kept = [result for result in results if wanted(result)]
            if not kept:
                self._remove(name)
            elif len(kept) < len(results):
                self._write(name, kept, genres)

    def remove(self) -> None:
        """Remove the partitions, and what was written beside them.

        Raises
        ------
        ResultsError
            When they cannot be removed.
        """
        for name in (*self._names(), _HEAD):
            self._remove(name)
        if self._on_disk and Path(self._root).is_dir() and not any(Path(self._root).iterdir()):
            Path(self._root).rmdir()

    def _remove(self, name: str) -> None:
        with self._explained("write"):
            if self._files.exists(self._path(name)):
                self._files.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _names(self) -> list[str]:
        with self._explained("read"):
            self._files.invalidate_cache()
            if not self._files.isdir(self._root):
                return []
            paths = self._files.ls(self._root, detail=False)
        names = (str(path).rpartition("/")[2] for path in paths)
        return sorted(filter(_PART.fullmatch, names), key=_number_and_key)

    def _put(self, name: str, write: Callable[[Path], None]) -> None:
        if self._on_disk:
            with self._explained("write"):
                Path(self._root).mkdir(exist_ok=True)
            write(Path(self._path(name)))
            return
        with tempfile.TemporaryDirectory(prefix="generify-") as folder:
            write(Path(folder) / name)
            with self._explained("write"):
                self._files.put_file(str(Path(folder) / name), self._path(name))

    @contextmanager
    def _local(self, name: str) -> Iterator[Path]:
        """Give a partition as a file on this machine's disk."""
        if self._on_disk:
            yield Path(self._path(name))
            return
        with tempfile.TemporaryDirectory(prefix="generify-") as folder:
            with self._explained("read"):
                self._files.get_file(self._path(name), str(Path(folder) / name))
            yield Path(folder) / name

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Exception as err:  # each storage has errors of its own
            reason = getattr(err, "strerror", None) or err or type(err).__name__
            raise ResultsError(f"cannot {doing} {self.place}: {reason}", hint=_HINT) from err


def _number_and_key(name: str) -> tuple[int, str]:
    """Give the number of a partition, and the beginning of its scan's key."""
    _, number, key, _ = name.split("-")
    return int(number), key
