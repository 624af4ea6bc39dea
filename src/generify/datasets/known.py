"""The published datasets that Generify knows: one module each, one entry here.

In it: :data:`KNOWN`, :func:`list_datasets`, :func:`dataset_facts`, :func:`known_dataset`.
"""

from __future__ import annotations

from generify.datasets.ballroom import BALLROOM
from generify.datasets.base import KnownDataset
from generify.datasets.facts import DatasetFacts
from generify.datasets.fma import FMA
from generify.datasets.gtzan import GTZAN
from generify.datasets.indian import INDIAN
from generify.errors import DatasetError

__all__ = ["KNOWN", "dataset_facts", "known_dataset", "list_datasets"]

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
    DatasetError
        When no dataset has this name.
    """
    wanted = name.lower().replace("_", "-")
    for known in KNOWN:
        if known.facts.name == wanted:
            return known
    raise DatasetError(
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
    DatasetError
        When no dataset has this name.

    Examples
    --------
    >>> dataset_facts("gtzan").n_tracks
    1000
    """
    return known_dataset(name).facts
