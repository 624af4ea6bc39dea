"""The music tagger: windows of log-mel in, fifty tags out.

It is MSD_musicnn, a small convolutional network that learnt from listeners' tags of 200,000 songs.
Its weights are bundled as ONNX, made by ``tools/convert_musicnn.py``; onnxruntime runs them.

Conventions: samples are mono at :data:`SAMPLE_RATE`; a *frame* is a column of the mel spectrum, 16
ms after the one before; a *window* is 187 frames, 3 s, what the network sees at once. Windows start
every :data:`WINDOW_HOP` frames. Tags are in the order of :data:`TAG_NAMES`, each between 0 and 1,
and do not sum to 1. All arrays have windows as rows.

In it: :class:`Tagger` (windows in, tags or embeddings out), and what makes windows of samples:
:func:`log_mel`, :func:`mel_windows`.

References
----------
.. [1] J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio
   tagging", late-breaking session of the 20th International Society for Music Information
   Retrieval Conference, Delft, 2019, arXiv:1909.06654.
.. [2] J. Pons, O. Nieto, M. Prockup, E. Schmidt, A. Ehmann and X. Serra, "End-to-end learning for
   music audio tagging at scale", Proceedings of the 19th International Society for Music
   Information Retrieval Conference, Paris, 2018.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generify.errors import ParameterError
from generify.inference import open_session
from generify.spectrum import band_spectrogram, mel_filterbank

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = [
    "FRAMES_PER_SECOND",
    "N_EMBEDDING",
    "N_WINDOW_FRAMES",
    "SAMPLE_RATE",
    "TAG_NAMES",
    "WINDOW_HOP",
    "Tagger",
    "log_mel",
    "mel_windows",
]

Floats = NDArray[np.float32]

SAMPLE_RATE = 16000
# Ten windows for 30 s. The published GTZAN tables have 28, a window every 61 frames: that costs
# three times as much and raised cross-validated accuracy by less than a point in trials.
WINDOW_HOP = 183
FRAMES_PER_SECOND = 62.5
N_EMBEDDING = 753

# fmt: off
TAG_NAMES = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s",
    "alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock",
    "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill", "instrumental",
    "punk", "oldies", "blues", "hard rock", "ambient", "acoustic", "experimental",
    "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening", "sexy",
    "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop",
    "sad", "House", "happy",
)
# fmt: on

_N_FFT = 512
_HOP_LENGTH = 256
_N_MELS = 96
N_WINDOW_FRAMES = 187
_BACKBONE = "backbones/msd_musicnn.onnx"

# Power response of kaiser_best (64 zeros, beta 14.77, roll-off 0.9476) over that of soxr HQ when
# resampling to 16 kHz, 7250 to 7750 Hz; beyond, both let less than 2 % pass. Every rate from 22.05
# to 48 kHz gives the same within 0.8 dB.
_ROLL_OFF_BIN = 232
_ROLL_OFF_DB = (
    *(-0.10, -0.19, -0.32, -0.51, -0.78, -1.15, -1.60, -2.13, -2.69),
    *(-3.25, -3.72, -4.05, -4.16, -3.99, -3.47, -2.54, -1.12),
)


@lru_cache(maxsize=1)
def _tagger_bands() -> Floats:
    """Mel bands, weakened at the top as the resampler did that the network learnt with."""
    gain = np.ones(1 + _N_FFT // 2)
    last = _ROLL_OFF_BIN + len(_ROLL_OFF_DB)
    gain[_ROLL_OFF_BIN:last] = 10 ** (np.array(_ROLL_OFF_DB) / 10)
    return (mel_filterbank(SAMPLE_RATE, _N_FFT, _N_MELS) * gain).astype(np.float32)


def log_mel(samples: Floats) -> Floats:
    """Compute the log-mel spectrum that the tagger was trained on.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono samples at :data:`SAMPLE_RATE`, full scale ±1, not empty.

    Returns
    -------
    ndarray of float32, shape (1 + n_samples // 256, 96)
        ``log10(10000 · power + 1)`` in 96 mel bands; 0 in silence.

    Raises
    ------
    ParameterError
        When samples are empty or not one-dimensional.

    Notes
    -----
    Beyond both ends the signal is mirrored. The original resamples with librosa's old
    ``kaiser_best`` filter, which falls off from 7.2 kHz; ours (soxr HQ) does from 7.5 kHz. The
    difference is taken off the spectrum: without that, tags of real songs are wrong by up to 0.11.
    """
    if samples.ndim != 1 or not len(samples):
        raise ParameterError(f"samples must be mono and not empty, got shape {samples.shape}")
    mirrored = np.pad(samples, _N_FFT // 2, mode="reflect" if len(samples) > 1 else "constant")
    n_frames = 1 + len(samples) // _HOP_LENGTH
    bands = band_spectrogram(
        mirrored, _tagger_bands(), hop_length=_HOP_LENGTH, frames=np.arange(1, n_frames + 1)
    )
    mel: Floats = np.log10(np.float32(10000) * bands.T + np.float32(1))
    return mel


def mel_windows(samples: Floats, window_hop: int = WINDOW_HOP) -> Floats:
    """Cut the log-mel spectrum of a stretch into windows.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono samples at :data:`SAMPLE_RATE`.
    window_hop : int
        Frames from one start to the next.

    Returns
    -------
    ndarray of float32, shape (n_windows, 187, 96)
        At least one window; a view, in which overlapping windows share their frames.

    Raises
    ------
    ParameterError
        When samples are not one-dimensional.

    Notes
    -----
    A stretch shorter than a window is repeated until it fills one: short songs were repeated in the
    network's training too, and silence after them would be heard as a tag of its own.
    """
    mel = log_mel(samples)
    if len(mel) < N_WINDOW_FRAMES:
        mel = mel[np.arange(N_WINDOW_FRAMES) % len(mel)]
    views = np.lib.stride_tricks.sliding_window_view(mel, N_WINDOW_FRAMES, axis=0)
    windows: Floats = views[::window_hop].transpose(0, 2, 1)
    return windows


class Tagger:
    """The network: windows of log-mel in, tags or embeddings out.

    The weights are loaded when first used. One tagger may be used by several threads at once.

    Parameters
    ----------
    n_threads : int
        Windows that are run at the same time.

    Raises
    ------
    ParameterError
        When ``n_threads`` is below 1.
    """

    def __init__(self, n_threads: int = 1) -> None:
        if n_threads < 1:
            raise ParameterError(f"n_threads must be 1 or more, got {n_threads}")
        self._n_threads = n_threads

    # two threads that come first at the same time both load it, and one copy is dropped
    @cached_property
    def _session(self) -> InferenceSession:
        graph = files("generify").joinpath(_BACKBONE).read_bytes()
        return open_session(graph, source=_BACKBONE)

    def tags(self, windows: Floats) -> Floats:
        """Tag windows.

        Parameters
        ----------
        windows : ndarray of float32, shape (n_windows, 187, 96)
            Log-mel, as :func:`mel_windows` gives it.

        Returns
        -------
        ndarray of float32, shape (n_windows, 50)
            In the order of :data:`TAG_NAMES`, each between 0 and 1.

        Raises
        ------
        ParameterError
            When windows have another shape, or there are none.
        """
        (tags,) = self._run(windows, ("tags",))
        return tags

    def embeddings(self, windows: Floats) -> tuple[Floats, Floats]:
        """Give what the network knows of windows before it names tags.

        Parameters
        ----------
        windows : ndarray of float32, shape (n_windows, 187, 96)
            Log-mel, as :func:`mel_windows` gives it.

        Returns
        -------
        mean_pool, max_pool : ndarray of float32, shape (n_windows, 753)
            Mean and maximum of each channel over a window.

        Raises
        ------
        ParameterError
            When windows have another shape, or there are none.
        """
        mean_pool, max_pool = self._run(windows, ("mean_pool", "max_pool"))
        return mean_pool, max_pool

    def _run(self, windows: Floats, outputs: tuple[str, ...]) -> tuple[Floats, ...]:
        """Run one window at a time: batches of ten were slower and took three times the memory."""
        if windows.shape[1:] != (N_WINDOW_FRAMES, _N_MELS) or not len(windows):
            raise ParameterError(
                f"windows must have shape (n_windows, {N_WINDOW_FRAMES}, {_N_MELS}) with at "
                f"least one window, got {windows.shape}",
                hint="cut them with mel_windows",
            )
        # Threads within an operator would share a window's small steps: slower than none.
        session = self._session

        def run(window: Floats) -> list[Floats]:
            result: list[Floats] = session.run(
                outputs, {"mel": np.ascontiguousarray(window[np.newaxis])}
            )
            return result

        if self._n_threads == 1:
            results = list(map(run, windows))
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(self._n_threads) as pool:
                results = list(pool.map(run, windows))
        return tuple(np.concatenate(rows) for rows in zip(*results, strict=True))
