"""``history``, ``correct``, ``predict --keep`` and ``train --with-corrections`` as commands."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conftest import Command
from databases import answer, prediction
from databases import keep as keep_answers
from generify.cli.history_options import parse_moment
from generify.errors import HistoryError, ParameterError
from generify.history import open_history
from generify.history.store import Run
from generify.model import GenreModel
from generify.prediction import predict

FORMATS = ("json", "ndjson", "csv")


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of its own for each test, where the variable says."""
    path = tmp_path / "history.db"
    monkeypatch.setenv("GENERIFY_DATABASE_URL", str(path))
    return path


@pytest.fixture
def songs(music: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    folder.mkdir()
    shutil.copy(music / "tones/tones0.wav", folder / "a.wav")
    shutil.copy(music / "noise/noise0.wav", folder / "b.wav")
    (folder / "c.mp3").write_text("words")
    return folder


@pytest.fixture
def filled(database: Path) -> Path:
    """Five songs of three genres by two models, one of them corrected."""
    with open_history(str(database)) as history:
        keep_answers(
            history,
            prediction("/music/Miles/One.mp3", "jazz", 0.9),
            prediction("/music/Miles/Two.mp3", "jazz", 0.7),
            prediction("/music/AC DC/Three.mp3", "rock", 0.999),
            prediction("/music/noise.mp3", None, 0.3),
        )
        keep_answers(history, prediction("/music/Tum Hi Ho.mp3", "bollypop"), model="indian")
        history.correct("/music/Miles/Two.mp3", "blues")
    return database


def read(form: str, text: str) -> list[dict[str, Any]]:
    if form == "csv":
        return list(csv.DictReader(io.StringIO(text)))
    if form == "json":
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines()]


def names(records: list[dict[str, Any]]) -> list[str]:
    return [Path(record["path"]).stem for record in records]


# predict --keep


def test_predict_keeps_nothing_unasked(songs: Path, model_file: Path, command: Command,
                                       database: Path) -> None:  # fmt: skip
    assert command("predict", songs / "a.wav", "--model", model_file).code == 0
    assert not database.exists()


def test_predict_keeps_what_it_says(
    songs: Path, model_file: Path, music_model: GenreModel, command: Command, database: Path
) -> None:
    done = command("predict", songs, "--model", model_file, "--keep", "--format", "json")
    assert done.code == 1  # c.mp3 is no song
    assert f"kept 2 answers in {database}" in done.err
    said = json.loads(done.out)
    kept = read("json", command("history", "search", "--format", "json").out)
    assert names(kept) == ["b", "a"]
    for record, answered in zip(reversed(kept), said, strict=False):
        for name in ("genre", "confidence", "genres", "styles", "duration", "model", "unknown"):
            assert record[name] == answered[name]
        assert record["genre"] == predict(record["path"], music_model).genre
    assert {r["command"] for r in kept} == {"predict"}
    assert {r["model_version"] for r in kept} == {music_model.card.version}


def test_a_database_that_is_named_is_used(
    songs: Path, model_file: Path, command: Command, database: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    done = command("predict", songs / "a.wav", "--model", model_file, "--database", other)
    assert f"kept 1 answer in {other}" in done.err
    assert not database.exists()


def test_answers_are_given_though_the_history_fails(
    songs: Path, model_file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise HistoryError("the disk is full", hint="make room")

    monkeypatch.setattr(Run, "add", fail)
    (songs / "c.mp3").unlink()
    done = command("predict", songs, "--model", model_file, "--keep", "--format", "csv")
    assert done.code == 1
    assert names(read("csv", done.out)) == ["a", "b"]
    assert done.err.count("error: the disk is full") == 1
    assert "the answers from here on are not kept" in done.err


def test_a_history_that_cannot_be_opened_is_told_before_any_work(
    songs: Path, model_file: Path, command: Command
) -> None:
    done = command("predict", songs, "--model", model_file, "--database", songs)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"error: {songs} is a folder, a file was expected",
        "hint: add a file name",
    ]


# history


def test_search_as_a_table(filled: Path, command: Command) -> None:
    done = command("history", "search")
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines() if line.strip()]
    assert lines[0] == ["when", "song", "genre", "sure", "model"]
    assert [line[2:] for line in lines[2:]] == [
        ["Tum", "Hi", "Ho.mp3", "bollypop", "80", "%", "indian"],
        ["noise.mp3", "unknown", "western"],
        ["Three.mp3", "rock", ">", "99", "%", "western"],
        ["Two.mp3", "jazz,", "in", "truth", "blues", "70", "%", "western"],
        ["One.mp3", "jazz", "90", "%", "western"],
    ]
    shown = datetime.strptime(" ".join(lines[2][:2]), "%Y-%m-%d %H:%M")
    assert abs((datetime.now() - shown).total_seconds()) < 3600


def test_songs_of_one_name_are_shown_in_full(database: Path, command: Command) -> None:
    with open_history(str(database)) as history:
        keep_answers(history, prediction("/a/01.mp3"), prediction("/b/01.mp3"))
    out = command("history", "search").out
    assert "/a/01.mp3" in out
    assert "/b/01.mp3" in out


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["miles"], ["Two", "One"]),
        (["ac dc"], ["Three"]),
        (["--genre", "jazz"], ["One"]),  # Two was corrected
        (["--genre", "blues"], ["Two"]),
        (["MILES", "--known", "--limit", "1", "--page", "2"], ["One"]),
        (["--model", "indian"], ["Tum Hi Ho"]),
        (["--unknown"], ["noise"]),
        (["--known", "-m", "western"], ["Three", "Two", "One"]),
        (["--since", "2020-01-01", "--until", "2099-12-31", "tum"], ["Tum Hi Ho"]),
        (["--until", "2020-01-01"], []),
        (["'; DROP TABLE generify_songs; --"], []),
    ],
)
def test_search(
    form: str, options: list[str], found: list[str], filled: Path, command: Command
) -> None:
    done = command("history", "search", *options, "--format", form)
    assert done.code == 0
    assert names(read(form, done.out)) == found
    assert ("nothing found" in done.err) == (not found)


@pytest.mark.parametrize(
    ("genre", "found", "told"),
    [
        ("JAZZ", ["One"], ""),
        ("Blues", ["Two"], ""),  # kept by a correction alone
        ("Metal", [], ""),  # known to a model, but nothing is of it
        ("jaz", [], "no model and no song in the history is of the genre jaz; did you mean jazz?"),
    ],
)
def test_a_genre_is_found_however_it_is_spelt(
    genre: str, found: list[str], told: str, filled: Path, command: Command
) -> None:
    done = command("history", "search", "--genre", genre, "--format", "json")
    assert names(read("json", done.out)) == found
    assert done.err.splitlines() == [
        *([f"warning: {told}"] if told else []),
        *([] if found else ["nothing found"]),
    ]
    exported = command("history", "export", "--genre", genre, "--format", "json")
    assert names(read("json", exported.out)) == found
    counts = read("json", command("history", "stats", "--genre", genre, "--format", "json").out)
    assert sum(count["n_songs"] for count in counts) == len(found)


def test_of_two_spellings_that_are_kept_each_is_found(database: Path, command: Command) -> None:
    with open_history(str(database)) as history:
        keep_answers(history, prediction("/a.mp3", "Folk"))
        keep_answers(history, prediction("/b.mp3", "folk"), model="other")
    for genre, song in (("Folk", "a"), ("folk", "b")):
        done = command("history", "search", "--genre", genre, "--format", "json")
        assert names(read("json", done.out)) == [song]


def test_pages(database: Path, command: Command) -> None:
    with open_history(str(database)) as history:
        run = history.start_run("scan", type("Model", (), {"name": "m", "version": "1"})())
        history.add_answers(run, map(answer, range(45)))
    assert command("history", "search").err == "1 to 20 of 45; more with --page\n"
    assert command("history", "search", "--page", 3).err == "41 to 45 of 45\n"
    past = command("history", "search", "--page", 4)
    assert (past.code, past.out, past.err) == (0, "", "nothing on page 4, 45 in all\n")


def test_statistics(filled: Path, command: Command) -> None:
    done = command("history", "stats")
    lines = [line.split() for line in done.out.splitlines() if line.strip()]
    assert " ".join(lines[0]) == "5 songs, 5 predictions in 2 runs, 1 correction"
    assert ["indian"] in lines
    assert ["blues", "1", "25", "%", "█" * 24, "1"] in lines
    assert ["jazz", "1", "25", "%", "█" * 24, "90", "%"] in lines
    assert ["rock", "1", "25", "%", "█" * 24, ">", "99", "%"] in lines
    assert ["unknown", "1", "25", "%", "█" * 24] in lines
    assert ["genre", "songs", "share", "sure", "corrected"] in lines


def test_bars_where_blocks_cannot_be_shown(
    filled: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict", write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", plain)
        command("history", "stats", "--model", "indian")
    shown = plain.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert "#" * 24 in shown


@pytest.mark.parametrize("form", FORMATS)
def test_statistics_in_other_formats(form: str, filled: Path, command: Command) -> None:
    done = command("history", "stats", "--known", "--model", "western", "--format", form)
    records = read(form, done.out)
    found = [(r["model"], r["genre"], int(r["n_songs"]), float(r["share"])) for r in records]
    third = 0.333333
    assert found == [
        *(("western", "blues", 1, third), ("western", "jazz", 1, third)),
        ("western", "rock", 1, third),
    ]
    assert not records[0]["confidence"]  # the model's was for another genre
    assert [float(r["confidence"]) for r in records[1:]] == pytest.approx([0.9, 0.999])
    assert [int(r["n_corrected"]) for r in records] == [1, 0, 0]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("to_file", [True, False])
def test_export(form: str, to_file: bool, filled: Path, command: Command, tmp_path: Path) -> None:
    output = tmp_path / f"all.{form}"
    where = ("-o", output) if to_file else ("--format", form)
    done = command("history", "export", *where)
    assert done.code == 0
    text = output.read_text(encoding="utf-8") if to_file else done.out
    assert done.err == (f"wrote 5 entries to {output}\n" if to_file else "")
    records = read(form, text)
    assert names(records) == ["One", "Two", "Three", "noise", "Tum Hi Ho"]
    searched = read(form, command("history", "search", "--format", form).out)
    assert records == searched[::-1]


def test_export_of_some(filled: Path, command: Command) -> None:
    assert names(read("csv", command("history", "export", "miles").out)) == ["One", "Two"]
    done = command("history", "export", "nix", "--format", "json")
    assert (done.code, json.loads(done.out)) == (0, [])


def test_an_export_that_cannot_be_written(filled: Path, command: Command, tmp_path: Path) -> None:
    done = command("history", "export", "-o", tmp_path / "nix/all.csv")
    assert done.code == 2
    assert "there is no folder" in done.err
    assert command("history", "export", "-o", tmp_path / "all.txt").code == 2


@pytest.mark.parametrize("options", [(), ("--corrections",)])
def test_an_export_of_nothing_has_its_header(
    options: tuple[str, ...], filled: Path, command: Command
) -> None:
    full = command("history", "export", *options).out.splitlines()
    assert len(full) == (2 if options else 6)
    assert command("history", "clear", "--yes", "--corrections").code == 0
    done = command("history", "export", *options)
    assert (done.code, done.out.splitlines()) == (0, full[:1])


def test_an_export_is_never_a_table(filled: Path, command: Command, tmp_path: Path) -> None:
    done = command("history", "export", "--format", "table")
    assert (done.code, done.out) == (2, "")
    assert "'table' is not one of 'csv', 'json', 'ndjson'" in done.err
    told = command("history", "export", "--help").out
    assert "as CSV, JSON or NDJSON" in told
    assert "else csv]" in " ".join(told.replace("│", " ").split())
    output = tmp_path / "all.json"
    assert command("history", "export", "-o", output, "--format", "csv").code == 0
    assert len(read("csv", output.read_text(encoding="utf-8"))) == 5


def test_clear_asks(filled: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    done = command("history", "clear", "--model", "indian")
    assert done.code == 1
    assert f"Remove 1 prediction from {filled}? [y/N] nothing was removed" in done.err
    assert done.out == ""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert command("history", "clear", "--model", "indian").code == 0
    left = read("csv", command("history", "search", "--format", "csv").out)
    assert names(left) == ["noise", "Three", "Two", "One"]


def test_clear_without_asking(filled: Path, command: Command) -> None:
    assert command("history", "clear", "--yes", "--before", "2020-01-01").err.startswith(
        "removed 0 predictions"
    )
    done = command("history", "clear", "--yes")
    assert done.err == f"removed 5 predictions from {filled}\n"
    assert command("history", "stats").out == "1 song, 0 predictions in 0 runs, 1 correction\n"
    assert "and all corrections" in command("history", "clear", "-y", "--corrections").err
    assert command("history", "stats").out == "0 songs, 0 predictions in 0 runs, 0 corrections\n"


def test_import(command: Command, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with sqlite3.connect(old) as connection:
        connection.execute("CREATE TABLE eng_genre_finder (file TEXT, genre TEXT)")
        connection.execute("INSERT INTO eng_genre_finder VALUES ('a.mp3', 'rock'), ('b', NULL)")
    connection.close()
    done = command("history", "import", old)
    assert done.code == 0
    assert ["eng_genre_finder", "predecessor-western", "2", "1", "1"] in [
        line.split() for line in done.out.splitlines()
    ]
    tried = done.err.removeprefix("try it: generify ").split()
    assert "a.mp3" in command(*tried).out


@pytest.mark.parametrize("verb", ["search", "stats", "export", "clear"])
def test_without_a_history(verb: str, command: Command, database: Path) -> None:
    done = command("history", verb)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"error: there is no history {database} yet",
        "hint: begin one: generify predict SONG --keep, or generify correct SONG GENRE",
    ]
    assert not database.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["search", "--since", "yesterday"], "'yesterday' is no date"),
        (["search", "--until", "2025-13-01"], "'2025-13-01' is no date"),
        (["search", "--genre", "jazz", "--unknown"], "--genre and --unknown exclude each other"),
        (["search", "--page", "0"], "--page"),
        (["search", "--limit", "0"], "--limit"),
        (["search", "--database", "oracle://host/x"], "a database of the kind 'oracle'"),
        (["nix"], "No such command 'nix'"),
    ],
)
def test_wrong_usage(options: list[str], words: str, filled: Path, command: Command) -> None:
    done = command("history", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_days_are_local_and_whole() -> None:
    assert parse_moment("2025-03-01") == datetime(2025, 3, 1).astimezone()
    assert parse_moment("2025-03-01", end_of_day=True) == datetime(2025, 3, 2).astimezone()
    assert parse_moment("2025-03-01T10:30", end_of_day=True) == (
        datetime(2025, 3, 1, 10, 30).astimezone()
    )
    assert parse_moment("2025-03-01T10:30+09:00") == datetime(2025, 3, 1, 1, 30, tzinfo=UTC)
    with pytest.raises(ParameterError, match="'' is no date"):
        parse_moment("")


# correct


def test_correct(songs: Path, command: Command, database: Path) -> None:
    done = command("correct", songs / "a.wav", "folk")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "warning: no model and no song in the history is of the genre folk",
        f"{songs / 'a.wav'}: folk, kept in {database}",
    ]
    command("correct", songs / "a.wav", "blues")
    exported = read("csv", command("history", "export", "--corrections").out)
    assert [(r["path"], r["genre"]) for r in exported] == [(str(songs / "a.wav"), "blues")]
    assert command("correct", songs / "a.wav", "--remove").code == 0
    again = command("correct", songs / "a.wav", "--remove")
    assert again.code == 1
    assert f"error: {songs / 'a.wav'} has no correction" in again.err


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Jazz", "jazz"),  # a genre of a bundled model
        ("TONES", "Tones"),  # of a model that was used
        ("Tones", "Tones"),
        ("Folk", "folk"),  # of an earlier correction
        ("jazz", "jazz"),
    ],
)
def test_correct_spells_a_genre_as_it_is_known(
    given: str, kept: str, songs: Path, command: Command, database: Path
) -> None:
    with open_history(str(database)) as history:
        keep_answers(history, prediction(str(songs / "b.wav"), "Tones"))
    command("correct", songs / "b.wav", "folk")
    done = command("correct", songs / "a.wav", given)
    told = [f"{given} is known as {kept}, and kept as that"] if given != kept else []
    assert done.err.splitlines() == [*told, f"{songs / 'a.wav'}: {kept}, kept in {database}"]
    table = songs / "fixes.csv"
    table.write_text(f"path,genre\na.wav,{given}\nb.wav,{given}\n")
    done = command("correct", "--from", table)
    assert done.err.splitlines() == [*told, f"2 of 2 corrections kept in {database}"]
    with open_history(str(database)) as history:
        assert [c.genre for c in history.corrections()] == [kept, kept]


@pytest.mark.parametrize(
    ("given", "meant"),
    [("regae", "; did you mean reggae?"), ("Tonnes", "; did you mean Tones?"), ("polka", "")],
)
def test_a_genre_that_nobody_knows_is_kept_with_a_warning(
    given: str, meant: str, songs: Path, command: Command, database: Path
) -> None:
    with open_history(str(database)) as history:
        keep_answers(history, prediction(str(songs / "b.wav"), "Tones"))
    done = command("correct", songs / "a.wav", given)
    assert done.code == 0
    assert done.err.splitlines() == [
        f"warning: no model and no song in the history is of the genre {given}{meant}",
        f"{songs / 'a.wav'}: {given}, kept in {database}",
    ]
    again = command("correct", songs / "b.wav", given)
    assert "warning" not in again.err  # a person said it before


def test_a_correction_is_what_counts(filled: Path, command: Command) -> None:
    def found(*options: str) -> list[str]:
        return names(read("json", command("history", "search", *options, "--format", "json").out))

    assert found("--genre", "blues") == ["Two"]
    assert found("--genre", "jazz") == ["One"]
    assert found("miles", "--genre", "blues") == ["Two"]
    with open_history(str(filled)) as history:
        history.correct("/music/noise.mp3", "rock")
    assert found("--unknown") == []
    assert found("--genre", "rock") == ["noise", "Three"]
    assert "noise" in found("--known")


def test_correct_from_a_table(songs: Path, command: Command, database: Path) -> None:
    table = songs / "fixes.csv"
    table.write_text("path,genre\na.wav,folk\nb.wav,jazz\nc.mp3,rock\nnix.wav,jazz\n")
    done = command("correct", "--from", table)
    assert done.code == 1
    lines = done.err.splitlines()
    assert lines[0] == "warning: no model and no song in the history is of the genre folk"
    assert lines[1] == f"2 of 4 corrections kept in {database}"
    assert any("c.mp3: is not an audio file" in line for line in lines)
    assert any("line 5: no such file" in line for line in lines)


def test_corrections_come_back_as_they_went(
    songs: Path, command: Command, database: Path, tmp_path: Path
) -> None:
    command("correct", songs / "a.wav", "folk")
    command("correct", songs / "b.wav", "jazz, modal")
    fixes = tmp_path / "fixes.csv"
    done = command("history", "export", "--corrections", "-o", fixes)
    assert done.err == f"wrote 2 corrections to {fixes}\n"
    database.unlink()
    assert command("correct", "--from", fixes).code == 0
    with open_history(str(database)) as history:
        assert [c.genre for c in history.corrections()] == ["folk", "jazz, modal"]


@pytest.mark.parametrize(
    "options", [[], ["a.wav"], ["a.wav", "jazz", "--remove"], ["a.wav", "--from", "x.csv"]]
)
def test_correct_wants_a_song_and_a_genre(options: list[str], command: Command) -> None:
    done = command("correct", *options)
    assert done.code == 2
    assert "error: a song and its genre, or --from, or a song and --remove were" in done.err


def test_correct_says_what_is_no_song(songs: Path, command: Command) -> None:
    missing = command("correct", songs / "nix.wav", "jazz")
    assert missing.code == 1
    assert f"error: there is no file {songs / 'nix.wav'}, and the history knows" in missing.err
    assert "is not an audio file" in command("correct", songs / "c.mp3", "jazz").err
    folder = command("correct", songs, "jazz")
    assert folder.code == 2
    assert folder.err.startswith(f"error: {songs} is a folder, a song was expected\nhint: give one")
    blank = command("correct", songs / "a.wav", " ")
    assert blank.code == 2
    assert blank.err.startswith("error: a genre has 1 to 255 characters, got 0\n")


# train --with-corrections


def train(command: Command, music: Path, output: Path, *options: object) -> dict[str, int]:
    from generify.model import load_model

    done = command("train", music, "-f", "mfcc", "-c", "logreg", "-o", output, *options)
    assert done.code == 0, done.err
    return dict(load_model(output).card.n_tracks)


def test_training_with_corrections(music: Path, tmp_path: Path, command: Command) -> None:
    """A copy of a song of the folder changes its genre, new ones are added, another left out."""
    (tmp_path / "b").mkdir()
    names = ("copy.wav", "noise0.wav", "b/noise0.wav", "other.wav")
    copy, new, namesake, other = (tmp_path / name for name in names)
    shutil.copy(music / "tones/tones0.wav", copy)
    for number, path in enumerate((new, namesake, other)):
        whole = bytearray((music / f"noise/noise{number}.wav").read_bytes())
        whole[-2000:] = b"\1\0" * 1000
        path.write_bytes(whole)
    command("correct", copy, "clicks")
    command("correct", new, "noise")
    command("correct", namesake, "noise")
    command("correct", other, "polka")
    assert train(command, music, tmp_path / "a.onnx") == {"clicks": 8, "noise": 8, "tones": 8}
    corrected = train(command, music, tmp_path / "b.onnx", "--with-corrections", "--no-cache")
    assert corrected == {"clicks": 9, "noise": 10, "tones": 7}
    done = command("train", music, "-f", "mfcc", "-c", "logreg", "-o", tmp_path / "c.onnx",
                   "--with-corrections")  # fmt: skip
    assert (
        f"corrections: tracks of {music.name} whose genre was changed: 1; added: 2"
    ) in done.err.splitlines()
    assert f"not trained on, as it was corrected to polka, a genre that {music.name}" in done.err


def test_corrections_cannot_be_put_into_a_table(
    music: Path, tmp_path: Path, command: Command
) -> None:
    command("correct", music / "tones/tones0.wav", "noise")
    table = tmp_path / "table.parquet"
    assert command("extract", music, "-f", "mfcc", "-o", table).code == 0
    done = command("train", table, "-f", "mfcc", "-o", tmp_path / "m.onnx", "--with-corrections")
    assert done.code == 2
    assert "holds no audio, so songs cannot be corrected in it" in done.err
