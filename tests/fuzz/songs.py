"""Thousands of damaged songs through ``generify scan``, as a user would: the driver.

Batches of damaged files are given to the command, each to a process of its own with one worker, and
watched: what comes out of each file, how long it took, and how much memory command and worker hold
together. A :class:`Finding` is whatever may not be: an exit code but 0 or 1, a file without an
answer, a failure of an unforeseen kind, silence beyond the limit, memory above the cap.

In it: :class:`Plan`, :class:`Report`, :func:`fuzz_songs`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.mutations import mutate
from fuzz.seeds import make_seeds, suffix
from generify.errors import Failure
from generify.results import read_song_results

_TICK = 0.02
_START = 60.0  # seconds that a command, or a worker that is replaced, may take to begin
_FORESEEN = frozenset(("AudioDecodeError", "WorkerError"))
_WRONG_SUFFIXES = ("mp3", "wav", "flac", "m4a", "ogg", "raw", "txt", "")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Plan:
    """What is done.

    Attributes
    ----------
    count : int
        Files, over all formats alike.
    seed : int
        The same number gives the same files.
    budget : float
        Seconds after which no further batch is begun.
    n_processes : int
        Commands at the same time.
    time_limit : float
        Seconds for one song.
    cap_bytes : int
        Memory that a command and its worker may hold together.
    batch : int
        Files for one command.
    keep : Path or None
        Folder into which files with findings are copied, and files that cost a worker.
    """

    count: int = 500
    seed: int = 0
    budget: float = 1200.0
    n_processes: int = 2
    time_limit: float = 20.0
    cap_bytes: int = 2 * 2**30
    batch: int = 250
    keep: Path | None = None


@dataclass
class Tally:
    """What came of the files of one format."""

    n_files: int = 0
    n_answered: int = 0
    n_warned: int = 0
    n_lost: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    peak_bytes: int = 0

    def add(self, other: Tally) -> None:
        """Take over another's figures."""
        self.n_files += other.n_files
        self.n_answered += other.n_answered
        self.n_warned += other.n_warned
        self.n_lost += other.n_lost
        self.failed += other.failed
        self.slowest = max(self.slowest, other.slowest)
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)


@dataclass(frozen=True)
class Finding:
    """Something that may not be."""

    file: str
    what: str


@dataclass
class Report:
    """What came of all files."""

    plan: Plan
    tallies: dict[str, Tally]
    findings: list[Finding]
    seconds: float

    @property
    def total(self) -> Tally:
        """All formats together."""
        total = Tally()
        for tally in self.tallies.values():
            total.add(tally)
        return total

    def table(self) -> str:
        """Give a line of Markdown for each format."""
        head = (
            "| format | files | answered | of these warned | refused | workers lost | slowest, s "
            "| peak, MB |\n|---|--:|--:|--:|--:|--:|--:|--:|\n"
        )
        rows = [*sorted(self.tallies.items()), ("**all**", self.total)]
        return head + "".join(
            f"| {name} | {t.n_files:,} | {t.n_answered:,} | {t.n_warned:,} "
            f"| {t.failed['AudioDecodeError']:,} | {t.n_lost:,} | {t.slowest:.1f} "
            f"| {t.peak_bytes / 1e6:.0f} |\n"
            for name, t in rows
        )


def fuzz_songs(plan: Plan) -> Report:
    """Damage songs of every format and have them heard."""
    begun = time.monotonic()
    seeds = make_seeds()
    report = Report(plan, defaultdict(Tally), [], 0.0)
    size = min(plan.batch, -(-plan.count // plan.n_processes))
    with ThreadPoolExecutor(plan.n_processes) as crew:

        def run(first: int) -> _Batch | None:
            if time.monotonic() - begun > plan.budget:
                return None
            return _Batch(plan, seeds, range(first, min(first + size, plan.count))).run()

        for batch in crew.map(run, range(0, plan.count, size)):
            if batch is not None:
                report.findings += batch.findings
                for name, tally in batch.tallies.items():
                    report.tallies[name].add(tally)
    report.seconds = time.monotonic() - begun
    return report


class _Batch:
    """Some files, and the command that hears them."""

    def __init__(self, plan: Plan, seeds: Mapping[str, bytes], numbers: range) -> None:
        self._plan, self._seeds, self._numbers = plan, seeds, numbers
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.findings: list[Finding] = []
        self._done: dict[str, str] = {}  # path → how it was damaged
        self._answers: list[Mapping[str, object]] = []

    def run(self) -> _Batch:
        with tempfile.TemporaryDirectory(prefix="generify-fuzz-") as name:
            folder = Path(name)
            self._damage(folder)
            output = folder / "results.ndjson"
            code, said = self._scan(folder, output)
            self._judge(output, code, said)
        return self

    def _damage(self, folder: Path) -> None:
        names, contents = list(self._seeds), list(self._seeds.values())
        for number in self._numbers:
            rng = random.Random(f"{self._plan.seed}/{number}")
            name = names[number % len(names)]
            content, how = mutate(self._seeds[name], rng, contents)
            ending = rng.choice(_WRONG_SUFFIXES) if rng.random() < 0.1 else suffix(name)
            path = folder / f"{number:06d} {name}.{ending}"
            path.write_bytes(content)
            self._done[str(path)] = how

    def _scan(self, folder: Path, output: Path) -> tuple[int | None, str]:
        """Run the command; the code is None where it had to be ended."""
        limit = ("--time-limit", f"{self._plan.time_limit:g}")
        command = [sys.executable, "-m", "generify", "scan", *self._done, "-o", str(output), *limit]
        errors = folder / "stderr"
        with errors.open("wb") as stderr, subprocess.Popen(
            [*command, "--jobs", "1"], stdout=subprocess.DEVNULL, stderr=stderr,
            env=_environment(folder),
        ) as process:  # fmt: skip
            ended = self._watch(process, Path(f"{output}.part"))
        return None if not ended else process.returncode, errors.read_text(errors="replace")

    def _watch(self, process: subprocess.Popen[bytes], journal: Path) -> bool:
        """Follow the command; say whether it ended by itself."""
        waiting = iter(self._done)
        current, n_seen = next(waiting), 0
        since, patience = time.monotonic(), _START
        while process.poll() is None:
            time.sleep(_TICK)
            self._weigh(process.pid, current)
            lines = _whole_lines(journal)
            if len(lines) > max(n_seen, 1):  # the first line is the journal's head
                for line in lines[max(n_seen, 1) :]:
                    lost = _is_lost(line)
                    if patience == self._plan.time_limit or lost:
                        tally = self.tallies[_format_of(current)]
                        passed = (time.monotonic() - since) / (len(lines) - max(n_seen, 1))
                        tally.slowest = max(tally.slowest, passed)
                    current = next(waiting, current)
                    # a worker that is replaced begins anew
                    patience = _START if lost else self._plan.time_limit
                n_seen, since = len(lines), time.monotonic()
            if time.monotonic() - since > self._plan.time_limit + _START:
                self._find(current, "hung beyond its limit")
                process.kill()
                return False
        return True

    def _weigh(self, process: int, current: str) -> None:
        tally = self.tallies[_format_of(current)]
        held = sum(map(_resident_bytes, _family(process)))
        tally.peak_bytes = max(tally.peak_bytes, held)
        if held > self._plan.cap_bytes:
            self._find(current, f"took {held / 1e6:.0f} MB")

    def _judge(self, output: Path, code: int | None, said: str) -> None:
        answers = {}
        if output.is_file():
            answers = {result.path: result.answer for result in read_song_results(output)}
        if code not in (0, 1) or "Traceback" in said:
            self._find(next(iter(self._done)), f"exit code {code}: {said[-2000:]}")
            if not answers:
                return
        for path in self._done:
            tally, answer = self.tallies[_format_of(path)], answers.get(path)
            tally.n_files += 1
            if answer is None:
                self._find(path, "has no answer")
            elif not isinstance(answer, Failure):
                tally.n_answered += 1
                tally.n_warned += any("damaged" in warning for warning in answer.warnings)
            else:
                tally.failed[answer.error_type] += 1
                if answer.error_type == "WorkerError":
                    tally.n_lost += 1
                    self._save(path)
                if answer.error_type not in _FORESEEN:
                    self._find(path, f"{answer.error_type}: {answer.message}")

    def _find(self, path: str, what: str) -> None:
        finding = Finding(f"{Path(path).name} ({self._done[path]})", what)
        if finding not in self.findings:
            self.findings.append(finding)
        self._save(path)

    def _save(self, path: str) -> None:
        if self._plan.keep is not None:
            self._plan.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, self._plan.keep / f"{self._plan.seed}-{Path(path).name}")


def _environment(folder: Path) -> dict[str, str]:
    """Keep the command away from what belongs to the user."""
    own = {name: str(folder / name) for name in ("GENERIFY_CACHE_DIR", "GENERIFY_STATE_DIR")}
    return {**os.environ, **own, "OMP_NUM_THREADS": "1"}


def _format_of(path: str) -> str:
    return Path(path).name.split(" ", 1)[1].rpartition(".")[0]


def _whole_lines(journal: Path) -> list[bytes]:
    try:
        return journal.read_bytes().split(b"\n")[:-1]
    except OSError:  # not there yet, or not any more
        return []


def _is_lost(line: bytes) -> bool:
    return str(json.loads(line).get("error", {}).get("type")) == "WorkerError"


def _family(process: int) -> Iterator[int]:
    """Give a process and all that it has started."""
    yield process
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [c for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _resident_bytes(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
