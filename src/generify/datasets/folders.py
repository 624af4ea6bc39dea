"""A folder of genre folders: the way most people keep the music they train on.

Each folder directly below the root is a genre, and every audio file in it, however deep, one of its
tracks. Only names are looked at here.

In it: :func:`read_folders`.
"""

from __future__ import annotations

from generify.datasets.base import Dataset, Track
from generify.datasets.listing import Listing, bare_name, has_audio_suffix, may_be_audio
from generify.errors import DatasetError, NothingThereError

__all__ = ["EXPECTED_LAYOUT", "read_folders"]

EXPECTED_LAYOUT = (
    "expected one folder per genre with songs in it: ROOT/jazz/*.mp3, ROOT/rock/*.mp3, …"
)


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
        its path below the root without suffix.

    Raises
    ------
    NothingThereError
        When there is neither a folder nor a song.
    DatasetError
        When there are fewer than two genre folders.
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
    warnings = (f"songs beside the genre folders, in no genre, left out: {loose}",) if loose else ()
    name = listing.root.resolve().name
    return Dataset(name, tracks, listing.folders, listing.failures, None, warnings)


def _too_few_genres(listing: Listing) -> DatasetError:
    root = listing.root
    if not listing.folders:
        kind = DatasetError if any(map(has_audio_suffix, listing.files)) else NothingThereError
        return kind(f"{root} has no genre folders", hint=EXPECTED_LAYOUT)
    only = listing.folders[0]
    deeper = {f.parts[1] for f in listing.files if len(f.parts) > 2 and has_audio_suffix(f)}
    hint = f"did you mean {root / only}?" if len(deeper) > 1 else EXPECTED_LAYOUT
    return DatasetError(
        f"{root} has only one genre folder, {only!r}; two genres or more are needed", hint=hint
    )
