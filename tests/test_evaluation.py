"""Metrics against scikit-learn's, intervals against published ones, figures worked out by hand."""

from __future__ import annotations

import dataclasses
import json
import math
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
    top_k_accuracy_score,
)

from generify.calibration import calibration_bins, calibration_error
from generify.errors import Failure, MissingExtraError, ParameterError
from generify.evaluation import (
    EvaluationReport,
    Experiment,
    accuracy_interval,
    evaluate_predictions,
)

EXPERIMENT = Experiment("mfcc + lda", "made", "random", "drawn at random")
GENRES = ("blues", "jazz", "metal", "pop", "rock")


def draw(
    n_tracks: int = 200, n_genres: int = 5, *, seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Labels, and probabilities that know a little about them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_genres, size=n_tracks)
    scores = rng.normal(size=(n_tracks, n_genres))
    scores[np.arange(n_tracks), y] += 1
    probabilities = np.exp(scores)
    return y.astype(np.intp), probabilities / probabilities.sum(axis=1, keepdims=True)


def evaluate(
    y: NDArray[np.intp], probabilities: NDArray[np.float64], genres: tuple[str, ...] = GENRES
) -> EvaluationReport:
    tracks = tuple(f"track{i}" for i in range(len(y)))
    return evaluate_predictions(y, probabilities, genres, tracks=tracks, experiment=EXPERIMENT)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    y, probabilities = draw(seed=seed)
    report = evaluate(y, probabilities)
    called = probabilities.argmax(axis=1)
    expected = precision_recall_fscore_support(y, called, labels=range(5))
    ours = [(s.precision, s.recall, s.f1, s.n_tracks) for s in report.scores]
    np.testing.assert_allclose(np.array(ours).T, expected)
    assert [score.genre for score in report.scores] == list(GENRES)
    assert report.accuracy == pytest.approx(accuracy_score(y, called))
    assert report.macro_f1 == pytest.approx(f1_score(y, called, average="macro"))
    assert report.top3 == pytest.approx(top_k_accuracy_score(y, probabilities, k=3))
    np.testing.assert_array_equal(report.confusion, confusion_matrix(y, called))


@pytest.mark.parametrize("seed", range(3))
def test_areas_are_those_of_scikit_learn(seed: int) -> None:
    y, probabilities = draw(seed=seed)
    report = evaluate(y, probabilities)
    assert report.macro_auc == pytest.approx(roc_auc_score(y, probabilities, multi_class="ovr"))
    for i, (score, curve) in enumerate(zip(report.scores, report.roc_curves, strict=True)):
        expected = roc_auc_score(y == i, probabilities[:, i])
        assert score.roc_auc == pytest.approx(expected)
        assert curve.auc == pytest.approx(expected)
        false_rate, true_rate, _ = roc_curve(y == i, probabilities[:, i])
        np.testing.assert_allclose(curve.false_positive_rate, false_rate)
        np.testing.assert_allclose(curve.true_positive_rate, true_rate)


def test_rows_of_the_confusion_are_true_genres() -> None:
    y = np.array([0, 0, 0, 1], dtype=np.intp)
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])
    report = evaluate(y, probabilities, ("jazz", "rock"))
    assert report.confusion == ((1, 2), (0, 1))
    jazz, rock = report.scores
    assert (jazz.recall, jazz.precision) == (pytest.approx(1 / 3), 1.0)
    assert (rock.recall, rock.precision) == (1.0, pytest.approx(1 / 3))


def test_long_curves_are_thinned_without_moving_the_area() -> None:
    y, probabilities = draw(5000, 2, seed=1)
    report = evaluate(y, probabilities, ("a", "b"))
    curve = report.roc_curves[0]
    assert len(curve.false_positive_rate) <= 400
    assert (curve.false_positive_rate[0], curve.true_positive_rate[0]) == (0, 0)
    assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == (1, 1)
    assert curve.auc == pytest.approx(roc_auc_score(y == 0, probabilities[:, 0]))
    drawn = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert drawn == pytest.approx(curve.auc, abs=0.005)


def test_a_genre_without_tracks_counts_for_nothing() -> None:
    y, probabilities = draw()
    kept = y != 2
    report = evaluate(y[kept], probabilities[kept])
    absent = report.scores[2]
    assert (absent.n_tracks, absent.recall, absent.f1) == (0, 0.0, 0.0)
    assert math.isnan(absent.roc_auc)
    assert [curve.genre for curve in report.roc_curves] == ["blues", "jazz", "pop", "rock"]
    called = probabilities[kept].argmax(axis=1)
    expected = f1_score(y[kept], called, labels=[0, 1, 3, 4], average="macro")
    assert report.macro_f1 == pytest.approx(expected)
    assert np.array(report.confusion).sum() == kept.sum()


def test_tracks_of_one_genre_only() -> None:
    y, probabilities = draw()
    report = evaluate(y[y == 1], probabilities[y == 1])
    assert report.roc_curves == ()
    assert math.isnan(report.macro_auc)
    json.dumps(report.to_dict(), allow_nan=False)


# R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven
# methods", Statistics in Medicine 17(8), 1998, table I, method 3 (Wilson's score method)
@pytest.mark.parametrize(
    ("n_right", "n_tracks", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_the_published_ones(
    n_right: int, n_tracks: int, low: float, high: float
) -> None:
    assert accuracy_interval(n_right, n_tracks) == pytest.approx((low, high), abs=5e-5)
    mirrored = accuracy_interval(n_tracks - n_right, n_tracks)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5e-5)


@pytest.mark.parametrize("share", [0.5, 0.85, 0.95])
def test_intervals_hold_the_truth_in_95_of_100_cases(share: float) -> None:
    n = 290
    cover = 0.0
    for k in range(n + 1):
        log_chance = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        log_chance += k * math.log(share) + (n - k) * math.log(1 - share)
        low, high = accuracy_interval(k, n)
        cover += math.exp(log_chance) * (low <= share <= high)
    assert cover == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("n_right", "n_tracks"), [(0, 0), (-1, 10), (11, 10)])
def test_impossible_counts(n_right: int, n_tracks: int) -> None:
    with pytest.raises(ParameterError, match=f"expected .*, got {n_right} of {n_tracks}"):
        accuracy_interval(n_right, n_tracks)


def test_the_report_quotes_the_interval() -> None:
    y, probabilities = draw()
    report = evaluate(y, probabilities)
    n_right = round(report.accuracy * len(y))
    assert (report.low, report.high) == accuracy_interval(n_right, len(y))


def test_mistakes_come_surest_first() -> None:
    y = np.array([0, 1, 2, 0], dtype=np.intp)
    probabilities = np.array([[0.1, 0.5, 0.4], [0.2, 0.7, 0.1], [0.8, 0.15, 0.05], [0.3, 0.3, 0.4]])
    report = evaluate(y, probabilities, ("a", "b", "c"))
    assert [m.track for m in report.mistakes] == ["track2", "track0", "track3"]
    first = report.mistakes[0]
    assert (first.genre, first.predicted) == ("c", "a")
    assert (first.probability, first.probability_of_genre) == (0.8, 0.05)


def test_a_report_becomes_json() -> None:
    y, probabilities = draw()
    experiment = dataclasses.replace(
        EXPERIMENT, n_train=12, warnings=("odd",), failures=(Failure("a.mp3", "E", "why"),)
    )
    report = evaluate_predictions(
        y[y != 2],
        probabilities[y != 2],
        GENRES,
        tracks=tuple(f"t{i}" for i in np.flatnonzero(y != 2)),
        experiment=experiment,
        fold_accuracies=(0.5, 0.25),
    )
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    names = {field.name for field in dataclasses.fields(EvaluationReport)}
    assert set(plain) == names | {"baseline"}
    assert plain["experiment"] == {
        "recipe": "mfcc + lda",
        "dataset": "made",
        "split": "random",
        "split_meaning": "drawn at random",
        "n_train": 12,
        "flatters": False,
        "warnings": ["odd"],
        "failures": [{"path": "a.mp3", "error_type": "E", "message": "why"}],
    }
    assert plain["fold_accuracies"] == [0.5, 0.25]
    assert plain["scores"][2]["roc_auc"] is None
    assert plain["calibration"][0]["accuracy"] is None
    assert plain["confusion"] == [list(row) for row in report.confusion]


@pytest.mark.parametrize(
    ("n_labels", "shape", "n_names"),
    [(4, (4, 2), 4), (4, (3, 3), 4), (4, (4, 3), 3), (0, (0, 3), 0)],
)
def test_shapes_that_do_not_fit(n_labels: int, shape: tuple[int, int], n_names: int) -> None:
    with pytest.raises(ParameterError, match=r"expected probabilities of shape \(\d, 3\)"):
        evaluate_predictions(
            np.zeros(n_labels, dtype=np.intp),
            np.full(shape, 0.3),
            ("a", "b", "c"),
            tracks=("x",) * n_names,
            experiment=EXPERIMENT,
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_probabilities_that_are_no_numbers(bad: float) -> None:
    y, probabilities = draw()
    probabilities[3, 1] = bad
    with pytest.raises(ParameterError, match="probabilities hold NaN or infinity"):
        evaluate(y, probabilities)


def test_the_interval_of_one_answer() -> None:
    # Wilson's interval of 1 of 1 is 1 / (1 + z²) to 1, with z² = 3.8415 (chi square, 95 %)
    assert accuracy_interval(1, 1) == (pytest.approx(1 / 4.8415, abs=1e-5), 1.0)


def test_intervals_stay_between_0_and_1() -> None:
    ends = [accuracy_interval(right, n) for n in range(1, 400) for right in (0, n)]
    assert all(low >= 0 and high <= 1 for low, high in ends)


def test_counts_are_whole_numbers() -> None:
    report = evaluate(*draw(20))
    assert {type(count) for row in report.confusion for count in row} == {int}
    assert type(report.n_tracks) is type(report.scores[0].n_tracks) is int


def test_equally_sure_mistakes_keep_the_order_of_the_tracks() -> None:
    sure = np.tile([0.6, 0.9], 60)
    y = np.ones(len(sure), dtype=np.intp)
    report = evaluate(y, np.stack([sure, 1 - sure], axis=1), ("a", "b"))
    in_order = [f"track{i}" for i in [*range(1, 120, 2), *range(0, 120, 2)]]
    assert [mistake.track for mistake in report.mistakes] == in_order


def test_equally_probable_genres_count_in_their_order() -> None:
    n_genres = 40  # more than a short sort keeps in order by itself
    row = np.tile([0.01, 0.04], n_genres // 2)
    genres = tuple(f"g{i}" for i in range(n_genres))
    report = evaluate(np.arange(n_genres, dtype=np.intp), np.tile(row, (n_genres, 1)), genres)
    assert report.top3 == pytest.approx(3 / n_genres)
    for i, genre_is_among in enumerate([False, True, False, True, False, True, False, False]):
        one = evaluate(np.array([i], dtype=np.intp), row[np.newaxis], genres)
        assert one.top3 == genre_is_among


def test_a_broken_model_is_told_in_a_whole_sentence() -> None:
    y, probabilities = draw()
    probabilities[3, 1] = np.nan
    with pytest.raises(ParameterError) as caught:
        evaluate(y, probabilities)
    assert str(caught.value) == "probabilities hold NaN or infinity; the model is broken"


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    y, probabilities = draw()
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(MissingExtraError, match="this needs scikit-learn") as caught:
        evaluate(y, probabilities)
    assert caught.value.hint == "pip install 'generify[train]'"


def test_a_report_keeps_what_it_was_made_of() -> None:
    y, probabilities = draw(30)
    tracks = tuple(f"t{i}" for i in range(30))
    report = evaluate_predictions(
        *(y, probabilities, GENRES), tracks=tracks, experiment=EXPERIMENT, fold_accuracies=(0.5,)
    )
    assert (report.experiment, report.genres) == (EXPERIMENT, GENRES)
    assert (report.n_tracks, report.fold_accuracies) == (30, (0.5,))
    assert evaluate(y, probabilities).fold_accuracies == ()
    bins = calibration_bins(y, probabilities)
    assert [b.n_tracks for b in report.calibration] == [b.n_tracks for b in bins]
    assert report.calibration_error == calibration_error(bins)


@pytest.mark.parametrize(("n_right", "beaten"), [(22, False), (23, True)])
def test_what_always_answering_one_genre_is_worth(n_right: int, beaten: bool) -> None:
    y = np.array([0] * 22 + [1] * 3)
    right = np.arange(25) < n_right
    named = np.where(right, y, 1 - y)
    report = evaluate(y, np.eye(2)[named] * 0.8 + 0.1, ("mix", "other"))
    assert report.baseline.model_is_better == beaten
    assert (report.baseline.genre, report.baseline.accuracy) == ("mix", 0.88)
    assert report.baseline.above_chance
    assert report.to_dict()["baseline"] == {"genre": "mix", "accuracy": 0.88}
    warned = [w for w in report.experiment.warnings if "would be right 88 % of the time" in w]
    assert len(warned) == (not beaten)


def test_the_baseline_of_equal_genres_tells_nothing() -> None:
    y = np.arange(20) % 2
    report = evaluate(y, np.eye(2)[y], ("a", "b"))
    assert not report.baseline.above_chance
    assert not report.has_more_than_three_genres
