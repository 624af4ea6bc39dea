"""Noise and pure tones, told by their spectrum before any model is asked.

A tagger has never heard a test tone and calls it something. Two measures of the spectrum know
better; speech, animals and everything else that is nearer to music is left to novelty.

In it: :func:`flatness_and_tonality`, :func:`describe_non_music`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generify.spectrum import power_spectrogram

__all__ = ["CHECK_SAMPLE_RATE", "describe_non_music", "flatness_and_tonality"]

CHECK_SAMPLE_RATE = 22050

_N_FFT = 2048
# 30 Hz to 10 kHz: above, codecs leave nothing, and what they leave differs
_HEARD = slice(3, 930)
_PARTIAL = 3  # bins to either side of the strongest that the window's main lobe spreads to
_QUIET = 1e-6  # frames 60 dB below the loudest say nothing
_MOST_FLAT = 0.35  # 401 real clips reach 0.15; white noise has 0.56, clicks 1
_MOST_TONAL = 0.9  # 401 real clips reach 0.79; a pure tone has 1


def flatness_and_tonality(samples: NDArray[np.float32]) -> tuple[float, float]:
    """Measure how noise-like and how tone-like a sound is.

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mono samples at :data:`CHECK_SAMPLE_RATE`, not silent.

    Returns
    -------
    flatness : float
        Geometric over arithmetic mean of a frame's power, 0 to 1; white noise has 0.56.
    tonality : float
        Share of a frame's power in its strongest partial, 0 to 1; a pure tone has 1.

    Notes
    -----
    Both are medians over frames of 93 ms that are not 60 dB below the loudest.

    References
    ----------
    .. [1] J. D. Johnston, "Transform coding of audio signals using perceptual noise criteria", IEEE
       Journal on Selected Areas in Communications 6(2), 1988.
    """
    power = power_spectrogram(samples, n_fft=_N_FFT, hop_length=_N_FFT).T + np.float32(1e-12)
    loudness = power.sum(axis=1)
    frames = power[loudness > _QUIET * loudness.max()]
    heard = frames[:, _HEARD]
    flatness = np.exp(np.log(heard).mean(axis=1)) / heard.mean(axis=1)
    near = frames.argmax(axis=1)[:, np.newaxis] + np.arange(-_PARTIAL, _PARTIAL + 1)
    inside = (near >= 0) & (near < frames.shape[1])
    partials = np.take_along_axis(frames, near.clip(0, frames.shape[1] - 1), axis=1) * inside
    tonality = partials.sum(axis=1) / loudness[loudness > _QUIET * loudness.max()]
    return float(np.median(flatness)), float(np.median(tonality))


def describe_non_music(stretches: Sequence[NDArray[np.float32]]) -> str:
    """Say what a sound is that cannot be music.

    Parameters
    ----------
    stretches : sequence of ndarray of float32, each of shape (n_samples,)
        The heard stretches at :data:`CHECK_SAMPLE_RATE`.

    Returns
    -------
    str
        ``"noise"`` or ``"a pure tone"``; empty for all that may be music.
    """
    flatness, tonality = flatness_and_tonality(np.concatenate(stretches))
    if flatness > _MOST_FLAT:
        return "noise"
    return "a pure tone" if tonality > _MOST_TONAL else ""
