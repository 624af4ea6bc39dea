from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from generify.audio import load_audio
from generify.music_check import (
    CHECK_SAMPLE_RATE,
    describe_non_music,
    flatness_and_tonality,
    low_energy_share,
)

TIME = np.arange(5 * CHECK_SAMPLE_RATE) / CHECK_SAMPLE_RATE


def _noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, len(TIME)).astype(np.float32)


def _tone(hertz: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)


def test_white_noise_has_the_flatness_of_theory() -> None:
    # power is exponentially distributed: exp(E log) / E = exp(-Euler's constant)
    flatness, tonality = flatness_and_tonality(_noise())
    assert flatness == pytest.approx(np.exp(-np.euler_gamma), abs=0.01)
    assert tonality < 0.1
    assert describe_non_music([_noise()]) == "noise"


@pytest.mark.parametrize("hertz", [60, 440, 3500, 9000])
def test_a_sine_is_a_pure_tone(hertz: float) -> None:
    assert flatness_and_tonality(_tone(hertz))[1] > 0.99
    assert describe_non_music([_tone(hertz)]) == "a pure tone"


def test_level_does_not_matter() -> None:
    quiet = _tone(440) * np.float32(0.01)
    assert describe_non_music([quiet]) == "a pure tone"


def _syllables(every: float, length: float) -> np.ndarray:
    """A voice of many partials that is heard for a moment, again and again."""
    voice = 0.1 * sum(np.sin(2 * np.pi * 150 * n * TIME) / n for n in range(1, 20))
    return (voice * (TIME % every < length)).astype(np.float32)


@pytest.mark.parametrize(("length", "silent"), [(1.0, 0.0), (0.75, 0.25), (0.25, 0.75)])
def test_pauses_are_counted(length: float, silent: float) -> None:
    # frames of 93 ms at the two edges of a syllable hold some of it
    assert silent - 0.19 <= low_energy_share(_syllables(1.0, length)) <= silent + 0.03


def test_silence_before_and_after_is_no_pause() -> None:
    silence = np.zeros(5 * CHECK_SAMPLE_RATE, np.float32)
    # but for the half-seconds next to the sound
    assert low_energy_share(np.concatenate([silence, _noise(), silence])) < 1.1 / 15
    assert low_energy_share(silence) == 0


def test_level_does_not_matter_for_pauses() -> None:
    loud = _syllables(0.6, 0.3)
    assert low_energy_share(loud) == low_energy_share(loud / 1024)


def test_single_sounds_are_told() -> None:
    assert describe_non_music([_syllables(0.8, 0.3)]) == "speech or single sounds"
    assert describe_non_music([_syllables(0.8, 0.7)]) == ""


@pytest.mark.data
def test_real_clips_are_music(shared_data: Path) -> None:
    clips = sorted((shared_data / "gtzan" / "lossless").glob("*/*"))
    assert clips
    found = [describe_non_music([load_audio(c, CHECK_SAMPLE_RATE).samples]) for c in clips]
    assert not any(found)
