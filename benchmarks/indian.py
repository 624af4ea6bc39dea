"""Accuracy on the Indian set: ten repeats of 10-fold cross-validation, and what they are worth.

::

    python benchmarks/indian.py DATA [--json]

DATA holds ``librosa_features.csv``. One row a recipe; *low* and *high* are the worst and the best
of the ten repeats. In the row "settings nested" the SVM's settings are chosen anew in every fold,
by cross-validation within its training part, so that no choice has seen what it is judged on; the
other recipes have the fixed settings of ``generify.classifiers``.

The folds are random, because albums and artists of these tracks are unknown. Songs of one album, or
pieces of one recording, are therefore on both sides, and the figures flatter. That it is so shows
in the file names: the track most like another of its genre is within three numbers of it for 57 %
of the ghazals and up to 94 % of the carnatic tracks, where chance would give 6 %. The rows "blocks
of ten files" keep ten consecutive numbers on one side: expect no more of songs from albums that the
model has not heard.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from generify.errors import DatasetError
from generify.recipe import split_table
from generify.table import FeatureTable
from generify.training import evaluate_recipe
from indian_tables import LEAKAGE_WARNING, read_indian_table

N_FOLDS = 10
N_REPEATS = 10
N_INNER_FOLDS = 5
BLOCK = 10  # consecutive files kept on one side
BLOCK_SPLIT = "blocks of ten files"
CLASSIFIERS = ("svm", "logreg")
# around the settings of the house's own svm: C = 10 and gamma one over the number of features
GRID_C = (3.0, 10.0, 30.0)
GRID_GAMMA = (0.5, 1.0, 1.5)


def measure(table: FeatureTable, n_repeats: int = N_REPEATS) -> list[dict[str, Any]]:
    """Judge the SVM with nested settings, and the recipes as they are."""
    nested = [nested_accuracy(table, seed) for seed in range(n_repeats)]
    rows = [row_of(table, "svm, settings nested", nested, split=f"random {N_FOLDS}-fold")]
    blocks = in_blocks(table)
    for name in CLASSIFIERS:
        random = repeated_accuracy(table, name, "random", n_repeats)
        rows.append(row_of(table, name, random, split=f"random {N_FOLDS}-fold"))
        grouped = repeated_accuracy(blocks, name, "artist", n_repeats)
        rows.append(row_of(table, name, grouped, split=BLOCK_SPLIT))
    return rows


def repeated_accuracy(table: FeatureTable, name: str, split: str, n_repeats: int) -> list[float]:
    """Judge a house recipe once a seed."""
    return [
        evaluate_recipe(table, name, split=split, n_folds=N_FOLDS, random_state=seed).accuracy
        for seed in range(n_repeats)
    ]


def in_blocks(table: FeatureTable) -> FeatureTable:
    """Give consecutive files one artist, so that a split by artist keeps them together."""
    tracks = tuple(replace(track, artist=block_of(track.track)) for track in table.tracks)
    return replace(table, tracks=tracks, warnings=())


def block_of(track: str) -> str:
    """Name the block of ten that a file is in, 1 to 10 being the first."""
    digits = re.search(r"\d+(?=\.mp3$)", track)
    if digits is None:
        raise DatasetError(
            f"{track} has no number", hint="take librosa_features.csv as it was published"
        )
    return f"{track[: digits.start()]}, block {(int(digits.group()) - 1) // BLOCK}"


def nested_accuracy(table: FeatureTable, random_state: int) -> float:
    """Share of right answers where each fold chooses the SVM's settings within its training part.

    Equal settings are told apart by their order; every fold scales by its own training part.
    """
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    step = "onevsrestclassifier__estimator__"
    gammas = [g / table.X.shape[1] for g in GRID_GAMMA]
    grid = {f"{step}C": GRID_C, f"{step}gamma": gammas}
    pipeline = make_pipeline(StandardScaler(), OneVsRestClassifier(SVC()))
    inner = StratifiedKFold(N_INNER_FOLDS, shuffle=True, random_state=random_state)
    n_right = 0
    for fold in split_table(table, "random", n_folds=N_FOLDS, random_state=random_state).folds:
        search = GridSearchCV(pipeline, grid, cv=inner)
        search.fit(table.X[fold.train], table.y[fold.train])
        n_right += int((search.predict(table.X[fold.test]) == table.y[fold.test]).sum())
    return n_right / len(table.tracks)


def row_of(
    table: FeatureTable, recipe: str, accuracies: Sequence[float], *, split: str
) -> dict[str, Any]:
    """Give the repeats of one recipe as one row."""
    return {
        "recipe": f"{table.extractor.name} + {recipe}",
        "split": split,
        "n_tracks": len(table.tracks),
        "n_repeats": len(accuracies),
        "accuracy": round(float(np.mean(accuracies)), 4),
        "low": round(min(accuracies), 4),
        "high": round(max(accuracies), 4),
        "warning": LEAKAGE_WARNING if split != BLOCK_SPLIT else "",
    }


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table."""
    print(f"{'recipe':30} {'split':19} {'tracks':>6} {'repeats':>7} {'right':>7}  spread")
    for r in rows:
        print(
            f"{r['recipe']:30} {r['split']:19} {r['n_tracks']:6} {r['n_repeats']:7} "
            f"{100 * r['accuracy']:6.1f} %  {100 * r['low']:.1f} to {100 * r['high']:.1f} %"
        )
    print(f"\n{LEAKAGE_WARNING}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Accuracy on the Indian set, random folds.")
    parser.add_argument("data", type=Path, help="folder with librosa_features.csv")
    parser.add_argument("--repeats", type=int, default=N_REPEATS, help="of the cross-validation")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rows = measure(read_indian_table(arguments.data), arguments.repeats)
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        print_rows(rows)


if __name__ == "__main__":
    main()
