"""``generify train``: a model from a folder of genre folders."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generify import defaults
from generify.cli.checks import check_extra, check_output, check_suffix
from generify.cli.history_options import DatabaseOption
from generify.cli.options import (
    ClassifierOption,
    DatasetArgument,
    FeaturesOption,
    GenresOption,
    JobsOption,
    NoCacheOption,
    ReportOption,
    SplitOption,
    split_genres,
)
from generify.cli.reports import open_report, print_report, read_features, say_held_out
from generify.cli.terminal import go_on_unread, print_failures, print_warnings, progress_bar, say

if TYPE_CHECKING:
    from generify.datasets import Track
    from generify.model_card import ModelCard

__all__ = ["register", "train"]

_Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="Model file to write (.onnx)."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify train my-music -o mine.onnx --report report")(train)


def train(
    dataset: DatasetArgument,
    output: _Output,
    features: FeaturesOption = defaults.FEATURES,
    classifier: ClassifierOption = defaults.CLASSIFIER,
    split: SplitOption = None,
    hold_out: Annotated[
        bool,
        typer.Option("--hold-out", help="Keep tracks marked test from the model altogether."),
    ] = False,
    genres: GenresOption = None,
    with_corrections: Annotated[
        bool, typer.Option("--with-corrections", help="Learn from `generify correct` too.")
    ] = False,
    database: DatabaseOption = None,
    report: ReportOption = None,
    jobs: JobsOption = 0,
    no_cache: NoCacheOption = False,
) -> None:
    """Train a model on your own genres, and judge it.

    The recipe is judged by cross-validation; the model is then fitted on all tracks.
    """
    from generify.recipe import check_trainable
    from generify.training import train_model

    go_on_unread()
    check_extra("train", "sklearn", "skl2onnx")
    check_output(output)
    check_suffix(output, ".onnx")
    folder = open_report(report)
    check = partial(
        check_trainable, classifiers=[classifier], split=split, to_keep=True, hold_out=hold_out
    )
    table = read_features(
        dataset,
        features,
        split_genres(genres),
        jobs=jobs,
        no_cache=no_cache,
        corrected=_read_corrections(database) if with_corrections else None,
        accept=check,
    )
    with progress_bar("training") as progress:
        training = train_model(
            table, classifier, name=output.stem, split=split, hold_out=hold_out, progress=progress
        )
    training.model.save(output)
    if table.corrections:
        say(table.corrections)
    print_warnings(training.warnings)
    print_failures(table.failures)
    print_report(training.report)
    if folder is not None:
        folder.write(training.report, table)
    _say_what_was_written(output, training.model.card)
    if hold_out:
        say_held_out(table)
    if table.failures:
        raise typer.Exit(1)


def _say_what_was_written(output: Path, card: ModelCard) -> None:
    n_tracks = sum(card.n_tracks.values())
    say(f"wrote {output}: {len(card.genres)} genres, fitted on {n_tracks} tracks")
    say(f"try it: generify predict --model {shlex.quote(str(output))} SONG")


def _read_corrections(database: str | None) -> dict[str, Track]:
    from generify.history import corrected_tracks, open_history

    with open_history(database, create=False) as history:
        return corrected_tracks(history.corrections())
