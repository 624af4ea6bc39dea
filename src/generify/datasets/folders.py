"""A folder of genre folders: the way most people keep the music they train on.

Each folder directly below the root is a genre, and every audio file in it, however deep, one of its
tracks. Who plays stands in no name, but often in the files' tags.

In it: :func:`read_folders`, :func:`with_tagged_artists`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from generify.datasets.base import Dataset, Track
from generify.datasets.listing import Listing, bare_name, has_audio_suffix, may_be_audio
from generify.datasets.manifest import find_manifests
from generify.errors import DatasetError, MissingExtraError, NothingThereError
from generify.tag_formats import TagError, read_artist

__all__ = ["EXPECTED_LAYOUT", "read_folders", "with_tagged_artists"]

EXPECTED_LAYOUT = (
    "expected one folder per genre with songs in it: ROOT/jazz/*.mp3, ROOT/rock/*.mp3, …"
)

# What programs write where nobody knows, or where there are many.
_NOBODY = frozenset(("unknown artist", "unknown", "<unknown>", "various artists", "various", "va"))
_GUESTS = re.compile(r"\s+[(\[]?(?:feat\.?|ft\.?|featuring)\s", re.IGNORECASE)


def read_folders(listing: Listing) -> Dataset:
    """Read a folder of genre folders by its names.

    Parameters
    ----------
    listing : Listing
        The files below the root.

    Returns
    -------
    Dataset
        Every file that may be audio, not yet looked into; genres sorted by name; a track's id is
        its path below the root without suffix. A warning names a manifest that lies there.

    Raises
    ------
    NothingThereError
        When there is no genre folder.
    DatasetError
        When there is only one.
    """
    if len(listing.folders) < 2:
        raise _too_few_genres(listing)
    songs = [file for file in listing.files if may_be_audio(file)]
    tracks = tuple(
        Track(str(file.with_name(bare_name(file))), str(listing.root / file), file.parts[0])
        for file in songs
        if len(file.parts) > 1
    )
    loose = sum(len(file.parts) == 1 and has_audio_suffix(file) for file in songs)
    warnings = [f"songs beside the genre folders, in no genre, left out: {loose}"] if loose else []
    warnings += [
        f"{manifest} is there and was not read; give it in the place of the folder to use "
        "what it says of artists, albums and splits"
        for manifest in find_manifests(listing)[:1]
    ]
    name = listing.root.resolve().name
    return Dataset(name, tracks, listing.folders, listing.failures, None, tuple(warnings))


def _too_few_genres(listing: Listing) -> DatasetError:
    root = listing.root
    if not listing.folders:
        return NothingThereError(f"{root} has no genre folders", hint=EXPECTED_LAYOUT)
    only = listing.folders[0]
    deeper = {f.parts[1] for f in listing.files if len(f.parts) > 2 and has_audio_suffix(f)}
    hint = f"did you mean {root / only}?" if len(deeper) > 1 else EXPECTED_LAYOUT
    return DatasetError(
        f"{root} has only one genre folder, {only!r}; two genres or more are needed", hint=hint
    )


def with_tagged_artists(dataset: Dataset) -> Dataset:
    """Take the artists from the tags of the files, where more than half of them name one.

    Parameters
    ----------
    dataset : Dataset
        Tracks with files and without artists.

    Returns
    -------
    Dataset
        With artists; the same where few files name one, or mutagen is not installed.

    Notes
    -----
    Takes about half a millisecond a file. Guests are no part of an artist's name.
    """
    try:
        artists = [_tagged_artist(str(track.path)) for track in dataset.tracks]
    except MissingExtraError:
        return dataset
    n_named = sum(artist is not None for artist in artists)
    if 2 * n_named <= len(artists):
        return dataset
    pairs = zip(dataset.tracks, artists, strict=True)
    return replace(
        dataset,
        tracks=tuple(replace(track, artist=artist) for track, artist in pairs),
        artists_from="artists from the files' tags",
    )


def _tagged_artist(path: str) -> str | None:
    try:
        named = read_artist(path)
    except TagError:
        return None
    artist = _GUESTS.split(named or "", maxsplit=1)[0].strip()
    return artist if artist and artist.casefold() not in _NOBODY else None
