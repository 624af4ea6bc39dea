"""Splits written as CSV, what they leak, and which tracks are the same recording."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from generify.datasets import Track, dataset_facts, load_dataset
from generify.datasets.base import Dataset
from generify.datasets.folding import Fold, make_rows, merge_groups
from generify.datasets.gtzan import published_tracks
from generify.datasets.leaks import inspect_split
from generify.datasets.recordings import same_recordings
from generify.datasets.split_files import split_records, write_split
from generify.datasets.splits import Split, make_split
from generify.errors import DatasetError

GTZAN = tuple(
    Track(track, None, track.split(".")[0], published.artist, published.split)
    for track, published in published_tracks().items()
)
WHOLE = Dataset("gtzan", GTZAN, dataset_facts("gtzan").genres, facts=dataset_facts("gtzan"))


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Three songs of three genres each, every one unlike the others and of its own length."""
    rng = np.random.default_rng(7)
    for number, genre in enumerate(("folk", "jazz", "rock") * 3):
        path = tmp_path / "music" / genre / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, rng.uniform(-0.5, 0.5, 400 + number), 8000)
    return tmp_path / "music"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


class TestFiles:
    def test_lists_have_a_column_split(self):
        records = split_records(make_split("fault-filtered", GTZAN), GTZAN)
        assert list(records[0]) == ["track", "path", "genre", "artist", "album", "split"]
        written = {r["track"]: r["split"] for r in records}
        published = {t: p.split for t, p in published_tracks().items() if p.split}
        assert written == published
        assert records[0]["artist"] == "John Lee Hooker"

    def test_cross_validations_have_a_column_fold(self):
        split = make_split("random", GTZAN)
        records = split_records(split, GTZAN)
        assert list(records[0])[-1] == "fold"
        for number, fold in enumerate(split.folds, start=1):
            rows = [row for row, r in enumerate(records) if r["fold"] == str(number)]
            assert rows == fold.test.tolist()

    @pytest.mark.parametrize("name", ["random", "given"])
    def test_a_written_split_is_given_back(self, songs, name, tmp_path):
        tracks = tuple(
            replace(t, artist=f"Ärtist, {t.genre}", album='the "best"', split=part)
            for t, part in zip(
                load_dataset(songs).tracks, ("train", "valid", "test") * 3, strict=True
            )
        )
        split = make_split(name, tracks, n_folds=3)
        path = tmp_path / "split.csv"
        write_split(split, tracks, path)
        again = load_dataset(path)
        assert [t.track for t in again.tracks] == [t.track for t in tracks]
        assert [(t.artist, t.album) for t in again.tracks] == [(t.artist, t.album) for t in tracks]
        given = make_split("given", again.tracks)
        assert len(given.folds) == len(split.folds)
        for ours, theirs in zip(given.folds, split.folds, strict=True):
            for part in ("train", "test", "valid"):
                assert np.array_equal(getattr(ours, part), getattr(theirs, part))

    def test_a_seed_makes_one_file(self, songs, tmp_path):
        def text(seed: int) -> bytes:
            tracks = load_dataset(songs).tracks
            split = make_split("random", tracks, n_folds=3, random_state=seed)
            write_split(split, tracks, tmp_path / "out.csv")
            return (tmp_path / "out.csv").read_bytes()

        assert text(3) == text(3)
        assert len({text(seed) for seed in range(5)}) > 1
        assert b"\r" not in text(3)

    def test_paths_move_with_the_file(self, songs, tmp_path):
        tracks = load_dataset(songs).tracks
        write_split(make_split("random", tracks, n_folds=3), tracks, tmp_path / "out.csv")
        assert read(tmp_path / "out.csv")[0]["path"] == "music/folk/0.wav"
        (tmp_path / "elsewhere").mkdir()
        for name in ("out.csv", "music"):
            shutil.move(tmp_path / name, tmp_path / "elsewhere" / name)
        assert len(load_dataset(tmp_path / "elsewhere/out.csv").tracks) == 9

    def test_songs_elsewhere_are_absolute(self, songs, tmp_path, monkeypatch):
        monkeypatch.chdir(songs)
        (tmp_path / "lists").mkdir()
        tracks = load_dataset(".").tracks
        write_split(make_split("random", tracks, n_folds=3), tracks, tmp_path / "lists/out.csv")
        assert read(tmp_path / "lists/out.csv")[0]["path"] == str(songs / "folk/0.wav")
        assert len(load_dataset(tmp_path / "lists/out.csv").tracks) == 9

    def test_a_folder_that_is_not_there(self, songs, tmp_path):
        tracks = load_dataset(songs).tracks
        with pytest.raises(DatasetError, match="cannot write"):
            write_split(make_split("random", tracks, n_folds=3), tracks, tmp_path / "no/out.csv")


class TestLeaks:
    """On all 1000 tracks of GTZAN, whose artists and copies were published."""

    @pytest.mark.parametrize("name", ["fault-filtered", "given", "artist"])
    def test_built_in_splits_share_no_artist_and_no_recording(self, name):
        copies = same_recordings(WHOLE)
        leaks = inspect_split(make_split(name, GTZAN, duplicates=copies), GTZAN, copies)
        assert leaks.n_tested == (1000 if name == "artist" else 290)
        assert (leaks.n_shared_artist, leaks.n_shared_recording) == (0, 0)
        assert leaks.is_clean
        assert leaks.n_shared_album is None

    def test_a_random_split_is_told_the_truth_about(self):
        split = make_split("random", GTZAN, n_folds=10)
        leaks = inspect_split(split, GTZAN, same_recordings(WHOLE))
        # Counted again, in another way: over pairs of tracks.
        fold_of = {int(row): n for n, fold in enumerate(split.folds) for row in fold.test}
        shared = {
            one
            for one, track in enumerate(GTZAN)
            for other, fellow in enumerate(GTZAN)
            if track.artist
            and fellow.artist
            and track.artist.casefold() == fellow.artist.casefold()
            and fold_of[one] != fold_of[other]
        }
        assert leaks.n_shared_artist == len(shared) > 600
        row = {track.track: n for n, track in enumerate(GTZAN)}
        parted = {
            name
            for pair in dataset_facts("gtzan").duplicates
            for name in pair
            if fold_of[row[pair[0]]] != fold_of[row[pair[1]]]
        }
        assert leaks.n_shared_recording == len(parted) > 0
        assert leaks.n_unknown_artist == 81
        assert not leaks.is_clean
        told = list(leaks.warnings())
        assert (
            told[0] == f"{len(shared)} of 1000 test tracks are by artists who are also trained on"
        )
        assert "an accuracy measured on it flatters" in told
        assert told[-1].startswith("81 of 1000 test tracks have no known artist; whether theirs")

    def test_an_accidental_leak_in_given_lists_is_found(self):
        tracks = (
            Track("1", None, "a", "X", "train", "LP"),
            Track("2", None, "b", "Y", "train", "EP"),
            Track("3", None, "a", " x ", "test", "lp"),
            Track("4", None, "b", None, "test", None),
            Track("5", None, "b", "Z", "test", "Other"),
        )
        leaks = inspect_split(make_split("given", tracks), tracks, [0, 1, 2, 1, 4])
        assert (leaks.n_shared_artist, leaks.n_shared_album, leaks.n_shared_recording) == (1, 1, 1)
        assert (leaks.n_unknown_artist, leaks.n_unknown_album) == (1, 1)

    def test_where_no_artist_is_known(self):
        tracks = [Track(str(n), None, "ab"[n % 2]) for n in range(8)]
        leaks = inspect_split(make_split("random", tracks, n_folds=2), tracks)
        assert leaks.n_shared_artist is None
        (told,) = leaks.warnings()
        assert told.startswith("no artist is known, so the same artists may well be on both sides")

    def test_plain_values(self):
        tracks = [Track(str(n), None, "ab"[n % 2], "A") for n in range(8)]
        split = Split("given", "", (Fold(make_rows(range(6)), make_rows((6, 7))),))
        assert inspect_split(split, tracks).to_dict() == {
            **{"split": "given", "n_folds": 1, "n_tested": 2},
            **{"n_shared_artist": 2, "n_shared_album": None, "n_shared_recording": 0},
            **{"n_unknown_artist": 0, "n_unknown_album": 2},
        }


class TestRecordings:
    def test_published_pairs_are_one_and_chains_too(self):
        numbers = same_recordings(WHOLE)
        row = {track.track: n for n, track in enumerate(GTZAN)}
        assert len(set(numbers)) == 1000 - 14
        for one, other in dataset_facts("gtzan").duplicates:
            assert numbers[row[one]] == numbers[row[other]]
        assert merge_groups(4, [[0, 1], [3, 2], [1, 2]]).tolist() == [0, 0, 0, 0]

    def test_equal_files_are_one_whatever_their_names(self, songs):
        shutil.copy(songs / "folk/0.wav", songs / "rock/the same.wav")
        dataset = load_dataset(songs)
        seen: list[tuple[int, int]] = []
        numbers = same_recordings(dataset, progress=lambda *step: seen.append(step))
        names = [track.track for track in dataset.tracks]
        assert numbers[names.index("folk/0")] == numbers[names.index("rock/the same")]
        assert len(set(numbers)) == 9
        assert seen == [(1, 2), (2, 2)]  # the others are alone with their size

    def test_files_of_one_size_are_not_one_for_that(self, songs):
        rng = np.random.default_rng(1)
        sf.write(songs / "rock/other.wav", rng.uniform(-0.5, 0.5, 400), 8000)
        assert len(set(same_recordings(load_dataset(songs)))) == 10

    def test_a_file_that_went_away(self, songs):
        dataset = load_dataset(songs)
        shutil.copy(songs / "folk/0.wav", songs / "folk/3.wav")
        (songs / "jazz/1.wav").unlink()
        assert len(set(same_recordings(dataset))) == 8
