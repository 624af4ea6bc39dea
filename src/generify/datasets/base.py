"""What a dataset is, whichever reader it comes from.

A reader looks at names only and gives a :class:`Dataset` of what *should* be audio;
:mod:`generify.datasets.reading` then looks into the files. A published dataset is one module with
one :class:`KnownDataset` in it.

In it: :class:`Track`, :class:`Dataset`, :class:`KnownDataset`, :func:`describe_artists`; for its
modules :func:`read_clips`, :func:`name_copy`, :func:`is_nearly_whole`, :func:`genres_here` and
:func:`no_published_split`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath, PurePosixPath

from generify.datasets.facts import DatasetFacts
from generify.datasets.listing import Listing, bare_name, has_audio_suffix, may_be_audio
from generify.errors import DatasetError, Failure

__all__ = [
    "Dataset",
    "KnownDataset",
    "Track",
    "describe_artists",
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
        Where the artists were found, in words; empty where they are published or listed. See
        :func:`describe_artists`.
    corrections : str
        How many tracks people have corrected, in words; empty where nobody was asked.
    """

    name: str
    tracks: tuple[Track, ...]
    genres: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    facts: DatasetFacts | None = None
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    artists_from: str = ""
    corrections: str = ""

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
        Tracks sorted by name. Where less than nine in ten of the published tracks are here, songs
        of one's own in their folders are of the folder's genre, and no published list counts; all
        others that are not placed and named as in it are failures.
    """
    tracks, strangers = [], []
    for file in listing.files:
        track = track_of(file)
        if track is not None and may_be_audio(file):
            tracks.append(replace(track, path=str(listing.root / file)))
        elif track is None and has_audio_suffix(file):
            strangers.append(file)
    here = {track.track for track in tracks}
    name, warnings = name_copy(listing, facts, tracks, len(here))
    own = {} if is_nearly_whole(facts, len(here)) else _own_songs(listing, strangers, tracks)
    own = {file: track for file, track in own.items() if not _is_misplaced(file, facts, track_of)}
    if own:
        tracks = [*(replace(track, split=None) for track in tracks), *own.values()]
        warnings += (f"songs beside those of {facts.short_title}, used too: {len(own)}",)
    tracks.sort(key=lambda track: (track.track, track.path or ""))
    stranger = DatasetError(
        f"it is not placed and named as in {facts.name}", hint=f"expected {facts.layout}"
    )
    failures = (Failure.from_error(listing.root / f, stranger) for f in strangers if f not in own)
    return Dataset(
        name,
        tuple(tracks),
        genres_here(listing, facts, tracks),
        (*listing.failures, *failures),
        facts,
        warnings,
        tuple(sorted(set(published) - here)),
    )


def _own_songs(
    listing: Listing, strangers: Iterable[PurePosixPath], tracks: Iterable[Track]
) -> dict[PurePosixPath, Track]:
    """Take songs, however deep, for ones of their folder's genre where clips in it tell that."""
    genre_of = {PurePath(str(track.path)).parent: track.genre for track in tracks}
    own = {}
    for file in strangers:
        path = listing.root / file
        genre = next((genre_of[folder] for folder in path.parents if folder in genre_of), "")
        if genre:
            own[file] = Track(str(file.with_name(bare_name(file))), str(path), genre)
    return own


def _is_misplaced(file: PurePosixPath, facts: DatasetFacts, track_of: TrackOf) -> bool:
    """Tell a clip that lies in the folder of another genre from a song of one's own."""
    return any(track_of(PurePosixPath(genre, file.name)) for genre in facts.genres)


def describe_artists(artists_from: str, tracks: Sequence[Track]) -> str:
    """Say where artists were found, and for how many tracks.

    Parameters
    ----------
    artists_from : str
        Where, as :class:`Dataset` has it.
    tracks : sequence of Track
        Those that are used.

    Returns
    -------
    str
        A line; empty where there is nothing to say.

    Examples
    --------
    >>> tracks = [Track("1", None, "jazz", artist="Nina"), Track("2", None, "jazz")]
    >>> describe_artists("artists from the files' tags", tracks)
    "artists from the files' tags: 1 of 2 tracks name one"
    """
    if not artists_from:
        return ""
    n_named = sum(track.artist is not None for track in tracks)
    return f"{artists_from}: {n_named:,} of {len(tracks):,} tracks name one"


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
