"""One file heard from its first to its last sample, and what that told.

A file is decoded a minute at a time, and its spectrum waits in a temporary file (6 MB an hour), so
of what grows with its length only the fingerprint is in memory (0.2 MB an hour). What was heard is
kept in the cache under the digest of the whole file, so that an interrupted run goes on where it
was, and a byte that changed on disk is noticed although size and time are the same.

In it: :class:`Recording`, :func:`listen`, :func:`in_parallel`.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from generify.audio import Audio, load_audio, probe_audio, resample
from generify.cache import CacheEntry, FeatureCache, make_key
from generify.containers import sniff_format
from generify.content import file_digest
from generify.cores import n_cores
from generify.duplicates import BLOCK_SAMPLES, N_BANDS, Words, band_powers, fingerprint
from generify.errors import AudioDecodeError, ParameterError
from generify.mel_grid import (
    GRID_HOP_LENGTH,
    GRID_N_FFT,
    GRID_N_MELS,
    GRID_SAMPLE_RATE,
    grid_frames,
)
from generify.spectrum import mel_spectrogram

__all__ = ["SHORTEST", "Recording", "in_parallel", "listen"]

_VERSION = 1
_BLOCK_SECONDS = BLOCK_SAMPLES / GRID_SAMPLE_RATE
# Less than this is how codecs round; the decoders may have nothing there.
_SHORTFALL = 0.1
SHORTEST = 1.0  # seconds; the decoders refuse less
_SILENT_PEAK = 1e-4  # -80 dBFS
_FULL_SCALE = 0.999
_WAITING = 4  # files queued for each thread: enough to keep all busy, few enough to stop at once

Floats = NDArray[np.float32]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Recording:
    """What was heard in one file.

    Attributes
    ----------
    digest : str
        SHA-256 of the whole file; empty when it cannot be read.
    format : str
        What it is by its first bytes, as in :func:`generify.containers.sniff_format`; empty when
        they tell nothing.
    duration : float
        Seconds that were decoded.
    complaint : str
        Why it cannot be decoded, or not to its end; empty when it can.
    peak : float
        Loudest sample, full scale 1.
    silent : float
        Share of its seconds that are silent, peaks below -80 dBFS.
    clipped : float
        Share of its samples at full scale.
    samples : str
        Digest of the decoded samples, equal for one recording in two lossless formats; empty when
        it cannot be decoded.
    words : ndarray of uint32, shape (n_frames,)
        Its fingerprint.
    """

    digest: str = ""
    format: str = ""
    duration: float = 0.0
    complaint: str = ""
    peak: float = 0.0
    silent: float = 0.0
    clipped: float = 0.0
    samples: str = ""
    words: Words = field(default_factory=lambda: np.zeros(0, np.uint32), compare=False)

    def to_entry(self) -> CacheEntry:
        """Pack it for the cache.

        Returns
        -------
        CacheEntry
            The bits of the fingerprint as floats, the rest as notes.
        """
        notes = asdict(self)
        del notes["words"]
        return CacheEntry(self.words.view(np.float32), notes)

    @classmethod
    def from_entry(cls, entry: CacheEntry) -> Recording:
        """Unpack what :meth:`to_entry` made.

        Parameters
        ----------
        entry : CacheEntry
            From the cache.

        Returns
        -------
        Recording
            The same as was packed.
        """
        notes: dict[str, Any] = dict(entry.notes)
        return cls(**notes, words=entry.array.view(np.uint32))


def listen(path: str | Path, cache: FeatureCache | None = None) -> Recording:
    """Hear a file from its first to its last sample.

    Parameters
    ----------
    path : str or Path
        Any file.
    cache : FeatureCache, optional
        Where to look first, and to keep what was heard.

    Returns
    -------
    Recording
        Also for a file that cannot be read or decoded; ``complaint`` says why.

    Raises
    ------
    CacheError
        When the cache cannot be written.
    """
    try:
        digest = file_digest(path)
    except OSError as err:
        return Recording(complaint=f"cannot be read: {err.strerror or err}")
    key = make_key("recording", _VERSION, digest)
    known = cache.get(key) if cache is not None else None
    if known is not None:
        return Recording.from_entry(known)
    heard = _hear(path, digest)
    if cache is not None:
        cache.put(key, heard.to_entry())
    return heard


class _Tally:
    """What is counted and collected from block to block.

    Parameters
    ----------
    bands : binary file
        Where band powers are collected, frame after frame; empty.
    """

    def __init__(self, bands: BinaryIO) -> None:
        self.seconds = 0.0
        self.n_samples = self.n_clipped = self.n_seconds = self.n_silent = 0
        self.peak = 0.0
        self._bands = bands
        self._n_frames = 0
        self.digest = hashlib.sha256()

    def add(self, audio: Audio) -> None:
        """Take in one block."""
        samples, rate = audio.samples, audio.sample_rate
        self.digest.update(rate.to_bytes(4, "big") + samples.astype("<f4", copy=False).tobytes())
        self.seconds += len(samples) / rate
        self.n_samples += len(samples)
        seconds = np.arange(0, len(samples), rate)
        highest, lowest = (f.reduceat(samples, seconds) for f in (np.maximum, np.minimum))
        self.peak = max(self.peak, float(highest.max()), -float(lowest.min()))
        self.n_seconds += len(seconds)
        # a constant offset is no sound, as in generify.audio.is_silent
        self.n_silent += int((highest - lowest < 2 * _SILENT_PEAK).sum())
        self.n_clipped += int((np.abs(samples) >= _FULL_SCALE).sum())
        bands = _bands(resample(samples, rate, GRID_SAMPLE_RATE))
        self._bands.write(bands.T.astype(np.float32, copy=False).tobytes())
        self._n_frames += bands.shape[1]

    def words(self) -> Words:
        """Give the fingerprint of all blocks so far."""
        self._bands.flush()
        shape = (self._n_frames, N_BANDS)
        return fingerprint(np.memmap(self._bands, np.float32, mode="r", shape=shape).T)


def _bands(samples: Floats) -> Floats:
    mel = mel_spectrogram(
        samples,
        GRID_SAMPLE_RATE,
        n_fft=GRID_N_FFT,
        hop_length=GRID_HOP_LENGTH,
        n_mels=GRID_N_MELS,
        frames=grid_frames(len(samples)),
    )
    return band_powers(mel)


def _hear(path: str | Path, digest: str) -> Recording:
    with tempfile.TemporaryFile() as bands:
        return _heard(path, digest, _Tally(bands))


def _heard(path: str | Path, digest: str, tally: _Tally) -> Recording:
    complaint, duration = "", 0.0
    try:
        info = probe_audio(path)
        complaint, duration = "; ".join(info.warnings), info.duration
        for block in _blocks(path, duration):
            tally.add(block)
            complaint = complaint or "; ".join(block.warnings)
    except AudioDecodeError as err:
        complaint = complaint or _without_name(path, err)
    fmt = sniff_format(path) or ""
    if not tally.n_samples:
        return Recording(digest, fmt, duration, complaint)
    return Recording(
        digest=digest,
        format=fmt,
        duration=tally.seconds,
        complaint=complaint,
        peak=tally.peak,
        silent=tally.n_silent / tally.n_seconds,
        clipped=tally.n_clipped / tally.n_samples,
        samples=tally.digest.hexdigest(),
        words=tally.words(),
    )


def _blocks(path: str | Path, duration: float) -> Iterator[Audio]:
    """Decode a file a minute at a time; nothing of one that is too short to be decoded."""
    start = 0.0
    while max(start, SHORTEST - _SHORTFALL) < duration - _SHORTFALL:
        block = load_audio(path, start=start, duration=_BLOCK_SECONDS, allow_silence=True)
        yield block
        start += _BLOCK_SECONDS


def _without_name(path: str | Path, error: AudioDecodeError) -> str:
    # The cache knows a file by its content; where it lies now is for the reader to say.
    message = " ".join(str(error).split())
    return message.removeprefix(f"{path}: ").replace(f"{path}", Path(path).name)


def in_parallel(job: Callable[[T], R], items: Iterable[T], jobs: int = 0) -> Iterator[R]:
    """Do a job for many items in threads, a few at a time.

    Parameters
    ----------
    job : callable
        What to do with an item.
    items : iterable
        The items.
    jobs : int
        Threads; 0 stands for one per core.

    Yields
    ------
    object
        What the job gave for each item, in their order.

    Raises
    ------
    ParameterError
        When ``jobs`` is negative.

    Notes
    -----
    Threads serve as well as processes do: decoding, resampling and the Fourier transform let others
    work meanwhile. Few items are waiting at any time, so memory does not grow with their number.
    """
    if jobs < 0:
        raise ParameterError(f"jobs must be 0 or more, got {jobs}")
    n_threads = jobs or n_cores()
    pool = ThreadPoolExecutor(max_workers=n_threads)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(job, item))
            if len(waiting) >= n_threads * _WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
