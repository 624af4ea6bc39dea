"""Which tracks are trained on and which are tested on: rows only, no audio.

A split is one or more folds; a fold is two sets of row numbers into the tracks it was made for.
Everything follows from the tracks, the names and ``random_state``. In every split made here, tracks
that are the same recording (``duplicates``) stay on one side.

In it: :class:`Fold`, :class:`Split`, :func:`list_splits`, :func:`possible_splits`,
:func:`make_split`, :func:`check_split`.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType, ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from generify.datasets.base import Track
from generify.datasets.known import KNOWN
from generify.errors import DatasetError, MissingExtraError, ParameterError

__all__ = [
    "Fold",
    "Split",
    "check_split",
    "list_splits",
    "make_split",
    "possible_splits",
]

Rows = NDArray[np.intp]

_MEANINGS: Mapping[str, str] = {
    "artist": "cross-validation in which no artist is both trained on and tested on",
    "random": "cross-validation with tracks drawn at random: artists are on both sides, which "
    "flatters the accuracy, by 15 to 20 points on GTZAN",
    "given": "trained on the tracks marked train, tested on those marked test",
}

# Grouped folds are found greedily, and an unlucky order of the groups can leave a genre out of a
# training part or a fold without test tracks; a fresh order nearly always mends that.
_N_ATTEMPTS = 20


@dataclass(frozen=True)
class Fold:
    """One division into training and test tracks.

    Attributes
    ----------
    train : ndarray of intp, shape (n_train,)
        Rows trained on, ascending.
    test : ndarray of intp, shape (n_test,)
        Rows tested on, ascending; none of them in `train`.
    """

    train: Rows
    test: Rows


@dataclass(frozen=True)
class Split:
    """How tracks were divided, and what an accuracy measured so is worth.

    Attributes
    ----------
    name : str
        One of :func:`list_splits`.
    meaning : str
        What it does, in plain words, for reports.
    folds : tuple of Fold
        One for published and given lists; for cross-validation as many as there are parts.
    warnings : tuple of str
        What weakens it on these tracks, one line each.
    """

    name: str
    meaning: str
    folds: tuple[Fold, ...]
    warnings: tuple[str, ...] = ()


def list_splits() -> dict[str, str]:
    """Name the splits there are.

    Returns
    -------
    dict of str to str
        Name → what it means, in plain words; published lists first.

    Examples
    --------
    >>> list(list_splits())
    ['fault-filtered', 'artist', 'random', 'given']
    """
    published = {name: text for known in KNOWN for name, text in known.facts.splits.items()}
    return {**published, **_MEANINGS}


def possible_splits(tracks: Sequence[Track]) -> tuple[str, ...]:
    """Name the splits that these tracks carry the information for.

    Parameters
    ----------
    tracks : sequence of Track
        The tracks.

    Returns
    -------
    tuple of str
        Names for :func:`make_split`; ``"random"`` is always among them.
    """
    has = {
        "artist": any(track.artist for track in tracks),
        "random": True,
        "given": {"train", "test"} <= {track.split for track in tracks},
    }
    return tuple(
        name
        for name in list_splits()
        if (has[name] if name in has else _published_lists(name, tracks) is not None)
    )


def make_split(
    name: str,
    tracks: Sequence[Track],
    *,
    duplicates: Sequence[int] | None = None,
    n_folds: int = 10,
    random_state: int = 0,
) -> Split:
    """Divide tracks into training and test parts.

    Parameters
    ----------
    name : str
        One of :func:`list_splits`.
    tracks : sequence of Track
        The tracks; rows of the folds are positions in it.
    duplicates : sequence of int, optional
        A number per track; tracks with the same number are the same recording and stay on one
        side. Published and given lists are taken as they are.
    n_folds : int, default=10
        Parts of a cross-validation, 2 or more; fewer are made where a genre has fewer tracks (or
        artists) than that. Published and given lists have one fold.
    random_state : int, default=0
        Seed of the cross-validations.

    Returns
    -------
    Split
        Folds whose training parts hold every genre.

    Raises
    ------
    ParameterError
        When no split has this name, `n_folds` is below 2, or `duplicates` has another length than
        `tracks`.
    DatasetError
        When these tracks lack what the split needs: two genres, a published or given list,
        artists, or enough tracks or artists of each genre.
    MissingExtraError
        When scikit-learn is needed and not installed.
    """
    _check(name, tracks, duplicates, n_folds)
    same = _by_number(duplicates)
    if name == "random":
        return _cross_validation(name, tracks, [same], n_folds, random_state)
    if name == "artist":
        return _artist_split(tracks, same, n_folds, random_state)
    if name == "given":
        return _from_lists(name, tracks, [track.split for track in tracks])
    lists = _published_lists(name, tracks)
    if lists is None:
        raise _impossible(f"these tracks are not those of the published {name} lists", tracks)
    return _from_lists(name, tracks, lists)


def _check(name: str, tracks: Sequence[Track], duplicates: Any, n_folds: int) -> None:
    if name not in list_splits():
        raise ParameterError(f"no split is called {name!r}; there are: {', '.join(list_splits())}")
    if n_folds < 2:
        raise ParameterError(f"a cross-validation needs n_folds of 2 or more, got {n_folds}")
    if duplicates is not None and len(duplicates) != len(tracks):
        raise ParameterError(
            f"duplicates needs one number per track, got {len(duplicates)} for {len(tracks)} tracks"
        )
    if len({track.genre for track in tracks}) < 2:
        raise DatasetError(
            f"a split needs tracks of two genres or more, got {len(tracks)} tracks of "
            f"{len({track.genre for track in tracks})}"
        )


def _impossible(why: str, tracks: Sequence[Track]) -> DatasetError:
    return DatasetError(why, hint=f"splits possible here: {', '.join(possible_splits(tracks))}")


def _published_lists(name: str, tracks: Sequence[Track]) -> list[str | None] | None:
    """Give the list of each track, or None when not every track is in the dataset of that split."""
    for known in KNOWN:
        if name in known.facts.splits:
            lists = known.published_split(name)
            if tracks and all(track.track in lists for track in tracks):
                return [lists[track.track] for track in tracks]
    return None


def _from_lists(name: str, tracks: Sequence[Track], lists: Sequence[str | None]) -> Split:
    train = _rows(row for row, part in enumerate(lists) if part == "train")
    test = _rows(row for row, part in enumerate(lists) if part == "test")
    if not len(train) or not len(test):
        raise _impossible(
            f"the {name} split needs tracks to train on and tracks to test on, "
            f"got {len(train)} and {len(test)}",
            tracks,
        )
    fold = Fold(train, test)
    genres = sorted({tracks[row].genre for row in (*train, *test)})
    untrained = [g for g in genres if g not in {tracks[row].genre for row in train}]
    if untrained:
        raise _impossible(f"the {name} split trains on no {', '.join(untrained)}", tracks)
    split = Split(name, list_splits()[name], (fold,))
    return replace(split, warnings=tuple(_list_warnings(split, tracks, genres)))


def _list_warnings(split: Split, tracks: Sequence[Track], genres: list[str]) -> Iterator[str]:
    fold = split.folds[0]
    tested = {tracks[row].genre for row in fold.test}
    untested = [genre for genre in genres if genre not in tested]
    if untested:
        yield f"nothing to test on for: {', '.join(untested)}"
    (n_shared,) = check_split(split, tracks)
    if n_shared:
        yield f"{n_shared} of {len(fold.test)} test tracks are by artists who are also trained on"
    n_listed = _n_listed(split.name)
    n_here = len(fold.train) + len(fold.test)
    if n_here < n_listed:
        yield (
            f"only {n_here} of the {n_listed} tracks of the published lists are here, so an "
            "accuracy cannot be compared with published ones"
        )


def _n_listed(name: str) -> int:
    """Count the tracks that a published split trains or tests on; 0 for any other split."""
    return sum(
        part in ("train", "test")
        for known in KNOWN
        if name in known.facts.splits
        for part in known.published_split(name).values()
    )


def _artist_split(
    tracks: Sequence[Track], same: Callable[[int], Hashable], n_folds: int, random_state: int
) -> Split:
    artists = [_artist_key(track.artist) for track in tracks]
    if not any(artists):
        raise _impossible("an artist split needs artists, and no track has one", tracks)
    n_unknown = sum(artist is None for artist in artists)
    split = _cross_validation(
        "artist", tracks, [same, lambda row: artists[row]], n_folds, random_state
    )
    if not n_unknown:
        return split
    warning = (
        f"{n_unknown} of {len(tracks)} tracks have no known artist; "
        "each counts as an artist of its own"
    )
    return replace(split, warnings=(warning, *split.warnings))


def _artist_key(artist: str | None) -> str | None:
    # One artist is spelt in several ways even within one dataset.
    return " ".join(artist.split()).casefold() or None if artist else None


def _by_number(duplicates: Sequence[int] | None) -> Callable[[int], Hashable]:
    return (lambda row: None) if duplicates is None else (lambda row: int(duplicates[row]))


def _cross_validation(
    name: str,
    tracks: Sequence[Track],
    ties: Sequence[Callable[[int], Hashable]],
    n_folds: int,
    random_state: int,
) -> Split:
    """Fold tracks so that those tied together stay together and genres are spread evenly."""
    genres = np.array([track.genre for track in tracks])
    groups = _merge(len(tracks), ties)
    scarcest, n_scarcest = _scarcest(genres, groups)
    if n_scarcest < 2:
        raise _cannot_divide(scarcest, tracks)
    # Random folds hold every genre; grouped ones need not, as long as every training part does.
    most = n_folds if name == "artist" else min(n_folds, n_scarcest)
    for count in range(most, 1, -1):
        for seed in _seeds(random_state):
            folds = _FOLDERS[name](genres, groups, count, seed)
            if all(_is_sound(fold, genres) for fold in folds):
                remarks = _remarks(name, scarcest, n_scarcest, n_folds=n_folds, count=count)
                return Split(name, _MEANINGS[name], tuple(folds), remarks)
    raise _impossible(f"no {name} split leaves every genre something to train on", tracks)


def _remarks(name: str, genre: str, n_groups: int, *, n_folds: int, count: int) -> tuple[str, ...]:
    what = f"{genre} has only {n_groups} {'artists' if name == 'artist' else 'tracks'}"
    if count < n_folds:
        return (f"{count} folds instead of {n_folds}: {what}",)
    return (f"{what}, so its figures rest on little",) if n_groups < n_folds else ()


def _cannot_divide(genre: str, tracks: Sequence[Track]) -> DatasetError:
    n_tracks = sum(track.genre == genre for track in tracks)
    what = "only one track" if n_tracks == 1 else f"{n_tracks} tracks that must stay on one side"
    return DatasetError(
        f"{genre} has {what}, so it cannot be both trained on and tested on",
        hint="add tracks (of other artists) to it, or leave this genre out",
    )


def _seeds(random_state: int) -> Iterator[int]:
    yield random_state
    yield from np.random.default_rng(random_state).integers(2**31, size=_N_ATTEMPTS - 1).tolist()


def _merge(n_tracks: int, ties: Sequence[Callable[[int], Hashable]]) -> Rows:
    """Give a number to each group of tracks that any tie holds together (union-find)."""
    parent = list(range(n_tracks))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for tie in ties:
        first: dict[Hashable, int] = {}
        for row in range(n_tracks):
            key = tie(row)
            if key is not None:
                parent[find(row)] = find(first.setdefault(key, row))
    return np.unique([find(row) for row in range(n_tracks)], return_inverse=True)[1].astype(np.intp)


def _scarcest(genres: NDArray[np.str_], groups: Rows) -> tuple[str, int]:
    """Find the genre with the fewest groups."""
    pairs = sorted(set(zip(genres.tolist(), groups.tolist(), strict=True)))
    return min(Counter(genre for genre, _ in pairs).items(), key=lambda item: item[1])


def _random_folds(
    genres: NDArray[np.str_], groups: Rows, n_folds: int, random_state: int
) -> list[Fold]:
    """Deal out one track of each group at random; the others of the group follow it."""
    first = np.unique(groups, return_index=True)[1]
    if min(Counter(genres[first].tolist()).values()) < n_folds:
        return [Fold(_rows(()), _rows(()))]
    folder = _model_selection().StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    parts = folder.split(np.zeros(len(first)), genres[first])
    return [_fold_testing(np.isin(groups, groups[first[test]])) for _, test in parts]


def _grouped_folds(
    genres: NDArray[np.str_], groups: Rows, n_folds: int, random_state: int
) -> list[Fold]:
    """Deal out whole groups, the largest first, where they even out the genres best."""
    if max(Counter(genres.tolist()).values()) < n_folds or len(np.unique(groups)) < n_folds:
        return [Fold(_rows(()), _rows(()))]
    folder = _model_selection().StratifiedGroupKFold(
        n_folds, shuffle=True, random_state=random_state
    )
    with warnings.catch_warnings():
        # scikit-learn's remark that a genre has fewer tracks than there are folds; so do ours say
        warnings.simplefilter("ignore", UserWarning)
        parts = list(folder.split(np.zeros(len(genres)), genres, groups))
    return [_fold_testing(np.isin(np.arange(len(genres)), test)) for _, test in parts]


_FOLDERS = MappingProxyType({"random": _random_folds, "artist": _grouped_folds})


def _model_selection() -> ModuleType:
    try:
        from sklearn import model_selection
    except ImportError as err:
        raise MissingExtraError.for_extra("train", "scikit-learn") from err
    return cast(ModuleType, model_selection)


def _fold_testing(tested: NDArray[np.bool_]) -> Fold:
    return Fold(np.flatnonzero(~tested), np.flatnonzero(tested))


def _is_sound(fold: Fold, genres: NDArray[np.str_]) -> bool:
    return len(fold.test) > 0 and len(np.unique(genres[fold.train])) == len(np.unique(genres))


def _rows(rows: Iterable[int]) -> Rows:
    return np.fromiter(rows, dtype=np.intp)


def check_split(split: Split, tracks: Sequence[Track]) -> tuple[int, ...]:
    """Count the test tracks whose artist was trained on.

    Parameters
    ----------
    split : Split
        A split of these tracks.
    tracks : sequence of Track
        The tracks it was made for.

    Returns
    -------
    tuple of int
        Per fold, how many test tracks share a known artist with the training part; all 0 for an
        honest split.
    """
    artists = [_artist_key(track.artist) for track in tracks]
    counts = []
    for fold in split.folds:
        trained = {artists[row] for row in fold.train} - {None}
        counts.append(sum(artists[row] in trained for row in fold.test))
    return tuple(counts)
