"""How many songs a second a site answers, how long each takes, and whether its memory stays level.

A site is started in processes of its own; so many clients send clips one after the other, wait
``Retry-After`` seconds where they are told to, and count. The same clips are then scanned with as
many processes, for comparison.

::

    python benchmarks/serving.py CLIPS --workers 1 2 --clients 16 --seconds 300
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from generify.scan import find_songs

Clips = Sequence[tuple[str, bytes]]

_PREDICTIONS = "/api/v1/predictions"
_SERVER = """
import sys
from generify.web.server import serve
from generify.web.settings import Settings

if __name__ == "__main__":
    serve(Settings(port=0, n_workers=int(sys.argv[1]), data_folder=sys.argv[2]),
          on_ready=lambda url: print(url, flush=True))
"""


@dataclass
class Counted:
    """What the clients saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


@contextmanager
def _site(n_workers: int, folder: Path) -> Iterator[tuple[str, int]]:
    script = folder / "serve.py"
    script.write_text(_SERVER)
    command = [sys.executable, str(script), str(n_workers), str(folder / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.pid
        process.terminate()


def _megabytes(process: int) -> float:
    """Add up the memory of a process and its children; Linux."""
    found = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    pages = [Path(f"/proc/{p}/statm").read_text().split()[1] for p in found]
    return sum(map(int, pages)) * 4096 / 1e6


async def _client(url: str, clips: Clips, until: float, seen: Counted) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        while time.monotonic() < until:
            begun = time.monotonic()
            answer = await client.post(_PREDICTIONS, files={"file": random.choice(clips)})
            seen.statuses[answer.status_code] += 1
            if answer.status_code == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]))
            else:
                seen.seconds.append(time.monotonic() - begun)


async def _crowd(url: str, clips: Clips, *, n_clients: int, seconds: float) -> Counted:
    seen, until = Counted(), time.monotonic() + seconds
    await asyncio.gather(*(_client(url, clips, until, seen) for _ in range(n_clients)))
    return seen


def _serve(clips: Sequence[Path], n_workers: int, *, n_clients: int, seconds: float) -> None:
    loaded = [(clip.name, clip.read_bytes()) for clip in clips]
    with tempfile.TemporaryDirectory() as folder, _site(n_workers, Path(folder)) as (url, process):
        asyncio.run(_crowd(url, loaded, n_clients=n_workers, seconds=5))  # models are loaded
        before, begun = _megabytes(process), time.monotonic()
        seen = asyncio.run(_crowd(url, loaded, n_clients=n_clients, seconds=seconds))
        passed, after = time.monotonic() - begun, _megabytes(process)
    median, late = np.percentile(seen.seconds, [50, 99])
    statuses = ", ".join(f"{status}: {n}" for status, n in sorted(seen.statuses.items()))
    print(f"{n_workers} workers, {n_clients} clients: {seen.statuses[201] / passed:.2f} songs/s, "
          f"median {median:.2f} s, 99 % within {late:.2f} s; answers {statuses}; "
          f"{before:.0f} MB before, {after:.0f} MB after")  # fmt: skip


def _scan(clips: Sequence[Path], n_workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "generify", "scan", *map(str, clips), "--jobs", str(n_workers)]
        begun = time.monotonic()
        subprocess.run(
            [sys.executable, *command, "-o", f"{folder}/results.ndjson"],
            check=True,
            capture_output=True,
        )
        print(f"{n_workers} jobs, scan: {len(clips) / (time.monotonic() - begun):.2f} songs/s")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, help="folder of clips")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--n-clips", type=int, default=100)
    given = parser.parse_args()
    files = [Path(file) for file in find_songs([given.clips]).files]
    clips = random.Random(0).sample(files, min(given.n_clips, len(files)))
    for n_workers in given.workers:
        _serve(clips, n_workers, n_clients=given.clients, seconds=given.seconds)
        _scan(clips, n_workers)


if __name__ == "__main__":
    main()
