"""``generify datasets verify``: what is wrong with a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from generify.cli import datasets_duplicates
from generify.cli.checks import check_output
from generify.cli.datasets_duplicates import FolderArgument, OutputOption, counted_heard
from generify.cli.formats import Format, emit, file_format
from generify.cli.options import FormatOption, JobsOption, NoCacheOption
from generify.cli.terminal import counted, print_table, print_text, progress_bar, say
from generify.errors import Failure

if TYPE_CHECKING:
    from generify.verification import Finding, VerificationReport

__all__ = ["add", "verify"]

_MOST_ALIKE = 10  # rows that say the same; more become one
_MOST_MISSING = 50  # each is named, to be looked for


def add(group: typer.Typer) -> None:
    """Add the command and ``duplicates`` to ``generify datasets``."""
    group.command(epilog="Try: generify datasets verify my-music")(verify)
    datasets_duplicates.add(group)


def verify(
    folder: FolderArgument,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The published dataset that it should be [default: recognised by its names]",
            show_default=False,
        ),
    ] = None,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    jobs: JobsOption = 0,
    no_cache: NoCacheOption = False,
) -> None:
    """Hear every song, and name all that is wrong with it.

    Missing, extra, misnamed, corrupt, short, silent, clipped and duplicated songs; of a part of a
    published dataset, what is not here is only counted. Exit code 1 when something was found that
    is not a published fault.
    """
    from generify.cache import FeatureCache
    from generify.verification import verify_dataset

    how = file_format(output, how)
    check_output(output)
    cache = None if no_cache else FeatureCache()
    with progress_bar("listening") as progress:
        report = verify_dataset(folder, dataset, cache=cache, jobs=jobs, progress=progress)
    if output is None and how is Format.TABLE:
        _print_report(report)
    else:
        whole = how is Format.JSON
        records = [report.to_dict()] if whole else [asdict(f) for f in report.findings]
        emit(records, how, dict, output)
        if report.is_part:
            say(_part(report))
    if output is not None:
        say(f"wrote {output}: {counted(len(report.findings), 'finding')}")
    if report.n_unknown:
        raise typer.Exit(1)


def _print_report(report: VerificationReport) -> None:
    print_text(_heading(report))
    if report.is_part:
        print_text(_part(report))
    if not report.findings:
        print_text("nothing wrong was found")
        return
    print_text("")
    shown = _rows([replace(f, detail=_plain(f)) for f in report.findings])
    rows = [[f.kind, f.track, f.detail, f.known] for f in shown]
    if any(finding.known for finding in report.findings):
        print_table(["finding", "track", "what", "published"], rows)
    else:
        print_table(["finding", "track", "what"], [row[:3] for row in rows])
    print_text("")
    print_text("found: " + ", ".join(f"{n} {kind}" for kind, n in report.n_of_kind.items()))


def _heading(report: VerificationReport) -> str:
    length = f", most of {report.usual:.0f} s" if report.usual else ""
    songs = counted_heard(report.n_heard, report.n_files)
    heard = f"{songs} heard, {_hours(report.duration)}{length}"
    if report.n_expected is None or report.is_part:
        return f"{report.title}: {heard}"
    return f"{report.title}, {report.n_expected:,} tracks when complete: {heard}"


def _part(report: VerificationReport) -> str:
    here = f"{report.n_here:,} of {report.n_expected:,} published tracks are here"
    some = [f"{n} {g}" for g, n in report.n_missing_of_genre.items() if report.n_of_genre[g]]
    none = [genre for genre in report.n_missing_of_genre if not report.n_of_genre[genre]]
    missing = [*([", ".join(some)] if some else []), *(["all " + ", ".join(none)] if none else [])]
    return f"{here}; not here: {'; '.join(missing)}" if missing else here


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _plain(finding: Finding) -> str:
    return Failure(finding.path, finding.kind, finding.detail).why


def _rows(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Make one row of very many that say the same."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_saying(finding), []).append(finding)
    for finding in findings:
        group = groups[_saying(finding)]
        if len(group) <= (_MOST_MISSING if finding.kind == "missing" else _MOST_ALIKE):
            yield finding
        elif finding is group[0]:
            yield _together(group)


def _saying(finding: Finding) -> tuple[str, str]:
    return finding.kind, "" if finding.kind == "missing" else finding.detail


def _together(group: Sequence[Finding]) -> Finding:
    counts = Counter(finding.detail for finding in group)
    details = [f"{detail} {n}" for detail, n in counts.items()] if len(counts) > 1 else [*counts]
    return replace(group[0], track=f"{len(group)} tracks", detail=", ".join(details), known="")
