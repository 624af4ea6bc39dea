"""Songs that are there more than once: equal sample for sample, or to the ear.

In it: :func:`find_duplicates`, :class:`Double`, :class:`DuplicateReport`, :class:`Doubles`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from generify.cache import FeatureCache
from generify.datasets.folding import merge_groups
from generify.duplicates import FingerprintStore, Match, find_matches
from generify.errors import AudioDecodeError, Failure
from generify.progress import Progress
from generify.verification.inventory import list_songs
from generify.verification.listening import Recording, in_parallel, listen

__all__ = ["Double", "Doubles", "DuplicateReport", "find_duplicates"]


@dataclass(frozen=True)
class Double:
    """Two songs that are one recording.

    Attributes
    ----------
    first, second : int
        Their numbers in the order in which they were heard; ``first < second``.
    exact : bool
        Whether their decoded samples are equal.
    similarity : float
        1 for equal fingerprints, 0 for what chance gives.
    offset : float
        Seconds into the first at which the second begins; negative when it begins before.
    """

    first: int
    second: int
    exact: bool
    similarity: float = 1.0
    offset: float = 0.0


class Doubles:
    """Collects what was heard, song by song, and finds the doubles among them.

    Parameters
    ----------
    store : FingerprintStore
        Where fingerprints wait; opened and closed by the caller.
    """

    def __init__(self, store: FingerprintStore) -> None:
        self._store = store
        self._first_of: dict[bytes, int] = {}
        self._exact: list[Double] = []

    def add(self, recording: Recording) -> None:
        """Take in the next song.

        Parameters
        ----------
        recording : Recording
            What was heard; one that cannot be heard or is silent is like no other.
        """
        words = recording.words
        if recording.samples and words.any():
            number = len(self._store)
            first = self._first_of.setdefault(bytes.fromhex(recording.samples), number)
            if first != number:  # the first of equal songs stands for all of them
                self._exact.append(Double(first, number, exact=True))
                words = words[:0]
        self._store.add(words)

    def find(self) -> tuple[Double, ...]:
        """Find the doubles among the songs taken in.

        Returns
        -------
        tuple of Double
            Sorted by number. Of equal songs each is given once, with the first of them.
        """
        near = [_near(match) for match in find_matches(self._store)]
        return tuple(sorted([*self._exact, *near], key=lambda d: (d.first, d.second)))


def _near(match: Match) -> Double:
    return Double(
        match.first,
        match.second,
        exact=False,
        similarity=round(match.similarity, 3),
        offset=round(match.offset, 2),
    )


@dataclass(frozen=True)
class DuplicateReport:
    """The doubles below a folder.

    Attributes
    ----------
    root : str
        The folder, as it was given.
    songs : tuple of str
        All songs, relative to the folder.
    doubles : tuple of Double
        Pairs of them; numbers count in ``songs``.
    groups : tuple of int
        A number for each song, equal where songs are one recording.
    failures : tuple of Failure
        Files that could not be heard to their end, and folders that could not be read.
    n_heard : int
        Songs of which something could be heard.
    """

    root: str
    songs: tuple[str, ...]
    doubles: tuple[Double, ...]
    groups: tuple[int, ...]
    failures: tuple[Failure, ...]
    n_heard: int

    def records(self) -> list[dict[str, Any]]:
        """Give the pairs as plain values.

        Returns
        -------
        list of dict
            One for each pair, ready for JSON and CSV; groups count from 1.
        """
        number = {group: n for n, group in enumerate(self._groups_in_order(), start=1)}
        return [
            {
                "group": number[self.groups[double.first]],
                "kind": "exact" if double.exact else "near",
                "similarity": double.similarity,
                "offset": double.offset,
                "first": self.songs[double.first],
                "second": self.songs[double.second],
            }
            for double in self.doubles
        ]

    def _groups_in_order(self) -> list[int]:
        return list(dict.fromkeys(self.groups[double.first] for double in self.doubles))


def find_duplicates(
    root: str | Path,
    *,
    cache: FeatureCache | None = None,
    jobs: int = 0,
    progress: Progress | None = None,
) -> DuplicateReport:
    """Hear every song below a folder, and find those that are one recording.

    Parameters
    ----------
    root : str or Path
        Any folder with audio in it.
    cache : FeatureCache, optional
        Where to keep what was heard, so that an interrupted run goes on where it was.
    jobs : int
        Files worked on at the same time; 0 stands for one per core.
    progress : callable, optional
        Called with the number of songs heard and of all.

    Returns
    -------
    DuplicateReport
        Pairs and groups.

    Raises
    ------
    NothingThereError
        When there is no such folder, or no song in it.
    DatasetError
        When it cannot be read.
    CacheError
        When the cache cannot be written.
    ParameterError
        When ``jobs`` is negative.
    """
    listing, files = list_songs(root)
    failures, n_heard = list(listing.failures), 0
    with FingerprintStore() as store:
        doubles = Doubles(store)
        paths = [str(listing.root / file) for file in files]
        heard = in_parallel(partial(listen, cache=cache), paths, jobs)
        for n_done, (path, recording) in enumerate(zip(paths, heard, strict=True), start=1):
            doubles.add(recording)
            n_heard += bool(recording.samples)
            if recording.complaint:
                failures.append(Failure.from_error(path, AudioDecodeError(recording.complaint)))
            if progress is not None:
                progress(n_done, len(paths))
        found = doubles.find()
    if cache is not None:
        cache.prune()
    groups = merge_groups(len(files), [(double.first, double.second) for double in found])
    songs = tuple(str(file) for file in files)
    numbers = tuple(groups.tolist())
    return DuplicateReport(str(root), songs, found, numbers, tuple(failures), n_heard)
