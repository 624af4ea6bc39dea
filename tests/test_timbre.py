"""Timbre vectors: analytic cases, invariances, and agreement between audio and published table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from generify.audio import load_audio, resample
from generify.errors import ParameterError
from generify.excerpts import Excerpts
from generify.features.rhythm import Rhythm, rhythm_vector
from generify.features.timbre import COLUMNS, FLOOR_DB, Timbre, timbre_vector
from generify.spectrum import mel_spectrogram, power_to_db

SAMPLE_RATE = 22050
FRAME_RATE = SAMPLE_RATE / 512 * 0.3


def named(vector: np.ndarray, prefix: str) -> np.ndarray:
    assert len(vector) == len(COLUMNS)
    return np.array([v for v, c in zip(vector, COLUMNS, strict=True) if c.startswith(prefix)])


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    n_samples = int(seconds * SAMPLE_RATE)
    return np.random.default_rng(seed).normal(0, 0.1, n_samples).astype(np.float32)


def time_axis(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def extract(samples: np.ndarray) -> np.ndarray:
    return Timbre().extract(Excerpts.from_samples(samples.astype(np.float32), SAMPLE_RATE))


def random_mel(n_frames: int, seed: int = 0) -> np.ndarray:
    mel = np.random.default_rng(seed).normal(-30, 8, (128, n_frames))
    return mel.astype(np.float32)


def test_columns_are_unique_and_follow_the_scheme() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS) <= 600
    assert all(c.count(".") >= 2 and c.split(".")[2].isdigit() for c in COLUMNS)
    assert Timbre().columns == COLUMNS
    assert len(timbre_vector([random_mel(40)])) == len(COLUMNS)


def test_rhythm_is_a_part_of_timbre() -> None:
    mels = [random_mel(100, seed) for seed in range(2)]
    whole = dict(zip(COLUMNS, timbre_vector(mels).tolist(), strict=True))
    rhythm = dict(zip(Rhythm().columns, rhythm_vector(mels).tolist(), strict=True))
    assert len(rhythm) == 43
    assert rhythm == {column: whole[column] for column in rhythm}


def test_constant_spectrum_has_no_change() -> None:
    ramp = np.linspace(0, -50, 128, dtype=np.float32)
    vector = timbre_vector([np.tile(ramp[:, None], 100)])
    for prefix in ("mfcc.std", "mfcc.delta", "attack", "onset", "beat", "contrast.std"):
        np.testing.assert_allclose(named(vector, prefix), 0, atol=1e-4, err_msg=prefix)
    # nothing pulsates: the logarithm of the 0.1 dB that guards it
    np.testing.assert_allclose(named(vector, "modulation"), np.log(0.1), atol=1e-3)
    # of 15 neighbouring mels the top three and the lowest three lie 12 steps apart
    np.testing.assert_allclose(named(vector, "contrast.mean"), 12 * 50 / 127, rtol=1e-4)


def test_mfcc_of_a_known_shape() -> None:
    # a cosine over the heard mels of amplitude 10 dB is one coefficient: 10 * sqrt(120 / 2)
    cosine = 10 * np.cos(np.pi * 5 * (np.arange(128) + 0.5) / 120)
    mean = named(timbre_vector([np.tile(cosine[:, None], 20).astype(np.float32)]), "mfcc.mean")
    assert mean[5] == pytest.approx(10 * np.sqrt(60), rel=1e-4)
    np.testing.assert_allclose(np.delete(mean, [0, 5]), 0, atol=1e-3)


def test_alternating_level_has_known_deltas() -> None:
    # all bands jump by 6 dB each frame: the zeroth coefficient by 6 * sqrt(120), no other
    mel = np.full((128, 41), -20, dtype=np.float32)
    mel[:, ::2] += 6
    vector = timbre_vector([mel])
    delta = named(vector, "mfcc.delta_std")
    assert delta[0] == pytest.approx(6 * np.sqrt(120), rel=1e-4)
    np.testing.assert_allclose(delta[1:], 0, atol=1e-4)
    # the onset envelope is 6, 0, 6, 0 …: perfectly anti-correlated at odd lags
    assert named(vector, "onset.mean")[0] == pytest.approx(3, rel=1e-4)
    assert named(vector, "onset.std")[0] == pytest.approx(3, rel=1e-4)
    assert named(vector, "beat.lag1")[0] == pytest.approx(-39 / 40, abs=1e-3)
    assert named(vector, "beat.lag2")[0] == pytest.approx(38 / 40, abs=1e-3)


def test_slow_decays_skew_the_change() -> None:
    # a jump of 40 dB, then nine steps of -40/9, a two-point distribution with p = 1/10: third
    # moment d^3 p (1 - p) (1 - 2p), deviation d sqrt(p (1 - p)) (plus 1 dB), d = 40 + 40/9
    cycle = np.linspace(0, -40, 10)
    mel = np.tile(np.append(np.tile(cycle, 20), 0), (128, 1)).astype(np.float32)
    skew = named(timbre_vector([mel]), "attack.skew")
    step = 40 + 40 / 9
    np.testing.assert_allclose(skew, step**3 * 0.072 / (0.3 * step + 1) ** 3, rtol=1e-3)
    np.testing.assert_allclose(
        named(timbre_vector([mel[:, ::-1]]), "attack.skew"), -skew, rtol=1e-3
    )


@pytest.mark.parametrize(("rate", "band"), [(0.6, 1), (1.0, 2), (2.2, 4), (4.0, 6), (5.5, 7)])
def test_modulated_noise_peaks_at_its_rate(rate: float, band: int) -> None:
    envelope = 1 + 0.8 * np.cos(2 * np.pi * rate * time_axis(20))
    modulation = named(extract(noise(20) * envelope), "modulation.band").reshape(8, 8)
    assert (modulation.argmax(axis=1) == band).all()


@pytest.mark.parametrize(("order", "scale"), [(1, 1), (3, 2), (7, 3), (12, 4), (40, 6), (64, 7)])
def test_ripple_peaks_at_its_scale_and_rate(order: int, scale: int) -> None:
    # a cosine of that cepstral order, standing and pulsating at 3 Hz
    t, k = np.arange(300) / FRAME_RATE, np.arange(128) + 0.5
    ripple = 10 * np.cos(np.pi * order * k / 120)[:, None] * np.cos(2 * np.pi * 3 * t)
    scales = named(timbre_vector([ripple.astype(np.float32)]), "modulation.scale").reshape(8, 8)
    assert np.unravel_index(scales.argmax(), scales.shape) == (scale, 5)  # 2.6–3.5 Hz


def test_clicks_are_percussive_and_tones_are_not() -> None:
    t = time_axis(6)
    tones = sum(np.sin(2 * np.pi * f * t) for f in 110 * np.arange(1, 60)) * 0.01
    clicks = noise(6) * np.exp(-((t % 0.5) * 30))
    ratio_tones, ratio_clicks = (
        named(extract(s + 1e-4 * noise(6, 1)), "percussiveness").mean() for s in (tones, clicks)
    )
    assert ratio_tones < -1 < 0 < ratio_clicks


def test_regular_beat_has_a_higher_peak_than_noise() -> None:
    steady = noise(20) * np.exp(-((time_axis(20) % 0.5) * 20))
    peaks = [named(extract(s), "beat.peak")[0] for s in (steady, noise(20))]
    assert peaks[0] > 0.5 > 0.3 > peaks[1]


def test_level_does_not_count() -> None:
    samples = noise(5) * (1 + np.sin(2 * np.pi * 3 * time_axis(5)))
    np.testing.assert_allclose(extract(2 * samples), extract(samples), atol=2e-3)
    mel = random_mel(60)
    np.testing.assert_allclose(timbre_vector([mel + 17]), timbre_vector([mel]), atol=2e-3)


def test_the_sample_rate_does_not_count() -> None:
    # noise up to 11 kHz at 22.05 kHz, and the same after a detour over 44.1 kHz, whose filters
    # take away what lies above 10 kHz
    samples = noise(5) * (1 + np.sin(2 * np.pi * 3 * time_axis(5)))
    samples = samples.astype(np.float32)
    detour = resample(resample(samples, SAMPLE_RATE, 44100), 44100, SAMPLE_RATE)
    power, detoured = (mel_spectrogram(s, SAMPLE_RATE)[-1].mean() for s in (samples, detour))
    assert detoured < 0.6 * power
    np.testing.assert_allclose(extract(detour), extract(samples), atol=0.02)


def test_order_of_stretches_does_not_count() -> None:
    mels = [random_mel(80, 1), random_mel(130, 2) - 5, random_mel(129, 3)]
    forward, backward = timbre_vector(mels), timbre_vector(mels[::-1])
    np.testing.assert_allclose(backward, forward, rtol=1e-3, atol=1e-3)


def test_deltas_do_not_cross_the_gap_between_stretches() -> None:
    quiet, loud = (np.full((128, 70), level, dtype=np.float32) for level in (-40, 0))
    vector = timbre_vector([quiet, loud])
    for prefix in ("mfcc.delta", "onset", "attack"):
        np.testing.assert_allclose(named(vector, prefix), 0, atol=1e-4)
    np.testing.assert_allclose(named(vector, "modulation"), np.log(0.1), atol=1e-3)
    assert named(vector, "mfcc.std")[0] == pytest.approx(20 * np.sqrt(120), rel=1e-4)


def test_nothing_below_the_floor_counts() -> None:
    mel = random_mel(90)
    mel[0, 0] = 0
    mel[:, 60:] = FLOOR_DB - 1
    deeper = mel.copy()
    deeper[:, 60:] = FLOOR_DB - 50
    np.testing.assert_array_equal(timbre_vector([deeper]), timbre_vector([mel]))


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.sin(2 * np.pi * 440 * time_axis(5)), id="steady tone"),
        pytest.param(np.zeros(5 * SAMPLE_RATE), id="silence"),
        pytest.param(np.full(5 * SAMPLE_RATE, 0.5), id="constant"),
        pytest.param((np.arange(5 * SAMPLE_RATE) % 11025 == 0) * 1.0, id="clicks"),
        pytest.param(np.sign(np.sin(2 * np.pi * 100 * time_axis(5))), id="square wave"),
        pytest.param(noise(1), id="one second"),
        pytest.param(noise(0.05), id="one frame"),
        pytest.param(noise(2) * 1e-6, id="faint"),
    ],
)
def test_always_finite(samples: np.ndarray) -> None:
    vector = extract(samples)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


@pytest.mark.parametrize("n_frames", [1, 2, 3, 13, 63, 64, 65, 387])
def test_any_number_of_frames(n_frames: int) -> None:
    assert np.isfinite(timbre_vector([random_mel(n_frames), random_mel(20) - 70])).all()


@pytest.mark.parametrize("shape", [(96, 40), (128, 0), (128,)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match=r"matrices of shape \(128, n_frames\), got \[\("):
        timbre_vector([np.zeros(shape, dtype=np.float32)])


def test_no_stretch_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"one or more matrices .* got \[\]"):
        timbre_vector([])


@dataclass(frozen=True)
class Comparison:
    """Clips that are there both as samples and in the published mel table."""

    samples: list[np.ndarray]
    frames: list[np.ndarray]
    vectors: np.ndarray
    spread: np.ndarray

    def deviations(self, vectors: list[np.ndarray]) -> np.ndarray:
        """Distance from the table's vectors in deviations of each column over all clips."""
        return np.abs(np.array(vectors) - self.vectors) / self.spread


@pytest.fixture(scope="module")
def comparison(shared_data: Path) -> Comparison:
    with np.load(shared_data / "gtzan" / "mel128.npz") as table:
        tracks = [str(track) for track in table["tracks"]]
        floors, values, frames = (table[k] for k in ("floor_db", "mel_u8", "frame_idx"))
    vectors = np.array(
        [
            timbre_vector([f * (1 - v.astype(np.float32) / 255)])
            for f, v in zip(floors, values, strict=True)
        ]
    )
    paths = sorted((shared_data / "gtzan" / "lossless").rglob("*.*"))
    paths = [path for path in paths if path.stem in tracks]
    rows = [tracks.index(path.stem) for path in paths]
    samples = [load_audio(path, sample_rate=SAMPLE_RATE).samples for path in paths]
    return Comparison(samples, list(frames[rows]), vectors[rows], vectors.std(axis=0))


@pytest.mark.data
def test_audio_gives_the_vector_of_the_table(comparison: Comparison) -> None:
    vectors = []
    for samples, frames in zip(comparison.samples, comparison.frames, strict=True):
        wanted = np.minimum(frames.astype(np.intp), len(samples) // 512)
        power = mel_spectrogram(samples, SAMPLE_RATE, frames=wanted)
        vectors.append(timbre_vector([power_to_db(power)]))
    deviations = comparison.deviations(vectors)
    assert len(deviations) >= 20
    assert np.median(deviations) < 0.015  # measured 0.007; the table holds 8 bits a value
    assert deviations.max() < 0.3  # measured 0.15


@pytest.mark.data
def test_the_choice_of_frames_hardly_matters(comparison: Comparison) -> None:
    deviations = comparison.deviations([extract(samples) for samples in comparison.samples])
    assert np.median(deviations) < 0.1  # measured 0.056
    assert deviations.mean(axis=1).max() < 0.3  # measured 0.20, the worst clip
