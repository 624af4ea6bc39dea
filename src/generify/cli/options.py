"""Options that several sub-commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from generify.cli.formats import Format
from generify.errors import ParameterError

__all__ = [
    "ClassifierOption",
    "DatasetArgument",
    "FeaturesOption",
    "FormatOption",
    "GenresOption",
    "JobsOption",
    "MinConfidenceOption",
    "ModelOption",
    "NoCacheOption",
    "ReportOption",
    "SplitOption",
    "check_split_name",
    "min_confidence_option",
    "split_genres",
]


def _features(name: str) -> str:
    from generify.features import get_extractor

    get_extractor(name)
    return name


def _classifier(name: str) -> str:
    from generify.classifiers import classifier_facts

    classifier_facts(name)
    return name


def _check_confidence(share: float) -> float:
    """Refuse a share that is none, most likely given as percent."""
    if not 0 <= share <= 1:
        percent = share if 1 < share <= 100 else 80
        raise ParameterError(
            f"--min-confidence is a share from 0 to 1, got {share:g}",
            hint=f"give {percent / 100:g} for {percent:g} %",
        )
    return share


def min_confidence_option(meaning: str) -> Any:
    """Give --min-confidence with what it means to a sub-command."""
    return typer.Option(
        "--min-confidence", metavar="SHARE", callback=_check_confidence, help=meaning
    )


def check_split_name(name: str | None) -> str | None:
    """Refuse a split that there is not."""
    from generify.datasets.splits import list_splits

    if name is not None and name not in list_splits():
        raise ParameterError(f"there is no split {name!r}; there are {', '.join(list_splits())}")
    return name


DatasetArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="Folder of genre folders, manifest (.csv) or feature table (.parquet).",
        show_default=False,
    ),
]
FeaturesOption = Annotated[
    str,
    typer.Option(
        "--features",
        "-f",
        metavar="NAME",
        callback=_features,
        help="What is listened for: mfcc (small, quick), timbre, rhythm, tags or embedding (a "
        "neural network), classic (as in librosa's tables), or several, as in tags+rhythm.",
    ),
]
ClassifierOption = Annotated[
    str,
    typer.Option(
        "--classifier",
        "-c",
        metavar="NAME",
        callback=_classifier,
        help="logreg, lda, knn, cart, nb or svm.",
    ),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="NAME",
        callback=check_split_name,
        help="How tracks are kept apart: fault-filtered or official (published lists), artist, "
        "album, random, or given (by a manifest's split or fold column) "
        "[default: the least flattering that the dataset allows]",
        show_default=False,
    ),
]
GenresOption = Annotated[
    str | None,
    typer.Option(
        "--genres",
        metavar="A,B",
        help="Only these genres, with commas between.",
        show_default=False,
    ),
]
JobsOption = Annotated[
    int,
    typer.Option(
        "--jobs", "-j", min=0, metavar="N", help="Tracks at the same time; 0: one per core."
    ),
]
NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Neither look up nor keep computed features.")
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FOLDER",
        help="Folder for report.html and its figures.",
        show_default=False,
    ),
]
MinConfidenceOption = Annotated[
    float,
    min_confidence_option("Answers less sure than this, from 0 to 1, are given as unknown."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to write the result.")]
ModelOption = Annotated[
    str,
    typer.Option("--model", "-m", metavar="MODEL", help="Model file, or name of a bundled model."),
]


def split_genres(genres: str | None) -> tuple[str, ...] | None:
    """Cut ``blues,jazz`` into names; None where nothing was given."""
    if genres is None:
        return None
    names = tuple(name.strip() for name in genres.split(",") if name.strip())
    if not names:
        raise ParameterError(
            f"--genres names no genre, got {genres!r}", hint="as in --genres blues,jazz"
        )
    return names
