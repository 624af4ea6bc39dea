"""What a model card quotes of a report, and the report that can be made of it again."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from generify.evaluation import (
    EvaluationReport,
    Experiment,
    accuracy_interval,
    evaluate_predictions,
)
from generify.features import ExtractorSpec
from generify.model_card import ModelCard
from generify.report_summary import restore_report, summarise_report
from generify.web.figures import Figures

EXPERIMENT = Experiment("mfcc + lda", "made", "random", "drawn at random")


def evaluate(
    n_tracks: int, genres: tuple[str, ...], n_present: int | None = None
) -> tuple[NDArray[np.intp], NDArray[np.float64], EvaluationReport]:
    """Labels, probabilities that know a little about them, and the report."""
    rng = np.random.default_rng(1)
    y = rng.integers(n_present or len(genres), size=n_tracks)
    scores = rng.normal(size=(n_tracks, len(genres)))
    scores[np.arange(n_tracks), y] += 1
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    tracks = tuple(f"track{i}" for i in range(n_tracks))
    report = evaluate_predictions(
        y.astype(np.intp), probabilities, genres, tracks=tracks, experiment=EXPERIMENT
    )
    return y, probabilities, report


def card_of(report: EvaluationReport) -> ModelCard:
    card = ModelCard(
        name="made",
        version="1",
        genres=report.genres,
        extractor=ExtractorSpec("mfcc", 1),
        classifier="lda",
        dataset="songs",
        n_tracks=dict.fromkeys(report.genres, 9),
        metrics=summarise_report(report),
    )
    return ModelCard.from_json(card.to_json())


def test_a_card_quotes_thinned_curves() -> None:
    y, probabilities, report = evaluate(2000, ("a", "b"))
    summary = summarise_report(report)
    json.dumps(summary, allow_nan=False)
    for i, curve in enumerate(summary["roc_curves"]):
        x, up = curve["false_positive_rate"], curve["true_positive_rate"]
        assert len(x) == len(up) == 40
        assert (x[0], up[0], x[-1], up[-1]) == (0, 0, 1, 1)
        assert (np.diff(x) >= 0).all()
        assert (np.diff(up) >= 0).all()
        expected = roc_auc_score(y == i, probabilities[:, i])
        assert curve["auc"] == pytest.approx(expected, abs=1e-4)
        assert np.trapezoid(up, x) == pytest.approx(expected, abs=0.02)
    assert [curve["genre"] for curve in summary["roc_curves"]] == ["a", "b"]


def test_a_card_quotes_the_figures_with_their_split() -> None:
    y = np.array([0, 0, 0, 1], dtype=np.intp)
    probabilities = np.array(
        [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.3, 0.7, 0.0], [0.1, 0.9, 0.0]], dtype=np.float64
    )
    experiment = dataclasses.replace(EXPERIMENT, n_train=12)
    report = evaluate_predictions(
        y, probabilities, ("jazz", "rock", "pop"), tracks=tuple("abcd"), experiment=experiment
    )
    summary = summarise_report(report)
    curves = summary.pop("roc_curves")
    assert set(curves[0]) == {"genre", "false_positive_rate", "true_positive_rate", "auc"}
    low, high = accuracy_interval(2, 4)
    # jazz: 1 of 3 found and nothing else called so; rock: found, with two others called so; every
    # pair of a jazz and a rock track is in the right order
    assert summary == {
        "split": "random",
        "split_meaning": "drawn at random",
        "n_tracks": 4,
        "n_train": 12,
        "accuracy": 0.5,
        "low": round(low, 6),
        "high": round(high, 6),
        "macro_f1": 0.5,
        "macro_auc": 1.0,
        "top3": 1.0,
        "calibration_error": 0.425,  # two right at 0.9, one wrong at 0.8, one at 0.7
        "scores": [
            {
                **{"genre": "jazz", "n_tracks": 3, "precision": 1.0, "recall": 0.333333},
                **{"f1": 0.5, "roc_auc": 1.0},
            },
            {
                **{"genre": "rock", "n_tracks": 1, "precision": 0.333333, "recall": 1.0},
                **{"f1": 0.5, "roc_auc": 1.0},
            },
            {
                **{"genre": "pop", "n_tracks": 0, "precision": 0.0, "recall": 0.0},
                **{"f1": 0.0, "roc_auc": None},
            },
        ],
        "confusion": [[1, 2, 0], [0, 1, 0], [0, 0, 0]],
    }


@pytest.mark.parametrize("n_tracks", [102, 290, 499])
def test_a_card_shows_the_percent_that_its_report_shows(n_tracks: int) -> None:
    report = evaluate(50, ("jazz", "rock"))[2]
    for n_right in range(n_tracks + 1):
        low, high = accuracy_interval(n_right, n_tracks)
        judged = dataclasses.replace(report, accuracy=n_right / n_tracks, low=low, high=high)
        quoted = summarise_report(judged)
        for name in ("accuracy", "low", "high"):
            assert f"{quoted[name]:.1%}" == f"{getattr(judged, name):.1%}"


def test_a_card_rounds_its_curves() -> None:
    _, _, report = evaluate(700, ("a", "b"))
    for curve in summarise_report(report)["roc_curves"]:
        rates = [*curve["false_positive_rate"], *curve["true_positive_rate"]]
        assert rates == [round(rate, 4) for rate in rates]


def test_a_report_comes_back_from_a_card() -> None:
    _, _, report = evaluate(300, ("blues", "jazz", "rock"), n_present=2)
    report = dataclasses.replace(report, experiment=dataclasses.replace(EXPERIMENT, n_train=12))
    restored = restore_report(card_of(report))
    assert restored is not None
    assert summarise_report(restored) == summarise_report(report)
    experiment = restored.experiment
    assert (experiment.recipe, experiment.dataset, experiment.n_train) == ("made", "songs", 12)
    assert restored.genres == report.genres
    assert math.isnan(restored.scores[2].roc_auc)
    assert (restored.fold_accuracies, restored.calibration, restored.mistakes) == ((), (), ())


@pytest.mark.parametrize("missing", ["accuracy", "split", "n_train", "confusion"])
def test_a_card_may_hold_too_little(missing: str) -> None:
    card = card_of(evaluate(50, ("jazz", "rock"))[2])
    metrics = {name: value for name, value in card.metrics.items() if name != missing}
    assert restore_report(dataclasses.replace(card, metrics=metrics)) is None


def test_an_empty_confusion_is_too_little() -> None:
    card = card_of(evaluate(50, ("jazz", "rock"))[2])
    empty = dataclasses.replace(card, metrics={**card.metrics, "confusion": []})
    assert restore_report(empty) is None
    assert Figures.names(empty) == ()
    assert Figures.names(card) == ("confusion", "roc")


def test_a_confusion_that_counts_nothing_is_too_little() -> None:
    card = card_of(evaluate(50, ("jazz", "rock"))[2])
    nothing = {**card.metrics, "n_tracks": 0, "confusion": [[0, 0], [0, 0]]}
    assert restore_report(dataclasses.replace(card, metrics=nothing)) is None


def test_what_a_card_need_not_state() -> None:
    card = card_of(evaluate(50, ("jazz", "rock"))[2])
    needed = ("accuracy", "low", "high", "n_tracks", "n_train", "split", "split_meaning")
    metrics = {name: card.metrics[name] for name in (*needed, "confusion")}
    restored = restore_report(dataclasses.replace(card, metrics=metrics))
    assert restored is not None
    assert math.isnan(restored.macro_f1)
    assert (restored.scores, restored.roc_curves) == ((), ())
    counts = {g: sum(row) for g, row in zip(card.genres, metrics["confusion"], strict=True)}
    largest = max(counts, key=counts.__getitem__)
    assert restored.to_dict()["baseline"] == {"genre": largest, "accuracy": counts[largest] / 50}
