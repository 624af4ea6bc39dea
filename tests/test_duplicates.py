"""Fingerprints: copies are found whatever was done to them, and nothing else is."""

from __future__ import annotations

import csv
import io
import tempfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from generify import duplicates
from generify.audio import load_audio
from generify.datasets.folding import merge_groups
from generify.duplicates import (
    BLOCK_SAMPLES,
    FRAME_SECONDS,
    FingerprintStore,
    Match,
    band_powers,
    find_matches,
    fingerprint,
)
from generify.mel_grid import GRID_SAMPLE_RATE, grid_frames
from generify.spectrum import mel_spectrogram

SECONDS = 20
Samples = np.ndarray
Words = np.ndarray


def melody(seed: int, seconds: float = SECONDS) -> Samples:
    """Six notes a second, three harmonics each, over noise that comes and goes: no two alike."""
    rng = np.random.default_rng(seed)
    n_note = GRID_SAMPLE_RATE // 6
    t = np.arange(n_note) / GRID_SAMPLE_RATE
    notes = []
    for _ in range(round(seconds * 6)):
        pitches = 110 * 2 ** (rng.integers(0, 48, 3) / 12)
        tones = sum(np.sin(2 * np.pi * p * k * t) / k for p in pitches for k in (1, 2, 3))
        notes.append(np.exp(-6 * t) * tones + rng.uniform(0, 0.3) * rng.normal(size=n_note))
    return (0.1 * np.concatenate(notes)).astype(np.float32)


def words_of(samples: Samples) -> Words:
    frames = grid_frames(len(samples))
    mel = mel_spectrogram(samples.astype(np.float32), GRID_SAMPLE_RATE, frames=frames)
    return fingerprint(band_powers(mel))


def matches_of(prints: Iterable[Words]) -> tuple[Match, ...]:
    with FingerprintStore() as store:
        for words in prints:
            store.add(words)
        return find_matches(store)


def pairs_of(matches: Iterable[Match]) -> list[tuple[int, int]]:
    return [(match.first, match.second) for match in matches]


def random_words(seed: int, n_words: int) -> Words:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 2**32, n_words, dtype=np.uint32)


def flipped(words: Words, share: float) -> Words:
    """The same words with a share of their bits wrong."""
    bits = np.unpackbits(words.view(np.uint8))
    wrong = np.random.default_rng(9).random(len(bits)) < share
    return np.packbits(bits ^ wrong).view(np.uint32)


@pytest.fixture(scope="module")
def song() -> Samples:
    return melody(0)


@pytest.fixture(scope="module")
def others() -> list[Words]:
    return [words_of(melody(seed)) for seed in range(1, 9)]


@pytest.fixture(scope="module")
def table(shared_data) -> dict[str, Words]:
    """The fingerprints of 999 clips of GTZAN, from its mel table."""
    with np.load(shared_data / "gtzan/mel128.npz") as archive:
        mels = -80 * (1 - archive["mel_u8"] / np.float32(255))
        names = [str(name) for name in archive["tracks"]]
    return {
        name: fingerprint(band_powers(10 ** (mel / 10)))
        for name, mel in zip(names, mels, strict=True)
    }


@pytest.fixture(scope="module")
def found(table) -> set[frozenset[str]]:
    """The pairs that are found among them."""
    names = list(table)
    return {frozenset((names[m.first], names[m.second])) for m in matches_of(table.values())}


class TestGrid:
    def test_blocks_join_without_a_seam(self):
        whole = grid_frames(3 * BLOCK_SAMPLES)
        block, hops = grid_frames(BLOCK_SAMPLES), BLOCK_SAMPLES // 512
        joined = np.concatenate([block, block + hops, block + 2 * hops])
        assert BLOCK_SAMPLES % 512 == 0
        assert whole.tolist() == joined.tolist()

    def test_a_frame_is_as_long_as_the_grid_says(self):
        frames = grid_frames(10 * BLOCK_SAMPLES)
        spacing = (frames[-1] - frames[0]) / (len(frames) - 1) * 512 / GRID_SAMPLE_RATE
        assert pytest.approx(spacing, rel=1e-3) == FRAME_SECONDS


class TestFingerprint:
    def test_a_word_a_frame(self, song):
        assert words_of(song).shape == grid_frames(len(song)).shape
        assert words_of(song).dtype == np.uint32

    @pytest.mark.parametrize("level", [0.01, 0.5])
    def test_the_level_does_not_count(self, song, level):
        assert np.mean(words_of(song) == words_of(level * song)) > 0.99

    def test_silence_says_nothing(self):
        assert not words_of(np.zeros(5 * GRID_SAMPLE_RATE)).any()

    def test_a_silent_stretch_says_nothing(self, song):
        song = song.copy()
        song[5 * GRID_SAMPLE_RATE : 10 * GRID_SAMPLE_RATE] = 0
        words = words_of(song)
        inside = slice(round(5.6 / FRAME_SECONDS), round(9.4 / FRAME_SECONDS))
        assert not words[inside].any()
        assert words[2 : round(4 / FRAME_SECONDS)].all()

    def test_a_steady_tone_says_nothing(self):
        t = np.arange(10 * GRID_SAMPLE_RATE) / GRID_SAMPLE_RATE
        words = words_of(0.5 * np.sin(2 * np.pi * 440 * t))
        assert np.count_nonzero(words) < 20

    @pytest.mark.parametrize("n_frames", [0, 1, 4])
    def test_too_short_to_compare(self, n_frames):
        words = fingerprint(np.ones((33, n_frames), np.float32))
        assert words.tolist() == [0] * n_frames

    @pytest.mark.parametrize("n_at_once", [1, 7, 100, 257, 258, 259])
    def test_by_blocks_as_at_once(self, song, monkeypatch, n_at_once):
        quiet = song * np.linspace(1, 1e-3, len(song))
        mel = mel_spectrogram(
            quiet.astype(np.float32), GRID_SAMPLE_RATE, frames=grid_frames(len(song))
        )
        bands = band_powers(mel)
        assert bands.shape[1] == 258
        monkeypatch.setattr(duplicates, "_FRAMES_AT_ONCE", 10**9)
        at_once = fingerprint(bands)
        monkeypatch.setattr(duplicates, "_FRAMES_AT_ONCE", n_at_once)
        assert fingerprint(bands).tolist() == at_once.tolist()

    def test_a_long_recording_takes_no_more_memory(self):
        bands = np.random.default_rng(0).random((33, 200_000), np.float32)
        tracemalloc.start()
        words = fingerprint(bands)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak - words.nbytes < 10e6

    def test_bits_say_whether_the_step_between_two_bands_rises(self):
        # Every second band grows by 1 dB a frame against its neighbours: a step down from an odd
        # band to the next grows with it, a step from an even band to the next shrinks.
        levels = np.tile(np.arange(40.0), (33, 1))
        levels[::2] = 20
        words = fingerprint((10 ** (levels / 10)).astype(np.float32))
        odd = sum(1 << band for band in range(1, 32, 2))
        assert set(words[8:32].tolist()) == {odd}


class TestCopies:
    def find(self, song: Samples, copy: Samples, others: list[Words]) -> Match:
        matches = matches_of([*others[:4], words_of(song), *others[4:], words_of(copy)])
        assert pairs_of(matches) == [(4, 9)]
        return matches[0]

    def test_the_same(self, song, others):
        match = self.find(song, song, others)
        assert (match.offset, match.similarity) == (0, 1)
        assert match.overlap == pytest.approx(SECONDS, abs=0.5)

    def test_quieter_and_noisy(self, song, others):
        noise = np.random.default_rng(1).normal(size=len(song))
        match = self.find(song, 0.2 * song + 0.002 * noise, others)
        assert match.similarity > 0.5

    @pytest.mark.parametrize(("fmt", "level"), [("MP3", 0.0), ("MP3", 0.9), ("OGG", 0.9)])
    def test_another_codec(self, song, others, tmp_path, fmt, level):
        path = tmp_path / "copy"
        soundfile.write(path, song, GRID_SAMPLE_RATE, format=fmt, compression_level=level)
        match = self.find(song, load_audio(path).samples, others)
        assert match.similarity > 0.6
        assert abs(match.offset) < 0.1

    def test_another_sample_rate(self, song, others):
        there = soxr.resample(song, GRID_SAMPLE_RATE, 16000)
        copy = soxr.resample(there, 16000, GRID_SAMPLE_RATE).astype(np.float32)
        assert self.find(song, copy, others).similarity > 0.8

    @pytest.mark.parametrize("start", [0.031, 0.5, 7.77, 12.0])
    def test_an_excerpt(self, song, others, start):
        excerpt = song[round(start * GRID_SAMPLE_RATE) :]
        match = self.find(song, excerpt, others)
        assert match.offset == pytest.approx(start, abs=FRAME_SECONDS)
        assert match.overlap == pytest.approx(SECONDS - start, abs=0.6)
        # even half a frame off, where frames share half of what they hear
        assert match.similarity > 0.6

    def test_a_part_of_a_longer_recording(self, song, others):
        start = melody(99, 9)
        match = self.find(np.concatenate([start, song]), song, others)
        assert match.offset == pytest.approx(9, abs=FRAME_SECONDS)

    def test_a_copy_that_begins_before(self, song, others):
        match = self.find(song[5 * GRID_SAMPLE_RATE :], song, others)
        assert match.offset == pytest.approx(-5, abs=FRAME_SECONDS)


class TestOthers:
    def test_other_songs_are_not_alike(self, others):
        assert matches_of(others) == ()

    def test_nothing_and_silence_are_like_nothing(self):
        nothing, silence = np.zeros(0, np.uint32), np.zeros(300, np.uint32)
        assert matches_of([]) == ()
        assert matches_of([nothing, silence, nothing, silence]) == ()

    def test_steady_tones_are_not_alike(self):
        t = np.arange(30 * GRID_SAMPLE_RATE) / GRID_SAMPLE_RATE
        tones = [0.5 * np.sin(2 * np.pi * f * t) for f in (220, 220.5, 440, 880, 1000, 1001)]
        assert matches_of(map(words_of, tones)) == ()

    def test_noise_is_not_alike(self):
        rng = np.random.default_rng(3)
        noises = [0.1 * rng.normal(size=20 * GRID_SAMPLE_RATE) for _ in range(6)]
        assert matches_of(map(words_of, noises)) == ()

    def test_too_short_an_overlap_is_no_match(self):
        words = random_words(0, 200)
        late = np.concatenate([words[-40:], random_words(1, 160)])
        assert matches_of([words, late]) == ()

    def test_a_weak_likeness_of_a_few_seconds_is_no_match(self):
        # 65 % of 60 frames' bits are equal: 13 standard deviations of coins, and unrelated music
        # gets there; of 400 frames' bits it is 34.
        for n_words, n_matches in ((60, 0), (400, 1)):
            words = random_words(0, n_words)
            copy = flipped(words, 0.35)
            copy[20:30] = words[20:30]
            assert len(matches_of([words, copy])) == n_matches


class TestMatching:
    """On random words, whose matches are known exactly."""

    def test_a_shifted_copy_with_wrong_bits(self):
        words = random_words(0, 6000)
        copy = np.concatenate([random_words(1, 700), flipped(words, 0.05)])
        (match,) = matches_of([random_words(2, 3000), words, copy])
        assert (match.first, match.second) == (1, 2)
        assert match.offset == pytest.approx(-700 * FRAME_SECONDS)
        assert match.similarity == pytest.approx(0.9, abs=0.01)
        assert match.overlap == pytest.approx(6000 * FRAME_SECONDS)

    def test_in_parts_as_at_once(self, monkeypatch):
        prints = [random_words(seed // 2, 300) for seed in range(40)]
        whole = matches_of(prints)
        monkeypatch.setattr(duplicates, "_ENTRIES_AT_ONCE", 1000)
        monkeypatch.setattr(duplicates, "_HITS_AT_ONCE", 7)
        assert matches_of(prints) == whole
        assert pairs_of(whole) == [(n, n + 1) for n in range(0, 40, 2)]

    def test_every_key_is_in_one_part(self):
        with FingerprintStore() as store:
            for seed in range(5):
                store.add(random_words(seed, 300))
            parts = list(store.read_parts(3))
        assert [set((part["key"] % 3).tolist()) for part in parts] == [{0}, {1}, {2}]
        assert sum(map(len, parts)) == 5 * 300
        assert all((np.diff(part["key"].astype(int)) >= 0).all() for part in parts)

    def test_what_is_read_grows_with_the_recordings_and_not_their_square(
        self, tmp_path, monkeypatch
    ):
        n_read: list[int] = []

        class Counted(io.BufferedRandom):
            def read(self, size: int | None = -1, /) -> bytes:
                block = super().read(size)
                n_read.append(len(block))
                return block

        def counted() -> Counted:
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}"
            return Counted(io.FileIO(path, "w+"))

        monkeypatch.setattr(tempfile, "TemporaryFile", counted)
        monkeypatch.setattr(duplicates, "_ENTRIES_AT_ONCE", 500)
        assert matches_of(random_words(seed, 300) for seed in range(40)) == ()
        n_entry_bytes = 40 * 300 * 12
        assert 0 < sum(n_read) <= 3 * n_entry_bytes

    def test_a_chain_joins_very_many_copies(self):
        prints = [random_words(0, 300)] * 100
        matches = matches_of(prints)
        assert len(set(merge_groups(100, pairs_of(matches)).tolist())) == 1
        assert len(matches) < 100 * 17

    def test_a_passage_is_found_in_a_recording_of_an_hour(self):
        hour = random_words(0, 46_000)
        (match,) = matches_of([hour, hour[30_000:30_800]])
        assert match.offset == pytest.approx(30_000 * FRAME_SECONDS)

    def test_nothing_is_left_behind(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        matches_of([random_words(0, 300)] * 2)
        assert not list(tmp_path.iterdir())


@pytest.mark.data
class TestGtzan:
    """The published pairs and titles of GTZAN's clips, from its mel table."""

    def test_the_published_pairs_are_found(self, found, shared_data):
        lines = (shared_data / "gtzan/exact_duplicates.txt").read_text().splitlines()
        published = {frozenset(line.split()) for line in lines if line}
        assert len(published) == 14
        assert published <= found

    def test_further_pairs_are_of_one_title(self, found, shared_data):
        with (shared_data / "gtzan/artists.csv").open(encoding="utf-8", newline="") as stream:
            title = {r["track"]: (r["artist"].lower(), r["title"].lower())
                     for r in csv.DictReader(stream)}  # fmt: skip
        lines = (shared_data / "gtzan/exact_duplicates.txt").read_text().splitlines()
        further = found - {frozenset(line.split()) for line in lines}
        same = [pair for pair in further if len({title[name] for name in pair}) == 1]
        assert len(further) > 40
        # the other one is spelt in two ways: "How Strange" and "How Strang"
        assert len(further) - len(same) <= 1

    @pytest.mark.parametrize("clip", ["jazz/jazz.00007.ogg", "rock/rock.00042.ogg"])
    def test_audio_and_table_give_one_fingerprint(self, table, shared_data, clip: str):
        audio = load_audio(shared_data / "gtzan/audio" / clip, GRID_SAMPLE_RATE)
        (match,) = matches_of([table[Path(clip).stem], words_of(audio.samples)])
        assert match.similarity > 0.8
        assert match.offset == 0
