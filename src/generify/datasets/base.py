"""What a dataset is, whichever reader it comes from.

A reader looks at names only and gives a :class:`Dataset` of what *should* be audio;
:mod:`generify.datasets.reading` then looks into the files. A published dataset is one module with
one :class:`KnownDataset` in it.

In it: :class:`Track`, :class:`Dataset`, :class:`KnownDataset`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from generify.datasets.facts import DatasetFacts
from generify.datasets.listing import Listing
from generify.errors import Failure

__all__ = ["Dataset", "KnownDataset", "Track"]


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
        ``"train"``, ``"valid"`` or ``"test"`` where the dataset says so; None elsewhere.
    """

    track: str
    path: str | None
    genre: str
    artist: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Dataset:
    """Tracks with their genres, and what was left out.

    Attributes
    ----------
    name : str
        Name of the published dataset, else of the folder or manifest.
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
    """

    name: str
    tracks: tuple[Track, ...]
    genres: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    facts: DatasetFacts | None = None
    warnings: tuple[str, ...] = ()

    @property
    def n_tracks_of(self) -> dict[str, int]:
        """Genre → number of tracks, in the order of :attr:`genres`."""
        counts = Counter(track.genre for track in self.tracks)
        return {genre: counts[genre] for genre in self.genres}


@dataclass(frozen=True)
class KnownDataset:
    """A published dataset: its facts, how to tell it, how to read it.

    Attributes
    ----------
    facts : DatasetFacts
        What is known of it.
    recognise : callable
        Whether a folder holds it, judged by names only.
    read : callable
        A folder's files → the dataset; names only, no file is opened.
    published_split : callable
        Name of one of ``facts.splits`` → track → ``"train"``, ``"valid"``, ``"test"`` or, for a
        track that the split leaves out, None.
    """

    facts: DatasetFacts
    recognise: Callable[[Listing], bool]
    read: Callable[[Listing], Dataset]
    published_split: Callable[[str], Mapping[str, str | None]]
