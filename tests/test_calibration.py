"""The temperature that makes confidence mean what it says, and the bins that show if it does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from generify.calibration import (
    apply_temperature,
    calibration_bins,
    calibration_error,
    fit_temperature,
)


def test_temperature_by_hand() -> None:
    # odds of 4 to 1 become their square root at temperature 2, their square at 0.5
    given = np.array([[0.8, 0.2]])
    np.testing.assert_allclose(apply_temperature(given, 1), given)
    np.testing.assert_allclose(apply_temperature(given, 2), [[2 / 3, 1 / 3]])
    np.testing.assert_allclose(apply_temperature(given, 0.5), [[16 / 17, 1 / 17]])


@pytest.mark.parametrize("exaggeration", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_an_exaggeration(exaggeration: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=1.5, size=(20_000, 4))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (rng.uniform(size=(len(true), 1)) > true.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    told = apply_temperature(true, 1 / exaggeration)
    assert fit_temperature(y, told) == pytest.approx(exaggeration, rel=0.05)


def test_probabilities_of_zero_do_no_harm() -> None:
    y = np.array([0, 1, 0, 1])
    told = np.array([[1.0, 0.0]] * 4)  # half of the time sure and wrong
    temperature = fit_temperature(y, told)
    assert np.isfinite(temperature)
    assert apply_temperature(told, temperature)[0, 0] < 0.7


@pytest.mark.parametrize("n_tracks", [8, 200])
def test_few_tracks_named_rightly_do_not_make_certain(n_tracks: int) -> None:
    """Laplace's rule of succession: of n tracks all right, one in n + 2 is expected wrong."""
    y = np.zeros(n_tracks, dtype=np.intp)
    told = np.tile([0.999999, 0.000001], (n_tracks, 1))
    tempered = apply_temperature(told, fit_temperature(y, told))
    np.testing.assert_allclose(tempered[:, 1], 1 / (n_tracks + 2), rtol=1e-3)


def test_calibration_by_hand() -> None:
    # two answers at 0.95, one right: gap 0.45; two at 0.65, both right: gap 0.35
    y = np.array([0, 1, 0, 1], dtype=np.intp)
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.35, 0.65]])
    bins = calibration_bins(y, probabilities)
    assert [b.n_tracks for b in bins] == [0, 0, 0, 0, 0, 0, 2, 0, 0, 2]
    assert (bins[9].confidence, bins[9].accuracy) == pytest.approx((0.95, 0.5))
    assert (bins[6].confidence, bins[6].accuracy) == pytest.approx((0.65, 1.0))
    assert math.isnan(bins[0].confidence)
    assert [(b.low, b.high) for b in bins] == [
        pytest.approx((i / 10, (i + 1) / 10)) for i in range(10)
    ]
    assert calibration_error(bins) == pytest.approx((2 * 0.45 + 2 * 0.35) / 4)


def test_certain_answers_fall_into_the_last_bin() -> None:
    y = np.zeros(3, dtype=np.intp)
    bins = calibration_bins(y, np.array([[1.0, 0.0]] * 3))
    assert bins[9].n_tracks == 3
    assert calibration_error(bins) == 0


def test_a_calibrated_forecaster_has_no_error() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, size=100_000)
    y = (rng.uniform(size=len(sure)) > sure).astype(np.intp)
    bins = calibration_bins(y, np.stack([sure, 1 - sure], axis=1))
    assert calibration_error(bins) < 0.01
    overconfident = calibration_bins(y, np.stack([(1 + sure) / 2, (1 - sure) / 2], axis=1))
    assert calibration_error(overconfident) == pytest.approx(0.125, abs=0.01)
