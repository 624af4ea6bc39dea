"""How many songs a second a site answers, how long each takes, and whether it stays as it was.

A site is started in processes of its own; so many clients send clips over loopback one after the
other, wait ``Retry-After`` seconds where they are told to, and count. ``generify scan`` hears the
same clips with as many processes before and after, for comparison. Memory (what a process shares
with others counted in parts) and open files are those of the server and all its workers, at the
start and after each tenth; processor time is theirs too, so that it can be told from that of the
clients. Linux only.

::

    python benchmarks/serving.py CLIPS --workers 1 2 --clients 16 --seconds 300
    python benchmarks/serving.py CLIPS --workers 2 --predictions 3000
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from generify.scan import find_songs

Clips = Sequence[tuple[str, bytes]]

_PREDICTIONS = "/api/v1/predictions"
_TENTHS = 10
_LOOK = 0.2  # seconds between two looks at how far it is
_FAILED = 0  # in place of a status, where there was no answer
_ANSWERED, _JOB, _BUSY = 201, 202, 429
_SERVER = """
import sys
from generify.web.server import serve
from generify.web.settings import Settings

if __name__ == "__main__":
    serve(Settings(port=0, n_workers=int(sys.argv[1]), data_folder=sys.argv[2]),
          on_ready=lambda url: print(url, flush=True))
"""


@dataclass(frozen=True)
class Family:
    """A process and all that descend from it, at one moment."""

    megabytes: float
    n_files: int
    cpu_seconds: float

    @classmethod
    def of(cls, process: int) -> Family:
        """Look at them."""
        members = _descendants(process)
        shares = (Path(f"/proc/{p}/smaps_rollup").read_text() for p in members)
        kilobytes = sum(int(s.partition("\nPss:")[2].split()[0]) for s in shares)
        n_files = sum(len(list(Path(f"/proc/{p}/fd").iterdir())) for p in members)
        stats = (Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split() for p in members)
        ticks = sum(int(s[11]) + int(s[12]) for s in stats)
        return cls(kilobytes / 1000, n_files, ticks / os.sysconf("SC_CLK_TCK"))


def _descendants(process: int) -> list[int]:
    children = (
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    )
    return [process, *(each for child in children for each in _descendants(child))]


@dataclass
class Counted:
    """What the clients saw."""

    answers: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def n_songs(self) -> int:
        """Songs that were answered, at once or by a job."""
        return len(self.seconds)


@dataclass(frozen=True)
class Load:
    """How much is asked: for so long, or so many songs if any number is given."""

    n_clients: int
    seconds: float
    n_songs: int = 0

    def share(self, begun: float, seen: Counted) -> float:
        """Tell how much of it is done, 0 to 1."""
        if self.n_songs:
            return seen.n_songs / self.n_songs
        return (time.monotonic() - begun) / self.seconds


@contextmanager
def running_site(n_workers: int, folder: Path) -> Iterator[tuple[str, int]]:
    """Serve a site in a process of its own; give its address and the process."""
    script = folder / "serve.py"
    script.write_text(_SERVER)
    command = [sys.executable, str(script), str(n_workers), str(folder / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            sys.exit("the site did not start")
        yield url, process.pid
        process.terminate()


async def _ask(client: httpx.AsyncClient, clip: tuple[str, bytes], seen: Counted) -> None:
    begun = time.monotonic()
    answer = await client.post(_PREDICTIONS, files={"file": clip})
    seen.answers[answer.status_code] += 1
    if answer.status_code == _BUSY:
        await asyncio.sleep(float(answer.headers["retry-after"]))
        return
    if answer.status_code == _JOB:
        answer = await _follow(client, answer.json())
    if answer.is_success:
        seen.seconds.append(time.monotonic() - begun)
    else:
        seen.faults[answer.text[:200]] += 1


async def _follow(client: httpx.AsyncClient, job: dict[str, object]) -> httpx.Response:
    while job["state"] in ("queued", "running"):
        await asyncio.sleep(_LOOK)
        answer = await client.get(f"/api/v1/jobs/{job['id']}")
        job = answer.json()
    return answer if job["state"] == "done" else httpx.Response(500, text=str(job["problem"]))


async def _client(url: str, clips: Clips, seen: Counted, go_on: Callable[[], bool]) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        while go_on():
            try:
                await _ask(client, random.choice(clips), seen)
            except httpx.HTTPError as err:
                seen.answers[_FAILED] += 1
                seen.faults[repr(err)] += 1


async def _crowd(
    url: str, clips: Clips, load: Load, process: int
) -> tuple[Counted, list[Family], float]:
    """Let clients ask; give what they saw, the server at each tenth, and how long it took."""
    seen, begun, looks = Counted(), time.monotonic(), [Family.of(process)]

    async def look() -> None:
        while len(looks) <= _TENTHS:
            await asyncio.sleep(_LOOK)
            if load.share(begun, seen) >= len(looks) / _TENTHS:
                looks.append(Family.of(process))

    def go_on() -> bool:
        return load.share(begun, seen) < 1

    clients = (_client(url, clips, seen, go_on) for _ in range(load.n_clients))
    await asyncio.gather(look(), *clients)
    return seen, looks, time.monotonic() - begun


def _serve(clips: Sequence[Path], n_workers: int, load: Load) -> float:
    """Measure a site; give songs a second."""
    loaded = [(clip.name, clip.read_bytes()) for clip in clips]
    with (
        tempfile.TemporaryDirectory() as folder,
        running_site(n_workers, Path(folder)) as (url, process),
    ):
        # Memory grows until each worker has heard some songs of each kind.
        warm_up = Load(load.n_clients, 0, n_songs=20 * n_workers)
        asyncio.run(_crowd(url, loaded, warm_up, process))
        ours = _own_cpu()
        seen, looks, passed = asyncio.run(_crowd(url, loaded, load, process))
        ours = _own_cpu() - ours
    _tell(seen, looks, passed, ours)
    return seen.n_songs / passed


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _tell(seen: Counted, looks: Sequence[Family], passed: float, ours: float) -> None:
    median, late = np.percentile(seen.seconds, [50, 99])
    theirs = looks[-1].cpu_seconds - looks[0].cpu_seconds
    memory = [look.megabytes for look in looks]
    n_errors = sum(n for kind, n in seen.answers.items() if kind not in (_ANSWERED, _JOB, _BUSY))
    answers = ", ".join(f"{n} × {kind}" for kind, n in sorted(seen.answers.items()))
    print(f"  site: {seen.n_songs} songs in {passed:.0f} s, {seen.n_songs / passed:.2f} songs/s")
    print(f"  wait: median {median:.2f} s, 99 % within {late:.2f} s")
    print(f"  answers: {answers}; errors other than 429: {n_errors}")
    print(f"  processor time a song: {1000 * theirs / seen.n_songs:.0f} ms, "
          f"clients {1000 * ours / seen.n_songs:.0f} ms")  # fmt: skip
    print(f"  memory, MB: {' '.join(f'{each:.0f}' for each in memory)}")
    grown = memory[-1] / memory[1] - 1
    print(f"  memory, from the first tenth to the last: {100 * grown:+.1f} %")
    print(f"  open files: {' '.join(str(look.n_files) for look in looks)}")
    for fault, n in seen.faults.most_common(5):
        print(f"  fault, {n} times: {fault}")


def _scan(clips: Sequence[Path], n_workers: int) -> float:
    """Measure a scan, its start with it; give songs a second."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "generify", "scan", *map(str, clips), "--jobs", str(n_workers)]
        begun, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *command, "-o", f"{folder}/results.ndjson"],
            check=True,
            capture_output=True,
        )
        passed, now = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(f"  scan: {len(clips)} songs in {passed:.0f} s, {len(clips) / passed:.2f} songs/s, "
          f"processor time a song {1000 * cpu / len(clips):.0f} ms")  # fmt: skip
    return len(clips) / passed


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="folder of clips")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--predictions", type=int, default=0, help="so many songs, not seconds")
    parser.add_argument("--n-clips", type=int, default=200)
    given = parser.parse_args()
    files = [Path(file) for file in find_songs([given.clips]).files]
    clips = random.Random(0).sample(files, min(given.n_clips, len(files)))
    load = Load(given.clients, given.seconds, given.predictions)
    for n_workers in given.workers:
        print(f"{n_workers} workers, {given.clients} clients")
        before = _scan(clips, n_workers)
        served = _serve(clips, n_workers, load)
        scanned = (before + _scan(clips, n_workers)) / 2
        print(f"  site ÷ scan: {served / scanned:.2f}")


if __name__ == "__main__":
    main()
