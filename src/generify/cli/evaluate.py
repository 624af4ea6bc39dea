"""``generify evaluate``: how good a model or a recipe is."""

from __future__ import annotations

import json
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generify import defaults
from generify.cli.checks import check_extra
from generify.cli.formats import Format, emit
from generify.cli.options import (
    ClassifierOption,
    FeaturesOption,
    FormatOption,
    GenresOption,
    JobsOption,
    NoCacheOption,
    ReportOption,
    SplitOption,
    split_genres,
)
from generify.cli.reports import (
    judge_model,
    open_report,
    print_report,
    read_features,
    report_cells,
)
from generify.cli.terminal import go_on_unread, print_failures, print_warnings, progress_bar
from generify.errors import ModelError, ParameterError

if TYPE_CHECKING:
    from generify.model import GenreModel

__all__ = ["evaluate", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify evaluate western my-music --report report")(evaluate)


def evaluate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] DATASET",
            help="A model (file or name) and a dataset; or a dataset alone, to judge the recipe "
            "of --features and --classifier.",
            show_default=False,
        ),
    ],
    features: FeaturesOption = defaults.FEATURES,
    classifier: ClassifierOption = defaults.CLASSIFIER,
    split: SplitOption = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Test a model also on what it was trained on.")
    ] = False,
    genres: GenresOption = None,
    report: ReportOption = None,
    how: FormatOption = Format.TABLE,
    jobs: JobsOption = 0,
    no_cache: NoCacheOption = False,
) -> None:
    """Measure accuracy, and say on which split."""
    from generify.recipe import check_trainable
    from generify.training import evaluate_recipe

    if len(inputs) > 2:
        raise ParameterError(f"expected [MODEL] DATASET, got {len(inputs)} arguments")
    go_on_unread()
    check_extra("train", "sklearn")
    folder = open_report(report)
    model = _load_model(*inputs) if len(inputs) == 2 else None
    check = None if model else partial(check_trainable, classifiers=[classifier], split=split)
    table = read_features(
        Path(inputs[-1]),
        features if model is None else model.card.extractor.name,
        split_genres(genres),
        jobs=jobs,
        no_cache=no_cache,
        accept=check,
    )
    if model is not None:
        result = judge_model(model, table, inputs[-1], split=split, include_seen=include_seen)
    else:
        with progress_bar("evaluating") as progress:
            result = evaluate_recipe(table, classifier, split=split, progress=progress)
    print_warnings(result.experiment.warnings)
    print_failures(table.failures)
    if how is Format.TABLE:
        print_report(result)
    elif how is Format.JSON:
        print(json.dumps(result.to_dict(), ensure_ascii=False, indent=2))
    else:
        emit(report_cells(result), how, dict)
    if folder is not None:
        folder.write(result, table)
    if table.failures:
        raise typer.Exit(1)


def _load_model(model: str, dataset: str) -> GenreModel:
    from generify.model import list_models, load_model

    try:
        return load_model(model)
    except ModelError as err:
        if Path(dataset).suffix.lower() != ".onnx" and dataset not in list_models():
            raise
        swapped = shlex.join(["generify", "evaluate", dataset, model])
        raise ParameterError(str(err), hint=f"the model comes first: {swapped}") from err
