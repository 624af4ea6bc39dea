"""A run of tagging taken back, file by file, to the last byte.

In it: :func:`undo`.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from generify.atomic import cure_for
from generify.content import file_digest
from generify.errors import Failure
from generify.tag_formats import TagError
from generify.tagging.choice import Reason, TagChange
from generify.tagging.delta import apply_delta
from generify.tagging.journal import Entry, held, latest_journal, read_journal
from generify.tagging.replacement import Target, remove_abandoned, working_copy

__all__ = ["undo"]

_State = tuple[str, tuple[str, ...]]
"""Hash and genres of a file before a replacement."""
_Step = Callable[[Entry, Iterable[_State]], TagChange]


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
    twice takes back two runs.
    """
    path = latest_journal() if journal is None else Path(journal)
    with _alone(path):
        states = _states(read_journal(path))
        all_back = True
        undo_one: _Step = (
            partial(_foresee, left={}) if dry_run else partial(_bring_back, swept=set())
        )
        for entry in read_journal(path):
            result = _undo_entry(entry, states, undo_one)
            all_back &= not isinstance(result, Failure)
            yield result
        if all_back and not dry_run:
            path.unlink(missing_ok=True)


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


def _undo_entry(
    entry: Entry | Failure, states: dict[str, deque[_State]], undo_one: _Step
) -> TagChange | Failure:
    if isinstance(entry, Failure):
        return entry
    earlier = tuple(states[entry.path])  # its own and those of the entries before it
    states[entry.path].popleft()
    try:
        return undo_one(entry, earlier)
    except TagError as err:
        return Failure.from_error(entry.path, err)
    except OSError as err:
        reason = err.strerror or str(err)
        message = f"{entry.path}: cannot be brought back ({reason})"
        error = TagError(message, hint=cure_for(err, "make the file and its folder writable"))
        return Failure.from_error(entry.path, error)


def _foresee(entry: Entry, earlier: Iterable[_State], left: dict[str, str]) -> TagChange:
    """Tell what would be brought back; what earlier steps would leave is no file to be read."""
    now = left.get(entry.path) or file_digest(Target.check(entry.path).path)
    if now != entry.hash_after:
        return _leave(entry.path, now, earlier)
    left[entry.path] = entry.hash_before
    return TagChange(entry.path, entry.genres, entry.genres_before, Reason.BROUGHT_BACK)


def _bring_back(entry: Entry, earlier: Iterable[_State], swept: set[Path]) -> TagChange:
    target = Target.check(entry.path)
    if target.path.parent not in swept:
        swept.add(target.path.parent)
        remove_abandoned(target.path.parent)
    now = file_digest(target.path)
    if now != entry.hash_after:
        return _leave(entry.path, now, earlier)
    with working_copy(target) as copy, target.path.open("rb") as tagged:
        apply_delta(entry.delta, tagged, copy.stream)
        copy.stream.flush()
        if file_digest(copy.path) != entry.hash_before:
            raise TagError(f"{entry.path}: the journal does not give its original bytes")
        copy.take_over_attributes()
        os.utime(copy.path, ns=(target.status.st_atime_ns, entry.mtime_ns))
        copy.sync()
        copy.take_place()
    return TagChange(
        entry.path, entry.genres, entry.genres_before, Reason.BROUGHT_BACK, written=True
    )


def _leave(path: str, now: str, earlier: Iterable[_State]) -> TagChange:
    """Leave a file that an undo before this one brought back, be it by several steps."""
    for hash_before, genres in earlier:
        if now == hash_before:
            return TagChange(path, genres, genres, Reason.AS_BEFORE)
    raise TagError(f"{path}: was changed after it was tagged, so it is left as it is")
