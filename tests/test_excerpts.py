"""Which seconds of a song are heard, and what happens where they cannot be."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from generify import excerpts
from generify.audio import Audio
from generify.errors import AudioDecodeError, ParameterError
from generify.excerpts import ExcerptPlan, Excerpts, load_excerpts, mend_levels

RATE = 8000


def song(path: Path, seconds: float, *, silent: tuple[float, float] | None = None) -> Path:
    """A growing hum, so that a sample's size tells its time; silent in between."""
    t = np.arange(round(seconds * RATE)) / RATE
    samples = (0.3 + t / 1000) * np.resize([1, -1], len(t))
    if silent:
        samples[(t >= silent[0]) & (t < silent[1])] = 0
    soundfile.write(path, samples, RATE, subtype="PCM_24")
    return path


def start_of(audio: Audio) -> float:
    return (abs(float(audio.samples[0])) - 0.3) * 1000


@pytest.mark.parametrize("duration", [1.0, 30.0, 60.0])
def test_clips_are_heard_whole(duration: float) -> None:
    assert ExcerptPlan().stretches(duration) == ((0.0, duration),)


@pytest.mark.parametrize("duration", [60.1, 75.0, 120.0, 3600.0])
def test_stretches_lie_in_the_middle_and_apart(duration: float) -> None:
    stretches = ExcerptPlan().stretches(duration)
    assert [length for _, length in stretches] == [10.0] * 3
    starts = [start for start, _ in stretches]
    assert starts[0] == pytest.approx(0.1 * duration)
    assert starts[-1] + 10.0 == pytest.approx(0.9 * duration)
    assert all(b >= a + 10.0 for a, b in itertools.pairwise(starts))


def test_one_stretch_is_the_centre() -> None:
    assert ExcerptPlan(n_stretches=1).stretches(100.0) == ((45.0, 10.0),)


@pytest.mark.parametrize(
    "wrong", [{"n_stretches": 0}, {"stretch": 0.5}, {"middle": 0.0}, {"middle": 1.1}]
)
def test_plans_that_hear_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="an excerpt plan needs n_stretches >= 1"):
        ExcerptPlan(**wrong)  # type: ignore[arg-type]


def test_clip(tmp_path: Path) -> None:
    heard = load_excerpts(song(tmp_path / "clip.wav", 5.0))
    assert (len(heard.stretches), heard.analysed, heard.duration) == (1, 5.0, 5.0)
    assert heard.warnings == ()


def test_long_song(tmp_path: Path) -> None:
    heard = load_excerpts(str(song(tmp_path / "song.flac", 100.0)))
    assert (heard.analysed, heard.duration, heard.warnings) == (30.0, 100.0, ())
    assert [start_of(s) for s in heard.stretches] == pytest.approx([10.0, 45.0, 80.0], abs=1e-3)
    assert [s.start for s in heard.stretches] == [10.0, 45.0, 80.0]


def test_plan_of_one_stretch(tmp_path: Path) -> None:
    heard = load_excerpts(song(tmp_path / "song.wav", 100.0), ExcerptPlan(n_stretches=1))
    assert [start_of(s) for s in heard.stretches] == pytest.approx([45.0], abs=1e-3)


def test_song_is_too_short_for_its_stretches(tmp_path: Path) -> None:
    plan = ExcerptPlan(n_stretches=5, whole_up_to=20.0)
    assert load_excerpts(song(tmp_path / "song.wav", 45.0), plan).analysed == 45.0


def test_resampled_once() -> None:
    heard = Excerpts.from_samples(np.ones(2 * RATE, np.float32), RATE)
    assert heard.analysed == heard.duration == 2.0
    (samples,) = heard.at(16000)
    assert len(samples) == 32000
    assert heard.at(16000)[0] is samples
    assert heard.at(RATE)[0] is heard.stretches[0].samples


def test_one_silent_stretch_is_no_error(tmp_path: Path) -> None:
    heard = load_excerpts(song(tmp_path / "song.wav", 100.0, silent=(40.0, 60.0)))
    assert heard.analysed == 30.0
    assert not heard.stretches[1].samples.any()


def test_silent_in_all_stretches(tmp_path: Path) -> None:
    path = song(tmp_path / "silence.wav", 100.0, silent=(5.0, 95.0))
    with pytest.raises(AudioDecodeError, match=r"silence\.wav: is silent in all stretches"):
        load_excerpts(path)


def test_dither_of_a_long_song_is_silence(tmp_path: Path) -> None:
    dither = np.random.default_rng(0).choice([-1, 1], 90 * RATE) * 1.1 / 2**15
    soundfile.write(tmp_path / "dither.wav", dither, RATE, subtype="PCM_16")
    with pytest.raises(AudioDecodeError, match="is silent"):
        load_excerpts(tmp_path / "dither.wav")


def test_silent_clip(tmp_path: Path) -> None:
    with pytest.raises(AudioDecodeError, match="is silent"):
        load_excerpts(song(tmp_path / "silence.wav", 5.0, silent=(0.0, 5.0)))


def truncated_flac(path: Path, seconds: float, fraction: float) -> Path:
    """Noise packs to the same size everywhere, so a fraction of the bytes is that of the time."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * RATE))
    soundfile.write(path, noise, RATE)
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * fraction)])
    return path


def test_missing_stretches_are_left_out(tmp_path: Path) -> None:
    heard = load_excerpts(truncated_flac(tmp_path / "truncated.flac", 100.0, 0.7))
    assert [s.start for s in heard.stretches] == [10.0, 45.0]
    assert heard.duration == 100.0
    assert heard.warnings == (
        "1 of 3 stretches could not be decoded, 20.0 s were heard; "
        "the file is damaged or cut short",
    )


@pytest.mark.parametrize("fraction", [0.08, 0.14])
def test_beginning_where_the_stretches_are_missing(tmp_path: Path, fraction: float) -> None:
    heard = load_excerpts(truncated_flac(tmp_path / "truncated.flac", 100.0, fraction))
    assert heard.stretches[0].start == 0.0
    assert heard.analysed == pytest.approx(100.0 * fraction, abs=1.2)
    assert any("stretches could not be decoded" in w for w in heard.warnings)


def test_nothing_left(tmp_path: Path) -> None:
    with pytest.raises(AudioDecodeError, match=r"truncated\.flac: (only|nothing|looks like)"):
        load_excerpts(truncated_flac(tmp_path / "truncated.flac", 100.0, 0.008))


def test_under_a_second(tmp_path: Path) -> None:
    with pytest.raises(AudioDecodeError, match=r"only 0\.50 s of sound"):
        load_excerpts(song(tmp_path / "short.wav", 0.5))


def test_only_the_plan_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    load = excerpts.load_audio

    def counting(path: Path, **kwargs: float) -> Audio:
        asked.append((kwargs["start"], kwargs["duration"]))
        return load(path, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(excerpts, "load_audio", counting)
    load_excerpts(song(tmp_path / "song.wav", 100.0))
    assert asked == [(10.0, 10.0), (45.0, 10.0), (80.0, 10.0)]


# ------------------------------------------------------------------ levels


def stretch(samples: np.ndarray) -> Audio:
    return Audio(samples.astype(np.float32), RATE, len(samples) / RATE)


def hum(peak: float = 1.0, offset: float = 0.0) -> np.ndarray:
    return peak * np.sin(np.arange(RATE) * 2 * np.pi * 100 / RATE) + offset


@pytest.mark.parametrize(("peak", "offset"), [(0.26, 0.0), (1.9, 0.0), (0.5, 0.02)])
def test_usual_levels_are_left_alone(peak: float, offset: float) -> None:
    usual = [stretch(hum(peak, offset)), stretch(hum(peak / 10))]
    assert all(a is b for a, b in zip(mend_levels(usual), usual, strict=True))


@pytest.mark.parametrize("peak", [2e-4, 0.24, 2.1, 32768.0, 1e38])
def test_unusual_levels_get_the_usual_rms(peak: float) -> None:
    (mended,) = mend_levels([stretch(hum(peak))])
    # a sine's RMS is its peak over the root of two
    np.testing.assert_allclose(mended.samples, hum(0.1 * np.sqrt(2)), atol=1e-5)
    assert (mended.sample_rate, mended.duration) == (RATE, 1.0)


def test_all_stretches_get_the_same_gain() -> None:
    loud, quiet = mend_levels([stretch(hum(0.02)), stretch(hum(0.01))])
    np.testing.assert_allclose(loud.samples, 2 * quiet.samples, rtol=1e-4)


def test_a_click_is_not_raised_above_full_scale() -> None:
    (mended,) = mend_levels([stretch(0.01 * np.eye(1, RATE, 50)[0])])
    assert mended.samples.max() == pytest.approx(1.0)


def test_an_offset_is_taken_away() -> None:
    (mended,) = mend_levels([stretch(hum(0.5, 0.4))])
    np.testing.assert_allclose(mended.samples, hum(0.5), atol=1e-6)


def test_silence_stays_silence() -> None:
    (mended,) = mend_levels([stretch(np.zeros(RATE))])
    assert not mended.samples.any()
    assert mend_levels([]) == []


def test_a_song_is_mended_when_it_is_loaded(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", hum(1e-3, 0.5), RATE, subtype="FLOAT")
    (heard,) = load_excerpts(tmp_path / "quiet.wav").stretches
    np.testing.assert_allclose(heard.samples, hum(0.1 * np.sqrt(2)), atol=1e-3)
