"""Folds that keep together what must not be parted: the machinery below the splits.

Rows are positions in some sequence of tracks. Tracks of one recording, artist or album form a
group, and a group is never on two sides of a fold.

In it: :class:`Fold`, :func:`fold_rows`; groups: :func:`group_rows`, :func:`merge_groups`,
:func:`find_scarcest`; counting leaks: :func:`count_shared`.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import cast

import numpy as np
from numpy.typing import NDArray

from generify.errors import MissingExtraError

__all__ = [
    "Fold",
    "Rows",
    "count_shared",
    "find_scarcest",
    "fold_rows",
    "group_rows",
    "make_rows",
    "merge_groups",
]

Rows = NDArray[np.intp]
"""Positions in a sequence of tracks, ascending."""

# Grouped folds are found greedily, and an unlucky order of the groups can leave a genre out of a
# training part or a fold without test tracks; a fresh order nearly always mends that.
_N_ATTEMPTS = 20


def make_rows(rows: Iterable[int] = ()) -> Rows:
    """Make an array of rows.

    Parameters
    ----------
    rows : iterable of int, optional
        Positions; none by default.

    Returns
    -------
    ndarray of intp, shape (n_rows,)
        In the order given.
    """
    return np.fromiter(rows, dtype=np.intp)


@dataclass(frozen=True)
class Fold:
    """One division into training and test tracks.

    Attributes
    ----------
    train : ndarray of intp, shape (n_train,)
        Rows trained on, ascending.
    test : ndarray of intp, shape (n_test,)
        Rows tested on, ascending; none of them in `train`.
    valid : ndarray of intp, shape (n_valid,)
        Rows of a validation list, used for neither; empty where there is no such list.
    """

    train: Rows
    test: Rows
    valid: Rows = field(default_factory=make_rows)


def group_rows(keys: Iterable[Hashable]) -> list[list[int]]:
    """Put rows with equal keys together.

    Parameters
    ----------
    keys : iterable of hashable
        A key for each row; rows whose key is None are in no group.

    Returns
    -------
    list of list of int
        The rows of each key, in order of appearance.

    Examples
    --------
    >>> group_rows(["a", None, "b", "a"])
    [[0, 3], [2]]
    """
    groups: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        if key is not None:
            groups.setdefault(key, []).append(row)
    return list(groups.values())


def merge_groups(n_rows: int, groups: Iterable[Sequence[int]]) -> Rows:
    """Join rows that are tied by any group, or by a chain of groups.

    Parameters
    ----------
    n_rows : int
        How many rows there are.
    groups : iterable of sequences of int
        Rows that belong together; they may overlap.

    Returns
    -------
    ndarray of intp, shape (n_rows,)
        A number for each row, equal where rows belong together.

    Examples
    --------
    >>> merge_groups(5, [[0, 2], [2, 4]]).tolist()
    [0, 1, 0, 2, 0]
    """
    parent = list(range(n_rows))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for group in groups:
        for row in group[1:]:
            one, other = find(group[0]), find(row)
            parent[max(one, other)] = min(one, other)
    roots = [find(row) for row in range(n_rows)]
    return np.unique(roots, return_inverse=True)[1].astype(np.intp)


def find_scarcest(genres: Sequence[str], groups: Rows) -> tuple[str, int]:
    """Find the genre with the fewest groups.

    Parameters
    ----------
    genres : sequence of str
        The genre of each row.
    groups : ndarray of intp, shape (n_rows,)
        The group of each row.

    Returns
    -------
    (str, int)
        The genre, and how many groups it has.
    """
    pairs = sorted(set(zip(genres, groups.tolist(), strict=True)))
    return min(Counter(genre for genre, _ in pairs).items(), key=lambda item: item[1])


def fold_rows(
    genres: Sequence[str], groups: Rows, n_folds: int, *, by_group: bool, random_state: int
) -> tuple[Fold, ...]:
    """Divide rows for a cross-validation, groups together and genres spread evenly.

    Parameters
    ----------
    genres : sequence of str
        The genre of each row.
    groups : ndarray of intp, shape (n_rows,)
        The group of each row.
    n_folds : int
        How many folds to try for, 2 or more.
    by_group : bool
        Whether whole groups are dealt out, where they even out the genres best; otherwise single
        rows at random, their groups following them.
    random_state : int
        Seed.

    Returns
    -------
    tuple of Fold
        As many as asked for, or the next smaller number in which every training part holds every
        genre and every test part something; empty when there is none.

    Raises
    ------
    MissingExtraError
        When scikit-learn is not installed.
    """
    names = np.array(genres)
    deal = _deal_groups if by_group else _deal_rows
    for count in range(n_folds, 1, -1):
        for seed in _seeds(random_state):
            folds = deal(names, groups, count, seed)
            if folds and all(_is_sound(fold, names) for fold in folds):
                return tuple(folds)
    return ()


def _seeds(random_state: int) -> Iterator[int]:
    yield random_state
    yield from np.random.default_rng(random_state).integers(2**31, size=_N_ATTEMPTS - 1).tolist()


def _deal_rows(
    genres: NDArray[np.str_], groups: Rows, n_folds: int, random_state: int
) -> list[Fold]:
    """Deal out one row of each group at random; the others of the group follow it."""
    first = np.unique(groups, return_index=True)[1]
    if min(Counter(genres[first].tolist()).values()) < n_folds:
        return []
    folder = _model_selection().StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    parts = folder.split(np.zeros(len(first)), genres[first])
    return [_fold_testing(np.isin(groups, groups[first[test]])) for _, test in parts]


def _deal_groups(
    genres: NDArray[np.str_], groups: Rows, n_folds: int, random_state: int
) -> list[Fold]:
    """Deal out whole groups, the largest first, where they even out the genres best."""
    if max(Counter(genres.tolist()).values()) < n_folds or len(np.unique(groups)) < n_folds:
        return []
    folder = _model_selection().StratifiedGroupKFold(
        n_folds, shuffle=True, random_state=random_state
    )
    with warnings.catch_warnings():
        # scikit-learn's remark that a genre has fewer tracks than there are folds; so do ours say
        warnings.simplefilter("ignore", UserWarning)
        parts = list(folder.split(np.zeros(len(genres)), genres, groups))
    return [_fold_testing(np.isin(np.arange(len(genres)), test)) for _, test in parts]


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


def count_shared(folds: Iterable[Fold], key: Callable[[int], Hashable]) -> tuple[int, ...]:
    """Count the test rows whose key is also trained on.

    Parameters
    ----------
    folds : iterable of Fold
        The folds.
    key : callable
        A row → what should not be on both sides, such as its artist; None when unknown.

    Returns
    -------
    tuple of int
        One count a fold; rows whose key is None are not counted.
    """
    counts = []
    for fold in folds:
        trained = {key(row) for row in fold.train.tolist()} - {None}
        counts.append(sum(key(row) in trained for row in fold.test.tolist()))
    return tuple(counts)
