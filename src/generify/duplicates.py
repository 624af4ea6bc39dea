"""Which recordings are the same, whatever their format, level, bit rate and first second.

A recording's *fingerprint* is a word of 32 bits for each frame of the shared grid
(:mod:`generify.mel_grid`, 12.9 frames a second). Each bit says whether the difference in level
between two neighbouring bands rose or fell within a third of a second. That survives lossy coding,
resampling, filtering, noise and another volume; another key it does not survive, nor a speed that
differs by more than two percent.

Words that two recordings share are found by sorting, not by comparing all pairs, and each such hit
is checked in the five seconds around it before the whole overlap is measured. Fingerprints wait on
disk meanwhile, so memory does not grow with the number of recordings.

In it: :func:`band_powers`, :func:`fingerprint`, :class:`FingerprintStore`, :func:`find_matches`,
:class:`Match`.

References
----------
J. Haitsma and T. Kalker, "A highly robust audio fingerprinting system", ISMIR, 2002 (bits from
differences across bands and time, candidates from equal words; bands, times, smoothing and the
search on disk are our own).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from generify.mel_grid import GRID_HOP_LENGTH, GRID_SAMPLE_RATE, grid_frames

__all__ = [
    "BLOCK_SAMPLES",
    "FRAME_SECONDS",
    "N_BANDS",
    "FingerprintStore",
    "Match",
    "Words",
    "band_powers",
    "find_matches",
    "fingerprint",
]

Floats = NDArray[np.float32]
Words = NDArray[np.uint32]
"""A fingerprint: 32 bits a frame; 0 where there is nothing to hear."""

# 2586 hops hold 775 grid frames exactly, so blocks of this length (60 s) join without a seam.
BLOCK_SAMPLES = 2586 * GRID_HOP_LENGTH
FRAME_SECONDS = BLOCK_SAMPLES / GRID_SAMPLE_RATE / len(grid_frames(BLOCK_SAMPLES))

# From 0.1 kHz, where small loudspeakers and hum begin, to 7 kHz, which every codec keeps.
_BAND_EDGES = np.round(np.linspace(4, 112, 34)).astype(np.intp)
N_BANDS = len(_BAND_EDGES) - 1
_FLOOR_DB = -65.0
# A band that changes less says nothing: silence, a steady tone, what a filter emptied.
_STILL_DB = 0.1
_MAX_STILL = 8
_HEARD_DB = -40.0  # below the loudest moment: frames without a band above it say nothing
# Frames of two copies lie up to half a step apart, so neighbours are blurred into each other.
_BLUR = 2.0  # frames, standard deviation
_BLUR_REACH = math.ceil(3 * _BLUR)
_CHANGE = 4  # frames between the levels compared, 0.3 s
_REACH = _BLUR_REACH + _CHANGE  # frames to each side that a word can depend on, and more
_FRAMES_AT_ONCE = 1 << 12  # 5 minutes

# The 24 lower bits, up to 3.5 kHz, differ least between copies; 20 bits make ten times the hits.
_KEY_MASK = np.uint32(0xFFFFFF)
_KEYS_PER_RECORDING = 1024  # of longer ones those with the lowest hash, the same in every copy
_HASH = np.uint32(2654435761)  # Knuth's multiplicative hash
_NEIGHBOURS = 16  # hits followed from each of the recordings that share a word
_ENTRIES_AT_ONCE = 1 << 20
_HITS_AT_ONCE = 1 << 16

# Unrelated clips agree in 50 % of bits, with a spread twice that of coins. Of all pairs of GTZAN's
# clips, unrelated ones reach a strength of 13, copies and shifted excerpts begin at 25.
_MIN_STRENGTH = 20.0
_MIN_SIMILARITY = 0.2
_CHECKED = 4 * np.arange(16)  # frames around a hit: neighbours hardly differ, every fourth will do
_MIN_CHECKED = 13  # so that 4 s are needed
_MIN_LOCAL_SIMILARITY = 0.28
_LAGS_TRIED = 3

_ENTRY = np.dtype([("key", "<u4"), ("number", "<u4"), ("frame", "<u4")])


@dataclass(frozen=True)
class Match:
    """Two recordings that sound the same where they overlap.

    Attributes
    ----------
    first, second : int
        Their numbers, in the order in which they were added; ``first < second``.
    offset : float
        Seconds into the first at which the second begins; negative when it begins before.
    similarity : float
        1 for equal fingerprints, 0 for what chance gives.
    overlap : float
        Seconds in which both are heard.
    """

    first: int
    second: int
    offset: float
    similarity: float
    overlap: float


def band_powers(mel: Floats) -> Floats:
    """Join mel bands into the 33 bands that fingerprints are made of.

    Parameters
    ----------
    mel : ndarray of float32, shape (128, n_frames)
        Mel power (not dB) on the shared grid.

    Returns
    -------
    ndarray of float32, shape (33, n_frames)
        Power in each band.
    """
    sums: Floats = np.add.reduceat(mel, _BAND_EDGES, axis=0)[:-1]
    return sums


def fingerprint(bands: Floats) -> Words:
    """Turn the levels of a recording into its fingerprint.

    Parameters
    ----------
    bands : ndarray of float32, shape (33, n_frames)
        Powers of the whole recording, from :func:`band_powers`; may be mapped from disk.

    Returns
    -------
    ndarray of uint32, shape (n_frames,)
        A word a frame; 0 where it is silent or where there is no neighbour to compare with.

    Notes
    -----
    Works on a few minutes at a time: beyond the result, memory does not grow with the length.
    """
    n_frames = bands.shape[1]
    words = np.zeros(n_frames, np.uint32)
    loudest = np.float32(bands.max(initial=0.0))
    if n_frames <= _CHANGE or not loudest > 0:
        return words
    for start in range(0, n_frames, _FRAMES_AT_ONCE):
        stop = min(start + _FRAMES_AT_ONCE, n_frames)
        first, last = max(0, start - _REACH), min(stop + _REACH, n_frames)
        words[start:stop] = _words(bands[:, first:last], loudest)[start - first : stop - first]
    return words


def _words(bands: Floats, loudest: np.float32) -> Words:
    """Give the words of a stretch, true from ``_REACH`` frames within its ends."""
    words = np.zeros(bands.shape[1], np.uint32)
    levels = 10 * np.log10(np.maximum(bands / loudest, 10 ** (_FLOOR_DB / 10)))
    heard = levels.max(axis=0) > _HEARD_DB
    blurred = _blur(levels)
    contrast = blurred[:-1] - blurred[1:]
    change = contrast[:, _CHANGE:] - contrast[:, :-_CHANGE]
    bits = np.packbits(change.T > 0, axis=1, bitorder="little")
    middle = slice(_CHANGE // 2, -(_CHANGE - _CHANGE // 2))
    telling = heard[middle] & ((np.abs(change) < _STILL_DB).sum(axis=0) <= _MAX_STILL)
    found = np.ascontiguousarray(bits).view("<u4")[:, 0]
    words[middle] = np.where(telling, np.maximum(found, 1), 0)
    return words


@lru_cache(maxsize=1)
def _kernel() -> NDArray[np.float64]:
    kernel = np.exp(-0.5 * (np.arange(-_BLUR_REACH, _BLUR_REACH + 1) / _BLUR) ** 2)
    normalised: NDArray[np.float64] = kernel / kernel.sum()
    return normalised


def _blur(levels: Floats) -> NDArray[np.float64]:
    padded = np.pad(levels, ((0, 0), (_BLUR_REACH, _BLUR_REACH)), mode="edge")
    return np.stack([np.convolve(row, _kernel(), mode="valid") for row in padded])


class FingerprintStore:
    """Fingerprints in temporary files, in the order in which they were added.

    To be used in a ``with`` statement; nothing of it is left behind.
    """

    def __init__(self) -> None:
        self._open = ExitStack()
        self._starts = [0]
        self.n_entries = 0

    def __enter__(self) -> FingerprintStore:
        """Open the files."""
        self._words: BinaryIO = self._open.enter_context(tempfile.TemporaryFile())
        self._entries: BinaryIO = self._open.enter_context(tempfile.TemporaryFile())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the files."""
        self._open.close()

    def __len__(self) -> int:
        """Count the fingerprints."""
        return len(self._starts) - 1

    def add(self, words: Words) -> int:
        """Keep a fingerprint.

        Parameters
        ----------
        words : ndarray of uint32, shape (n_frames,)
            From :func:`fingerprint`; empty for a recording that nothing is like.

        Returns
        -------
        int
            Its number, counted from 0.
        """
        number = len(self)
        frames = _key_frames(words)
        entries = np.empty(len(frames), _ENTRY)
        entries["key"] = words[frames] & _KEY_MASK
        entries["number"] = number
        entries["frame"] = frames
        self._words.write(words.astype("<u4").tobytes())
        self._entries.write(entries.tobytes())
        self._starts.append(self._starts[-1] + len(words))
        self.n_entries += len(entries)
        return number

    def read_words(self) -> tuple[Words, NDArray[np.int64]]:
        """Give all fingerprints, one behind the other.

        Returns
        -------
        words : ndarray of uint32, shape (n_words,)
            Mapped from disk, not read into memory.
        starts : ndarray of int, shape (n_recordings + 1,)
            Where each begins, and the end.
        """
        self._words.flush()
        starts = np.array(self._starts, np.int64)
        if not starts[-1]:
            return np.zeros(0, np.uint32), starts
        return np.memmap(self._words, dtype="<u4", mode="r", shape=(int(starts[-1]),)), starts

    def read_parts(self, n_parts: int) -> Iterator[NDArray[np.void]]:
        """Give all keys, in parts that share none.

        Parameters
        ----------
        n_parts : int
            How many parts there are.

        Yields
        ------
        ndarray with the fields ``key``, ``number`` and ``frame``, shape (n_entries,)
            Sorted by key, equal keys by number.

        Notes
        -----
        Each key is read three times and written once, however many parts there are.
        """
        sizes = np.zeros(n_parts, np.int64)
        for entries in self._read_entries():
            sizes += np.bincount(entries["key"] % n_parts, minlength=n_parts)
        with tempfile.TemporaryFile() as sorted_entries:
            self._write_parts(sorted_entries, sizes)
            sorted_entries.seek(0)
            for size in sizes.tolist():
                part = np.frombuffer(sorted_entries.read(size * _ENTRY.itemsize), _ENTRY)
                yield part[np.argsort(part["key"], kind="stable")]

    def _read_entries(self) -> Iterator[NDArray[np.void]]:
        self._entries.seek(0)
        while block := self._entries.read(_ENTRIES_AT_ONCE * _ENTRY.itemsize):
            yield np.frombuffer(block, _ENTRY)

    def _write_parts(self, file: BinaryIO, sizes: NDArray[np.int64]) -> None:
        """Write the keys of each part together, the parts one behind the other."""
        ends = np.cumsum(sizes) - sizes
        for entries in self._read_entries():
            parts = entries["key"] % len(sizes)
            entries = entries[np.argsort(parts, kind="stable")]
            counts = np.bincount(parts, minlength=len(sizes))
            for part, some in enumerate(np.split(entries, np.cumsum(counts)[:-1])):
                file.seek(int(ends[part]) * _ENTRY.itemsize)
                file.write(some.tobytes())
            ends += counts


def _key_frames(words: Words) -> NDArray[np.intp]:
    """Choose the frames by which a recording is looked up: each key once, not too many."""
    heard = np.flatnonzero(words)
    keys, first = np.unique(words[heard] & _KEY_MASK, return_index=True)
    if len(keys) > _KEYS_PER_RECORDING:
        first = first[np.argsort(keys * _HASH, kind="stable")[:_KEYS_PER_RECORDING]]
    return heard[first]


def find_matches(store: FingerprintStore) -> tuple[Match, ...]:
    """Find all pairs of recordings that sound the same where they overlap.

    Parameters
    ----------
    store : FingerprintStore
        The fingerprints.

    Returns
    -------
    tuple of Match
        Sorted by number. Of very many copies of one recording not every pair is given, but a chain
        of pairs joins them all.

    Notes
    -----
    Time grows with the number of recordings and of equal words by chance among them. The overlap
    has to be 4 s at least.
    """
    words, starts = store.read_words()
    finder = _Finder(words, starts)
    n_parts = 1 + store.n_entries // _ENTRIES_AT_ONCE
    hits = [finder.check(_sharing(entries)) for entries in store.read_parts(n_parts)]
    found = (finder.best_match(*pair) for pair in _by_pair(np.concatenate(hits)))
    return tuple(match for match in found if match is not None)


Hits = NDArray[np.int64]
"""Rows of (first, second, frame of the first, frame of the second)."""


def _sharing(entries: NDArray[np.void]) -> Iterator[Hits]:
    """Pair the recordings that share a key, each with the next few."""
    keys = entries["key"]
    for step in range(1, min(_NEIGHBOURS, len(keys) - 1) + 1):
        rows = np.flatnonzero(keys[step:] == keys[:-step])
        for start in range(0, len(rows), _HITS_AT_ONCE):
            one = entries[rows[start : start + _HITS_AT_ONCE]]
            two = entries[rows[start : start + _HITS_AT_ONCE] + step]
            columns = (one["number"], two["number"], one["frame"], two["frame"])
            yield np.stack(columns, axis=1).astype(np.int64)


def _by_pair(found: Hits) -> Iterator[tuple[int, int, list[int]]]:
    """Give each pair once, with the lags at which it was hit most often."""
    rows, counts = np.unique(found, axis=0, return_counts=True)
    order = np.lexsort((-counts, rows[:, 1], rows[:, 0]))
    rows = rows[order]
    new = np.flatnonzero(np.any(np.diff(rows[:, :2], axis=0, prepend=-1), axis=1))
    for start, end in pairwise([*new.tolist(), len(rows)]):
        first, second, _ = rows[start]
        yield int(first), int(second), rows[start : min(end, start + _LAGS_TRIED), 2].tolist()


class _Finder:
    """Compares fingerprints where they may be alike."""

    def __init__(self, words: Words, starts: NDArray[np.int64]) -> None:
        self._words = words
        self._starts = starts

    def check(self, hits: Iterator[Hits]) -> NDArray[np.int64]:
        """Keep hits whose surroundings are alike, as rows of (first, second, lag)."""
        kept = [self._alike(some) for some in hits]
        return np.concatenate([np.empty((0, 3), np.int64), *kept])

    def _alike(self, hits: Hits) -> NDArray[np.int64]:
        first, second, i, j = hits.T
        behind = np.minimum(i, j)
        ahead = np.minimum(self._length(first) - i, self._length(second) - j)
        span = int(_CHECKED[-1]) + 1
        # Around the hit, but moved to lie within both recordings where they are long enough.
        start = np.maximum(-behind, np.minimum(-span // 2, ahead - span))
        moves = start[:, None] + _CHECKED
        inside = moves < ahead[:, None]
        moves = np.where(inside, moves, 0)
        one = self._words[(self._starts[first] + i)[:, None] + moves]
        two = self._words[(self._starts[second] + j)[:, None] + moves]
        valid = inside & (one != 0) & (two != 0)
        n_valid = valid.sum(axis=1)
        n_unequal = np.where(valid, np.bitwise_count(one ^ two), 0).sum(axis=1)
        similarity = 1 - n_unequal / np.maximum(16 * n_valid, 1)
        alike = (n_valid >= _MIN_CHECKED) & (similarity >= _MIN_LOCAL_SIMILARITY)
        kept: NDArray[np.int64] = np.stack((first, second, i - j), axis=1)[alike]
        return kept

    def _length(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._starts[numbers + 1] - self._starts[numbers]

    def best_match(self, first: int, second: int, lags: list[int]) -> Match | None:
        """Measure two recordings at some lags and their neighbours; None when they are unlike."""
        tried = {lag + step for lag in lags for step in (-1, 0, 1)}
        scores = [(*self._compare(first, second, lag), lag) for lag in sorted(tried)]
        similarity, n_frames, lag = max(scores, key=lambda score: score[0] * math.sqrt(score[1]))
        strength = similarity * math.sqrt(32 * n_frames)
        if strength < _MIN_STRENGTH or similarity < _MIN_SIMILARITY:
            return None
        return Match(first, second, lag * FRAME_SECONDS, similarity, n_frames * FRAME_SECONDS)

    def _compare(self, first: int, second: int, lag: int) -> tuple[float, int]:
        """Give the similarity at one lag, and the frames it rests on."""
        one = self._words[self._starts[first] : self._starts[first + 1]]
        two = self._words[self._starts[second] : self._starts[second + 1]]
        one, two = one[max(0, lag) :], two[max(0, -lag) :]
        n_frames = min(len(one), len(two))
        one, two = one[:n_frames], two[:n_frames]
        valid = (one != 0) & (two != 0)
        n_valid = int(valid.sum())
        n_unequal = int(np.bitwise_count(one ^ two)[valid].sum(dtype=np.int64))
        return 1 - n_unequal / max(16 * n_valid, 1), n_valid
