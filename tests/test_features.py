"""One contract for every extractor, and what is particular to the MFCC."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from generify.errors import ParameterError
from generify.excerpts import Excerpts
from generify.features import ExtractorSpec, get_extractor, list_extractors
from generify.features.mfcc import mfcc_vector

RATE = 22050
SECONDS = 4.0

Samples = NDArray[np.float32]

# The backbone compresses levels by log10(1 + 10000 x), as it was trained, and classic equals
# librosa: volume counts for both.
HEARS_VOLUME = frozenset(("tags", "embedding", "classic"))

every_extractor = pytest.mark.parametrize("name", list_extractors())


def sine(seconds: float = SECONDS, rate: int = RATE) -> Samples:
    t = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)


def noise(seconds: float = SECONDS, rate: int = RATE) -> Samples:
    rng = np.random.default_rng(0)
    return (0.1 * rng.normal(size=round(seconds * rate))).astype(np.float32)


def clicks(seconds: float = SECONDS, rate: int = RATE) -> Samples:
    samples = np.zeros(round(seconds * rate), dtype=np.float32)
    samples[:: rate // 2] = 0.9
    return samples


@functools.cache
def melody(seconds: float = SECONDS, rate: int = RATE) -> Samples:
    """Notes with overtones up to 6 kHz, each fading, over a hum: nothing above 9 kHz."""
    t = np.arange(round(seconds * rate)) / rate
    samples = 0.01 * sum(np.sin(2 * np.pi * tone * t + tone) for tone in range(60, 9000, 197))
    for number in range(int(seconds * 4)):
        rest = slice(number * rate // 4, None)
        after = t[rest] - number / 4
        fade = np.clip(after / 0.01, 0, 1) * np.exp(-np.maximum(after, 0) / 0.2)
        pitch = 220 * 2 ** ((number * 5 % 12) / 12)
        overtones = np.arange(1, 6000 // pitch, 3)
        tones = np.sin(2 * np.pi * pitch * np.outer(overtones, after) + overtones[:, None])
        samples[rest] += fade * (tones / overtones[:, None]).sum(axis=0)
    return (0.1 * samples).astype(np.float32)


def near_silence(seconds: float = SECONDS, rate: int = RATE) -> Samples:
    """What a 16-bit recording of nothing holds: its last step flickers."""
    rng = np.random.default_rng(0)
    return (rng.integers(-1, 2, size=round(seconds * rate)) / 32768).astype(np.float32)


def mostly_silent(seconds: float = SECONDS, rate: int = RATE) -> Samples:
    samples = np.zeros(round(seconds * rate), dtype=np.float32)
    samples[-rate // 2 :] = sine(0.5, rate)
    return samples


SOUNDS: dict[str, Callable[[], Samples]] = {
    "sine": sine,
    "noise": noise,
    "clicks": clicks,
    "melody": melody,
    "near silence": near_silence,
    "mostly silent": mostly_silent,
    "zeros": lambda: np.zeros(RATE * 4, dtype=np.float32),
    "constant": lambda: np.full(RATE * 4, 0.5, dtype=np.float32),
    "full scale square": lambda: np.sign(sine()).astype(np.float32),
    "one second": lambda: melody(1.0),
    "40 seconds": lambda: noise(40.0),
}


def extract(name: str, samples: Samples, rate: int = RATE) -> NDArray[np.float32]:
    return get_extractor(name).extract(Excerpts.from_samples(samples, rate))


@functools.cache
def scale(name: str) -> NDArray[np.float32]:
    """How far each feature moves between unlike sounds: the measure of what is a small change."""
    vectors = [extract(name, sound()) for sound in (sine, noise, clicks, melody, mostly_silent)]
    return np.maximum(np.std(vectors, axis=0), 1e-3)


@every_extractor
def test_columns_have_unique_names_of_one_form(name: str) -> None:
    columns = get_extractor(name).columns
    assert len(set(columns)) == len(columns)
    form = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*(\.\d{2,3})+")
    assert not [column for column in columns if not form.fullmatch(column)]


@every_extractor
@pytest.mark.parametrize("sound", SOUNDS.values(), ids=SOUNDS)
def test_one_finite_number_a_column(name: str, sound: Callable[[], Samples]) -> None:
    vector = extract(name, sound())
    assert vector.shape == (len(get_extractor(name).columns),)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


@every_extractor
def test_the_same_sound_gives_the_same_bits(name: str) -> None:
    assert extract(name, melody()).tobytes() == extract(name, melody()).tobytes()


@every_extractor
def test_samples_are_not_changed(name: str) -> None:
    samples = melody()
    before = samples.copy()
    extract(name, samples)
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("name", [n for n in list_extractors() if n not in HEARS_VOLUME])
@pytest.mark.parametrize("gain_db", [-40, -20, 20, 40])
@pytest.mark.parametrize("sound", [melody, noise, clicks])
def test_loudness_does_not_matter(name: str, gain_db: int, sound: Callable[[], Samples]) -> None:
    loud = extract(name, sound() * np.float32(10 ** (gain_db / 20)))
    expected = extract(name, sound())
    if name == "mfcc":  # the baseline alone hears it, in the zeroth: n dB in each of 128 bands
        expected[0] += gain_db * np.sqrt(128)
    change = np.abs(loud - expected) / scale(name)
    assert change.max() < 1e-3


@every_extractor
def test_unlike_sounds_get_unlike_vectors(name: str) -> None:
    change = np.abs(extract(name, melody()) - extract(name, noise())) / scale(name)
    assert (change > 0.5).mean() > 0.15  # most units of an embedding are at rest most of the time


@every_extractor
def test_the_sample_rate_of_the_file_does_not_matter(name: str) -> None:
    # the predecessors' mistake: their features knew samples, not seconds
    change = np.abs(extract(name, melody(rate=44100), 44100) - extract(name, melody()))
    change /= scale(name)
    assert np.median(change) < 1e-3
    assert change.max() < 0.01


@every_extractor
def test_several_stretches_are_one_song(name: str) -> None:
    parts = [Excerpts.from_samples(sound(), RATE).stretches[0] for sound in (melody, noise)]
    both = get_extractor(name).extract(Excerpts(tuple(parts), duration=100.0))
    assert both.shape == (len(get_extractor(name).columns),)
    assert np.isfinite(both).all()
    for part in (melody, noise):
        assert not np.allclose(both, extract(name, part()))


@every_extractor
def test_the_spec_is_stable(name: str) -> None:
    spec = get_extractor(name).spec
    assert spec == get_extractor(name).spec
    assert (spec.name, spec.version) == (name, get_extractor(name).version)
    assert spec.version >= 1
    parameters = json.loads(spec.parameters)
    assert json.dumps(parameters, sort_keys=True) == spec.parameters
    assert parameters == dict(get_extractor(name).parameters)
    assert str(spec) == f"{name} v{spec.version}"


@every_extractor
def test_every_extractor_introduces_itself(name: str) -> None:
    summary = get_extractor(name).summary
    assert summary
    assert "\n" not in summary


def test_an_unknown_extractor() -> None:
    with pytest.raises(ParameterError, match="there is no extractor 'vggish'; there are mfcc, "):
        get_extractor("vggish")
    with pytest.raises(ParameterError, match=r"'rythm'; .*, classic; did you mean rhythm\?"):
        get_extractor("tags+rythm")


def test_specs_compare_by_value() -> None:
    assert ExtractorSpec("a", 1) == ExtractorSpec("a", 1)
    assert ExtractorSpec("a", 1) != ExtractorSpec("a", 2)
    assert ExtractorSpec("a", 1) != ExtractorSpec("a", 1, '{"n": 2}')


def test_mfcc_of_a_flat_spectrum() -> None:
    # the orthonormal transform of a constant c over n bands is c·√n, then nothing
    vector = mfcc_vector([np.full((128, 50), -20, dtype=np.float32)])
    assert vector[0] == pytest.approx(-20 * np.sqrt(128), rel=1e-5)
    np.testing.assert_allclose(vector[1:], 0, atol=1e-3)


def test_the_level_of_the_loudest_bin_moves_only_the_zeroth() -> None:
    mel = np.linspace(-80, 0, 128 * 50, dtype=np.float32).reshape(128, 50)
    change = mfcc_vector([mel], loudest_db=30.0) - mfcc_vector([mel])
    np.testing.assert_allclose(change, [30 * np.sqrt(128)] + [0] * 12, atol=1e-3)


def test_mfcc_leaves_out_the_ends() -> None:
    mel = np.full((128, 50), -20, dtype=np.float32)
    mel[:, :5] = mel[:, -5:] = -80
    np.testing.assert_allclose(mfcc_vector([mel])[0], -20 * np.sqrt(128), rtol=1e-5)


def test_mfcc_of_a_single_frame() -> None:
    assert np.isfinite(mfcc_vector([np.zeros((128, 1), dtype=np.float32)])).all()


def test_mfcc_against_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    samples = np.concatenate([melody(), noise()])
    power = librosa.feature.melspectrogram(y=samples, sr=RATE)
    coefficients = librosa.feature.mfcc(S=librosa.power_to_db(power), n_mfcc=13)
    margin = int(coefficients.shape[1] * 0.1)
    expected = coefficients[:, margin:-margin].mean(axis=1)
    ours = extract("mfcc", samples)
    # ours averages every third frame, so a song's mean differs by the sampling of frames
    assert np.abs(ours - expected).max() < 0.03 * np.abs(expected).max()
