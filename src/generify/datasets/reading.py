"""From a path to a dataset: choose the reader, then look into the files it named.

In it: :func:`load_dataset`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from generify.audio import is_audio
from generify.datasets.base import Dataset, Track
from generify.datasets.folders import EXPECTED_LAYOUT, read_folders, with_tagged_artists
from generify.datasets.known import KNOWN
from generify.datasets.listing import has_audio_suffix, list_files, names_apart, no_song, preference
from generify.datasets.manifest import read_manifest
from generify.datasets.recognition import recognise
from generify.errors import DatasetError, NothingThereError, ParameterError
from generify.genre_names import choose_genres

__all__ = ["load_dataset"]


def load_dataset(path: str | os.PathLike[str], *, genres: Sequence[str] | None = None) -> Dataset:
    """Find the tracks of a dataset and their genres.

    What is audio is judged by content, so a text named ``song.mp3`` becomes a failure; no file is
    decoded. The artists of a folder of genre folders are those in its files' tags, where most files
    name one and mutagen is installed.

    Parameters
    ----------
    path : str or path-like
        A folder of genre folders, a copy of a published dataset in any of its layouts (see
        :func:`list_datasets`), or a manifest ``.csv`` with the columns ``path, genre`` and, if
        known, ``artist, album, split, fold, track``.
    genres : sequence of str, optional
        Only these genres, however they are spelt; all by default.

    Returns
    -------
    Dataset
        Its tracks, the files left out and why, and the facts of a published dataset.

    Raises
    ------
    NothingThereError
        When the path does not exist, has no genre folders, nothing in it may be audio, or it lacks
        one of `genres`.
    DatasetError
        When the path is no dataset, is half one dataset and half another, holds fewer than two
        genres, or has no audio that can be read.
    ParameterError
        When `genres` is empty or a single string.
    """
    if genres is not None and (isinstance(genres, str) or not genres):
        raise ParameterError(f"genres must be a sequence of at least one name, got {genres!r}")
    named = _read(Path(path))
    wanted = named if genres is None else _narrow(named, genres)
    dataset = _without_empty_genres(_listened(wanted))
    _check_genres(dataset, Path(path), 2 if genres is None else 1)
    return with_tagged_artists(dataset) if _is_plain_folder(dataset, Path(path)) else dataset


def _is_plain_folder(dataset: Dataset, path: Path) -> bool:
    return dataset.facts is None and path.is_dir()


def _read(path: Path) -> Dataset:
    if not path.exists():
        raise NothingThereError(
            f"{path} does not exist", hint="give a folder of genre folders or a .csv"
        )
    if path.is_dir():
        listing = list_files(path)
        known = recognise(listing, KNOWN)
        return read_folders(listing) if known is None else known.read(listing)
    if path.suffix.lower() == ".csv":
        return read_manifest(path)
    raise DatasetError(
        f"{path} is no dataset; a folder or a .csv manifest was expected", hint=EXPECTED_LAYOUT
    )


def _narrow(dataset: Dataset, genres: Sequence[str]) -> Dataset:
    chosen, missing = choose_genres(genres, dataset.genres)
    if missing:
        raise NothingThereError(
            f"{dataset.name} has no genre {', '.join(map(repr, missing))}",
            hint=f"it has: {', '.join(dataset.genres)}",
        )
    tracks = tuple(track for track in dataset.tracks if track.genre in chosen)
    return replace(dataset, genres=chosen, tracks=tracks)


def _listened(dataset: Dataset) -> Dataset:
    """Keep the tracks that are audio, each once."""
    failures = list(dataset.failures)
    tracks = []
    for track in dataset.tracks:
        path = Path(str(track.path))
        if is_audio(path):
            tracks.append(track)
        elif has_audio_suffix(path) or not _can_be_opened(path):
            failures.append(no_song(path))
    kept, warnings = _one_per_id(tracks)
    return replace(
        dataset,
        tracks=kept,
        failures=tuple(failures),
        warnings=(*dataset.warnings, *warnings),
    )


def _can_be_opened(path: Path) -> bool:
    try:
        path.open("rb").close()
    except OSError:
        return False
    return True


def _one_per_id(tracks: Iterable[Track]) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    copies: dict[str, list[Track]] = {}
    for track in tracks:
        copies.setdefault(track.track, []).append(track)
    kept = tuple(
        same[0]
        if len(same) == 1
        else min(same, key=lambda track: preference(PurePath(str(track.path))))
        for same in copies.values()
    )
    return kept, tuple(_remark_on_copies([same for same in copies.values() if len(same) > 1]))


def _remark_on_copies(copies: Sequence[Sequence[Track]]) -> Iterator[str]:
    if not copies:
        return
    paths = [PurePath(str(track.path)) for track in copies[0]]
    name_of = names_apart(paths)
    elsewhere = any(len({PurePath(str(t.path)).parent for t in same}) > 1 for same in copies)
    what = "of one name in several folders" if elsewhere else "that differ only in their ending"
    more = f", and {len(copies) - 1} more such tracks" if len(copies) > 1 else ""
    yield (
        f"files {what} are taken for one track: {', '.join(sorted(name_of.values()))} "
        f"({name_of[min(paths, key=preference)]} is used){more}"
    )


def _without_empty_genres(dataset: Dataset) -> Dataset:
    counts = dataset.n_tracks_of
    empty = [genre for genre, n_tracks in counts.items() if n_tracks == 0]
    if not empty:
        return dataset
    return replace(
        dataset,
        genres=tuple(genre for genre, n_tracks in counts.items() if n_tracks),
        warnings=(*dataset.warnings, f"genres without any audio, left out: {', '.join(empty)}"),
    )


def _check_genres(dataset: Dataset, path: Path, at_least: int) -> None:
    if len(dataset.genres) >= at_least:
        return
    found = f"audio of only one genre, {dataset.genres[0]!r}" if dataset.genres else "no audio"
    first = f"; {dataset.failures[0].path}: {dataset.failures[0].why}" if dataset.failures else ""
    kind = DatasetError if dataset.genres or dataset.failures else NothingThereError
    hint = EXPECTED_LAYOUT if path.is_dir() else "add rows of another genre to the manifest"
    raise kind(f"{path} has {found}{first}", hint=hint)
