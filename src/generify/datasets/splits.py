"""Which tracks are trained on and which are tested on: rows only, no audio.

A split is one or more folds; a fold is two sets of row numbers into the tracks it was made for.
Everything follows from the tracks, the names and ``random_state``. In every split made here, tracks
that are the same recording (``duplicates``) stay on one side; published and given lists are taken
as they are.

In it: :class:`Fold`, :class:`Split`, :func:`list_splits`, :func:`possible_splits`,
:func:`make_split`, :func:`check_split`, :func:`group_key`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from generify.datasets.base import Track
from generify.datasets.folding import (
    Fold,
    Rows,
    count_shared,
    find_scarcest,
    fold_rows,
    group_rows,
    make_rows,
    merge_groups,
)
from generify.datasets.known import KNOWN
from generify.errors import DatasetError, ParameterError

__all__ = [
    "Fold",
    "Split",
    "check_split",
    "group_key",
    "list_splits",
    "make_split",
    "possible_splits",
]

_GROUPED: Mapping[str, str] = {
    "artist": "cross-validation in which no artist is both trained on and tested on",
    "album": "cross-validation in which no album is both trained on and tested on; artists may be",
}
_MEANINGS: Mapping[str, str] = {
    **_GROUPED,
    "random": "cross-validation with tracks drawn at random: artists may be on both sides, "
    "which would flatter the accuracy (on GTZAN it flatters by 7 to 19 points)",
    "given": "trained on the tracks marked train, tested on those marked test",
}
_GIVEN_FOLDS = "cross-validation with the folds that the tracks are marked with"


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
    ['fault-filtered', 'official', 'artist', 'album', 'random', 'given']
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
        "album": any(track.album for track in tracks),
        "random": True,
        "given": _trains_on_all([track.split for track in tracks], tracks) or _n_given(tracks) > 1,
    }
    return tuple(
        name
        for name in list_splits()
        if (
            has[name]
            if name in has
            else _trains_on_all(_published_lists(name, tracks) or [], tracks)
        )
    )


def _trains_on_all(lists: Sequence[str | None], tracks: Sequence[Track]) -> bool:
    """Tell whether lists test something, and train on every genre that they test."""
    parts = {wanted: _genres_of(wanted, lists, tracks) for wanted in ("train", "test")}
    return bool(parts["test"]) and parts["test"] <= parts["train"]


def _genres_of(wanted: str, lists: Sequence[str | None], tracks: Sequence[Track]) -> set[str]:
    return {t.genre for t, part in zip(tracks, lists, strict=bool(lists)) if part == wanted}


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
        artists, or albums) than that. Published lists have one fold, given ones as many as are
        given.
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
        artists or albums, or enough tracks, artists or albums of each genre.
    MissingExtraError
        When scikit-learn is needed and not installed.
    """
    _check(name, tracks, duplicates, n_folds)
    same = [] if duplicates is None else group_rows(duplicates)
    if name in _GROUPED or name == "random":
        _check_groups(name, tracks, duplicates)
    if name in _GROUPED:
        return _grouped_split(name, tracks, same, n_folds, random_state)
    if name == "random":
        return _cross_validation(name, tracks, same, n_folds, random_state)
    if name == "given" and _n_given(tracks) > 1:
        return _from_numbers(tracks)
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
    lists = _published(name, tracks)
    return None if lists is None else [lists[track.track] for track in tracks]


def _published(name: str, tracks: Sequence[Track]) -> Mapping[str, str | None] | None:
    for known in KNOWN:
        if tracks and name in known.facts.splits:
            lists = known.published_split(name, tracks)
            if lists is not None:
                return lists
    return None


def _from_lists(name: str, tracks: Sequence[Track], lists: Sequence[str | None]) -> Split:
    def rows(wanted: str) -> Rows:
        return make_rows(row for row, part in enumerate(lists) if part == wanted)

    fold = Fold(rows("train"), rows("test"), rows("valid"))
    if not len(fold.train) or not len(fold.test):
        raise _impossible(
            f"the {name} split needs tracks to train on and tracks to test on, "
            f"got {len(fold.train)} and {len(fold.test)}",
            tracks,
        )
    _check_trained(f"the {name} split", fold, tracks)
    split = Split(name, list_splits()[name], (fold,))
    return replace(split, warnings=tuple(_list_warnings(split, tracks)))


def _n_given(tracks: Sequence[Track]) -> int:
    """Count the folds that the tracks are marked with."""
    return len({track.split for track in tracks if track.split and track.split.isdecimal()})


def _from_numbers(tracks: Sequence[Track]) -> Split:
    groups = group_rows(
        track.split if (track.split or "").isdecimal() else None for track in tracks
    )
    groups.sort(key=lambda group: int(str(tracks[group[0]].split)))
    marked = {row for group in groups for row in group}
    folds = tuple(Fold(make_rows(sorted(marked - {*g})), make_rows(g)) for g in groups)
    for fold in folds:
        number = tracks[int(fold.test[0])].split
        _check_trained(f"the given split, tested on fold {number},", fold, tracks)
    split = Split("given", _GIVEN_FOLDS, folds)
    n_unmarked = len(tracks) - len(marked)
    unmarked = (f"{n_unmarked} tracks are in no fold and left out",) if n_unmarked else ()
    return replace(split, warnings=(*unmarked, *_shared_warnings(split, tracks)))


def _check_trained(what: str, fold: Fold, tracks: Sequence[Track]) -> None:
    trained = {tracks[row].genre for row in fold.train}
    untrained = sorted({tracks[row].genre for row in fold.test} - trained)
    if untrained:
        raise _impossible(f"{what} trains on no {', '.join(untrained)}", tracks)


def _list_warnings(split: Split, tracks: Sequence[Track]) -> Iterator[str]:
    fold = split.folds[0]
    tested = {tracks[row].genre for row in fold.test}
    untested = sorted({tracks[row].genre for row in fold.train} - tested)
    if untested:
        yield f"nothing to test on for: {', '.join(untested)}"
    yield from _shared_warnings(split, tracks)
    listed = _published(split.name, tracks) or {}
    n_listed = sum(part in ("train", "test") for part in listed.values())
    n_here = len(fold.train) + len(fold.test)
    if n_here < n_listed:
        yield (
            f"only {n_here} of the {n_listed} tracks of the published lists are here, so an "
            "accuracy cannot be compared with published ones"
        )


def _shared_warnings(split: Split, tracks: Sequence[Track]) -> Iterator[str]:
    n_shared = sum(check_split(split, tracks))
    n_tested = sum(len(fold.test) for fold in split.folds)
    if n_shared:
        yield f"{n_shared} of {n_tested} test tracks are by artists who are also trained on"


def _grouped_split(
    name: str,
    tracks: Sequence[Track],
    same: list[list[int]],
    n_folds: int,
    random_state: int,
) -> Split:
    keys = [group_key(name, track) for track in tracks]
    if not any(keys):
        raise _impossible(f"an {name} split needs {name}s, and no track has one", tracks)
    split = _cross_validation(name, tracks, same + group_rows(keys), n_folds, random_state)
    n_unknown = keys.count(None)
    if not n_unknown:
        return split
    warning = (
        f"{n_unknown} of {len(tracks)} tracks have no known {name}; "
        f"each counts as an {name} of its own"
    )
    return replace(split, warnings=(warning, *split.warnings))


def group_key(name: str, track: Track) -> str | None:
    """Tell the group of a track in a grouped split.

    Parameters
    ----------
    name : str
        ``"artist"`` or ``"album"``.
    track : Track
        A track.

    Returns
    -------
    str or None
        Equal for one artist or album, however it is spelt; None when unknown.
    """
    # One artist is spelt in several ways even within one dataset.
    text = track.artist if name == "artist" else track.album
    return " ".join(text.split()).casefold() or None if text else None


def _cross_validation(
    name: str,
    tracks: Sequence[Track],
    groups: list[list[int]],
    n_folds: int,
    random_state: int,
) -> Split:
    """Fold tracks so that those of a group stay together and genres are spread evenly."""
    genres = [track.genre for track in tracks]
    numbers = merge_groups(len(tracks), groups)
    scarcest, n_scarcest = find_scarcest(genres, numbers)
    if n_scarcest < 2:
        raise _cannot_divide(scarcest, tracks)
    by_group = name in _GROUPED
    # Random folds hold every genre; grouped ones need not, as long as every training part does.
    most = n_folds if by_group else min(n_folds, n_scarcest)
    folds = fold_rows(genres, numbers, most, by_group=by_group, random_state=random_state)
    if not folds:
        raise _impossible(f"no {name} split leaves every genre something to train on", tracks)
    what = f"{name}s" if by_group else "tracks"
    few = f"{scarcest} has only {n_scarcest} {what}"
    why = _why_fewer(name, genres, numbers, n_folds) if by_group else None
    remarks = []
    if len(folds) < n_folds:
        remarks.append(f"{len(folds)} folds instead of {n_folds}: {why or few}")
    if n_scarcest < n_folds and (why or len(folds) == n_folds):
        remarks.append(f"{few}, so its figures rest on little")
    return Split(name, _MEANINGS[name], folds, tuple(remarks))


def _why_fewer(name: str, genres: Sequence[str], groups: Rows, n_folds: int) -> str | None:
    """Tell what keeps a grouped split from more folds, where it is not its scarcest genre."""
    n_largest, n_groups = max(Counter(genres).values()), len(set(groups.tolist()))
    if n_groups < n_folds and n_groups <= n_largest:
        return f"there are only {n_groups} {name}s"
    return f"no genre has more than {n_largest} tracks" if n_largest < n_folds else None


def _cannot_divide(genre: str, tracks: Sequence[Track]) -> DatasetError:
    n_tracks = Counter(track.genre for track in tracks)[genre]
    tied = f"{n_tracks} tracks, all tied together by shared artists, albums or recordings"
    return DatasetError(
        f"{genre} has {'only one track' if n_tracks == 1 else tied}, so it cannot be both trained "
        "on and tested on",
        hint="add tracks (of other artists) to it, or leave this genre out",
    )


def _check_groups(name: str, tracks: Sequence[Track], duplicates: Sequence[int] | None) -> None:
    """Refuse genres that cannot be on two sides, in words that say why."""
    if name in _GROUPED:
        keys = [group_key(name, track) for track in tracks]
        alike = "by one artist" if name == "artist" else "of one album"
        hint = (
            f"add songs of other {name}s, leave the genre out, or judge with --split random, which "
            "flatters"
        )
        _refuse_alone(name, tracks, keys, alike, hint=hint)
    if duplicates is not None:
        hint = "add other songs to it, or leave the genre out"
        _refuse_alone(name, tracks, duplicates, "one recording", hint=hint)


def _refuse_alone(
    name: str, tracks: Sequence[Track], keys: Sequence[str | int | None], alike: str, *, hint: str
) -> None:
    """Refuse genres of two tracks or more that all have one key; None is no key."""
    keys_of: dict[str, list[str | int | None]] = {}
    for track, key in zip(tracks, keys, strict=True):
        keys_of.setdefault(track.genre, []).append(key)
    alone = [g for g, k in keys_of.items() if len(k) > 1 and k[0] is not None and len({*k}) == 1]
    if not alone:
        return
    genre, *others = sorted(alone)
    more = f" (nor can {', '.join(others)})" if others else ""
    raise DatasetError(
        f"all {len(keys_of[genre])} tracks of {genre} are {alike}, so with the split "
        f'"{name}" it cannot be both trained on and tested on{more}',
        hint=hint,
    )


def check_split(split: Split, tracks: Sequence[Track], by: str = "artist") -> tuple[int, ...]:
    """Count the test tracks whose artist, or album, was trained on.

    Parameters
    ----------
    split : Split
        A split of these tracks.
    tracks : sequence of Track
        The tracks it was made for.
    by : str
        ``"artist"`` or ``"album"``.

    Returns
    -------
    tuple of int
        Per fold, how many test tracks share a known artist, or album, with the training part; all 0
        for an honest split.
    """
    keys = [group_key(by, track) for track in tracks]
    return count_shared(split.folds, keys.__getitem__)
