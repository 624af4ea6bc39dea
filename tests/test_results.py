"""Results as files: every format gives back what was written, and says what it cannot read."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Command
from generify.errors import Failure, MissingExtraError, ParameterError
from generify.model import GenreModel
from generify.prediction import GenreProbability, Prediction, StyleScore, predict
from generify.results import (
    RESULT_SUFFIXES,
    ResultsError,
    SongResult,
    check_results_path,
    read_results,
    read_song_results,
    write_song_results,
)

GENRES = ("rock", "jazz")
SONG = SongResult(
    Prediction(
        path='a "b"/ü, 1.mp3',
        model="western",
        genre="jazz",
        confidence=0.9,
        unknown=False,
        genres=(GenreProbability("jazz", 0.9), GenreProbability("rock", 0.1)),
        duration=241.337,
        analysed=30.0,
        styles=(StyleScore("female vocalists", 0.41), StyleScore("80s", 0.2)),
        warnings=("1.0 s of 3.0 s are in the file; it is damaged or cut short", "odd"),
    ),
    model_version="2",
    recording="ab" * 32,
    size=2**40,
    modified="2024-02-29T12:00:00.000001Z",
)
UNKNOWN = SongResult(
    Prediction(
        path="b.mp3",
        model="western",
        genre=None,
        confidence=0.6,
        unknown=True,
        genres=(GenreProbability("rock", 0.6), GenreProbability("jazz", 0.4)),
        duration=30.0,
        analysed=30.0,
        warnings=("it sounds like noise, not like music, so its percentages mean nothing here",),
        doubt="it sounds like noise, not like music",
    )
)
FAILED = SongResult(Failure("c.mp3", "AudioDecodeError", "c.mp3: is empty\n(0 bytes)"), size=0)
RESULTS = [SONG, UNKNOWN, FAILED]


def write(folder: Path, suffix: str, results: list[SongResult] | None = None) -> Path:
    path = folder / f"results{suffix}"
    write_song_results(iter(RESULTS if results is None else results), path, GENRES)
    return path


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
def test_what_is_written_is_read(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, suffix)
    assert list(read_song_results(path)) == RESULTS
    assert list(read_results(str(path))) == [result.answer for result in RESULTS]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("column", ["", "doubt"])
def test_files_of_earlier_versions_state_no_doubt(column: str) -> None:
    record = {name: value for name, value in UNKNOWN.to_dict().items() if name != "doubt"}
    again = SongResult.from_dict(record | ({column: None} if column else {}))
    assert again.answer == replace(UNKNOWN.answer, doubt="")


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
def test_no_song_at_all(suffix: str, tmp_path: Path) -> None:
    assert list(read_results(write(tmp_path, suffix, []))) == []


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
def test_the_same_results_give_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    first = write(tmp_path, suffix).read_bytes()
    assert write(tmp_path, suffix).read_bytes() == first


def test_the_columns(tmp_path: Path) -> None:
    names = [
        *("path", "model", "model_version", "genre", "confidence", "unknown"),
        *("probability.rock", "probability.jazz", "styles", "duration", "analysed", "warnings"),
        *("doubt", "recording", "size", "modified", "error_type", "error_message"),
    ]
    pyarrow = pytest.importorskip("pyarrow.parquet")
    with write(tmp_path, ".csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == names
    assert dict(zip(names, rows[1], strict=True)) == {
        **{"path": 'a "b"/ü, 1.mp3', "model": "western", "model_version": "2", "genre": "jazz"},
        **{"confidence": "0.9", "unknown": "False"},
        **{"probability.rock": "0.1", "probability.jazz": "0.9"},
        **{"styles": "female vocalists 0.41 | 80s 0.2", "duration": "241.337", "analysed": "30.0"},
        "warnings": "1.0 s of 3.0 s are in the file; it is damaged or cut short | odd",
        "doubt": "",
        **{"recording": "ab" * 32, "size": str(2**40), "modified": "2024-02-29T12:00:00.000001Z"},
        **{"error_type": "", "error_message": ""},
    }
    table = pyarrow.read_table(write(tmp_path, ".parquet"))
    assert table.column_names == names
    assert table["probability.rock"].to_pylist() == [0.1, 0.6, None]
    assert table["unknown"].to_pylist() == [False, True, None]
    with closing(sqlite3.connect(write(tmp_path, ".db"))) as database:
        found = database.execute('SELECT path FROM results WHERE "probability.rock" > 0.5')
        assert found.fetchall() == [("b.mp3",)]
        assert [row[1] for row in database.execute("PRAGMA table_info(results)")] == names


def test_the_record_is_the_prediction_s_with_the_file_beside_it(tmp_path: Path) -> None:
    lines = write(tmp_path, ".ndjson").read_text(encoding="utf-8").splitlines()
    assert isinstance(SONG.answer, Prediction)
    file = {"recording": "ab" * 32, "size": 2**40, "modified": "2024-02-29T12:00:00.000001Z"}
    assert json.loads(lines[0]) == {**SONG.answer.to_dict(), "model_version": "2", **file}
    error = {"type": "AudioDecodeError", "message": "c.mp3: is empty\n(0 bytes)"}
    assert json.loads(lines[2]) == {"path": "c.mp3", "error": error, "size": 0}


@pytest.mark.parametrize("suffix", [".json", ".ndjson", ".csv"])
def test_the_files_of_predict_are_read(
    suffix: str, music: Path, music_model: GenreModel, tmp_path: Path, command: Command
) -> None:
    music_model.save(tmp_path / "m.onnx")
    song, missing = music / "tones/tones0.wav", tmp_path / "missing.wav"
    output = tmp_path / f"answers{suffix}"
    how = ("-m", tmp_path / "m.onnx", "-o", output, "--timeline")
    assert command("predict", song, missing, *how).code == 1
    answer, failure = read_results(output)
    wanted = predict(song, music_model, timeline=True).to_dict()
    assert isinstance(answer, Prediction)
    read = answer.to_dict()
    if suffix == ".csv":  # holds no more
        wanted = {name: wanted[name] for name in ("path", "genre", "confidence", "genres")}
    assert {name: read[name] for name in wanted} == wanted
    assert isinstance(failure, Failure)
    assert (failure.path, "no such file" in failure.message) == (str(missing), True)


def test_a_table_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv")
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert list(read_song_results(path)) == RESULTS


def test_an_unknown_ending() -> None:
    with pytest.raises(ParameterError, match=r"x\.txt does not say how") as caught:
        check_results_path("x.txt")
    assert caught.value.hint == "let its name end in .parquet, .csv, .ndjson, .json or .db"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="does not exist; a file of results") as caught:
        read_results(tmp_path / "x.csv")
    assert caught.value.hint == "make it with `generify scan FOLDER -o x.csv`"
    (tmp_path / "y.csv").mkdir()
    with pytest.raises(ResultsError, match="is no file"):
        read_results(tmp_path / "y.csv")


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
def test_a_file_of_something_else(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"\xff\x00 words\nwords\n" * 50)
    with pytest.raises(ResultsError, match=f"{path.name} holds no results of Generify"):
        list(read_results(path))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("path,genre\na.mp3,jazz\n", "Generify: there is no field unknown "),
        ("path,model,genre,confidence,unknown,duration\na,m,jazz,high,False,1\n", "'high'"),
    ],
)
def test_a_table_of_something_else(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ResultsError, match=rf"{why}.*\(song 1\)"):
        list(read_results(tmp_path / "x.csv"))


def test_a_database_without_results(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.execute("CREATE TABLE other (a)")
    with pytest.raises(ResultsError, match="no such table: results"):
        list(read_results(tmp_path / "x.db"))


def test_reading_leaves_a_database_alone(tmp_path: Path) -> None:
    path = write(tmp_path, ".db")
    path.chmod(0o444)
    before = path.read_bytes()
    assert len(list(read_results(path))) == 3
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_many_songs_are_written_in_groups(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    songs = (
        replace(FAILED, answer=replace(FAILED.answer, path=f"{number}.mp3"))
        for number in range(12_000)
    )
    write_song_results(songs, tmp_path / "x.parquet", GENRES)
    with parquet.ParquetFile(tmp_path / "x.parquet") as file:
        assert file.num_row_groups == 3
    paths = [answer.path for answer in read_results(tmp_path / "x.parquet")]
    assert paths == [f"{number}.mp3" for number in range(12_000)]


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
def test_a_file_that_cannot_be_written(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"cannot write .*: No such file or directory"):
        write(tmp_path / "missing", suffix)


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
def test_an_interruption_leaves_the_old_file(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, suffix, [FAILED])
    before = path.read_bytes()

    def broken() -> object:
        yield SONG
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_song_results(broken(), path, GENRES)  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_parquet_needs_an_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="pyarrow") as caught:
        write(tmp_path, ".parquet")
    assert caught.value.hint == "pip install 'generify[train]'"
    assert list(read_song_results(write(tmp_path, ".csv"))) == RESULTS
