"""Listening to songs: what fails is a value beside the answers.

In it: :func:`predict_songs`, one song after the other; :func:`listen`, one song with what
identifies its file, or :class:`Recognised` where its recording was heard before;
:class:`FileState`.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from generify.content import identify
from generify.errors import AudioDecodeError, Failure, GenerifyError, ModelError, ParameterError
from generify.model import GenreModel
from generify.prediction import Prediction, predict
from generify.results import SongResult

__all__ = ["FileState", "Recognised", "listen", "predict_songs"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def predict_songs(
    paths: Sequence[str | Path],
    model: GenreModel,
    *,
    timeline: bool = False,
    min_confidence: float = 0.0,
) -> Iterator[Prediction | Failure]:
    """Name the genre of many songs, one after the other.

    Parameters
    ----------
    paths : sequence of str or Path
        Audio files.
    model : GenreModel
        A loaded model.
    timeline : bool
        Whether to judge every few seconds of each song too.
    min_confidence : float
        Weaker answers, 0 to 1, are given as unknown.

    Yields
    ------
    Prediction or Failure
        One for each path, in order; a song that fails stops nothing.

    Raises
    ------
    ParameterError
        When ``min_confidence`` is not between 0 and 1.
    ModelError
        When the model cannot be used.
    """
    for path in paths:
        try:
            yield predict(path, model, timeline=timeline, min_confidence=min_confidence)
        except (ParameterError, ModelError):
            raise
        except GenerifyError as err:
            yield Failure.from_error(path, err)


@dataclass(frozen=True)
class FileState:
    """What changes with a file, at the price of one look.

    Attributes
    ----------
    size : int or None
        Bytes; None where there is no such file.
    modified : str or None
        When it was last written, ISO 8601, UTC; None where that is beyond the calendar.
    """

    size: int | None = None
    modified: str | None = None

    @classmethod
    def of(cls, path: str) -> FileState:
        """Look at a file.

        Parameters
        ----------
        path : str
            The file.

        Returns
        -------
        FileState
            Empty for what is no regular file.
        """
        try:
            status = Path(path).stat()
        except (OSError, ValueError):
            return cls()
        if not stat.S_ISREG(status.st_mode):
            return cls()
        try:
            modified = _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
        except OverflowError:
            return cls(status.st_size)
        shown = modified.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return cls(status.st_size, shown)

    def is_still(self, now: FileState) -> bool:
        """Tell whether a file was not written in between.

        Parameters
        ----------
        now : FileState
            What it is like now.

        Returns
        -------
        bool
            False where no time is known.
        """
        return self.modified is not None and self == now


@dataclass(frozen=True)
class Recognised:
    """A file whose recording was heard before, under another name or with other tags.

    Attributes
    ----------
    path : str
        The file.
    recording : str
        Hash of its sound.
    size, modified : int and str, or None
        As in :class:`FileState`.
    """

    path: str
    recording: str
    size: int | None = None
    modified: str | None = None

    def with_answer_of(self, earlier: SongResult) -> SongResult:
        """Give the answer for the recording as this file's.

        Parameters
        ----------
        earlier : SongResult
            What was said of the recording.

        Returns
        -------
        SongResult
            The same answer for this path.
        """
        answer = replace(earlier.answer, path=self.path)
        return replace(earlier, answer=answer, size=self.size, modified=self.modified)


def listen(
    path: str,
    model: GenreModel,
    *,
    min_confidence: float = 0.0,
    known: frozenset[str] = frozenset(),
) -> SongResult | Recognised:
    """Name the genre of one song, whatever the file is.

    Parameters
    ----------
    path : str
        An audio file.
    model : GenreModel
        A loaded model.
    min_confidence : float
        Weaker answers, 0 to 1, are given as unknown.
    known : frozenset of str
        Recordings that need not be heard again (see :mod:`generify.content`).

    Returns
    -------
    SongResult or Recognised
        A song that fails, for whatever reason, is a result too.

    Raises
    ------
    ModelError
        When the model cannot be used: then no other song will do better.
    """
    state = FileState.of(path)
    recording = identify(path) if state.size else None
    if recording in known:
        return Recognised(path, recording, state.size, state.modified)
    answer: Prediction | Failure
    try:
        answer = predict(path, model, min_confidence=min_confidence)
    except ModelError:
        raise
    except MemoryError:
        answer = Failure.from_error(path, _too_large(path))
    except Exception as err:  # one song of thousands must not end the scan
        answer = Failure.from_error(path, err)
    return SongResult(answer, model.card.version, recording, state.size, state.modified)


def _too_large(path: str) -> AudioDecodeError:
    return AudioDecodeError(
        f"{path}: needs more memory than a song may take",
        hint="cut it, or lower its sample rate or number of channels",
    )
