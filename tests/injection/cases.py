"""Commands that write, each with a folder to begin from, and what must hold whatever happens.

A *case* is run undisturbed once: what lies in its folder then is the reference. A *trial* runs it
again from the same beginning with a fault. What must hold:

* after the fault each file is as it was at the beginning or as in the reference, whole; what is
  neither is one of the command's own workings, hidden or named as such;
* an error is a line and a cure, without a traceback, and the exit code says that something failed;
  a command that says all is well has done all;
* after the same command has been run once more without a fault, everything is as in the reference,
  and nothing else is there.

In it: :data:`CASES`, :class:`Case`, :class:`Bench`, :class:`Trial`.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path

import numpy as np
import soundfile

from conftest import RATE, SOUNDS
from injection import KILL, Done, Fault, Runner

Files = dict[str, object]
"""What lies in a folder: bytes, or for a history the set of its rows."""

HISTORY = "history.db"
_MOVING = ("id", "run_id", "song_id", "key", "started", "predicted", "corrected", "newest")
_WORKINGS = (".part", ".lock", "-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Case:
    """A command and the folder it is run in.

    `again` is what is typed after the fault, where that is another command; `ignored` names files
    that may differ; `after` is checked at the end.
    """

    name: str
    arguments: Sequence[str]
    prepare: Callable[[Bench], None]
    ignored: tuple[str, ...] = ()
    after: Callable[[Bench], None] | None = None
    prelude: Callable[[Bench], str] = field(default=lambda _: "")
    kept: tuple[str, ...] = ()
    """Beginnings of the names of what a failed command keeps for the next run."""
    once: bool = False
    """Whether the command refuses where all is done already."""


@dataclass(frozen=True)
class Trial:
    """What came of a fault."""

    case: str
    fault: Fault
    struck: str
    code: int
    problems: tuple[str, ...]
    first: Done
    second: Done | None = None


class Bench:
    """The folder in which cases are tried, and what they begin from."""

    def __init__(self, base: Path) -> None:
        self.folder, self._begin = base / "here", base / "begin"
        work = base / "work"
        self._whole: dict[str, tuple[Files, Files, int]] = {}
        for folder in (self.folder, self._begin, work):
            folder.mkdir(parents=True)
        self.runner = Runner(
            self.folder,
            work,
            {
                "GENERIFY_CACHE_DIR": str(self.folder / "cache"),
                "GENERIFY_STATE_DIR": str(self.folder / "state"),
                "GENERIFY_DATABASE_URL": str(self.folder / HISTORY),
            },
        )

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.close()

    def run(self, *arguments: object, prelude: str = "") -> Done:
        """Run a command that must not fail."""
        done = self.runner.run(arguments, prelude=prelude)
        assert done.code == 0, (arguments, done)
        return done

    def same(self, name: str, prepare: Callable[[Bench], None]) -> None:
        """Prepare the folder as several cases begin; the second time a copy serves."""
        made = self._begin / f"for {name}"
        if not made.exists():
            prepare(self)
            shutil.copytree(self.folder, made)
        else:
            shutil.copytree(made, self.folder, dirs_exist_ok=True)

    def undisturbed(self, case: Case) -> tuple[Files, Files, int]:
        """Give what a case begins from, what it comes to, and the calls it takes."""
        if case.name not in self._whole:
            self._clear()
            case.prepare(self)
            for path in ("cache", "state"):
                (self.folder / path).mkdir(exist_ok=True)
            begin = self._begin / case.name
            shutil.copytree(self.folder, begin)
            before = self.files(case)
            self._restore(case)
            done = self.runner.run(case.arguments, prelude=case.prelude(self))
            assert done.code == 0, (case.arguments, done)
            self._whole[case.name] = before, self.files(case), done.n_calls
            if case.after is not None:
                case.after(self)
        return self._whole[case.name]

    def try_out(self, case: Case, fault: Fault, *, prelude: str = "") -> Trial:
        """Run a case with a fault, then again without; a prelude spoils the program before."""
        before, whole, _ = self.undisturbed(case)
        self._restore(case)
        prelude += case.prelude(self)
        first = self.runner.run(case.arguments, fault, prelude=prelude)
        now = self.files(case)
        problems = _after_fault(case, before, whole, now, first, fault)
        second = None
        if not problems:
            second = self.runner.run(case.arguments, prelude=prelude)
            refuses = case.once and _without_workings(now, whole) == whole
            problems = _after_rerun(whole, self.files(case), second, may_refuse=refuses)
        if not problems and case.after is not None:
            try:
                case.after(self)
            except AssertionError as err:
                problems = [f"in the end: {err}"]
        return Trial(case.name, fault, first.struck, first.code, tuple(problems), first, second)

    def _clear(self) -> None:
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _restore(self, case: Case) -> None:
        self._clear()
        shutil.copytree(self._begin / case.name, self.folder, dirs_exist_ok=True)

    def files(self, case: Case | None = None) -> Files:
        """Read all files, a history as its rows."""
        found: Files = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_dir() or (case is not None and name in case.ignored):
                continue
            if name == HISTORY:
                found[name] = rows_of(path)
            else:
                found[name] = path.read_bytes()
        for name in (f"{HISTORY}-wal", f"{HISTORY}-shm"):  # read as part of it
            found.pop(name, None)
        return found


def rows_of(path: Path) -> frozenset[object] | bytes:
    """Give the rows of a database without what differs from run to run; it must be sound."""
    copy = path.with_name("copy of the history")
    try:
        for tail in ("", "-wal"):
            if path.with_name(path.name + tail).exists():
                shutil.copy(path.with_name(path.name + tail), copy.with_name(copy.name + tail))
        if not copy.stat().st_size:
            return b""
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return frozenset(
                row for (table,) in tables.fetchall() for row in _lasting(connection, table)
            )
    finally:
        for tail in ("", "-wal", "-shm", "-journal"):
            copy.with_name(copy.name + tail).unlink(missing_ok=True)


def _lasting(connection: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    cursor = connection.execute(f'SELECT * FROM "{table}"')
    stays = [column[0] not in _MOVING for column in cursor.description]
    for row in cursor:
        yield (table, *compress(row, stays))


def _is_working(name: str) -> bool:
    parts = name.split("/")
    return any(part.startswith(".") for part in parts) or name.endswith(_WORKINGS)


def _is_sound(now: object, old: object, whole: object) -> bool:
    """Everything is as it was or as it shall be; a history may be anywhere between."""
    if now in (old, whole):
        return True
    if not isinstance(whole, frozenset):
        return False
    begun = old if isinstance(old, frozenset) else frozenset()
    return (old is None and now == b"") or (
        isinstance(now, frozenset) and begun & whole <= now <= begun | whole
    )


def _after_fault(
    case: Case, before: Files, whole: Files, now: Files, done: Done, fault: Fault
) -> list[str]:
    problems = [f"{name} is lost" for name in before if name not in now and name in whole]
    for name, content in now.items():
        known = name in before or name in whole
        if known and _is_sound(content, before.get(name), whole.get(name)):
            continue
        if not known and _is_working(name):
            not_removed = done.struck.startswith("remove ")
            if done.killed or not_removed or name.startswith(case.kept):
                continue
            problems.append(f"{name} is left over")
        else:
            problems.append(f"{name} is neither old nor whole")
    if fault.error == KILL:
        return problems + ["it was not killed"] * (not done.killed)
    return problems + _said(done, fault, _without_workings(now, whole) == whole)


def _without_workings(now: Files, whole: Files) -> Files:
    return {name: now[name] for name in now if name in whole or not _is_working(name)}


def _said(done: Done, fault: Fault, all_done: bool) -> list[str]:
    problems = ["a traceback"] * ("Traceback" in done.err or "Exception ignored" in done.err)
    if done.code == 0:
        return problems + ["exit code 0, but not all is done"] * (not all_done)
    refused = fault.error == errno.EACCES  # told as wrong usage where it is seen before any work
    if done.code not in ((1, 2) if refused else (1,)):
        problems.append(f"exit code {done.code}")
    lines = done.err.splitlines()
    told = [line for line in lines if line.startswith(("error: ", "failed: ", "left out: "))]
    if not told:
        problems.append("no error is told")
    cures = [line for line in lines if line.startswith("hint: ") or (line in told and "; " in line)]
    return problems + ["no cure is told"] * (not cures)


def _after_rerun(whole: Files, now: Files, done: Done, *, may_refuse: bool) -> list[str]:
    failed = done.code != 0 and not may_refuse
    problems = [f"the second run: exit code {done.code}, {done.err!r}"] * failed
    for name in sorted(whole.keys() | now.keys()):
        if name not in whole:
            problems.append(f"after the second run {name} is left over")
        elif now.get(name) != whole[name]:
            state = "differs" if name in now else "is missing"
            problems.append(f"after the second run {name} {state}")
    return problems


def choose_faults(n_calls: int, n: int, *, kills: bool, seed: object) -> list[Fault]:
    """Choose where to strike, evenly over a command's calls and at random within each stretch."""
    rng = random.Random(f"{seed} {kills}")
    places = [1 + int((i + rng.random()) * n_calls / n) for i in range(n)]
    if kills:
        return [Fault(place) for place in places]
    errors = (errno.ENOSPC, errno.EIO, errno.EACCES)
    return [
        Fault(place, errors[i % 3], lasting=errors[i % 3] == errno.ENOSPC or rng.random() < 0.5)
        for i, place in enumerate(places)
    ]


# What the cases begin from.

_OLD = b"what was there before"
_TIME = 1_700_000_000


def _music(bench: Bench, n: int = 2) -> None:
    rng = np.random.default_rng(7)
    for genre, sound in SOUNDS.items():
        folder = bench.folder / "music" / genre
        folder.mkdir(parents=True)
        for number in range(n):
            path = folder / f"{genre}{number}.flac"
            soundfile.write(path, sound(rng, float(rng.uniform(1.1, 1.6))), RATE)
            os.utime(path, (_TIME, _TIME))


def _old(bench: Bench, name: str) -> None:
    path = bench.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_OLD)


def _table(bench: Bench) -> None:
    _music(bench, 6)
    bench.run("extract", "music", "-f", "mfcc", "-o", "features.parquet", "--no-cache")


def _model(bench: Bench) -> None:
    bench.same("model", _make_model)


def _make_model(bench: Bench) -> None:
    _table(bench)
    bench.run("train", "features.parquet", "-f", "mfcc", "-c", "nb", "-o", "toy.onnx")


def _scanned(bench: Bench) -> None:
    """A model and what it said of a few songs."""
    bench.same("scan", _scan)


def _scan(bench: Bench) -> None:
    _model(bench)
    shutil.rmtree(bench.folder / "music")
    (bench.folder / "features.parquet").unlink()
    _music(bench)
    bench.run("scan", "music", "-m", "toy.onnx", "-o", "results.ndjson", "-j", "1")


def _model_and_songs(bench: Bench) -> None:
    _scanned(bench)
    (bench.folder / "results.ndjson").unlink()


def _changed(bench: Bench) -> None:
    _scanned(bench)
    path = bench.folder / "music/tones/tones0.flac"
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples[::-1], rate)
    os.utime(path, (_TIME + 1, _TIME + 1))


def _songs_to_tag(bench: Bench) -> None:
    bench.same("tag", _make_songs_to_tag)


def _make_songs_to_tag(bench: Bench) -> None:
    from song_files import make_songs

    _model(bench)
    shutil.rmtree(bench.folder / "music")
    (bench.folder / "features.parquet").unlink()
    (bench.folder / "songs").mkdir()
    make_songs(bench.folder / "songs")
    for path in (bench.folder / "songs").iterdir():
        if path.name not in ("v24.mp3", "song.flac", "song.ogg", "song.m4a", "song.wav"):
            path.unlink()
    bench.run("scan", "songs", "-m", "toy.onnx", "-o", "results.ndjson", "-j", "1")


_TAG = ("tag", "--from", "results.ndjson", "--min-confidence", "0", "--journal", "journal.ndjson")
_UNDO = ("tag", "--undo", "--journal", "journal.ndjson")


def _tagged(bench: Bench) -> None:
    _songs_to_tag(bench)
    bench.run(*_TAG)


def _can_be_taken_back(bench: Bench) -> None:
    bench.run(*_UNDO)
    begin = bench._begin / "tag" / "songs"
    for path in begin.iterdir():
        assert (bench.folder / "songs" / path.name).read_bytes() == path.read_bytes(), path.name


def _history(bench: Bench) -> None:
    bench.same("history", _make_history)


def _make_history(bench: Bench) -> None:
    _model_and_songs(bench)
    bench.run("predict", "music/tones", "-m", "toy.onnx", "--keep")
    bench.run("correct", "music/tones/tones0.flac", "noise")


def _manifest(bench: Bench) -> None:
    _history(bench)
    songs = "".join(f"music/noise/noise{n}.flac,jazz\n" for n in range(2))
    (bench.folder / "right.csv").write_text(f"path,genre\n{songs}")


def _predecessor(bench: Bench) -> None:
    with closing(sqlite3.connect(bench.folder / "old.db")) as connection:
        connection.execute("CREATE TABLE eng_genre_finder (file TEXT, genre TEXT)")
        connection.execute("CREATE TABLE genre_finder (file TEXT, genre TEXT)")
        rows = [(f"song{n}.mp3", "jazz") for n in range(20)]
        connection.executemany("INSERT INTO eng_genre_finder VALUES (?, ?)", rows)
        connection.commit()


def _cached(bench: Bench) -> None:
    _music(bench)
    bench.run("extract", "music", "-f", "mfcc", "-o", "features.parquet")


ARCHIVE = "toy.tar.gz"
_FETCH = """
from generify import datasets
from generify.datasets import DatasetFacts, Download
facts = DatasetFacts(
    name="toy", title="A toy", summary="3 genres", citation="none", licence="none",
    homepage="http://example.org", genres=("clicks", "noise", "tones"), n_tracks=9,
    downloads=(Download({url!r}, {size}, {{"sha256": {digest!r}}}),), layout="toy/<genre>",
    short_title="Toy",
)
datasets.dataset_facts = lambda name: facts
"""


class Fetching:
    """A server with an archive of songs, for the cases of fetching."""

    def __init__(self) -> None:
        import hashlib
        import io
        import tarfile

        from faulty_server import Served, faulty_server

        buffer = io.BytesIO()
        rng = np.random.default_rng(8)
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for number in range(6):
                info = tarfile.TarInfo(f"toy/tones/tones{number}.au")
                info.size = 200_000
                tar.addfile(info, io.BytesIO(rng.bytes(info.size)))
        self._archive = buffer.getvalue()
        self._digest = hashlib.sha256(self._archive).hexdigest()
        self._context = faulty_server()
        self.server = self._context.__enter__()
        self.url = self.server.serve(f"/{ARCHIVE}", Served(self._archive))

    def prelude(self, _: Bench) -> str:
        return _FETCH.format(url=self.url, size=len(self._archive), digest=self._digest)

    def __enter__(self) -> Fetching:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.__exit__(None, None, None)


def _nothing(_: Bench) -> None:
    pass


def _scan_case(suffix: str) -> Case:
    output = f"results{suffix}"
    arguments = ("scan", "music", "-m", "toy.onnx", "-o", output, "-j", "1")
    return Case(f"scan {suffix}", arguments, _model_and_songs, kept=(f"{output}.part",))


CASES: tuple[Case, ...] = (
    Case("extract", ("extract", "music", "-f", "mfcc", "-o", "features.parquet"), _music),
    Case(
        "train",
        ("train", "features.parquet", "-f", "mfcc", "-c", "nb", "-o", "toy.onnx"),
        lambda bench: (_table(bench), _old(bench, "toy.onnx"))[0],
    ),
    Case(
        "report",
        ("evaluate", "features.parquet", "-f", "mfcc", "-c", "nb", "--report", "report"),
        lambda bench: (_table(bench), _old(bench, "report/report.html"))[0],
    ),
    *map(_scan_case, (".ndjson", ".csv", ".json", ".parquet", ".db")),
    Case(
        "scan --changed",
        ("scan", "music", "-m", "toy.onnx", "-o", "results.ndjson", "-j", "1", "--changed"),
        _changed,
        kept=("results.ndjson.part",),
    ),
    Case(
        "scan --keep",
        ("scan", "music", "-m", "toy.onnx", "-o", "results.csv", "-j", "1", "--keep"),
        _model_and_songs,
        kept=("results.csv.part",),
    ),
    Case("tag", _TAG, _songs_to_tag, ignored=("journal.ndjson",), after=_can_be_taken_back),
    Case("tag --undo", _UNDO, _tagged, once=True),
    Case("convert", ("convert", "music", "-o", "wav"), _music),
    Case("predict --keep", ("predict", "music", "-m", "toy.onnx", "--keep"), _model_and_songs),
    Case(
        "predict -o",
        ("predict", "music", "-m", "toy.onnx", "-o", "answers.json"),
        lambda bench: (_model_and_songs(bench), _old(bench, "answers.json"))[0],
    ),
    Case("correct", ("correct", "music/noise/noise1.flac", "jazz"), _history),
    Case("correct --from", ("correct", "--from", "right.csv"), _manifest),
    Case("history export", ("history", "export", "-o", "all.csv"), _history),
    Case("history import", ("history", "import", "old.db"), _predecessor),
    Case("history clear", ("history", "clear", "--yes"), _history),
    Case("cache clear", ("cache", "clear"), _cached),
    Case(
        "models export",
        ("models", "export", "western", "-o", "copy.onnx"),
        lambda bench: _old(bench, "copy.onnx"),
    ),
    Case(
        "playlist",
        ("playlist", "results.ndjson", "-o", "lists"),
        lambda bench: (_scanned(bench), _old(bench, "lists/tones.m3u8"))[0],
    ),
)


def fetch_cases(fetching: Fetching) -> tuple[Case, ...]:
    """Give the cases that need a server."""
    return tuple(
        Case(
            " ".join(("fetch", *options)),
            ("datasets", "fetch", "toy", "-o", "toy", *options),
            _nothing,
            ignored=("toy/.generify-fetch.json",),  # holds the time
            prelude=fetching.prelude,
            kept=(".toy.fetch/",),
        )
        for options in ((), ("--keep",))
    )
