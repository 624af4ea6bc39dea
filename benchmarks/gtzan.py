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
from numpy.typing import NDArray

from generify import defaults
from generify.datasets import load_dataset
from generify.evaluation import EvaluationReport, Experiment, evaluate_predictions
from generify.extraction import extract_features
from generify.novelty import fit_novelty, novelty_columns
from generify.recipe import fit_recipe, fit_table_novelty
from generify.table import FeatureTable
from generify.training import evaluate_recipe
from gtzan_baselines import judge_baselines
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


def test_list(train: FeatureTable, test: FeatureTable, split: str) -> EvaluationReport:
    """Fit the released recipe to one table and test it on another."""
    fitted = fit_recipe(train, np.arange(len(train.tracks)), defaults.CLASSIFIER)
    number = {genre: i for i, genre in enumerate(train.genres)}
    return evaluate_predictions(
        np.array([number[track.genre] for track in test.tracks]),
        fitted.predict_proba(test.X, len(train.genres)),
        train.genres,
        tracks=tuple(track.track for track in test.tracks),
        experiment=Experiment("western", "gtzan", split, split, len(train.tracks)),
    )


def judge(train: FeatureTable, test: FeatureTable, split: str) -> dict[str, Any]:
    """Give the released recipe's figures on a test list, with the unknown counted too."""
    report = test_list(train, test, split)
    low, high = by_artists(right_of(report, test), test)
    found = fit_table_novelty(train)
    assert found is not None
    scores = fit_novelty(train.X, train.y, novelty_columns(train.columns)).score(test.X)
    return {
        **row_of(report, defaults.FEATURES),
        "artists_low": low,
        "artists_high": high,
        "unknown": round(float((scores > found.threshold).mean()), 4),
    }


def right_of(report: EvaluationReport, test: FeatureTable) -> NDArray[np.bool_]:
    """Tell of each test clip whether it was right."""
    wrong = {mistake.track for mistake in report.mistakes}
    return np.array([track.track not in wrong for track in test.tracks])


def by_artists(values: NDArray[Any], test: FeatureTable) -> tuple[float, float]:
    """Bootstrap the mean of a value over artists: 95 % interval."""
    artists = [(track.artist or track.track).casefold() for track in test.tracks]
    names, artist_of = np.unique(artists, return_inverse=True)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=N_BOOTSTRAP)
    weights = drawn[:, artist_of]
    low, high = np.quantile((weights * values).sum(1) / weights.sum(1), [0.025, 0.975])
    return round(float(low), 4), round(float(high), 4)


def compare_baselines(clips: dict[str, Clip], data: Path) -> list[dict[str, Any]]:
    """Judge simple recipes, and how far each is from the released one."""
    table = make_table(defaults.FEATURES, clips)
    test = part(table, "test")
    ours = right_of(test_list(part(table, "train"), test, "fault-filtered"), test).astype(float)
    rows = []
    for name, right in judge_baselines(table, clips, data):
        low, high = by_artists(right - ours, test)
        rows.append(
            {
                "recipe": name,
                "split": "fault-filtered",
                "accuracy": round(float(right.mean()), 6),
                "above_western_low": low,
                "above_western_high": high,
            }
        )
    return rows


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
        "accuracy": round(report.accuracy, 6),
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
    baselines = compare_baselines(clips, arguments.data)
    if arguments.json:
        print(json.dumps(rows + baselines, indent=2))
        return
    print_rows(rows)
    print("\nsimple recipes that others report, fault-filtered; points above western, by artists")
    for r in baselines:
        low, high = 100 * r["above_western_low"], 100 * r["above_western_high"]
        print(f"{r['recipe']:42} {100 * r['accuracy']:5.1f} %   {low:+.0f} to {high:+.0f}")


if __name__ == "__main__":
    main()
