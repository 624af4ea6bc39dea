"""The Indian set of Kaggle's winchester19: five genres, a hundred songs each.

Told by its names, ``genre/PREFIXnn.mp3``, below whatever folders. A track's id is the name it was
published under, suffix included, whatever format a copy is in: models are known to have been
trained on it by that name.

In it: :data:`INDIAN`.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from types import MappingProxyType

from generify.datasets.base import Dataset, KnownDataset, Track, no_published_split, read_clips
from generify.datasets.facts import DatasetFacts, Download
from generify.datasets.listing import Listing

__all__ = ["INDIAN"]

_PAGE = "https://www.kaggle.com/datasets/winchester19/indian-music-genre-dataset"
_PREFIXES = MappingProxyType(
    {"bp": "bollypop", "ca": "carnatic", "gz": "ghazal", "scl": "semiclassical", "su": "sufi"}
)
_GENRES = tuple(_PREFIXES.values())
_PER_GENRE = 100
_NAME = re.compile(r"(?P<prefix>bp|ca|gz|scl|su)(?P<number>\d{2,3})", re.ASCII)

_FACTS = DatasetFacts(
    name="indian",
    title="Indian music genre dataset",
    short_title="the Indian set",
    summary="5 Indian genres, 100 songs each, MP3, mostly 45 s",
    citation=f'winchester19, "Indian Music Genre Dataset", Kaggle, {_PAGE}',
    licence="none known; the music belongs to its owners",
    homepage=_PAGE,
    genres=_GENRES,
    n_tracks=len(_GENRES) * _PER_GENRE,
    downloads=(
        Download(
            _PAGE,
            note="Kaggle asks for an account and publishes no checksum",
            account=(
                f"sign in at Kaggle (free), open {_PAGE}, press Download, and keep the zip as it is"
            ),
        ),
    ),
    layout="genrenew/<genre>/{bp,ca,gz,scl,su}NN.mp3",
    duplicates=(("ghazal/gz36.mp3", "ghazal/gz37.mp3"),),
    notes=(
        "neither artists nor albums are known, so songs of one album are likely on both sides of "
        "any split, which flatters the accuracy",
    ),
)


def _track_of(file: PurePosixPath) -> Track | None:
    match = _NAME.fullmatch(file.stem)
    if match is None or not 1 <= int(match["number"]) <= _PER_GENRE:
        return None
    genre = _PREFIXES[match["prefix"]]
    return Track(_id(genre, file.stem), None, genre) if file.parent.name == genre else None


def _id(genre: str, stem: str) -> str:
    return f"{genre}/{stem}.mp3"


def _read(listing: Listing) -> Dataset:
    published = (
        _id(genre, f"{prefix}{number:02d}")
        for prefix, genre in _PREFIXES.items()
        for number in range(1, _PER_GENRE + 1)
    )
    return read_clips(listing, _FACTS, _track_of, published)


INDIAN = KnownDataset(_FACTS, _track_of, _read, no_published_split)
