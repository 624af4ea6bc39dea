from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from generify.errors import ParameterError
from generify.spectrum import (
    band_spectrogram,
    dct_basis,
    hz_to_mel,
    mel_filterbank,
    mel_spectrogram,
    mel_to_hz,
    mfcc,
    power_spectrogram,
    power_to_db,
)

RATE = 22050


def _signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    t = np.arange(3 * RATE) / RATE
    return {
        "sine": (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32),
        "noise": rng.normal(0, 0.1, 2 * RATE + 17).astype(np.float32),
        "sweep": np.sin(2 * np.pi * (100 * t + 900 * t**2)).astype(np.float32),
        "short": rng.normal(0, 0.1, 2100).astype(np.float32),
    }


SIGNALS = _signals()


def _relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize(("n_fft", "hop_length"), [(2048, 512), (512, 256), (1024, 300)])
def test_power_spectrogram_equals_librosa(name: str, n_fft: int, hop_length: int) -> None:
    samples = SIGNALS[name]
    ours = power_spectrogram(samples, n_fft=n_fft, hop_length=hop_length)
    theirs = np.abs(librosa.stft(samples, n_fft=n_fft, hop_length=hop_length)) ** 2
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    assert _relative_error(ours, theirs) < 1e-5


@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels", "fmin", "fmax"),
    [(22050, 2048, 128, 0.0, None), (16000, 512, 96, 0.0, None), (44100, 2048, 40, 60.0, 9000.0)],
)
def test_mel_filterbank_equals_librosa(
    rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None
) -> None:
    ours = mel_filterbank(rate, n_fft, n_mels, fmin=fmin, fmax=fmax)
    theirs = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    np.testing.assert_allclose(ours, theirs, atol=1e-7)


@pytest.mark.parametrize("name", ["sine", "noise", "sweep"])
def test_mel_spectrogram_equals_librosa(name: str) -> None:
    ours = mel_spectrogram(SIGNALS[name], RATE)
    theirs = librosa.feature.melspectrogram(y=SIGNALS[name], sr=RATE)
    assert _relative_error(ours, theirs) < 1e-4


@pytest.mark.parametrize("name", ["sine", "noise", "sweep"])
def test_mfcc_equals_librosa(name: str) -> None:
    ours = mfcc(SIGNALS[name], RATE, n_mfcc=13)
    theirs = librosa.feature.mfcc(y=SIGNALS[name], sr=RATE, n_mfcc=13)
    assert _relative_error(ours, theirs) < 1e-3


@pytest.mark.data
@pytest.mark.parametrize("clip", ["blues/blues.00000.wav", "metal/metal.00005.au"])
def test_log_mel_and_mfcc_equal_librosa_on_real_clips(shared_data: Path, clip: str) -> None:
    samples, rate = soundfile.read(shared_data / "gtzan" / "lossless" / clip, dtype="float32")
    ours_db = power_to_db(mel_spectrogram(samples, rate))
    theirs_db = librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=rate))
    assert np.abs(ours_db - theirs_db).max() < 0.05  # dB, at the weakest of 165,000 bins
    assert np.abs(ours_db - theirs_db).mean() < 1e-4
    theirs = librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=13)
    assert _relative_error(mfcc(samples, rate, n_mfcc=13), theirs) < 1e-3


def test_a_sine_sits_in_its_bin() -> None:
    power = power_spectrogram(SIGNALS["sine"])
    bin_hz = RATE / 2048
    assert np.all(np.abs(power[:, 5:-5].argmax(axis=0) * bin_hz - 440) < bin_hz)


def test_chosen_frames_are_the_same_as_all_frames() -> None:
    every = power_spectrogram(SIGNALS["noise"])
    chosen = np.array([0, 3, 70, every.shape[1] - 1])
    some = power_spectrogram(SIGNALS["noise"], frames=chosen)
    np.testing.assert_array_equal(some, every[:, chosen])


@pytest.mark.parametrize("frames", [np.arange(2, 87, 4), np.array([86, 0, 40]), np.array([1])])
def test_frames_in_any_order_and_spacing(frames: np.ndarray) -> None:
    every = power_spectrogram(SIGNALS["noise"])
    some = power_spectrogram(SIGNALS["noise"], frames=frames)
    np.testing.assert_array_equal(some, every[:, frames])


def test_samples_of_other_kinds_are_taken() -> None:
    twice = np.repeat(SIGNALS["noise"], 2).astype(np.float64)
    np.testing.assert_array_equal(
        power_spectrogram(twice[::2]), power_spectrogram(SIGNALS["noise"])
    )


def test_a_signal_shorter_than_a_frame() -> None:
    samples = SIGNALS["noise"][:100]
    padded = np.pad(samples, (1024, 924)) * np.hanning(2049)[:-1]
    power = power_spectrogram(samples)
    assert power.shape == (1025, 1)
    np.testing.assert_allclose(power[:, 0], np.abs(np.fft.rfft(padded)) ** 2, atol=1e-5)


@pytest.mark.parametrize("hop_length", [256, 100])
def test_bands_of_any_shape(hop_length: int) -> None:
    weights = np.random.default_rng(0).random((37, 257), dtype=np.float32)
    weights[:16] = 0  # a whole group without a bin
    weights[20, 100:] = 0
    power = power_spectrogram(SIGNALS["noise"], n_fft=512, hop_length=hop_length)
    bands = band_spectrogram(SIGNALS["noise"], weights, hop_length=hop_length)
    np.testing.assert_allclose(bands, weights @ power, rtol=1e-5)


def test_mel_scale_round_trip() -> None:
    hz = np.array([0.0, 60.0, 999.0, 1000.0, 1001.0, 11025.0])
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, atol=1e-9)
    np.testing.assert_allclose(hz_to_mel(hz), librosa.hz_to_mel(hz), atol=1e-9)


def test_dct_basis_is_orthonormal() -> None:
    basis = dct_basis(30, 128)
    np.testing.assert_allclose(basis @ basis.T, np.eye(30), atol=1e-6)


def test_power_to_db() -> None:
    power = np.array([1.0, 0.1, 1e-12], dtype=np.float32)
    np.testing.assert_allclose(power_to_db(power), [0, -10, -80], atol=1e-4)
    np.testing.assert_allclose(power_to_db(power, top_db=None), [0, -10, -100], atol=1e-4)
    np.testing.assert_allclose(power_to_db(power, ref=0.1), [10, 0, -70], atol=1e-4)


def test_stereo_is_refused_with_a_cure() -> None:
    with pytest.raises(
        ParameterError, match=r"must be mono, shape \(n_samples,\), got shape \(2, 100\)"
    ):
        power_spectrogram(np.zeros((2, 100), dtype=np.float32))


@pytest.mark.parametrize(("fmin", "fmax"), [(-1.0, None), (5000.0, 4000.0), (0.0, 12000.0)])
def test_band_edges_out_of_range(fmin: float, fmax: float | None) -> None:
    with pytest.raises(ParameterError, match=r"0 <= fmin < fmax <= 11025 Hz"):
        mel_filterbank(22050, 2048, 40, fmin=fmin, fmax=fmax)


def test_too_many_coefficients() -> None:
    with pytest.raises(ParameterError, match="between 1 and n_mels = 40, got 41"):
        dct_basis(41, 40)
