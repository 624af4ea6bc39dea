"""``generify extract``: a dataset's features as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generify import defaults
from generify.cli.checks import check_extra, check_output, check_suffix
from generify.cli.options import (
    FeaturesOption,
    GenresOption,
    JobsOption,
    NoCacheOption,
    split_genres,
)
from generify.cli.reports import read_features
from generify.cli.terminal import print_failures, print_warnings, say

__all__ = ["extract", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify extract my-music -o features.parquet")(extract)


def extract(
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET",
            help="Folder of genre folders, or manifest (.csv).",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Table to write (.parquet).", show_default=False
        ),
    ],
    features: FeaturesOption = defaults.FEATURES,
    genres: GenresOption = None,
    jobs: JobsOption = 0,
    no_cache: NoCacheOption = False,
) -> None:
    """Compute the features of every track, as a Parquet table."""
    from generify.datasets import describe_artists
    from generify.table import TABLE_SUFFIX, save_table

    check_extra("train", "pyarrow")
    check_suffix(output, TABLE_SUFFIX)
    check_output(output)
    table = read_features(dataset, features, split_genres(genres), jobs=jobs, no_cache=no_cache)
    save_table(table, output)
    print_warnings(table.cautions)
    print_failures(table.failures)
    if artists := describe_artists(table.artists_from, table.tracks):
        say(artists)
    say(f"wrote {output}: {len(table.tracks)} tracks, {len(table.columns)} features")
    if table.failures:
        raise typer.Exit(1)
