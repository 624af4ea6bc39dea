"""A split as a CSV: a manifest that says of each track in which part it is.

Columns ``track, path, genre, artist, album`` and one more: ``split`` (train, valid or test) for
lists, ``fold`` (1, 2, …: the part in which a track is tested) for a cross-validation. The file is a
manifest, so ``--split given`` trains and tests on exactly these parts. Tracks that the split leaves
out are not in it. Equal splits make equal files.

In it: :func:`write_split`, :func:`split_records`, :func:`format_split`.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from generify.atomic import replacing
from generify.datasets.base import Track
from generify.datasets.splits import Split
from generify.errors import DatasetError

__all__ = ["format_split", "split_records", "write_split"]


def split_records(
    split: Split, tracks: Sequence[Track], folder: str | os.PathLike[str] = "."
) -> list[dict[str, str]]:
    """Give the rows of a split's CSV.

    Parameters
    ----------
    split : Split
        A split of these tracks.
    tracks : sequence of Track
        The tracks it was made for.
    folder : str or path-like
        Where the CSV lies: paths below it are given relative to it, all others absolute.

    Returns
    -------
    list of dict
        In the order of the tracks; column → cell, empty where nothing is known.
    """
    column, parts = _parts(split)
    root = Path(folder).absolute()  # not resolved: a link to a song keeps its own name
    return [
        {
            "track": track.track,
            "path": _path(track.path, root),
            "genre": track.genre,
            "artist": track.artist or "",
            "album": track.album or "",
            column: parts[row],
        }
        for row, track in enumerate(tracks)
        if row in parts
    ]


def _parts(split: Split) -> tuple[str, dict[int, str]]:
    if len(split.folds) > 1:
        numbered = enumerate(split.folds, start=1)
        return "fold", {row: str(n) for n, fold in numbered for row in fold.test.tolist()}
    (fold,) = split.folds
    lists = {"train": fold.train, "valid": fold.valid, "test": fold.test}
    return "split", {row: name for name, rows in lists.items() for row in rows.tolist()}


def _path(path: str | None, root: Path) -> str:
    if path is None:
        return ""
    absolute = Path(path).absolute()
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(absolute)


def format_split(records: Sequence[dict[str, str]]) -> str:
    """Give the rows of a split as CSV.

    Parameters
    ----------
    records : sequence of dict
        From :func:`split_records`.

    Returns
    -------
    str
        With a header; lines end in a newline alone.
    """
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def write_split(split: Split, tracks: Sequence[Track], path: str | os.PathLike[str]) -> None:
    """Write a split as CSV, whole or not at all.

    Parameters
    ----------
    split : Split
        A split of these tracks.
    tracks : sequence of Track
        The tracks it was made for.
    path : str or path-like
        Where to.

    Raises
    ------
    DatasetError
        When the file cannot be written.
    """
    target = Path(path)
    text = format_split(split_records(split, tracks, target.parent))
    with replacing(target, DatasetError) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
