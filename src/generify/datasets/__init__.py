"""Where tracks and their genres come from, and how they are divided into train and test.

A dataset is a folder of genre folders, a manifest, or a copy of a published dataset, which is told
by its names and brings its facts with it. No audio is decoded here.

In it: :func:`load_dataset`, :class:`Dataset`, :class:`Track`; published datasets:
:func:`list_datasets`, :func:`dataset_facts`, :class:`DatasetFacts`, :class:`Download`. Splits are
in :mod:`generify.datasets.splits`, what they leak in :mod:`generify.datasets.leaks`, their files in
:mod:`generify.datasets.split_files`; downloads in :mod:`generify.datasets.fetch`, conversion to WAV
in :mod:`generify.datasets.convert`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from generify.lazy import names_from

if TYPE_CHECKING:
    from generify.datasets.base import Dataset, KnownDataset, Track, describe_artists
    from generify.datasets.facts import DatasetFacts, Download
    from generify.datasets.known import KNOWN, dataset_facts, known_dataset, list_datasets
    from generify.datasets.reading import load_dataset

__all__ = [
    "KNOWN",
    "Dataset",
    "DatasetFacts",
    "Download",
    "KnownDataset",
    "Track",
    "dataset_facts",
    "describe_artists",
    "known_dataset",
    "list_datasets",
    "load_dataset",
]

__getattr__ = names_from(
    __name__,
    {
        "base": ("Dataset", "KnownDataset", "Track", "describe_artists"),
        "facts": ("DatasetFacts", "Download"),
        "known": ("KNOWN", "dataset_facts", "known_dataset", "list_datasets"),
        "reading": ("load_dataset",),
    },
)
