"""Recipes compared on GTZAN's training list alone: what settings are chosen by.

::

    python benchmarks/recipes.py DATA [--json]

Artist-grouped 10-fold cross-validation, five seeds. The test list is not read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from generify.table import FeatureTable
from generify.training import evaluate_recipe
from gtzan_tables import make_table, read_clips

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


def measure(table: FeatureTable, classifier: str) -> dict[str, Any]:
    """Mean and deviation of accuracy over the seeds, and the mean calibration error."""
    reports = [
        evaluate_recipe(table, classifier, split="artist", random_state=seed) for seed in SEEDS
    ]
    accuracies = [report.accuracy for report in reports]
    return {
        "recipe": reports[0].experiment.recipe,
        "accuracy": round(float(np.mean(accuracies)), 4),
        "deviation": round(float(np.std(accuracies)), 4),
        "calibration_error": round(float(np.mean([r.calibration_error for r in reports])), 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Recipes compared on GTZAN's training list.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz and the taggrams")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    clips = read_clips(arguments.data)
    rows = []
    for features, classifier in RECIPES:
        table = make_table(features, clips)
        train = table.choose([i for i, track in enumerate(table.tracks) if track.split == "train"])
        rows.append(measure(train, classifier))
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'recipe':22} {'right':>14} {'calibration error':>18}")
    for r in rows:
        share = f"{100 * r['accuracy']:.1f} ± {100 * r['deviation']:.1f} %"
        print(f"{r['recipe']:22} {share:>14} {r['calibration_error']:18.3f}")


if __name__ == "__main__":
    main()
