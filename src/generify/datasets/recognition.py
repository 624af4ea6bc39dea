"""Which published dataset a folder is, judged by names; half of one and half of another is refused.

Read as plain genre folders, GTZAN beside FMA would become two "genres" of those names, and read as
GTZAN it would lose the rest. A few strays are no mixture: they are left out by name.

In it: :func:`recognise`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from generify.datasets.base import KnownDataset
from generify.datasets.listing import Listing, has_audio_suffix
from generify.errors import DatasetError

__all__ = ["recognise"]

# Less than this share of the songs is strays.
_SHARE = 0.1


def recognise(listing: Listing, datasets: Iterable[KnownDataset]) -> KnownDataset | None:
    """Tell which published dataset a folder is.

    Parameters
    ----------
    listing : Listing
        The files below the folder.
    datasets : iterable of KnownDataset
        What it may be. Sets of one collection, whose songs are placed and named alike, are told
        apart by their reader: the first of them stands for all.

    Returns
    -------
    KnownDataset or None
        The one that most songs are placed and named as in; None when there is no such dataset, or
        when songs lie in a folder beside its own, as a genre of one's own does.

    Raises
    ------
    DatasetError
        When at least a tenth of the songs are placed and named as in a published dataset, too deep
        for a plain folder of genre folders, and at least a tenth lie elsewhere.
    """
    # Suffixes only: the mel images of the Kaggle copy of GTZAN bear the names of its clips.
    songs = [file for file in listing.files if has_audio_suffix(file)]
    first: dict[object, KnownDataset] = {}
    for known in datasets:
        first.setdefault(known.track_of, known)
    found = None
    for known in first.values():
        clips = [file for file in songs if known.track_of(file) is not None]
        if len(clips) < _SHARE * len(songs) or not clips:
            continue
        folders = {file.parent for file in clips}
        others = [file for file in songs if file.parent not in folders]
        if others and len(others) >= _SHARE * len(songs) and not _is_plain(known, clips):
            raise _mixture(listing, known, clips, others)
        siblings = {folder.parent for folder in folders}
        beside = any(file.parent.parent in siblings for file in others)
        if 2 * len(clips) > len(songs) and not beside:
            found = known
    return found


def _is_plain(known: KnownDataset, clips: Sequence[PurePosixPath]) -> bool:
    """Tell whether plain genre folders would give every clip its genre."""
    return all(
        len(file.parts) == 2 and (track := known.track_of(file)) is not None and track.genre
        for file in clips
    )


def _mixture(
    listing: Listing,
    known: KnownDataset,
    clips: Sequence[PurePosixPath],
    others: Sequence[PurePosixPath],
) -> DatasetError:
    name = known.facts.name.partition("-")[0]
    return DatasetError(
        f"{listing.root} is part {name}, part something else: {len(clips)} songs are placed and "
        f"named as in {name} (such as {clips[0]}), {len(others)} are not (such as {others[0]})",
        hint=f"give a folder that holds one dataset{_such_as(listing.root, clips, others)}",
    )


def _such_as(root: Path, clips: Sequence[PurePosixPath], others: Sequence[PurePosixPath]) -> str:
    tops = {file.parts[0] for file in clips}
    alone = tops - {file.parts[0] for file in others}
    return f", such as {root / alone.pop()}" if len(tops) == len(alone) == 1 else ""
