"""What the doctor says of a machine that is well, and of one on which something is broken."""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from generify import doctor
from generify.cache import CacheEntry, FeatureCache, make_key
from generify.doctor import CHECKS, Diagnosis, State, examine

Patch = pytest.MonkeyPatch


def found(what: str) -> list[Diagnosis]:
    return [finding for finding in examine() if finding.what == what]


@pytest.fixture
def only(monkeypatch: Patch) -> Callable[[str], list[Diagnosis]]:
    """Run one check alone."""

    def run(what: str) -> list[Diagnosis]:
        monkeypatch.setattr(doctor, "CHECKS", {what: CHECKS[what]})
        return found(what)

    return run


Only = Callable[[str], list[Diagnosis]]


def broken(findings: list[Diagnosis]) -> Diagnosis:
    wrong = [finding for finding in findings if finding.state is not State.OK]
    assert len(wrong) == 1
    return wrong[0]


def test_a_machine_that_is_well() -> None:
    """This one, which runs the tests; nothing is left behind."""
    findings = list(examine())
    assert [f for f in findings if f.state is not State.OK] == []
    assert list(dict.fromkeys(f.what for f in findings)) == list(CHECKS)
    assert all("\n" not in f.message for f in findings)


def test_it_says_what_there_is(only: Only) -> None:
    (python,) = only("Python")
    assert sys.version.split()[0] in python.message
    (libraries,) = only("libraries")
    assert f"numpy {np.__version__}" in libraries.message
    (decoders,) = only("decoders")
    assert decoders.message == (
        "WAV, AIFF, FLAC, Ogg, MP3, Opus, AAC, WMA decoded as they should be"
    )
    models = only("models")
    assert "western" in models[1].message
    assert "10 genres" in models[1].message


def test_nothing_is_changed(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(tmp_path / "a/cache"))
    monkeypatch.setenv("GENERIFY_STATE_DIR", str(tmp_path / "a/state"))
    monkeypatch.setenv("GENERIFY_DATABASE_URL", str(tmp_path / "a/history.db"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert list(examine())
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_falls_over_is_a_finding(monkeypatch: Patch) -> None:
    def fall() -> doctor._Found:
        raise ZeroDivisionError("by\nzero")
        yield

    monkeypatch.setattr(doctor, "CHECKS", {"thing": fall})
    (finding,) = examine()
    assert finding == Diagnosis(
        "thing", State.ERROR, "ZeroDivisionError: by zero", "pip install --force-reinstall generify"
    )


def test_a_library_that_cannot_be_loaded(monkeypatch: Patch, only: Only) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    finding = broken(only("libraries"))
    assert finding.state is State.ERROR
    assert finding.message.startswith("soxr cannot be loaded")
    assert finding.cure == "pip install --force-reinstall soxr"


REQUIRES = ["numpy>=2.0", "rich>=999.1", "nowhere>=1", "mutagen>=1.4; extra == 'tags'",
            "nothing-like-it; extra == 'ray'", "ray[data]>=2; extra == 'all'"]  # fmt: skip


def test_what_is_asked_for(monkeypatch: Patch, only: Only) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: REQUIRES)
    finding = broken(only("libraries"))
    installed = metadata.version("rich")
    assert finding.message == f"missing: rich 999.1 or later (there is {installed}), nowhere"
    assert finding.cure == "pip install --upgrade generify"
    here, *others = only("extras")
    assert {finding.state for finding in (here, *others)} == {State.OK}
    assert here.message == "tags; more with pip install 'generify[NAME]'"
    assert [finding.message for finding in others] == ["not installed: ray, for scans on a cluster"]


def test_every_extra_is_explained() -> None:
    known = set(metadata.metadata("generify").get_all("Provides-Extra") or ())
    assert set(doctor._EXTRAS) == known - {"all"}


def test_a_decoder_that_is_deaf(monkeypatch: Patch, only: Only) -> None:
    import soundfile

    real = soundfile.write

    def quieter(path: Path, samples: np.ndarray, *rest: object, **how: object) -> None:
        real(path, samples * (0.1 if path.suffix == ".flac" else 1), *rest, **how)

    monkeypatch.setattr(soundfile, "write", quieter)
    finding = broken(only("decoders"))
    assert finding.message == (
        "FLAC cannot be decoded: 1.2 s at level 0.5 came out as 1.2 s at 0.05"
    )
    assert finding.cure == "pip install --force-reinstall soundfile"


def test_a_model_that_is_damaged(monkeypatch: Patch, only: Only) -> None:
    from generify import model

    real = model._read_model
    monkeypatch.setattr(model, "_read_model", lambda name: real(name)[:-5000])
    findings = only("models")
    assert {finding.state for finding in findings} == {State.ERROR}
    assert {finding.cure for finding in findings} == {"pip install --force-reinstall generify"}


def test_a_model_that_is_not_as_it_was_installed() -> None:
    def noted(name: str, content: bytes, digest: bytes) -> SimpleNamespace:
        value = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return SimpleNamespace(
            name=name,
            suffix=f".{name.partition('.')[2]}",
            hash=SimpleNamespace(mode="sha256", value=value),
            read_binary=lambda: content,
        )

    right, wrong = hashlib.sha256(b"whole").digest(), hashlib.sha256(b"other").digest()
    files = [noted("a.onnx", b"whole", right), noted("b.py", b"edited", wrong)]
    assert list(doctor._check_checksums(files)) == [(State.OK, "1 checksums compared", "")]
    bad, _ = doctor._check_checksums([noted("a.onnx", b"hole", right)])
    assert bad[0] is State.ERROR
    assert "is not as it was installed" in bad[1]
    assert list(doctor._check_checksums([])) == []


def test_a_tagger_that_hears_something_else(monkeypatch: Patch, only: Only) -> None:
    monkeypatch.setattr(doctor, "_HEARD", ("guitar", 0.9))
    finding = broken(only("tagger"))
    assert finding.message == "a known tone is heard as ambient 0.335, not as guitar 0.900"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: Patch) -> FeatureCache:
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(tmp_path / "cache"))
    cache = FeatureCache()
    for number in range(10):
        cache.put(make_key(number), CacheEntry(np.arange(5, dtype=np.float32)))
    return cache


def test_damaged_entries(cache: FeatureCache, only: Only) -> None:
    (finding,) = only("cache")
    assert finding.message == f"{cache.folder}: 10 entries, 0.0 MB"
    one, other, *_ = cache.folder.rglob("*.entry")
    one.write_bytes(one.read_bytes()[:-1])
    other.write_bytes(b"")
    finding = broken(only("cache"))
    assert finding.state is State.WARNING
    assert finding.message.startswith(f"2 of 10 entries looked at in {cache.folder} are damaged")
    assert finding.cure.startswith("generify cache clear")


def test_a_large_cache_is_looked_at_here_and_there(cache: FeatureCache) -> None:
    assert cache.check(4) == (4, 0)
    assert cache.check(10) == (10, 0)


@pytest.mark.parametrize(
    ("what", "variable"), [("cache", "GENERIFY_CACHE_DIR"), ("undo", "GENERIFY_STATE_DIR")]
)
def test_a_folder_that_cannot_be_written(
    what: str, variable: str, tmp_path: Path, monkeypatch: Patch, only: Only
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    finding = broken(only(what))
    assert finding.state is State.ERROR
    assert finding.message.endswith("Not a directory")
    assert finding.cure == f"set {variable} to a folder that you may write to"


@pytest.fixture
def history(tmp_path: Path, monkeypatch: Patch) -> Path:
    pytest.importorskip("sqlalchemy")
    path = tmp_path / "history.db"
    monkeypatch.setenv("GENERIFY_DATABASE_URL", str(path))
    return path


def test_histories(history: Path, only: Only) -> None:
    from generify.history import open_history

    assert [f.message for f in only("history")] == ["none yet"]
    open_history().close()
    before = history.read_bytes()
    assert [f.message for f in only("history")] == [f"{history}: version 2, no damage seen"]
    assert history.read_bytes() == before
    with closing(sqlite3.connect(history)) as connection:
        connection.execute("UPDATE generify_version SET version_num = '99'")
        connection.commit()
    finding = broken(only("history"))
    assert "was made by a newer Generify" in finding.message
    assert finding.cure.startswith("pip install --upgrade generify")


def test_a_history_with_damaged_pages(history: Path, only: Only) -> None:
    from generify.history import open_history

    open_history().close()
    content = bytearray(history.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 100] = os.urandom(100)
    history.write_bytes(content)
    finding = broken(only("history"))
    assert finding.state is State.ERROR
    assert f"{history} is damaged" in finding.message
    assert "put back a copy" in finding.cure


def test_another_programs_database_stays_as_it_is(history: Path, only: Only) -> None:
    with closing(sqlite3.connect(history)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = history.read_bytes()
    finding = broken(only("history"))
    assert "is the database of another program" in finding.message
    assert history.read_bytes() == before


@pytest.mark.parametrize(
    ("n_free", "state"), [(900e6, State.WARNING), (40e6, State.ERROR), (2e9, State.OK)]
)
def test_room(n_free: float, state: State, monkeypatch: Patch, only: Only) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=int(n_free)))
    findings = only("free disk")
    assert {finding.state for finding in findings} == {state}
    assert len(findings) == (1 if state is State.OK else 3)


def test_cores(monkeypatch: Patch, only: Only) -> None:
    monkeypatch.setattr(doctor, "n_cores", lambda: 2)
    monkeypatch.setattr(doctor, "quota", lambda: 1.5)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (finding,) = only("cores")
    assert finding.message == "2 of 64 may be used; all together for the time of 1.5"
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    assert broken(only("cores")).cure == "unset OMP_NUM_THREADS"


def test_a_machine_that_knows_only_ascii() -> None:
    code = (
        "from generify import doctor\n"
        "doctor.CHECKS = {'encoding': doctor.CHECKS['encoding']}\n"
        "print(*doctor.examine(), sep='\\n')"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | plain, text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert "State.WARNING" in done.stdout
    assert "names of files (ascii)" in done.stdout
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True,
                          env=os.environ | plain | {"PYTHONUTF8": "1"})  # fmt: skip
    assert "State.OK" in done.stdout, "the cure that it names does not help"


def test_a_clock_that_stands_still(monkeypatch: Patch, only: Only) -> None:
    class Then(doctor.date):
        @classmethod
        def today(cls) -> doctor.date:
            return cls(1970, 1, 1)

    monkeypatch.setattr(doctor, "date", Then)
    finding = broken(only("clock"))
    assert finding.message.startswith("today is said to be 1970-01-01, before")
