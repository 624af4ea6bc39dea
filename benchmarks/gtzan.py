"""Accuracy on GTZAN, on the fault-filtered, artist-aware split and on a random one.

::

    python benchmarks/gtzan.py DATA [--json]

DATA holds ``mel128.npz``, the taggrams and ``audio/``. Each recipe is fitted on the training list
only and tested on the test list (Kereliuk, Sturm and Larsen 2015); beside it stands random 10-fold
cross-validation, to show how much a random split flatters. ``western`` is the recipe of the bundled
model, its second interval a bootstrap over artists, as the clips of one artist stand or fall
together (the largest of the test list has 19). It is shown too with the clips of the validation
list that have audio (103 of 197) added to the training, and for the test clips that have audio with
features from that audio. Below stand simple recipes that others report, on the same clips.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from generify import defaults
from generify.datasets import load_dataset
from generify.evaluation import EvaluationReport, Experiment, evaluate_predictions
from generify.extraction import extract_features
from generify.novelty import fit_novelty, novelty_columns
from generify.recipe import Recipe, fit_recipe, fit_table_novelty
from generify.table import FeatureTable
from generify.training import evaluate_recipe
from gtzan_baselines import measure_baselines
from gtzan_tables import Clip, joined, make_table, read_clips

RECIPES = (("mfcc", "logreg"), ("timbre", "lda"), (defaults.FEATURES, defaults.CLASSIFIER))
SPLITS = ("fault-filtered", "random")
N_BOOTSTRAP = 10_000


def measure(tables: dict[str, FeatureTable]) -> list[dict[str, Any]]:
    """Judge every recipe on every split."""
    return [
        row_of(evaluate_recipe(tables[features], classifier, split=split), features)
        for features, classifier in RECIPES
        for split in SPLITS
    ]


def part(table: FeatureTable, split: str) -> FeatureTable:
    """Keep the clips of one list."""
    return table.choose([i for i, track in enumerate(table.tracks) if track.split == split])


def judge(train: FeatureTable, test: FeatureTable, split: str) -> dict[str, Any]:
    """Fit the released recipe to one table and test it on another; count the unknown too."""
    fitted = fit_recipe(train, np.arange(len(train.tracks)), Recipe(defaults.CLASSIFIER))
    number = {genre: i for i, genre in enumerate(train.genres)}
    report = evaluate_predictions(
        np.array([number[track.genre] for track in test.tracks]),
        fitted.predict_proba(test.X, len(train.genres)),
        train.genres,
        tracks=tuple(track.track for track in test.tracks),
        experiment=Experiment("western", "gtzan", split, split, len(train.tracks)),
    )
    found = fit_table_novelty(train)
    low, high = artist_interval(report, test)
    used = novelty_columns(train.columns)
    assert found is not None
    scores = fit_novelty(train.X, train.y, used).score(test.X)
    unknown = float((scores > found.threshold).mean())
    return {
        **row_of(report, defaults.FEATURES),
        "artists_low": round(low, 4),
        "artists_high": round(high, 4),
        "unknown": round(unknown, 4),
    }


def artist_interval(report: EvaluationReport, test: FeatureTable) -> tuple[float, float]:
    """Bootstrap the accuracy over artists: 95 % interval."""
    wrong = {mistake.track for mistake in report.mistakes}
    right = np.array([track.track not in wrong for track in test.tracks])
    artists = [(track.artist or track.track).casefold() for track in test.tracks]
    names, artist_of = np.unique(artists, return_inverse=True)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=N_BOOTSTRAP)
    weights = drawn[:, artist_of]
    low, high = np.quantile((weights * right).sum(1) / weights.sum(1), [0.025, 0.975])
    return float(low), float(high)


def measure_western(clips: dict[str, Clip], data: Path) -> list[dict[str, Any]]:
    """Judge the released recipe: from tables, with validation clips, and from audio."""
    table = make_table(defaults.FEATURES, clips)
    audio = extract_features(load_dataset(data / "audio"), defaults.FEATURES, jobs=2)
    train, test, heard = part(table, "train"), part(table, "test"), part(audio, "test")
    names = {track.track for track in heard.tracks}
    same = test.choose([i for i, track in enumerate(test.tracks) if track.track in names])
    return [
        judge(train, test, "fault-filtered"),
        judge(joined(train, part(audio, "valid")), test, "train + valid to test"),
        judge(train, same, f"{len(same.tracks)} test clips, tables"),
        judge(train, heard, f"{len(heard.tracks)} test clips, audio"),
    ]


def row_of(report: EvaluationReport, features: str) -> dict[str, Any]:
    """Give a report's headline as one row."""
    return {
        "recipe": "western" if features == defaults.FEATURES else report.experiment.recipe,
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
    print(
        f"{'recipe':14} {'split':22} {'train':>5} {'test':>5} {'right':>7}  {'95 % interval':15} "
        f"{'by artists':15} "
        f"{'AUC':>5} {'top 3':>6} {'calibration error':>18} {'unknown':>8}"
    )
    for r in rows:
        interval = f"{100 * r['low']:.1f} to {100 * r['high']:.1f} %"
        artists = ""
        if "artists_low" in r:
            artists = f"{100 * r['artists_low']:.1f} to {100 * r['artists_high']:.1f} %"
        unknown = f"{100 * r['unknown']:.1f} %" if "unknown" in r else ""
        print(
            f"{r['recipe']:14} {r['split']:22} {r['n_train']:5} {r['n_test']:5} "
            f"{100 * r['accuracy']:5.1f} %  {interval:15} {artists:15} {r['macro_auc']:.3f} "
            f"{100 * r['top3']:4.0f} % {r['calibration_error']:18.3f} {unknown:>8}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Accuracy on GTZAN, split by split.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    clips = read_clips(arguments.data)
    rows = measure({features: make_table(features, clips) for features, _ in RECIPES})
    rows = [row for row in rows if (row["recipe"], row["split"]) != ("western", "fault-filtered")]
    rows += measure_western(clips, arguments.data)
    baselines = measure_baselines(make_table("tags", clips), clips, arguments.data)
    rows += [
        {"recipe": name, "split": "fault-filtered", "accuracy": round(accuracy, 4)}
        for name, accuracy in baselines
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print_rows(rows[: -len(baselines)])
    print("\nsimple recipes that others report, fault-filtered")
    for name, accuracy in baselines:
        print(f"{name:42} {100 * accuracy:5.1f} %")


if __name__ == "__main__":
    main()
