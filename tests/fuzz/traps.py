"""Songs that are odd in one known way each: what is expected of them, and what comes.

All are made of the same twenty seconds of sound. What is expected is one of three things: the sound
whole and without a word about damage (:func:`whole`), what there is of it with a warning that says
how much is missing (:func:`part`), or a refusal that says why (:func:`refused`). A sound that is
whole is also compared with the original, so that silence or another song would not pass.

In it: :data:`TRAPS`, :class:`Trap`, :func:`spring`, :class:`Sprung`.
"""

from __future__ import annotations

import io
import random
import re
import struct
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from fuzz.mutations import parts, with_checksums
from fuzz.seeds import encode
from fuzz.seeds import sound as song
from generify.audio import Audio, load_audio, resample
from generify.containers import parse_mp3_frame
from generify.errors import AudioDecodeError

RATE = 44100
SECONDS = 20.0
_COMPARED_RATE = 8000
_LAG = 0.15  # seconds; the delay of a codec that nothing states
_TOLERANCE = 0.12  # seconds by which codecs round a length

Make = Callable[[], bytes]


@dataclass(frozen=True)
class Expected:
    """What should come.

    Attributes
    ----------
    text : str
        In words.
    fits : callable
        Takes what was heard or the error.
    """

    text: str
    fits: Callable[[Audio | AudioDecodeError], bool]


@dataclass(frozen=True)
class Trap:
    """An odd song."""

    make: Make
    expected: Expected
    suffix: str = "wav"


@dataclass(frozen=True)
class Sprung:
    """What came of a trap."""

    name: str
    expected: str
    came: str
    as_expected: bool


def spring(name: str) -> Sprung:
    """Make an odd song, load it and compare."""
    trap = TRAPS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"song.{trap.suffix}"
        path.write_bytes(trap.make())
        came: Audio | AudioDecodeError
        try:
            came = load_audio(path)
        except AudioDecodeError as err:
            came = err
            text = "refused: " + str(err).replace(f"{path}: ", "")
        else:
            heard = len(came.samples) / came.sample_rate
            text = "; ".join([f"{heard:.1f} s", *came.warnings])
    return Sprung(name, trap.expected.text, text, trap.expected.fits(came))


def whole(seconds: float = SECONDS, *, alike: float = 0.95) -> Expected:
    """Expect so many seconds without a warning, as like the original as said (0 to 1)."""

    def fits(came: Audio | AudioDecodeError) -> bool:
        return (
            isinstance(came, Audio)
            and not came.warnings
            and abs(len(came.samples) / came.sample_rate - seconds) <= _TOLERANCE
            and abs(came.duration - seconds) <= _TOLERANCE
            and _likeness(came) >= alike
        )

    return Expected(f"{seconds:g} s, no warning", fits)


def part(least: float, most: float) -> Expected:
    """Expect so many seconds and a warning that the rest is missing."""

    def fits(came: Audio | AudioDecodeError) -> bool:
        return (
            isinstance(came, Audio)
            and any("damaged or cut short" in warning for warning in came.warnings)
            and least <= len(came.samples) / came.sample_rate <= most
        )

    return Expected(f"{least:g} to {most:g} s, warned", fits)


def several(seconds: float) -> Expected:
    """Expect so many seconds, and a warning that there is more than one song."""

    def fits(came: Audio | AudioDecodeError) -> bool:
        return (
            isinstance(came, Audio)
            and any("several songs" in warning for warning in came.warnings)
            and abs(len(came.samples) / came.sample_rate - seconds) <= 2 * _TOLERANCE
        )

    return Expected(f"{seconds:g} s, warned: several songs", fits)


def refused(why: str) -> Expected:
    """Expect an error that says this."""

    def fits(came: Audio | AudioDecodeError) -> bool:
        return isinstance(came, AudioDecodeError) and re.search(why, str(came)) is not None

    return Expected(f"refused: {why.replace('|', ' or ')}", fits)


def _likeness(heard: Audio) -> float:
    """Correlate with the original, at the best delay that a codec may have; at its length."""
    n_compared = round(min(SECONDS, len(heard.samples) / heard.sample_rate) * _COMPARED_RATE)
    ours = resample(heard.samples, heard.sample_rate, _COMPARED_RATE)[:n_compared]
    original = resample(_samples()[:, 0], RATE, _COMPARED_RATE)[: len(ours)]
    n_fft = 1 << (2 * len(ours)).bit_length()
    spectrum = np.fft.rfft(ours, n_fft) * np.conj(np.fft.rfft(original, n_fft))
    lag = round(_LAG * _COMPARED_RATE)
    products = np.fft.irfft(spectrum, n_fft)
    best = max(products[: lag + 1].max(), products[-lag:].max())
    return float(best / (np.linalg.norm(ours) * np.linalg.norm(original)))


# ------------------------------------------------------------------ songs in all formats


@cache
def _samples(n_channels: int = 1, rate: int = RATE) -> NDArray[np.float32]:
    master = resample(song(SECONDS, RATE)[:, 0], RATE, rate)[:, np.newaxis]
    return master * np.linspace(1, 0.7, n_channels, dtype=np.float32)


@cache
def _written(
    form: str = "WAV", subtype: str = "PCM_16", rate: int = RATE, n_channels: int = 2
) -> bytes:
    return _write(_samples(n_channels, rate), form, subtype, rate)


def _write(
    samples: NDArray[np.floating], form: str = "WAV", subtype: str = "PCM_16", rate: int = RATE
) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format=form, subtype=subtype)
    return content.getvalue()


@cache
def _encoded(codec: str, container: str, layout: str = "stereo", **options: str) -> bytes:
    rate = 48000 if codec == "libopus" else RATE
    return encode(
        _samples(1, rate), codec, container, rate, layout=layout, bit_rate=128_000, **options
    )


def _mp3() -> bytes:
    return _written("MP3", "MPEG_LAYER_III")


def _flac() -> bytes:
    return _written("FLAC")


def _vorbis() -> bytes:
    return _written("OGG", "VORBIS")


def _opus() -> bytes:
    return _written("OGG", "OPUS", 48000)


def _m4a() -> bytes:
    return _encoded("aac", "ipod")


def _bare_mp3() -> bytes:
    """Take the frame away that states the length."""
    data = _mp3()
    start = _first_frame(data)
    frame = parse_mp3_frame(data[start : start + 4])
    assert frame is not None
    return data[start + frame.length :]


def _first_frame(data: bytes) -> int:
    return next(i for i in range(len(data)) if parse_mp3_frame(data[i : i + 4]))


# ------------------------------------------------------------------ what is done to them


def _cut(make: Make, share: float) -> Make:
    return lambda: make()[: max(1, round(len(make()) * share))]


def _flipped(make: Make, n_bits: int, first: int = 4000) -> Make:
    def flip() -> bytes:
        data, rng = bytearray(make()), random.Random(5)
        for _ in range(n_bits):
            data[rng.randrange(first, len(data))] ^= 1 << rng.randrange(8)
        return bytes(data)

    return flip


def _before(junk: bytes | Make, make: Make) -> Make:
    return lambda: (junk if isinstance(junk, bytes) else junk()) + make()


def _behind(make: Make, junk: bytes) -> Make:
    return lambda: make() + junk


def _patched(make: Make, mark: bytes, offset: int, new: bytes) -> Make:
    """Overwrite bytes at a distance from a mark."""

    def patch() -> bytes:
        data = make()
        at = data.index(mark) + offset
        return data[:at] + new + data[at + len(new) :]

    return patch


def _id3(size: int, *, flags: int = 0) -> bytes:
    """Give a tag whose one frame is a picture of so many bytes."""
    picture = b"\0image/jpeg\0\x03\0" + random.Random(1).randbytes(size)
    frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\0\0" + picture
    length = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0" + bytes([flags]) + length + frame


def _footer_id3() -> bytes:
    """Give a tag of version 2.4 that is meant to stand at the end."""
    head = b"ID3\x04\0\x10\0\0\0\x14" + b"TIT2\0\0\0\x0a\0\0\0A title 12"
    return head + b"3DI\x04\0\x10\0\0\0\x14"


def _ape() -> bytes:
    item = struct.pack("<II", 4, 0) + b"GENRE\0Jazz"
    size = struct.pack("<II", 2000, len(item) + 32)
    both = size + struct.pack("<I", 1)
    head = b"APETAGEX" + both + struct.pack("<I", 0xA0000000) + bytes(8)
    return head + item + b"APETAGEX" + both + struct.pack("<I", 0x80000000) + bytes(8)


def _id3v1() -> bytes:
    return b"TAG" + b"A title".ljust(124, b"\0") + b"\x08"


def _lyrics() -> bytes:
    body = b"LYRICSBEGININD0000200"
    return body + f"{len(body):06d}".encode() + b"LYRICS200"


def _flac_with_pictures(n_bytes: int) -> Make:
    """Put blocks of pictures behind the first block; one holds at most 16 MB."""

    def make() -> bytes:
        data, size = _flac(), n_bytes // 2
        kind, rest = struct.pack(">II", 3, 10), struct.pack(">IIIIII", *(0,) * 5, size)
        picture = kind + b"image/jpeg" + rest
        block = picture + bytes(size)
        blocks = 2 * (b"\x06" + len(block).to_bytes(3, "big") + block)
        return data[:42] + blocks + data[42:]

    return make


def _with_chunk(name: bytes, content: bytes, *, before: bytes | None = b"data") -> Make:
    """Add a chunk to a WAV, before another or at the end."""

    def make() -> bytes:
        data = _written()
        chunk = name + struct.pack("<I", len(content)) + content + bytes(len(content) & 1)
        at = data.index(before) if before else len(data)
        data = data[:at] + chunk + data[at:]
        return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]

    return make


def _wav_that_says(n_bytes: int) -> Make:
    return _patched(_written, b"data", 4, struct.pack("<I", n_bytes))


def _wav_of(rate: int, n_channels: int, n_bytes: int, promised: int) -> Make:
    """Write a header and so many bytes of noise, whatever the header promises."""

    def make() -> bytes:
        align = 2 * n_channels
        fmt = struct.pack("<HHIIHH", 1, n_channels, rate, rate * align & 0xFFFFFFFF, align, 16)
        data = b"data" + struct.pack("<I", promised) + random.Random(3).randbytes(n_bytes)
        return b"RIFF" + struct.pack("<I", promised + 36) + b"WAVEfmt \x10\0\0\0" + fmt + data

    return make


def _xing_says(factor: float) -> Make:
    """Let the frame count of an MP3 be too high or too low; the byte count goes with it."""

    def make() -> bytes:
        data = _mp3()
        at = data.index(b"Info") if b"Info" in data[:4000] else data.index(b"Xing")
        n_frames, n_bytes = struct.unpack(">II", data[at + 8 : at + 16])
        new = struct.pack(">II", round(n_frames * factor), round(n_bytes * factor))
        return data[: at + 8] + new + data[at + 16 :]

    return make


def _flac_says(n_samples: int) -> Make:
    """Let STREAMINFO promise another length: its 36 bits end 8 bytes before the MD5."""

    def make() -> bytes:
        data = _flac()
        first = data[21] & 0xF0 | n_samples >> 32
        return data[:21] + bytes([first]) + struct.pack(">I", n_samples & 0xFFFFFFFF) + data[26:]

    return make


def _an_hour() -> int:
    return 3600 * RATE


def _stereo(left: NDArray[np.floating], right: NDArray[np.floating]) -> Make:
    return lambda: _write(np.stack([left, right], axis=1))


def _left() -> NDArray[np.float32]:
    return _samples()[:, 0]


def _chained(make: Make, other: Make) -> Make:
    """Put another Ogg stream behind one, whose number must be another."""

    def make_both() -> bytes:
        following = bytearray(other())
        for page in parts(bytes(following))[1:]:
            following[page.start + 14] ^= 1
        return make() + with_checksums(bytes(following))

    return make_both


_KINDS: Mapping[str, tuple[Make, str]] = {
    "WAV": (_written, "wav"),
    "AIFF": (lambda: _written("AIFF"), "aiff"),
    "FLAC": (_flac, "flac"),
    "MP3": (_mp3, "mp3"),
    "MP3 without a header": (_bare_mp3, "mp3"),
    "Ogg Vorbis": (_vorbis, "ogg"),
    "Opus": (_opus, "opus"),
    "M4A, index first": (lambda: _encoded("aac", "ipod", movflags="faststart"), "m4a"),
    "AAC (ADTS)": (lambda: _encoded("aac", "adts"), "aac"),
    "WMA": (lambda: _encoded("wmav2", "asf"), "wma"),
}


def _cuts() -> dict[str, Trap]:
    traps = {}
    for kind, (make, suffix) in _KINDS.items():
        for share, expected in (
            (0.01, refused("at least 1 s|cannot be decoded|nothing could be decoded")),
            (0.5, part(8, 12)),
            (0.99, part(18.5, 20.1)),
        ):
            traps[f"{kind}, cut at {share:.0%}"] = Trap(_cut(make, share), expected, suffix)
    without_index = Trap(_cut(_m4a, 0.99), refused("cannot be decoded"), "m4a")
    traps["M4A, index last, cut at 99%"] = without_index
    return traps


TRAPS: dict[str, Trap] = {
    **{
        f"WAV of {what}": Trap(lambda s=subtype: _written("WAV", s), whole())
        for what, subtype in (
            *(("8 bits", "PCM_U8"), ("24 bits", "PCM_24"), ("32 bits", "PCM_32")),
            *(("floats", "FLOAT"), ("doubles", "DOUBLE"), ("mu-law", "ULAW"), ("A-law", "ALAW")),
            *(("IMA ADPCM", "IMA_ADPCM"), ("Microsoft ADPCM", "MS_ADPCM")),
        )
    },
    "WAV of GSM 6.10": Trap(lambda: _written("WAV", "GSM610", 8000, 1), whole(alike=0.9)),
    "WAV, extensible": Trap(lambda: _written("WAVEX"), whole()),
    "RF64": Trap(lambda: _written("RF64"), whole()),
    "WAV, a chunk of odd length first": Trap(_with_chunk(b"odd ", b"abc"), whole()),
    "WAV, a chunk behind the sound": Trap(_with_chunk(b"LIST", b"x" * 999, before=None), whole()),
    "WAV from a pipe (length unknown)": Trap(_wav_that_says(0xFFFFFFFF), whole()),
    "WAV from a pipe (length 0)": Trap(_wav_that_says(0), whole()),
    "WAV that promises 40 s": Trap(_wav_that_says(40 * RATE * 4), part(19.9, 20.1)),
    "WAV that promises 5 s": Trap(_wav_that_says(5 * RATE * 4), whole(5)),
    "WAV of 6 channels": Trap(lambda: _written(n_channels=6), whole()),
    "M4A of 8 channels": Trap(lambda: _encoded("aac", "ipod", "7.1"), whole(), "m4a"),
    "WavPack of 8 channels": Trap(lambda: _encoded("wavpack", "wv", "7.1"), whole(), "wv"),
    "WAV of 255 channels": Trap(lambda: _written("WAV", "PCM_16", 8000, 255), whole()),
    **{
        f"WAV at {rate / 1000:g} kHz": Trap(lambda r=rate: _written(rate=r, n_channels=1), whole())
        for rate in (8000, 11025, 22050, 48000, 96000, 192000)
    },
    "WAV at 1,000,000,000 Hz": Trap(
        _wav_of(10**9, 1, 200_000, 200_000), refused("states a sample rate")
    ),
    "one channel of two": Trap(lambda: _stereo(_left(), 0 * _left())(), whole()),
    "one channel inverted": Trap(lambda: _stereo(_left(), -_left())(), refused("is silent")),
    "silence": Trap(lambda: _write(0 * _left()), refused("is silent")),
    "a constant": Trap(lambda: _write(0 * _left() + 0.5), refused("is silent")),
    "clipped": Trap(lambda: _write(np.clip(20 * _left(), -1, 1)), whole(alike=0.6)),
    "no bytes": Trap(lambda: b"", refused("is empty")),
    "WAV, header only": Trap(lambda: _written()[:44], refused("only 0.00 s")),
    "FLAC, header only": Trap(lambda: _flac()[:42], refused("nothing could be decoded"), "flac"),
    "Ogg, header only": Trap(lambda: _vorbis()[:58], refused("cannot be decoded"), "ogg"),
    "MP3, one frame": Trap(lambda: _mp3()[:417], refused("not an audio file"), "mp3"),
    "WAV: an hour in 10 kB": Trap(_wav_of(8000, 1, 10_000, 57_600_000), refused("only 0.6")),
    "FLAC that promises an hour": Trap(_flac_says(3600 * RATE), part(19.9, 20.1), "flac"),
    "MP3 that promises an hour": Trap(_xing_says(360), part(19.9, 20.1), "mp3"),
    "MP3 that promises 10 s": Trap(_xing_says(0.5), whole(10), "mp3"),
    "MP3 named .wav": Trap(_mp3, whole()),
    "M4A named .mp3": Trap(_m4a, whole(), "mp3"),
    "FLAC without a suffix": Trap(_flac, whole(), ""),
    "a text named .mp3": Trap(lambda: b"only words\n" * 999, refused("is a text, no audio"), "mp3"),
    "MP3 behind a tag of 2 MB": Trap(_before(_id3(2_000_000), _mp3), whole(), "mp3"),
    "MP3 with a cover of 20 MB": Trap(_before(lambda: _id3(20_000_000), _mp3), whole(), "mp3"),
    "FLAC with covers of 20 MB": Trap(_flac_with_pictures(20_000_000), whole(), "flac"),
    "MP3 behind two tags": Trap(_before(_id3(500) + _id3(900), _mp3), whole(), "mp3"),
    "MP3, ID3v1 at the end": Trap(_behind(_mp3, _id3v1()), whole(), "mp3"),
    "MP3, ID3v2 at the end": Trap(_behind(_mp3, _footer_id3()), whole(), "mp3"),
    "MP3, APE tag at the end": Trap(_behind(_mp3, _ape()), whole(), "mp3"),
    "MP3, lyrics and more at the end": Trap(
        _behind(_mp3, _ape() + _lyrics() + _id3v1()), whole(), "mp3"
    ),
    "FLAC behind an ID3 tag": Trap(_before(_id3(3000), _flac), whole(), "flac"),
    "WAV behind an ID3 tag": Trap(_before(_id3(3000), _written), whole()),
    "MP3 without a header, ID3v1 at the end": Trap(_behind(_bare_mp3, _id3v1()), whole(), "mp3"),
    "MP3 behind 300 bytes of junk": Trap(
        _before(random.Random(2).randbytes(300), _mp3), whole(), "mp3"
    ),
    "MP3 behind 60,000 zeros": Trap(_before(bytes(60_000), _mp3), whole(), "mp3"),
    "MP3 without a header (VBR)": Trap(_bare_mp3, whole(), "mp3"),
    "MP3 twice in a file": Trap(lambda: _bare_mp3() * 2, whole(40), "mp3"),
    "MP3, 60 bits flipped": Trap(_flipped(_mp3, 60), whole(alike=0.7), "mp3"),
    "FLAC, 60 bits flipped": Trap(_flipped(_flac, 60), part(5, 20), "flac"),
    "Ogg, 20 bits flipped": Trap(_flipped(_vorbis, 20, 6000), part(5, 20), "ogg"),
    "M4A, 60 bits flipped": Trap(
        _flipped(lambda: _encoded("aac", "ipod", movflags="faststart"), 60), part(15, 20), "m4a"
    ),
    "Ogg Vorbis, chained": Trap(_chained(_vorbis, _vorbis), several(40), "ogg"),
    "Opus, chained": Trap(_chained(_opus, _opus), several(40), "opus"),
    "Ogg Vorbis, then Opus": Trap(_chained(_vorbis, _opus), several(20), "ogg"),
    "Opus (pre-skip)": Trap(_opus, whole(), "opus"),
    "Opus in WebM": Trap(lambda: _encoded("libopus", "webm"), whole(), "webm"),
    "WebM, live (length unknown)": Trap(
        lambda: _encoded("libopus", "webm", live="1"), whole(), "webm"
    ),
    "FLAC in Ogg": Trap(lambda: _encoded("flac", "ogg"), whole(), "ogg"),
    "M4A, index last": Trap(_m4a, whole(), "m4a"),
    "MP4, fragmented": Trap(
        lambda: _encoded("aac", "mp4", movflags="frag_keyframe+empty_moov+delay_moov"),
        whole(),
        "mp4",
    ),
    "ALAC": Trap(lambda: _encoded("alac", "ipod"), whole(), "m4a"),
    "AAC (ADTS)": Trap(lambda: _encoded("aac", "adts"), whole(), "aac"),
    "WMA": Trap(lambda: _encoded("wmav2", "asf"), whole(), "wma"),
    "AU, length unknown": Trap(
        _patched(lambda: _written("AU"), b".snd", 8, b"\xff" * 4), whole(), "au"
    ),
    "AIFF-C of A-law": Trap(lambda: _written("AIFF", "ALAW"), whole(), "aifc"),
    "CAF": Trap(lambda: _written("CAF"), whole(), "caf"),
    "W64": Trap(lambda: _written("W64"), whole(), "w64"),
    **_cuts(),
}
