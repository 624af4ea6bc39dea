"""``generify predict``: its formats, its options, and that it says what the library says."""

from __future__ import annotations

import csv
import io
import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import generify
from conftest import RATE, Command, Outcome
from generify.cli.answers import AnswerTable
from generify.cli.terminal import format_bytes, format_percent, format_sure, format_time
from generify.model import GenreModel
from generify.prediction import GenreProbability, Prediction

FORMATS = ("table", "json", "ndjson", "csv")


@pytest.fixture
def songs(music: Path, tmp_path: Path) -> Path:
    """Two good songs, one with a warning, one that is no song."""
    folder = tmp_path / "songs"
    folder.mkdir()
    shutil.copy(music / "tones/tones0.wav", folder / "a.wav")
    shutil.copy(music / "noise/noise0.wav", folder / "b.wav")
    whole = (music / "clicks/clicks0.wav").read_bytes()
    (folder / "c_cut_short.wav").write_bytes(whole[: len(whole) * 3 // 4])
    (folder / "d_text.mp3").write_text("words")
    return folder


def read(form: str, text: str) -> list[dict[str, Any]]:
    if form == "csv":
        return list(csv.DictReader(io.StringIO(text)))
    if form == "json":
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines()]


def check_streams(done: Outcome, songs: Path) -> None:
    """Warnings and failures are on stderr and nowhere else."""
    assert done.code == 1
    lines = done.err.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["warning", "failed"]
    assert str(songs / "c_cut_short.wav") in lines[0]
    assert "damaged or cut short" in lines[0]
    assert "d_text.mp3: is a text, no audio" in lines[1]
    assert lines[-1] == "1 of 4 songs failed"


def test_table(songs: Path, model_file: Path, command: Command) -> None:
    done = command("predict", songs, "--model", model_file)
    check_streams(done, songs)
    assert [line.split()[:2] for line in done.out.splitlines()[2:]] == [
        ["a.wav", "tones"],
        ["b.wav", "noise"],
        ["c_cut_short.wav", "clicks"],
    ]
    assert done.out.split()[:4] == ["song", "genre", "sure", "then"]


@pytest.mark.parametrize("form", FORMATS[1:])
def test_formats_parse_whatever_happens(
    form: str, songs: Path, model_file: Path, command: Command
) -> None:
    done = command("predict", songs, "--model", model_file, "--format", form)
    check_streams(done, songs)
    records = read(form, done.out)
    assert [Path(r["path"]).name for r in records] == [
        "a.wav",
        "b.wav",
        "c_cut_short.wav",
        "d_text.mp3",
    ]
    assert [r.get("genre") or None for r in records] == ["tones", "noise", "clicks", None]
    error = records[3]["error"]
    assert "is a text, no audio" in (error if form == "csv" else error["message"])
    if form != "csv":
        assert error["type"] == "AudioDecodeError"


@pytest.mark.parametrize("form", FORMATS[1:])
@pytest.mark.parametrize("by_name", [True, False])
def test_a_file_gets_what_stdout_would(
    form: str, by_name: bool, songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    shown = command("predict", songs, "--model", model_file, "--format", form)
    output = tmp_path / (f"answers.{form}" if by_name else "answers")
    options = () if by_name else ("--format", form)
    done = command("predict", songs, "--model", model_file, "-o", output, *options)
    assert (done.code, done.out) == (1, "")
    assert f"wrote {output}" in done.err
    assert output.read_text(encoding="utf-8") == shown.out


@pytest.mark.parametrize("name", ["answers", "answers.txt", "answers.table"])
def test_a_file_without_a_format(
    name: str, songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    done = command("predict", songs, "--model", model_file, "-o", tmp_path / name)
    assert done.code == 2
    assert "does not say how to write the answers" in done.err
    assert "hint: let its name end in .json, .ndjson or .csv, or give --format" in done.err
    assert not (tmp_path / name).exists()


def test_command_library_and_dictionary_agree(
    music: Path, model_file: Path, command: Command
) -> None:
    song = music / "noise/noise3.wav"
    for timeline in (False, True):
        told = generify.predict(str(song), model_file, timeline=timeline, min_confidence=0.2)
        options = ("--timeline",) if timeline else ()
        settings = ("--model", model_file, "--min-confidence", "0.2", *options)
        for form in ("json", "ndjson"):
            done = command("predict", song, *settings, "--format", form)
            assert (done.code, done.err) == (0, "")
            assert read(form, done.out) == [told.to_dict()]
        row = read("csv", command("predict", song, *settings, "--format", "csv").out)[0]
        assert row["genre"] == told.genre
        assert float(row["confidence"]) == told.to_dict()["confidence"]
    assert told.to_dict()["timeline"]


def test_the_keys_of_a_song(music: Path, model_file: Path, command: Command) -> None:
    done = command("predict", music / "tones/tones0.wav", "--model", model_file, "--format", "json")
    (record,) = json.loads(done.out)
    assert set(record) == set(
        "path model genre confidence unknown genres styles duration analysed warnings doubt".split()  # noqa: SIM905
    )
    assert next(g["genre"] for g in record["genres"]) == record["genre"]
    assert sum(g["probability"] for g in record["genres"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("top", "n_columns"), [(1, 1), (2, 2), (3, 3), (99, 3)])
def test_top(top: int, n_columns: int, music: Path, model_file: Path, command: Command) -> None:
    song = music / "tones/tones0.wav"
    row = read("csv", command("predict", song, "--model", model_file, "--top", top, "--format",
                              "csv").out)[0]  # fmt: skip
    assert sum(name.startswith("probability_") for name in row) == n_columns
    assert row["genre_1"] == "tones"


def western(song: Path, command: Command, *options: object) -> list[str]:
    """Cells of the one row of a table; a chord is sure to be nearly nothing in ten genres."""
    done = command("predict", song, *options)
    assert done.code == 0
    return [cell.strip() for cell in done.out.splitlines()[2].split("   ") if cell.strip()]


def test_nothing_is_said_of_genres_that_are_noise(music: Path, command: Command) -> None:
    song = music / "tones/tones0.wav"
    told = generify.predict(song)
    assert told.unknown
    assert western(song, command)[2:] == [f"nearest: {told.genres[0].genre}"]
    nearest = ", ".join(g.genre for g in told.genres)
    assert western(song, command, "--top", 20)[2:] == [f"nearest: {nearest}"]


def test_as_many_genres_as_were_asked_for(music: Path, model_file: Path, command: Command) -> None:
    song = music / "tones/tones0.wav"
    told = generify.predict(song, model_file)
    few = western(song, command, "--model", model_file)[3:]
    many = western(song, command, "--model", model_file, "--top", 3)[3:]
    assert [part.split()[0] for part in ", ".join(few).split(", ") if part] == [
        g.genre for g in told.genres[1:] if g.probability >= 0.01
    ]
    assert [part.split()[0] for part in ", ".join(many).split(", ")] == [
        g.genre for g in told.genres[1:]
    ]


def test_percentages_of_an_unknown_song_are_not_shown(music: Path, command: Command) -> None:
    song = music / "tones/tones0.wav"
    told = generify.predict(song)
    assert told.doubt == "it is unlike nearly all that western was trained on"
    done = command("predict", song)
    assert "%" not in done.out
    assert done.err == f"warning: {song}: {told.doubt}, so its percentages mean nothing here\n"
    assert str(told) == f"{song}: unknown (nearest: {told.genres[0].genre})"


@pytest.mark.parametrize(
    ("top", "doubt", "shown"),
    [
        (None, "", "nearest: g0 < 1 %"),
        (2, "", "nearest: g0 < 1 %, g1 < 1 %"),
        (None, "it is unlike nearly all", "nearest: g0"),
        (2, "it is unlike nearly all", "nearest: g0, g1"),
    ],
)
def test_the_nearest_of_very_many_genres(
    top: int | None, doubt: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    genres = tuple(GenreProbability(f"g{number}", 0.005) for number in range(200))
    told = Prediction("a.wav", "many", None, 0.005, True, genres, 30.0, 30.0, doubt=doubt)
    names = [genre.genre for genre in genres]
    AnswerTable([Path("a.wav")], names, top=top, timeline=False).show(told)
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"   {shown}")


def test_a_prediction_is_printed_in_a_line(music: Path, model_file: Path) -> None:
    told = generify.predict(music / "tones/tones0.wav", model_file)
    sure = format_sure(told.confidence)
    assert str(told) == f"{music}/tones/tones0.wav: tones ({sure})"
    assert repr(told).startswith("Prediction(path=")


@pytest.mark.parametrize("command_line", ["predict", "scan", "tag"])
def test_percent_for_a_share(command_line: str, music: Path, command: Command) -> None:
    song = music / "tones/tones0.wav"
    output = ("-o", "never.csv") if command_line == "scan" else ()
    done = command(command_line, song, "--min-confidence", "80", *output)
    assert done.code == 2
    assert done.err.splitlines() == [
        "error: --min-confidence is a share from 0 to 1, got 80",
        "hint: give 0.8 for 80 %",
    ]


def test_a_timeline_is_not_dropped_in_silence(
    music: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    song, output = music / "tones/tones0.wav", tmp_path / "out.csv"
    done = command("predict", song, "--model", model_file, "--timeline", "-o", output)
    assert "warning: the timeline is not in a CSV; .json and .ndjson hold it" in done.err
    quiet = command("predict", song, "--model", model_file, "--timeline", "--format", "json")
    assert quiet.err == ""


def test_a_file_like_an_option_and_an_address(
    music: Path, model_file: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(music / "tones/tones0.wav", tmp_path / "-dash.wav")
    done = command("predict", "-dash.wav")
    assert done.code == 2
    assert done.err.endswith("hint: for the file -dash.wav give ./-dash.wav\n")
    shutil.copy(music / "tones/tones0.wav", tmp_path / "-dash 1.wav")
    done = command("predict", "-dash 1.wav")
    assert done.err.endswith("hint: for the file -dash 1.wav give './-dash 1.wav'\n")
    done = command("predict", "https://example.com/x.mp3")
    assert done.code == 2
    assert done.err.startswith(
        "error: URLs are not read: https://example.com/x.mp3\nhint: download"
    )
    done = command("predict", "./-dash.wav", "https://example.com/x.mp3", "--model", model_file)
    assert "no such file; URLs are not read; download it first" in done.err


def test_one_song_of_one(tmp_path: Path, model_file: Path, command: Command) -> None:
    (tmp_path / "none.mp3").touch()
    done = command("predict", tmp_path / "none.mp3", "--model", model_file)
    assert (done.code, done.err.splitlines()[-1]) == (1, "1 of 1 song failed")


@pytest.mark.parametrize("name", ["predict", "scan"])
def test_who_names_a_database_is_told_that_answers_are_kept(name: str, command: Command) -> None:
    told = " ".join(command(name, "--help").out.split())
    assert "--database URL Keep the answers in this history: a file, mysql://" in told


def test_what_decoders_said_is_for_programs(
    tmp_path: Path, music: Path, model_file: Path, command: Command
) -> None:
    (tmp_path / "noise.mp3").write_bytes(bytes(5000))
    files = (tmp_path / "noise.mp3", music / "tones/tones0.wav")
    done = command("predict", *files, "--model", model_file, "--format", "json")
    assert "noise.mp3: is not an audio file that can be decoded; if it plays elsewhere" in done.err
    assert "(soundfile: " in json.loads(done.out)[0]["error"]["message"]


def test_weak_answers_are_unknown(music: Path, model_file: Path, command: Command) -> None:
    song = music / "tones/tones0.wav"
    sure = generify.predict(song, model_file).confidence
    options = ("--model", model_file, "--min-confidence", 1.0)
    if sure == 1.0:
        pytest.skip("the toy model is certain")
    (record,) = read("json", command("predict", song, *options, "--format", "json").out)
    assert (record["genre"], record["unknown"]) == (None, True)
    row = western(song, command, *options)
    assert row[:2] == ["tones0.wav", "unknown"]
    assert row[2].startswith("nearest: tones ")  # how sure it would be is no sureness of "unknown"


def test_timeline(tmp_path: Path, music: Path, model_file: Path, command: Command) -> None:
    """A song that is noise for a minute and tones for another."""
    parts = []
    for genre in ("noise", "tones"):
        files = sorted((music / genre).glob("*.wav"))
        heard = np.concatenate([soundfile.read(file)[0] for file in files])
        parts.append(np.resize(heard, 60 * RATE))
    song = tmp_path / "two halves.wav"
    soundfile.write(song, np.concatenate(parts), RATE)
    done = command("predict", song, "--model", model_file, "--timeline")
    *rows, styles = [line.split() for line in done.out.splitlines()[3:]]
    assert styles[0] == "styles"
    assert [row[3] for row in (rows[0], rows[-1])] == ["noise", "tones"]
    assert rows[0][0] == "0:00"
    assert rows[-1][2] == "2:00"
    assert [row[0] for row in rows[1:]] == [row[2] for row in rows[:-1]]
    assert all(before[3] != after[3] for before, after in itertools.pairwise(rows))


def test_titles_of_pictures_tell_songs_apart(
    tmp_path: Path,
    music: Path,
    model_file: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    titles: list[str] = []
    monkeypatch.setattr(
        "generify.plots.save_figure",
        lambda figure, _target: titles.append(figure.texts[0].get_text()),
    )
    for folder in ("A", "B"):
        (tmp_path / folder).mkdir()
        shutil.copy(music / "tones/tones0.wav", tmp_path / folder / "01.wav")
    options = ("--model", model_file, "--plot", tmp_path / "pics")
    command("predict", tmp_path / "A", tmp_path / "B", *options)
    command("predict", tmp_path / "A", *options)
    assert [title.partition(":")[0] for title in titles] == ["A/01.wav", "B/01.wav", "01.wav"]


def test_pictures(tmp_path: Path, music: Path, model_file: Path, command: Command) -> None:
    """Songs of one name from two folders get two pictures."""
    for folder, genre in (("one", "tones"), ("two", "noise")):
        (tmp_path / folder).mkdir()
        shutil.copy(music / genre / f"{genre}0.wav", tmp_path / folder / "song.wav")
    plots = tmp_path / "pictures of söngs"
    done = command("predict", tmp_path / "one", tmp_path / "two", "--model", model_file, "--plot",
                   plots)  # fmt: skip
    assert done.code == 0
    written = sorted(path.name for path in plots.iterdir())
    assert written == ["song-2.timeline.png", "song.timeline.png"]
    assert all((plots / name).read_bytes().startswith(b"\x89PNG") for name in written)
    assert str(tmp_path / "one/song.wav") in done.out
    assert done.err.count("wrote ") == 2


def test_a_table_in_a_pipe_is_not_cut(
    music: Path, tmp_path: Path, model_file: Path, command: Command
) -> None:
    song = tmp_path / f"{'long ' * 40}[b]name.wav"
    shutil.copy(music / "tones/tones0.wav", song)
    assert song.name in command("predict", song, "--model", model_file).out


@pytest.mark.parametrize("form", FORMATS)
def test_models_list(form: str, command: Command) -> None:
    done = command("models", "list", "--format", form)
    assert (done.code, done.err) == (0, "")
    card = generify.load_model("western").card
    if form == "table":
        assert "western" in done.out
        assert format_percent(card.metrics["accuracy"]) in done.out
        return
    found = {record["name"]: record for record in read(form, done.out)}
    assert tuple(found) == generify.list_models()
    assert found["western"]["genres"] == ", ".join(card.genres)
    assert found["western"]["split"] == card.metrics["split"]


@pytest.mark.parametrize("form", FORMATS)
def test_models_info(form: str, command: Command) -> None:
    done = command("models", "info", "western", "--format", form)
    assert (done.code, done.err) == (0, "")
    card = generify.load_model("western").card
    if form == "table":
        said = " ".join(done.out.split())
        for fact in (card.dataset, card.metrics["split"], card.metrics["split_meaning"]):
            assert fact in said
        return
    (record,) = read(form, done.out)
    assert record["name"] == "western"
    assert record["dataset"] == card.dataset


def test_models_info_of_a_card_without_figures(
    tmp_path: Path, command: Command, music_model: GenreModel
) -> None:
    import onnx

    graph = onnx.load_from_string(music_model.graph)
    (prop,) = graph.metadata_props
    prop.value = json.dumps({**json.loads(prop.value), "metrics": {}})
    onnx.save(graph, tmp_path / "bare.onnx")
    done = command("models", "info", tmp_path / "bare.onnx")
    assert done.code == 0
    assert "accuracy     not stated" in done.out


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        ([format_percent(share) for share in (0, 0.001, 0.012, 0.5, 0.994, 0.9999, 1)],
         ["0 %", "< 1 %", "1 %", "50 %", "99 %", "> 99 %", "100 %"]),
        ([format_bytes(n) for n in (0, 999, 1500, 2 * 10**6, 3 * 10**9)],
         ["0 bytes", "999 bytes", "1.5 kB", "2.0 MB", "3.0 GB"]),
        ([format_time(seconds) for seconds in (0, 59.6, 61, 3600)],
         ["0:00", "1:00", "1:01", "1:00:00"]),
    ],
)  # fmt: skip
def test_figures_as_people_read_them(shown: Sequence[str], wanted: Sequence[str]) -> None:
    assert list(shown) == list(wanted)
