"""One contract for songs of every odd kind: a sensible answer or a clear refusal, never NaN.

Each is made of one of the example songs, or of nothing but mathematics, and given to both bundled
models, with and without a timeline. Warnings count as errors here as everywhere in the tests.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from generify.audio import load_audio, resample
from generify.errors import AudioDecodeError
from generify.model import GenreModel, list_models, load_model
from generify.prediction import Prediction, predict

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
RATE = 44100
SECONDS = 6

Samples = NDArray[np.float64]
Odd = Callable[[Samples], tuple[Samples, int, str]]


def _time(seconds: float = 3.0) -> Samples:
    return np.arange(round(seconds * RATE)) / RATE


def _noise(seconds: float = 3.0) -> Samples:
    return np.random.default_rng(0).normal(0, 0.2, round(seconds * RATE))


def _as_is(change: Callable[[Samples], Samples], subtype: str = "PCM_16") -> Odd:
    return lambda song: (change(song), RATE, subtype)


def _at(rate: int) -> Odd:
    return lambda song: (resample(song.astype(np.float32), RATE, rate), rate, "PCM_16")


def _tone(hertz: float) -> Odd:
    return _as_is(lambda _: 0.5 * np.sin(2 * np.pi * hertz * _time()))


def _first(seconds: float) -> Odd:
    return _as_is(lambda song: song[: round(seconds * RATE)])


# The same music: the answer may not change.
SAME: dict[str, Odd] = {
    "22.05 kHz": _at(22050),
    "96 kHz": _at(96000),
    "192 kHz": _at(192000),
    "stereo": _as_is(lambda song: np.stack([song, song], axis=1)),
    "six channels": _as_is(lambda song: np.stack([song] * 6, axis=1)),
    "offset": _as_is(lambda song: 0.5 * song + 0.4),
    "-40 dB": _as_is(lambda song: 0.01 * song),
    "-60 dB": _as_is(lambda song: 0.001 * song, "PCM_24"),
    "8 bits": _as_is(lambda song: song, "PCM_U8"),
    "scaled like integers": _as_is(lambda song: 32768 * song, "FLOAT"),
    "1e30 times full scale": _as_is(lambda song: 1e30 * song, "FLOAT"),
}
# Music that has lost something, and what is no music.
SPOILT: dict[str, Odd] = {
    "1 s": _first(1.0),
    "1.5 s": _first(1.5),
    "less than a window": _first(2.9),
    "4 kHz": _at(4000),
    "8 kHz": _at(8000),
    "11.025 kHz": _at(11025),
    "clipped": _as_is(lambda song: np.clip(20 * song, -1, 1)),
    "nearly silent": _as_is(lambda song: 1.5e-4 * song / np.abs(song).max()),
    "one channel of two": _as_is(lambda song: np.stack([song, 0 * song], axis=1)),
    "silence first": _as_is(lambda song: np.r_[np.zeros(20 * RATE), song[: 3 * RATE]]),
    "one click": _as_is(lambda _: np.eye(1, 3 * RATE, RATE)[0]),
    "square wave": _as_is(lambda _: np.sign(np.sin(2 * np.pi * 440 * _time()))),
    "a step": _as_is(lambda _: np.where(_time() < 1, 0.0, 0.5)),
    "100 Hz": lambda _: (_noise()[:500], 100, "PCM_16"),
    "1 Hz": lambda _: (_noise()[:20], 1, "PCM_16"),
}
NO_MUSIC: dict[str, Odd] = {
    "white noise": _as_is(lambda _: _noise()),
    **{f"tone of {hertz} Hz": _tone(hertz) for hertz in (20, 440, 10_000)},
}
REFUSED: dict[str, tuple[Odd, str]] = {
    "half a second": (_first(0.5), r"odd\.wav: only 0\.50 s of sound, at least 1 s is needed"),
    "silence": (_as_is(lambda song: 0 * song), r"odd\.wav: is silent \(its peak is below -80 dBFS"),
    "offset alone": (_as_is(lambda song: 0 * song + 0.5), r"odd\.wav: is silent"),
    "below -80 dB": (_as_is(lambda song: 9e-5 * song, "FLOAT"), r"odd\.wav: is silent"),
    "opposite channels": (
        _as_is(lambda song: np.stack([song, -song], axis=1)),
        r"odd\.wav: is silent",
    ),
    **{
        f"a sample of {value}": (
            _as_is(lambda song, value=value: np.r_[song, value], "FLOAT"),  # type: ignore[misc]
            r"odd\.wav: holds samples that are not numbers \(NaN or infinite\)",
        )
        for value in (np.nan, np.inf)
    },
}
ANSWERED = {**SAME, **SPOILT, **NO_MUSIC}


@pytest.fixture(scope="module", params=list_models())
def model(request: pytest.FixtureRequest) -> GenreModel:
    return load_model(str(request.param))


@pytest.fixture(scope="module")
def music() -> Samples:
    """Six seconds of metal, about which the western model has no doubt."""
    song = load_audio(EXAMPLES / "war_of_freedom.mp3", start=8, duration=SECONDS)
    assert song.sample_rate == RATE
    return song.samples.astype(float) / np.abs(song.samples).max()


def write(odd: Odd, music: Samples, folder: Path) -> Path:
    path = folder / "odd.wav"
    samples, rate, subtype = odd(music)
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def check_answer(result: Prediction, model: GenreModel) -> None:
    ways = [result.genres, *(slot.genres for slot in result.timeline or ())]
    for genres in ways:
        values = np.array([g.probability for g in genres])
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.sum() == pytest.approx(1, abs=1e-5)
        assert {g.genre for g in genres} == set(model.genres)
    assert all(np.isfinite(style.score) for style in result.styles)
    assert result.unknown == (result.genre is None)


@pytest.mark.parametrize("timeline", [False, True], ids=["song", "timeline"])
@pytest.mark.parametrize("name", ANSWERED)
def test_an_answer(
    name: str, timeline: bool, music: Samples, model: GenreModel, tmp_path: Path
) -> None:
    path = write(ANSWERED[name], music, tmp_path)
    result = predict(path, model, timeline=timeline)
    check_answer(result, model)
    assert bool(result.timeline) == timeline


@pytest.mark.parametrize("timeline", [False, True], ids=["song", "timeline"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal(
    name: str, timeline: bool, music: Samples, model: GenreModel, tmp_path: Path
) -> None:
    odd, message = REFUSED[name]
    with pytest.raises(AudioDecodeError, match=message) as caught:
        predict(write(odd, music, tmp_path), model, timeline=timeline)
    assert caught.value.hint
    told = "channels of opposite sign cancel" in caught.value.hint
    assert told == (name == "opposite channels")


@pytest.mark.parametrize("name", SAME)
def test_the_same_music_gets_the_same_answer(
    name: str, music: Samples, model: GenreModel, tmp_path: Path
) -> None:
    wanted = predict(write(_as_is(lambda song: song), music, tmp_path), model)
    found = predict(write(SAME[name], music, tmp_path), model)
    assert (found.genre, found.unknown) == (wanted.genre, wanted.unknown)
    assert found.genres[0].genre == wanted.genres[0].genre
    assert found.warnings == wanted.warnings


@pytest.mark.parametrize("name", ["offset", "-40 dB", "-60 dB", "scaled like integers"])
def test_a_timeline_hears_the_same_music_too(name: str, music: Samples, tmp_path: Path) -> None:
    timeline = predict(write(SAME[name], music, tmp_path), "western", timeline=True).timeline
    assert timeline is not None
    assert {slot.genre for slot in timeline} == {"metal"}


@pytest.mark.parametrize(("rate", "kept"), [(8000, "4 kHz"), (11025, "5.5125 kHz")])
def test_a_narrow_band_is_told(rate: int, kept: str, music: Samples, tmp_path: Path) -> None:
    """This song stays nearest to its genre; of GTZAN's validation clips at 8 kHz a third do not."""
    result = predict(write(_at(rate), music, tmp_path), "western")
    assert result.genres[0].genre == "metal"
    assert result.warnings[0] == f"has a sample rate of {rate} Hz, so nothing above {kept} is heard"


@pytest.mark.parametrize("name", NO_MUSIC)
def test_what_is_no_music_is_unknown(
    name: str, music: Samples, model: GenreModel, tmp_path: Path
) -> None:
    result = predict(write(NO_MUSIC[name], music, tmp_path), model)
    assert result.unknown
    sound = "noise" if "noise" in name else "a pure tone"
    assert result.doubt == f"it sounds like {sound}, not like music"
    assert result.warnings == (f"{result.doubt}, so its percentages mean nothing here",)


# ------------------------------------------------------------------ memory

MOST_MEMORY_KB = 300_000
_STATUS = Path("/proc/self/status")
# The high-water mark of the process itself: what getrusage gives includes the parent's.
_PREDICT = """
import re, sys
from generify.prediction import predict
result = predict(sys.argv[1], sys.argv[2])
status = open("/proc/self/status").read()
print(result.duration, re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])
"""


@pytest.fixture(scope="module")
def hour(music: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mix of an hour: six seconds, again and again."""
    path, rate = tmp_path_factory.mktemp("hour") / "hour.flac", RATE // 2
    part = resample(music.astype(np.float32), RATE, rate)
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        for _ in range(3600 // SECONDS):
            file.write(part)
    return path


@pytest.mark.skipif(not _STATUS.exists(), reason="the system does not tell a process's memory")
def test_an_hour_is_heard_in_little_memory(hour: Path, model: GenreModel) -> None:
    command = [sys.executable, "-c", _PREDICT, str(hour), model.card.name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    duration, peak_kb = map(float, done.stdout.split())
    assert duration == pytest.approx(3600)
    assert peak_kb < MOST_MEMORY_KB
