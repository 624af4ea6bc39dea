"""A manifest: a CSV that says which file is of which genre.

Columns ``path`` and ``genre``, and if they are known ``artist``, ``album``, ``split`` (train, valid
or test), ``fold`` (a number, for cross-validation) and ``track``; others are ignored. UTF-8, with
or without a byte order mark; separated by commas, semicolons or tabs. Paths are absolute or
relative to the folder of the manifest.

In it: :func:`read_manifest`, :func:`find_manifests`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from generify.datasets.base import Dataset, Track
from generify.datasets.listing import Listing, bare_name
from generify.errors import DatasetError, Failure, NothingThereError

__all__ = ["find_manifests", "read_manifest"]

_COLUMNS = "path, genre and, if known, artist, album, split, fold, track"
_BEYOND_FOLDERS = frozenset(("artist", "album", "split", "fold"))
_LONGEST_HEADER = 10_000  # bytes


def read_manifest(path: str | Path) -> Dataset:
    """Read a manifest by its rows; the audio itself is not looked into.

    Parameters
    ----------
    path : str or Path
        A CSV file.

    Returns
    -------
    Dataset
        One track a row, in the manifest's order; genres sorted by name. Rows without a genre or a
        file, and rows that repeat another, are failures that name their line.

    Raises
    ------
    NothingThereError
        When there is no such file.
    DatasetError
        When it cannot be read as CSV, lacks a column, or has no usable row.
    """
    path = Path(path)
    by_path: dict[str, Track] = {}
    by_id: dict[str, Track] = {}
    failures = []
    for line, row in _rows(path):
        try:
            track = _track(row, path.parent)
            _refuse_repeated(track, by_path, by_id)
            by_path[str(track.path)] = by_id[track.track] = track
        except DatasetError as err:
            # The same class again: the reader of the report needs the line, not our internals.
            failed = DatasetError(f"line {line}: {err}", hint=err.hint)
            failures.append(Failure.from_error(row.get("path") or path, failed))
    if not by_path:
        what = f"; first of {len(failures)} failures: {failures[0].message}" if failures else ""
        raise DatasetError(f"{path} has no usable row{what}", hint=f"expected columns: {_COLUMNS}")
    tracks = tuple(by_path.values())
    genres = tuple(sorted({track.genre for track in tracks}))
    return Dataset(path.stem, tracks, genres, tuple(failures))


def find_manifests(listing: Listing) -> tuple[Path, ...]:
    """Find the manifests among the files directly in a folder.

    Parameters
    ----------
    listing : Listing
        The files below the folder.

    Returns
    -------
    tuple of Path
        Those whose header promises more than genre folders tell, sorted.
    """
    tables = (file for file in listing.files if file.suffix.lower() == ".csv")
    beside = (listing.root / file for file in tables if len(file.parts) == 1)
    return tuple(path for path in beside if _tells_more(path))


def _tells_more(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            first = file.readline(_LONGEST_HEADER).decode("utf-8-sig", "replace")
    except OSError:
        return False
    header = {name.strip().strip('"').lower() for name in re.split("[,;\t]", first)}
    return {"path", "genre"} <= header and bool(header & _BEYOND_FOLDERS)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Give the line number and the cells of each row that is not blank."""
    text = _text(path)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header, path)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                values = [cell.strip() for cell in cells]
                yield reader.line_num, dict(zip(header, values, strict=False))
    except csv.Error as err:
        raise DatasetError(f"{path} is no readable CSV: line {reader.line_num}: {err}") from err


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DatasetError(f"{path} is not UTF-8 text", hint="save it as CSV (UTF-8)") from err
    except OSError as err:
        kind = NothingThereError if isinstance(err, FileNotFoundError) else DatasetError
        raise kind(f"cannot read {path}: {err.strerror}") from err


def _check_header(header: list[str], path: Path) -> None:
    missing = [name for name in ("path", "genre") if name not in header]
    if missing:
        found = ", ".join(name for name in header if name) or "none"
        raise DatasetError(
            f"{path} has no column {' and no column '.join(missing)}; columns found: {found}",
            hint=f"expected columns: {_COLUMNS}",
        )
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise DatasetError(f"{path} has more than one column {', '.join(doubled)}")


def _track(row: Mapping[str, str], folder: Path) -> Track:
    given = row.get("path")
    if not given:
        raise DatasetError("no path")
    if not row.get("genre"):
        raise DatasetError("no genre")
    file = folder / given
    try:
        found = file.is_file()
    except OSError as err:  # a name too long, a folder that is not ours
        raise DatasetError(f"{str(file)[:200]}: {err.strerror}") from err
    if not found:
        raise DatasetError("no such file" if file == Path(given) else f"no such file: {file}")
    return Track(
        track=row.get("track") or _bare(given),
        path=str(file),
        genre=row["genre"],
        artist=row.get("artist") or None,
        split=_split(row),
        album=row.get("album") or None,
    )


def _split(row: Mapping[str, str]) -> str | None:
    named, fold = (row.get("split") or "").lower(), row.get("fold") or ""
    if not fold or named:
        return named or None
    if not (fold.isascii() and fold.isdigit()):
        raise DatasetError(f"fold should be a whole number, got {fold!r}")
    return str(int(fold))


def _refuse_repeated(
    track: Track, by_path: Mapping[str, Track], by_id: Mapping[str, Track]
) -> None:
    same = by_path.get(str(track.path))
    if same is not None:
        also = "" if same.genre == track.genre else f", there as {same.genre!r}"
        raise DatasetError(f"the file is in an earlier row{also}")
    first = by_id.get(track.track, track)
    # One song in two formats has one id too; which of them is kept is decided by content, later.
    if _bare(str(first.path)) != _bare(str(track.path)) or first.genre != track.genre:
        raise DatasetError(f"the track {track.track!r} is in an earlier row, as another song")


def _bare(path: str) -> str:
    return Path(path).with_name(bare_name(Path(path))).as_posix()
