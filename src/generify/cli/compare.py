"""``generify compare``: all classifiers on the same folds."""

from __future__ import annotations

from functools import partial
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
from generify.cli.reports import (
    comparison_record,
    flat_record,
    print_comparison,
    read_features,
)
from generify.cli.terminal import go_on_unread, print_failures, print_warnings, progress_bar, say
from generify.errors import Failure

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
    from generify.recipe import check_trainable
    from generify.report import comparison_warnings, write_comparison
    from generify.training import compare_classifiers

    if report is not None:
        go_on_unread()
    check_extra("train", "sklearn", *(() if report is None else ("matplotlib", "jinja2")))
    check_folder(report)
    table = read_features(
        dataset,
        features,
        split_genres(genres),
        jobs=jobs,
        no_cache=no_cache,
        accept=partial(check_trainable, classifiers=tuple(CLASSIFIERS), split=split),
    )
    with progress_bar("comparing") as progress:
        results = compare_classifiers(table, split=split, progress=progress)
    unfit = [r for r in results if isinstance(r, Failure)]
    labels = [f"{facts.title} ({name})" for name, facts in CLASSIFIERS.items()]
    print_warnings(comparison_warnings(results, labels))
    print_failures(table.failures)
    print_failures(unfit, "not compared")
    if how is Format.TABLE:
        print_comparison(results, labels)
    else:
        rows = zip(CLASSIFIERS, results, strict=True)
        emit([comparison_record(name, r) for name, r in rows], how, flat_record)
    if report is not None:
        written = write_comparison(results, labels, report)
        say(f"wrote {written.html}")
    if table.failures or unfit:
        raise typer.Exit(1)
