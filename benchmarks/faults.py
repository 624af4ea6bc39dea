"""Kills and failing writes by the hundred, over every command that writes.

``python benchmarks/faults.py --kills 200 --failures 200`` prints a table of what became of them
and ends with 1 if anything was lost, half done, or not completed by a second run; every such trial
is told. It needs Linux and a C compiler, and runs in a folder of its own (``--folder /dev/shm``
spares a disk). What is tried, and what must hold, is described in ``tests/injection``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from injection import cases, why_not  # type: ignore[import-not-found]

_COLUMNS = ("command", "calls that write", "killed", "write failed", "told, exit 1 (2)",
            "done all the same", "wrong")  # fmt: skip


def main() -> int:
    """Try all cases and print the table."""
    options = _options()
    if why_not():
        print(f"faults cannot be injected here: {why_not()}", file=sys.stderr)
        return 1
    begin = time.monotonic()
    rows: list[list[str]] = []
    problems: list[str] = []
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        cases.Bench(Path(folder)) as bench,
        cases.Fetching() as fetching,
    ):
        chosen = [
            case
            for case in (*cases.CASES, *cases.fetch_cases(fetching))
            if not options.only or case.name in options.only
        ]
        shares = zip(
            chosen, _shares(options.kills, len(chosen)), _shares(options.failures, len(chosen)),
            strict=True,
        )  # fmt: skip
        for case, n_kills, n_failures in shares:
            _, _, n_calls = bench.undisturbed(case)
            trials = [
                bench.try_out(case, fault)
                for kills, n in ((True, n_kills), (False, n_failures))
                for fault in cases.choose_faults(n_calls, n, kills=kills, seed=options.seed)
            ]
            rows.append(_row(case.name, n_calls, trials))
            problems += map(_told, (trial for trial in trials if trial.problems))
            print(f"{rows[-1]}", *problems[-5:], sep="\n", file=sys.stderr, flush=True)
    _print(rows)
    print(f"\n{time.monotonic() - begin:.0f} s")
    for problem in problems:
        print(problem)
    return int(bool(problems))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--failures", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", action="append", metavar="COMMAND")
    return parser.parse_args()


def _shares(n: int, n_parts: int) -> list[int]:
    return [n // n_parts + (i < n % n_parts) for i in range(n_parts)]


def _row(name: str, n_calls: int, trials: Sequence[Any]) -> list[str]:
    struck = [trial for trial in trials if trial.struck]
    counts = Counter(
        "killed" if t.first.killed else "done" if t.code == 0 else "told" for t in struck
    )
    n_failed = counts["done"] + counts["told"]
    wrong = sum(bool(trial.problems) for trial in trials)
    numbers = (n_calls, counts["killed"], n_failed, counts["told"], counts["done"], wrong)
    return [f"`{name}`", *map(str, numbers)]


def _told(trial: Any) -> str:
    return f"{trial.case}: {trial.fault} ({trial.struck}): {'; '.join(trial.problems)}\n" + (
        "".join(f"    {line}\n" for line in trial.first.err.splitlines())
    )


def _print(rows: Sequence[Sequence[str]]) -> None:
    total = [str(sum(int(row[column]) for row in rows)) for column in range(1, len(_COLUMNS))]
    lines = [_COLUMNS, ["---", *["--:"] * (len(_COLUMNS) - 1)], *rows, ["all", *total]]
    for line in lines:
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    sys.exit(main())
