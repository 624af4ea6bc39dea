from __future__ import annotations

import numpy as np
import pytest

from generify.mel_grid import GRID_SAMPLE_RATE, grid_frames, log_mel_grid

RATE = GRID_SAMPLE_RATE
TIME = np.arange(3 * RATE) / RATE
SIGNALS = {
    "sine": (0.5 * np.sin(2 * np.pi * 440 * TIME)).astype(np.float32),
    "sweep": np.sin(2 * np.pi * (100 * TIME + 900 * TIME**2)).astype(np.float32),
}


def test_grid_is_even_and_inside() -> None:
    n_samples = 30 * GRID_SAMPLE_RATE
    frames = grid_frames(n_samples)
    assert len(frames) / 30 == pytest.approx(12.91, abs=0.05)
    assert set(np.diff(frames)) == {3, 4}
    assert frames[-1] <= n_samples // 512
    assert len(grid_frames(10)) == 1


def test_log_mel_grid_ignores_level() -> None:
    loud = log_mel_grid([SIGNALS["sweep"]]).mels[0]
    quiet = log_mel_grid([SIGNALS["sweep"] * np.float32(1e-3)]).mels[0]
    np.testing.assert_allclose(loud, quiet, atol=0.01)
    assert loud.max() == 0
    assert loud.min() >= -80


def test_log_mel_grid_keeps_the_levels_of_stretches_apart() -> None:
    quiet = SIGNALS["sine"] * np.float32(0.01)
    first, second = log_mel_grid([SIGNALS["sine"], quiet]).mels
    assert first.max() == 0
    assert second.max() == pytest.approx(-40, abs=0.01)


def test_log_mel_grid_tells_how_loud_the_loudest_is() -> None:
    loud = log_mel_grid([SIGNALS["sine"]]).loudest_db
    quiet = log_mel_grid([SIGNALS["sine"] * np.float32(0.1)]).loudest_db
    assert loud - quiet == pytest.approx(20, abs=1e-3)


def test_grid_of_silence_is_finite() -> None:
    assert np.isfinite(log_mel_grid([np.zeros(RATE, dtype=np.float32)]).mels[0]).all()
