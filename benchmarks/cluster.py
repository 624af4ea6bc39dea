"""How much a scan on Ray costs beside a scan by processes of its own, and how far it can grow.

::

    python benchmarks/cluster.py FOLDER [--songs N] [--rounds N] [--json]
    python benchmarks/cluster.py FOLDER --cost
    python benchmarks/cluster.py FOLDER --driver N

Overhead: N songs, those below FOLDER under many names, are scanned by both engines in turn, so that
whatever else the machine does meanwhile falls on both, each time in a fresh Python. Both use all
cores and write the same file, which is compared. The time of a song is taken from a tenth of the
songs to the end, the writing of the output included; its CPU time, which depends less on what else
the machine does, is that of all processes, those of Ray too (Linux only). Start-up is the time
until the first answer comes: imports, the model, processes, Ray.

Cost: CPU time that the songs below FOLDER take on one core, and the parts of it.

Driver: N songs whose answers are made up, so that only what the one process does that hands out and
writes down limits the speed; and the memory that it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

ENGINES = ("local", "ray")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--songs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cost", action="store_true", help="CPU time of a song")
    parser.add_argument("--driver", type=int, metavar="N", help="songs with made-up answers")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(scan_once(asked.one, asked.folder, asked.output)))
        return
    if asked.cost:  # before numpy is imported
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
    from generify.scan import find_songs

    songs = find_songs([asked.folder]).files
    if asked.cost:
        found = measure_cost(songs, asked.rounds)
    elif asked.driver:
        found = measure_driver(songs[0], asked.driver)
    else:
        found = compare(songs, asked.songs, asked.rounds)
    if asked.json:
        print(json.dumps(found, indent=2))
        return
    for name, figure in found.items():
        print(f"{name}: {figure}")


def scan_once(engine: str, folder: Path, output: Path) -> dict[str, float]:
    """Scan in this process; give the start-up, and the time and CPU time of a song."""
    begun = time.monotonic()
    from generify.cluster import open_cluster_scan
    from generify.model import load_model
    from generify.scan import open_scan

    opened = open_scan if engine == "local" else open_cluster_scan
    with opened([folder], output, load_model("western")) as scan:
        first, tenth, spent = 0.0, 0.0, 0.0
        for number, _ in enumerate(scan.listen(), start=1):
            if number == 1:
                first = time.monotonic() - begun
            if number == scan.n_songs // 10:
                tenth, spent = time.monotonic() - begun, cpu_seconds(os.getpid())
            if number == scan.n_songs:  # while all processes are still there
                spent = cpu_seconds(os.getpid()) - spent
        scan.finish()
        n_timed = scan.n_songs - scan.n_songs // 10
        end = time.monotonic() - begun
    return {"start": first, "wall": (end - tenth) / n_timed, "cpu": spent / n_timed}


def cpu_seconds(process: int) -> float:
    """Give what a process and all that it started have taken."""
    try:
        status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return 0.0
    ticks = sum(map(int, status[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(cpu_seconds, children))


def compare(songs: Sequence[Path], n_songs: int, rounds: int) -> dict[str, Any]:
    """Scan with both engines in turn."""
    found: dict[str, dict[str, list[float]]] = {
        engine: {"start": [], "wall": [], "cpu": []} for engine in ENGINES
    }
    same = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "songs"
        folder.mkdir()
        for number, song in enumerate(islice(cycle(songs), n_songs)):
            (folder / f"{number:06d}{song.suffix}").symlink_to(song.absolute())
        for turn in range(rounds):
            for engine in ENGINES[:: 1 if turn % 2 == 0 else -1]:
                output = Path(temporary) / f"{engine}.parquet"
                output.unlink(missing_ok=True)
                for name, figure in measure(engine, folder, output).items():
                    found[engine][name].append(figure)
                    print(f"{engine} {name}: {figure:.3f} s", file=sys.stderr)
            local, ray = (Path(temporary) / f"{engine}.parquet" for engine in ENGINES)
            same = same and local.read_bytes() == ray.read_bytes()
    return {
        "songs": n_songs,
        **{f"start-up of {e}, s": describe(found[e]["start"], 1) for e in ENGINES},
        **{f"ms a song, {e}": describe([1000 * s for s in found[e]["wall"]], 0) for e in ENGINES},
        **{
            f"CPU ms a song, {e}": describe([1000 * s for s in found[e]["cpu"]], 0) for e in ENGINES
        },
        "more time without start-up, %": describe(overheads(found, "wall"), 1),
        "more CPU time without start-up, %": describe(overheads(found, "cpu"), 1),
        "same output, byte for byte": same,
    }


def overheads(found: dict[str, dict[str, list[float]]], name: str) -> list[float]:
    """Give by how many percent Ray takes more, round by round."""
    pairs = zip(found["local"][name], found["ray"][name], strict=True)
    return [100 * (ray / local - 1) for local, ray in pairs]


def measure(engine: str, folder: Path, output: Path) -> dict[str, float]:
    """Scan in a fresh Python."""
    command = [sys.executable, __file__, str(folder), "--one", engine, "--output", str(output)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    took: dict[str, float] = json.loads(done.stdout)
    return took


def measure_cost(songs: Sequence[Path], rounds: int) -> dict[str, Any]:
    """Listen in this process, with one thread."""
    from generify.content import content_hash
    from generify.excerpts import load_excerpts
    from generify.model import load_model
    from generify.scan.listening import listen

    model = load_model("western")
    listen(str(songs[0]), model)

    def cost(action: Callable[[str], object]) -> str:
        spent = []
        for _ in range(rounds):
            for song in songs:
                begun = time.process_time()
                action(str(song))
                spent.append(1000 * (time.process_time() - begun))
        return describe(spent, 0)

    return {
        "songs": len(songs),
        "MB of a song": describe([song.stat().st_size / 1e6 for song in songs], 1),
        "CPU ms of a song": cost(lambda song: listen(song, model)),
        "of these reading and hashing": cost(content_hash),
        "of these decoding": cost(load_excerpts),
    }


def measure_driver(song: Path, n_songs: int) -> dict[str, Any]:
    """Scan addresses that nobody reads, with actors that give one answer again and again."""
    from generify import __version__
    from generify.cluster import open_cluster_scan
    from generify.cluster.places import Places
    from generify.model import load_model
    from generify.prediction import predict
    from generify.results import SongResult
    from generify.scan import FoundSongs
    from generify.scan.listening import FileState

    model = load_model("western")
    answer = predict(song, model)

    class Parrot:
        def __init__(self, *_settings: object) -> None:
            pass

        def version(self) -> str:
            return __version__

        def listen(self, songs: Sequence[str]) -> list[Any]:
            return [
                SongResult(replace(answer, path=song), "1", "0" * 64, 7_700_000) for song in songs
            ]

    names = (f"s3://bucket/archive/{n // 1000:06d}/song-{n:09d}.mp3" for n in range(n_songs))
    found = Places(FoundSongs(()), {name: FileState(size=7_700_000) for name in names})
    with (
        tempfile.TemporaryDirectory() as folder,
        patch("generify.cluster.scanning.find_places", lambda _: found),
        patch("generify.cluster.listening._Listener", Parrot),
    ):
        output = Path(folder) / "out.parquet"
        with open_cluster_scan([song], output, model) as scan:
            times = [time.monotonic()]
            for number, _ in enumerate(scan.listen()):
                if number == 0:
                    times.append(time.monotonic())
            journal = Path(f"{output}.part").stat().st_size
            times.append(time.monotonic())
            scan.finish()
            times.append(time.monotonic())
        size = output.stat().st_size
    return {
        "songs": n_songs,
        "songs/s handed out and written down": round(n_songs / (times[2] - times[1])),
        "songs/s put in order": round(n_songs / (times[3] - times[2])),
        "bytes a song in the journal": round(journal / n_songs),
        "bytes a song in the output": round(size / n_songs),
        "MB of memory at most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def describe(figures: Sequence[float], decimals: int = 2) -> str:
    """Give the median and how far figures lie apart."""
    median, low, high = statistics.median(figures), min(figures), max(figures)
    return f"{median:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


if __name__ == "__main__":
    main()
