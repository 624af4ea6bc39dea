"""The published datasets that Generify knows: one module each, one entry here.

In it: :data:`KNOWN`, :func:`list_datasets`, :func:`dataset_facts`, :func:`known_dataset`,
:func:`possible_names`.
"""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath

from generify.datasets.ballroom import BALLROOM
from generify.datasets.base import KnownDataset, Track
from generify.datasets.facts import DatasetFacts
from generify.datasets.fma import FMA
from generify.datasets.gtzan import GTZAN
from generify.datasets.indian import INDIAN
from generify.datasets.listing import bare_name
from generify.errors import NothingThereError

__all__ = ["KNOWN", "dataset_facts", "known_dataset", "list_datasets", "possible_names"]

KNOWN: tuple[KnownDataset, ...] = (GTZAN, INDIAN, *FMA, BALLROOM)


def list_datasets() -> tuple[str, ...]:
    """Name the published datasets that are known.

    Returns
    -------
    tuple of str
        Their names.

    Examples
    --------
    >>> list_datasets()
    ('gtzan', 'indian', 'fma-small', 'fma-medium', 'fma-large', 'fma-full', 'ballroom')
    """
    return tuple(known.facts.name for known in KNOWN)


def known_dataset(name: str) -> KnownDataset:
    """Find a published dataset by name.

    Parameters
    ----------
    name : str
        One of :func:`list_datasets`, in any case, with ``_`` for ``-`` too.

    Returns
    -------
    KnownDataset
        Facts, and how to read it.

    Raises
    ------
    NothingThereError
        When no dataset has this name.
    """
    wanted = name.lower().replace("_", "-")
    for known in KNOWN:
        if known.facts.name == wanted:
            return known
    raise NothingThereError(
        f"no dataset is called {name!r}", hint=f"known datasets: {', '.join(list_datasets())}"
    )


def dataset_facts(name: str) -> DatasetFacts:
    """Tell what is known of a published dataset.

    Parameters
    ----------
    name : str
        One of :func:`list_datasets`.

    Returns
    -------
    DatasetFacts
        Citation, licence, downloads, genres, splits, faults.

    Raises
    ------
    NothingThereError
        When no dataset has this name.

    Examples
    --------
    >>> dataset_facts("gtzan").n_tracks
    1000
    """
    return known_dataset(name).facts


def possible_names(track: Track) -> frozenset[str]:
    """Name a track in all ways in which one file may be called.

    Parameters
    ----------
    track : Track
        A track.

    Returns
    -------
    frozenset of str
        Its own name, that in a folder of genre folders, and that in a published dataset whose
        songs are placed and named alike: which it gets depends on what lies beside it.

    Examples
    --------
    >>> sorted(possible_names(Track("blues/blues.00029", "mine/blues/blues.00029.ogg", "blues")))
    ['blues.00029', 'blues/blues.00029']
    """
    path = PurePath(track.path or f"{track.track}.wav")
    file = PurePosixPath(path.parent.name, path.name)
    published = {found.track for known in KNOWN if (found := known.track_of(file))}
    return frozenset({track.track, str(file.with_name(bare_name(file))), *published})
