"""Contenders in turn: the one runner of the suite.

A *case* is a question with several *sides*; the first is Generify's. In every round each side runs
once, one after the other, in the opposite order in every other round, so that whatever else the
machine does meanwhile falls on all. A warm side is a process that is ready and times itself from
the inside (:mod:`peers.clock`); its first run is thrown away. A cold side is a whole command,
start-up included.

It imports nothing heavy: a command's peak memory is at least that of the process that starts it.

In it: :class:`Side`, :class:`Case`, :class:`Place`, :func:`run_case`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from speed.environments import ENVIRONMENTS, OURS, MissingEnvironmentError

BENCHMARKS = Path(__file__).resolve().parents[1]

_LOOK_EVERY = 0.1  # seconds, at the memory of a family of processes
# A case that has run this long begins no further round, so that the whole stays within its time on
# a slower or a busy machine, too; two rounds it always has.
_LONG_ENOUGH = 40.0
_FEWEST_ROUNDS = 2


@dataclass(frozen=True)
class Side:
    """Who runs what.

    Attributes
    ----------
    name : str
        As it stands in the tables.
    command : tuple of str
        A program of the environment, and its arguments.
    environment : str
        Name of one of the environments.
    cold : bool
        Whether the whole command is timed, instead of what it says of itself.
    count : int
        Songs (or whatever) that one run takes care of; seconds are given for one.
    rounds : int
        At most so many, where it is slow; 0 for all.
    whole_family : bool
        Whether the memory of all its processes is added up (looked at ten times a second).
    """

    name: str
    command: tuple[str, ...]
    environment: str = OURS
    cold: bool = False
    count: int = 1
    rounds: int = 0
    whole_family: bool = False


@dataclass(frozen=True)
class Case:
    """A question, and the sides that answer it.

    Attributes
    ----------
    name : str
        As given to ``--only``.
    group : str
        Heading that it stands under.
    title : str
        What is done, in one line.
    sides : tuple of Side
        The first is what all are compared with.
    rounds : int
        How often each runs.
    one_core : bool
        Whether all run on one and the same core.
    alike : bool
        Whether the results of the sides are compared, too.
    """

    name: str
    group: str
    title: str
    sides: tuple[Side, ...]
    rounds: int = 5
    one_core: bool = False
    alike: bool = False


@dataclass(frozen=True)
class Place:
    """Where things are kept, and whether more may be fetched.

    Attributes
    ----------
    cache : Path
        Folder of environments, songs and Generify's own cache; absolute.
    offline : bool
        Whether nothing may be installed.
    """

    cache: Path
    offline: bool = False

    @property
    def environments(self) -> Path:
        """Folder of the environments."""
        return self.cache / "environments"

    def command(self, side: Side) -> list[str]:
        """Give the command line of a side."""
        program, *arguments = side.command
        return [ENVIRONMENTS[side.environment].program(program, self.environments), *arguments]

    def variables(self) -> dict[str, str]:
        """Give the environment variables of all sides."""
        return {
            **os.environ,
            "PYTHONPATH": str(BENCHMARKS),
            "GENERIFY_CACHE_DIR": str(self.cache / "features"),
            "GENERIFY_STATE_DIR": str(self.cache / "state"),
        }

    def without_cache(self, text: str) -> str:
        """Write CACHE for its folder, which is another one on every machine."""
        whole_name = rf"(?<![\w./-]){re.escape(str(self.cache))}(?![\w.-])"
        return re.sub(whole_name, "CACHE", text)


class SideError(Exception):
    """A side that did not run; the text is the last thing it said."""


def run_case(case: Case, place: Place, *, rounds: int = 0) -> dict[str, Any]:
    """Run all sides of a case in turn.

    Parameters
    ----------
    case : Case
        What to run.
    place : Place
        Where things are kept.
    rounds : int
        How often each runs, instead of what the case says; less often where that takes too long.

    Returns
    -------
    dict
        ``sides``: for each its ``name``, ``command``, ``seconds`` (for one song, a round each) and
        ``peak_mb``; ``skipped``: why others did not run; ``differences``: of results from the
        first's, at most; beside what the case says of itself.
    """
    n_rounds = rounds or case.rounds
    with ExitStack() as stack:
        if case.one_core:
            stack.enter_context(_one_core())
        runners, skipped = _start(case, place, stack)
        begun = time.monotonic()
        for number in range(n_rounds):
            if number >= _FEWEST_ROUNDS and time.monotonic() - begun > _LONG_ENOUGH:
                break
            for runner in runners if number % 2 == 0 else runners[::-1]:
                if number < (runner.side.rounds or n_rounds) and runner.side.name not in skipped:
                    _try(runner, place, skipped)
        runners = [runner for runner in runners if runner.side.name not in skipped]
        return {
            "group": case.group,
            "title": case.title,
            "one_core": case.one_core,
            "sides": [runner.figures(place) for runner in runners],
            "skipped": skipped,
            "differences": _differences(runners) if case.alike else {},
        }


def _start(
    case: Case, place: Place, stack: ExitStack
) -> tuple[list[_Warm | _Cold], dict[str, str]]:
    runners: list[_Warm | _Cold] = []
    skipped: dict[str, str] = {}
    for side in case.sides:
        try:
            ENVIRONMENTS[side.environment].make(place.environments, offline=place.offline)
            runner = _Cold(side, place) if side.cold else stack.enter_context(_warm(side, place))
        except (MissingEnvironmentError, SideError) as err:
            skipped[side.name] = place.without_cache(str(err))
            continue
        runners.append(runner)
    return runners, skipped


def _try(runner: _Warm | _Cold, place: Place, skipped: dict[str, str]) -> None:
    try:
        runner.run()
    except SideError as err:
        skipped[runner.side.name] = place.without_cache(str(err))


class _Cold:
    """A command, started anew for each run."""

    result: Sequence[float] = ()

    def __init__(self, side: Side, place: Place) -> None:
        self.side = side
        self._command = place.command(side)
        self._variables = place.variables()
        self._seconds: list[float] = []
        self._peaks: list[float] = []

    def run(self) -> None:
        begun = time.perf_counter()
        process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self._variables,
        )
        with process:
            watch = _watch(process.pid) if self.side.whole_family else None
            assert process.stderr is not None
            said = process.stderr.read()
            status, peak = _wait(process)
            seconds = time.perf_counter() - begun
        if status:
            raise SideError(_last_line(said.decode(errors="replace")))
        self._seconds.append(seconds / self.side.count)
        self._peaks.append(watch() if watch else peak)

    def figures(self, place: Place) -> dict[str, Any]:
        return _figures(self.side, place, self._seconds, self._peaks)


class _Warm:
    """A process that is ready and runs when it is told to."""

    def __init__(self, side: Side, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self.side = side
        self._process = process
        self._errors = errors
        self._seconds: list[float] = []
        self._peaks: list[float] = []
        self._answer()
        self.result: Sequence[float] = self._ask("show").get("result", ())

    def run(self) -> None:
        answer = self._ask("go")
        self._seconds.append(answer["seconds"] / self.side.count)
        self._peaks.append(answer["peak_mb"])

    def _ask(self, word: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; what it said is read below
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise SideError(_last_line(self._errors.read()))
        answer: dict[str, Any] = json.loads(line)
        return answer

    def figures(self, place: Place) -> dict[str, Any]:
        return _figures(self.side, place, self._seconds, self._peaks)


@contextmanager
def _warm(side: Side, place: Place) -> Iterator[_Warm]:
    with (
        tempfile.TemporaryFile("w+", errors="replace") as errors,
        subprocess.Popen(
            place.command(side),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=place.variables(),
        ) as process,
    ):
        try:
            yield _Warm(side, process, errors)
        finally:
            process.kill()


def _figures(side: Side, place: Place, seconds: list[float], peaks: list[float]) -> dict[str, Any]:
    return {
        "name": side.name,
        "command": shlex.join(map(place.without_cache, side.command)),
        "cold": side.cold,
        "count": side.count,
        "seconds": [float(f"{value:.4g}") for value in seconds],
        "peak_mb": round(max(peaks, default=0.0), 1),
    }


def _differences(runners: Sequence[_Warm | _Cold]) -> dict[str, float]:
    """Give how far each side's result is from the first's, at most."""
    first, *others = runners
    return {
        other.side.name: max(
            (abs(a - b) for a, b in zip(first.result, other.result, strict=True)), default=0.0
        )
        for other in others
        if len(other.result) == len(first.result) > 0
    }


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process, and all that it starts meanwhile, on one core."""
    if not hasattr(os, "sched_setaffinity"):  # macOS and Windows have none
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Wait for the end of a process: its exit code and peak memory in MB."""
    if not hasattr(os, "wait4"):  # Windows
        return process.wait(), 0.0
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss / 2**10


def _watch(process: int) -> Any:
    """Look at the memory of a process and its children until it ends; gives the peak in MB."""
    peak = [0.0]

    def look() -> None:
        while (now := sum(map(_resident_mb, _family(process)))) > 0:
            peak[0] = max(peak[0], now)
            time.sleep(_LOOK_EVERY)

    thread = threading.Thread(target=look)
    thread.start()

    def stop() -> float:
        thread.join()
        return peak[0]

    return stop


def _family(process: int) -> list[int]:
    """Give a process and all that it started; Linux."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return [process]
    return [process, *(member for child in children for member in _family(child))]


def _resident_mb(process: int) -> float:
    """Give the memory of a process, what it shares divided by those who share it; 0 at its end."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def _last_line(said: str) -> str:
    return (said.strip() or "it said nothing").splitlines()[-1].strip()
