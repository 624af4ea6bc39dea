"""``generify compare``: all classifiers on the same folds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generify import defaults
from generify.cli.checks import check_extra, check_folder
from generify.cli.formats import Format, emit
from generify.cli.options import (
    DatasetArgument,
    FeaturesOption,
    FormatOption,
    GenresOption,
    JobsOption,
    NoCacheOption,
    SplitOption,
    split_genres,
)
from generify.cli.results import print_comparison, read_features, summary_cells
from generify.cli.terminal import print_failures, print_warnings, progress_bar, say

__all__ = ["compare", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify compare my-music --report comparison")(compare)


def compare(
    dataset: DatasetArgument,
    features: FeaturesOption = defaults.FEATURES,
    split: SplitOption = None,
    genres: GenresOption = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FOLDER",
            help="Folder for comparison.html with the box plot.",
            show_default=False,
        ),
    ] = None,
    how: FormatOption = Format.TABLE,
    jobs: JobsOption = 0,
    no_cache: NoCacheOption = False,
) -> None:
    """Compare the six classifiers on the same folds."""
    from generify.classifiers import CLASSIFIERS
    from generify.training import compare_classifiers

    check_extra("train", "sklearn", *(() if report is None else ("matplotlib", "jinja2")))
    check_folder(report)
    table = read_features(dataset, features, split_genres(genres), jobs=jobs, no_cache=no_cache)
    with progress_bar("comparing") as progress:
        reports = compare_classifiers(table, split=split, step=progress)
    names = tuple(CLASSIFIERS)
    print_warnings(reports[0].experiment.warnings)
    print_failures(table.failures)
    if how is Format.TABLE:
        print_comparison(reports, [CLASSIFIERS[name].title for name in names])
    else:
        rows = zip(names, reports, strict=True)
        emit([{"classifier": name, **summary_cells(r)} for name, r in rows], how, dict)
    if report is not None:
        from generify.report import write_comparison

        written = write_comparison(reports, names, report)
        say(f"wrote {written.html}")
    if table.failures:
        raise typer.Exit(1)
