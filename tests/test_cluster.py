"""A cluster of two nodes, on this machine: the answers of one process, whatever dies meanwhile."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from conftest import RATE
from generify.cluster import ClusterError, ClusterPlan, listening, open_cluster_scan
from generify.cluster.listening import listen_on_cluster
from generify.content import content_hash
from generify.errors import Failure, ModelError
from generify.model import GenreModel
from generify.prediction import Prediction, predict
from generify.results import SongResult
from generify.scan import open_scan
from generify.scan.workers import WorkerSetup

ray: Any = pytest.importorskip("ray", reason="ray (extra ray) is not installed")
pytest.importorskip("fsspec", reason="fsspec (extra ray) is not installed")
pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc"),
    # Ray leaves sockets and log files to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

N_COPIES = 4
N_SONGS = 24 * N_COPIES + 3
ACTOR = "ray::_Listener"


class Trap(frozenset[str]):
    """Recordings that the actor, on its way to listen to them, does not survive."""

    def __new__(cls, deadly: dict[str, str]) -> Trap:
        trap = super().__new__(cls, deadly)
        trap.deadly = deadly  # type: ignore[attr-defined]
        return trap

    def __reduce__(self) -> tuple[type[Trap], tuple[dict[str, str]]]:
        return Trap, (self.deadly,)  # type: ignore[attr-defined]

    def __contains__(self, recording: object) -> bool:
        what = self.deadly.get(recording)  # type: ignore[attr-defined]
        if what == "hang":
            time.sleep(1000)
        elif what == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        return False


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch, listening._quiet():
        patch.setenv("RAY_TMPDIR", "/tmp")  # its sockets may not have long names
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        made.add_node(num_cpus=1)
        ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def library(music: Path, tmp_path: Path) -> Path:
    root = tmp_path / "library"
    root.mkdir()
    for song in music.rglob("*.wav"):
        for number in range(N_COPIES):
            (root / f"{song.stem}-{number} ä.wav").symlink_to(song)
    (root / "text.mp3").write_text("words")
    (root / "empty.wav").touch()
    soundfile.write(root / "silent.wav", np.zeros(RATE), RATE)
    return root


def processes(name: str, below: int | None = None) -> list[int]:
    """Find the processes with a name that this process, or another, has started."""
    top = os.getpid() if below is None else below
    found = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [p for p in found if name in read_process(p, "cmdline") and is_below(p, top)]


def read_process(process: int, what: str) -> str:
    try:
        return Path(f"/proc/{process}/{what}").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def is_below(process: int, top: int) -> bool:
    while process not in (0, top):
        status = read_process(process, "stat").rpartition(")")[2].split()
        process = int(status[1]) if status else 0
    return process == top


def scan_here(library: Path, model: GenreModel, suffix: str = ".parquet") -> bytes:
    output = library.parent / f"local{suffix}"
    with open_scan([library], output, model) as job:
        list(job.listen())
        job.finish()
    return output.read_bytes()


def test_two_nodes_write_the_file_of_one_machine(
    cluster: Any, library: Path, music_model: GenreModel
) -> None:
    output = library.parent / "cluster.ndjson"
    actors = set()
    with open_cluster_scan([library], output, music_model) as job:
        for _ in job.listen():
            actors |= set(processes(ACTOR))
        summary = job.finish()
    assert len(actors) == 2  # one a core: with as many actors as cores nothing hangs
    assert (summary.n_songs, summary.n_failed) == (N_SONGS, 3)
    assert output.read_bytes() == scan_here(library, music_model, ".ndjson")
    wait_until(lambda: not processes(ACTOR))


def wait_until(reached: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_worker_killed_in_the_middle_changes_nothing(
    cluster: Any, library: Path, music_model: GenreModel
) -> None:
    output = library.parent / "cluster.parquet"
    with open_cluster_scan([library], output, music_model) as job:
        listening = job.listen()
        next(listening)
        for process in processes(ACTOR):  # all there are, once
            os.kill(process, signal.SIGKILL)
        heard = [result.path for result in listening]
        job.finish()
    assert len(heard) == len(set(heard)) == N_SONGS - 1
    assert output.read_bytes() == scan_here(library, music_model)


def test_nodes_leave_and_join(
    cluster: Any, library: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generify.cluster.listening._COUNTING", 0.5)
    leaving = cluster.add_node(num_cpus=1)
    output = library.parent / "cluster.parquet"
    with open_cluster_scan([library], output, music_model) as job:
        listening = job.listen()
        next(listening)
        cluster.remove_node(leaving, allow_graceful=False)
        next(listening)
        joining = cluster.add_node(num_cpus=1)
        for _ in listening:
            pass
        job.finish()
    cluster.remove_node(joining)
    assert output.read_bytes() == scan_here(library, music_model)


def test_deadly_songs_cost_themselves_alone(
    cluster: Any, music: Path, music_model: GenreModel
) -> None:
    songs = [str(path) for path in sorted((music / "tones").iterdir())]
    deadly = {content_hash(songs[2]): "die", content_hash(songs[5]): "hang"}
    setup = WorkerSetup(music_model.graph, "toy", known=Trap(deadly))
    heard = list(listen_on_cluster(songs, setup, ClusterPlan(time_limit=2)))
    assert sorted(result.path for result in heard) == songs
    by_path = {result.path: result for result in heard}
    for number, song in enumerate(songs):
        result = by_path[song]
        assert isinstance(result, SongResult)
        if number == 2:
            why = "the process that listened to it died; it may be damaged, or memory was short"
            assert result.answer == Failure(song, "WorkerError", f"{song}: {why}")
        elif number == 5:
            why = "no answer within 2 s; listen to it alone with `generify predict`"
            assert result.answer == Failure(song, "WorkerError", f"{song}: {why}")
        else:
            assert isinstance(result.answer, Prediction)
            # To six digits: the number of threads shows in the last ones.
            assert result.answer.to_dict() == predict(song, music_model).to_dict()


def test_closing_ends_the_actors(cluster: Any, library: Path, music_model: GenreModel) -> None:
    with open_cluster_scan([library], library.parent / "out.csv", music_model) as job:
        listening = job.listen()
        next(listening)
        listening.close()
    wait_until(lambda: not processes(ACTOR))


def test_relative_paths(
    cluster: Any, music: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(music)
    setup = WorkerSetup(music_model.graph, "toy")
    (heard,) = listen_on_cluster(["tones/tones0.wav"], setup, ClusterPlan())
    assert isinstance(heard, SongResult)
    assert isinstance(heard.answer, Prediction)
    assert heard.answer.to_dict() == predict("tones/tones0.wav", music_model).to_dict()


def test_songs_that_the_cluster_does_not_see(
    cluster: Any, music: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(music)
    # What another machine would do: the folder is not there.
    monkeypatch.setattr("generify.cluster.listening.Path.cwd", lambda: Path("/nowhere"))
    setup = WorkerSetup(music_model.graph, "toy")
    with pytest.raises(ClusterError, match="a machine of the cluster does not see tones/tones0"):
        list(listen_on_cluster(["tones/tones0.wav"], setup, ClusterPlan()))


def test_another_version_on_the_cluster(
    cluster: Any, music: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generify.cluster.listening.__version__", "99.0")
    setup = WorkerSetup(music_model.graph, "toy")
    with pytest.raises(ClusterError, match=r"the cluster has Generify .*, this is 99\.0"):
        list(listen_on_cluster([str(music / "tones/tones0.wav")], setup, ClusterPlan()))


def test_a_model_that_no_actor_can_use(cluster: Any, music: Path) -> None:
    with pytest.raises(ModelError) as here:
        GenreModel.from_bytes(b"no model", source="toy")
    setup = WorkerSetup(b"no model", "toy")
    with pytest.raises(ModelError) as there:
        list(listen_on_cluster([str(music / "tones/tones0.wav")], setup, ClusterPlan()))
    assert (str(there.value), there.value.hint) == (str(here.value), here.value.hint)


class Unknown(frozenset[str]):
    """Of a package that is not on the cluster."""

    def __reduce__(self) -> tuple[Any, ...]:
        return importlib.import_module, ("not_on_the_cluster",)


def test_actors_that_cannot_begin(cluster: Any, music: Path, music_model: GenreModel) -> None:
    setup = WorkerSetup(music_model.graph, "toy", known=Unknown())
    why = r"end before they can listen: .*No module named 'not_on_the_cluster'"
    with pytest.raises(ClusterError, match=why) as caught:
        list(listen_on_cluster([str(music / "tones/tones0.wav")], setup, ClusterPlan()))
    assert "on every machine" in caught.value.hint


def test_a_model_that_fails_while_listening(
    cluster: Any, music: Path, music_model: GenreModel
) -> None:
    class Refusing(frozenset[str]):
        def __contains__(self, _: object) -> bool:
            raise ModelError("the model toy cannot be run")

    setup = WorkerSetup(music_model.graph, "toy", known=Refusing())
    with pytest.raises(ModelError, match="the model toy cannot be run"):
        list(listen_on_cluster([str(music / "tones/tones0.wav")], setup, ClusterPlan()))


def test_cores_that_others_hold(
    cluster: Any, music: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generify.cluster.listening._PATIENCE", 1.0)

    class Other:
        def ready(self) -> None:
            """Hold a core."""

    others = [ray.remote(num_cpus=1)(Other).remote() for _ in range(2)]
    ray.get([other.ready.remote() for other in others])
    setup = WorkerSetup(music_model.graph, "toy")
    with pytest.raises(ClusterError, match="no core of the cluster became free within 1 s"):
        list(listen_on_cluster([str(music / "tones/tones0.wav")], setup, ClusterPlan()))
    for other in others:
        ray.kill(other)


SCRIPT = """
import sys
from generify.cluster import open_cluster_scan
from generify.model import GenreModel
library, model, output, address = sys.argv[1:]
with open(model, "rb") as stream:
    toy = GenreModel.from_bytes(stream.read(), source="toy")
with open_cluster_scan([library], output, toy, address=address or None) as job:
    for number, _ in enumerate(job.listen()):
        if number == 0:
            print("listening", flush=True)
    print(job.finish().n_songs)
"""


@pytest.fixture
def script(library: Path, music_model: GenreModel) -> list[str]:
    music_model.save(library.parent / "toy.onnx")
    files = (library, library.parent / "toy.onnx", library.parent / "out.parquet")
    return [sys.executable, "-c", SCRIPT, *map(str, files)]


def test_a_running_cluster_by_its_address(
    cluster: Any, script: list[str], library: Path, music_model: GenreModel
) -> None:
    done = subprocess.run([*script, cluster.address], capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr) == (f"listening\n{N_SONGS}\n", "")
    assert Path(script[-1]).read_bytes() == scan_here(library, music_model)


def test_a_cluster_of_its_own_says_and_reports_nothing(
    script: list[str], library: Path, music_model: GenreModel
) -> None:
    process = subprocess.Popen(
        [*script, ""], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    servers = processes("gcs_server", below=process.pid)
    environments = [read_process(server, "environ") for server in servers]
    for actor in processes(ACTOR, below=process.pid):
        os.kill(actor, signal.SIGKILL)  # on this Ray would remark, on stdout
    out, err = process.communicate(timeout=100)
    assert (out, err) == (f"{N_SONGS}\n", "")
    assert environments
    assert all("RAY_USAGE_STATS_ENABLED=0" in values for values in environments)
    assert Path(script[-1]).read_bytes() == scan_here(library, music_model)


def test_no_cluster_at_the_address() -> None:
    class Ray:
        def init(self, **_settings: object) -> None:
            raise ConnectionError("Could not find any running Ray instance.\nMore.")

    with pytest.raises(
        ClusterError, match="no Ray cluster can be used at auto: Could not find any"
    ):
        listening._start(Ray(), ClusterPlan("auto"))
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(ClusterError, match=f"at {address}: Connection refused") as caught:
            listening._start(Ray(), ClusterPlan(address))
    assert caught.value.hint == "start one with `ray start --head`, or leave the address out"
    with pytest.raises(ClusterError, match="on this machine: Could not find any"):
        listening._start(Ray(), ClusterPlan())
