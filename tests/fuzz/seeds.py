"""Short songs, one of every format that Generify reads and something here can write.

In it: :func:`make_seeds`, :func:`encode`, :func:`sound`.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from fuzz.mutations import with_serial

RATE = 16000
SECONDS = 1.6

# Name → libsndfile's format and subtype, sample rate, channels.
_SOUNDFILE: Mapping[str, tuple[str, str, int, int]] = {
    "wav-u8": ("WAV", "PCM_U8", RATE, 1),
    "wav-s16": ("WAV", "PCM_16", RATE, 2),
    "wav-s24": ("WAV", "PCM_24", RATE, 1),
    "wav-float": ("WAV", "FLOAT", RATE, 1),
    "wav-ulaw": ("WAV", "ULAW", RATE, 1),
    "wav-ima": ("WAV", "IMA_ADPCM", RATE, 1),
    "wav-ms": ("WAV", "MS_ADPCM", RATE, 1),
    "wav-gsm": ("WAV", "GSM610", 8000, 1),
    "wavex": ("WAVEX", "PCM_16", RATE, 2),
    "rf64": ("RF64", "PCM_16", RATE, 1),
    "w64": ("W64", "PCM_16", RATE, 1),
    "aiff": ("AIFF", "PCM_16", RATE, 2),
    "aifc": ("AIFF", "ALAW", RATE, 1),
    "au": ("AU", "PCM_16", RATE, 1),
    "au-g721": ("AU", "G721_32", RATE, 1),
    "caf": ("CAF", "PCM_16", RATE, 1),
    "caf-alac": ("CAF", "ALAC_16", RATE, 2),
    "voc": ("VOC", "PCM_16", RATE, 1),
    "nist": ("NIST", "PCM_16", RATE, 1),
    "ircam": ("IRCAM", "PCM_16", RATE, 1),
    "flac": ("FLAC", "PCM_16", RATE, 2),
    "flac-24": ("FLAC", "PCM_24", RATE, 1),
    "vorbis": ("OGG", "VORBIS", RATE, 2),
    "opus": ("OGG", "OPUS", 48000, 2),
    "mp3": ("MP3", "MPEG_LAYER_III", 44100, 2),
    "mp3-mono": ("MP3", "MPEG_LAYER_III", 22050, 1),
}
# Name → codec, container, sample rate, layout, options of the container.
_PYAV: Mapping[str, tuple[str, str, int, str, dict[str, str]]] = {
    "m4a": ("aac", "ipod", RATE, "stereo", {}),
    "m4a-7.1": ("aac", "ipod", RATE, "7.1", {}),
    "m4a-alac": ("alac", "ipod", RATE, "mono", {}),
    "m4a-fragmented": ("aac", "mp4", RATE, "mono", {"movflags": "frag_keyframe+empty_moov"}),
    "mp4-faststart": ("aac", "mp4", RATE, "mono", {"movflags": "faststart"}),
    "adts": ("aac", "adts", RATE, "mono", {}),
    "wma": ("wmav2", "asf", RATE, "mono", {}),
    "webm": ("libopus", "webm", 48000, "stereo", {}),
    "matroska": ("flac", "matroska", RATE, "mono", {}),
    "wavpack": ("wavpack", "wv", RATE, "stereo", {}),
    "tta": ("tta", "tta", RATE, "mono", {}),
    "ac3": ("ac3", "ac3", 48000, "stereo", {}),
    "mp2": ("mp2", "mp2", 48000, "mono", {}),
    "mov": ("pcm_s16le", "mov", RATE, "mono", {}),
    "avi": ("libmp3lame", "avi", RATE, "mono", {}),
    "ogg-flac": ("flac", "ogg", RATE, "mono", {}),
    "mpegts": ("mp2", "mpegts", 48000, "mono", {}),
    "flv": ("libmp3lame", "flv", 44100, "mono", {}),
}
# What only the program ffmpeg can write: name → its arguments.
_FFMPEG: Mapping[str, tuple[str, ...]] = {
    "speex": ("-c:a", "libspeex", "-f", "ogg"),
    "amr": ("-ar", "8000", "-ac", "1", "-c:a", "libopencore_amrnb", "-f", "amr"),
    "dts": ("-ar", "48000", "-strict", "-2", "-c:a", "dca", "-f", "dts"),
    "eac3": ("-ar", "48000", "-c:a", "eac3", "-f", "eac3"),
    "aiff-s24": ("-c:a", "pcm_s24be", "-f", "aiff", "-write_id3v2", "1"),
}
_SUFFIXES = {
    **{"vorbis": "ogg", "speex": "ogg", "ogg-flac": "ogg", "matroska": "mka", "wavpack": "wv"},
    **{"adts": "aac", "mpegts": "ts", "wavex": "wav", "rf64": "wav", "nist": "sph", "ircam": "sf"},
}


def sound(seconds: float = SECONDS, rate: int = RATE, n_channels: int = 1) -> NDArray[np.float32]:
    """Give a chord with a beat, shape (n_samples, n_channels), the channels slightly apart."""
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(11)
    chord = sum(np.sin(2 * np.pi * pitch * t) for pitch in (220, 277, 330, 880)) / 10
    beat = rng.normal(size=len(t)) * np.exp(-30 * (t % 0.25)) / 5
    levels = np.linspace(1, 0.7, n_channels)
    return ((chord + beat)[:, np.newaxis] * levels).astype(np.float32)


def suffix(name: str) -> str:
    """Give the suffix that files of a seed's format usually have."""
    return _SUFFIXES.get(name, name.partition("-")[0])


def make_seeds() -> dict[str, bytes]:
    """Make a song of every format, the same each time; what nothing here can write is left out."""
    seeds = {name: _by_soundfile(*how) for name, how in _SOUNDFILE.items()}
    for name, (codec, container, rate, layout, options) in _PYAV.items():
        seeds[name] = encode(sound(SECONDS, rate), codec, container, rate, layout=layout, **options)
    if shutil.which("ffmpeg"):
        wav = seeds["wav-s16"]
        seeds |= {name: made for name, how in _FFMPEG.items() if (made := _by_ffmpeg(wav, how))}
    seeds["mp3-tags"] = _with_tags(seeds["mp3"])
    seeds["mp3-bare"] = _without_info(seeds["mp3-mono"])
    return {name: _without_chance(content) for name, content in seeds.items()}


def _without_chance(content: bytes) -> bytes:
    """Give a stream of Ogg the number 1 instead of a drawn one, and peaks of WAV no time."""
    if content.startswith(b"OggS"):
        return with_serial(content, 1)
    at = content.find(b"PEAK", 0, 100) if content.startswith(b"RIFF") else -1
    return content if at < 0 else content[: at + 12] + bytes(4) + content[at + 16 :]


def _by_soundfile(form: str, subtype: str, rate: int, n_channels: int) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, sound(SECONDS, rate, n_channels), rate, format=form, subtype=subtype)
    return content.getvalue()


def encode(
    samples: NDArray[np.float32],
    codec: str,
    container: str,
    rate: int,
    *,
    layout: str = "mono",
    bit_rate: int = 64_000,
    **options: str,
) -> bytes:
    """Encode mono samples, shape (n, 1), with FFmpeg; further channels are copies."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song"  # a file, for some containers are written twice
        _encode(path, samples, codec, container, rate, layout=layout, bit_rate=bit_rate, **options)
        return path.read_bytes()


def _encode(
    path: Path,
    samples: NDArray[np.float32],
    codec: str,
    container: str,
    rate: int,
    *,
    layout: str,
    bit_rate: int,
    **options: str,
) -> None:
    exact = {"fflags": "+bitexact"}  # else Matroska draws random numbers for its segments
    with av.open(str(path), "w", format=container, options=exact | options) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = bit_rate
        n_channels = stream.layout.nb_channels
        whole = np.repeat(samples[:, :1], n_channels, axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(whole), "flt", layout)
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(
            stream.format, layout, rate, frame_size=stream.frame_size or 1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


def _by_ffmpeg(wav: bytes, arguments: tuple[str, ...]) -> bytes:
    """Have the program write to a pipe; nothing where it lacks the encoder."""
    command = ["ffmpeg", "-v", "error", "-f", "wav", "-i", "pipe:0", *arguments, "pipe:1"]
    return subprocess.run(command, input=wav, capture_output=True, check=False).stdout


def _with_tags(mp3: bytes) -> bytes:
    """Put an ID3v2 tag before, an APE tag and an ID3v1 tag behind."""
    text = b"TIT2" + (12).to_bytes(4, "big") + b"\0\0\0" + b"A long title"[:11]
    body = text + bytes(200)
    id3 = b"ID3\x03\0\0" + bytes([0, 0, len(body) >> 7, len(body) & 127]) + body
    item = (4).to_bytes(4, "little") + bytes(4) + b"GENRE\0" + b"Jazz"
    size = (len(item) + 32).to_bytes(4, "little")
    footer = b"APETAGEX" + (2000).to_bytes(4, "little") + size + (1).to_bytes(4, "little")
    ape = item + footer + bytes(12)
    return id3 + mp3 + ape + b"TAG" + b"A title".ljust(124, b"\0") + b"\x08"


def _without_info(mp3: bytes) -> bytes:
    """Take the frame away in which the encoder states the length."""
    from generify.containers import parse_mp3_frame

    start = next(i for i in range(len(mp3)) if parse_mp3_frame(mp3[i : i + 4]))
    frame = parse_mp3_frame(mp3[start : start + 4])
    assert frame is not None
    assert mp3[start + frame.info_offset :][:4] in (b"Xing", b"Info")
    return mp3[start + frame.length :]
