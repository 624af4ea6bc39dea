"""Mel spectrograms as pictures show them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import soundfile

from generify.datasets import load_dataset
from generify.extraction import extract_features
from generify.spectrograms import genre_spectrograms, load_spectrogram
from generify.table import FeatureTable


def test_the_beginning_of_a_song(music: Path) -> None:
    path = music / "tones" / "tones0.wav"
    whole = load_spectrogram(path)
    assert whole.title == "tones0.wav"
    assert whole.duration == pytest.approx(soundfile.info(path).duration, abs=1e-3)
    assert whole.decibels.shape == (128, 1 + int(whole.duration * 22050) // 512)
    assert whole.decibels.max() == 0
    assert whole.decibels.min() >= -80
    beginning = load_spectrogram(path, 1.5)
    assert beginning.duration == 1.5
    assert beginning.decibels.shape[1] < whole.decibels.shape[1]


def test_one_of_each_genre(music_table: FeatureTable) -> None:
    found = genre_spectrograms(music_table)
    assert [mel.title for mel in found] == ["clicks", "noise", "tones"]
    assert all(mel.decibels.shape[0] == 128 for mel in found)


def test_tracks_without_audio_are_passed_over(music: Path, tmp_path: Path) -> None:
    for genre in sorted(music.iterdir()):
        (tmp_path / genre.name).mkdir()
        shutil.copy(genre / f"{genre.name}0.wav", tmp_path / genre.name)
    table = extract_features(load_dataset(tmp_path), "mfcc")
    (tmp_path / "noise" / "noise0.wav").unlink()
    assert [mel.title for mel in genre_spectrograms(table)] == ["clicks", "tones"]
