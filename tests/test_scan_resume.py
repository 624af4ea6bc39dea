"""A scan into a file: every song once, whatever happens in between."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from conftest import Command
from generify.errors import AudioDecodeError, Failure, ParameterError
from generify.model import GenreModel, load_model
from generify.prediction import GenreProbability, Prediction
from generify.results import (
    ResultsError,
    SongResult,
    read_results,
    read_song_results,
    write_song_results,
)
from generify.scan import Redo, ScanSettings, ScanSummary, open_scan
from generify.scan.listening import FileState, Recognised, listen
from generify.scan.summary import Tally
from generify.scan.workers import WorkerSetup

CHANGED, AGAIN = ScanSettings(redo=Redo.CHANGED), ScanSettings(redo=Redo.ALL)


SONGS = ("a/1.wav", "a/2.wav", "a/3.wav", "b/1.wav", "b/2.wav", "b/empty.mp3", "library/c.wav")


def short(path: str | Path) -> str:
    return "/".join(Path(path).parts[-2:])


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Six songs of a second, and a file that is none."""
    root = tmp_path / "library"
    for number, name in enumerate(("a/1.wav", "a/2.wav", "a/3.wav", "b/1.wav", "b/2.wav", "c.wav")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        soundfile.write(root / name, 0.1 * rng.normal(size=8000), 8000)
    (root / "b/empty.mp3").touch()
    return root


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the songs that are listened to, here instead of in other processes."""
    names: list[str] = []

    def judge(path: str, model: GenreModel, *, min_confidence: float) -> Prediction:
        names.append(short(path))
        if not Path(path).stat().st_size:
            raise AudioDecodeError(f"{path}: is empty")
        genres = tuple(GenreProbability(genre, 0.5) for genre in model.genres[:2])
        first = genres[0].genre
        return Prediction(path, model.card.name, first, 0.5, False, genres, 30.0, 30.0)

    def here(
        paths: Iterable[str], setup: WorkerSetup, *, jobs: int, time_limit: float
    ) -> Generator[SongResult | Recognised, None, None]:
        model = GenreModel.from_bytes(setup.graph, source=setup.source)
        songs = list(paths)
        random.Random(len(names)).shuffle(songs)  # the order of answers is never certain
        for path in songs:
            yield listen(path, model, known=setup.known)

    monkeypatch.setattr("generify.scan.listening.predict", judge)
    monkeypatch.setattr("generify.scan.scanning.listen_in_processes", here)
    return names


def scan(
    paths: Path | list[Path],
    output: Path,
    model: GenreModel,
    settings: ScanSettings | None = None,
    *,
    stop_after: int | None = None,
) -> ScanSummary | None:
    """Scan to the end, or leave it in the middle."""
    given = paths if isinstance(paths, list) else [paths]
    with open_scan(given, output, model, settings) as job:
        for number, _ in enumerate(job.listen(), start=1):
            if number == stop_after:
                return None
        return job.finish()


def names_in(output: Path) -> list[str]:
    return [short(answer.path) for answer in read_results(output)]


def journal(output: Path) -> Path:
    return output.with_name(output.name + ".part")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".ndjson", ".json", ".db"])
def test_a_scan_left_in_the_middle_goes_on(
    suffix: str, library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    wanted, output = tmp_path / f"wanted{suffix}", tmp_path / f"out{suffix}"
    scan(library, wanted, music_model)
    heard.clear()
    for _ in range(3):
        assert scan(library, output, music_model, stop_after=2) is None
        assert not output.exists()
        assert journal(output).exists()
    summary = scan(library, output, music_model)
    assert summary is not None
    assert (summary.n_songs, summary.n_failed) == (7, 1)
    assert sorted(heard) == sorted(SONGS)
    assert output.read_bytes() == wanted.read_bytes()
    assert names_in(output) == list(SONGS)
    assert {path.name for path in tmp_path.iterdir()} == {"library", wanted.name, output.name}


def test_what_is_known_of_a_scan_under_way(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    scan(library, tmp_path / "out.csv", music_model, stop_after=3)
    with open_scan([library], tmp_path / "out.csv", music_model) as job:
        assert (job.n_songs, job.n_before, job.n_done, job.complete) == (7, 3, 3, False)
        with pytest.raises(ParameterError, match="4 songs are still to be listened to"):
            job.finish()
        for number, result in enumerate(job.listen(), start=4):
            assert job.n_done == number
            assert short(result.path) == heard[-1]
        assert job.n_failed == 1
        assert [short(result.path) for result in job.results()] == list(SONGS)
        assert [short(result.path) for result in job.heard()] == heard


def test_the_summary(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    for number in range(4):
        (library / f"{number}.mp3").touch()
    summary = scan(library, tmp_path / "out.csv", music_model)
    assert summary is not None
    assert summary.genres == {music_model.genres[0]: 6}
    assert (summary.n_unknown, summary.n_failed, summary.duration) == (0, 5, 180.0)
    (group,) = summary.failures
    assert (group.reason, group.n_songs) == ("is empty", 5)
    assert [Path(path).name for path in group.paths] == ["0.mp3", "1.mp3", "2.mp3"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("a b.mp3: is empty (0 bytes); get it again", "is empty"),
        (
            "a b.mp3: cannot read the folder (Permission denied)",
            "cannot read the folder",
        ),
        (
            "a b.mp3: only 0.3 s of sound, at least 1 s is needed",
            "only … s of sound, at least … s is needed",
        ),
        ("its name is not valid UTF-8; rename it", "its name is not valid UTF-8"),
        ("a b.mp3: holds no sound (no MP3)", "holds no sound"),
        ("a b.mp3:", "AudioDecodeError"),
    ],
)
def test_reasons_are_told_from_what_differs(message: str, reason: str) -> None:
    tally = Tally()
    tally.add(SongResult(Failure("a b.mp3", "AudioDecodeError", message)))
    assert [group.reason for group in tally.summary().failures] == [reason]


@pytest.mark.parametrize("n_bytes", [1, 30])
def test_a_torn_line_is_heard_again(
    n_bytes: int, library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    scan(library, tmp_path / "wanted.csv", music_model)
    output = tmp_path / "out.csv"
    scan(library, output, music_model, stop_after=4)
    os.truncate(journal(output), journal(output).stat().st_size - n_bytes)
    heard.clear()
    scan(library, output, music_model)
    assert len(heard) == 4
    assert output.read_bytes() == (tmp_path / "wanted.csv").read_bytes()


def test_a_damaged_line_is_heard_again(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    scan(library, tmp_path / "wanted.csv", music_model)
    output = tmp_path / "out.csv"
    scan(library, output, music_model, stop_after=4)
    lines = journal(output).read_bytes().splitlines(keepends=True)
    lines[2] = b"\0" * (len(lines[2]) - 1) + b"\n"
    journal(output).write_bytes(b"".join(lines))
    heard.clear()
    scan(library, output, music_model)
    assert len(heard) == 4
    assert output.read_bytes() == (tmp_path / "wanted.csv").read_bytes()


def test_a_file_that_is_no_journal(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    journal(tmp_path / "out.csv").write_text("a download that is not finished")
    with pytest.raises(ResultsError, match=r"out\.csv\.part is no journal of a scan"):
        scan(library, tmp_path / "out.csv", music_model)
    assert journal(tmp_path / "out.csv").read_text() == "a download that is not finished"


def test_a_full_disk(
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scan(library, tmp_path / "wanted.csv", music_model)
    output = tmp_path / "out.csv"

    class Full:
        """Takes half of a line."""

        def __init__(self, stream: object) -> None:
            self.stream, self.n_bytes = stream, 0

        def __getattr__(self, name: str) -> object:
            return getattr(self.stream, name)

        def write(self, line: bytes) -> int:
            if len(line) < 100 or self.n_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.n_bytes = len(line) // 2
            return int(self.stream.write(line[: self.n_bytes]))  # type: ignore[attr-defined]

    with open_scan([library], output, music_model) as job:
        answers = job.listen()
        for _ in range(3):
            next(answers)
        before = journal(output).read_bytes()
        job._journal._stream = Full(job._journal._stream)  # type: ignore[union-attr, assignment]
        with pytest.raises(ResultsError, match=r"cannot write .*\.part: No space left") as caught:
            next(answers)
    assert "run the same command again" in caught.value.hint
    assert journal(output).read_bytes() == before
    heard.clear()
    scan(library, output, music_model)
    assert len(heard) == 4
    assert output.read_bytes() == (tmp_path / "wanted.csv").read_bytes()


def test_an_output_that_cannot_be_written_at_the_end(
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise ResultsError("cannot write out.csv: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("generify.scan.scanning.write_song_results", full)
        with pytest.raises(ResultsError, match="No space left") as caught:
            scan(library, tmp_path / "out.csv", music_model)
    assert caught.value.hint == (
        "make room, then run the same command again; nothing is listened to twice"
    )
    heard.clear()
    assert scan(library, tmp_path / "out.csv", music_model) is not None
    assert heard == []


def test_a_complete_output_is_left_alone(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    first = scan(library, output, music_model)
    before = output.stat()
    heard.clear()
    with open_scan([library], output, music_model) as job:
        assert job.complete
        assert list(job.listen()) == []
        assert job.finish() == first
    after = output.stat()
    assert (heard, after.st_ino, after.st_mtime_ns) == ([], before.st_ino, before.st_mtime_ns)


def test_a_complete_output_of_other_songs(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    scan(library / "a", output, music_model)
    before = output.read_bytes()
    with pytest.raises(ParameterError, match=r"4 of 7 songs found are not in it, such as .*b/1"):
        scan(library, output, music_model)
    assert output.read_bytes() == before


@pytest.mark.parametrize("settings", [None, CHANGED, AGAIN])
def test_a_file_of_something_else_is_not_replaced(
    settings: ScanSettings | None,
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
) -> None:
    output = tmp_path / "taxes.csv"
    output.write_text("year,sum\n2024,1\n")
    with pytest.raises(ResultsError, match=r"taxes\.csv holds no results"):
        scan(library, output, music_model, settings)
    assert output.read_text() == "year,sum\n2024,1\n"
    assert not journal(output).exists()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".ndjson", ".json", ".db"])
def test_only_what_changed_is_heard(
    suffix: str, library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / f"out{suffix}"
    scan(library, output, music_model)
    heard.clear()
    (library / "a/1.wav").rename(library / "a/9.wav")  # another name
    os.utime(library / "a/2.wav")  # touched
    (library / "a/3.wav").unlink()
    with (library / "b/1.wav").open("ab") as stream:  # tagged: a chunk that is no sound
        stream.write(b"LIST\x04\0\0\0INFO")
    shutil.copy(library / "c.wav", library / "b/2.wav")  # another song's sound
    rng = np.random.default_rng(9)
    soundfile.write(library / "c.wav", 0.1 * rng.normal(size=8000), 8000)
    soundfile.write(library / "d.wav", 0.1 * rng.normal(size=9000), 8000)
    summary = scan(library, output, music_model, CHANGED)
    assert summary is not None
    assert sorted(heard) == ["b/empty.mp3", "library/c.wav", "library/d.wav"]
    assert names_in(output) == [
        *("a/2.wav", "a/9.wav", "b/1.wav", "b/2.wav", "b/empty.mp3"),
        *("library/c.wav", "library/d.wav"),
    ]
    # As if all had been heard today.
    scan(library, tmp_path / f"anew{suffix}", music_model)
    assert list(read_song_results(output)) == list(read_song_results(tmp_path / f"anew{suffix}"))


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".ndjson", ".json", ".db"])
def test_answers_for_songs_elsewhere_are_kept(
    suffix: str, library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / f"out{suffix}"
    (library / "a/empty.mp3").touch()
    scan(library / "a", output, music_model)
    (library / "a/3.wav").unlink()  # not ours to notice, as only b is looked through
    before = list(read_song_results(output))
    heard.clear()
    summary = scan([library / "b", library / "c.wav"], output, music_model, CHANGED)
    assert sorted(heard) == ["b/1.wav", "b/2.wav", "b/empty.mp3", "library/c.wav"]
    assert names_in(output) == [*SONGS[:3], "a/empty.mp3", *SONGS[3:]]
    assert list(read_song_results(output))[:4] == before
    assert summary is not None
    assert (summary.n_songs, summary.n_failed) == (8, 2)

    (library / "b/2.wav").unlink()
    scan(library / "b", output, music_model, CHANGED)  # drops what is gone below it, that alone
    assert names_in(output) == [*SONGS[:3], "a/empty.mp3", "library/c.wav", "b/1.wav", SONGS[5]]
    scan(library, output, music_model, CHANGED)
    assert names_in(output) == ["a/1.wav", "a/2.wav", "a/empty.mp3", SONGS[3], *SONGS[5:]]


def refuse_to_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("generify.datasets.listing.os.scandir", scandir)


def test_answers_for_songs_in_a_folder_that_cannot_be_read_are_kept(
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "out.csv"
    scan(library, output, music_model)
    (library / "b/1.wav").unlink()
    with monkeypatch.context() as patch:
        refuse_to_list(library / "b", patch)
        summary = scan(library, output, music_model, CHANGED)
    assert summary is not None
    assert (summary.n_songs, summary.n_failed) == (8, 2)  # b/empty.mp3, and b itself
    assert names_in(output) == [*SONGS[3:6], *SONGS[:3], "library/c.wav", "library/b"]
    heard.clear()
    scan(library, output, music_model, CHANGED)
    assert heard == ["b/empty.mp3"]
    assert names_in(output) == [*SONGS[:3], *SONGS[4:]]


def test_answers_for_songs_on_a_disk_that_is_not_there_are_kept(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    given = [library / "a", library / "b"]
    scan(given, output, music_model)
    (library / "a/3.wav").unlink()
    (library / "b").rename(tmp_path / "unplugged")
    scan(given, output, music_model, CHANGED)
    assert names_in(output) == [*SONGS[3:6], *SONGS[:2], "library/b"]
    (tmp_path / "unplugged").rename(library / "b")
    heard.clear()
    scan(given, output, music_model, CHANGED)
    assert names_in(output) == [*SONGS[:2], *SONGS[3:6]]
    assert heard == ["b/empty.mp3"]


@pytest.mark.parametrize("way", ["an empty folder", "a link to nothing"])
def test_answers_are_kept_where_a_disk_may_not_be_mounted(
    way: str, library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    given = [library / "a", library / "b"]
    scan(given, output, music_model)
    (library / "b").rename(tmp_path / "unplugged")
    if way == "an empty folder":
        (library / "b").mkdir()
    else:
        (library / "b").symlink_to(tmp_path / "nowhere")
    scan(given, output, music_model, CHANGED)
    assert names_in(output) == [*SONGS[3:6], *SONGS[:3], "library/b"]


def test_songs_that_were_taken_out_of_a_folder_are_dropped(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    """All of them: the folder fails, but it was looked into."""
    output = tmp_path / "out.csv"
    given = [library / "a", library / "b"]
    scan(given, output, music_model)
    for song in (library / "b").iterdir():
        song.unlink()
    (library / "b/cover.jpg").touch()
    scan(given, output, music_model, CHANGED)
    assert names_in(output) == [*SONGS[:3], "library/b"]


def test_songs_of_a_folder_that_is_named_like_a_song_are_dropped(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    """The folder fails once it is empty, but it is known that nothing is below."""
    output = tmp_path / "out.csv"
    (library / "x.wav").mkdir()
    (library / "c.wav").rename(library / "x.wav/c.wav")
    scan(library, output, music_model)
    assert names_in(output)[-1] == "x.wav/c.wav"
    (library / "x.wav/c.wav").unlink()
    scan(library, output, music_model, CHANGED)
    assert names_in(output) == [*SONGS[:6], "library/x.wav"]


def test_an_update_of_one_folder_and_then_another(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    scan(library / "c.wav", output, music_model)
    scan(library / "a", output, music_model, CHANGED, stop_after=2)
    scan(library / "b", output, music_model)  # goes on, so what was heard of a stays too
    kept = names_in(output)
    assert kept[0] == "library/c.wav"
    assert sorted(kept[1:3]) == sorted(heard[1:3])
    assert kept[3:] == list(SONGS[3:6])


def test_the_same_folder_by_another_name(
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "out.csv"
    scan(library, output, music_model)
    monkeypatch.chdir(library)
    (tmp_path / "link").symlink_to(library)
    for name in ("../library", tmp_path / "link", library):
        scan(Path(name), output, music_model, CHANGED)
        assert [Path(answer.path).name for answer in read_results(output)] == [
            Path(song).name for song in SONGS
        ]


def test_nothing_changed(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    (library / "b/empty.mp3").unlink()
    scan(library, output, music_model)
    before = output.read_bytes()
    heard.clear()
    scan(library, output, music_model, CHANGED)
    assert heard == []
    assert output.read_bytes() == before


def test_an_update_left_in_the_middle_goes_on(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    scan(library, output, music_model)
    for name in ("x.wav", "y.wav", "z.wav"):
        soundfile.write(library / name, np.random.default_rng(len(heard)).normal(size=8000), 8000)
        heard.append(name)
    heard.clear()
    before = output.read_bytes()
    scan(library, output, music_model, CHANGED, stop_after=2)
    assert output.read_bytes() == before
    scan(library, output, music_model, CHANGED)
    assert sorted(heard) == sorted(
        ["b/empty.mp3", "library/x.wav", "library/y.wav", "library/z.wav"]
    )
    assert len(names_in(output)) == 10


def test_everything_anew(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    scan(library, output, music_model)
    before = output.read_bytes()
    heard.clear()
    scan(library, output, music_model, AGAIN, stop_after=3)
    assert output.read_bytes() == before
    scan(library, output, music_model, AGAIN)  # goes on, does not begin once more
    assert sorted(heard) == sorted(SONGS)
    assert output.read_bytes() == before


def test_an_unfinished_scan_can_be_thrown_away(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    scan(library, tmp_path / "out.csv", music_model, stop_after=5)
    heard.clear()
    scan(library, tmp_path / "out.csv", music_model, AGAIN)
    assert sorted(heard) == sorted(SONGS)


@pytest.mark.parametrize("settings", [None, CHANGED])
def test_another_kind_of_scan_does_not_go_on(
    settings: ScanSettings | None,
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
) -> None:
    output = tmp_path / "out.csv"
    scan(library, output, music_model, stop_after=2)
    sure = ScanSettings(0.5, redo=Redo.NOTHING if settings is None else settings.redo)
    with pytest.raises(ParameterError, match=r"with min-confidence 0, not with 0\.5") as caught:
        scan(library, output, music_model, sure)
    assert caught.value.hint.startswith("give the same to go on with it; --again")
    western = load_model("western")
    with pytest.raises(ParameterError, match="begun with the model toy 1, not with western 1"):
        scan(library, output, western, settings)
    same_name = GenreModel(music_model.card, western.graph)
    with pytest.raises(ParameterError, match="begun with another model that is called toy 1 too"):
        scan(library, output, same_name, settings)
    scan(library, output, music_model)
    assert sorted(heard) == sorted(SONGS)


@pytest.mark.parametrize("redo", [Redo.NOTHING, Redo.CHANGED])
@pytest.mark.parametrize(
    ("said", "asked", "refused"),
    [
        ({}, 0.6, "a.wav is jazz in it, at 0.5"),
        ({}, 0.5, ""),
        ({}, 0.2, ""),
        ({"genre": None, "unknown": True}, 0.2, "a.wav is unknown in it, at 0.5"),
        ({"genre": None, "unknown": True}, 0.5, ""),
        ({"genre": None, "unknown": True, "doubt": "it is noise"}, 0.2, ""),
    ],
)
def test_answers_judged_with_another_min_confidence_are_not_taken(
    redo: Redo,
    said: dict[str, Any],
    asked: float,
    refused: str,
    music_model: GenreModel,
    tmp_path: Path,
) -> None:
    soundfile.write(tmp_path / "a.wav", np.ones(8000), 8000)
    card, state = music_model.card, FileState.of(str(tmp_path / "a.wav"))
    jazz = (GenreProbability("jazz", 0.5), GenreProbability("rock", 0.5))
    known = Prediction(str(tmp_path / "a.wav"), card.name, "jazz", 0.5, False, jazz, 30.0, 30.0)
    answer = SongResult(
        replace(known, **said), card.version, "hash", size=state.size, modified=state.modified
    )
    output = tmp_path / "out.csv"
    write_song_results([answer], output, ("jazz", "rock"))
    message = rf"made with another min-confidence than {asked:g}: .*{refused}"
    refusing = pytest.raises(ParameterError, match=message) if refused else nullcontext()
    settings = ScanSettings(min_confidence=asked, redo=redo)
    with refusing as caught, open_scan([tmp_path], output, music_model, settings) as job:
        assert job.n_before == job.n_songs == 1
    if caught is not None:
        assert caught.value.hint.startswith("give the one that it was made with; --again")
    assert {path.name for path in tmp_path.iterdir()} - {"out.csv.part"} == {"a.wav", "out.csv"}


@pytest.mark.parametrize("settings", [None, CHANGED])
@pytest.mark.parametrize(
    ("begun", "given", "place"),
    [
        ("library", "../library", "in {}"),
        ("library/b", "../library/b", "in {}"),
        (".", "..", "in {}/library"),
        ("../library", "../../library", "below {}"),
    ],
)
def test_paths_that_begin_in_another_folder(
    begun: str,
    given: str,
    place: str,
    settings: ScanSettings | None,
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else each song would be there twice: at its old path and at its new one."""
    first, other = tmp_path, tmp_path / "other"
    if begun == ".":
        first, other = library, library / "a"
    elif begun == "../library":
        first, other = tmp_path / "first", tmp_path / "other/deep"
    for folder in (first, other):
        folder.mkdir(parents=True, exist_ok=True)
    output = tmp_path / "out.csv"
    monkeypatch.chdir(first)
    scan(Path(begun), output, music_model)
    before, n_heard = output.read_bytes(), len(heard)
    monkeypatch.chdir(other)
    with pytest.raises(ParameterError, match=r"out\.csv names its songs from another fold") as e:
        scan(Path(given), output, music_model, settings)
    assert e.value.hint == f"run it {place.format(tmp_path)}, as when they were first heard"
    assert (output.read_bytes(), len(heard)) == (before, n_heard)
    assert not journal(output).exists()
    monkeypatch.chdir(first)
    scan(Path(begun), output, music_model, settings)
    paths = [answer.path for answer in read_results(output)]
    assert len(paths) == len(set(paths)) == n_heard


def test_songs_that_were_all_moved_are_no_paths_of_another_folder(
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "out.csv"
    scan(Path("library/a"), output, music_model)
    (library / "a").rename(tmp_path / "else")
    heard.clear()
    with open_scan([Path("library"), Path("else")], output, music_model, CHANGED) as job:
        list(job.listen())
        assert (job.n_gone, job.n_recognised) == (3, 3)
        job.finish()
    assert sorted(heard) == ["b/1.wav", "b/2.wav", "b/empty.mp3", "library/c.wav"]


@pytest.mark.parametrize("settings", [None, CHANGED])
def test_an_output_of_another_model_is_not_taken(
    settings: ScanSettings | None,
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
) -> None:
    output = tmp_path / "out.csv"
    scan(library, output, music_model)
    said = "made with the model toy 1, not with western 1"
    with pytest.raises(ParameterError, match=said) as caught:
        scan(library, output, load_model("western"), settings)
    assert caught.value.hint == "--again listens to everything anew; or choose another output"
    assert {path.name for path in tmp_path.iterdir()} == {"library", "out.csv"}


def test_an_output_that_tells_no_version_is_taken(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.ndjson"
    scan(library, output, music_model)
    output.write_text(output.read_text().replace('"model_version": "1"', '"model_version": ""'))
    assert [result.model_version for result in read_song_results(output)] == [""] * 7
    assert scan(library, output, music_model) is not None


def test_a_scan_that_is_finished_still_tells_what_came_out(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    with open_scan([library], output, music_model) as job:
        assert len(list(job.listen())) == len(SONGS)
        key, summary = job.key, job.write()
        assert names_in(output) == list(SONGS)
        assert (job.key, job.complete, len(list(job.heard()))) == (key, False, len(SONGS))
        assert journal(output).exists()
        written = output.stat()
        assert job.finish() == summary == job.finish()
        assert output.stat().st_ino == written.st_ino  # not written again
        assert not journal(output).exists()
        assert [short(result.path) for result in job.results()] == list(SONGS)
        assert (list(job.heard()), list(job.listen()), job.key) == ([], [], "")
        assert (job.complete, job.n_done, job.n_failed) == (True, 7, 1)
    assert [short(result.path) for result in job.results()] == list(SONGS)


def test_an_output_that_is_written_but_not_finished(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    with open_scan([library], tmp_path / "out.csv", music_model) as job:
        for _ in job.listen():
            pass
        key = job.key
        job.write()
    heard.clear()
    with open_scan([library], tmp_path / "out.csv", music_model) as job:
        assert (job.key, job.complete, list(job.listen())) == (key, False, [])
        assert len(list(job.heard())) == len(SONGS)
        job.finish()
    assert heard == []


def test_an_output_or_a_journal_that_the_disk_fails(
    library: Path,
    music_model: GenreModel,
    heard: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    output = tmp_path / "out.csv"
    with monkeypatch.context() as patch, open_scan([library], output, music_model) as job:
        list(job.listen())
        patch.setattr("os.fsync", fail)  # the journal must not go before the output is safe
        with pytest.raises(ResultsError, match=r"cannot write .*out\.csv: Input/output") as caught:
            job.finish()
    assert caught.value.hint.startswith("make room, then run the same command again")
    assert journal(output).exists()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        with pytest.raises(ResultsError, match=r"cannot remove .*out\.csv\.part: Input/output"):
            scan(library, output, music_model)
    heard.clear()
    assert scan(library, output, music_model) is not None
    assert heard == []


def test_two_scans_of_one_output(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    with open_scan([library], output, music_model) as job:
        for _ in job.listen():
            break
        with pytest.raises(ResultsError, match=r"another scan is writing .*out\.csv") as caught:
            scan(library, output, music_model)
        assert caught.value.hint == "wait for it, or choose another output"
        for _ in job.listen():
            pass
        job.finish()
    assert sorted(heard) == sorted(SONGS)
    assert names_in(output) == list(SONGS)


def test_folders_that_are_given_later(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    scan(library / "a", output, music_model, stop_after=2)
    scan([library / "b", library / "a"], output, music_model)
    assert names_in(output) == [*SONGS[3:6], *SONGS[:3]]
    assert sorted(heard) == sorted(SONGS[:6])


def test_names_that_no_file_can_have(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    given = [library / "c.wav", library / ("x" * 300 + ".mp3"), Path(os.fsdecode(b"\xff.mp3"))]
    summary = scan(given, output, music_model)
    assert summary is not None
    assert summary.n_songs == 3
    good, long, badly_named = read_results(output)
    assert isinstance(good, Prediction)
    assert isinstance(long, Failure)
    assert "File name too long" in long.message
    assert badly_named == Failure(
        "\\xff.mp3", "DatasetError", "its name is not valid UTF-8; rename it"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_what_is_no_file_is_never_opened(
    library: Path, music_model: GenreModel, tmp_path: Path
) -> None:
    os.mkfifo(library / "pipe.mp3")
    (library / "link.mp3").symlink_to("pipe.mp3")
    (library / "gone.mp3").symlink_to("nowhere.mp3")
    (library / "up").symlink_to("..")
    for name in ("pipe.mp3", "link.mp3", "gone.mp3", "missing.mp3", "b"):
        result = listen(str(library / name), music_model)
        assert isinstance(result, SongResult)
        assert isinstance(result.answer, Failure)
        assert (result.size, result.modified, result.recording) == (None, None, None)
    assert FileState.of(str(library / "pipe.mp3")) == FileState()


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (RuntimeError, "RuntimeError", "RuntimeError"),
        (
            MemoryError,
            "AudioDecodeError",
            "{path}: needs more memory than a song may take; "
            "cut it, or lower its sample rate or number of channels",
        ),
    ],
)
def test_any_error_is_one_song_s(
    error: type[Exception],
    kind: str,
    said: str,
    library: Path,
    music_model: GenreModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> Prediction:
        raise error

    monkeypatch.setattr("generify.scan.listening.predict", fail)
    result = listen(str(library / "c.wav"), music_model)
    assert isinstance(result, SongResult)
    path = str(library / "c.wav")
    assert result.answer == Failure(path, kind, said.format(path=path))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_confidence": 2}, "min_confidence must lie between 0 and 1, got 2"),
        ({"jobs": -1}, "jobs must be 0 or more, got -1"),
        ({"time_limit": 0}, "time_limit must be above 0 s, got 0"),
    ],
)
def test_wrong_settings(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        ScanSettings(**settings)  # type: ignore[arg-type]


def test_outputs_that_cannot_be(
    library: Path, music_model: GenreModel, heard: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match=r"out\.txt does not say how"):
        scan(library, tmp_path / "out.txt", music_model)
    with pytest.raises(ResultsError, match=r"cannot write .*: No such file or directory"):
        scan(library, tmp_path / "missing/out.csv", music_model)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ResultsError, match="is no file; a file of results was expected"):
        scan(library, tmp_path / "folder.csv", music_model)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ParameterError, match="no song in"):
        scan(tmp_path / "nothing", tmp_path / "out.csv", music_model)
    for given in ([tmp_path / "nosuch"], [tmp_path / "nothing", tmp_path / "nosuch"]):
        with pytest.raises(ParameterError, match=r"no file or folder .*nosuch\n") as caught:
            scan(given, tmp_path / "out.csv", music_model)
        assert caught.value.hint == "check the path"
    assert {path.name for path in tmp_path.iterdir()} == {"library", "folder.csv", "nothing"}
    assert heard == []


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_killed_and_interrupted_again_and_again(
    music: Path, music_model: GenreModel, tmp_path: Path, command: Command
) -> None:
    model = tmp_path / "m.onnx"
    music_model.save(model)
    (tmp_path / "empty.mp3").touch()
    songs = [music / "tones", music / "clicks", tmp_path / "empty.mp3", "-m", model, "-o"]
    assert command("scan", *songs, tmp_path / "wanted.parquet").code == 1
    wanted = (tmp_path / "wanted.parquet").read_bytes()

    output = tmp_path / "out.parquet"
    code = "from generify.cli import main; main()"
    before = b""
    stops = ((0, signal.SIGKILL), (4, signal.SIGINT), (10, signal.SIGKILL))
    for n_stop, number in stops:
        with subprocess.Popen(
            [sys.executable, "-c", code, "scan", *map(str, songs), str(output)],
            stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            while process.poll() is None and len(lines_of(output)) < 1 + n_stop:
                time.sleep(0.002)
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        assert process.returncode == (130 if number == signal.SIGINT else -number)
        assert ("interrupted" in err, "Traceback" in err) == (number == signal.SIGINT, False)
        n_safe = len(lines_of(output)) - 1
        told = f"{n_safe} of 17 songs are answered and safe\n"
        assert (told in err) == (number == signal.SIGINT)
        assert not output.exists()
        after = journal(output).read_bytes()
        assert after.startswith(before[: before.rfind(b"\n") + 1])
        before = after
    paths = [json.loads(line)["path"] for line in lines_of(output)[1:]]
    assert 10 <= len(paths) == len(set(paths)) < 17
    done = command("scan", *songs, output)
    assert done.code == 1
    assert f"{len(paths)} of 17 songs are answered already; going on with the other " in done.err
    assert output.read_bytes() == wanted


def lines_of(output: Path) -> list[bytes]:
    try:
        content = journal(output).read_bytes()
    except FileNotFoundError:
        return []
    return content[: content.rfind(b"\n") + 1].splitlines()
