"""The machinery below the splits: groups, the scarcest genre, how many folds there can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import model_selection

from generify.datasets.folding import (
    Fold,
    count_shared,
    find_scarcest,
    fold_rows,
    group_rows,
    make_rows,
    merge_groups,
)

ALONE = merge_groups(8, [])
# Each genre is in two of three groups, so two folds always take one genre from training.
NOWHERE = (list("xyzxyz"), merge_groups(6, [[0, 2], [1, 3], [4, 5]]))


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that groups are dealt out with, as they come."""
    used: list[int] = []
    real = model_selection.StratifiedGroupKFold

    def noted(*counts: int, **options: Any) -> Any:
        used.append(options["random_state"])
        return real(*counts, **options)

    monkeypatch.setattr(model_selection, "StratifiedGroupKFold", noted)
    return used


def parts_of(folds: tuple[Fold, ...]) -> list[list[int]]:
    return [fold.test.tolist() for fold in folds]


class TestGroups:
    def test_rows_without_a_key_are_in_no_group(self) -> None:
        assert group_rows([None, "b", "", None, "b", 0]) == [[1, 4], [2], [5]]
        assert group_rows([]) == []

    def test_chains_are_one_group_in_whatever_order_they_come(self) -> None:
        links = [[4, 5], [0, 1], [3, 4], [1, 2], [2, 3]]
        for order in (links, links[::-1], [link[::-1] for link in links]):
            assert merge_groups(7, order).tolist() == [0, 0, 0, 0, 0, 0, 1]

    def test_numbers_are_positions(self) -> None:
        numbers = merge_groups(3, [[], [2], [1, 1]])
        assert (numbers.tolist(), numbers.dtype) == ([0, 1, 2], np.intp)
        rows = make_rows(row for row in (5, 3))
        assert (rows.tolist(), rows.dtype) == ([5, 3], np.intp)

    def test_a_fold_has_no_validation_list_unless_given(self) -> None:
        fold = Fold(make_rows([0]), make_rows([1]))
        assert (fold.valid.tolist(), fold.valid.dtype) == ([], np.intp)


class TestScarcest:
    def test_it_has_the_fewest_groups_not_the_first_name(self) -> None:
        assert find_scarcest(["jazz", "jazz", "rock"], merge_groups(3, [])) == ("rock", 1)
        # three tracks of rock, but of one group
        genres = ["jazz", "jazz", "rock", "rock", "rock"]
        assert find_scarcest(genres, merge_groups(5, [[2, 3, 4]])) == ("rock", 1)

    def test_the_order_of_tracks_does_not_decide_between_equals(self) -> None:
        assert find_scarcest(["rock", "jazz"], merge_groups(2, [])) == ("jazz", 1)

    def test_a_group_number_for_every_row(self) -> None:
        with pytest.raises(ValueError, match="shorter"):
            find_scarcest(["jazz", "rock"], merge_groups(1, []))


class TestFolds:
    GENRES = ["a"] * 5 + ["b"] * 3

    def test_rows_take_the_next_smaller_number_of_folds(self) -> None:
        folds = fold_rows(self.GENRES, ALONE, 4, by_group=False, random_state=0)
        assert len(folds) == 3  # each tests every genre, and b has three tracks
        assert [{self.GENRES[row] for row in rows} for rows in parts_of(folds)] == [{"a", "b"}] * 3

    def test_groups_may_test_fewer_genres_in_a_fold(self) -> None:
        assert len(fold_rows(self.GENRES, ALONE, 4, by_group=True, random_state=0)) == 4

    @pytest.mark.parametrize(("genres", "count"), [("aaabb", 3), ("ababab", 3), ("aaaaab", 0)])
    def test_groups_need_a_genre_of_as_many_tracks_as_folds(self, genres: str, count: int) -> None:
        # b alone in a test part leaves nothing of b to train on
        groups = merge_groups(len(genres), [])
        assert len(fold_rows(list(genres), groups, 4, by_group=True, random_state=0)) == count

    def test_no_more_folds_than_groups(self) -> None:
        groups = merge_groups(8, [[0, 5], [1, 6], [2, 3, 4, 7]])
        folds = fold_rows(self.GENRES, groups, 4, by_group=True, random_state=0)
        assert sorted(parts_of(folds)) == [[0, 5], [1, 6], [2, 3, 4, 7]]

    def test_every_row_is_tested_once_and_trained_on_otherwise(self) -> None:
        genres, groups = list("abcd" * 25), merge_groups(100, [[i, i + 50] for i in range(50)])
        for by_group in (False, True):
            folds = fold_rows(genres, groups, 5, by_group=by_group, random_state=1)
            assert sorted(row for rows in parts_of(folds) for row in rows) == list(range(100))
            for fold in folds:
                both = np.concatenate([fold.train, fold.test])
                assert sorted(both.tolist()) == list(range(100))
                assert (np.diff(fold.train) > 0).all()
                assert (np.diff(fold.test) > 0).all()

    @pytest.mark.parametrize("random_state", [0, 7])
    def test_they_are_scikit_learns_with_that_seed(self, random_state: int) -> None:
        genres = list("aab" * 20)
        alone, pairs = merge_groups(60, []), merge_groups(60, [[i, i + 1] for i in range(0, 60, 2)])
        rows = model_selection.StratifiedKFold(4, shuffle=True, random_state=random_state)
        by_row = fold_rows(genres, alone, 4, by_group=False, random_state=random_state)
        assert parts_of(by_row) == [test.tolist() for _, test in rows.split(genres, genres)]
        groups = model_selection.StratifiedGroupKFold(4, shuffle=True, random_state=random_state)
        by_group = fold_rows(genres, pairs, 4, by_group=True, random_state=random_state)
        expected = [test.tolist() for _, test in groups.split(genres, genres, pairs)]
        assert parts_of(by_group) == expected

    def test_the_rest_of_a_group_follows_its_first_row(self) -> None:
        genres, pairs = list("ab" * 10), merge_groups(20, [[0, 19], [1, 18]])
        folds = fold_rows(genres, pairs, 3, by_group=False, random_state=0)
        dealt = model_selection.StratifiedKFold(3, shuffle=True, random_state=0)
        first = [test.tolist() for _, test in dealt.split(genres[:18], genres[:18])]
        follows = {0: 19, 1: 18}
        assert parts_of(folds) == [
            sorted([*rows, *(follows[row] for row in rows if row in follows)]) for rows in first
        ]

    @pytest.mark.parametrize("random_state", range(10))
    def test_an_unlucky_order_of_groups_is_dealt_anew(self, random_state: int) -> None:
        # c is in the groups 0 and 2, a in 0 and 1: to train on both, 0 stands against the others
        genres, groups = list("ccacaa"), make_rows([2, 0, 0, 2, 0, 1])
        folds = fold_rows(genres, groups, 2, by_group=True, random_state=random_state)
        assert sorted(parts_of(folds)) == [[0, 3, 5], [1, 2, 4]]

    @pytest.mark.parametrize(
        ("genres", "groups"), [("ababbccacb", "0110023212"), ("bcaaabcbcc", "0202312030")]
    )
    def test_every_fold_tests_something(self, genres: str, groups: str) -> None:
        # scikit-learn puts four groups into three of four folds here
        rows = make_rows(map(int, groups))
        for random_state in range(5):
            folds = fold_rows(list(genres), rows, 4, by_group=True, random_state=random_state)
            assert len(folds) >= 3
            assert all(parts_of(folds))

    def test_twenty_orders_are_tried_the_given_seed_first(self, seeds: list[int]) -> None:
        assert fold_rows(*NOWHERE, 2, by_group=True, random_state=5) == ()
        assert (len(seeds), len(set(seeds)), seeds[0]) == (20, 20, 5)
        assert max(seeds) > 1_000_000  # drawn from so many that two seeds share none

    def test_the_orders_follow_from_the_seed(self, seeds: list[int]) -> None:
        for random_state in (1, 1, 2):
            fold_rows(*NOWHERE, 2, by_group=True, random_state=random_state)
        one, again, other = seeds[:20], seeds[20:40], seeds[40:]
        assert one == again
        assert not {*one} & {*other}


def test_shared_rows_are_counted_for_each_fold() -> None:
    artists = ["A", None, "B", "A", None, "C", "B"]
    folds = [
        Fold(make_rows([0, 1, 2]), make_rows([3, 4, 5, 6])),
        Fold(make_rows([3, 4]), make_rows([1, 2, 5])),
    ]
    assert count_shared(folds, artists.__getitem__) == (2, 0)
