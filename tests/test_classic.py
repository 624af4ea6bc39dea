"""The classic features against librosa, against analytic answers and against a published row."""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path

import librosa
import numpy as np
import pytest

from generify.audio import load_audio
from generify.errors import ParameterError
from generify.excerpts import ExcerptPlan, Excerpts, load_excerpts
from generify.features.classic import (
    COLUMNS,
    LIBROSA_COLUMNS,
    SAMPLE_RATE,
    Classic,
    classic_vector,
    without_highest_band,
)
from generify.spectral_features import (
    SpectralPeaks,
    chroma,
    chroma_filterbank,
    estimate_tuning,
    rms,
    spectral_centroid,
    spectral_peaks,
    spectral_rolloff,
    zero_crossing_rate,
)
from generify.spectrum import power_spectrogram


def sine(frequency: float, seconds: float = 2.0, amplitude: float = 0.5) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (amplitude * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def melody(seconds: float, *, cents: float = 0.0, seed: int = 0) -> np.ndarray:
    """Overlapping plucked notes with overtones, mistuned by some cents, over a breath of noise."""
    rng = np.random.default_rng(seed)
    samples = 1e-3 * rng.normal(size=round(seconds * SAMPLE_RATE))
    for start in np.arange(0, seconds - 0.5, 0.21):
        first = round(start * SAMPLE_RATE)
        t = np.arange(min(len(samples) - first, SAMPLE_RATE)) / SAMPLE_RATE
        pitch = 110 * 2 ** ((rng.integers(0, 30) + cents / 100) / 12)
        for overtone in range(1, 8):
            samples[first : first + len(t)] += (
                0.1 / overtone * np.exp(-3 * t) * np.sin(2 * np.pi * overtone * pitch * t)
            )
    return samples.astype(np.float32)


def gated_noise(seconds: float) -> np.ndarray:
    """Noise with digital silence between the bursts."""
    rng = np.random.default_rng(1)
    noise = 0.2 * rng.normal(size=round(seconds * SAMPLE_RATE))
    noise[np.arange(len(noise)) % SAMPLE_RATE < SAMPLE_RATE // 3] = 0
    return noise.astype(np.float32)


SOUNDS = {
    "melody": melody(6),
    "a quarter-tone sharp": melody(6, cents=45, seed=2),
    "gated noise": gated_noise(5),
    "quiet": 1e-3 * melody(3, seed=3),
    "half a second": melody(0.6, seed=4)[: SAMPLE_RATE // 2],
    "more than a block": melody(50, cents=-20, seed=5),
}
sounds = pytest.mark.parametrize("samples", SOUNDS.values(), ids=SOUNDS.keys())


def librosa_row(samples: np.ndarray) -> np.ndarray:
    """What librosa's defaults give, in our order, by the names of the published table."""
    features = {
        "spec_centroid": librosa.feature.spectral_centroid(y=samples, sr=SAMPLE_RATE),
        "spec_rolloff": librosa.feature.spectral_rolloff(y=samples, sr=SAMPLE_RATE),
        "zcr": librosa.feature.zero_crossing_rate(samples),
        "rms": librosa.feature.rms(y=samples),
    }
    mfcc = librosa.feature.mfcc(y=samples, sr=SAMPLE_RATE, n_mfcc=20)
    pitches = librosa.feature.chroma_stft(y=samples, sr=SAMPLE_RATE)
    features |= {f"mfcc{i + 1}": row for i, row in enumerate(mfcc)}
    features |= {f"chroma{i + 1}": row for i, row in enumerate(pitches)}
    row = {f"{name}_mean": float(np.mean(values)) for name, values in features.items()}
    row |= {f"{name}_std": float(np.std(values)) for name, values in features.items()}
    return without_highest_band(np.array([row[LIBROSA_COLUMNS[column]] for column in COLUMNS]))


def extract(*stretches: np.ndarray) -> np.ndarray:
    """Extract from stretches that are in memory."""
    parts = tuple(Excerpts.from_samples(s, SAMPLE_RATE).stretches[0] for s in stretches)
    return Classic().extract(Excerpts(parts, duration=sum(p.duration for p in parts)))


def of(vector: np.ndarray, column: str) -> float:
    return float(vector[COLUMNS.index(column)])


def test_columns_have_the_names_of_the_table() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 58
    assert all(c.count(".") == 2 and c.rsplit(".")[-1].isdigit() for c in COLUMNS)
    assert Classic().columns == COLUMNS
    assert len(set(LIBROSA_COLUMNS.values())) == 58
    assert LIBROSA_COLUMNS["mfcc.mean.00"] == "mfcc1_mean"
    assert LIBROSA_COLUMNS["mfcc.mean.19"] == "mfcc20_mean"
    assert LIBROSA_COLUMNS["mfcc.std.09"] == "mfcc10_std"
    assert LIBROSA_COLUMNS["chroma.std.11"] == "chroma12_std"
    assert LIBROSA_COLUMNS["centroid.mean.00"] == "spec_centroid_mean"
    assert LIBROSA_COLUMNS["zero_crossing_rate.mean.00"] == "zcr_mean"


@sounds
def test_vector_equals_librosa(samples: np.ndarray) -> None:
    np.testing.assert_allclose(extract(samples), librosa_row(samples), rtol=1e-3, atol=2e-5)


def test_the_level_of_the_highest_band_does_not_count() -> None:
    # in MFCC computed by the definition, of spectra that differ in one of 128 mel bands
    mel = np.random.default_rng(12).normal(-30, 8, 128)
    k, n = np.arange(20)[:, np.newaxis], np.arange(128)
    basis = np.cos(np.pi * k * (n + 0.5) / 128) * np.where(k == 0, 1, math.sqrt(2)) / math.sqrt(128)
    first = COLUMNS.index("mfcc.mean.00") + 1
    basis = basis[1:]
    rows = np.random.default_rng(13).normal(size=(3, len(COLUMNS)))
    for row, band in zip(rows[1:], (127, 100), strict=True):
        row[:] = rows[0]
        row[first : first + 19] = basis @ (mel - 19.0 * (n == band))
    rows[0, first : first + 19] = basis @ mel
    given = rows.copy()
    as_it_was, top_lost, other_lost = without_highest_band(rows)
    np.testing.assert_array_equal(rows, given)
    np.testing.assert_allclose(top_lost, as_it_was, rtol=1e-5, atol=1e-5)
    assert np.abs(other_lost - as_it_was).max() > 1
    others = np.r_[:first, first + 19 : len(COLUMNS)]
    np.testing.assert_allclose(as_it_was[others], rows[0, others], rtol=1e-6)


@sounds
def test_frames_equal_librosa(samples: np.ndarray) -> None:
    power = power_spectrogram(samples)
    y, sr = samples, SAMPLE_RATE
    pairs = {
        "centroid": (spectral_centroid(power, sr), librosa.feature.spectral_centroid(y=y, sr=sr)),
        "rms": (rms(samples), librosa.feature.rms(y=y)),
        "zcr": (zero_crossing_rate(samples), librosa.feature.zero_crossing_rate(y)),
    }
    for name, (ours, theirs) in pairs.items():
        np.testing.assert_allclose(ours, theirs[0], rtol=1e-4, atol=1e-6, err_msg=name)
    rolloff = librosa.feature.spectral_rolloff(y=y, sr=sr)[0]
    # where two bins tie, rounding decides
    assert np.mean(np.abs(spectral_rolloff(power, sr) - rolloff) > 1) <= 0.002


@sounds
def test_tuning_and_chroma_equal_librosa(samples: np.ndarray) -> None:
    power = power_spectrogram(samples)
    tuning = estimate_tuning(spectral_peaks(power, SAMPLE_RATE))
    expected = librosa.estimate_tuning(S=power, sr=SAMPLE_RATE)
    assert tuning == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(
        chroma(power, SAMPLE_RATE, tuning=tuning),
        librosa.feature.chroma_stft(S=power, sr=SAMPLE_RATE, tuning=expected),
        atol=1e-4,
    )


@pytest.mark.parametrize("tuning", [-0.5, -0.13, 0.0, 0.49])
@pytest.mark.parametrize(("sample_rate", "n_fft"), [(22050, 2048), (16000, 512)])
def test_chroma_filterbank_equals_librosa(tuning: float, sample_rate: int, n_fft: int) -> None:
    expected = librosa.filters.chroma(sr=sample_rate, n_fft=n_fft, tuning=tuning)
    ours = chroma_filterbank(sample_rate, n_fft, tuning=tuning)
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_a_sine_has_its_own_numbers() -> None:
    vector = extract(sine(440, seconds=10))
    assert of(vector, "centroid.mean.00") == pytest.approx(440, rel=0.1)
    assert of(vector, "zero_crossing_rate.mean.00") == pytest.approx(880 / SAMPLE_RATE, rel=0.01)
    assert of(vector, "rms.mean.00") == pytest.approx(0.5 / math.sqrt(2), rel=0.01)
    pitches = [of(vector, f"chroma.mean.{i:02d}") for i in range(12)]
    assert pitches[9] == pytest.approx(1, abs=1e-3)  # A is the tenth from C
    assert max(pitches[:8] + pitches[11:]) < 0.2


@pytest.mark.parametrize("cents", [-40, -7, 0, 20, 45])
def test_tuning_of_mistuned_notes(cents: int) -> None:
    # eight seconds of pure tones, each a whole number of semitones from A but for the mistuning
    notes = [440 * 2 ** ((step + cents / 100) / 12) for step in (-12, -9, -5, 0, 3, 7, 12, 16)]
    power = power_spectrogram(np.concatenate([sine(note, 1) for note in notes]))
    found = estimate_tuning(spectral_peaks(power, SAMPLE_RATE))
    assert found == pytest.approx(cents / 100, abs=0.03)


def test_peaks_lie_between_the_bins() -> None:
    # three values on a parabola with its top at bin 100.25 and a height of 5
    power = np.zeros((1025, 1), dtype=np.float32)
    power[99:102, 0] = 5 - (np.array([99, 100, 101]) - 100.25) ** 2
    peaks = spectral_peaks(power, 2048 * 10)
    assert peaks.frequencies.tolist() == pytest.approx([1002.5], rel=1e-6)
    assert peaks.strengths.tolist() == pytest.approx([5], rel=1e-5)


def test_without_peaks_the_tuning_is_zero() -> None:
    nothing = np.zeros(0, dtype=np.float32)
    assert estimate_tuning(SpectralPeaks(nothing, nothing)) == 0
    assert len(spectral_peaks(np.zeros((1025, 4), dtype=np.float32), SAMPLE_RATE).frequencies) == 0


def test_statistics_are_over_the_frames_of_all_stretches() -> None:
    loud, soft = melody(4, seed=6), 0.3 * melody(3, seed=7)
    both = extract(loud, soft)
    n_loud, n_soft = (1 + len(s) // 512 for s in (loud, soft))
    for column in ("centroid.mean.00", "rolloff.mean.00", "rms.mean.00"):
        apart = (n_loud * of(extract(loud), column) + n_soft * of(extract(soft), column)) / (
            n_loud + n_soft
        )
        assert of(both, column) == pytest.approx(apart, rel=1e-5)
    np.testing.assert_allclose(extract(soft, loud), both, rtol=1e-4, atol=1e-4)


def test_the_floor_is_common_to_all_stretches() -> None:
    # alone, the faint stretch is floored 80 dB below itself; beside a loud one it lies on the floor
    loud, faint = melody(3, seed=8), 1e-6 * melody(3, seed=9)
    assert of(extract(loud, faint), "mfcc.mean.00") == pytest.approx(
        (of(extract(loud), "mfcc.mean.00") + _floor_mfcc(loud)) / 2, rel=1e-3
    )


def _floor_mfcc(loud: np.ndarray) -> float:
    mel = librosa.feature.melspectrogram(y=loud, sr=SAMPLE_RATE)
    return float((10 * np.log10(mel.max()) - 80) * math.sqrt(128))


def test_tuning_is_common_to_all_stretches() -> None:
    # half a tone lies between the two; the longer one decides where the notes are
    long, short = melody(8, cents=30, seed=10), melody(1.5, cents=-20, seed=11)
    vector = extract(long, short)
    power = np.concatenate([power_spectrogram(long), power_spectrogram(short)], axis=1)
    expected = librosa.feature.chroma_stft(S=power, sr=SAMPLE_RATE).mean(axis=1)
    ours = [of(vector, f"chroma.mean.{i:02d}") for i in range(12)]
    np.testing.assert_allclose(ours, expected, rtol=1e-3)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.zeros(SAMPLE_RATE, dtype=np.float32), id="silence"),
        pytest.param(np.full(SAMPLE_RATE, 0.5, dtype=np.float32), id="constant"),
        pytest.param(sine(440, 3, amplitude=1e-7), id="faint"),
        pytest.param(np.sign(sine(100, 3)), id="square wave"),
        pytest.param((np.arange(SAMPLE_RATE) % 5000 == 0).astype(np.float32), id="clicks"),
        pytest.param(sine(440, 0.01), id="one frame"),
        pytest.param(np.ones(1, dtype=np.float32), id="one sample"),
    ],
)
def test_always_finite(samples: np.ndarray) -> None:
    vector = extract(samples)
    assert vector.dtype == np.float32
    assert vector.shape == (58,)
    assert np.isfinite(vector).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(extract(samples, melody(1))).all()


def test_input_is_left_as_it_was() -> None:
    samples = melody(1)
    before = samples.copy()
    classic_vector([samples])
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("stretches", [[], [np.zeros(0)], [np.zeros((2, 100))]])
def test_other_shapes_are_refused(stretches: list[np.ndarray]) -> None:
    with pytest.raises(ParameterError, match=r"one or more arrays of shape \(n_samples,\), none"):
        classic_vector(stretches)


def test_parameters_out_of_range_are_refused() -> None:
    power = np.ones((1025, 2), dtype=np.float32)
    with pytest.raises(ParameterError, match=r"between 0 and 1, got 85"):
        spectral_rolloff(power, SAMPLE_RATE, roll_percent=85)
    with pytest.raises(ParameterError, match=r"multiple of hop_length, got 2048 and 500"):
        rms(sine(440), hop_length=500)
    for of_samples in (rms, zero_crossing_rate):
        with pytest.raises(ParameterError, match=r"mono and not empty, got shape \(2, 3\)"):
            of_samples(np.zeros((2, 3), dtype=np.float32))
    for of_power in (spectral_centroid, spectral_rolloff, spectral_peaks, chroma):
        with pytest.raises(ParameterError, match=r"3 or more bins, got \(2, 2\)"):
            of_power(power[:2], SAMPLE_RATE)


def published_row(shared_data: Path, track: str) -> np.ndarray:
    """Give the row of a track, as the extractor has it."""
    with (shared_data / "indian" / "librosa_features.csv").open(encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["track"] == track)
    return without_highest_band(
        np.array([float(row[LIBROSA_COLUMNS[column]]) for column in COLUMNS])
    )


@pytest.mark.data
def test_the_row_of_gz05_comes_out(shared_data: Path) -> None:
    file = shared_data / "indian" / "audio" / "ghazal" / "gz05.mp3"
    # the table was made of the whole file; the default plan would hear three stretches of it
    vector = Classic().extract(load_excerpts(file, ExcerptPlan(whole_up_to=60)))
    np.testing.assert_allclose(vector, published_row(shared_data, "ghazal/gz05.mp3"), rtol=1e-3)


@pytest.mark.data
def test_real_clips_equal_librosa(shared_data: Path) -> None:
    clips = sorted((shared_data / "gtzan" / "lossless").rglob("*.*"))[::9]
    clips += sorted((shared_data / "indian" / "audio" / "carnatic").glob("*.mp3"))[:1]
    assert len(clips) >= 4
    for clip in clips:
        samples = load_audio(clip, sample_rate=SAMPLE_RATE).samples
        np.testing.assert_allclose(
            extract(samples), librosa_row(samples), rtol=1e-3, err_msg=clip.name
        )
