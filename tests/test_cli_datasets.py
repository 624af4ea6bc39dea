"""``generify datasets list``, ``info`` and ``split``: what a person sees of them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from conftest import Command
from generify.datasets import dataset_facts, list_datasets


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Twelve songs of two genres."""
    rng = np.random.default_rng(3)
    for number in range(12):
        path = tmp_path / "music" / ("jazz" if number % 2 else "rock") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, rng.uniform(-0.5, 0.5, 400 + number), 8000)
    return tmp_path / "music"


@pytest.fixture
def manifest(songs: Path) -> Path:
    """The same songs by four artists, each on one album, three songs an artist."""
    lines = ["path,genre,artist,album"]
    for number in range(12):
        genre = "jazz" if number % 2 else "rock"
        lines.append(f"music/{genre}/{number}.wav,{genre},A{number // 3},LP {number // 3}")
    path = songs.parent / "songs.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class TestList:
    def test_every_dataset_has_a_row(self, command: Command) -> None:
        done = command("datasets", "list")
        assert (done.code, done.err) == (0, "")
        rows = {line.split()[0]: line for line in done.out.splitlines() if line.strip()}
        for name in list_datasets():
            facts = dataset_facts(name)
            assert facts.summary in rows[name]
            assert f" {facts.n_tracks:,} " in rows[name]
        assert " by hand " in rows["indian"]
        assert " about 24 GB " in rows["fma-medium"]
        assert "GiB" not in done.out
        assert " 7.7 GB " in rows["fma-small"]

    def test_as_json(self, command: Command) -> None:
        records = json.loads(command("datasets", "list", "--format", "json").out)
        assert [record["name"] for record in records] == list(list_datasets())
        assert records[0]["downloads"][1]["checksums"]["md5"] == "5b3d6dddb579ab49814ab86dba69e7c7"
        assert records[0]["duplicates"][0] == ["disco.00098", "disco.00099"]
        assert records[0]["faults"]["reggae.00086"] == "mostly noise"

    def test_as_csv(self, command: Command) -> None:
        table = command("datasets", "list", "--format", "csv").out
        rows = list(csv.DictReader(io.StringIO(table)))
        assert [row["name"] for row in rows] == list(list_datasets())
        assert rows[0]["genres"].startswith("blues; classical; ")
        assert rows[0]["duplicates"].startswith("disco.00098 = disco.00099; ")
        assert rows[0]["downloads"].endswith("; http://opihi.cs.uvic.ca/sound/genres.tar.gz")


class TestInfo:
    @pytest.mark.parametrize("name", list_datasets())
    def test_all_that_is_known_is_shown(self, name: str, command: Command) -> None:
        facts = dataset_facts(name)
        done = command("datasets", "info", name)
        assert (done.code, done.err) == (0, "")
        for text in (facts.title, facts.citation, facts.licence, facts.layout, *facts.notes):
            assert text in done.out
        for download in facts.downloads:
            assert download.url in done.out
            assert download.account in done.out
        assert all(track in done.out for track in facts.faults)

    def test_one_record(self, command: Command) -> None:
        (record,) = json.loads(command("datasets", "info", "Indian", "--format", "json").out)
        assert record["name"] == "indian"
        assert "sign in at Kaggle" in record["downloads"][0]["account"]

    def test_an_unknown_name(self, command: Command) -> None:
        done = command("datasets", "info", "gtzn")
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("error: no dataset is called 'gtzn'\nhint: known datasets: gt")


class TestSplit:
    def test_a_file(self, manifest: Path, command: Command) -> None:
        folds = manifest.with_name("folds.csv")
        done = command("datasets", "split", manifest, "--by", "album", "--folds", 2, "-o", folds)
        assert (done.code, done.out) == (0, "")
        assert done.err.splitlines() == [
            "album: cross-validation in which no album is both trained on and tested on; "
            "artists may be",
            "2 folds of 6 tracks",
            f"wrote {folds}",
            f"try it: generify evaluate {folds} --split given",
        ]
        rows = list(csv.DictReader(io.StringIO(folds.read_text(encoding="utf-8"))))
        assert {row["fold"] for row in rows} == {"1", "2"}
        assert len({(row["album"], row["fold"]) for row in rows}) == 4

    def test_stdout_takes_the_csv_alone(self, manifest: Path, command: Command) -> None:
        done = command("datasets", "split", manifest, "--by", "random", "--folds", "3")
        assert done.code == 0
        assert len(list(csv.DictReader(io.StringIO(done.out)))) == 12
        assert "test tracks are by artists who are also trained on" in done.err
        assert "warning: an accuracy measured on it flatters" in done.err

    def test_the_seed_decides(self, songs: Path, command: Command) -> None:
        def made(seed: int) -> str:
            how = ("--by", "random", "--folds", "3", "--seed", seed)
            return command("datasets", "split", songs, *how).out

        assert made(1) == made(1)
        assert len({made(seed) for seed in range(4)}) > 1

    def test_where_no_artist_is_known(self, songs: Path, command: Command) -> None:
        done = command("datasets", "split", songs, "--by", "random", "--folds", "3")
        assert "warning: no artist is known, so the same artists may well be on both" in done.err

    def test_copies_stay_on_one_side(self, songs: Path, command: Command) -> None:
        shutil.copy(songs / "rock/0.wav", songs / "rock/again.wav")
        for seed in range(3):
            how = ("--by", "random", "--folds", "3", "--seed", seed)
            done = command("datasets", "split", songs, *how)
            fold = {row["track"]: row["fold"] for row in csv.DictReader(io.StringIO(done.out))}
            assert fold["rock/again"] == fold["rock/0"]

    def test_a_file_that_is_no_audio(self, songs: Path, command: Command) -> None:
        (songs / "rock/words.wav").write_text("these are words")
        done = command("datasets", "split", songs, "--by", "random", "--folds", "3")
        assert done.code == 1
        assert "words.wav: is a text, no audio; give a song" in done.err
        assert len(done.out.splitlines()) == 13

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            ((), 2, "how should the tracks be divided?"),
            (("--by", "kfold"), 2, "there is no split 'kfold'; there are fault-filtered, offic"),
            (("--by", "artist"), 1, "an artist split needs artists, and no track has one"),
            (("--by", "official"), 1, "these tracks are not those of the published official li"),
            (("--by", "random", "-o", "x.txt"), 2, "x.txt should end in .csv"),
            (("--by", "random", "-o", "no/x.csv"), 2, "there is no folder no"),
            (("--by", "random", "--format", "json"), 2, "--format is for --check"),
            (("--check", "-o", "x.csv"), 2, "--check writes no file"),
        ],
    )
    def test_wrong_usage(
        self, songs: Path, command: Command, arguments: tuple[str, ...], code: int, says: str
    ) -> None:
        done = command("datasets", "split", songs, *arguments)
        assert (done.code, done.out) == (code, "")
        assert f"error: {says}" in done.err or says in done.err.splitlines()[0]

    def test_what_is_possible_is_named(self, manifest: Path, command: Command) -> None:
        hint = command("datasets", "split", manifest).err.splitlines()[-1]
        assert hint == "hint: give --by NAME; possible here: artist, album, random"


class TestCheck:
    def counts(self, out: str) -> dict[str, dict[str, object]]:
        return {record["split"]: record for record in json.loads(out)}

    def test_every_split_that_is_possible(self, manifest: Path, command: Command) -> None:
        done = command("datasets", "split", manifest, "--check", "--folds", 2, "--format", "json")
        assert done.code == 0
        found = self.counts(done.out)
        assert list(found) == ["artist", "album", "random"]
        for name in ("artist", "album"):
            assert found[name]["n_shared_artist"] == found[name]["n_shared_album"] == 0
        assert found["random"]["n_shared_artist"] == found["random"]["n_shared_album"]
        assert "warning: random: an accuracy measured on it flatters" in done.err.splitlines()
        assert not any("artist: " in line and "flatters" in line for line in done.err.splitlines())

    def test_as_a_table(self, manifest: Path, command: Command) -> None:
        done = command("datasets", "split", manifest, "--by", "artist", "--check", "--folds", 2)
        assert done.code == 0
        head, _, row = (line for line in done.out.splitlines() if line.strip())
        assert head.split("  ")[0].strip() == "split"
        assert "shared artist   shared album   shared recording" in head
        assert row.split() == ["artist", "2", "12", "0", "0", "0"]

    def test_a_leak_is_a_failure_of_the_split_asked_for(
        self, manifest: Path, command: Command
    ) -> None:
        done = command("datasets", "split", manifest, "--by", "random", "--check", "--folds", 3)
        assert done.code == 1
        assert "(" in done.out
        assert "%" in done.out

    def test_a_written_split_is_checked_as_given(self, manifest: Path, command: Command) -> None:
        folds = manifest.with_name("folds.csv")
        command("datasets", "split", manifest, "--by", "artist", "--folds", 2, "-o", folds)
        done = command("datasets", "split", folds, "--check", "--format", "json")
        assert done.code == 0
        assert list(self.counts(done.out)) == ["given"]
        leaky = folds.read_text(encoding="utf-8").replace(",A0,", ",A1,")
        folds.write_text(leaky, encoding="utf-8")
        done = command("datasets", "split", folds, "--check", "--format", "json")
        assert done.code == 1
        assert self.counts(done.out)["given"]["n_shared_artist"] in {3, 6}

    def test_a_split_that_cannot_be_made_does_not_hide_the_others(
        self, manifest: Path, command: Command
    ) -> None:
        text = manifest.read_text(encoding="utf-8")
        for number in range(4):
            text = text.replace(f",jazz,A{number},", ",jazz,Same,")
        manifest.write_text(text, encoding="utf-8")
        done = command("datasets", "split", manifest, "--check", "--folds", 2, "--format", "json")
        assert done.code == 0
        assert "warning: artist: all 6 tracks of jazz are by one artist, so" in done.err
        assert list(self.counts(done.out)) == ["album", "random"]

    @pytest.mark.data
    def test_the_truth_about_real_clips(self, shared_data: Path, command: Command) -> None:
        clips = shared_data / "gtzan/audio"
        done = command("datasets", "split", clips, "--check", "--format", "json")
        found = self.counts(done.out)
        for name in ("fault-filtered", "artist"):
            assert found[name]["n_shared_artist"] == found[name]["n_shared_recording"] == 0
        shared = found["random"]["n_shared_artist"]
        assert isinstance(shared, int)
        assert shared > 401 / 2
        assert f"random: {shared} of 401 test tracks are by artists who are also" in done.err


class TestTraining:
    """What ``split`` writes, ``train`` and ``evaluate`` take."""

    @pytest.fixture
    def listed(self, music: Path, tmp_path: Path) -> Path:
        path = tmp_path / "songs.csv"
        lines = ["path,genre,album"]
        for genre in ("clicks", "noise", "tones"):
            for number in range(8):
                file = music / genre / f"{genre}{number}.wav"
                lines.append(f"{file},{genre},{genre} {number // 2}")
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    def test_train_by_album(self, listed: Path, tmp_path: Path, command: Command) -> None:
        model = tmp_path / "m.onnx"
        done = command(
            *("train", listed, "-o", model, "--split", "album"), "--features", "mfcc", "--no-cache"
        )
        assert done.code == 0, done.err
        assert "split album: cross-validation in which no album is both trained on" in done.out

    def test_evaluate_on_the_folds_of_a_file(
        self, listed: Path, tmp_path: Path, command: Command
    ) -> None:
        folds = tmp_path / "folds.csv"
        how = ("--by", "album", "--folds", 4, "-o", folds)
        assert command("datasets", "split", listed, *how).code == 0
        done = command("evaluate", folds, "--features", "mfcc", "--no-cache")
        assert done.code == 0, done.err
        assert "split given: cross-validation with the folds that the tracks are mark" in done.out
        assert "24 tracks tested, about 18 trained on" in done.out


class TestGtzanWithABrokenClip:
    """The clips of ``music`` under the names of GTZAN, and jazz.00054 as Kaggle ships it."""

    @pytest.fixture(
        params=[
            ("genres", (".au",)),
            ("genres_original", (".wav",)),
            ("Data/genres_original", (".wav", ".au")),
        ],
        ids=["original", "wav", "kaggle, mixed"],
    )
    def gtzan(self, request: pytest.FixtureRequest, music: Path, tmp_path: Path) -> Path:
        layout, suffixes = request.param
        for genre, sound in (("blues", "clicks"), ("jazz", "noise"), ("rock", "tones")):
            (tmp_path / "gtzan" / layout / genre).mkdir(parents=True)
            for number in range(8):
                samples, rate = sf.read(music / sound / f"{sound}{number}.wav")
                suffix = suffixes[number % len(suffixes)]
                name = f"{layout}/{genre}/{genre}.{number:05d}{suffix}"
                sf.write(tmp_path / "gtzan" / name, samples, rate)
        broken = tmp_path / "gtzan" / layout / f"jazz/jazz.00054{suffixes[0]}"
        broken.write_bytes(b"\x00" * 4096)
        return tmp_path / "gtzan"

    def test_evaluate_names_it_and_goes_on(
        self, gtzan: Path, tmp_path: Path, command: Command
    ) -> None:
        how = ("--features", "mfcc", "--split", "random", "--no-cache")
        done = command("evaluate", gtzan, *how, "--report", tmp_path / "report")
        assert done.code == 1  # one file failed, and is named
        assert "24 tracks tested" in done.out
        assert "on gtzan" in done.out
        assert "jazz.00054" in done.err
        assert ": is not an audio file that can be decoded; if it plays elsewhere" in done.err
        assert "jazz.00054" in (tmp_path / "report/report.html").read_text(encoding="utf-8")

    def test_train_names_it_and_goes_on(
        self, gtzan: Path, tmp_path: Path, command: Command
    ) -> None:
        model = tmp_path / "m.onnx"
        how = ("--features", "mfcc", "--split", "random", "--no-cache")
        done = command("train", gtzan, "-o", model, *how)
        assert done.code == 1
        assert "left out: " in done.err
        assert "jazz.00054" in done.err
        assert "fitted on 24 tracks" in done.err
        assert model.exists()
