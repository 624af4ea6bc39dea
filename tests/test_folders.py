"""Artists of a folder of genre folders: those in the tags of its files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import RATE, SOUNDS, Command
from generify.datasets import load_dataset
from generify.datasets.gtzan import published_tracks
from generify.model import load_model

mutagen = pytest.importorskip("mutagen")


def write_song(path: Path, artist: str | None, samples: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(800) if samples is None else samples, RATE)
    if artist is not None:
        audio = mutagen.File(path)
        audio["artist"] = artist
        audio.save()


def write_music(root: Path, jazz: list[str | None], rock: list[str | None]) -> Path:
    for genre, artists in (("jazz", jazz), ("rock", rock)):
        for number, artist in enumerate(artists):
            write_song(root / genre / f"{number}.flac", artist)
    return root


def test_artists_are_those_of_the_tags(tmp_path: Path) -> None:
    music = write_music(tmp_path / "music", ["Nina", "Nina", None], ["Kinks", "Who"])
    dataset = load_dataset(music)
    assert [track.artist for track in dataset.tracks] == ["Nina", "Nina", None, "Kinks", "Who"]
    assert dataset.artists_from == "artists from the files' tags"
    assert dataset.warnings == ()


@pytest.mark.parametrize(
    ("written", "artist"),
    [
        ("Nina feat. Bob", "Nina"),
        ("Nina (Featuring Bob)", "Nina"),
        ("Nina ft. Bob", "Nina"),
        ("Daft Punk", "Daft Punk"),
        ("Various Artists", None),
        ("<unknown>", None),
        ("  ", None),
    ],
)
def test_what_stands_for_an_artist(written: str, artist: str | None, tmp_path: Path) -> None:
    music = write_music(tmp_path / "music", ["A", "B"], ["C", written])
    assert load_dataset(music).tracks[-1].artist == artist


@pytest.mark.parametrize("rock", [[None, None], ["Kinks", None]])
def test_few_names_are_none(rock: list[str | None], tmp_path: Path) -> None:
    dataset = load_dataset(write_music(tmp_path / "music", ["Nina", None], rock))
    assert {track.artist for track in dataset.tracks} == {None}
    assert (dataset.artists_from, dataset.warnings) == ("", ())


def test_a_damaged_tag_names_nobody(tmp_path: Path) -> None:
    music = write_music(tmp_path / "music", ["Nina", "Miles"], ["Kinks"])
    content = (music / "rock/0.flac").read_bytes()
    (music / "rock/1.flac").write_bytes(content[:60] + b"\xff" * 40 + content[100:])
    assert [track.artist for track in load_dataset(music).tracks][-2:] == ["Kinks", None]


def test_without_mutagen_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    music = write_music(tmp_path / "music", ["Nina", "Miles"], ["Kinks"])
    for name in [name for name in sys.modules if name.split(".")[0] == "mutagen"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "mutagen", None)
    dataset = load_dataset(music)
    assert ({track.artist for track in dataset.tracks}, dataset.warnings) == ({None}, ())


def test_published_and_listed_artists_stay(tmp_path: Path) -> None:
    for number in range(2):
        for genre in ("blues", "rock"):
            path = tmp_path / "gtzan" / genre / f"{genre}.{number:05d}.flac"
            write_song(path, "Somebody")
    known = published_tracks()
    for track in load_dataset(tmp_path / "gtzan").tracks:
        assert track.artist == known[track.track].artist
    manifest = tmp_path / "songs.csv"
    manifest.write_text(
        "path,genre,artist\n"
        "gtzan/blues/blues.00000.flac,blues,Me\ngtzan/rock/rock.00000.flac,rock,\n"
    )
    assert [track.artist for track in load_dataset(manifest).tracks] == ["Me", None]


def write_sounds(root: Path, n_artists: int) -> Path:
    rng = np.random.default_rng(7)
    for genre, sound in SOUNDS.items():
        for number in range(8):
            artist = f"{genre} band {number % n_artists}"
            write_song(root / genre / f"{genre}{number}.flac", artist, sound(rng, 2.5))
    return root


said = "artists from the files' tags: 24 of 24 tracks name one"


def test_a_model_says_where_its_artists_are_from(tmp_path: Path, command: Command) -> None:
    music, output = write_sounds(tmp_path / "music", 4), tmp_path / "mine.onnx"
    done = command("train", music, "-o", output, "--features", "mfcc", "--report", tmp_path / "r")
    assert done.code == 0
    assert said not in done.err
    assert f"trained on and tested on; {said}" in done.out
    metrics = load_model(output).card.metrics
    assert metrics["split"] == "artist"
    assert metrics["split_meaning"].endswith(f"; {said}")
    assert said in (tmp_path / "r/report.json").read_text()


def test_a_table_says_where_its_artists_are_from(tmp_path: Path, command: Command) -> None:
    music, table = write_sounds(tmp_path / "music", 4), tmp_path / "music.parquet"
    extracted = command("extract", music, "-o", table, "--features", "mfcc")
    assert extracted.err.splitlines()[-2:-1] == [said]
    done = command("train", table, "-o", tmp_path / "mine.onnx", "--features", "mfcc")
    assert f"trained on and tested on; {said}" in done.out
    divided = command("datasets", "split", music, "--by", "artist")
    assert said in divided.err.splitlines()
    one, two = sorted(folder.name for folder in music.iterdir())[:2]
    part = command(
        "train",
        table,
        "-o",
        tmp_path / "part.onnx",
        "--features",
        "mfcc",
        "--genres",
        f"{one},{two}",
    )
    assert "artists from the files' tags: 16 of 16 tracks name one" in part.out


def test_genres_by_one_artist_are_trained_on_all_the_same(tmp_path: Path, command: Command) -> None:
    music, output = write_sounds(tmp_path / "music", 1), tmp_path / "mine.onnx"
    done = command("train", music, "-o", output, "--features", "mfcc")
    assert done.code == 0
    assert "all 8 tracks of clicks are by one artist" in done.err
    metrics = load_model(output).card.metrics
    assert metrics["split"] == "random"
    assert "tags" not in metrics["split_meaning"]
