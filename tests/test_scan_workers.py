"""Workers: each answers for itself, and what happens to one costs one song."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from generify.content import content_hash
from generify.errors import Failure, ModelError
from generify.model import GenreModel
from generify.prediction import Prediction, predict
from generify.results import SongResult
from generify.scan import workers
from generify.scan.listening import FileState, Recognised, listen
from generify.scan.workers import WorkerError, WorkerSetup, listen_in_processes

N_SONGS = 8


class Trap(frozenset[str]):
    """Recordings that the worker, on its way to listen to them, does not survive."""

    def __new__(cls, deadly: dict[str, object]) -> Trap:
        trap = super().__new__(cls, deadly)
        trap.deadly = deadly  # type: ignore[attr-defined]
        return trap

    def __reduce__(self) -> tuple[type[Trap], tuple[dict[str, object]]]:
        return Trap, (self.deadly,)  # type: ignore[attr-defined]

    def __contains__(self, recording: object) -> bool:
        what = self.deadly.get(recording)  # type: ignore[attr-defined]
        if what == "hang":
            time.sleep(1000)
        elif isinstance(what, Path):
            if not what.exists():
                what.touch()
                os.kill(os.getpid(), signal.SIGTERM)
        elif what is not None:
            os.kill(os.getpid(), what)
        return False


@pytest.fixture
def songs(music: Path) -> list[str]:
    return [str(music / "tones" / f"tones{number}.wav") for number in range(N_SONGS)]


def setup_with(model: GenreModel, known: frozenset[str] = frozenset()) -> WorkerSetup:
    return WorkerSetup(model.graph, "toy", known=known)


def heard(
    songs: list[str], setup: WorkerSetup, *, jobs: int = 2, time_limit: float = 60
) -> dict[str, SongResult | Recognised]:
    results = list(listen_in_processes(songs, setup, jobs=jobs, time_limit=time_limit))
    by_path = {
        result.answer.path if isinstance(result, SongResult) else result.path: result
        for result in results
    }
    assert len(by_path) == len(results)
    return by_path


@pytest.mark.parametrize("jobs", [1, 2])
def test_answers_are_those_of_predict(jobs: int, songs: list[str], music_model: GenreModel) -> None:
    results = heard(songs, setup_with(music_model), jobs=jobs)
    assert set(results) == set(songs)
    for song in songs:
        result = results[song]
        assert isinstance(result, SongResult)
        assert isinstance(result.answer, Prediction)
        assert result.answer.to_dict() == predict(song, music_model).to_dict()
        assert result.recording == content_hash(song)
        assert result.size == Path(song).stat().st_size
        assert result.model_version == music_model.card.version


def test_a_worker_that_dies_costs_its_song(songs: list[str], music_model: GenreModel) -> None:
    deadly = {
        content_hash(songs[0]): signal.SIGKILL,
        content_hash(songs[3]): signal.SIGSEGV,
        content_hash(songs[N_SONGS - 1]): signal.SIGABRT,
    }
    results = heard(songs, setup_with(music_model, Trap(deadly)))
    failed = {path: r.answer for path, r in results.items() if isinstance(r.answer, Failure)}  # type: ignore[union-attr]
    assert set(failed) == {songs[0], songs[3], songs[N_SONGS - 1]}
    assert len(results) == N_SONGS
    assert failed[songs[3]] == Failure(
        songs[3],
        "WorkerError",
        f"{songs[3]}: the process that listened to it died (SIGSEGV); "
        "it may be damaged, or memory was short",
    )


def test_a_song_that_hangs_is_given_up(songs: list[str], music_model: GenreModel) -> None:
    trap = Trap({content_hash(songs[1]): "hang"})
    results = heard(songs[:3], setup_with(music_model, trap), time_limit=4)
    failed = [r.answer for r in results.values() if isinstance(r, SongResult) and r.failed]
    assert failed == [
        Failure(
            songs[1],
            "WorkerError",
            f"{songs[1]}: no answer within 4 s; listen to it alone with `generify predict`",
        )
    ]


def test_a_worker_that_is_told_to_end_loses_no_song(
    songs: list[str], music_model: GenreModel, tmp_path: Path
) -> None:
    trap = Trap({content_hash(songs[2]): tmp_path / "told"})
    results = heard(songs[:3], setup_with(music_model, trap))
    assert (tmp_path / "told").exists()
    assert [r.failed for r in results.values() if isinstance(r, SongResult)] == 3 * [False]


def test_songs_are_asked_for_as_workers_are_free(songs: list[str], music_model: GenreModel) -> None:
    asked: list[str] = []

    def slowly() -> Iterator[str]:
        for song in songs:
            asked.append(song)
            yield song

    results = listen_in_processes(slowly(), setup_with(music_model), jobs=1, time_limit=60)
    next(results)
    assert len(asked) <= 3
    results.close()


def test_a_model_that_cannot_be_used_stops_all(songs: list[str]) -> None:
    with pytest.raises(ModelError, match="toy is a text, no model"):
        heard(songs, WorkerSetup(b"nonsense", "toy"))


class Unbearable(frozenset[str]):
    """No worker survives receiving it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (7,)


def test_workers_that_cannot_begin(songs: list[str], music_model: GenreModel) -> None:
    with pytest.raises(WorkerError, match=r"end before they begin \(exit code 7\)") as caught:
        heard(songs, setup_with(music_model, Unbearable()))
    assert "memory" in caught.value.hint


@pytest.mark.parametrize(
    ("ready", "waited", "time_limit", "given_up"),
    [
        (False, 50.0, 1.0, False),
        (False, 61.0, 1.0, True),
        (False, 61.0, 100.0, False),
        (True, 50.0, 1.0, True),
    ],
)
def test_a_worker_s_start_is_no_song_s_time(
    ready: bool, waited: float, time_limit: float, given_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_TICK", 0.01)
    crew = workers._Crew(WorkerSetup(b"", "toy"), 1, time_limit)
    near, far = Pipe()
    process = SimpleNamespace(kill=lambda: None)
    worker: Any = SimpleNamespace(
        pipe=near, process=process, ready=ready, waited=waited, end=lambda: -9,
        path="a.wav" if ready else None,
    )  # fmt: skip
    crew._workers.append(worker)
    with closing(near), closing(far):
        failed = list(crew._look())
    assert (crew._workers == []) is given_up
    assert len(failed) == (given_up and ready)


def test_known_recordings_are_not_heard(songs: list[str], music_model: GenreModel) -> None:
    known = content_hash(songs[1])
    found = listen(songs[1], music_model, known=frozenset([known]))
    state = FileState.of(songs[1])
    assert found == Recognised(songs[1], known, state.size, state.modified)
    assert isinstance(listen(songs[0], music_model, known=frozenset([known])), SongResult)


class Threads(frozenset[str]):
    """Notes, in the worker, how many threads its arithmetic has: as names, for it may not write."""

    def __new__(cls, report: Path) -> Threads:
        threads = super().__new__(cls)
        threads.report = report  # type: ignore[attr-defined]
        return threads

    def __reduce__(self) -> tuple[type[Threads], tuple[Path]]:
        return Threads, (self.report,)  # type: ignore[attr-defined]

    def __contains__(self, recording: object) -> bool:
        from threadpoolctl import threadpool_info

        for library in threadpool_info():
            (self.report / str(library["num_threads"])).touch()  # type: ignore[attr-defined]
        return False


def test_a_worker_has_one_thread_for_its_arithmetic(
    songs: list[str], music_model: GenreModel, tmp_path: Path
) -> None:
    pytest.importorskip("threadpoolctl")
    before = dict(os.environ)
    heard(songs[:1], setup_with(music_model, Threads(tmp_path)))
    assert dict(os.environ) == before
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_workers_end_with_the_iterator(songs: list[str], music_model: GenreModel) -> None:
    results = listen_in_processes(songs, setup_with(music_model), jobs=2, time_limit=60)
    next(results)
    assert len(children()) == 2
    results.close()
    assert not children()


def children(process: int | str = "self") -> list[int]:
    """Processes that listen; Python's own resource tracker is none."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("there is no /proc to look into")
    found = [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [c for c in found if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]


def is_gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_workers_end_with_their_parent(
    songs: list[str], music_model: GenreModel, tmp_path: Path
) -> None:
    music_model.save(tmp_path / "m.onnx")
    (tmp_path / "script.py").write_text(
        "import sys\n"
        f"sys.path.append({str(Path(__file__).parent)!r})\n"
        "from test_scan_workers import *\n"
        f"trap = Trap({{content_hash({songs[0]!r}): 'hang'}})\n"
        f"graph = Path({str(tmp_path / 'm.onnx')!r}).read_bytes()\n"
        "setup = WorkerSetup(graph, 'toy', known=trap)\n"
        "if __name__ == '__main__':\n"
        f"    for _ in listen_in_processes({songs!r}, setup, jobs=2, time_limit=60):\n"
        "        print('heard', flush=True)\n"
        "        input()\n"
    )
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"heard\n"
        workers = children(parent.pid)
        assert len(workers) == 2
        parent.kill()
    deadline = time.monotonic() + 30
    while not all(map(is_gone, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert all(map(is_gone, workers))
