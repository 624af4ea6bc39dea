"""The machinery below the splits: groups, the scarcest genre, how many folds there can be."""

from __future__ import annotations

import pytest

from generify.datasets.folding import find_scarcest, fold_rows, merge_groups

ALONE = merge_groups(8, [])


def test_the_scarcest_genre_has_the_fewest_groups_not_the_first_name() -> None:
    assert find_scarcest(["jazz", "jazz", "rock"], merge_groups(3, [])) == ("rock", 1)
    # three tracks of rock, but of one group
    genres = ["jazz", "jazz", "rock", "rock", "rock"]
    assert find_scarcest(genres, merge_groups(5, [[2, 3, 4]])) == ("rock", 1)


def test_a_group_number_for_every_row() -> None:
    with pytest.raises(ValueError, match="shorter"):
        find_scarcest(["jazz", "rock"], merge_groups(1, []))


def test_rows_take_the_next_smaller_number_of_folds() -> None:
    genres = ["a"] * 5 + ["b"] * 3
    folds = fold_rows(genres, ALONE, 4, by_group=False, random_state=0)
    assert len(folds) == 3  # each tests every genre, and b has three tracks
    tested = [{genres[row] for row in fold.test} for fold in folds]
    assert tested == [{"a", "b"}] * 3


def test_groups_may_test_fewer_genres_in_a_fold() -> None:
    genres = ["a"] * 5 + ["b"] * 3
    assert len(fold_rows(genres, ALONE, 4, by_group=True, random_state=0)) == 4
