"""Render the one example song that no musician recorded for us.

``examples/prelude_in_c.mp3`` is the opening of Johann Sebastian Bach's Prelude in C major, BWV 846
(1722, in the public domain), played on a piano made of sine waves. Nothing random is left to
chance: the same versions of numpy, soundfile and libsndfile write the same bytes.

Conventions: pitches are MIDI note numbers (60 = middle C), times are seconds, sounds are float64
arrays of shape ``(n_samples,)`` or, in stereo, ``(n_samples, 2)``.

In it: the score (`PRELUDE`, `score`), the piano (`piano_note`), the room (`reverberate`) and
`render`, which puts them together. Run it from anywhere: ``python tools/render_examples.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

Sound = npt.NDArray[np.float64]

SAMPLE_RATE = 44_100
BAR_DURATION = 2.45
LAST_CHORD_DURATION = 3.4
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

PRELUDE: tuple[tuple[int, int, int, int, int], ...] = (
    (60, 64, 67, 72, 76),
    (60, 62, 69, 74, 77),
    (59, 62, 67, 74, 77),
    (60, 64, 67, 72, 76),
    (60, 64, 69, 76, 81),
    (60, 62, 66, 69, 74),
    (59, 62, 67, 74, 79),
    (59, 60, 64, 67, 72),
    (57, 60, 64, 67, 72),
    (50, 57, 62, 66, 72),
    (55, 59, 62, 67, 71),
)
"""Bars 1 to 11, each a chord from the bass up; every bar but the last breaks it up twice."""

FIGURE = (0, 1, 2, 3, 4, 2, 3, 4)


@dataclass(frozen=True)
class Note:
    """One key stroke: when it sounds, which key, how long it is held, how hard it is struck."""

    onset: float
    pitch: int
    duration: float
    loudness: float


def score() -> Iterator[Note]:
    """Yield the notes of the prelude's first eleven bars, the last as a rolled chord.

    Yields
    ------
    Note
        The notes in the order of their onsets, with the small unevenness of a human hand.
    """
    hand = np.random.default_rng(1722)
    half_bar = BAR_DURATION / 2
    step = half_bar / len(FIGURE)
    for half, chord in enumerate(chord for chord in PRELUDE[:-1] for _ in range(2)):
        swell = 0.8 + 0.2 * np.sin(np.pi * half / 20)
        for position, voice in enumerate(FIGURE):
            onset = half * half_bar + position * step + hand.normal(0, 0.004)
            accent = (1.0, 0.8, 0.7, 0.75, 0.85, 0.65, 0.7, 0.75)[position] + hand.normal(0, 0.03)
            held = half_bar - position * step
            yield Note(max(onset, 0.0), chord[voice], held, swell * accent)
    for voice, pitch in enumerate(PRELUDE[-1]):
        onset = (len(PRELUDE) - 1) * BAR_DURATION + 0.06 + 0.07 * voice
        yield Note(onset, pitch, LAST_CHORD_DURATION - 0.9, 0.8)


def piano_note(note: Note) -> Sound:
    """Return one piano tone: stretched partials that die away at two speeds, and the hammer.

    Parameters
    ----------
    note : Note
        What to play; its onset is not used.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)
        The tone, with 0.35 s after the key is let go.
    """
    t = np.arange(int((note.duration + 0.35) * SAMPLE_RATE)) / SAMPLE_RATE
    fundamental = 440.0 * 2 ** ((note.pitch - 69) / 12)
    stiffness = 2.5e-4 * 2 ** ((note.pitch - 60) / 10)
    tone = np.zeros_like(t)
    for k in range(1, 25):
        frequency = k * fundamental * np.sqrt(1 + stiffness * k * k)
        if frequency > 10_000:
            break
        tone += _partial(t, frequency, k) * np.exp(-frequency / (1500 + 1800 * note.loudness))
    tone += _hammer(t, note.pitch)
    damper = np.exp(-np.maximum(t - note.duration, 0.0) / 0.06)
    attack = np.minimum(t / 0.002, 1.0)
    return note.loudness * attack * damper * tone


def _partial(t: Sound, frequency: float, k: int) -> Sound:
    """Return partial `k` as two strings a third of a hertz apart, whose beating is the piano's."""
    # The hammer strikes at an eighth of the string, where the eighth partial has its node.
    strength = (0.15 + abs(np.sin(np.pi * k / 8))) / k**0.9
    rate = 0.5 + frequency / 900
    envelope = 0.7 * np.exp(-3.5 * rate * t) + 0.3 * np.exp(-0.8 * rate * t)
    strings = np.sin(2 * np.pi * frequency * t) + np.sin(2 * np.pi * (frequency + 0.33) * t + 0.4)
    return np.asarray(strength * envelope * strings)


def _hammer(t: Sound, pitch: int) -> Sound:
    """Return the knock of the felt: 20 ms of noise with the highs smoothed off."""
    noise = np.random.default_rng(pitch).normal(size=t.size)
    smooth = np.convolve(noise, np.hanning(40) / 20, mode="same")
    return np.asarray(0.5 * smooth * np.exp(-t / 0.012))


def reverberate(stereo: Sound) -> Sound:
    """Return the sound as heard in a small hall, as long as it was.

    Parameters
    ----------
    stereo : numpy.ndarray of shape (n_samples, 2)
        The dry sound.

    Returns
    -------
    numpy.ndarray of shape (n_samples, 2)
        The dry sound and a quieter hall of 1.6 s, a different one on either side.
    """
    t = np.arange(int(1.6 * SAMPLE_RATE)) / SAMPLE_RATE
    hall = np.random.default_rng(846).normal(size=(t.size, 2)) * np.exp(-t / 0.28)[:, None]
    hall[: int(0.015 * SAMPLE_RATE)] = 0
    n_fft = 1 << (len(stereo) + len(hall)).bit_length()
    spectrum = np.fft.rfft(hall, n_fft, axis=0)
    spectrum /= 1 + (np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)[:, None] / 2500) ** 2
    wet = np.fft.irfft(np.fft.rfft(stereo, n_fft, axis=0) * spectrum, n_fft, axis=0)
    return stereo + 0.012 * wet[: len(stereo)]


def render() -> Sound:
    """Return the whole prelude, low keys to the left, at nine tenths of full scale.

    Returns
    -------
    numpy.ndarray of shape (n_samples, 2)
        The finished recording, fading out over its last second.
    """
    n_samples = int(((len(PRELUDE) - 1) * BAR_DURATION + LAST_CHORD_DURATION) * SAMPLE_RATE)
    stereo = np.zeros((n_samples, 2))
    for note in score():
        tone = piano_note(note)
        start = int(note.onset * SAMPLE_RATE)
        angle = np.pi / 4 + (note.pitch - 66) / 70
        placed = tone[: n_samples - start, None] * np.array([np.cos(angle), np.sin(angle)])
        stereo[start : start + len(placed)] += placed
    stereo = reverberate(stereo)
    stereo[-SAMPLE_RATE:] *= np.linspace(1, 0, SAMPLE_RATE)[:, None] ** 2
    return np.asarray(0.9 * stereo / np.abs(stereo).max())


def save(path: Path) -> None:
    """Write the prelude to an MP3 file with its title and artist.

    Parameters
    ----------
    path : Path
        The file to write; one that is there is replaced.
    """
    with soundfile.SoundFile(
        path,
        "w",
        samplerate=SAMPLE_RATE,
        channels=2,
        format="MP3",
        bitrate_mode="CONSTANT",
        compression_level=0.72,
    ) as file:
        file.title = "Prelude in C major, BWV 846 (opening)"
        file.artist = "J. S. Bach, rendered by the Generify developers"
        file.write(render())


if __name__ == "__main__":
    save(EXAMPLES / "prelude_in_c.mp3")
