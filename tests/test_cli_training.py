"""``train``, ``evaluate``, ``compare``, ``extract``, ``convert``, ``spectrogram`` and ``cache``."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile

import generify
from conftest import RATE, Command
from generify.classifiers import list_classifiers
from generify.errors import Failure
from generify.evaluation import EvaluationReport
from generify.model import GenreModel
from generify.table import FeatureTable, load_table, save_table
from generify.training import compare_classifiers

FORMATS = ("table", "json", "ndjson", "csv")


@pytest.fixture(scope="module")
def table_file(music_table: FeatureTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "music.parquet"
    save_table(music_table, path)
    return path


@pytest.fixture(scope="module")
def with_failures(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The songs with one that is none, and one cut short."""
    root = tmp_path_factory.mktemp("däta set") / "my müsic"
    shutil.copytree(music, root)
    (root / "tones/text.mp3").write_text("words")
    whole = (music / "tones/tones0.wav").read_bytes()
    (root / "tones/short.wav").write_bytes(whole[: len(whole) * 3 // 4])
    return root


def read(form: str, text: str) -> list[dict[str, Any]]:
    if form == "csv":
        return list(csv.DictReader(io.StringIO(text)))
    if form == "ndjson":
        return [json.loads(line) for line in text.splitlines()]
    found = json.loads(text)
    return found if isinstance(found, list) else found["scores"]


def test_train_then_predict(music: Path, tmp_path: Path, command: Command) -> None:
    output = tmp_path / "a model.onnx"
    done = command("train", music, "-f", "mfcc", "-c", "logreg", "-o", output)
    assert done.code == 0
    assert f"wrote {output}: 3 genres, fitted on 24 tracks" in done.err
    warning = 'warning: this model cannot say "unknown" of music unlike its own: its features hold '
    assert f"{warning}no tags" in done.err.splitlines()
    assert "split random: " in done.out
    assert "% right (95 % interval " in done.out
    hint = done.err.splitlines()[-1]
    assert hint.startswith("try it: generify predict")
    arguments = shlex.split(hint.removeprefix("try it: generify "))
    arguments[-1] = str(music / "noise/noise0.wav")
    assert "noise" in command(*arguments).out.splitlines()[2].split()


def test_train_says_what_the_library_says(music: Path, tmp_path: Path, command: Command) -> None:
    output = tmp_path / "m.onnx"
    command("train", music, "-f", "mfcc", "-c", "nb", "-o", output)
    by_hand = generify.train(music, features="mfcc", classifier="nb")
    assert generify.load_model(output).card.metrics == by_hand.model.card.metrics


@pytest.mark.parametrize("name", ["extract", "train"])
def test_failures_are_named_and_the_rest_is_done(
    name: str, with_failures: Path, tmp_path: Path, command: Command
) -> None:
    output = tmp_path / ("t.parquet" if name == "extract" else "m.onnx")
    done = command(name, with_failures, "-f", "mfcc", "-o", output)
    assert done.code == 1
    assert output.is_file()
    lines = done.err.splitlines()
    (left_out,) = [line for line in lines if line.startswith("left out: ")]
    assert f"{with_failures / 'tones/text.mp3'}: is a text, no audio; give a song" in left_out
    assert any("tones/short: " in line and "cut short" in line for line in lines)
    if name == "extract":
        assert done.out == ""
        assert len(load_table(output).tracks) == 25


def test_extract_writes_what_the_library_computes(
    music: Path, music_table: FeatureTable, tmp_path: Path, command: Command
) -> None:
    output = tmp_path / "t.parquet"
    assert command("extract", music, "-f", "mfcc", "-o", output).code == 0
    found = load_table(output)
    assert found.tracks == music_table.tracks
    assert (found.X == music_table.X).all()


def test_genres(music: Path, table_file: Path, tmp_path: Path, command: Command) -> None:
    output = tmp_path / "two.parquet"
    done = command("extract", music, "-f", "mfcc", "-o", output, "--genres", "tones, noise")
    assert done.code == 0
    assert load_table(output).genres == ("noise", "tones")
    done = command(
        "evaluate", table_file, "-f", "mfcc", "--genres", "tones,noise", "--format", "csv"
    )
    assert [row["genre"] for row in read("csv", done.out)] == ["noise", "tones"]


@pytest.mark.parametrize("form", FORMATS)
def test_evaluate(form: str, with_failures: Path, command: Command) -> None:
    """The result parses although a file failed, and is the library's."""
    done = command(
        "evaluate", with_failures, "-f", "mfcc", "-c", "lda", "--split", "random", "--format", form
    )
    assert done.code == 1
    assert "left out: " in done.err
    assert "warning: " in done.err
    report = generify.evaluate(with_failures, features="mfcc", classifier="lda", split="random")
    if form == "table":
        assert f"{100 * report.accuracy:.1f} % right" in done.out
        assert report.experiment.split_meaning in " ".join(done.out.split())
        return
    if form == "json":
        assert json.loads(done.out) == json.loads(json.dumps(report.to_dict()))
    rows = read(form, done.out)
    assert [row["genre"] for row in rows] == list(report.genres)
    assert [float(row["f1"]) for row in rows] == [
        score["f1"] for score in report.to_dict()["scores"]
    ]


def test_evaluate_a_model(
    music: Path, music_model: GenreModel, table_file: Path, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / "toy.onnx"
    music_model.save(path)
    done = command("evaluate", path, table_file)
    assert done.code == 1
    assert "was trained on all 24 of these tracks" in done.err
    (hint,) = [line for line in done.err.splitlines() if line.startswith("hint: ")]
    assert hint == (
        f"hint: judge its recipe instead: generify evaluate {table_file} --features mfcc "
        "--classifier logreg; or give --include-seen"
    )
    done = command("evaluate", path, table_file, "--include-seen", "--genres", "tones", "--format",
                   "json")  # fmt: skip
    assert done.code == 0
    assert "NaN" not in done.out
    assert json.loads(done.out)["n_tracks"] == 8
    table = command("evaluate", path, music, "--include-seen", "--genres", "tones")
    assert "macro AUC –" in table.out
    untested = ", ".join(genre for genre in music_model.genres if genre != "tones")
    assert table.out.splitlines()[-1] == f"not tested, as no track is of them: {untested}"
    assert "nan" not in table.out


def test_report(table_file: Path, tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "ä report/of mine"
    done = command("evaluate", table_file, "-f", "mfcc", "--report", folder)
    assert done.code == 0
    assert f"wrote {folder / 'report.html'}" in done.err
    assert "base64" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reports(music_table: FeatureTable) -> tuple[EvaluationReport, ...]:
    return compare_classifiers(music_table, n_folds=2)


@pytest.mark.parametrize("form", FORMATS)
def test_compare(
    form: str,
    table_file: Path,
    reports: tuple[EvaluationReport, ...],
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The folds are the library's; the example of the help runs them all."""
    monkeypatch.setattr("generify.training.compare_classifiers", lambda *_, **__: reports)
    done = command("compare", table_file, "-f", "mfcc", "--format", form)
    assert done.code == 0
    if form == "table":
        assert "split random: " in done.out
        figures = [float(line.split(" %")[0].split()[-1]) for line in done.out.splitlines()
                   if " to " in line and "%" in line and "interval" not in line
                   and "split" not in line]  # fmt: skip
        assert len(figures) == len(list_classifiers())
        assert figures == sorted(figures, reverse=True)
        return
    rows = read(form, done.out)
    assert [row["classifier"] for row in rows] == list(list_classifiers())
    assert {row["split"] for row in rows} == {"random"}


def test_the_cache_is_used_and_shown_and_cleared(
    music: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(tmp_path / "cache"))
    command("extract", music, "-f", "mfcc", "-o", tmp_path / "t.parquet", "--no-cache")
    assert "entries  0\n" in command("cache", "info").out
    command("extract", music, "-f", "mfcc", "-o", tmp_path / "t.parquet")
    shown = command("cache", "info").out
    assert "entries  48\n" in shown  # what each file is, and what it sounds like
    assert str(tmp_path / "cache") in shown
    done = command("cache", "clear")
    assert (done.out, done.err) == ("", f"removed 48 entries from {tmp_path / 'cache'}\n")
    assert "size     0 bytes of at most 2.1 GB" in command("cache", "info").out


def test_convert(with_failures: Path, tmp_path: Path, command: Command) -> None:
    target = tmp_path / "wäv files"
    for said in (
        "25 converted, 0 already there, 1 failed",
        "0 converted, 25 already there, 1 failed",
    ):
        done = command("convert", with_failures, "-o", target)
        assert (done.code, done.out) == (1, "")
        lines = done.err.splitlines()
        assert lines[-1] == said
        assert lines[-2].startswith(
            f"failed: {with_failures / 'tones/text.mp3'}: is a text, no audio"
        )
        if said.startswith("25"):
            assert lines[0].startswith(f"warning: {with_failures / 'tones/short.wav'}: ")
    assert len(list(target.rglob("*.wav"))) == 25


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_spectrogram(suffix: str, music: Path, tmp_path: Path, command: Command) -> None:
    output = tmp_path / f"two söngs.{suffix}"
    songs = [music / "tones/tones0.wav", music / "noise/noise0.wav"]
    done = command("spectrogram", *songs, "-o", output)
    assert (done.code, done.out, done.err) == (0, "", f"wrote {output}\n")
    assert output.stat().st_size > 5000


def test_spectrogram_of_a_folder_with_a_bad_file(tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"")
    output = tmp_path / "s.png"
    assert command("spectrogram", folder, "-o", output).code == 1
    assert not output.exists()
    soundfile.write(folder / "b.wav", [0.5 * (-1) ** i for i in range(2 * RATE)], RATE)
    done = command("spectrogram", folder, "-o", output)
    assert done.code == 1
    assert output.is_file()
    assert "a.wav: is empty (0 bytes)" in done.err


def test_compare_shows_what_cannot_be_fitted(
    table_file: Path,
    reports: tuple[EvaluationReport, ...],
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = Failure("svm", "UnfitError", "too few")
    monkeypatch.setattr(
        "generify.training.compare_classifiers", lambda *_, **__: (*reports[:-1], failed)
    )
    done = command("compare", table_file, "-f", "mfcc")
    assert done.code == 1
    assert "Support vector machine (svm)" in done.out.splitlines()[-1]
    assert "cannot be fitted" in done.out.splitlines()[-1]
    assert "not compared: svm: too few" in done.err.splitlines()
    for form in ("json", "csv"):
        done = command("compare", table_file, "-f", "mfcc", "--format", form)
        last = read(form, done.out)[-1]
        error = {"type": "UnfitError", "message": "too few"}
        assert last["error"] == (error if form == "json" else "too few")


def test_train_says_which_tracks_it_held_out(
    music_table: FeatureTable, tmp_path: Path, command: Command
) -> None:
    marked = [replace(t, split="train" if i % 4 else "test")
              for i, t in enumerate(music_table.tracks)]  # fmt: skip
    save_table(replace(music_table, tracks=tuple(marked)), tmp_path / "t.parquet")
    options = ("-f", "mfcc", "-c", "nb", "-o", tmp_path / "m.onnx", "--hold-out")
    done = command("train", tmp_path / "t.parquet", *options)
    assert "fitted on 18 tracks" in done.err
    (line,) = [line for line in done.err.splitlines() if line.startswith("held out, as the lists")]
    assert f"6 tracks ({marked[0].track}, " in line
    assert line.endswith(" and 1 more)")


def test_nothing_to_hold_out_is_told_before_any_song_is_heard(
    music: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hear(*_: object, **__: object) -> None:
        raise AssertionError("a song was heard")

    monkeypatch.setattr("generify.workflow.extract_features", hear)
    done = command("train", music, "-f", "mfcc", "-o", tmp_path / "m.onnx", "--hold-out")
    assert done.code == 2
    assert "marks no track as test, so none can be held out" in done.err
    songs = sorted(music.glob("*/*.wav"))
    parts = ["train" if song.parent.name == songs[0].parent.name else "test" for song in songs]
    rows = [f"{s},{s.parent.name},{p}" for s, p in zip(songs, parts, strict=True)]
    manifest = tmp_path / "songs.csv"
    manifest.write_text("\n".join(["path,genre,split", *rows]))
    done = command("train", manifest, "-f", "mfcc", "-o", tmp_path / "m.onnx", "--hold-out")
    assert done.code == 1
    assert (
        "songs, its test tracks held out, has 1 genre with usable tracks, a model needs two"
        in done.err
    )


def test_a_model_in_the_place_of_the_dataset(
    music: Path, model_file: Path, command: Command
) -> None:
    for model in (model_file, "western"):
        done = command("evaluate", music, model)
        assert (done.code, done.out) == (2, "")
        assert done.err.splitlines() == [
            f"error: cannot read the model {music}: Is a directory",
            f"hint: the model comes first: generify evaluate {model} {music}",
        ]
    done = command("evaluate", music, music)
    assert "the model comes first" not in done.err
