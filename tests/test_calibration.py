"""The temperature that makes confidence mean what it says; bins are in ``test_evaluation.py``."""

from __future__ import annotations

import numpy as np
import pytest

from generify.calibration import apply_temperature, fit_temperature


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
