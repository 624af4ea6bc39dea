"""A run of tagging taken back, file by file, to the last byte.

In it: :func:`undo`, :class:`UndoError`.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from generify.atomic import cure_for
from generify.content import file_digest
from generify.errors import Failure
from generify.tag_formats import TagError
from generify.tagging.choice import Reason, TagChange
from generify.tagging.delta import apply_delta
from generify.tagging.journal import Entry, held, latest_journal, name_aside, read_journal
from generify.tagging.replacement import Target, remove_abandoned, working_copy

__all__ = ["UndoError", "undo"]

_State = tuple[str, tuple[str, ...]]
"""Hash and genres of a file before a replacement."""


class UndoError(TagError):
    """A file that can be brought back by no undo as it is now, whatever is made writable."""


def undo(
    journal: str | Path | None = None, *, dry_run: bool = False
) -> Iterator[TagChange | Failure]:
    """Bring back the files that a run of tagging changed.

    Parameters
    ----------
    journal : str or Path, optional
        The run's journal; the latest run's by default.
    dry_run : bool
        Whether to tell what would be brought back, and change nothing.

    Yields
    ------
    TagChange or Failure
        One for each entry, the latest first. A file that was changed after it was tagged, or is
        gone, is a failure and stays as it is.

    Raises
    ------
    TagError
        When there is no such journal, it cannot be read, or its run is still tagging.

    Notes
    -----
    What comes back is compared with the original by its hash before it takes the file's place, and
    gets the original's time of change. When all is brought back the journal is removed, so undoing
    twice takes back two runs. When the rest is gone, was changed since or cannot be read, the
    journal is put aside, and the next undo by default is of the run before.
    """
    path = latest_journal() if journal is None else Path(journal)
    with _alone(path):
        undoing = _Undoing(_states(read_journal(path)), dry_run)
        all_back = True
        for entry in read_journal(path):
            result = undoing.undo(entry)
            all_back &= not isinstance(result, Failure)
            yield result
        if all_back and not dry_run:
            path.unlink(missing_ok=True)
        elif not (undoing.can_go_on or dry_run):
            path.rename(name_aside(path))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with ExitStack() as holding:
        try:
            holding.enter_context(held(path))
        except OSError as err:
            reason = err.strerror or str(err)
            raise TagError(
                f"the journal {path} cannot be locked ({reason})",
                hint="copy it to a folder that you may write to",
            ) from err
        yield


def _states(entries: Iterable[Entry | Failure]) -> dict[str, deque[_State]]:
    """Give what each file was before its replacements, the latest first."""
    states: dict[str, deque[_State]] = defaultdict(deque)
    for entry in entries:
        if isinstance(entry, Entry):
            states[entry.path].append((entry.hash_before, entry.genres_before))
    return states


class _Undoing:
    """Takes back entry after entry, the latest first.

    Attributes
    ----------
    can_go_on : bool
        Whether a failure can be mended, so that the same undo may do more.
    """

    def __init__(self, states: dict[str, deque[_State]], dry_run: bool) -> None:
        self._states, self._dry_run = states, dry_run
        self.can_go_on = False
        self._left: dict[str, str] = {}  # by path, the hash that a dry run would have left
        self._swept: set[Path] = set()

    def undo(self, entry: Entry | Failure) -> TagChange | Failure:
        if isinstance(entry, Failure):
            return entry
        earlier = tuple(self._states[entry.path])  # its own and those of the entries before it
        self._states[entry.path].popleft()
        try:
            return self._undo(entry, earlier)
        except TagError as err:
            gone = isinstance(err.__cause__, FileNotFoundError | NotADirectoryError)
            self.can_go_on |= not (gone or isinstance(err, UndoError))
            return Failure.from_error(entry.path, err)
        except OSError as err:
            self.can_go_on = True
            reason = err.strerror or str(err)
            message = f"{entry.path}: cannot be brought back ({reason})"
            error = TagError(message, hint=cure_for(err, "make the file and its folder writable"))
            return Failure.from_error(entry.path, error)

    def _undo(self, entry: Entry, earlier: Iterable[_State]) -> TagChange:
        target = Target.check(entry.path)
        if not self._dry_run:
            self._sweep(target.path.parent)
        # What a dry run's earlier steps would have left is no file to be read.
        now = self._left.get(entry.path) or file_digest(target.path)
        if now != entry.hash_after:
            return _leave(entry.path, now, earlier)
        if self._dry_run:
            self._left[entry.path] = entry.hash_before
        else:
            _bring_back(entry, target)
        return TagChange(
            entry.path,
            entry.genres,
            entry.genres_before,
            Reason.BROUGHT_BACK,
            written=not self._dry_run,
        )

    def _sweep(self, folder: Path) -> None:
        if folder not in self._swept:
            self._swept.add(folder)
            remove_abandoned(folder)


def _bring_back(entry: Entry, target: Target) -> None:
    with working_copy(target) as copy, target.path.open("rb") as tagged:
        apply_delta(entry.delta, tagged, copy.stream)
        copy.stream.flush()
        if file_digest(copy.path) != entry.hash_before:
            raise UndoError(f"{entry.path}: the journal does not give its original bytes")
        copy.take_over_attributes()
        os.utime(copy.path, ns=(target.status.st_atime_ns, entry.mtime_ns))
        copy.sync()
        copy.take_place()


def _leave(path: str, now: str, earlier: Iterable[_State]) -> TagChange:
    """Leave a file that an undo before this one brought back, be it by several steps."""
    for hash_before, genres in earlier:
        if now == hash_before:
            return TagChange(path, genres, genres, Reason.AS_BEFORE)
    raise UndoError(f"{path}: was changed after it was tagged, so it is left as it is")
