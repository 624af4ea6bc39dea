"""Commands that are killed, or whose writes fail, at a chosen call to the system.

A library that is preloaded into the command (``fail.c``) counts every call that changes something
below one folder: open for writing, write, sync, rename, remove, make a folder, cut. It sees what
SQLite, Arrow and libsndfile do as well as Python, which no hook in Python would; it needs a C
compiler and Linux. Between two such calls nothing on the disk changes, so being killed at each of
them is being killed everywhere.

A command is a fork of a process that has its imports behind it (:mod:`injection.zygote`), so that
hundreds of runs take minutes.

In it: :class:`Runner`, :class:`Fault`, :class:`Done`, :func:`why_not`.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
KILL = -1
_NUMBERS = "6l"  # armed, at, fault, lasting, count, done; then what, below: see fail.c
_SIZES = (256, 1024)
_MOST_SECONDS = 300.0
_FAULTS = {KILL: "kill"} | {getattr(errno, n): n for n in ("ENOSPC", "EIO", "EACCES")}


def why_not() -> str:
    """Say why faults cannot be injected here; empty when they can."""
    if not sys.platform.startswith("linux"):
        return "only Linux preloads a library this way"
    return "" if shutil.which("cc") else "there is no C compiler"


@dataclass(frozen=True)
class Fault:
    """What happens, at which call, counted from 1; a lasting one at all later calls too."""

    at: int
    error: int = KILL
    lasting: bool = False

    def __str__(self) -> str:
        return f"{_FAULTS[self.error]}{' for good' if self.lasting else ''} at call {self.at}"


@dataclass(frozen=True)
class Done:
    """What a command left behind on the screen."""

    code: int
    out: str
    err: str
    n_calls: int
    struck: str
    """The call at which the fault happened; empty when it did not."""

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Runner:
    """Runs commands in one folder; only what happens below it is counted."""

    def __init__(self, folder: Path, work: Path, environment: dict[str, str]) -> None:
        self.folder, self._work = folder, work
        library, control = work / "fail.so", work / "control"
        subprocess.run(
            ["cc", "-O1", "-shared", "-fPIC", "-o", library, HERE / "fail.c", "-ldl"], check=True
        )
        control.write_bytes(bytes(struct.calcsize(_NUMBERS) + sum(_SIZES)))
        self._file = control.open("r+b")
        self._control = mmap.mmap(self._file.fileno(), 0)
        self._set(Fault(0), armed=False)
        self._zygote = subprocess.Popen(
            [sys.executable, HERE / "zygote.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"LD_PRELOAD": str(library), "INJECTION_CONTROL": str(control)}
            | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            | {"NO_PROXY": "*", "MPLBACKEND": "agg"}
            | environment,
        )

    def close(self) -> None:
        """End the process that commands are forks of."""
        self._zygote.communicate(timeout=30)  # closes its streams, at which it ends
        self._control.close()
        self._file.close()

    def _set(self, fault: Fault, *, armed: bool) -> None:
        numbers = struct.pack(_NUMBERS, armed, fault.at, fault.error, fault.lasting, 0, 0)
        below = os.fsencode(self.folder)
        self._control[:] = numbers + bytes(_SIZES[0]) + below.ljust(_SIZES[1], b"\0")

    def run(
        self, arguments: Sequence[object], fault: Fault | None = None, *, prelude: str = ""
    ) -> Done:
        """Run ``generify`` with arguments, in the folder."""
        out, err = self._work / "out", self._work / "err"
        order = {
            "arguments": [str(argument) for argument in arguments],
            "folder": str(self.folder),
            "out": str(out),
            "err": str(err),
            "prelude": prelude,
        }
        self._set(fault or Fault(0), armed=True)
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(order) + "\n")
        self._zygote.stdin.flush()
        if not select.select([self._zygote.stdout], [], [], _MOST_SECONDS)[0]:
            raise TimeoutError(f"{arguments} with {fault} takes more than {_MOST_SECONDS:g} s")
        code = int(self._zygote.stdout.readline())
        self._control[:8] = bytes(8)
        numbers = struct.unpack_from(_NUMBERS, self._control)
        at = struct.calcsize(_NUMBERS)
        what = self._control[at : at + _SIZES[0]].rstrip(b"\0").decode("utf-8", "replace")
        return Done(code, out.read_text(), err.read_text(), numbers[4], what if numbers[5] else "")
