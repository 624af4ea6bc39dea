"""Recipes compared on GTZAN's training and validation lists: what settings are chosen by.

::

    python benchmarks/recipes.py DATA [--json]

Three figures for each: artist-grouped 10-fold cross-validation of the training list, five seeds;
the same of the training list and the 103 clips of the validation list that have audio; and those
103 clips, tested by a fit to the training list. The test list is not read. Below the recipes
stands the released one without allowing for what encoding does to features
(``encoding_shifts.py``), then other scales for the means of the tags, without allowing for it
either.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.datasets import Dataset, load_dataset
from generify.extraction import extract_features
from generify.recipe import fit_recipe
from generify.table import FeatureTable
from generify.training import evaluate_recipe
from gtzan_tables import joined, make_table, read_clips

Floats = NDArray[np.float32]

RECIPES = (
    ("mfcc", "logreg"),
    ("timbre", "lda"),
    ("timbre", "logreg"),
    ("tags", "lda"),
    ("tags+timbre", "lda"),
    ("tags+rhythm", "lda"),
    ("tags+rhythm", "logreg"),
    ("tags+rhythm", "svm"),
)
SEEDS = range(5)

# the extractor gives fifth roots of the tags' means
SCALES: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {
        "encoding left out": lambda roots: roots,
        "means as they are": lambda roots: roots**5,
        "square roots": lambda roots: roots**2.5,
        "tenth roots": lambda roots: roots**0.5,
        "log-odds": lambda roots: np.log((roots**5 + 0.001) / (1.001 - roots**5)),
    }
)


def measure(name: str, train: FeatureTable, valid: FeatureTable, classifier: str) -> dict[str, Any]:
    """Give the three figures of one recipe."""
    tables = {"train": train, "train_valid": joined(train, valid)}
    row: dict[str, Any] = {"recipe": name}
    for key, table in tables.items():
        reports = [
            evaluate_recipe(table, classifier, split="artist", random_state=seed) for seed in SEEDS
        ]
        accuracies = [report.accuracy for report in reports]
        row[key] = round(float(np.mean(accuracies)), 4)
        row[f"{key}_deviation"] = round(float(np.std(accuracies)), 4)
    row["valid"] = round(_accuracy_of_fit(train, valid, classifier), 4)
    return row


def _accuracy_of_fit(train: FeatureTable, valid: FeatureTable, classifier: str) -> float:
    fitted = fit_recipe(train, np.arange(len(train.tracks)), classifier)
    number = {genre: i for i, genre in enumerate(train.genres)}
    y = np.array([number[track.genre] for track in valid.tracks])
    predicted = fitted.predict_proba(valid.X, len(train.genres)).argmax(axis=1)
    return float((predicted == y).mean())


def _on_scale(table: FeatureTable, scale: Callable[[Floats], Floats]) -> FeatureTable:
    """Put the tags on another scale, under names for which no scatter was measured."""
    X = table.X.copy()
    tags = np.array([name.startswith("tags.") for name in table.columns])
    X[:, tags] = scale(X[:, tags])
    return replace(table, X=X, columns=tuple(f"scaled.{name}" for name in table.columns))


def valid_clips(data: Path) -> Dataset:
    """Give the clips of the validation list that have audio."""
    dataset = load_dataset(data / "audio")
    return replace(dataset, tracks=tuple(t for t in dataset.tracks if t.split == "valid"))


def measure_all(data: Path) -> list[dict[str, Any]]:
    """Measure every recipe, and the released one on other scales."""
    clips, heard = read_clips(data), valid_clips(data)
    rows, tables = [], {}
    for features, classifier in RECIPES:
        table = make_table(features, clips)
        train = table.choose([i for i, track in enumerate(table.tracks) if track.split == "train"])
        valid = extract_features(heard, features, jobs=2)
        tables[features] = train, valid
        rows.append(measure(f"{features} + {classifier}", train, valid, classifier))
    train, valid = tables["tags+rhythm"]
    for name, scale in SCALES.items():
        on_scale = _on_scale(train, scale), _on_scale(valid, scale)
        rows.append(measure(f"tags+rhythm + lda, {name}", *on_scale, "lda"))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Recipes compared without GTZAN's test list.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz, the taggrams and audio/")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rows = measure_all(arguments.data)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'recipe':36} {'train':>14} {'train + valid':>14} {'train to valid':>14}")
    for r in rows:
        shares = [
            f"{100 * r[key]:.1f} ± {100 * r[f'{key}_deviation']:.1f} %"
            for key in ("train", "train_valid")
        ]
        print(f"{r['recipe']:36} {shares[0]:>14} {shares[1]:>14} {100 * r['valid']:12.1f} %")


if __name__ == "__main__":
    main()
