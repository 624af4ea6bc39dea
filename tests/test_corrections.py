"""What people say of recordings, in the place of what a dataset says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generify.cache import FeatureCache
from generify.content import content_hash
from generify.corrections import apply_corrections
from generify.datasets import Dataset, Track, load_dataset


@pytest.fixture
def dataset(music: Path) -> Dataset:
    whole = load_dataset(music)
    return replace(whole, tracks=whole.tracks[:2])  # two clips of clicks


def corrected(path: object, genre: str) -> dict[str, Track]:
    name = f"{genre}/{Path(str(path)).stem}"
    return {content_hash(str(path)): Track(name, str(path), genre)}


def test_without_corrections_nothing_is_hashed(dataset: Dataset) -> None:
    gone = replace(dataset, tracks=(Track("gone", "/gone.wav", "clicks"),))
    assert apply_corrections(gone, {}) is gone


def test_a_track_gets_its_true_genre(dataset: Dataset) -> None:
    first, second = dataset.tracks
    found = apply_corrections(dataset, corrected(first.path, "noise"))
    assert found.tracks == (replace(first, genre="noise"), second)
    assert found.warnings == dataset.warnings
    assert found.corrections.endswith("whose genre was changed: 1; added: 0")


def test_what_agrees_changes_nothing(dataset: Dataset) -> None:
    found = apply_corrections(dataset, corrected(dataset.tracks[0].path, "clicks"))
    assert found.tracks == dataset.tracks
    assert found.corrections.endswith("whose genre was changed: 0; added: 0")


def test_what_is_lacking_is_added_under_a_free_name(dataset: Dataset, music: Path) -> None:
    other = music / "tones" / "tones0.wav"
    (content,) = more = corrected(other, "tones")
    found = apply_corrections(dataset, more)
    assert found.tracks[2:] == (Track("tones/tones0", str(other), "tones"),)
    taken = replace(dataset, tracks=(replace(dataset.tracks[0], track="tones/tones0"),))
    assert apply_corrections(taken, more).tracks[1].track == f"tones/tones0 {content[:8]}"


def test_a_genre_that_the_dataset_lacks_is_left_out(dataset: Dataset) -> None:
    found = apply_corrections(dataset, corrected(dataset.tracks[0].path, "polka"))
    assert found.tracks == dataset.tracks[1:]
    (left_out,) = found.warnings[len(dataset.warnings) :]
    assert found.corrections.endswith("whose genre was changed: 0; added: 0")
    assert left_out.startswith("not trained on, as it was corrected to polka, a genre that ")
    assert left_out.endswith(f": {dataset.tracks[0].path}")


def test_a_genre_may_be_spelt_otherwise(dataset: Dataset) -> None:
    found = apply_corrections(dataset, corrected(dataset.tracks[0].path, "No-Ise"))
    assert found.tracks[0].genre == "noise"


def test_a_file_that_cannot_be_read_is_left_to_the_extraction(dataset: Dataset) -> None:
    gone = Track("gone", "/gone.wav", "clicks")
    both = replace(dataset, tracks=(gone, dataset.tracks[0]))
    found = apply_corrections(both, corrected(dataset.tracks[0].path, "noise"))
    assert [track.genre for track in found.tracks] == ["clicks", "noise"]


def test_the_cache_remembers_contents(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = corrected(dataset.tracks[0].path, "noise")
    cache = FeatureCache(tmp_path / "cache")
    first = apply_corrections(dataset, more, cache)
    monkeypatch.setattr(
        "generify.corrections.content_hash", lambda _: pytest.fail("hashed a second time")
    )
    assert apply_corrections(dataset, more, cache) == first
