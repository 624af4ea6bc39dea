"""Splits: which rows are trained on and which are tested on."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from generify.datasets import Track, dataset_facts
from generify.datasets.gtzan import published_tracks
from generify.datasets.splits import (
    Fold,
    Split,
    check_split,
    list_splits,
    make_split,
    possible_splits,
)
from generify.errors import DatasetError, MissingExtraError, ParameterError

GTZAN = tuple(
    Track(track, None, track.split(".")[0], published.artist, published.split)
    for track, published in published_tracks().items()
)
# As read from FMA's metadata: numbers, official lists, artists and albums.
FMA = tuple(
    Track(
        f"{n:06d}",
        None,
        ("Folk", "Rock", "Pop")[n % 3],
        f"artist {n // 6}",
        "train" if n % 60 < 48 else "valid" if n % 60 < 54 else "test",
        f"album {n // 3}",
    )
    for n in range(180)
)
NEITHER = "it cannot be both trained on and tested on"
ROW_OF = {track.track: row for row, track in enumerate(GTZAN)}


def duplicates_of_gtzan() -> list[int]:
    numbers = list(range(len(GTZAN)))
    for one, other in dataset_facts("gtzan").duplicates:
        numbers[ROW_OF[other]] = ROW_OF[one]
    return numbers


def make_tracks(per_genre: dict[str, list[str | None]]) -> list[Track]:
    """Give one track per listed artist."""
    return [
        Track(f"{genre}/{i}", None, genre, artist)
        for genre, artists in per_genre.items()
        for i, artist in enumerate(artists)
    ]


def plain(**n_tracks: int) -> list[Track]:
    return make_tracks({genre: [None] * n for genre, n in n_tracks.items()})


def assert_sound(split: Split, tracks) -> None:
    """Hold what every cross-validation promises."""
    tested = np.concatenate([fold.test for fold in split.folds])
    assert sorted(tested) == list(range(len(tracks)))
    for fold in split.folds:
        assert fold.train.dtype == fold.test.dtype == np.intp
        assert np.array_equal(np.union1d(fold.train, fold.test), np.arange(len(tracks)))
        assert len(fold.train) + len(fold.test) == len(tracks)
        assert len(fold.test) > 0
        assert {tracks[r].genre for r in fold.train} == {t.genre for t in tracks}


def sides(split: Split, row: int) -> list[bool]:
    return [row in set(fold.test) for fold in split.folds]


class TestNames:
    def test_every_split_has_a_meaning(self):
        named = ["fault-filtered", "official", "artist", "album", "random", "given"]
        assert list(list_splits()) == named
        assert all(len(meaning) > 20 for meaning in list_splits().values())

    def test_the_meaning_of_random_warns(self):
        assert "artists may be on both sides, which would flatter" in list_splits()["random"]
        assert "7 to 19 points" in list_splits()["random"]

    @pytest.mark.parametrize("name", list_splits())
    def test_a_split_carries_its_name_and_meaning(self, name):
        split = make_split(name, FMA if name in {"official", "album"} else GTZAN, n_folds=3)
        assert (split.name, split.meaning) == (name, list_splits()[name])

    def test_possible_splits(self):
        assert possible_splits(GTZAN) == ("fault-filtered", "artist", "random", "given")
        assert possible_splits(plain(rock=3, jazz=3)) == ("random",)
        assert possible_splits(make_tracks({"rock": ["A", None]})) == ("artist", "random")
        halves = [Track("a", None, "x", split="train"), Track("b", None, "x", split="test")]
        assert possible_splits(halves) == ("random", "given")
        assert possible_splits(FMA) == ("official", "artist", "album", "random", "given")
        assert possible_splits([Track("a", None, "x", album="LP")]) == ("album", "random")
        folds = [Track("a", None, "x", split="1"), Track("b", None, "x", split="2")]
        assert possible_splits(folds) == ("random", "given")
        assert possible_splits([*folds[:1], *folds[:1]]) == ("random",)


class TestFaultFiltered:
    def test_it_is_the_published_one(self):
        split = make_split("fault-filtered", GTZAN)
        (fold,) = split.folds
        published = published_tracks()
        assert [len(fold.train), len(fold.test)] == [443, 290]
        assert {GTZAN[r].track for r in fold.train} == {
            t for t, p in published.items() if p.split == "train"
        }
        assert {GTZAN[r].track for r in fold.test} == {
            t for t, p in published.items() if p.split == "test"
        }
        assert check_split(split, GTZAN) == (0,)
        assert split.warnings == ()

    def test_the_validation_list_is_kept_apart(self):
        (fold,) = make_split("fault-filtered", GTZAN).folds
        assert len(fold.valid) == 197
        assert {GTZAN[row].split for row in fold.valid} == {"valid"}
        (cross, *_) = make_split("random", GTZAN).folds
        assert len(cross.valid) == 0

    def test_it_goes_by_id_not_by_order_or_column(self):
        shuffled = [replace(t, split=None) for t in reversed(GTZAN)]
        (fold,) = make_split("fault-filtered", shuffled).folds
        (straight,) = make_split("fault-filtered", GTZAN).folds
        assert np.array_equal(np.sort(999 - fold.test), straight.test)

    def test_a_partial_copy_is_not_comparable(self):
        some = [t for t in GTZAN if t.genre != "metal" or t.split == "train"][::2]
        split = make_split("fault-filtered", some)
        n_here = sum(t.split in ("train", "test") for t in some)
        assert split.warnings[0] == "nothing to test on for: metal"
        assert split.warnings[1].startswith(f"only {n_here} of the 733 tracks of the published")

    def test_other_tracks(self):
        with pytest.raises(DatasetError, match="not those of the published fault-filtered") as err:
            make_split("fault-filtered", plain(rock=5, jazz=5))
        assert err.value.hint == "splits possible here: random"
        mixed = [*GTZAN, Track("techno/1", None, "techno")]
        with pytest.raises(DatasetError, match="not those of the published"):
            make_split("fault-filtered", mixed)

    def test_a_genre_that_is_only_tested(self):
        some = [t for t in GTZAN if t.genre != "metal" or t.split == "test"]
        with pytest.raises(DatasetError, match="the fault-filtered split trains on no metal"):
            make_split("fault-filtered", some)


class TestGiven:
    def test_the_column_decides(self):
        parts = ["test", "train", "valid", None, "train", "test"]
        tracks = [Track(str(i), None, "ab"[i % 2], split=part) for i, part in enumerate(parts)]
        (fold,) = make_split("given", tracks).folds
        assert fold.train.tolist() == [1, 4]
        assert fold.test.tolist() == [0, 5]

    def test_shared_artists_are_told(self):
        tracks = [
            Track("1", None, "a", "X", "train"),
            Track("2", None, "b", "Y", "train"),
            Track("3", None, "a", " x ", "test"),
            Track("4", None, "b", None, "test"),
        ]
        split = make_split("given", tracks)
        assert split.warnings == ("1 of 2 test tracks are by artists who are also trained on",)

    def test_without_lists(self):
        with pytest.raises(DatasetError, match="needs tracks to train on and tracks to test on"):
            make_split("given", plain(rock=5, jazz=5))


class TestGivenFolds:
    def tracks(self, folds: str, genres: str = "ab") -> list[Track]:
        """One track a letter, which is its fold; a dot is none."""
        return [
            Track(str(i), None, genres[i % len(genres)], split=None if f == "." else f)
            for i, f in enumerate(folds)
        ]

    def test_each_number_is_tested_once(self):
        split = make_split("given", self.tracks("22113311"))
        assert [fold.test.tolist() for fold in split.folds] == [[2, 3, 6, 7], [0, 1], [4, 5]]
        assert split.folds[1].train.tolist() == [2, 3, 4, 5, 6, 7]
        assert split.meaning == "cross-validation with the folds that the tracks are marked with"
        assert split.warnings == ()

    def test_one_number_is_no_cross_validation(self):
        with pytest.raises(DatasetError, match="the given split needs tracks to train on") as err:
            make_split("given", self.tracks("1111"))
        assert err.value.hint == "splits possible here: random"

    def test_numbers_are_sorted_as_numbers(self):
        tracks = [Track(str(i), None, "ab"[i % 2], split=str(i // 2)) for i in range(24)]
        split = make_split("given", tracks)
        assert [int(fold.test[0]) // 2 for fold in split.folds] == list(range(12))

    def test_tracks_without_a_fold_are_left_out(self):
        split = make_split("given", self.tracks("1122..11"))
        assert sorted(row for fold in split.folds for row in fold.test) == [0, 1, 2, 3, 6, 7]
        assert split.warnings == ("2 tracks are in no fold and left out",)

    def test_shared_artists_are_told(self):
        tracks = [replace(track, artist="X") for track in self.tracks("1122")]
        split = make_split("given", tracks)
        assert split.warnings == ("4 of 4 test tracks are by artists who are also trained on",)

    def test_a_fold_of_one_track_and_lists_beside_the_numbers(self):
        parts = ["2", "1", "2", "1", "10", "train", "valid", None]
        genres = ["a", "a", "b", "b", "a", "a", "b", "b"]
        tracks = [
            Track(str(i), None, genre, split=part)
            for i, (genre, part) in enumerate(zip(genres, parts, strict=True))
        ]
        split = make_split("given", tracks)
        assert split.name == "given"
        assert [fold.test.tolist() for fold in split.folds] == [[1, 3], [0, 2], [4]]
        assert split.warnings == ("3 tracks are in no fold and left out",)

    def test_a_genre_in_one_fold_only(self):
        why = "the given split, tested on fold 1, trains on no a"
        with pytest.raises(DatasetError, match=why):
            make_split("given", self.tracks("1212"))


class TestOfficial:
    def test_the_marks_of_fma_decide(self):
        split = make_split("official", FMA)
        (fold,) = split.folds
        assert {FMA[row].split for row in fold.train} == {"train"}
        assert [len(fold.train), len(fold.valid), len(fold.test)] == [144, 18, 18]
        assert split.warnings == ()

    def test_other_tracks(self):
        with pytest.raises(DatasetError, match="not those of the published official lists"):
            make_split("official", GTZAN)
        unmarked = [replace(track, split=None) for track in FMA]
        with pytest.raises(DatasetError, match="not those of the published official lists"):
            make_split("official", unmarked)


class TestAlbum:
    def test_no_album_on_two_sides_but_artists_may_be(self):
        split = make_split("album", FMA, n_folds=5)
        assert_sound(split, FMA)
        assert check_split(split, FMA, "album") == (0,) * 5
        assert sum(check_split(split, FMA)) > 0
        assert split.warnings == ()

    def test_unknown_albums_stand_alone(self):
        tracks = [replace(t, album=None) if i < 9 else t for i, t in enumerate(FMA)]
        split = make_split("album", tracks, n_folds=5)
        assert split.warnings[0] == (
            "9 of 180 tracks have no known album; each counts as an album of its own"
        )

    def test_without_any_album(self):
        with pytest.raises(DatasetError, match="an album split needs albums, and no track has"):
            make_split("album", GTZAN)


class TestRandom:
    def test_ten_folds_with_every_genre_evenly(self):
        split = make_split("random", GTZAN)
        assert_sound(split, GTZAN)
        assert len(split.folds) == 10
        for fold in split.folds:
            assert set(Counter(GTZAN[r].genre for r in fold.test).values()) == {10}

    def test_it_does_share_artists(self):
        counts = check_split(make_split("random", GTZAN), GTZAN)
        assert min(counts) > 60

    def test_duplicates_stay_together(self):
        numbers = duplicates_of_gtzan()
        without = make_split("random", GTZAN)
        split = make_split("random", GTZAN, duplicates=numbers)
        assert_sound(split, GTZAN)
        parted = [sides(without, r) != sides(without, n) for r, n in enumerate(numbers)]
        assert any(parted)
        assert all(sides(split, r) == sides(split, n) for r, n in enumerate(numbers))

    def test_the_seed_decides(self):
        def parts_of(seed):
            return [f.test.tolist() for f in make_split("random", GTZAN, random_state=seed).folds]

        assert parts_of(1) == parts_of(1)
        assert parts_of(1) != parts_of(2)

    def test_fewer_folds_for_a_small_genre(self):
        tracks = plain(rock=20, jazz=3)
        split = make_split("random", tracks)
        assert_sound(split, tracks)
        assert len(split.folds) == 3
        assert split.warnings == ("3 folds instead of 10: jazz has only 3 tracks",)

    def test_duplicates_across_genres(self):
        tracks = plain(rock=4, jazz=4)
        split = make_split("random", tracks, duplicates=[0, 1, 2, 3, 0, 5, 6, 7], n_folds=3)
        assert_sound(split, tracks)
        assert sides(split, 0) == sides(split, 4)


class TestArtist:
    @pytest.mark.parametrize("n_folds", [2, 5, 10])
    def test_no_artist_on_two_sides(self, n_folds):
        split = make_split("artist", GTZAN, n_folds=n_folds)
        assert_sound(split, GTZAN)
        assert len(split.folds) == n_folds
        few = "blues has only 9 artists, so its figures rest on little"
        assert (few in split.warnings) == (n_folds > 9)
        assert check_split(split, GTZAN) == (0,) * len(split.folds)
        assert "81 of 1000 tracks have no known artist" in split.warnings[0]

    @pytest.mark.parametrize(
        ("rock", "jazz", "reason"),
        [
            ("ABCDEF", "YYYZZZ", "6 folds instead of 10: no genre has more than 6 tracks"),
            ("AAABCD", "YYYZZZ", "6 folds instead of 10: there are only 6 artists"),
            ("AABBBBCCCCCC", "YZ" * 6, "5 folds instead of 10: there are only 5 artists"),
        ],
        ids=["more artists than tracks of a genre", "as many", "fewer"],
    )
    def test_why_there_are_fewer_folds(self, rock, jazz, reason):
        tracks = make_tracks({"rock": list(rock), "jazz": list(jazz)})
        split = make_split("artist", tracks)
        assert_sound(split, tracks)
        assert split.warnings == (reason, "jazz has only 2 artists, so its figures rest on little")

    def test_the_scarcest_genre_is_named_where_no_number_keeps_from_more_folds(self):
        # four artists and four tracks of a genre would do, were they not tied as they are
        pairs = zip("ababbccacb", "0110023212", strict=True)
        tracks = [Track(str(number), None, *pair) for number, pair in enumerate(pairs)]
        split = make_split("artist", tracks, n_folds=4)
        assert split.warnings == ("3 folds instead of 4: a has only 3 artists",)

    def test_duplicates_tie_artists_together(self):
        tracks = make_tracks({"rock": list("AABBCCDD"), "jazz": list("EEFFGGHH")})
        # A with B, and B with E: one group across two genres.
        numbers = list(range(16))
        numbers[2], numbers[8] = 1, 3
        split = make_split("artist", tracks, duplicates=numbers, n_folds=3)
        assert_sound(split, tracks)
        assert check_split(split, tracks) == (0,) * len(split.folds)
        assert all(sides(split, r) == sides(split, 0) for r in (1, 2, 3, 8, 9))

    def test_spelling_does_not_part_an_artist(self):
        tracks = make_tracks({"rock": ["AC/DC", "ac/dc ", "B", "C"], "jazz": list("EFGH")})
        split = make_split("artist", tracks, n_folds=3)
        assert sides(split, 0) == sides(split, 1)

    def test_unknown_artists_stand_alone(self):
        tracks = make_tracks({"rock": [None] * 6, "jazz": [None, "", "  ", "A", "A", "B"]})
        split = make_split("artist", tracks, n_folds=3)
        assert_sound(split, tracks)
        assert split.warnings[0].startswith("9 of 12 tracks have no known artist")
        assert len({tuple(sides(split, r)) for r in range(6)}) == 3

    def test_a_genre_by_artists_who_are_tied_together(self):
        tracks = make_tracks({"rock": list("ABCD"), "reggae": ["Bob", "Bob", "Peter"]})
        with pytest.raises(DatasetError) as caught:  # the last two are one recording
            make_split("artist", tracks, duplicates=[0, 1, 2, 3, 4, 5, 5])
        assert str(caught.value) == (
            "reggae has 3 tracks, all tied together by shared artists, albums or recordings, so "
            f"{NEITHER}"
        )

    @pytest.mark.parametrize("seed", range(30))
    def test_small_odd_collections(self, seed):
        rng = np.random.default_rng(seed)
        tracks = make_tracks(
            {
                genre: [None, None, *(str(a) for a in rng.integers(0, 9, size=rng.integers(1, 12)))]
                for genre in "abcd"[: rng.integers(2, 5)]
            }
        )
        numbers = rng.integers(0, 5 * len(tracks), size=len(tracks)).tolist()
        split = make_split(
            "artist",
            tracks,
            duplicates=numbers,
            n_folds=int(rng.integers(2, 12)),
            random_state=seed,
        )
        assert_sound(split, tracks)
        assert set(check_split(split, tracks)) == {0}


class TestParameters:
    def test_n_folds(self):
        with pytest.raises(ParameterError, match="n_folds of 2 or more, got 1"):
            make_split("random", GTZAN, n_folds=1)

    def test_duplicates_of_another_length(self):
        with pytest.raises(ParameterError, match="one number per track, got 2 for 1000 tracks"):
            make_split("random", GTZAN, duplicates=[0, 1])

    @pytest.mark.parametrize("tracks", [[], plain(rock=5)])
    def test_two_genres_are_needed(self, tracks):
        with pytest.raises(DatasetError, match="a split needs tracks of two genres or more"):
            make_split("random", tracks)

    def test_without_scikit_learn(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "sklearn", None)
        make_split("fault-filtered", GTZAN)
        with pytest.raises(MissingExtraError, match="this needs scikit-learn") as caught:
            make_split("random", GTZAN)
        assert caught.value.hint == "pip install 'generify[train]'"


def test_check_split_counts_tracks_not_artists():
    tracks = make_tracks({"a": ["X", "x", "X", None, None, "Y"]})
    rows = [np.array(r, dtype=np.intp) for r in ([0, 3], [1, 2, 4, 5])]
    split = Split("given", "", (Fold(rows[0], rows[1]), Fold(rows[1], rows[0])))
    assert check_split(split, tracks) == (2, 1)
    assert check_split(split, tracks, "album") == (0, 0)


def test_lists_that_do_not_train_on_every_genre_are_not_possible() -> None:
    tracks = [
        Track("a", None, "jazz", split="train"),
        Track("b", None, "jazz", split="test"),
        Track("c", None, "rock", split="test"),
        Track("d", None, "rock", split="valid"),
    ]
    assert possible_splits(tracks) == ("random",)
    learnt = [*tracks, Track("e", None, "rock", split="train")]
    assert possible_splits(learnt) == ("random", "given")


class TestWholeSentences:
    """What is said, to the letter, where other tests look for a part of it."""

    def test_the_hint_names_every_possible_split(self):
        with pytest.raises(DatasetError) as caught:
            make_split("fault-filtered", FMA)
        assert (
            str(caught.value) == "these tracks are not those of the published fault-filtered lists"
        )
        possible = "official, artist, album, random, given"
        assert caught.value.hint == f"splits possible here: {possible}"

    def test_an_unknown_name(self):
        with pytest.raises(ParameterError) as caught:
            make_split("kfold", GTZAN)
        assert str(caught.value) == (
            "no split is called 'kfold'; there are: "
            "fault-filtered, official, artist, album, random, given"
        )

    def test_too_few_genres(self):
        with pytest.raises(DatasetError) as caught:
            make_split("random", plain(rock=5))
        assert str(caught.value) == (
            "a split needs tracks of two genres or more, got 5 tracks of 1"
        )

    def test_lists_that_test_nothing(self):
        tracks = [Track(str(i), None, "ab"[i % 2], split="train") for i in range(4)]
        with pytest.raises(DatasetError) as caught:
            make_split("given", tracks)
        assert str(caught.value) == (
            "the given split needs tracks to train on and tracks to test on, got 4 and 0"
        )
        assert caught.value.hint == "splits possible here: random"

    def test_lists_that_train_on_nothing(self):
        tracks = [Track(str(i), None, "ab"[i % 2], split="test") for i in range(4)]
        with pytest.raises(DatasetError, match="test on, got 0 and 4"):
            make_split("given", tracks)

    def test_genres_that_are_tested_and_never_trained_on(self):
        parts = {"a": "train", "c": "test", "b": "test"}
        tracks = [Track(genre, None, genre, split=part) for genre, part in parts.items()]
        with pytest.raises(DatasetError) as caught:
            make_split("given", tracks)
        assert str(caught.value) == "the given split trains on no b, c"

    def test_genres_that_are_trained_on_and_never_tested(self):
        parts = {"c": "train", "b": "train", "a": "train"}
        tracks = [Track(genre, None, genre, split=part) for genre, part in parts.items()]
        tracks.append(Track("z", None, "a", split="test"))
        split = make_split("given", tracks)
        assert split.warnings == ("nothing to test on for: b, c",)

    def test_a_part_of_the_published_tracks(self):
        some = [t for t in GTZAN if t.split != "train" or not t.track.endswith("0")]
        n_train = sum(t.split == "train" for t in some)
        split = make_split("fault-filtered", some)
        assert split.warnings == (
            f"only {n_train + 290} of the 733 tracks of the published lists are here, so an "
            "accuracy cannot be compared with published ones",
        )

    def test_one_missing_track_is_enough(self):
        missing = next(t for t in GTZAN if t.split == "test")
        split = make_split("fault-filtered", [t for t in GTZAN if t is not missing])
        assert split.warnings[-1].startswith("only 732 of the 733 tracks")

    def test_a_missing_validation_track_changes_nothing(self):
        missing = next(t for t in GTZAN if t.split == "valid")
        assert make_split("fault-filtered", [t for t in GTZAN if t is not missing]).warnings == ()

    def test_no_artist_at_all(self):
        with pytest.raises(DatasetError) as caught:
            make_split("artist", plain(rock=5, jazz=5))
        assert str(caught.value) == "an artist split needs artists, and no track has one"
        assert caught.value.hint == "splits possible here: random"

    @pytest.mark.parametrize("name", ["artist", "random"])
    def test_one_track_alone(self, name):
        tracks = make_tracks({"rock": list("ABC"), "jazz": ["D"]})
        with pytest.raises(DatasetError) as caught:
            make_split(name, tracks, duplicates=range(4))
        assert str(caught.value) == f"jazz has only one track, so {NEITHER}"
        hint = "add tracks (of other artists) to it, or leave this genre out"
        assert caught.value.hint == hint

    def test_one_recording_alone(self):
        with pytest.raises(DatasetError) as caught:
            make_split("random", plain(rock=3, jazz=2), duplicates=[0, 1, 2, 7, 7])
        assert str(caught.value) == (
            f'all 2 tracks of jazz are one recording, so with the split "random" {NEITHER}'
        )
        assert caught.value.hint == "add other songs to it, or leave the genre out"

    @pytest.mark.parametrize(
        ("name", "how"), [("artist", "by one artist"), ("album", "of one album")]
    )
    def test_one_artist_or_album_alone(self, name, how):
        letters = {"rock": "ABCD", "reggae": "BBB", "jazz": "EE", "blues": "FFFF"}
        tracks = make_tracks({genre: list(row) for genre, row in letters.items()})
        with pytest.raises(DatasetError) as caught:
            make_split(name, [replace(track, album=track.artist) for track in tracks])
        assert str(caught.value) == (
            f'all 4 tracks of blues are {how}, so with the split "{name}" {NEITHER} '
            "(nor can jazz, reggae)"
        )
        assert caught.value.hint == (
            f"add songs of other {name}s, leave the genre out, or judge with --split random, "
            "which flatters"
        )

    def test_a_genre_of_two_artists_is_enough_for_two_folds(self):
        tracks = make_tracks({"rock": list("ABCD"), "jazz": list("EEF")})
        assert make_split("artist", tracks, n_folds=2).warnings == ()
        split = make_split("artist", tracks, n_folds=3)
        assert split.warnings == ("jazz has only 2 artists, so its figures rest on little",)

    def test_unknown_artists_and_a_scarce_genre_are_both_told(self):
        tracks = make_tracks({"rock": [None, *"BCD"], "jazz": list("EEF")})
        split = make_split("artist", tracks, n_folds=3)
        assert split.warnings == (
            "1 of 7 tracks have no known artist; each counts as an artist of its own",
            "jazz has only 2 artists, so its figures rest on little",
        )

    def test_what_is_possible_when_nothing_fits(self):
        # However three artists go into two folds, the two that stay together are all of a genre.
        tracks = make_tracks({"x": ["A", "B"], "y": ["B", "C"], "z": ["A", "C"]})
        with pytest.raises(DatasetError) as caught:
            make_split("artist", tracks)
        assert str(caught.value) == "no artist split leaves every genre something to train on"
        assert caught.value.hint == "splits possible here: artist, random"


def test_the_seed_decides_over_artists_too() -> None:
    def parts_of(seed: int) -> list[list[int]]:
        split = make_split("artist", GTZAN, n_folds=3, random_state=seed)
        return [fold.test.tolist() for fold in split.folds]

    assert parts_of(1) == parts_of(1)
    assert parts_of(1) != parts_of(2)


def test_ten_folds_and_the_first_seed_are_what_nobody_chose() -> None:
    def parts_of(split: Split) -> list[list[int]]:
        return [fold.test.tolist() for fold in split.folds]

    plainly, chosen = make_split("random", GTZAN), make_split("random", GTZAN, random_state=0)
    assert len(plainly.folds) == 10
    assert parts_of(plainly) == parts_of(chosen)
