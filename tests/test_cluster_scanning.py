"""A scan by a cluster: partitions, going on, and the same file as a scan on one machine.

Who listens is replaced here by a loop in this process; Ray itself is in ``test_cluster.py``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import RATE
from generify.cluster import ClusterPlan, is_partitioned, open_cluster_scan, partitions
from generify.cluster.listening import _Listener
from generify.errors import ModelError, ParameterError
from generify.model import GenreModel
from generify.results import ResultsError, SongResult, read_results, read_song_results
from generify.scan import Redo, ScanSettings, ScanSummary, open_scan
from generify.scan.listening import Recognised, listen
from generify.scan.workers import WorkerSetup

pytest.importorskip("fsspec", reason="fsspec (extra ray) is not installed")
pytest.importorskip("pyarrow", reason="pyarrow (extra ray) is not installed")

Heard = list[str]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Listen here, for a cluster backwards, and note to what."""
    noted: Heard = []

    def listen_backwards(
        songs: Sequence[str], setup: WorkerSetup, plan: ClusterPlan
    ) -> Iterator[SongResult | Recognised]:
        actor = _Listener(setup, plan.time_limit, str(Path.cwd()))
        with actor._nowhere:
            for song in reversed(songs):
                noted.append(song)
                answer = actor.listen([song])
                if isinstance(answer, Exception):
                    raise answer
                yield from answer

    def listen_here(
        songs: Sequence[str], setup: WorkerSetup, **_settings: object
    ) -> Iterator[SongResult | Recognised]:
        model = GenreModel.from_bytes(setup.graph, source=setup.source)
        for song in songs:
            yield listen(song, model, known=setup.known)

    monkeypatch.setattr("generify.cluster.scanning.listen_on_cluster", listen_backwards)
    # In one process, as the number of threads shows in the last digits.
    monkeypatch.setattr("generify.scan.scanning.listen_in_processes", listen_here)
    monkeypatch.setattr("generify.cluster.scanning._N_SONGS", 3)
    return noted


@pytest.fixture
def library(music: Path, tmp_path: Path) -> Path:
    root = tmp_path / "library"
    shutil.copytree(music / "tones", root)
    shutil.copy(music / "clicks/clicks0.wav", root)
    (root / "text.mp3").write_text("words")
    (root / "empty.wav").touch()
    soundfile.write(root / "silent.wav", np.zeros(RATE), RATE)
    return root


def scan(
    library: Path | str, output: Path | str, model: GenreModel, redo: Redo = Redo.NOTHING
) -> ScanSummary:
    with open_cluster_scan([library], output, model, ScanSettings(redo=redo)) as job:
        for _ in job.listen():
            pass
        return job.finish()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".ndjson", ".json", ".db"])
def test_the_file_is_that_of_a_scan_on_one_machine(
    suffix: str, library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / f"cluster{suffix}", tmp_path / f"local{suffix}"
    summary = scan(library, ours, music_model)
    with open_scan([library], theirs, music_model) as job:
        list(job.listen())
        assert job.finish() == summary
    assert summary.n_songs == len(heard) == 12
    assert summary.n_failed == 3
    assert ours.read_bytes() == theirs.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"library", ours.name, theirs.name}


def test_an_interrupted_scan_goes_on(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = f"{tmp_path}/genres/"
    with open_cluster_scan([library], output, music_model) as job:
        listening = job.listen()
        for _ in range(5):
            next(listening)
        listening.close()  # as Ctrl-C does: what is heard is written down
    parts = sorted(Path(output).glob("part-*.parquet"))
    assert [len(list(read_results(path))) for path in parts] == [3, 2]
    parts[1].unlink()  # as if it had been killed before
    with open_cluster_scan([library], output, music_model) as job:
        assert (job.n_songs, job.n_before, job.n_done, job.n_failed) == (12, 3, 3, 0)
        n_heard = len(list(job.listen()))
        assert n_heard == 9
        assert job.n_failed == 3
        assert {result.path for result in job.heard()} == set(heard)
        job.finish()
    assert len(heard) == 5 + 9


def test_each_engine_goes_on_with_what_the_other_began(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    scan(library, tmp_path / "whole.csv", music_model)
    heard.clear()
    output = tmp_path / "out.csv"
    with open_scan([library], output, music_model) as job:
        next(job.listen())
    with open_cluster_scan([library], output, music_model) as job:
        listening = job.listen()
        for _ in range(5):
            next(listening)
    with open_scan([library], output, music_model) as job:
        assert (job.n_before, job.n_done) == (6, 6)
        list(job.listen())
        job.finish()
    assert len(heard) == 5
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_nothing_is_left_unheard(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    with open_cluster_scan([library], tmp_path / "out.csv", music_model) as job:
        next(job.listen())
        with pytest.raises(ParameterError, match="11 songs are still to be listened to"):
            job.finish()


def test_results_before_the_end(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    with open_cluster_scan([library], tmp_path / "out.csv", music_model) as job:
        list(job.listen())
        names = [Path(result.path).name for result in job.results()]
        assert names == sorted(names)
        assert len(names) == 12


def test_a_complete_file_stays(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    first = scan(library, output, music_model)
    heard.clear()
    with open_cluster_scan([library], output, music_model) as job:
        assert job.complete
        assert job.n_done == job.n_before == 12
        assert list(job.listen()) == []
        assert job.finish() == first
    assert heard == []
    shutil.copy(library / "tones0.wav", library / "new.wav")
    with (
        pytest.raises(ParameterError, match="complete, but 1 of 13 songs found are not in it"),
        open_cluster_scan([library], output, music_model),
    ):
        pass


def test_a_file_brought_up_to_date(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    scan(library, output, music_model)
    heard.clear()
    (library / "tones0.wav").rename(library / "renamed.wav")
    shutil.copy(library / "clicks0.wav", library / "tones1.wav")
    (library / "text.mp3").unlink()
    with open_cluster_scan([library], output, music_model, ScanSettings(redo=Redo.CHANGED)) as job:
        assert job.n_before == 7
        answers = {Path(result.path).name for result in job.listen()}
        assert {Path(result.path).name for result in job.heard()} == answers
        job.finish()
    assert answers == {"renamed.wav", "tones1.wav", "empty.wav", "silent.wav"}
    fresh = tmp_path / "fresh.parquet"
    scan(library, fresh, music_model)
    assert output.read_bytes() == fresh.read_bytes()


def names_in(output: Path) -> list[str]:
    return ["/".join(Path(answer.path).parts[-2:]) for answer in read_results(output)]


@pytest.mark.parametrize("suffix", [".parquet", ".ndjson"])
def test_answers_for_songs_elsewhere_are_kept(
    suffix: str, library: Path, music: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    noise = tmp_path / "noise"
    shutil.copytree(music / "noise", noise)
    (noise / "text.mp3").write_text("words")
    names = sorted(f"noise/{song.name}" for song in noise.iterdir())
    changed = ScanSettings(redo=Redo.CHANGED)
    outputs = []
    for engine, opened in (("cluster", open_cluster_scan), ("local", open_scan)):
        output = tmp_path / f"{engine}{suffix}"
        with opened([noise], output, music_model) as job:
            list(job.listen())
            job.finish()
        (noise / "noise3.wav").rename(tmp_path / "noise3.wav")  # not ours to notice
        with opened([library], output, music_model, changed) as job:
            list(job.listen())
            summary = job.finish()
        (tmp_path / "noise3.wav").rename(noise / "noise3.wav")
        assert (summary.n_songs, summary.n_failed) == (9 + 12, 1 + 3)
        assert names_in(output)[:9] == names
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]

    output = tmp_path / f"cluster{suffix}"
    heard.clear()
    (noise / "noise3.wav").unlink()
    with open_cluster_scan([noise], output, music_model, changed) as job:
        list(job.listen())
        job.finish()
    assert heard == [str(noise / "text.mp3")]
    names.remove("noise/noise3.wav")
    assert names_in(output)[-8:] == names


def test_what_is_not_there_is_refused(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    for output in (tmp_path / "out.csv", f"{tmp_path}/genres/"):
        with (
            pytest.raises(ParameterError, match=r"there is no file or folder .*nosuch\n") as caught,
            open_cluster_scan([tmp_path / "nosuch"], output, music_model),
        ):
            pass
        assert caught.value.hint == "check the path"
    assert [path.name for path in tmp_path.iterdir()] == ["library"]
    song = f"file://{library}/tones0.wav"
    with open_cluster_scan([tmp_path / "nosuch", song], output, music_model) as job:
        failed = [result.path for result in job.listen() if result.failed]
    assert failed == [str(tmp_path / "nosuch")]


@pytest.mark.parametrize("name", ["out.csv", "genres/"])
def test_what_is_written_but_not_finished_is_gone_on_with(
    name: str, library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = f"{tmp_path}/{name}"
    with open_cluster_scan([library], output, music_model) as job:
        list(job.listen())
        key, summary = job.key, job.write()
        assert (summary.n_songs, job.key, job.complete) == (12, key, False)
        assert len(list(job.heard())) == 12
    files = {path: path.stat().st_ino for path in tmp_path.rglob("*") if path.is_file()}
    heard.clear()
    with open_cluster_scan([library], output, music_model) as job:  # as where the history failed
        assert (job.key, job.complete, list(job.listen())) == (key, False, [])
        assert len(list(job.heard())) == 12
        assert job.finish() == summary == job.finish()
        assert (job.complete, job.n_done, job.n_failed, list(job.heard())) == (True, 12, 3, [])
    assert heard == []
    assert set(files) >= {path for path in tmp_path.rglob("*") if path.is_file()}


def test_what_a_folder_gains_is_another_scan(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = f"{tmp_path}/genres/"
    with open_cluster_scan([library], output, music_model) as job:
        list(job.listen())
        key = job.key
        job.finish()
    os.utime(library / "tones0.wav", (1, 1))
    settings = ScanSettings(redo=Redo.CHANGED)
    with open_cluster_scan([library], output, music_model, settings) as job:
        again = {result.path for result in job.listen()}
        assert job.key != key  # so that the history keeps the new answers too
        assert {result.path for result in job.heard()} == again
        job.finish()
    assert {Path(path).name for path in again} == {
        "tones0.wav", "text.mp3", "empty.wav", "silent.wav",
    }  # fmt: skip


def test_a_folder_keeps_answers_for_songs_elsewhere(
    library: Path, music: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = f"{tmp_path}/genres/"
    scan(music / "noise", output, music_model)
    assert scan(library, output, music_model, Redo.CHANGED).n_songs == 8 + 12
    (library / "tones0.wav").unlink()
    heard.clear()
    assert scan(library, output, music_model, Redo.CHANGED).n_songs == 8 + 11
    assert len(heard) == 3  # those that failed
    assert scan(music / "noise", output, music_model).n_songs == 8


def test_everything_anew(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    scan(library, output, music_model)
    heard.clear()
    settings = ScanSettings(redo=Redo.ALL)
    with open_cluster_scan([library], output, music_model, settings) as job:
        key = job.key
        next(job.listen())
    with open_cluster_scan([library], output, music_model, settings) as job:
        assert (job.key, job.n_before) == (key, 1)
        list(job.listen())
        job.finish()
    assert len(heard) == 12


@pytest.mark.parametrize(
    ("name", "what"),
    [("out.csv", "is an unfinished scan that was"), ("genres/", "holds a scan that was")],
)
def test_another_kind_of_scan_does_not_go_on(
    name: str, what: str, library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = f"{tmp_path}/{name}"
    with open_cluster_scan([library], output, music_model) as job:
        next(job.listen())
    settings = ScanSettings(min_confidence=0.5)
    with (
        pytest.raises(
            ParameterError, match=rf"{output}(\.part)? {what} begun with min-confidence 0, not"
        ),
        open_cluster_scan([library], output, music_model, settings),
    ):
        pass
    # Begun anew, it is of that kind.
    settings = ScanSettings(min_confidence=0.5, redo=Redo.ALL)
    with open_cluster_scan([library], output, music_model, settings) as job:
        assert job.n_before == 0


@pytest.mark.parametrize("redo", [Redo.NOTHING, Redo.CHANGED])
def test_paths_that_begin_in_another_folder(
    redo: Redo,
    library: Path,
    music_model: GenreModel,
    heard: Heard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = f"{tmp_path}/genres/"
    monkeypatch.chdir(library.parent)
    scan(Path(library.name), output, music_model)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    given = [os.path.relpath(library)]
    with (
        pytest.raises(ParameterError, match="genres/ names its songs from another folder") as e,
        open_cluster_scan(given, output, music_model, ScanSettings(redo=redo)),
    ):
        pass
    assert e.value.hint == f"run it in {library.parent}, as when they were first heard"


def test_a_folder_of_partitions(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = f"{tmp_path}/genres/"
    first = scan(library, output, music_model)
    assert first.n_songs == 12
    parts = sorted(Path(output).glob("*.parquet"))
    assert len(parts) == 4
    reference = tmp_path / "one.parquet"
    scan(library, reference, music_model)
    together = [result for part in parts for result in read_song_results(part)]
    assert sorted(together, key=lambda r: r.path) == sorted(
        read_song_results(reference), key=lambda r: r.path
    )

    heard.clear()
    assert scan(library, output, music_model) == first
    assert heard == []
    with open_cluster_scan([library], output, music_model) as job:
        assert job.complete
    shutil.copy(library / "tones0.wav", library / "new.wav")
    assert scan(library, output, music_model).n_songs == 13
    assert heard == [str(library / "new.wav")]

    heard.clear()
    (library / "new.wav").unlink()
    os.utime(library / "tones3.wav", (1, 1))
    scan(library, output, music_model, Redo.CHANGED)
    assert {Path(song).name for song in heard} == {
        "text.mp3", "empty.wav", "silent.wav", "tones3.wav",
    }  # fmt: skip
    paths = [r.path for part in Path(output).glob("*.parquet") for r in read_song_results(part)]
    assert sorted(paths) == sorted(str(path) for path in library.iterdir())

    heard.clear()
    scan(library, output, music_model, Redo.ALL)
    scan(library, output, music_model, Redo.ALL)
    assert len(heard) == 24


def test_songs_and_partitions_at_addresses(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    for song in library.iterdir():
        os.utime(song, (1e9, 1e9))  # times of addresses are floats, exact for whole seconds
    scan(library, tmp_path / "disk.parquet", music_model)
    output = "memory://bucket/genres/"
    scan(f"file://{library}", output, music_model)
    fetched = {result.path: result for result in partitions.Partitions(output).read()}
    assert len(fetched) == 12
    for result in read_song_results(tmp_path / "disk.parquet"):
        record = result.to_dict()
        address = f"file://{result.path}"
        record["path"] = address
        if result.failed:
            message = record["error"]["message"].replace(result.path, address)
            record["error"]["message"] = message
        assert fetched[address].to_dict() == record
    heard.clear()
    scan(f"file://{library}", output, music_model, Redo.CHANGED)
    assert len(heard) == 3  # those that failed
    partitions.Partitions(output).remove()


def test_a_full_disk_stops_and_loses_only_the_last_partition(
    library: Path, music_model: GenreModel, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = f"{library.parent}/genres/"
    write, n_written = partitions.write_song_results, 0

    def fill_up(*arguments: object) -> None:
        nonlocal n_written
        n_written += 1
        if n_written == 2:
            raise ResultsError("cannot write: No space left on device")
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(partitions, "write_song_results", fill_up)
    with (
        pytest.raises(ResultsError, match="No space left on device"),
        open_cluster_scan([library], output, music_model) as job,
    ):
        list(job.listen())
    assert n_written == 2
    with open_cluster_scan([library], output, music_model) as job:
        assert job.n_before == 3


def test_a_model_that_cannot_be_used_stops(
    library: Path, music_model: GenreModel, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_settings: object) -> None:
        raise ModelError("the model toy cannot be run")

    monkeypatch.setattr("generify.scan.listening.predict", refuse)
    with (
        pytest.raises(ModelError, match="toy cannot be run"),
        open_cluster_scan([library], library.parent / "out.csv", music_model) as job,
    ):
        list(job.listen())


def test_two_scans_of_one_folder(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    output = f"{tmp_path}/not/there/genres/"
    with (
        open_cluster_scan([library], output, music_model) as job,
        pytest.raises(ResultsError, match=r"another scan is writing .*/not/there/genres"),
        open_cluster_scan([library], output, music_model),
    ):
        pass
    assert job.n_done == 0
    (tmp_path / "file").touch()
    with (
        pytest.raises(ResultsError, match=r"cannot write .*/file/genres/: "),
        open_cluster_scan([library], f"{tmp_path}/file/genres/", music_model),
    ):
        pass


def test_a_folder_of_something_else(
    library: Path, music_model: GenreModel, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "genres").mkdir()
    (tmp_path / "genres/scan.json").write_text("[]")
    with (
        pytest.raises(ResultsError, match="holds no scan that this Generify can go on with"),
        open_cluster_scan([library], f"{tmp_path}/genres/", music_model),
    ):
        pass


def test_outputs() -> None:
    assert is_partitioned("genres/")
    assert not is_partitioned("genres.PARQUET")
    with pytest.raises(ParameterError, match=r"s3://b/x\.csv is no folder"):
        is_partitioned("s3://b/x.csv")
    with pytest.raises(ParameterError, match="does not say how results are written"):
        is_partitioned("genres")
