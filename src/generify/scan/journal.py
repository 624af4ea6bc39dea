"""What a scan has heard so far, in a file beside its output that only grows.

``results.parquet.part`` holds lines of JSON: first what the scan is (:class:`ScanKind`), then,
where an earlier scan's output is brought up to date, that scan's results, then a line a song as it
is heard. A line counts when it is whole: what a kill or a power cut tore is cut off, and its song
is heard again. Positions of lines are kept in memory, the lines are not.

In it: :class:`Journal`, :class:`ScanHead`, :class:`ScanKind`, :class:`OldSong`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from generify.atomic import cure_for, replacing
from generify.model import GenreModel
from generify.results import ResultsError, SongResult
from generify.scan.listening import FileState

__all__ = ["GO_ON_HINT", "Journal", "OldSong", "ScanHead", "ScanKind"]

_FORMAT = 1
# What reading a damaged line may raise; lists in lists in lists the last.
_UNFIT = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
GO_ON_HINT = "make room, then run the same command again; nothing is listened to twice"


@dataclass(frozen=True)
class ScanKind:
    """What must be the same for a scan to be gone on with.

    Attributes
    ----------
    model, model_version : str
        The model.
    checksum : str
        Hash of the model's file.
    min_confidence : float
        Weaker answers are given as unknown.
    """

    model: str
    model_version: str
    checksum: str
    min_confidence: float

    @classmethod
    def of(cls, model: GenreModel, min_confidence: float) -> ScanKind:
        """Describe a scan.

        Parameters
        ----------
        model : GenreModel
            The model.
        min_confidence : float
            Weaker answers are given as unknown.

        Returns
        -------
        ScanKind
            With the hash of the model's file.
        """
        return cls(model.card.name, model.card.version, model.checksum, min_confidence)


@dataclass(frozen=True)
class OldSong:
    """A song of the output that is brought up to date.

    Attributes
    ----------
    position : int
        Where its line begins.
    state : FileState
        Size and time that its file had.
    recording : str or None
        Hash of its sound.
    failed : bool
        Whether there is no answer, so that it is listened to again.
    """

    position: int
    state: FileState
    recording: str | None
    failed: bool = False

    def holds(self, now: FileState) -> bool:
        """Tell whether a song has an answer and its file was not written since.

        Parameters
        ----------
        now : FileState
            Size and time that the file has now, by which alone it is judged.

        Returns
        -------
        bool
            Whether it need not be heard again.
        """
        return not self.failed and self.state.is_still(now)


@dataclass(frozen=True)
class ScanHead:
    """What stands before all that was heard.

    Attributes
    ----------
    kind : ScanKind
        What the scan is.
    key : str
        Names the scan, for the history.
    anew : bool
        Whether it was begun although there was a complete output.
    """

    kind: ScanKind
    key: str
    anew: bool = False


class Journal:
    """A journal that is open for more.

    Parameters
    ----------
    path : Path
        The file, which exists.

    Attributes
    ----------
    kind : ScanKind
        What the scan is.
    anew : bool
        Whether it was begun although there was a complete output.
    key : str
        Names the scan, for the history.
    heard : dict of str to int
        Where the line of each song begins.
    old : dict of str to OldSong
        Songs of the output that is brought up to date, in its order.
    n_failed : int
        How many of the songs heard failed.

    Raises
    ------
    ResultsError
        When the file cannot be read and written, or is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: dict[str, int] = {}
        self.old: dict[str, OldSong] = {}
        self.n_failed = 0
        try:
            with path.open("rb") as lines:
                head = self._read_head(lines)
                self._end = self._index(lines)
            self._stream = path.open("ab", buffering=0)
            self._stream.truncate(self._end)
        except OSError as err:
            message = f"cannot go on with {path}: {err.strerror or err}"
            raise ResultsError(message, hint=cure_for(err)) from err
        self.kind, self.anew, self.key = head.kind, head.anew, head.key
        self._lines = path.open("rb")

    @classmethod
    def begin(
        cls, path: Path, kind: ScanKind, *, anew: bool = False, old: Iterable[SongResult] = ()
    ) -> Journal:
        """Begin a journal, whole or not at all.

        Parameters
        ----------
        path : Path
            The file, which is replaced.
        kind : ScanKind
            What the scan is.
        anew : bool
            Whether it is begun although there is a complete output.
        old : iterable of SongResult
            The output that is brought up to date.

        Returns
        -------
        Journal
            With nothing heard.

        Raises
        ------
        ResultsError
            When it cannot be written.
        """
        head = {"scan": _FORMAT, "anew": anew, "key": os.urandom(16).hex(), **asdict(kind)}
        with replacing(path, ResultsError) as temporary, temporary.open("wb") as stream:
            stream.write(_line(head))
            stream.writelines(_line({"old": result.to_dict()}) for result in old)
        return cls(path)

    def _read_head(self, lines: BinaryIO) -> ScanHead:
        try:
            values = json.loads(lines.readline())
            if values.pop("scan") != _FORMAT:
                raise ValueError("of another format")
            anew, key = bool(values.pop("anew")), str(values.pop("key"))
            return ScanHead(ScanKind(**values), key, anew)
        except _UNFIT as err:
            raise ResultsError(
                f"{self.path} is no journal of a scan that this Generify can go on with",
                hint="remove it to begin anew",
            ) from err

    def _index(self, lines: BinaryIO) -> int:
        """Note where whole lines begin, and give the end of the last."""
        position = lines.tell()
        for line in lines:
            if not line.endswith(b"\n"):
                break
            with suppress(*_UNFIT):
                self._note(json.loads(line), position)
            position += len(line)
        return position

    def _note(self, record: dict[str, Any], position: int) -> None:
        result = SongResult.from_dict(record.get("old", record))
        if "old" not in record:
            self.heard[result.path] = position
            self.n_failed += result.failed
        else:
            state = FileState(result.size, result.modified)
            self.old[result.path] = OldSong(position, state, result.recording, result.failed)

    def append(self, result: SongResult) -> None:
        """Write down a song that was heard.

        Parameters
        ----------
        result : SongResult
            What was heard.

        Raises
        ------
        ResultsError
            When the disk is full or fails; the journal then ends with the song before.
        """
        rest = line = _line(result.to_dict())
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as err:
            with suppress(OSError):  # if even this fails, the torn line is cut off next time
                self._stream.truncate(self._end)
            raise ResultsError(
                f"cannot write {self.path}: {err.strerror or err}", hint=GO_ON_HINT
            ) from err
        self.heard[result.path] = self._end
        self.n_failed += result.failed
        self._end += len(line)

    def read(self, position: int) -> SongResult:
        """Read a line again.

        Parameters
        ----------
        position : int
            Where it begins.

        Returns
        -------
        SongResult
            As it was written.
        """
        self._lines.seek(position)
        record = json.loads(self._lines.readline())
        return SongResult.from_dict(record.get("old", record))

    def close(self, *, remove: bool = False) -> None:
        """Close the file.

        Parameters
        ----------
        remove : bool
            Whether it has done its service.

        Raises
        ------
        ResultsError
            When it cannot be removed.
        """
        self._stream.close()
        self._lines.close()
        try:
            if remove:
                self.path.unlink(missing_ok=True)
        except OSError as err:
            message = f"cannot remove {self.path}: {err.strerror or err}"
            raise ResultsError(message, hint="the results are whole: remove it yourself") from err

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _line(record: dict[str, Any]) -> bytes:
    # A name that is not text can be kept by none of the formats.
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
