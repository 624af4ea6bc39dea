"""What a dataset is, whichever reader it comes from.

A reader looks at names only and gives a :class:`Dataset` of what *should* be audio;
:mod:`generify.datasets.reading` then looks into the files. A published dataset is one module with
one :class:`KnownDataset` in it.

In it: :class:`Track`, :class:`Dataset`, :class:`KnownDataset`; for its modules :func:`read_clips`,
:func:`name_copy`, :func:`is_nearly_whole`, :func:`genres_here` and :func:`no_published_split`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from generify.datasets.facts import DatasetFacts
from generify.datasets.listing import Listing, has_audio_suffix, may_be_audio
from generify.errors import DatasetError, Failure

__all__ = [
    "Dataset",
    "KnownDataset",
    "Track",
    "genres_here",
    "is_nearly_whole",
    "name_copy",
    "no_published_split",
    "read_clips",
]

# A copy with less than this share of the tracks is somebody's own choice from them.
_NEARLY_WHOLE = 0.9


@dataclass(frozen=True)
class Track:
    """One recording and what is known of it.

    Attributes
    ----------
    track : str
        Its id, unique in its dataset: ``"blues.00029"`` in GTZAN, ``"rock/My Song"`` in a folder of
        genre folders.
    path : str or None
        The audio file; None when only its features are at hand.
    genre : str
        Its one genre.
    artist : str or None
        Who plays; None when unknown.
    split : str or None
        ``"train"``, ``"valid"`` or ``"test"`` where the dataset says so, or the number of its fold
        (``"1"``, ``"2"``, …) where a manifest gives one; None elsewhere.
    album : str or None
        Where it was published, unlike the name of any other album; None when unknown.
    """

    track: str
    path: str | None
    genre: str
    artist: str | None = None
    split: str | None = None
    album: str | None = None


TrackOf = Callable[[PurePosixPath], Track | None]
PublishedSplit = Callable[[str, Sequence[Track]], Mapping[str, str | None] | None]


@dataclass(frozen=True)
class Dataset:
    """Tracks with their genres, and what was left out.

    Attributes
    ----------
    name : str
        Name of the published dataset where (nearly) all of it is here, else of the folder or
        manifest.
    tracks : tuple of Track
        In a fixed order that does not depend on the file system.
    genres : tuple of str
        Each with at least one track; published order, else sorted by name.
    failures : tuple of Failure
        Files left out, and why.
    facts : DatasetFacts or None
        What is known of a published dataset.
    warnings : tuple of str
        What was odd, one line each.
    missing : tuple of str
        Tracks of the published dataset that are not here, sorted; empty where nobody knows.
    artists_from : str
        Where the artists were found, in words; empty where they are published or listed.
    """

    name: str
    tracks: tuple[Track, ...]
    genres: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    facts: DatasetFacts | None = None
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    artists_from: str = ""

    @property
    def n_tracks_of(self) -> dict[str, int]:
        """Genre → number of tracks, in the order of :attr:`genres`."""
        counts = Counter(track.genre for track in self.tracks)
        return {genre: counts[genre] for genre in self.genres}


@dataclass(frozen=True)
class KnownDataset:
    """A published dataset: its facts, how to tell its songs, how to read it.

    Attributes
    ----------
    facts : DatasetFacts
        What is known of it.
    track_of : callable
        A song's path below the root → what its name tells of it, without the file; None when it is
        not placed and named as in this dataset. Its genre is empty where only metadata tell it.
    read : callable
        A folder's files → the dataset; :func:`read_clips` where the names tell all. No audio is
        opened.
    published_split : callable
        Name of one of ``facts.splits`` and tracks → track → ``"train"``, ``"valid"``, ``"test"``
        or, for a track that the split leaves out, None. None instead when these tracks are not all
        of this dataset.
    """

    facts: DatasetFacts
    track_of: TrackOf
    read: Callable[[Listing], Dataset]
    published_split: PublishedSplit


def read_clips(
    listing: Listing, facts: DatasetFacts, track_of: TrackOf, published: Iterable[str] = ()
) -> Dataset:
    """Read a published dataset whose names tell all.

    Parameters
    ----------
    listing : Listing
        The files below the root.
    facts : DatasetFacts
        What is known of it.
    track_of : callable
        As in :class:`KnownDataset`.
    published : iterable of str
        All tracks of the complete dataset, where they are known.

    Returns
    -------
    Dataset
        Tracks sorted by name; songs that are not placed and named as in it are failures.
    """
    tracks, failures = [], list(listing.failures)
    stranger = DatasetError(
        f"it is not placed and named as in {facts.name}", hint=f"expected {facts.layout}"
    )
    for file in listing.files:
        track = track_of(file)
        if track is not None and may_be_audio(file):
            tracks.append(replace(track, path=str(listing.root / file)))
        elif track is None and has_audio_suffix(file):
            failures.append(Failure.from_error(listing.root / file, stranger))
    tracks.sort(key=lambda track: (track.track, track.path or ""))
    here = {track.track for track in tracks}
    name, warnings = name_copy(listing, facts, tracks, len(here))
    return Dataset(
        name,
        tuple(tracks),
        genres_here(listing, facts, tracks),
        tuple(failures),
        facts,
        warnings,
        tuple(sorted(set(published) - here)),
    )


def is_nearly_whole(facts: DatasetFacts, n_here: int) -> bool:
    """Tell a copy in which a few tracks are missing from somebody's own choice of some.

    Parameters
    ----------
    facts : DatasetFacts
        What is known of the dataset.
    n_here : int
        How many of ``facts.n_tracks`` are here.

    Returns
    -------
    bool
        Whether nine in ten or more are.
    """
    return n_here >= _NEARLY_WHOLE * facts.n_tracks


def name_copy(
    listing: Listing, facts: DatasetFacts, tracks: Sequence[Track], n_here: int
) -> tuple[str, tuple[str, ...]]:
    """Name a copy of a published dataset: after its folder where much of it is not here.

    Parameters
    ----------
    listing : Listing
        The files below the root.
    facts : DatasetFacts
        What is known of the dataset.
    tracks : sequence of Track
        Those that are here.
    n_here : int
        How many of ``facts.n_tracks`` are here.

    Returns
    -------
    name : str
        Of the dataset or of the folder.
    warnings : tuple of str
        Where it is the folder's: that and why published facts are used.
    """
    if is_nearly_whole(facts, n_here):
        return facts.name, ()
    folder = listing.root.resolve().name
    known = "artists" if any(track.artist for track in tracks) else "facts"
    return folder, (
        f"{folder} looks like part of {facts.short_title} "
        f"({n_here:,} of {facts.n_tracks:,} clips): its published {known} are used",
    )


def genres_here(listing: Listing, facts: DatasetFacts, tracks: Iterable[Track]) -> tuple[str, ...]:
    """Name the genres of a published dataset that a copy has tracks or a folder of.

    Parameters
    ----------
    listing : Listing
        The files below the root.
    facts : DatasetFacts
        What is known of the dataset.
    tracks : iterable of Track
        Those that are here.

    Returns
    -------
    tuple of str
        In the order of ``facts.genres``.
    """
    here = {track.genre for track in tracks}.union(listing.folders)
    return tuple(genre for genre in facts.genres if genre in here)


def no_published_split(name: str, tracks: Sequence[Track]) -> None:
    """Stand for the lists of a dataset that was published without any.

    Parameters
    ----------
    name : str
        Name of a split.
    tracks : sequence of Track
        The tracks.
    """
