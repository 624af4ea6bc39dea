"""A command that is stopped in the middle: run again, nothing is lost and nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import RATE, SOUNDS, Command

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")

CLIPS_PER_GENRE = 20
N_CLIPS = CLIPS_PER_GENRE * len(SOUNDS)
SIGNALS = (signal.SIGKILL, signal.SIGINT)

# Each piece of work takes long enough to be stopped in; what is computed stays the same.
SLOW_LISTENING = """
import time
from generify import extraction
real = extraction.load_excerpts
def slow(*arguments):
    time.sleep(0.05)
    return real(*arguments)
extraction.load_excerpts = slow
"""
SLOW_LEARNING = """
import time
from generify import training
real = training.fit_recipe
def slow(*arguments):
    open({marker!r}, "w").close()
    time.sleep(0.2)
    return real(*arguments)
training.fit_recipe = slow
"""
SLOW_WRITING = """
import time
from generify.datasets import convert
real = convert._pcm
def slow(samples):
    time.sleep(0.04)
    return real(samples)
convert._pcm = slow
"""


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many") / "songs"
    rng = np.random.default_rng(60)
    for genre, sound in SOUNDS.items():
        (root / genre).mkdir(parents=True)
        for number in range(CLIPS_PER_GENRE):
            samples = sound(rng, float(rng.uniform(1.2, 2.0)))
            soundfile.write(root / genre / f"{genre}{number:02}.flac", samples, RATE)
    return root


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(folder))
    return folder


def stop(
    number: signal.Signals, arguments: list[object], slow: str, far_enough: Callable[[], bool]
) -> None:
    """Run a command in a process of its own and stop it once it is far enough."""
    code = f"{slow}\nfrom generify.cli import main\nmain()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stderr=subprocess.PIPE, text=True
    ) as process:
        while not far_enough() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
        return
    assert process.returncode == 130
    assert err == "interrupted; the same command goes on where it was\n"


def finished(folder: Path, pattern: str) -> dict[Path, tuple[int, bytes]]:
    """Which files there are; a file that is written again is another one on the disk."""
    return {
        path: (path.stat().st_ino, path.read_bytes())
        for path in folder.rglob(pattern)
        if not path.name.startswith(".")
    }


def entries(cache: Path) -> dict[Path, tuple[int, bytes]]:
    return finished(cache, "*.entry")


def undisturbed(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[object]
) -> bytes:
    """What the command writes when nobody stops it, with a cache of its own."""
    output = Path(str(arguments[-1]))
    with monkeypatch.context() as patch:
        patch.setenv("GENERIFY_CACHE_DIR", str(tmp_path / "another cache"))
        assert command(*arguments).code == 0
    content = output.read_bytes()
    output.unlink()
    return content


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    ("arguments", "share"),
    [(["extract"], 0.2), (["train", "-c", "nb"], 0.7)],
    ids=["extract", "train"],
)
def test_listening_goes_on_where_it_was(
    arguments: list[object],
    share: float,
    number: signal.Signals,
    songs: Path,
    cache: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "out" / ("m.onnx" if arguments[0] == "train" else "t.parquet")
    output.parent.mkdir()
    whole = [*arguments, songs, "-f", "mfcc", "-o", output]
    wanted = undisturbed(command, monkeypatch, tmp_path, whole)

    n_stop = round(2 * N_CLIPS * share)  # two entries a clip
    stop(number, whole, SLOW_LISTENING, lambda: len(list(cache.rglob("[!.]*.entry"))) >= n_stop)
    before = entries(cache)
    assert n_stop <= len(before) < 2 * N_CLIPS
    assert list(output.parent.iterdir()) == []

    assert command(*whole).code == 0
    after = entries(cache)
    assert len(after) == 2 * N_CLIPS
    assert {path: after[path] for path in before} == before
    assert output.read_bytes() == wanted


@pytest.mark.parametrize("number", SIGNALS)
def test_learning_does_not_listen_again(
    number: signal.Signals,
    songs: Path,
    cache: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "out/m.onnx"
    output.parent.mkdir()
    output.write_bytes(b"a model from before")
    whole = ["train", songs, "-f", "mfcc", "-c", "nb", "-o", output]
    marker = tmp_path / "learning"
    stop(number, whole, SLOW_LEARNING.format(marker=str(marker)), marker.exists)
    before = entries(cache)
    assert len(before) == 2 * N_CLIPS
    assert output.read_bytes() == b"a model from before"
    assert list(output.parent.iterdir()) == [output]

    monkeypatch.setattr("generify.extraction.load_excerpts", lambda *_: pytest.fail("listened"))
    assert command(*whole).code == 0
    assert entries(cache) == before
    monkeypatch.undo()
    found = output.read_bytes()
    assert found == undisturbed(command, monkeypatch, tmp_path, whole)


@pytest.mark.parametrize(("number", "n_stop"), [(SIGNALS[0], 10), (SIGNALS[1], 45)])
def test_converting_goes_on_where_it_was(
    number: signal.Signals, n_stop: int, songs: Path, tmp_path: Path, command: Command
) -> None:
    reference, target = tmp_path / "reference", tmp_path / "target"
    assert command("convert", songs, "-o", reference).code == 0
    wanted = {path.relative_to(reference): path.read_bytes() for path in reference.rglob("*.wav")}
    assert len(wanted) == N_CLIPS

    whole = ["convert", songs, "-o", target]
    stop(number, whole, SLOW_WRITING, lambda: len(list(target.rglob("[!.]*.wav"))) >= n_stop)
    before = finished(target, "*.wav")
    times = {path: path.stat().st_mtime_ns for path in before}
    assert n_stop <= len(before) < N_CLIPS
    for path, (_, content) in before.items():
        assert content == wanted[path.relative_to(target)]

    done = command(*whole)
    assert done.code == 0
    assert f"{N_CLIPS - len(before)} converted, {len(before)} already there, 0 failed" in done.err
    after = finished(target, "*.wav")
    assert {path: after[path] for path in before} == before
    assert {path: path.stat().st_mtime_ns for path in before} == times
    assert {path.relative_to(target): content for path, (_, content) in after.items()} == wanted
    if number == signal.SIGINT:
        assert list(target.rglob(".*")) == []
