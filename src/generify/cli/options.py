"""Options that several sub-commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generify.cli.formats import Format

DatasetArgument = Annotated[
    Path,
    typer.Argument(
        help="Folder of genre folders, manifest (.csv) or feature table (.parquet).",
        show_default=False,
    ),
]
FeaturesOption = Annotated[
    str, typer.Option("--features", "-f", help="Features: mfcc (small, quick) or timbre (better).")
]
ClassifierOption = Annotated[
    str, typer.Option("--classifier", "-c", help="logreg, lda, knn, cart, nb or svm.")
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="How tracks are kept apart: fault-filtered, artist, random or given "
        "[default: the least flattering that the dataset allows]",
        show_default=False,
    ),
]
GenresOption = Annotated[
    str | None,
    typer.Option("--genres", help="Only these genres, with commas between.", show_default=False),
]
JobsOption = Annotated[
    int, typer.Option("--jobs", "-j", min=0, help="Tracks at the same time; 0: one per core.")
]
NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Neither look up nor keep computed features.")
]
ReportOption = Annotated[
    Path | None,
    typer.Option("--report", help="Folder for report.html and its figures.", show_default=False),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to write the result.")]
ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="Model file, or name of a bundled model.")
]


def split_genres(genres: str | None) -> tuple[str, ...] | None:
    """Cut ``blues,jazz`` into names; None where nothing was given."""
    if genres is None:
        return None
    return tuple(name.strip() for name in genres.split(",") if name.strip())
