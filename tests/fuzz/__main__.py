"""The command: see the package."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fuzz import cases, page
from fuzz.songs import Plan, fuzz_songs


def main() -> int:
    """Run what is asked for; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Damaged files of every kind.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("songs", "data"):
        command = commands.add_parser(name)
        command.add_argument("--count", type=int, default=500 if name == "songs" else 200)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--budget", type=float, default=1200, help="seconds")
        command.add_argument("--processes", type=int, default=os.cpu_count() or 1)
        command.add_argument("--keep", type=Path, help="folder for files with findings")
        command.add_argument("--page", type=Path, help="page to write the figures into")
    traps = commands.add_parser("traps")
    traps.add_argument("--page", type=Path)
    case = commands.add_parser("case")
    for name in ("target", "seed", "first", "stop", "keep"):
        case.add_argument(name)
    given = parser.parse_args()
    return {"songs": _songs, "data": _data, "traps": _traps, "case": _case}[given.command](given)


def _songs(given: argparse.Namespace) -> int:
    plan = Plan(given.count, given.seed, given.budget, n_processes=given.processes, keep=given.keep)
    report = fuzz_songs(plan)
    text = page.describe_songs(report)
    _show(text)
    for finding in report.findings:
        _show(f"FOUND {finding.file}: {finding.what}")
    if given.page:
        page.write_section(given.page, "songs", text)
    return 1 if report.findings or report.total.n_files < given.count else 0


def _data(given: argparse.Namespace) -> int:
    outcomes = cases.fuzz_data(given.count, given.seed, keep=given.keep)
    text = cases.table(outcomes)
    _show(text)
    findings = [finding for outcome in outcomes.values() for finding in outcome.findings]
    for finding in findings:
        _show(f"FOUND {finding}")
    if given.page:
        page.write_section(given.page, "data", text)
    return 1 if findings else 0


def _traps(given: argparse.Namespace) -> int:
    from fuzz.traps import TRAPS, spring

    rows = [spring(name) for name in TRAPS]
    text = page.describe_traps(rows)
    _show(text)
    if given.page:
        page.write_section(given.page, "traps", text)
    return 0 if all(row.as_expected for row in rows) else 1


def _case(given: argparse.Namespace) -> int:
    keep = Path(given.keep) if given.keep else None
    cases.run_cases(given.target, int(given.seed), range(int(given.first), int(given.stop)), keep)
    return 0


def _show(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
