"""``generify tag``: what a person sees, and what comes out for programs."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile

from conftest import Command, Outcome
from generify.tag_formats import read_genres, write_genres

pytest.importorskip("mutagen")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep journals out of the user's own folder."""
    monkeypatch.setenv("GENERIFY_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def songs(music: Path, tmp_path: Path) -> Path:
    """Two songs without a genre, one that has one, one that is no song."""
    folder = tmp_path / "songs"
    folder.mkdir()
    shutil.copy(music / "tones/tones0.wav", folder / "a.wav")
    shutil.copy(music / "noise/noise0.wav", folder / "b.wav")
    shutil.copy(music / "clicks/clicks0.wav", folder / "c.wav")
    write_genres(folder / "c.wav", ["Jazz", "Rock"])
    (folder / "d.mp3").write_text("words")
    return folder


def state_of(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def rows(done: Outcome) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in
            done.out.splitlines()[2:]]  # fmt: skip


def test_dry_run_then_tag_then_undo(songs: Path, model_file: Path, command: Command) -> None:
    before = state_of(songs)
    done = command("tag", songs, "--model", model_file, "--dry-run")
    assert done.code == 1
    assert done.out.split()[:5] == ["song", "now", "would", "be", "why"]
    assert rows(done) == [
        ["a.wav", "none", "tones", rows(done)[0][3]],
        ["b.wav", "none", "noise", rows(done)[1][3]],
        ["c.wav", "Jazz, Rock", "had a genre"],
    ]
    assert all(row[3].endswith(" % sure") for row in rows(done)[:2])
    assert "failed: " in done.err
    assert "d.mp3: is a text, no audio" in done.err
    assert "2 songs would be tagged, 1 left alone (1 had a genre), 1 failed" in done.err
    assert state_of(songs) == before

    done = command("tag", songs, "--model", model_file)
    assert done.code == 1
    assert [row[:3] for row in rows(done)] == [
        ["a.wav", "none", "tones"],
        ["b.wav", "none", "noise"],
    ]
    assert "2 songs tagged, 1 left alone (1 had a genre), 1 failed" in done.err
    assert "to take it back: generify tag --undo\n" in done.err
    assert read_genres(songs / "a.wav") == ("tones",)

    done = command("tag", "--undo")
    assert done.code == 0
    assert [row[1:] for row in rows(done)] == [
        ["noise", "none", "brought back"],
        ["tones", "none", "brought back"],
    ]
    assert done.err == "2 songs brought back\n"
    assert state_of(songs) == before
    done = command("tag", "--undo")
    assert (done.code, done.out) == (1, "")
    assert "error: nothing to undo: there is no journal in" in done.err


def test_options_reach_the_library(
    songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    names, journal = tmp_path / "names.toml", tmp_path / "journal"
    names.write_text('tones = "Ambient"\nclicks = "Techno"\n')
    arguments = ("--overwrite", "--map", names, "--journal", journal, "--min-confidence", "0.01")
    done = command("tag", songs, "--model", model_file, *arguments)
    assert f"to take it back: generify tag --undo --journal {journal}\n" in done.err
    assert read_genres(songs / "a.wav") == ("Ambient",)
    assert read_genres(songs / "c.wav") == ("Techno",)
    assert command("tag", "--undo", "--journal", journal).code == 0
    assert read_genres(songs / "c.wav") == ("Jazz", "Rock")
    done = command("tag", songs / "a.wav", "--model", model_file, "--min-confidence", "1")
    assert done.code == 0
    assert "0 songs tagged, 1 left alone (1 not sure enough)" in done.err
    assert done.out == ""


def read(form: str, text: str) -> list[dict[str, Any]]:
    if form == "csv":
        return list(csv.DictReader(io.StringIO(text)))
    if form == "json":
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_formats(form: str, songs: Path, model_file: Path, command: Command) -> None:
    done = command("tag", songs, "--model", model_file, "--format", form)
    records = read(form, done.out)
    assert [Path(r["path"]).name for r in records] == ["a.wav", "b.wav", "c.wav", "d.mp3"]
    assert records[0]["after"] == ("tones" if form == "csv" else ["tones"])
    assert records[2]["before"] == ("Jazz; Rock" if form == "csv" else ["Jazz", "Rock"])
    assert [str(r.get("written", "")) for r in records] == ["True", "True", "False", ""]
    if form == "csv":
        assert "is a text, no audio" in records[3]["error"]
    else:
        assert records[3]["error"]["type"] == "AudioDecodeError"


@pytest.mark.parametrize("from_results", [False, True])
def test_a_genre_of_the_map_that_no_model_knows(
    from_results: bool, songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    names, results = tmp_path / "names.toml", tmp_path / "results.ndjson"
    names.write_text('Tones = "Ambient"\nhip-hop = "Rap"\nclics = "Techno"\nzydeco = "Zydeco"\n')
    model: tuple[object, ...] = (songs, "--model", model_file)
    if from_results:
        command("predict", *model, "-o", results)
        model = ("--from", results)
    done = command("tag", *model, "--map", names, "--dry-run")
    warned = [line for line in done.err.splitlines() if line.startswith("warning: --map")]
    assert warned == [
        "warning: --map names 'clics', which neither the model nor a bundled one knows; "
        "did you mean clicks?",
        "warning: --map names 'zydeco', which neither the model nor a bundled one knows",
    ]


@pytest.mark.parametrize("suffix", [".ndjson", ".json", ".csv", ".parquet", ".db"])
def test_from_results(
    suffix: str,
    songs: Path,
    model_file: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a scan wrote is tagged without listening again; no model is loaded."""
    from generify.prediction import predict
    from generify.results import SongResult, write_song_results

    results = tmp_path / f"results{suffix}"
    names = ("a.wav", "b.wav", "c.wav")
    answers = [SongResult(predict(songs / name, model_file)) for name in names]
    write_song_results(answers, results, ("clicks", "noise", "tones"))
    monkeypatch.setattr("generify.prediction.predict", None)
    done = command("tag", songs / "b.wav", "--from", results, "--min-confidence", "0")
    assert done.code == 0
    assert (read_genres(songs / "a.wav"), read_genres(songs / "b.wav")) == ((), ("noise",))
    done = command("tag", "--from", results, "--min-confidence", "0")
    assert [row[:3] for row in rows(done)] == [["a.wav", "none", "tones"]]
    assert "1 song tagged, 2 left alone (2 had a genre)" in done.err


def test_from_results_that_lack_the_songs(
    songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    results, other = tmp_path / "results.csv", tmp_path / "other"
    assert command("scan", songs, "-o", results, "--model", model_file).code == 1  # d.mp3
    other.mkdir()
    shutil.copy(songs / "a.wav", other / "e.wav")
    before = state_of(songs)
    done = command("tag", other, "--from", results)
    assert (done.code, done.out) == (1, "")
    assert f"failed: {other}: no song of {results} lies in it; scan it first" in done.err
    done = command("tag", other / "e.wav", songs / "a.wav", "--from", results, "--dry-run")
    assert (done.code, [row[0] for row in rows(done)]) == (1, ["a.wav"])
    assert f"failed: {other / 'e.wav'}: no song of {results} is it" in done.err
    assert f"is {songs}" not in done.err
    for gone in (tmp_path / "Nowhere", Path("x" * 300)):
        done = command("tag", gone, songs, "--from", results)
        assert (done.code, done.out) == (2, "")
        assert f"error: there is no file or folder {gone}\nhint: give songs" in done.err
    assert state_of(songs) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_damage_is_told(
    dry_run: bool, songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    """A song of which only a part was heard is told as ``generify predict`` tells it."""
    for name in "ac":
        soundfile.write(songs / f"{name}.flac", *soundfile.read(songs / f"{name}.wav"))
        whole = (songs / f"{name}.flac").read_bytes()
        (songs / f"{name}.flac").write_bytes(whole[: len(whole) // 2])
        (songs / f"{name}.wav").unlink()
    write_genres(songs / "c.flac", ["Jazz"])  # so that it is left alone
    (songs / "d.mp3").unlink()
    heard = command("predict", songs / "a.flac", "--model", model_file).err
    assert "damaged or cut short" in heard
    results = tmp_path / "results.csv"
    assert command("scan", songs, "-o", results, "--model", model_file).code == 0
    more = ("--min-confidence", "0", *(("--dry-run",) if dry_run else ()))
    for source in (("--from", results), (songs, "--model", model_file)):
        done = command("tag", *source, *more)
        warned = [line for line in done.err.splitlines() if line.startswith("warning: ")]
        assert warned == heard.splitlines()
        if not dry_run:
            command("tag", "--undo")


@pytest.mark.parametrize("from_results", [False, True])
def test_broken_files_are_told_as_elsewhere(
    from_results: bool, songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    """What cannot be heard is told so; the tags that it may lack besides are of no use."""
    names = ("empty.mp3", "head.flac", "d.mp3")
    results = tmp_path / "results.ndjson"
    for name in names:  # whole while they are scanned
        shutil.copy(songs / "a.wav", songs / name)
    command("scan", *(songs / name for name in names), "-o", results, "--model", model_file)
    for name, content in zip(names, (b"", b"fLaC", b"words"), strict=True):
        (songs / name).write_bytes(content)
    heard = command("predict", *(songs / name for name in names), "--model", model_file)
    model = ("--from", results) if from_results else ("--model", model_file)
    done = command("tag", *(songs / name for name in names), *model, "--min-confidence", "0")
    said = [
        [line for line in d.err.splitlines() if line.startswith("failed: ")] for d in (heard, done)
    ]
    assert said[1] == said[0]
    assert len(said[0]) == 3
    assert f"failed: {songs}/empty.mp3: is empty (0 bytes); the download" in done.err


def test_columns_are_as_wide_as_genres(songs: Path, model_file: Path, command: Command) -> None:
    """The model's longest genre has 6 letters, "would be" has 8; "now" may be anything."""
    done = command("tag", songs, "--model", model_file, "--dry-run")
    assert done.out.splitlines()[0] == "song    now            would be   why"
    assert rows(done)[2][1] == "Jazz, Rock"
    done = command("tag", songs, "--model", model_file)
    assert done.out.splitlines()[0] == "song    was    is now   why"
    done = command("tag", "--undo")
    assert f"   was{' ' * 18}is now{' ' * 9}why" in done.out.splitlines()[0]  # carnatic classical


def test_columns_hold_what_is_written(
    songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    names, results = tmp_path / "names.toml", tmp_path / "results.csv"
    names.write_text('tones = "Ambient, without words"\nnoise = "Très expérimental"\n')
    command("scan", songs, "-o", results, "--model", model_file)
    for source in (("--from", results), (songs, "--model", model_file)):
        done = command("tag", *source, "--map", names, "--dry-run", "--min-confidence", "0")
        assert [row[2] for row in rows(done)[:2]] == [
            "Ambient, without words", "Très expérimental",
        ]  # fmt: skip
        assert f"   would be{' ' * 14}   why" in done.out.splitlines()[0]


@pytest.mark.parametrize("named", [True, False])
def test_undo_that_fails_names_its_journal(
    named: bool, songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    options = ("--journal", tmp_path / "journal") if named else ()
    command("tag", songs, "--model", model_file, *options)
    journal = tmp_path / "journal" if named else next(tmp_path.glob("state/tagging/*.ndjson"))
    (songs / "a.wav").unlink()
    done = command("tag", "--undo", *options)
    assert done.code == 1
    if named:
        assert f"the journal {journal} is kept: mend what failed and run the same" in done.err
    else:
        aside = journal.with_suffix(".aside.ndjson")
        assert done.err.endswith(
            f"the rest cannot be brought back, so its journal is put aside: {aside}; --undo "
            "now reaches the runs before\n"
        )
        again = command("tag", "--undo")
        assert (again.code, again.out) == (1, "")
        assert f"the journal {aside} is kept: mend what failed and run the same" in again.err
        journal = aside
    journal.unlink()
    assert command("tag", "--undo", *options).code == 1


def test_from_results_of_another_recording(
    songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    """Songs were renamed after the scan: none gets the genre of another."""
    results = tmp_path / "results.csv"
    assert command("scan", songs, "-o", results, "--model", model_file).code == 1  # d.mp3
    (songs / "a.wav").rename(songs / "x.wav")
    (songs / "b.wav").rename(songs / "a.wav")
    (songs / "x.wav").rename(songs / "b.wav")
    before = state_of(songs)
    done = command("tag", "--from", results, "--min-confidence", "0")
    assert done.code == 1
    assert done.err.count("is another recording than the one scanned") == 2
    assert "scan again with --changed" in done.err
    assert state_of(songs) == before


def test_journal_that_is_another_file(
    songs: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("one line\nand half another")
    done = command("tag", songs, "--model", model_file, "--journal", notes)
    assert (done.code, done.out) == (1, "")
    assert f"error: {notes} is there and is not a journal of generify tag" in done.err
    assert "hint: choose a new file with --journal FILE" in done.err
    assert notes.read_text() == "one line\nand half another"


def test_a_dry_undo_tells_what_would_come_back(
    songs: Path, model_file: Path, command: Command
) -> None:
    command("tag", songs, "--model", model_file)
    tagged = state_of(songs)
    done = command("tag", "--undo", "--dry-run")
    assert done.code == 0, done.err
    assert done.out.split()[:5] == ["song", "now", "would", "be", "why"]
    assert [row[:3] for row in rows(done)] == [
        ["b.wav", "noise", "none"],
        ["a.wav", "tones", "none"],
    ]
    assert done.err == "2 songs would be brought back\n"
    assert state_of(songs) == tagged
    (songs / "a.wav").unlink()
    again = command("tag", "--undo", "--dry-run")
    assert again.code == 1
    assert again.err.endswith("1 song would be brought back, 1 failed\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no songs given\nhint: give songs, folders of them or --from RESULTS"),
        (("--undo", "song.mp3"), "--undo takes back a whole run"),
        (("song.mp3", "--map", "gone.toml"), "cannot read gone.toml"),
        (("song.mp3", "--journal", "gone/journal"), "there is no folder gone"),
        (("song.mp3", "--max-genres", "0"), "--max-genres"),
        (("--from", "results.txt"), "results.txt"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], says: str, command: Command) -> None:
    done = command("tag", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_without_mutagen(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generify.cli.checks.find_spec", lambda _: None)
    done = command("tag", "song.mp3")
    assert done.code == 2
    assert done.err == (
        "error: this needs mutagen, which is not installed\nhint: pip install 'generify[tags]'\n"
    )
