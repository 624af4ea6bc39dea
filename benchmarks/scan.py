"""How fast a scan is with one process and with several, and how much memory it takes.

::

    python benchmarks/scan.py FOLDER [--songs N] [--rounds N] [--jobs N] [--memory N] [--json]

Throughput: the first N songs below FOLDER, scanned with one job and with several in turn, so that
whatever else the machine does meanwhile falls on both; the start of the processes is counted in.
Where others use the cores too, look at the CPU seconds: as long as a song costs the same with
several jobs as with one, nothing but free cores is between them and being so many times as fast.
Memory: N songs, those below FOLDER under many names, with several jobs; the resident memory of the
command and all its processes is summed a few times a second (what they share is counted several
times). Linux only.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from generify.scan import find_songs

_PAUSE = 0.25


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--songs", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--memory", type=int, default=0, metavar="N", help="songs; 0: not measured")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    songs = find_songs([asked.folder]).files
    found: dict[str, Any] = {}
    if asked.rounds:
        found["throughput"] = measure_throughput(songs[: asked.songs], asked.rounds, asked.jobs)
    if asked.memory:
        found["memory"] = measure_memory(songs, asked.memory, asked.jobs)
    if asked.json:
        print(json.dumps(found, indent=2))
        return
    for what, figures in found.items():
        print(what)
        for name, figure in figures.items():
            print(f"  {name}: {figure}")


def scan_command(folder: Path, output: Path, jobs: int) -> list[str]:
    """Give the command line of a scan in a process of its own."""
    arguments = ("scan", str(folder), "-o", str(output), "--jobs", str(jobs))
    return [sys.executable, "-m", "generify", *arguments]


def link_songs(songs: Sequence[Path], folder: Path, n_songs: int) -> None:
    """Put songs into a folder under new names, again and again until there are enough."""
    for number, song in enumerate(islice(cycle(songs), n_songs)):
        (folder / f"{number:06d}{song.suffix}").symlink_to(song.absolute())


def measure_throughput(songs: Sequence[Path], rounds: int, jobs: int) -> dict[str, Any]:
    """Scan with one job and with several in turn."""
    speeds: dict[int, list[float]] = {1: [], jobs: []}
    costs: dict[int, list[float]] = {1: [], jobs: []}
    with tempfile.TemporaryDirectory() as temporary:
        folder, output = Path(temporary) / "songs", Path(temporary) / "out.ndjson"
        folder.mkdir()
        link_songs(songs, folder, len(songs))
        for _ in range(rounds):
            for n_jobs in (1, jobs):
                command = scan_command(folder, output, n_jobs)
                begun, spent = time.monotonic(), cpu_seconds()
                subprocess.run(command, capture_output=True, check=True)
                speeds[n_jobs].append(len(songs) / (time.monotonic() - begun))
                costs[n_jobs].append((cpu_seconds() - spent) / len(songs))
                output.unlink()
    ratios = [several / one for one, several in zip(speeds[1], speeds[jobs], strict=True)]
    return {
        "songs": len(songs),
        "songs/s with 1 job": describe(speeds[1]),
        f"songs/s with {jobs} jobs": describe(speeds[jobs]),
        "times as fast": describe(ratios),
        "CPU s a song with 1 job": describe(costs[1], 3),
        f"CPU s a song with {jobs} jobs": describe(costs[jobs], 3),
    }


def cpu_seconds() -> float:
    """Give what all processes that have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def describe(figures: Sequence[float], decimals: int = 2) -> str:
    """Give the median and how far figures lie apart."""
    median, low, high = statistics.median(figures), min(figures), max(figures)
    return f"{median:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


def measure_memory(songs: Sequence[Path], n_songs: int, jobs: int) -> dict[str, Any]:
    """Scan many songs and look at the memory of all processes meanwhile."""
    sizes: list[float] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "songs"
        folder.mkdir()
        link_songs(songs, folder, n_songs)
        command = scan_command(folder, Path(temporary) / "out.parquet", jobs)
        begun = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                sizes.append(sum(map(resident_mb, family(process.pid))))
                time.sleep(_PAUSE)
        seconds = time.monotonic() - begun
    tenth = max(1, len(sizes) // 10)
    return {
        "songs": n_songs,
        "seconds": round(seconds, 1),
        "MB at most": round(max(sizes)),
        "MB in each tenth of the time": [
            round(statistics.median(sizes[first : first + tenth]))
            for first in range(0, tenth * 10, tenth)
        ],
    }


def family(process: int) -> list[int]:
    """Give a process and all that it started."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return []
    return [process, *(member for child in children for member in family(child))]


def resident_mb(process: int) -> float:
    """Give the resident memory of a process; 0 when it has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
