"""Damaged files of every other kind through their readers, each kind in a process of its own.

The process tells of each case before and after it; where it dies or falls silent, the case that it
was at is the finding, and another process goes on behind it.

In it: :func:`fuzz_data`, :func:`run_cases`, :class:`Outcome`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import BinaryIO

from fuzz.targets import TARGETS
from generify.errors import GenerifyError

_PATIENCE = 60.0  # seconds for one case; the first includes all imports
_ROOM = 2 * 2**30
_MAX_DEATHS = 5  # of processes, then the kind is given up


@dataclass
class Outcome:
    """What came of the files of one kind."""

    n_files: int = 0
    n_read: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    findings: list[str] = field(default_factory=list)


def fuzz_data(count: int, seed: int, *, keep: Path | None = None) -> dict[str, Outcome]:
    """Damage ``count`` files of every kind of :data:`~fuzz.targets.TARGETS` and have them read."""
    return {name: _fuzz_one(name, count, seed, keep) for name in TARGETS}


def table(outcomes: dict[str, Outcome]) -> str:
    """Give a line of Markdown for each kind."""
    head = "| kind | files | read | refused | slowest, s |\n|---|--:|--:|--:|--:|\n"
    return head + "".join(
        f"| {name} | {o.n_files:,} | {o.n_read:,} | {o.refused.total():,} | {o.slowest:.2f} |\n"
        for name, o in outcomes.items()
    )


def _fuzz_one(name: str, count: int, seed: int, keep: Path | None) -> Outcome:
    outcome, first = Outcome(), 0
    n_deaths = 0
    while first < count and n_deaths < _MAX_DEATHS:
        n_deaths += first > 0
        first = _go_on(name, range(first, count), seed, outcome=outcome, keep=keep)
    return outcome


def _go_on(
    name: str, numbers: range, seed: int, *, outcome: Outcome, keep: Path | None
) -> int:  # fmt: skip
    """Run cases until the process ends; give the number of the next."""
    arguments = [name, str(seed), str(numbers.start), str(numbers.stop), str(keep or "")]
    command = [sys.executable, "-m", "fuzz", "case", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    current, begun = numbers.start, time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        lines = _lines_of(process)
        try:
            while (line := lines.get(timeout=_PATIENCE)) is not None:
                said = json.loads(line)
                if "begins" in said:
                    current, begun = said["begins"], time.monotonic()
                    continue
                outcome.n_files += 1
                outcome.slowest = max(outcome.slowest, time.monotonic() - begun)
                _note(said, outcome, f"{name} {seed}/{current}")
                current += 1
        except Empty:
            process.kill()
    if current == numbers.stop:
        return current
    outcome.n_files += 1
    what = "hung" if process.returncode == -9 else f"ended the process ({process.returncode})"
    outcome.findings.append(f"{name} {seed}/{current}: {what}")
    return current + 1


def _lines_of(process: subprocess.Popen[bytes]) -> SimpleQueue[bytes | None]:
    """Read a process's lines in the background; None at their end."""
    lines: SimpleQueue[bytes | None] = SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        with suppress(ValueError):  # it was closed, for nobody waits any more
            for line in process.stdout:
                lines.put(line)
        lines.put(None)

    Thread(target=read, daemon=True).start()
    return lines


def _note(said: dict[str, str], outcome: Outcome, case: str) -> None:
    if "found" in said:
        outcome.findings.append(f"{case}: {said['found']}")
    elif "refused" in said:
        outcome.refused[said["refused"]] += 1
    else:
        outcome.n_read += 1


def run_cases(name: str, seed: int, numbers: range, keep: Path | None) -> None:
    """Read damaged files, and say as lines of JSON what comes of each."""
    target, out = TARGETS[name], _own_stdout()

    def say(what: Mapping[str, object]) -> None:
        out.write(json.dumps(what).encode() + b"\n")

    warnings.simplefilter("ignore")  # of libraries; what is asked is whether they end
    with tempfile.TemporaryDirectory(prefix="generify-fuzz-") as temporary:
        folder = Path(temporary)
        seeds = target.seeds(folder)
        surroundings = target.surroundings(folder) if target.surroundings else nullcontext()
        _limit_memory()
        with surroundings as around:
            for number in numbers:
                rng = random.Random(f"{seed}/{name}/{number}")
                path = folder / f"{number}{target.suffix}"
                content = target.change(rng.choice(seeds), rng)
                path.write_bytes(content)
                say({"begins": number})
                said = _read(target.read, (path,) if around is None else (path, around))
                if "found" in said and keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{number} {name}{target.suffix}").write_bytes(content)
                say(said)
                path.unlink()


def _read(read, arguments) -> dict[str, str]:  # type: ignore[no-untyped-def]
    try:
        read(*arguments)
    except GenerifyError as err:
        return {"refused": type(err).__name__}
    except BaseException as err:
        return {"found": f"{type(err).__name__}: {str(err)[:300]}"}
    return {}


def _own_stdout() -> BinaryIO:
    """Keep for ourselves what libraries, too, may write to."""
    ours = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return ours


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (_ROOM, hard))
