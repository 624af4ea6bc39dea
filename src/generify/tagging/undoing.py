"""A run of tagging taken back, file by file, to the last byte.

In it: :func:`undo`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from generify.errors import Failure
from generify.tag_formats import TagError
from generify.tagging.choice import Reason, TagChange
from generify.tagging.delta import apply_delta
from generify.tagging.journal import Entry, latest_journal, read_journal
from generify.tagging.replacement import Target, hash_file, remove_abandoned, working_copy

__all__ = ["undo"]


def undo(journal: str | Path | None = None) -> Iterator[TagChange | Failure]:
    """Bring back the files that a run of tagging changed.

    Parameters
    ----------
    journal : str or Path, optional
        The run's journal; the latest run's by default.

    Yields
    ------
    TagChange or Failure
        One for each entry, the latest first. A file that was changed after it was tagged, or is
        gone, is a failure and stays as it is.

    Raises
    ------
    TagError
        When there is no such journal or it cannot be read.

    Notes
    -----
    What comes back is compared with the original by its hash before it takes the file's place, and
    gets the original's time of change. When all is brought back the journal is removed, so undoing
    twice takes back two runs.
    """
    path = latest_journal() if journal is None else Path(journal)
    all_back = True
    swept: set[Path] = set()
    for entry in read_journal(path):
        result = _undo_entry(entry, swept)
        all_back &= not isinstance(result, Failure)
        yield result
    if all_back:
        path.unlink(missing_ok=True)


def _undo_entry(entry: Entry | Failure, swept: set[Path]) -> TagChange | Failure:
    if isinstance(entry, Failure):
        return entry
    try:
        return _bring_back(entry, swept)
    except TagError as err:
        return Failure.from_error(entry.path, err)
    except OSError as err:
        reason = err.strerror or str(err)
        error = TagError(f"{entry.path}: cannot be brought back ({reason})")
        return Failure.from_error(entry.path, error)


def _bring_back(entry: Entry, swept: set[Path]) -> TagChange:
    target = Target.check(entry.path)
    if target.path.parent not in swept:
        swept.add(target.path.parent)
        remove_abandoned(target.path.parent)
    now = hash_file(target.path)
    if now == entry.hash_before:
        return TagChange(entry.path, entry.genres_before, entry.genres_before, Reason.AS_BEFORE)
    if now != entry.hash_after:
        raise TagError(f"{entry.path}: was changed after it was tagged, so it is left as it is")
    with working_copy(target) as copy, target.path.open("rb") as tagged:
        apply_delta(entry.delta, tagged, copy.stream)
        copy.stream.flush()
        if hash_file(copy.path) != entry.hash_before:
            raise TagError(f"{entry.path}: the journal does not give its original bytes")
        copy.take_over_attributes()
        os.utime(copy.path, ns=(target.status.st_atime_ns, entry.mtime_ns))
        copy.sync()
        copy.take_place()
    return TagChange(
        entry.path, entry.genres, entry.genres_before, Reason.BROUGHT_BACK, written=True
    )
