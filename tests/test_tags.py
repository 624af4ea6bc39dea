from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import librosa
import numpy as np
import pytest
import soxr

from generify.audio import Audio, load_audio, resample
from generify.errors import ParameterError
from generify.excerpts import Excerpts
from generify.features import tagger as module
from generify.features.tagger import (
    N_EMBEDDING,
    SAMPLE_RATE,
    TAG_NAMES,
    Tagger,
    log_mel,
    mel_windows,
)
from generify.features.tags import Embedding, Tags, tag_statistics
from generify.spectrum import mel_filterbank

REFERENCE_TRACKS = ("blues.00000", "jazz.00000", "metal.00000")

# librosa's old kaiser_best, which the original resampled with
N_ZEROS, BETA, ROLL_OFF = 64, 14.769656459379492, 0.9475937167399596


def _kaiser_sinc(times: np.ndarray) -> np.ndarray:
    """Impulse response of kaiser_best at times in output samples."""
    inside = np.maximum(0.0, 1 - (times / N_ZEROS) ** 2)
    window = np.where(np.abs(times) <= N_ZEROS, np.i0(BETA * np.sqrt(inside)) / np.i0(BETA), 0)
    return ROLL_OFF * np.sinc(ROLL_OFF * times) * window


def _resample_kaiser_best(samples: np.ndarray) -> np.ndarray:
    """Resample from 22050 to 16000 Hz: 320 phases, every 441 input samples."""
    n_phases, period = 320, 441
    ratio = n_phases / period
    half = int(N_ZEROS / ratio) + 1
    n_out = int(np.ceil(len(samples) * ratio))
    padded = np.pad(samples.astype(np.float64), (half, half + period))
    views = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    result = np.empty(n_out)
    for phase in range(n_phases):
        at = phase / ratio
        weights = _kaiser_sinc((np.arange(-half, half + 1) - (at - int(at))) * ratio) * ratio
        chosen = views[int(at) :: period][: len(result[phase::n_phases])]
        result[phase::n_phases] = chosen @ weights
    return result.astype(np.float32)


def _sweep(duration: float) -> np.ndarray:
    """A tone that glides from 100 Hz to 5 kHz, below where the top bands are corrected."""
    t = np.arange(int(duration * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * (100 + 2450 * t / duration) * t)).astype(np.float32)


def _noise(n_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, n_samples).astype(np.float32)


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger()


# 34 s are longer than one block of frames
@pytest.mark.parametrize("duration", [0.1, 3.0, 34.0])
def test_log_mel_equals_librosa_below_the_roll_off(duration: float) -> None:
    samples = _sweep(duration)
    power = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect"
    )
    expected = np.log10(10000 * power.T + 1)
    ours = log_mel(samples)
    assert ours.dtype == np.float32
    # a glide that ends abruptly at 5 kHz is mirrored into a click: the last frames reach 7 kHz
    np.testing.assert_allclose(ours[:-2, :90], expected[:-2, :90], atol=2e-4)


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_the_roll_off_turns_soxr_into_kaiser_best(rate: int) -> None:
    impulse = np.zeros(rate)
    impulse[rate // 2] = 1.0
    hertz = np.arange(module._ROLL_OFF_BIN, module._ROLL_OFF_BIN + len(module._ROLL_OFF_DB)) * 31.25
    resampled = soxr.resample(impulse, rate, SAMPLE_RATE, quality="HQ") * rate / SAMPLE_RATE
    kaiser_times = np.arange(-N_ZEROS * 32, N_ZEROS * 32 + 1) / 32
    kaiser = _kaiser_sinc(kaiser_times) / 32

    def gain_db(response: np.ndarray, times: np.ndarray) -> np.ndarray:
        turns = np.outer(hertz / SAMPLE_RATE, times)
        return 20 * np.log10(np.abs(np.exp(-2j * np.pi * turns) @ response))

    ratio = gain_db(kaiser, kaiser_times) - gain_db(resampled, np.arange(len(resampled)))
    tolerance = 0.02 if rate == 22050 else 0.8
    np.testing.assert_allclose(module._ROLL_OFF_DB, ratio, atol=tolerance)


def test_silence_has_no_mel_energy() -> None:
    assert not log_mel(np.zeros(16000, dtype=np.float32)).any()


@pytest.mark.parametrize("shape", [(0,), (2, 16000)])
def test_log_mel_refuses_what_is_no_mono_sound(shape: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match=r"samples must be mono and not empty, got shape"):
        log_mel(np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize(
    ("n_frames", "n_windows"), [(2, 1), (186, 1), (187, 1), (369, 1), (370, 2)]
)
def test_windows_are_where_they_fit(n_frames: int, n_windows: int) -> None:
    assert len(mel_windows(_noise((n_frames - 1) * 256))) == n_windows


def test_windows_are_slices_of_the_spectrum() -> None:
    samples = _noise(10 * SAMPLE_RATE)
    mel = log_mel(samples)
    windows = mel_windows(samples)
    starts = range(0, len(mel) - 186, 183)
    assert windows.shape == (len(starts), 187, 96) == (3, 187, 96)
    for window, start in zip(windows, starts, strict=True):
        np.testing.assert_array_equal(window, mel[start : start + 187])


def test_a_short_stretch_is_repeated() -> None:
    samples = _noise(SAMPLE_RATE)
    mel = log_mel(samples)
    (window,) = mel_windows(samples)
    np.testing.assert_array_equal(window[: len(mel)], mel)
    np.testing.assert_array_equal(window[len(mel) : 2 * len(mel)], mel)


def test_statistics_are_fifth_roots_of_means() -> None:
    tags = np.zeros((4, 50))
    tags[:, 7] = [0.1, 0.2, 0.2, 0.9]
    tags[:, 8] = 1.0
    tags[:, 9] = 1 / 32
    vector = tag_statistics(tags)
    named = dict(zip(Tags().columns, vector.tolist(), strict=True))
    assert named["tags.root.07"] == pytest.approx(0.8106131, rel=1e-6)  # 0.35 ** (1 / 5)
    assert named["tags.root.09"] == pytest.approx(0.5, rel=1e-6)
    assert (named["tags.root.08"], named["tags.root.00"]) == (1.0, 0.0)


def test_statistics_of_half_precision_tables_do_not_lose_digits() -> None:
    tags = np.tile(np.linspace(0.1, 0.6, 28, dtype=np.float16)[:, np.newaxis], 50)
    mean = sum(tags[:, 0].tolist()) / 28
    assert tag_statistics(tags)[0] == pytest.approx(np.exp(np.log(mean) / 5), rel=1e-6)


@pytest.mark.parametrize("shape", [(0, 50), (3, 49), (50,)])
def test_statistics_refuse_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match=r"tags must have shape \(n_windows, 50\)"):
        tag_statistics(np.zeros(shape))


SOUNDS = {
    "one sample": np.full(1, 0.5, dtype=np.float32),
    "half a second": _noise(SAMPLE_RATE // 2),
    "silence": np.zeros(4 * SAMPLE_RATE, dtype=np.float32),
    "clipped": np.sign(_noise(4 * SAMPLE_RATE)),
    "offset": np.ones(4 * SAMPLE_RATE, dtype=np.float32),
}


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("extractor", [Tags(), Embedding()], ids=lambda e: e.name)
def test_every_sound_has_finite_features(extractor: Tags | Embedding, sound: str) -> None:
    vector = extractor.extract(Excerpts.from_samples(SOUNDS[sound], SAMPLE_RATE))
    assert vector.shape == (len(extractor.columns),)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


def test_columns_are_distinct_and_numbered() -> None:
    assert len(set(Tags().columns)) == len(TAG_NAMES) == 50
    assert Tags().columns[49] == "tags.root.49"
    assert len(set(Embedding().columns)) == 2 * N_EMBEDDING
    assert Embedding().columns[-1] == "embedding.max_pool.752"


def test_stretches_count_as_their_windows_do() -> None:
    extractor = Tags()
    stretches = [_noise(4 * SAMPLE_RATE, seed=1), _sweep(6.0)]
    audios = tuple(Audio(s, SAMPLE_RATE, 0.0, len(s) / SAMPLE_RATE) for s in stretches)
    tags = np.concatenate([extractor.window_tags(s) for s in stretches])
    assert len(tags) == 3
    vector = extractor.extract(Excerpts(audios, 10.0))
    np.testing.assert_array_equal(vector, tag_statistics(tags))


def test_threads_share_a_tagger_and_change_no_number(tagger: Tagger) -> None:
    windows = mel_windows(_noise(4 * SAMPLE_RATE))
    expected = tagger.tags(windows)
    fresh = Tagger(n_threads=2)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(fresh.tags, [windows] * 4))
    for tags in results:
        np.testing.assert_allclose(tags, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 187, 96), (1, 96, 187), (187, 96)])
def test_windows_of_another_shape_are_refused(tagger: Tagger, shape: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match=r"windows must have shape \(n_windows, 187, 96\)"):
        tagger.tags(np.zeros(shape, dtype=np.float32))


def test_spec_tells_hops_apart_but_not_threads() -> None:
    assert Tags(n_threads=2).spec == Tags().spec
    assert Tags(window_hop=187).spec != Tags().spec
    assert Tags().spec != Embedding().spec


def test_parameters_below_one_are_refused() -> None:
    with pytest.raises(ParameterError, match="n_threads must be 1 or more, got 0"):
        Tags(n_threads=0)
    with pytest.raises(ParameterError, match="window_hop must be 1 frame or more, got 0"):
        Tags(window_hop=0)


@pytest.fixture(scope="module")
def reference(shared_data: Path) -> dict[str, np.ndarray]:
    with np.load(shared_data / "musicnn" / "msd_musicnn_reference.npz") as arrays:
        return dict(arrays)


@pytest.mark.data
@pytest.mark.parametrize("track", REFERENCE_TRACKS)
def test_reference_windows_give_reference_outputs(
    tagger: Tagger, reference: dict[str, np.ndarray], track: str
) -> None:
    windows = reference[f"{track}/melspec"][:4]
    np.testing.assert_allclose(tagger.tags(windows), reference[f"{track}/tags"][:4], atol=1e-4)
    for pool, name in zip(tagger.embeddings(windows), ("mean_pool", "max_pool"), strict=True):
        np.testing.assert_allclose(pool, reference[f"{track}/{name}"][:4], rtol=1e-4, atol=1e-4)


@pytest.mark.data
def test_tag_names_are_the_original_ones(reference: dict[str, np.ndarray]) -> None:
    assert list(TAG_NAMES) == reference["tag_names"].tolist()


@pytest.mark.data
@pytest.mark.parametrize("track", REFERENCE_TRACKS)
@pytest.mark.parametrize("resampler", ["soxr", "kaiser_best"])
def test_reference_clips_give_reference_tags(
    tagger: Tagger,
    reference: dict[str, np.ndarray],
    shared_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    track: str,
    resampler: str,
) -> None:
    folder = shared_data / "gtzan" / "lossless" / track.split(".")[0]
    audio = load_audio(folder / f"{track}.wav")
    if resampler == "soxr":
        samples = resample(audio.samples, audio.sample_rate, SAMPLE_RATE)
    else:
        samples = _resample_kaiser_best(audio.samples)
        plain = mel_filterbank(SAMPLE_RATE, 512, 96)
        monkeypatch.setattr(module, "_tagger_bands", lambda: plain)
    errors = np.abs(tagger.tags(mel_windows(samples, 187)) - reference[f"{track}/tags"])
    assert errors.mean() <= 1e-3
    assert errors.max() <= 0.02


@pytest.mark.data
@pytest.mark.parametrize("name", ["hiphop.00000.wav", "metal.00005.au", "pop.00000.wav"])
def test_clips_give_the_published_tags(shared_data: Path, name: str) -> None:
    genre, number, _ = name.split(".")
    with np.load(shared_data / "gtzan" / "msd_musicnn_taggrams.npz") as arrays:
        published = arrays["tags"][arrays["tracks"] == f"{genre}.{number}"].astype(np.float64)
    audio = load_audio(shared_data / "gtzan" / "lossless" / genre / name)
    (samples,) = Excerpts.from_samples(audio.samples, audio.sample_rate).at(SAMPLE_RATE)
    ours = Tags(window_hop=61).window_tags(samples)  # the grid of the published tables
    assert ours.shape == published.shape == (28, 50)
    errors = np.abs(ours - published)
    # without the roll-off of the top bands: mean 5e-3, max 0.11
    assert errors.mean() <= 1e-3
    assert errors.max() <= 0.02


def test_spans_of_a_timeline_are_statistics_of_windows_every_three_seconds() -> None:
    samples = _noise(20 * SAMPLE_RATE, seed=3)
    spans = [
        (0, 15 * SAMPLE_RATE),
        (3 * SAMPLE_RATE, 18 * SAMPLE_RATE),
        (19 * SAMPLE_RATE, 20 * SAMPLE_RATE),
    ]
    X = Tags().extract_spans(samples, SAMPLE_RATE, spans)
    every = Tagger().tags(mel_windows(samples, window_hop=1)[[0, 188, 375, 562, 750, 938]])
    np.testing.assert_allclose(X[0], tag_statistics(every[:5]), rtol=1e-5)
    np.testing.assert_allclose(X[1], tag_statistics(every[1:6]), rtol=1e-5)
    assert np.isfinite(X).all()
