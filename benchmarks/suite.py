"""How fast Generify is beside what people would use instead, and how near to the machine's limit.

::

    python benchmarks/suite.py                    # all, into benchmarks/results.json and the page
    python benchmarks/suite.py --only mfcc-13     # one figure alone; several names are allowed
    python benchmarks/suite.py --list             # their names

The first run installs the others into environments of their own and makes the songs, below
``--cache``; later ones find them there. What cannot be installed is left out, and said so.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import performance_page
from performance_page import RESULTS
from speed.cases import Material, list_cases
from speed.machine import describe_commit, describe_machine, describe_versions
from speed.running import Case, Place, run_case
from speed.songs import EXAMPLES, Songs

LIMIT = "limit"


def main() -> None:
    """Measure, print, and write the results and the page."""
    asked = _parse()
    place = Place(asked.cache.absolute(), asked.offline)
    material = _material(place)
    cases = list_cases(material)
    if asked.list:
        print("\n".join(f"{case.name:20} {case.title}" for case in cases))
        return
    chosen = _choose(cases, asked.only)
    begun = time.monotonic()
    results = _start(place)
    _prepare(place, material, asked.data)
    prepared = time.monotonic()
    results["measured"] = _measure(chosen, place, asked.rounds)
    if not asked.only or LIMIT in asked.only:
        results[LIMIT] = _limit(place, material)
    results["seconds"] = round(time.monotonic() - prepared)
    results["prepared_in"] = round(prepared - begun)
    results["versions"] = describe_versions(place.environments)
    if LIMIT in results:
        print("\n\n".join(performance_page.limit_parts(results)))
    print(performance_page.summary(results))
    _write(results, asked.output or (None if asked.only else RESULTS))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="cases, or limit")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--rounds", type=int, default=0, help="instead of each case's own")
    parser.add_argument("--offline", action="store_true", help="install nothing")
    parser.add_argument("--data", type=Path, default=EXAMPLES, help="folder of songs to cut up")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("-o", "--output", type=Path, help="file for the results")
    return parser.parse_args()


def default_cache() -> Path:
    """Give the folder where environments and songs are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("generify-benchmarks")


def _choose(cases: tuple[Case, ...], names: list[str] | None) -> list[Case]:
    if not names:
        return list(cases)
    unknown = set(names) - {case.name for case in cases} - {LIMIT}
    if unknown:
        sys.exit(f"there is no case {', '.join(sorted(unknown))}; --list names them")
    return [case for case in cases if case.name in names]


def _material(place: Place) -> Material:
    out = place.cache / "out"
    return Material(Songs(place.cache / "songs"), out / "network.onnx", out / "table.csv", out)


def _start(place: Place) -> dict[str, Any]:
    return {
        "machine": describe_machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": describe_commit(),
    }


def _prepare(place: Place, material: Material, data: Path) -> None:
    """Make the songs, the plain network, and the features of the short library."""
    material.out.mkdir(parents=True, exist_ok=True)
    network, library = str(material.network), material.songs.short_library()
    table = material.table.with_suffix(".parquet")
    print("preparing", file=sys.stderr)
    _run(place, "-m", "speed.songs", str(material.songs.folder), "--source", str(data))
    if not material.network.is_file():
        _run(place, "-m", "speed.plain_network", network, needed=not place.offline)
    _run(place, "-m", "generify", "extract", library, "-o", str(table))
    _run(place, "-m", "peers.ours", "--once", "write_csv", str(table), str(material.table))
    for path in Path(material.songs.library()).rglob("*.wav"):
        path.read_bytes()  # so that nobody is the first to wait for the disk


def _run(place: Place, *arguments: str, needed: bool = True) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**place.variables(), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and needed:
        sys.exit(f"python {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


def _measure(cases: list[Case], place: Place, rounds: int) -> dict[str, Any]:
    measured = {}
    for case in cases:
        print(case.name, file=sys.stderr)
        measured[case.name] = run_case(case, place, rounds=rounds)
        print(performance_page.case_text(case.name, measured[case.name]), flush=True)
    return measured


def _limit(place: Place, material: Material) -> dict[str, Any]:
    print(LIMIT, file=sys.stderr)
    folder, network = str(material.songs.folder), str(material.network)
    found: dict[str, Any] = json.loads(_run(place, "-m", "speed.limit", folder, network))
    return found


def _write(results: dict[str, Any], output: Path | None) -> None:
    if output is None:
        return
    output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {output}", file=sys.stderr)
    if output == RESULTS:
        performance_page.write(results)


if __name__ == "__main__":
    main()
