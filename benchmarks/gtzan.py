"""Accuracy on GTZAN, on the fault-filtered, artist-aware split and on a random one.

::

    python benchmarks/gtzan.py DATA [--json]

DATA holds ``mel128.npz``. Each recipe is fitted on the training list only and tested once on the
test list (Kereliuk, Sturm and Larsen 2015); beside it stands random 10-fold cross-validation, to
show how much a random split flatters.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from generify.evaluation import EvaluationReport
from generify.table import FeatureTable
from generify.training import evaluate_recipe
from gtzan_tables import make_table, read_clips

RECIPES = (("mfcc", "logreg"), ("timbre", "logreg"), ("timbre", "lda"))
SPLITS = ("fault-filtered", "random")


def measure(tables: dict[str, FeatureTable]) -> list[dict[str, Any]]:
    """Judge every recipe on every split."""
    return [
        row_of(evaluate_recipe(tables[features], classifier, split=split))
        for features, classifier in RECIPES
        for split in SPLITS
    ]


def row_of(report: EvaluationReport) -> dict[str, Any]:
    """Give a report's headline as one row."""
    return {
        "recipe": report.experiment.recipe,
        "split": report.experiment.split,
        "n_train": report.experiment.n_train,
        "n_test": report.n_tracks,
        "accuracy": round(report.accuracy, 4),
        "low": round(report.low, 4),
        "high": round(report.high, 4),
        "macro_auc": round(report.macro_auc, 4),
        "top3": round(report.top3, 4),
        "calibration_error": round(report.calibration_error, 4),
    }


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table."""
    print(f"{'recipe':16} {'split':16} {'train':>5} {'test':>5} {'right':>7}  95 % interval"
          f"   {'AUC':>5} {'top 3':>6} {'calibration error':>18}")  # fmt: skip
    for r in rows:
        print(
            f"{r['recipe']:16} {r['split']:16} {r['n_train']:5} {r['n_test']:5} "
            f"{100 * r['accuracy']:6.1f} %  {100 * r['low']:.1f} to {100 * r['high']:.1f} %"
            f"  {r['macro_auc']:.3f} {100 * r['top3']:4.0f} % {r['calibration_error']:18.3f}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Accuracy on GTZAN, split by split.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    clips = read_clips(arguments.data)
    rows = measure({features: make_table(features, clips) for features, _ in RECIPES})
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        print_rows(rows)


if __name__ == "__main__":
    main()
