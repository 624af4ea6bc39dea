"""``generify datasets split``: who is trained on and who is tested on, as a CSV; and its leaks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from generify import defaults
from generify.cli.checks import check_output, check_suffix
from generify.cli.formats import Format
from generify.cli.options import check_split_name
from generify.cli.split_results import inspect_splits, show_leaks, write_made
from generify.cli.terminal import print_failures, print_warnings, progress_bar, say
from generify.errors import ParameterError

if TYPE_CHECKING:
    from generify.datasets import Dataset

__all__ = ["add", "split"]


_Dataset = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET", help="Folder of a dataset, or manifest (.csv).", show_default=False
    ),
]
_By = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        callback=check_split_name,
        help="fault-filtered or official (published lists), artist, album, random, or given.",
        show_default=False,
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="File to write (.csv) [default: stdout]",
        show_default=False,
    ),
]
_Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Another seed gives other folds.")]
_Folds = Annotated[int, typer.Option(min=2, metavar="N", help="Parts of a cross-validation.")]
_Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Write nothing; count who is on both sides: of the split --by NAME, of the one that a "
        "CSV gives, or of every split that the dataset allows. Exit code 1 when the one split "
        "asked for leaks.",
    ),
]
_How = Annotated[Format, typer.Option("--format", help="How to write what --check finds.")]


def add(group: typer.Typer) -> None:
    """Add the command to ``generify datasets``."""
    group.command(epilog="Try: generify datasets split my-music --by random -o folds.csv")(split)


def split(
    dataset: _Dataset,
    by: _By = None,
    output: _Output = None,
    seed: _Seed = 0,
    folds: _Folds = defaults.N_FOLDS,
    check: _Check = False,
    how: _How = Format.TABLE,
) -> None:
    """Divide songs to train and test on, or check a division.

    Tracks known to be the same recording stay on one side. The CSV is a manifest: train on it with
    --split given.
    """
    from generify.datasets import describe_artists, load_dataset
    from generify.datasets.recordings import same_recordings
    from generify.datasets.splits import make_split

    _check_usage(output, how, check)
    found = load_dataset(dataset)
    print_warnings(found.warnings)
    if artists := describe_artists(found.artists_from, found.tracks):
        say(artists)
    print_failures(found.failures)
    names = _names(by, found, check, given=dataset.is_file())
    with progress_bar("comparing") as progress:
        copies = same_recordings(found, progress=progress)
    make = partial(
        make_split, tracks=found.tracks, duplicates=copies, n_folds=folds, random_state=seed
    )
    if check:
        reports = inspect_splits(names, make, found, copies)
        show_leaks(reports, how)
        leaky = len(names) == 1 and not reports[0].is_clean
    else:
        write_made(make(names[0]), found, copies, output)
        leaky = False
    if found.failures or leaky:
        raise typer.Exit(1)


def _check_usage(output: Path | None, how: Format, check: bool) -> None:
    if check and output is not None:
        raise ParameterError("--check writes no file", hint="leave --output away")
    if how is not Format.TABLE and not check:
        raise ParameterError("--format is for --check; a split is always written as CSV")
    check_output(output)
    if output is not None:
        check_suffix(output, ".csv")


def _names(by: str | None, found: Dataset, check: bool, *, given: bool) -> tuple[str, ...]:
    """Choose the splits to make."""
    from generify.datasets.splits import possible_splits

    possible = possible_splits(found.tracks)
    if by is not None:
        return (by,)
    if not check:
        raise ParameterError(
            "how should the tracks be divided?",
            hint=f"give --by NAME; possible here: {', '.join(possible)}",
        )
    return ("given",) if given and "given" in possible else possible
