"""What a dataset's folder holds, judged by names: its songs, what is missing, extra or misplaced.

In it: :func:`take_inventory`, :class:`Inventory`, :class:`Song`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from generify.datasets import KNOWN, DatasetFacts, KnownDataset, Track, known_dataset
from generify.datasets.base import is_nearly_whole
from generify.datasets.listing import (
    Listing,
    bare_name,
    has_audio_suffix,
    list_files,
    preference,
    songs_of,
)
from generify.errors import Failure, NothingThereError
from generify.verification.checksums import Checksum, read_checksums
from generify.verification.findings import Finding

__all__ = ["Inventory", "Song", "list_songs", "take_inventory"]


@dataclass(frozen=True)
class Song:
    """A file to be heard.

    Attributes
    ----------
    track : str
        Its id in the dataset, or its path below the folder without suffix.
    path : str
        The file.
    genre : str
        The genre it lies in or, in a published dataset, belongs to; empty when it has none.
    checksum : Checksum or None
        What the whole file should hash to, where that was published beside it.
    """

    track: str
    path: str
    genre: str = ""
    checksum: Checksum | None = None


@dataclass(frozen=True)
class Inventory:
    """The songs of a folder, and what their names tell.

    Attributes
    ----------
    name : str
        Name of the published dataset, else of the folder.
    facts : DatasetFacts or None
        What is known of a published dataset.
    songs : tuple of Song
        Sorted by path.
    findings : tuple of Finding
        What is missing, extra or in the wrong folder.
    genres : tuple of str
        Of the published dataset, or found.
    n_here : int or None
        Tracks of the published dataset that are here.
    is_part : bool
        Whether so many of its tracks are not here that it is somebody's choice from it: then they
        are no findings.
    n_missing_of_genre : mapping of str to int
        Genre → tracks of the published dataset that are not here, where names tell their genres.
    """

    name: str
    facts: DatasetFacts | None
    songs: tuple[Song, ...]
    findings: tuple[Finding, ...]
    genres: tuple[str, ...]
    n_here: int | None = None
    is_part: bool = False
    n_missing_of_genre: Mapping[str, int] = field(default_factory=dict)


def list_songs(root: str | Path) -> tuple[Listing, tuple[PurePosixPath, ...]]:
    """List the songs below a folder.

    Parameters
    ----------
    root : str or Path
        The folder.

    Returns
    -------
    listing : Listing
        All files.
    songs : tuple of PurePosixPath
        Those that are audio by their name, or by their content where the name says nothing.

    Raises
    ------
    NothingThereError
        When there is no such folder, or no song in it.
    DatasetError
        When it cannot be read.
    """
    listing = list_files(root)
    songs = songs_of(listing)
    if not songs:
        why = f"; {listing.failures[0].message}" if listing.failures else ""
        raise NothingThereError(f"no song in {root}{why}", hint="give a folder with audio in it")
    return listing, songs


def take_inventory(root: str | Path, dataset: str | None = None) -> Inventory:
    """Tell by names what a dataset's folder holds.

    Parameters
    ----------
    root : str or Path
        The folder.
    dataset : str, optional
        Name of the published dataset that it should be; recognised by default.

    Returns
    -------
    Inventory
        Songs to be heard, and first findings.

    Raises
    ------
    NothingThereError
        When there is no such folder, or no song in it.
    DatasetError
        When it cannot be read, or no dataset has this name.
    """
    listing, files = list_songs(root)
    wanted = KNOWN if dataset is None else (known_dataset(dataset),)
    known = _recognise(files, wanted) if dataset is None else wanted[0]
    if known is None or not any(map(known.track_of, files)):
        listing, files, known = _as_one_genre(listing, files, wanted) or (listing, files, known)
    if known is None:
        return _of_folders(listing, files)
    return _of_published(listing, files, known)


def _recognise(
    files: Iterable[PurePosixPath], wanted: Iterable[KnownDataset]
) -> KnownDataset | None:
    """Tell a published dataset even where some of its songs lie in wrong folders."""
    songs = [file for file in files if has_audio_suffix(file)]
    for known in wanted:
        n_placed = sum(known.track_of(file) is not None for file in songs)
        n_strayed = sum(_right_place(file, known) is not None for file in songs)
        if n_placed and 2 * (n_placed + n_strayed) > len(songs):
            return known
    return None


def _as_one_genre(
    listing: Listing, files: Sequence[PurePosixPath], wanted: Iterable[KnownDataset]
) -> tuple[Listing, tuple[PurePosixPath, ...], KnownDataset] | None:
    """Look at a folder from above, where it is one genre of a published dataset."""
    name = listing.root.resolve().name
    root = listing.root if listing.root.name == name else listing.root.resolve()
    placed = tuple(PurePosixPath(name, file) for file in files)
    known = _recognise(placed, wanted)
    if known is None or not any(t.genre for t in map(known.track_of, placed) if t is not None):
        return None
    above = replace(
        listing,
        root=root.parent,
        files=tuple(PurePosixPath(name, file) for file in listing.files),
        folders=(name,),
    )
    return above, placed, known


def _right_place(file: PurePosixPath, known: KnownDataset) -> Track | None:
    """Tell which track a song would be in another genre's folder; None where that is no one."""
    if known.track_of(file) is not None:
        return None
    named = [known.track_of(PurePosixPath(genre, file.name)) for genre in known.facts.genres]
    found = [track for track in named if track is not None]
    return found[0] if len(found) == 1 else None


def _of_published(
    listing: Listing, files: tuple[PurePosixPath, ...], known: KnownDataset
) -> Inventory:
    dataset = known.read(listing)
    facts = dataset.facts or known.facts
    checksums = read_checksums(listing)
    genre_of = {str(track.path): track.genre for track in dataset.tracks}
    refused = {failure.path: failure.message for failure in dataset.failures}
    songs, findings, here = [], [], set()
    for file in files:
        path = str(listing.root / file)
        strayed = _right_place(file, known)
        track = known.track_of(file) or strayed
        genre = genre_of.get(path) or (track.genre if track else "")
        song = Song(track.track if track else _id(file), path, genre, checksums.get(file))
        songs.append(song)
        if strayed is not None:
            findings.append(_misplaced(song, file.parent.name))
        elif path in refused or track is None:
            why = refused.get(path, f"no track of {facts.name}")
            findings.append(Finding("extra", song.track, path, why))
            continue
        here.add(song.track)
    missing = sorted(set(dataset.missing) - here)
    n_here = len(here)
    is_part = not is_nearly_whole(facts, n_here)
    findings += [
        *_copies(songs),
        *_unreadable(dataset.failures, songs),
        *(() if is_part else _missing(known, facts, missing, n_here)),
        *(_unlisted(checksums, files) if not dataset.missing else ()),
    ]
    return Inventory(
        facts.name, facts, tuple(songs), tuple(findings), facts.genres, n_here, is_part,
        _count_genres(missing, known),
    )  # fmt: skip


def _of_folders(listing: Listing, files: tuple[PurePosixPath, ...]) -> Inventory:
    checksums = read_checksums(listing)
    genres = tuple(sorted({file.parts[0] for file in files if len(file.parts) > 1}))
    songs, findings = [], []
    for file in files:
        folder = file.parts[0] if len(file.parts) > 1 else ""
        genre = _named_genre(file, genres) or folder
        song = Song(_id(file), str(listing.root / file), genre, checksums.get(file))
        songs.append(song)
        if genres and not folder:
            why = "beside the genre folders, in no genre"
            findings.append(Finding("extra", song.track, song.path, why))
        elif genre != folder:
            findings.append(_misplaced(song, folder))
    findings += [
        *_copies(songs),
        *_unreadable(listing.failures, songs),
        *_unlisted(checksums, files),
    ]
    name = listing.root.resolve().name
    return Inventory(name, None, tuple(songs), tuple(findings), genres)


def _id(file: PurePosixPath) -> str:
    return str(file.with_name(bare_name(file)))


def _named_genre(file: PurePosixPath, genres: Iterable[str]) -> str | None:
    """Tell the genre that a name like ``jazz.00012`` or ``jazz_7`` begins with."""
    match = re.match(r"(?P<genre>.+?)[._-]?\d+$", bare_name(file))
    meant = match["genre"].casefold() if match else None
    return next((genre for genre in genres if genre.casefold() == meant), None)


def _misplaced(song: Song, folder: str) -> Finding:
    detail = f"its name says {song.genre or song.track}, its folder says {folder}"
    return Finding("misnamed", song.track, song.path, detail)


def _copies(songs: Iterable[Song]) -> Iterator[Finding]:
    """Name the further files of tracks that have more than one."""
    files: dict[str, list[Song]] = {}
    for song in songs:
        files.setdefault(song.track, []).append(song)
    for same in files.values():
        first, *others = sorted(same, key=lambda song: preference(Path(song.path)))
        for song in others:
            detail = f"another file of this track; {first.path} is the one that is used"
            yield Finding("extra", song.track, song.path, detail)


def _unreadable(failures: Iterable[Failure], songs: Iterable[Song]) -> Iterator[Finding]:
    """Name folders that cannot be looked into, and files whose names are no text."""
    known = {song.path for song in songs}
    for failure in failures:
        if failure.path not in known:
            path = Path(failure.path)
            kind = "corrupt" if path.is_dir() else "misnamed"
            yield Finding(kind, path.name, failure.path, failure.message)


def _missing(
    known: KnownDataset, facts: DatasetFacts, missing: Sequence[str], n_here: int
) -> Iterator[Finding]:
    for track in missing:
        yield Finding("missing", track, detail=_genre_of(track, known) or f"of {facts.name}")
    if not missing and n_here < facts.n_tracks:
        detail = f"{n_here} of the {facts.n_tracks} tracks of {facts.name} are here"
        yield Finding("missing", "", detail=detail)


def _count_genres(tracks: Iterable[str], known: KnownDataset) -> Mapping[str, int]:
    counts = Counter(_genre_of(track, known) for track in tracks)
    return {genre: counts[genre] for genre in known.facts.genres if counts[genre]}


def _genre_of(track: str, known: KnownDataset) -> str:
    """Tell the genre of a track that is not here, where its name does."""
    places = [PurePosixPath(track), *(PurePosixPath(g, f"{track}.wav") for g in known.facts.genres)]
    found = next((named for place in places if (named := known.track_of(place))), None)
    return found.genre if found else ""


def _unlisted(
    checksums: Mapping[PurePosixPath, Checksum], files: Iterable[PurePosixPath]
) -> Iterator[Finding]:
    """Name the songs of a checksum list that are not there."""
    for file in sorted(checksums.keys() - set(files)):
        if has_audio_suffix(file):
            detail = f"listed in {checksums[file].source}"
            yield Finding("missing", _id(file), detail=detail)
