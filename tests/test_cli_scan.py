"""``generify scan``: what a person sees of a scan."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import RATE, Command
from generify.cli.scan_progress import Heard
from generify.cli.scan_summary import say_next
from generify.cli.terminal import format_time
from generify.errors import Failure, HistoryError
from generify.prediction import Prediction
from generify.results import SongResult, read_results, read_song_results
from generify.scan import Scan, ScanSummary


@pytest.fixture
def library(music: Path, tmp_path: Path) -> Path:
    root = tmp_path / "library"
    root.mkdir()
    for number in range(3):
        shutil.copy(music / "tones" / f"tones{number}.wav", root)
    shutil.copy(music / "clicks/clicks0.wav", root)
    (root / "text.mp3").write_text("words")
    soundfile.write(root / "silent.wav", np.zeros(RATE), RATE)
    (root / "silent2.wav").write_bytes((root / "silent.wav").read_bytes())
    return root


def test_a_scan_from_beginning_to_end(library: Path, model_file: Path, command: Command) -> None:
    output = library.parent / "out.csv"
    arguments = ("scan", library, "-m", model_file, "-o", output)
    first = command(*arguments)
    assert first.code == 1
    bar = "█" * 30
    assert re.sub(r"\d+:\d\d: [\d.]+ songs/s, [\d.]+ ", "T: R songs/s, R ", first.out) == (
        f"tones    3     75 %   {bar}\n"
        f"clicks   1     25 %   {bar[:10]}\n"
        "failed: 2 × is silent\n"
        f"  {library}/silent.wav\n"
        f"  {library}/silent2.wav\n"
        "failed: 1 × is a text, no audio\n"
        f"  {library}/text.mp3\n"
        "7 songs, 0.0 hours of audio, 0 unknown, 3 failed\n"
        "heard 7 in T: R songs/s, R audio-hours/s\n"
    )
    assert first.err == f"wrote {output}\n"
    answers = {Path(answer.path).name: answer for answer in read_results(output)}
    assert [name for name, a in answers.items() if isinstance(a, Failure)] == [
        *("silent.wav", "silent2.wav", "text.mp3"),
    ]
    assert list(answers) == sorted(path.name for path in library.iterdir())

    before = output.read_bytes()
    second = command(*arguments)
    assert second.code == 1
    assert second.err == (
        f"{output} is complete; --changed listens to new and altered songs, --again to all\n"
    )
    assert second.out == first.out[: first.out.index("heard ")]
    assert output.read_bytes() == before

    (library / "tones0.wav").rename(library / "zones.wav")
    for name in ("text.mp3", "silent.wav", "silent2.wav"):
        (library / name).unlink()
    third = command(*arguments, "--changed")
    assert third.code == 0
    assert third.err == (
        "3 of 4 songs are answered already; going on with the other 1\n"
        f"left out of {output}, as no longer there: 4 songs\n"
        f"wrote {output}\n"
    )
    assert third.out.splitlines()[-2:] == [
        "4 songs, 0.0 hours of audio, 0 unknown, 0 failed",
        "recognised 1 by the sound: only names or tags are new",
    ]


def test_what_was_answered_before_and_what_is_left_add_up(
    library: Path, model_file: Path, command: Command
) -> None:
    (library.parent / "empty").mkdir()
    paths = (library, library.parent / "empty")
    arguments = ("scan", *paths, "-m", model_file, "-o", library.parent / "out.csv")
    assert "\n8 songs, " in command(*arguments).out
    shutil.copy(library / "tones0.wav", library / "zones.wav")
    done = command(*arguments, "--changed")
    assert done.err.startswith("5 of 9 songs are answered already; going on with the other 4\n")


def test_damaged_songs_are_counted_and_named(
    library: Path, model_file: Path, command: Command
) -> None:
    for number in range(4):
        whole = (library / "tones0.wav").read_bytes()
        (library / f"cut{number}.wav").write_bytes(whole[: len(whole) // 2])
    for suffix in ("csv", "parquet"):
        arguments = ("scan", library, "-m", model_file, "-o", library.parent / f"out.{suffix}")
        done = command(*arguments)
        assert (
            "\ndamaged: 4 × heard in part\n"
            f"  {library}/cut0.wav\n  {library}/cut1.wav\n  {library}/cut2.wav\n  and 1 more\n"
        ) in done.out
        assert "\n11 songs, 0.0 hours of audio, 0 unknown, 4 damaged, 3 failed\n" in done.out
        # of a complete file too, which keeps the warnings
        assert "0 unknown, 4 damaged, 3 failed\n" in command(*arguments).out


def test_songs_of_one_name_that_fail(model_file: Path, command: Command, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"cd{number}").mkdir()
        (tmp_path / f"cd{number}/1.mp3").touch()
    songs = [tmp_path / f"cd{number}" for number in range(5)]
    done = command("scan", *songs, "-m", model_file, "-o", tmp_path / "out.csv")
    named = "".join(f"  {tmp_path}/cd{number}/1.mp3\n" for number in range(3))
    assert done.out.startswith(f"failed: 5 × is empty\n{named}  and 2 more\n5 songs,")


def test_a_database_and_weak_answers(library: Path, model_file: Path, command: Command) -> None:
    output = library.parent / "out.db"
    songs = [library / "tones0.wav", library / "clicks0.wav"]
    done = command("scan", *songs, "-m", model_file, "-o", output, "--min-confidence", 1)
    assert done.code == 0
    assert re.match(r"unknown   2    100 %   █{30}\n", done.out)
    with closing(sqlite3.connect(output)) as database:
        rows = database.execute("SELECT genre, unknown FROM results").fetchall()
    assert rows == [(None, 1), (None, 1)]


def test_wrong_usage(library: Path, model_file: Path, command: Command, tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        done = command("scan", library, "-m", model_file, *arguments)
        assert (done.code, done.out) == (2, "")
        return done.err

    assert "Missing option '--output' / '-o'" in refused()
    assert "out.txt does not say how results are written" in refused("-o", tmp_path / "out.txt")
    assert "there is no folder" in refused("-o", tmp_path / "missing/out.csv")
    output = tmp_path / "out.csv"
    assert "exclude each other" in refused("-o", output, "--changed", "--again")
    assert "Invalid value for '--jobs'" in refused("-o", output, "--jobs", -1)
    missing = tmp_path / "nosuch"
    done = command("scan", missing, "-m", model_file, "-o", output)
    assert (done.code, done.out) == (2, "")
    assert done.err == (f"error: there is no file or folder {missing}\nhint: check the path\n")
    assert {path.name for path in tmp_path.iterdir()} == {"library", "toy.onnx"}


def test_two_scans_of_one_output(library: Path, model_file: Path, command: Command) -> None:
    filelock = pytest.importorskip("filelock")
    output = library.parent / "out.csv"
    with filelock.FileLock(f"{output}.lock"):
        done = command("scan", library, "-m", model_file, "-o", output)
    assert done.code == 1
    assert done.err == (
        f"error: another scan is writing {output}\nhint: wait for it, or choose another output\n"
    )


def test_answers_kept_in_the_history(
    library: Path, model_file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sqlalchemy")
    from generify.history import open_history

    database = library.parent / "history.db"
    monkeypatch.setenv("GENERIFY_DATABASE_URL", str(database))
    output = library.parent / "out.csv"
    arguments = ("scan", library, "-m", model_file, "-o", output, "--keep")
    done = command(*arguments)
    assert "kept 4 answers in " in done.err
    with open_history() as history:
        assert history.count() == 4
    assert "nothing was heard, so nothing is kept" in command(*arguments).err
    with open_history() as history:
        assert history.count() == 4


def test_a_scan_is_kept_in_a_database_that_is_named_and_no_song_is_read_for_it(
    library: Path, model_file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sqlalchemy")
    from generify.history import open_history, writing

    monkeypatch.setattr(writing, "identify", None)
    other = library.parent / "other.db"
    output = library.parent / "out.csv"
    done = command("scan", library, "-m", model_file, "-o", output, "--database", other)
    assert f"kept 4 answers in {other}" in done.err
    with open_history(str(other)) as history:
        kept = {entry.path: (entry.genre, entry.recording) for entry in history.search()}
    results = [result for result in read_song_results(output) if not result.failed]
    assert kept == {r.path: (r.answer.genre, r.recording) for r in results}  # type: ignore[union-attr]
    assert None not in {recording for _, recording in kept.values()}


def test_a_history_that_fails_costs_no_output(
    library: Path, model_file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sqlalchemy")
    from generify.history import open_history, writing

    def fail(*_: object) -> int:
        raise HistoryError("the disk is full", hint="make room")

    output, database = library.parent / "out.csv", str(library.parent / "history.db")
    songs = [library / "tones0.wav", library / "clicks0.wav"]
    arguments = ("scan", *songs, "-m", model_file, "-o", output, "--database", database)
    with monkeypatch.context() as patch:
        patch.setattr(writing, "keep", fail)
        done = command(*arguments)
    assert done.code == 1
    assert done.err == (
        f"wrote {output}\nerror: the disk is full\nhint: make room\n"
        "not all answers are kept; the same command again keeps them, and hears nothing twice\n"
    )
    assert "2 songs, 0.0 hours of audio, 0 unknown, 0 failed" in done.out
    written = output.read_bytes()

    again = command(*arguments)
    assert again.code == 0
    assert again.err == (
        f"2 of 2 songs are answered already\nwrote {output}\nkept 2 answers in {database}\n"
    )
    assert output.read_bytes() == written
    assert not output.with_name("out.csv.part").exists()
    with open_history(database) as history:
        assert (history.count(), history.statistics().n_runs) == (2, 1)


def test_a_complete_output_of_another_model_is_refused(
    library: Path, model_file: Path, command: Command
) -> None:
    output = library.parent / "out.csv"
    arguments = ("scan", library / "tones0.wav", "-o", output)
    assert command(*arguments, "-m", model_file).code == 0
    done = command(*arguments, "-m", "western")
    assert (done.code, done.out) == (2, "")
    assert re.fullmatch(
        r"error: .*out\.csv was made with the model toy 1, not with western \S+\n"
        r"hint: --again listens to everything anew; or choose another output\n",
        done.err,
    )


def test_a_history_that_is_not_there_stops_before_work(
    library: Path, model_file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sqlalchemy")
    monkeypatch.setenv("GENERIFY_DATABASE_URL", str(library / "text.mp3"))
    done = command("scan", library, "-m", model_file, "-o", library.parent / "out.csv", "--keep")
    assert done.code == 1
    assert not (library.parent / "out.csv.part").exists()


def test_answers_against_tags(library: Path, model_file: Path, command: Command) -> None:
    pytest.importorskip("mutagen")
    from generify.tag_formats import write_genres

    for number, genre in enumerate(("Tones", "Clicks", "Techno")):
        write_genres(library / f"tones{number}.wav", [genre])
    output = library.parent / "out.csv"
    done = command("scan", library, "-m", model_file, "-o", output, "--against-tags")
    table = done.out[done.out.index("genre in the file") :]
    squeezed = [re.sub(" {2,}", "  ", line).strip() for line in table.splitlines()]
    assert "Clicks  1  0 %  tones 1" in squeezed
    assert "Techno  1  tones 1" in squeezed
    assert "Tones  1  100 %  tones 1" in squeezed
    assert any(str(library / "tones1.wav") in line for line in squeezed)
    assert "1 of 2 answers agree with the tags (50 %)" in squeezed
    assert (
        "not compared: 1 song without a genre, 1 with one that the model does not know, "
        "0 unknown, 0 whose tags cannot be read"
    ) in squeezed


class SlowScan(Scan):
    """Ten songs, one every 20 s."""

    def __init__(self, clock: list[float]) -> None:
        self.clock, self.complete = clock, False
        self.n_before = self._done = 2
        self.n_songs = 12
        self.n_gone = self.n_recognised = 0

    @property
    def n_done(self) -> int:
        return self._done

    @property
    def n_failed(self) -> int:
        return 1

    def listen(self):  # type: ignore[no-untyped-def]
        answer = Prediction("a", "m", "jazz", 0.5, False, (), duration=360.0, analysed=30.0)
        for _ in range(10):
            self.clock[0] += 20
            self._done += 1
            yield SongResult(answer)


def test_a_line_now_and_then_in_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from generify.cli import scan_progress

    clock = [1000.0]
    monkeypatch.setattr(scan_progress.time, "monotonic", lambda: clock[0])
    heard = scan_progress.watch(SlowScan(clock))
    assert heard == Heard(10, 200.0, 3600.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "2 of 12 songs are answered already; going on with the other 10"
    assert lines[1] == ("4 of 12 songs, 0.1 songs/s, 0.005 audio-hours/s, 2:40 left, 1 failed")
    assert len(lines) == 6


def test_what_to_do_next_is_said_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "my results.csv"
    output.touch()
    summary = ScanSummary(1, {"jazz": 1}, 0, (), 30.0)
    say_next(str(output), summary)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    say_next(str(output), summary)
    assert capsys.readouterr().err == (
        f"try it: generify playlist '{output}' -o Playlists\n"
        f"        generify tag --from '{output}' --dry-run\n"
    )
    say_next(str(output), ScanSummary(1, {}, 1, (), 30.0))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (90061, "25:01:01")]
)
def test_times(seconds: float, shown: str) -> None:
    assert format_time(seconds) == shown
