"""Commands that are killed, disks that are full or fail, files that are cut or overwritten.

A few trials a command; ``python benchmarks/faults.py`` makes hundreds of them.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Command
from injection import Fault, why_not
from injection.cases import CASES, Bench, Fetching, choose_faults, fetch_cases

needs_injection = pytest.mark.skipif(bool(why_not()), reason=why_not())

# The slower ones are left to the benchmark.
QUICK = ("extract", "tag", "tag --undo", "convert", "correct", "history export", "cache clear",
         "models export")  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("faults")) as bench:
        yield bench


@needs_injection
@pytest.mark.parametrize("kills", [True, False], ids=["killed", "refused"])
@pytest.mark.parametrize("case", [c for c in CASES if c.name in QUICK], ids=lambda case: case.name)
def test_nothing_is_lost_and_a_second_run_completes(case, kills: bool, bench: Bench) -> None:
    _, _, n_calls = bench.undisturbed(case)
    for fault in choose_faults(n_calls, 2, kills=kills, seed=case.name):
        trial = bench.try_out(case, fault)
        assert trial.struck or not kills  # some errors hit nothing: a full disk can be cleared
        assert not trial.problems, (str(fault), trial)


@needs_injection
def test_fetching(bench: Bench) -> None:
    with Fetching() as fetching:
        case = fetch_cases(fetching)[0]
        _, _, n_calls = bench.undisturbed(case)
        for kills in (True, False):
            for fault in choose_faults(n_calls, 2, kills=kills, seed=5):
                trial = bench.try_out(case, fault)
                assert not trial.problems, (str(fault), trial)


@needs_injection
def test_the_harness_sees_what_is_not_atomic(bench: Bench) -> None:
    """The check of the check: a command that writes in place does not get away with it."""
    case = next(case for case in CASES if case.name == "models export")
    in_place = (
        "from generify.model import GenreModel\n"
        "GenreModel.save = lambda self, path: path.write_bytes(self.graph)\n"
    )
    bench.undisturbed(case)
    trial = bench.try_out(case, Fault(3), prelude=in_place)
    assert trial.struck == "write copy.onnx"
    assert trial.problems == ("copy.onnx is neither old nor whole",)
    shrugs = (
        "from generify.model import GenreModel\n"
        "GenreModel.save = lambda self, path: path.exists()\n"
    )
    assert bench.try_out(case, Fault(99, errno.EIO), prelude=shrugs).problems == (
        "exit code 0, but not all is done",
    )
    falls = "from generify.model import GenreModel\nGenreModel.save = lambda self, path: 1 / 0\n"
    problems = bench.try_out(case, Fault(99, errno.EIO), prelude=falls).problems
    assert "a traceback" in problems


# A reader of a pipe that has had enough.


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_tagging_goes_on_when_nobody_reads(music: Path, model_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("mutagen")
    from generify.tag_formats import read_genres

    songs = [Path(shutil.copy(path, tmp_path)) for path in sorted(music.rglob("*0.wav"))]
    journal = tmp_path / "journal.ndjson"
    generify = [sys.executable, "-c", "from generify.cli import main\nmain()"]
    options = ["--model", model_file, "--min-confidence", "0", "--journal", journal]
    reading, writing = os.pipe()
    os.close(reading)  # like head, which has seen enough
    done = subprocess.run(
        [*generify, "tag", *songs, *options], stdout=writing, stderr=subprocess.PIPE, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.startswith(f"{len(songs)} songs tagged\n")
    assert all(read_genres(song) for song in songs)
    done = subprocess.run(
        [*generify, "tag", "--undo", "--journal", journal], stdout=writing, stderr=writing,
        check=False,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 0
    assert not any(read_genres(song) for song in songs)


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_read_only_song_that_is_not_due_is_no_failure(
    music: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    pytest.importorskip("mutagen")
    song = Path(shutil.copy(music / "tones/tones0.wav", tmp_path))
    song.chmod(0o444)
    tag = ("tag", song, "--model", model_file, "--journal", tmp_path / "j")
    done = command(*tag, "--min-confidence", "1")
    assert (done.code, done.err) == (0, "0 songs tagged, 1 left alone (1 not sure enough)\n")
    done = command(*tag, "--min-confidence", "0")
    assert done.code == 1
    assert "is read-only; make it writable" in done.err


# Files that are cut short or written over.


def damaged(content: bytes) -> Iterator[bytes]:
    """Cut a file here and there, and write over some of its bytes."""
    rng = random.Random(11)
    for share in (0, 0.01, 0.5, 0.99):
        yield content[: int(share * len(content))]
    for n_bytes in (1, 16, 512):
        spoilt = bytearray(content)
        start = rng.randrange(max(1, len(content) - n_bytes))
        spoilt[start : start + n_bytes] = rng.randbytes(n_bytes)
        yield bytes(spoilt)


def test_damaged_entries_of_the_cache_are_computed_again(
    music: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(tmp_path / "cache"))
    table = tmp_path / "t.parquet"
    whole = ("extract", music, "-f", "mfcc", "--genres", "tones", "-o", table)
    assert command(*whole).code == 0
    wanted = table.read_bytes()
    entries = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*.entry")}
    kinds = [list(damaged(content)) for content in entries.values()]
    for number in range(len(kinds[0])):
        for path, spoilt in zip(entries, kinds, strict=True):
            path.write_bytes(spoilt[number])
        table.unlink()
        assert command(*whole).code == 0
        assert table.read_bytes() == wanted
        assert {path: path.read_bytes() for path in entries} == entries


def test_damaged_pages_of_the_history_are_told_or_do_not_matter(
    music: Path, model_file: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sqlalchemy")
    history = tmp_path / "history.db"
    monkeypatch.setenv("GENERIFY_DATABASE_URL", str(history))
    assert command("predict", music / "tones", "--model", model_file, "--keep").code == 0
    rows = command("history", "export").out
    content = history.read_bytes()
    n_told = 0
    for seed in range(20):
        rng = random.Random(seed)
        spoilt = bytearray(content)
        page = 4096 * rng.randrange(len(content) // 4096)
        spoilt[page : page + 4096] = rng.randbytes(4096)
        history.write_bytes(spoilt)
        for rest in ("-wal", "-shm"):
            history.with_name(history.name + rest).unlink(missing_ok=True)
        done = command("history", "export")
        if done.code == 0:  # a page that export does not need, as of an index
            assert done.out == rows
        else:
            n_told += 1
            assert done.code == 1
            assert done.err.startswith("error: ")
            assert "\nhint: " in done.err
            assert done.err.count("\n") == 2
    assert n_told >= 5


def test_a_damaged_journal_of_a_scan_costs_only_its_damaged_songs(
    music: Path, model_file: Path, tmp_path: Path, command: Command
) -> None:
    """What is cut off or unreadable is heard again."""
    from generify.model import load_model
    from generify.scan import open_scan

    output = tmp_path / "results.ndjson"
    scan = ("scan", music / "tones", "--model", model_file, "-o", output, "-j", "1")
    assert command(*scan).code == 0
    wanted = output.read_bytes()
    output.unlink()
    with open_scan([music / "tones"], output, load_model(model_file)) as job:
        for _ in job.listen():
            pass
    journal = output.with_name(output.name + ".part")
    content = journal.read_bytes()
    first = content.index(b"\n") + 1
    rest = len(content) - first
    for end in (first + 5, first + rest // 2, len(content) - 1):
        journal.write_bytes(content[:end])
        assert command(*scan).code == 0
        assert output.read_bytes() == wanted
        output.unlink()
        assert not journal.exists()
