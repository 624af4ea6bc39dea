"""What people say of recordings, put in the place of what a dataset says.

In it: :func:`apply_corrections`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from generify.cache import FeatureCache
from generify.content import content_hash
from generify.datasets import Dataset, Track
from generify.errors import AudioDecodeError
from generify.genre_names import call_genre

__all__ = ["apply_corrections"]


def apply_corrections(
    dataset: Dataset, corrected: Mapping[str, Track], cache: FeatureCache | None = None
) -> Dataset:
    """Give corrected songs their true genre, and add those that the dataset lacks.

    A genre that the dataset does not have would have too few tracks to be learnt.

    Parameters
    ----------
    dataset : Dataset
        Tracks with audio files.
    corrected : mapping of str to Track
        Content hash → what a person says of this recording.
    cache : FeatureCache, optional
        Remembers the content of files, so that none is hashed twice.

    Returns
    -------
    Dataset
        The same where nothing is corrected; else with how many were changed and added, and
        warnings that say which are left out. Genres are matched however they are spelt.

    Raises
    ------
    CacheError
        When the cache cannot be written.
    """
    if not corrected:
        return dataset
    corrected = {
        content: replace(track, genre=call_genre(track.genre, dataset.genres))
        for content, track in corrected.items()
    }
    contents = [_content(track, cache) for track in dataset.tracks]
    changed = [
        replace(track, genre=corrected[content].genre) if content in corrected else track
        for track, content in zip(dataset.tracks, contents, strict=True)
    ]
    known = set(contents)
    more = {content: track for content, track in corrected.items() if content not in known}
    added = tuple(_added(changed, more))
    tracks = tuple(track for track in (*changed, *added) if track.genre in dataset.genres)
    return replace(
        dataset,
        tracks=tracks,
        warnings=(*dataset.warnings, *_left_out(dataset, (*changed, *added))),
        corrections=_count(dataset, changed, added),
    )


def _count(dataset: Dataset, changed: Sequence[Track], added: Sequence[Track]) -> str:
    """Say how many were changed and added: each counts once, those left out do not."""
    pairs = zip(changed, dataset.tracks, strict=True)
    n_changed = sum(a.genre != b.genre and a.genre in dataset.genres for a, b in pairs)
    n_added = sum(track.genre in dataset.genres for track in added)
    return (
        f"corrections: tracks of {dataset.name} whose genre was changed: {n_changed}; "
        f"added: {n_added}"
    )


def _left_out(dataset: Dataset, tracks: Iterable[Track]) -> Iterator[str]:
    for track in tracks:
        if track.genre not in dataset.genres:
            yield (
                f"not trained on, as it was corrected to {track.genre}, a genre that "
                f"{dataset.name} does not have: {track.path}"
            )


def _added(tracks: Sequence[Track], more: Mapping[str, Track]) -> Iterator[Track]:
    """Give further tracks, each with a name that no other has."""
    taken = {track.track for track in tracks}
    for content, track in more.items():
        name = track.track if track.track not in taken else f"{track.track} {content[:8]}"
        taken.add(name)
        yield replace(track, track=name)


def _content(track: Track, cache: FeatureCache | None) -> str:
    """Hash a track; empty for one that cannot be read, which its extraction will tell."""
    path = str(track.path)
    try:
        return content_hash(path) if cache is None else cache.identity(path, content_hash)
    except (AudioDecodeError, OSError):
        return ""
