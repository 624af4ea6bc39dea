"""Which tracks of a dataset are the same recording: as published, and by their files' content.

Two copies of one recording on two sides of a split would be tested on what was trained on. Only
what is certain counts here: pairs that were published, and files whose sound is equal byte for byte
whatever their tags and names. Re-encoded copies take listening.

In it: :func:`same_recordings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from generify.content import identify
from generify.datasets.base import Dataset
from generify.datasets.folding import group_rows, merge_groups
from generify.progress import Progress

__all__ = ["same_recordings"]


def same_recordings(dataset: Dataset, *, progress: Progress | None = None) -> tuple[int, ...]:
    """Find the tracks of a dataset that are copies of one recording.

    Parameters
    ----------
    dataset : Dataset
        Its tracks and, for the published pairs, its facts.
    progress : callable, optional
        Called with the number of files looked into and of all that are to be.

    Returns
    -------
    tuple of int
        A number for each track, for ``make_split``'s ``duplicates``.

    Notes
    -----
    Files are read only where others have the same size, since copies nearly always do.
    """
    groups = [*_published(dataset), *_equal_files(dataset, progress)]
    return tuple(merge_groups(len(dataset.tracks), groups).tolist())


def _published(dataset: Dataset) -> Iterator[list[int]]:
    if dataset.facts is None:
        return
    row_of = {track.track: row for row, track in enumerate(dataset.tracks)}
    for pair in dataset.facts.duplicates:
        if all(track in row_of for track in pair):
            yield [row_of[track] for track in pair]


def _equal_files(dataset: Dataset, progress: Progress | None) -> list[list[int]]:
    paths = [track.path for track in dataset.tracks]
    alike = group_rows(_size(path) for path in paths)
    suspects = sorted(row for group in alike if len(group) > 1 for row in group)
    hashes: list[str | None] = [None] * len(paths)
    for n_done, row in enumerate(suspects, start=1):
        hashes[row] = identify(str(paths[row]))
        if progress is not None:
            progress(n_done, len(suspects))
    return group_rows(hashes)


def _size(path: str | None) -> int | None:
    try:
        return None if path is None else Path(path).stat().st_size
    except OSError:
        return None
