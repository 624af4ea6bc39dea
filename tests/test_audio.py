"""Decoding: what comes out of every format, and what is said about files that cannot be heard."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from generify import audio as audio_module
from generify import decoders
from generify.audio import is_audio, is_silent, load_audio, probe_audio, resample
from generify.containers import mp3_duration, parse_mp3_frame, sniff_format
from generify.decoders import PyavDecoder, SoundfileDecoder
from generify.errors import AudioDecodeError, ParameterError

RATE = 44100
SECONDS = 6.0


def chirp(seconds: float = SECONDS, rate: int = RATE) -> NDArray[np.float32]:
    """A tone that rises by 300 Hz a second from 400 Hz, so that its pitch tells the time."""
    t = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (400 * t + 150 * t * t))).astype(np.float32)


def time_of(samples: NDArray[np.float32], rate: int) -> float:
    """When in the chirp a stretch begins, from its pitch around its middle."""
    middle = len(samples) // 2
    part = samples[middle - rate // 10 : middle + rate // 10]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 18))
    pitch = np.argmax(spectrum) * rate / (1 << 18)
    return float((pitch - 400) / 300 - middle / rate)


def encode(path: Path, codec: str, samples: NDArray[np.float32], container: str) -> Path:
    """Encode a stereo file with PyAV, or skip where the codec is not built in."""
    av = pytest.importorskip("av")
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no encoder {codec}")
    rate = 48000 if codec == "libopus" else RATE
    with av.open(str(path), "w", format=container) as out:
        try:
            stream = out.add_stream(codec, rate=rate, layout="stereo")
        except ValueError:
            pytest.skip(f"this build of FFmpeg only decodes {codec}")
        if codec == "wmav2":
            stream.bit_rate = 128_000
        stereo = np.stack([samples, samples])
        resampler = av.AudioResampler(
            stream.format, "stereo", rate, frame_size=stream.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(stereo, format="fltp", layout="stereo")
        frame.sample_rate = RATE
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, chirp(), RATE)
    return path


@pytest.fixture(scope="session")
def mp3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mp3") / "song.mp3"
    soundfile.write(path, chirp(20.0), RATE, format="MP3")
    return path


def first_frame(data: bytes) -> int:
    """Where the first MPEG frame of a file without tags before it begins."""
    return next(i for i in range(len(data)) if parse_mp3_frame(data[i : i + 4]))


def without_xing(data: bytes) -> bytes:
    """Remove the frame that states the length of an MP3."""
    at = first_frame(data)
    frame = parse_mp3_frame(data[at : at + 4])
    assert frame is not None
    assert data[at : at + frame.length].find(b"Info") > 0 or b"Xing" in data[at : at + frame.length]
    return data[at + frame.length :]


# --- every format -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "form", "subtype", "fmt"),
    [
        ("a.wav", "WAV", "PCM_16", "WAV"),
        ("a.wav", "WAV", "PCM_U8", "WAV"),
        ("a.wav", "WAV", "DOUBLE", "WAV"),
        ("a.au", "AU", "PCM_16", "AU"),
        ("a.aiff", "AIFF", "PCM_24", "AIFF"),
        ("a.flac", "FLAC", "PCM_24", "FLAC"),
        ("a.ogg", "OGG", "VORBIS", "OGG"),
        ("a.opus", "OGG", "OPUS", "OPUS"),
        ("a.mp3", "MP3", "MPEG_LAYER_III", "MP3"),
        ("a.caf", "CAF", "PCM_16", "CAF"),
        ("a.w64", "W64", "PCM_16", "W64"),
    ],
)
def test_soundfile_formats(tmp_path: Path, name: str, form: str, subtype: str, fmt: str) -> None:
    path, rate = tmp_path / name, 48000
    soundfile.write(path, chirp(rate=rate), rate, format=form, subtype=subtype)
    info = probe_audio(path)
    assert (info.format, info.sample_rate, info.n_channels) == (fmt, rate, 1)
    assert (info.decoder, info.warnings, info.path) == ("soundfile", (), str(path))
    assert info.duration == pytest.approx(SECONDS, abs=0.05)
    assert is_audio(path)
    whole = load_audio(str(path))
    assert whole.warnings == ()
    assert whole.samples.dtype == np.float32
    np.testing.assert_allclose(
        whole.samples[rate : 2 * rate], chirp(rate=rate)[rate : 2 * rate], atol=0.05
    )


@pytest.mark.parametrize(
    ("name", "codec", "container", "fmt"),
    [
        ("a.m4a", "aac", "ipod", "M4A"),
        ("a.mp4", "aac", "mp4", "MP4"),
        ("a.m4a", "alac", "ipod", "M4A"),
        ("a.aac", "aac", "adts", "AAC"),
        ("a.wma", "wmav2", "asf", "WMA"),
        ("a.webm", "libopus", "webm", "WEBM"),
        ("a.wv", "wavpack", "wv", "WAVPACK"),
        ("a.tta", "tta", "tta", "TTA"),
        ("a.ts", "mp2", "mpegts", "unknown"),
    ],
)
def test_pyav_formats(tmp_path: Path, name: str, codec: str, container: str, fmt: str) -> None:
    path = encode(tmp_path / name, codec, chirp(), container)
    info = probe_audio(path)
    assert (info.format, info.decoder, info.n_channels) == (fmt, "pyav", 2)
    assert info.duration == pytest.approx(SECONDS, abs=0.1)
    assert is_audio(path) == (fmt != "unknown")
    stretch = load_audio(path, 44100, start=2.25, duration=2.0)
    assert len(stretch.samples) == 88200
    assert np.sqrt(np.mean(stretch.samples**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    # Bare AAC and WMA do not say how long their encoder's delay is: up to 50 ms.
    assert time_of(stretch.samples, 44100) == pytest.approx(2.25, abs=0.06)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_both_decoders_give_the_same_full_scale(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([chirp(), -0.5 * chirp()], axis=1), RATE, subtype=subtype)
    ours = PyavDecoder().read(path, 1.0, 1.0)
    theirs = SoundfileDecoder().read(path, 1.0, 1.0)
    np.testing.assert_allclose(ours.samples, theirs.samples, atol=1e-6)
    assert ours.sample_rate == theirs.sample_rate == RATE


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "surround.wav"
    loudness = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    soundfile.write(path, np.tile(loudness, (RATE, 1)), RATE, subtype="FLOAT")
    assert probe_audio(path).n_channels == 6
    audio = load_audio(path, allow_silence=True)
    np.testing.assert_allclose(audio.samples, 0.25, atol=1e-6)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.au"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_sixteen_bits_lose_nothing(tmp_path: Path, name: str, n_channels: int) -> None:
    steps = np.random.default_rng(0).integers(-32768, 32768, (RATE, n_channels), dtype=np.int16)
    soundfile.write(tmp_path / name, steps, RATE, subtype="PCM_16")
    expected = steps.sum(axis=1, dtype=np.float64) / (32768 * n_channels)
    np.testing.assert_array_equal(load_audio(tmp_path / name).samples, expected)


def test_what_was_probed_is_not_probed_again(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info, expected = probe_audio(wav), load_audio(wav, start=1.0)
    monkeypatch.setattr(audio_module, "probe_audio", None)
    np.testing.assert_array_equal(load_audio(wav, start=1.0, info=info).samples, expected.samples)


@pytest.mark.parametrize("rate", [8000, 22050, 96000, 192000])
def test_any_rate_in_any_rate_out(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, chirp(3.0, rate), rate)
    audio = load_audio(path, 16000)
    assert (len(audio.samples), audio.sample_rate) == (48000, 16000)
    np.testing.assert_allclose(audio.samples[8000:40000], chirp(3.0, 16000)[8000:40000], atol=1e-3)


def test_native_rate_is_kept(wav: Path) -> None:
    assert load_audio(wav).sample_rate == RATE


@pytest.mark.parametrize("name", ["song.mp3", "song.xyz", "song"])
def test_type_is_told_by_content(tmp_path: Path, name: str) -> None:
    path = encode(tmp_path / name, "aac", chirp(), "ipod")
    assert probe_audio(path).format == "M4A"
    assert len(load_audio(path).samples) / RATE == pytest.approx(SECONDS, abs=0.05)


def test_wav_named_raw(wav: Path) -> None:
    raw = wav.rename(wav.with_suffix(".raw"))
    assert len(load_audio(raw).samples) == SECONDS * RATE


@pytest.mark.parametrize("name", ["a%03d?#.wav", "http:x.flac", "漢字 ü.mp3", "concat:a|b.m4a"])
def test_odd_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name == "nt":
        pytest.skip("Windows does not allow these names")
    monkeypatch.chdir(tmp_path)
    if name.endswith("m4a"):
        encode(Path("song"), "aac", chirp(), "ipod").rename(name)
    else:
        soundfile.write("song", chirp(), RATE, format=name[-4:].strip(".").upper())
        Path("song").rename(name)
    assert load_audio(name).duration == pytest.approx(SECONDS, abs=0.05)


def test_name_that_is_no_unicode(wav: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux allows names of any bytes")
    path = Path(os.fsdecode(os.fsencode(wav.parent) + b"/\xff.wav"))
    wav.rename(path)
    assert probe_audio(path).decoder == "soundfile"
    assert len(load_audio(path).samples) == SECONDS * RATE


# --- only the seconds asked for -----------------------------------------------------------------


@pytest.mark.parametrize("decoder", [SoundfileDecoder(), PyavDecoder()], ids=lambda d: d.name)
@pytest.mark.parametrize("start", [0.0, 0.4, 7.123, 15.0])
def test_seeking_in_mp3_is_sample_exact(
    mp3: Path, decoder: SoundfileDecoder | PyavDecoder, start: float
) -> None:
    whole = decoder.read(mp3, 0.0, None).samples
    first = round(start * RATE)
    part = decoder.read(mp3, start, 2.0).samples
    assert len(part) == 2 * RATE
    np.testing.assert_allclose(part, whole[first : first + 2 * RATE], atol=1e-4)


@pytest.mark.parametrize("form", ["MP3", "FLAC", "OGG", "OPUS", "WAV"])
def test_blocks_join_without_a_seam(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "song"
    container, subtype = ("OGG", form) if form == "OPUS" else (form, None)
    soundfile.write(path, chirp(rate=48000), 48000, format=container, subtype=subtype)
    whole = SoundfileDecoder().read(path, 0.0, None).samples
    monkeypatch.setattr(decoders, "_BLOCK_FRAMES", 50_000)
    np.testing.assert_allclose(SoundfileDecoder().read(path, 0.0, None).samples, whole, atol=1e-4)


def test_both_decoders_agree_on_mp3(mp3: Path) -> None:
    ours, theirs = PyavDecoder().read(mp3, 3.0, 10.0), SoundfileDecoder().read(mp3, 3.0, 10.0)
    np.testing.assert_allclose(ours.samples, theirs.samples, atol=1e-4)


def test_less_is_returned_at_the_end(wav: Path) -> None:
    audio = load_audio(wav, start=4.5, duration=10.0)
    assert len(audio.samples) == 1.5 * RATE
    assert (audio.start, audio.duration, audio.warnings) == (4.5, SECONDS, ())
    assert len(load_audio(wav, start=5.5).samples) == 0.5 * RATE
    assert len(load_audio(wav, duration=float("inf")).samples) == SECONDS * RATE


def test_only_the_asked_blocks_are_read(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, frames = soundfile.SoundFile.read, []

    def counting(self: soundfile.SoundFile, n: int, *args: object, **kwargs: object) -> object:
        frames.append(n)
        return read(self, n, *args, **kwargs)

    monkeypatch.setattr(soundfile.SoundFile, "read", counting)
    load_audio(wav, start=2.0, duration=1.0)
    assert sum(frames) == RATE


def test_mp3_needs_half_a_second_more(mp3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, frames = soundfile.SoundFile.read, []

    def counting(self: soundfile.SoundFile, n: int, *args: object, **kwargs: object) -> object:
        frames.append(n)
        return read(self, n, *args, **kwargs)

    monkeypatch.setattr(soundfile.SoundFile, "read", counting)
    load_audio(mp3, start=10.0, duration=1.0)
    assert sum(frames) == 1.5 * RATE


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"start": -1.0}, "start must be 0 s or more, got -1.0"),
        ({"start": float("nan")}, "start must be 0 s or more, got nan"),
        ({"duration": 0.0}, "duration must be above 0 s, got 0.0"),
        ({"duration": -2.0}, "duration must be above 0 s, got -2.0"),
        ({"sample_rate": 0}, "sample_rate must be above 0 Hz, got 0"),
        ({"start": 6.0}, r"start is 6.0 s, but .*song.wav is only 6.0 s long"),
    ],
)
def test_parameters_are_checked(wav: Path, arguments: dict[str, float], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        load_audio(wav, **arguments)  # type: ignore[arg-type]


# --- files that lie about their length ----------------------------------------------------------


def test_length_of_mp3_without_header_is_counted(tmp_path: Path) -> None:
    """Silence first makes the bit rate low, from which libsndfile guesses a far longer song."""
    path = tmp_path / "no_xing.mp3"
    samples = np.concatenate([np.zeros(5 * RATE, np.float32), 0.3 * np.sign(chirp(15.0))])
    soundfile.write(
        path, samples, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5
    )
    path.write_bytes(without_xing(path.read_bytes()))
    guessed = soundfile.info(path).duration
    if abs(guessed - 20.0) < 0.5:
        pytest.skip("this libsndfile does not guess")
    info = probe_audio(path)
    assert info.duration == pytest.approx(20.05, abs=0.06)
    audio = load_audio(path)
    assert len(audio.samples) / RATE == pytest.approx(info.duration, abs=0.1)
    assert audio.warnings == ()
    # 1105 samples of encoder delay stay in, since nothing states them.
    late = load_audio(path, start=17.0, duration=2.0)
    assert len(late.samples) == 2 * RATE
    np.testing.assert_allclose(late.samples, audio.samples[17 * RATE : 19 * RATE], atol=1e-3)


def test_stated_and_counted_length_agree(mp3: Path, tmp_path: Path) -> None:
    stated = mp3_duration(mp3)
    bare = tmp_path / "no_xing.mp3"
    bare.write_bytes(without_xing(mp3.read_bytes()))
    counted = mp3_duration(bare)
    assert stated is not None
    assert counted is not None
    assert (stated.stated, counted.stated) == (True, False)
    assert counted.duration == pytest.approx(stated.duration, abs=0.03)


def test_truncated_mp3(mp3: Path, tmp_path: Path) -> None:
    path = tmp_path / "truncated.mp3"
    data = mp3.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    text = r"^\d+\.\d s of 20\.\d s are in the file; it is damaged or cut short$"
    info = probe_audio(path)
    assert info.duration == pytest.approx(10.0, abs=0.1)
    audio = load_audio(path)
    assert audio.duration == pytest.approx(info.duration, abs=0.1)
    assert audio.warnings == info.warnings
    assert len(audio.warnings) == 1
    assert re.match(text, audio.warnings[0])


@pytest.mark.parametrize(("form", "whole"), [("WAV", 6.0), ("AU", 6.0), ("AIFF", 6.0)])
def test_truncated_pcm(tmp_path: Path, form: str, whole: float) -> None:
    path = tmp_path / f"truncated.{form.lower()}"
    soundfile.write(path, chirp(whole), RATE, format=form, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[: 3 * RATE * 2 + 44])
    audio = load_audio(path)
    assert audio.duration == pytest.approx(3.0, abs=0.01)
    assert audio.warnings == ("3.0 s of 6.0 s are in the file; it is damaged or cut short",)


def test_truncated_flac_is_decoded_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "truncated.flac"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE)
    soundfile.write(path, noise, RATE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    audio = load_audio(path)
    assert 4.5 < len(audio.samples) / RATE < 5.0
    np.testing.assert_allclose(audio.samples[:RATE], noise[:RATE], atol=1e-4)
    assert audio.duration == 10.0
    assert audio.warnings == (
        f"{len(audio.samples) / RATE:.1f} s of 10.0 s could be decoded; "
        "the file is damaged or cut short",
    )
    with pytest.raises(
        AudioDecodeError, match=r"nothing could be decoded from 8\.0 s on \(soundfile: .*; pyav: "
    ):
        load_audio(path, start=8.0, duration=1.0)


def test_mp3_with_flipped_bits_is_recovered(mp3: Path, tmp_path: Path) -> None:
    path = tmp_path / "flipped_bits.mp3"
    data = bytearray(mp3.read_bytes())
    chance = random.Random(0)
    for _ in range(80):
        data[chance.randrange(8000, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    alone = SoundfileDecoder().read(path, 0.0, None)
    both = load_audio(path)
    assert len(both.samples) / RATE > 19.0
    assert len(both.samples) >= len(alone.samples)


def test_native_libraries_stay_quiet(mp3: Path, tmp_path: Path) -> None:
    path = tmp_path / "flipped_bits.mp3"
    data = bytearray(mp3.read_bytes())
    chance = random.Random(0)
    for _ in range(80):
        data[chance.randrange(8000, len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    code = (
        "import sys; from generify.audio import load_audio; load_audio(sys.argv[1]);"
        "print('mine', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    if os.name == "nt":
        pytest.skip("Windows has no variable to exchange")
    assert (done.stdout, done.stderr.strip()) == ("", "mine")


# --- files that cannot be heard -----------------------------------------------------------------


def failing(path: Path) -> AudioDecodeError:
    with pytest.raises(AudioDecodeError) as caught:
        load_audio(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert caught.value.hint
    return caught.value


def test_missing(tmp_path: Path) -> None:
    assert str(failing(tmp_path / "missing.mp3")).endswith("missing.mp3: no such file")
    with pytest.raises(AudioDecodeError, match="no such file"):
        probe_audio(str(tmp_path / "missing.mp3"))


def test_folder_named_like_a_song(tmp_path: Path) -> None:
    folder = tmp_path / "x.wav"
    folder.mkdir()
    assert "is a folder, not an audio file" in str(failing(folder))
    assert not is_audio(folder)


def test_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "zero_bytes.wav"
    path.touch()
    assert "is empty (0 bytes)" in str(failing(path))


def test_no_permission(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so chmod proves nothing
    assert "no permission to read it" in str(failing(wav))
    assert not is_audio(wav)


def test_fifo_is_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    assert "is not a regular file" in str(failing(path))


def test_null_byte_in_path() -> None:
    with pytest.raises(AudioDecodeError, match=r"cannot be read \(.*null"):
        load_audio("a\0b.wav")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"this is no song\n" * 500, "a text"),
        ("this is no song\n".encode("utf-16") * 500, ""),
        (b"<!DOCTYPE html><p>404</p>" * 100, "a web page"),
        (bytes(50_000), ""),
        (random.Random(3).randbytes(100_000), ""),
        (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n", "a text"),
    ],
    ids=["text", "utf16", "html", "zeros", "noise", "playlist"],
)
@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".m4a"])
def test_not_audio(tmp_path: Path, content: bytes, kind: str, suffix: str) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_bytes(content)
    message = str(failing(path))
    if kind:
        assert message == f"{path}: is {kind}, no audio"
    else:
        assert "is not an audio file that can be decoded (soundfile: " in message
        assert "; pyav: " in message
    assert "File does not exist" not in message
    assert not is_audio(path)


def test_film_without_sound(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        picture = np.zeros((64, 64, 3), np.uint8)
        for _ in range(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    assert "holds no sound (no audio stream, only video)" in str(failing(path))


def test_picture(tmp_path: Path) -> None:
    path = tmp_path / "cover.mp3"
    path.write_bytes(bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(1000))
    assert str(failing(path)) == f"{path}: is a picture (PNG), no audio"


def test_m4a_without_its_end(tmp_path: Path) -> None:
    path = encode(tmp_path / "truncated.m4a", "aac", chirp(), "ipod")
    path.write_bytes(path.read_bytes()[:20_000])
    error = failing(path)
    assert "looks like M4A but cannot be decoded (pyav: " in str(error)
    assert "damaged or cut short" in error.hint


@pytest.mark.parametrize("peak", [0.0, 5e-5])
def test_silence(tmp_path: Path, peak: float) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, peak * chirp() / 0.5, RATE, subtype="FLOAT")
    assert "is silent (its peak is below -80 dBFS)" in str(failing(path))
    assert len(load_audio(path, allow_silence=True).samples) == SECONDS * RATE


def test_quiet_music_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "quiet.wav"
    soundfile.write(path, 2e-3 * chirp(), RATE, subtype="PCM_16")
    assert not is_silent(load_audio(path).samples)


def test_an_offset_is_no_sound(tmp_path: Path) -> None:
    assert is_silent(np.full(RATE, 0.5, np.float32))
    assert not is_silent(np.full(RATE, 0.5, np.float32) + chirp(1.0).astype(np.float32) / 1000)


def test_channels_that_cancel_each_other_are_told(tmp_path: Path) -> None:
    path = tmp_path / "opposite.wav"
    soundfile.write(path, np.stack([chirp(), -chirp()], axis=1), RATE)
    assert "channels of opposite sign cancel each other out" in failing(path).hint


def test_dithered_silence_is_silent() -> None:
    step = 2.0**-15
    chance = np.random.default_rng(0)
    dither = chance.uniform(-step, step, RATE) + chance.uniform(-step, step, RATE)
    assert is_silent((np.round(dither / step) * step).astype(np.float32))
    assert is_silent(np.zeros(0, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    path = tmp_path / "nan.wav"
    samples = chirp()
    samples[1000] = value
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    assert "holds samples that are not numbers" in str(failing(path))


def test_under_a_second(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, chirp(0.5), RATE)
    assert "only 0.50 s of sound, at least 1 s is needed" in str(failing(path))


# --- small functions ----------------------------------------------------------------------------


def test_resampling_keeps_a_tone() -> None:
    t = np.arange(22050) / 22050
    tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    out = resample(tone, 22050, 16000)
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[2000:-2000], expected[2000:-2000], atol=1e-4)
    assert resample(tone, 22050, 22050) is tone
    assert len(resample(np.zeros(0, np.float32), 22050, 16000)) == 0
    with pytest.raises(ParameterError, match="above 0 Hz, got 22050 and 0"):
        resample(tone, 22050, 0)


@pytest.mark.parametrize(
    ("header", "length", "n_samples", "rate"),
    [
        ("fffb9000", 417, 1152, 44100),  # MPEG 1 layer III, 128 kbit/s: 144 · 128000 / 44100
        ("fffb9200", 418, 1152, 44100),  # the same, padded
        ("fff38000", 208, 576, 22050),  # MPEG 2 layer III, 64 kbit/s: 72 · 64000 / 22050
        ("fffd8000", 417, 1152, 44100),  # MPEG 1 layer II, 128 kbit/s
        ("ffff4000", 136, 384, 44100),  # MPEG 1 layer I, 128 kbit/s, slots of four bytes
    ],
)
def test_frame_header(header: str, length: int, n_samples: int, rate: int) -> None:
    frame = parse_mp3_frame(bytes.fromhex(header))
    assert frame is not None
    assert (frame.length, frame.n_samples, frame.sample_rate) == (length, n_samples, rate)


@pytest.mark.parametrize(
    "header", ["", "ffff", "00000000", "fffb0000", "fffbf000", "fffb9c00", "ffe99000"]
)
def test_no_frame_header(header: str) -> None:
    assert parse_mp3_frame(bytes.fromhex(header)) is None


@pytest.mark.parametrize(
    "before", [b"", b"ID3\x04\0\0\0\0\x10\0" + bytes(2048), bytes(3000), b"\xab" * 300]
)
def test_mp3_behind_tags_and_junk(mp3: Path, tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "a.mp3"
    data = mp3.read_bytes()
    path.write_bytes(before + data[first_frame(data) :])
    assert sniff_format(path) == "MP3"
    assert is_audio(path)
    assert load_audio(path).duration == pytest.approx(20.0, abs=0.1)


def test_photos_are_no_songs(tmp_path: Path) -> None:
    path = tmp_path / "photo.m4a"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    assert not is_audio(path)


@pytest.mark.data
def test_real_clips(shared_data: Path) -> None:
    clips = [*shared_data.glob("gtzan/lossless/*/*"), *shared_data.glob("indian/audio/*/*")]
    assert len(clips) > 30
    for clip in clips:
        audio = load_audio(clip, 22050, start=5.0, duration=2.0)
        assert len(audio.samples) == 44100
        assert audio.warnings == ()


def test_pyav_is_not_imported_for_what_soundfile_reads(wav: Path) -> None:
    code = (
        "import sys; from generify.audio import load_audio; load_audio(sys.argv[1]);"
        "sys.exit('av' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(wav)]).returncode == 0
