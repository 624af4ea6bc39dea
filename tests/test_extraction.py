"""From tracks to a table: in order, cached, resumed, failures kept as values."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import threadpoolctl

from generify import extraction
from generify.cache import FeatureCache
from generify.datasets import Dataset, Track, load_dataset
from generify.errors import CacheError, DatasetError, Failure, ParameterError
from generify.excerpts import DEFAULT_PLAN, ExcerptPlan, Excerpts, load_excerpts
from generify.extraction import extract_features
from generify.features import get_extractor
from generify.table import FeatureTable


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were decoded, in order."""
    paths: list[str] = []

    def listen(path: str | Path, plan: ExcerptPlan = DEFAULT_PLAN) -> Excerpts:
        paths.append(str(path))
        return load_excerpts(path, plan)

    monkeypatch.setattr(extraction, "load_excerpts", listen)
    return paths


def some(music: Path, n_tracks: int) -> Dataset:
    """The first tracks of each genre."""
    dataset = load_dataset(music)
    chosen = [
        t for g in dataset.genres for t in [t for t in dataset.tracks if t.genre == g][:n_tracks]
    ]
    return replace(dataset, tracks=tuple(chosen))


def same(first: FeatureTable, second: FeatureTable) -> bool:
    return (
        first.X.tobytes() == second.X.tobytes()
        and first.tracks == second.tracks
        and first.durations == second.durations
        and first.warnings == second.warnings
    )


def test_rows_are_the_tracks_in_order(music: Path) -> None:
    dataset = some(music, 2)
    table = extract_features(dataset, "mfcc")
    extractor = get_extractor("mfcc")
    assert table.tracks == dataset.tracks
    assert (table.columns, table.extractor) == (extractor.columns, extractor.spec)
    assert (table.dataset, table.failures) == (dataset.name, ())
    for row, track in enumerate(dataset.tracks):
        assert track.path is not None
        np.testing.assert_array_equal(table.X[row], extractor.extract(load_excerpts(track.path)))
        assert table.durations[row] == pytest.approx(soundfile.info(track.path).duration)


def test_several_at_a_time_give_the_same_table(music: Path, music_table: FeatureTable) -> None:
    assert same(extract_features(load_dataset(music), "mfcc", jobs=4), music_table)


def test_matrix_products_keep_to_one_thread(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_threads: set[int] = set()

    def listen(path: str | Path, plan: ExcerptPlan = DEFAULT_PLAN) -> Excerpts:
        pools = threadpoolctl.threadpool_info()
        n_threads.update(pool["num_threads"] for pool in pools if pool["user_api"] == "blas")
        return load_excerpts(path, plan)

    monkeypatch.setattr(extraction, "load_excerpts", listen)
    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        extract_features(some(music, 1), "mfcc", jobs=2)
    assert n_threads == {1}


@pytest.mark.parametrize("name", ["mfcc", "timbre"])
def test_cached_equals_fresh_bit_for_bit(
    music: Path, cache: FeatureCache, heard: list[str], name: str
) -> None:
    dataset = some(music, 2)
    fresh = extract_features(dataset, name)
    first = extract_features(dataset, name, cache=cache)
    n_heard = len(heard)
    second = extract_features(dataset, name, cache=cache, jobs=2)
    assert n_heard == 2 * len(dataset.tracks)
    assert len(heard) == n_heard  # the second time from the cache alone
    assert same(fresh, first)
    assert same(fresh, second)


def test_the_cache_tells_extractors_and_plans_apart(
    music: Path, cache: FeatureCache, heard: list[str]
) -> None:
    dataset = some(music, 1)
    n = len(dataset.tracks)
    extract_features(dataset, "mfcc", cache=cache)
    extract_features(dataset, "timbre", cache=cache)
    assert len(heard) == 2 * n
    plan = ExcerptPlan(whole_up_to=1.0, stretch=1.0, n_stretches=1)
    other = extract_features(dataset, "mfcc", cache=cache, plan=plan)
    assert len(heard) == 3 * n
    assert not np.array_equal(other.X, extract_features(dataset, "mfcc", cache=cache).X)


def test_the_cache_tells_versions_apart(
    music: Path, cache: FeatureCache, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = some(music, 1)
    extract_features(dataset, "mfcc", cache=cache)
    newer = get_extractor("mfcc")
    monkeypatch.setattr(type(newer), "version", newer.version + 1)
    extract_features(dataset, newer, cache=cache)
    assert len(heard) == 2 * len(dataset.tracks)


def test_a_moved_song_is_known_again(
    music: Path, cache: FeatureCache, heard: list[str], tmp_path: Path
) -> None:
    dataset = some(music, 1)
    table = extract_features(dataset, "mfcc", cache=cache)
    n_heard = len(heard)
    moved = []
    for number, track in enumerate(dataset.tracks):
        copy = tmp_path / f"{number}.wav"
        copy.write_bytes(Path(str(track.path)).read_bytes())
        moved.append(replace(track, path=str(copy)))
    again = extract_features(replace(dataset, tracks=tuple(moved)), "mfcc", cache=cache)
    assert len(heard) == n_heard
    assert again.X.tobytes() == table.X.tobytes()


def test_a_changed_song_is_heard_again(cache: FeatureCache, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    rng = np.random.default_rng(0)
    dataset = Dataset("one", (Track("song", str(path), "noise"),), ("noise",))
    tables = []
    for scale in (0.1, 0.2):
        noise = rng.normal(size=22050 * 2) * np.linspace(scale, 0.01, 22050 * 2)
        soundfile.write(path, np.clip(noise, -1, 1), 22050)
        os.utime(path, ns=(len(tables), len(tables)))
        tables.append(extract_features(dataset, "mfcc", cache=cache))
    assert not np.array_equal(tables[0].X, tables[1].X)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"",
        lambda content: b'{"duration": 1, "warnings": []}',
    ],
    ids=["truncated", "flipped", "empty", "text"],
)
def test_damaged_entries_are_computed_again(
    music: Path, cache: FeatureCache, heard: list[str], damage: Callable[[bytes], bytes]
) -> None:
    dataset = some(music, 1)
    fresh = extract_features(dataset, "mfcc", cache=cache)
    for path in cache.folder.rglob("*.entry"):
        path.write_bytes(damage(path.read_bytes()))
    heard.clear()
    assert same(extract_features(dataset, "mfcc", cache=cache), fresh)
    assert len(heard) == len(dataset.tracks)
    assert same(extract_features(dataset, "mfcc", cache=cache), fresh)
    assert len(heard) == len(dataset.tracks)


def test_an_entry_of_the_wrong_length_is_computed_again(
    music: Path, cache: FeatureCache, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = some(music, 1)
    fresh = extract_features(dataset, "mfcc", cache=cache)
    heard.clear()
    real_get = cache.get

    def shorten(key: str) -> object:
        entry = real_get(key)
        return entry and replace(entry, array=entry.array[:5])

    monkeypatch.setattr(cache, "get", shorten)
    assert same(extract_features(dataset, "mfcc", cache=cache), fresh)
    assert len(heard) == len(dataset.tracks)


SLOW = """
import sys, time
from pathlib import Path
from generify import extraction
from generify.cache import FeatureCache
from generify.datasets import load_dataset
real = extraction.load_excerpts
def slow(*args):
    time.sleep(0.05)
    return real(*args)
extraction.load_excerpts = slow
def say(done, total):
    print(done, flush=True)
extraction.extract_features(
    load_dataset(sys.argv[1]), "mfcc", cache=FeatureCache(sys.argv[2]), progress=say
)
"""


def test_a_killed_run_goes_on_where_it_was(
    music: Path, music_table: FeatureTable, cache: FeatureCache, heard: list[str]
) -> None:
    command = [sys.executable, "-c", SLOW, str(music), str(cache.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 6:
                process.kill()
                break
    n_all = len(music_table.tracks)
    again = extract_features(load_dataset(music), "mfcc", cache=cache)
    assert same(again, music_table)
    assert 0 < len(heard) <= n_all - 6
    assert len(set(heard)) == len(heard)


def bad_files(folder: Path) -> list[Track]:
    folder.mkdir()
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("these are words")
    soundfile.write(folder / "silent.wav", np.zeros(44100), 22050)
    soundfile.write(folder / "short.wav", np.full(2000, 0.5), 22050)
    names = ["empty", "text", "silent", "short", "missing"]
    return [Track(name, str(folder / f"{name}.wav"), "tones") for name in names]


@pytest.mark.parametrize("use_cache", [False, True])
@pytest.mark.parametrize("jobs", [1, 4])
def test_bad_files_are_values_beside_the_good(
    music: Path, tmp_path: Path, cache: FeatureCache, jobs: int, use_cache: bool
) -> None:
    good = some(music, 2)
    bad = bad_files(tmp_path / "bad")
    tracks = [good.tracks[0], *bad[:3], *good.tracks[1:], *bad[3:], Track("tags only", None, "x")]
    earlier = Failure("odd.mp3", "AudioDecodeError", "odd")
    dataset = replace(good, tracks=tuple(tracks), failures=(earlier,), warnings=("earlier",))
    table = extract_features(dataset, "mfcc", jobs=jobs, cache=cache if use_cache else None)
    assert table.tracks == good.tracks
    assert same(replace(table, warnings=()), extract_features(good, "mfcc"))
    assert table.warnings == ("earlier",)
    assert table.failures[0] == earlier
    assert [Path(failure.path).stem for failure in table.failures[1:]] == [
        *("empty", "text", "silent", "short", "missing", "tags only")
    ]
    reasons = [failure.message for failure in table.failures[1:]]
    for reason, words in zip(
        reasons,
        ("empty", "", "is silent", "only 0.09 s of sound", "", "tags only has no audio file"),
        strict=True,
    ):
        assert words in reason
        assert reason
    assert {failure.error_type for failure in table.failures[1:6]} == {"AudioDecodeError"}


def test_failures_are_not_cached(tmp_path: Path, music: Path, cache: FeatureCache) -> None:
    path = tmp_path / "song.wav"
    good = some(music, 1)
    dataset = replace(good, tracks=(*good.tracks, Track("song", str(path), "tones")))
    assert len(extract_features(dataset, "mfcc", cache=cache).failures) == 1
    path.write_bytes(Path(str(good.tracks[0].path)).read_bytes())
    assert extract_features(dataset, "mfcc", cache=cache).failures == ()


def test_warnings_name_their_track_also_from_the_cache(tmp_path: Path, cache: FeatureCache) -> None:
    path = tmp_path / "cut.wav"
    noise = 0.1 * np.random.default_rng(0).normal(size=22050 * 6)
    soundfile.write(path, noise, 22050)
    path.write_bytes(path.read_bytes()[: 22050 * 8])
    dataset = Dataset("one", (Track("noise/cut", str(path), "noise"),), ("noise",))
    first = extract_features(dataset, "mfcc", cache=cache)
    assert len(first.warnings) == 1
    assert first.warnings[0].startswith("noise/cut: ")
    assert "damaged or cut short" in first.warnings[0]
    assert extract_features(dataset, "mfcc", cache=cache).warnings == first.warnings


def test_no_track_at_all(tmp_path: Path) -> None:
    dataset = Dataset("broken", tuple(bad_files(tmp_path / "bad")), ("tones",))
    with pytest.raises(
        DatasetError,
        match=r"none of the 5 tracks of broken could be used, the first because .*empty",
    ):
        extract_features(dataset, "mfcc")


def test_a_cache_that_cannot_be_written(music: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"the cache folder .*file cannot be written: "):
        extract_features(some(music, 1), "mfcc", cache=FeatureCache(tmp_path / "file"))


def test_the_cache_is_kept_within_its_limit(music: Path, tmp_path: Path) -> None:
    extract_features(some(music, 4), "mfcc", cache=FeatureCache(tmp_path / "large"))
    whole = FeatureCache(tmp_path / "large").info()
    limit = whole.size_bytes // 2
    small = FeatureCache(tmp_path / "small", limit_bytes=limit)
    extract_features(some(music, 4), "mfcc", cache=small)
    assert 0 < small.info().n_entries < whole.n_entries
    assert small.info().size_bytes <= limit


@pytest.mark.parametrize("jobs", [1, 3])
def test_progress_counts_up_to_all(music: Path, jobs: int) -> None:
    said: list[tuple[int, int]] = []
    dataset = some(music, 3)
    extract_features(dataset, "mfcc", jobs=jobs, progress=lambda *counts: said.append(counts))
    assert said[-1] == (9, 9)
    assert said == sorted(said)
    assert {total for _, total in said} == {9}


def test_an_interrupt_stops_the_rest(music: Path, heard: list[str]) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_features(load_dataset(music), "mfcc", progress=interrupt)
    assert len(heard) < 12


def test_a_fault_of_the_program_is_not_hidden(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = get_extractor("mfcc")
    monkeypatch.setattr(type(extractor), "extract", lambda self, excerpts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        extract_features(some(music, 1), extractor)


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs_must_be_positive(music: Path, jobs: int) -> None:
    with pytest.raises(ParameterError, match=f"jobs must be 1 or more, got {jobs}"):
        extract_features(some(music, 1), "mfcc", jobs=jobs)


def test_an_unknown_extractor(music: Path) -> None:
    with pytest.raises(ParameterError, match="there is no extractor 'vggish'"):
        extract_features(some(music, 1), "vggish")
