"""The identity of a recording: tags do not change it, sound does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from generify.content import content_hash, identify
from generify.errors import AudioDecodeError

RATE = 22050


def synchsafe(n: int) -> bytes:
    return bytes([n >> 21 & 127, n >> 14 & 127, n >> 7 & 127, n & 127])


def song(path: Path, form: str, *, pitch: float = 440.0) -> Path:
    samples = 0.5 * np.sin(2 * np.pi * pitch * np.arange(3 * RATE) / RATE)
    soundfile.write(path, samples, RATE, format=form, subtype="VORBIS" if form == "OGG" else None)
    return path


def id3v2_before(data: bytes) -> bytes:
    return b"ID3\x04\0\0" + synchsafe(3000) + bytes(3000) + data


def id3v2_with_footer_before(data: bytes) -> bytes:
    return b"ID3\x04\0\x10" + synchsafe(300) + bytes(300) + b"3DI\x04\0\x10" + synchsafe(300) + data


def id3v1_behind(data: bytes) -> bytes:
    return data + b"TAG" + b"Jazz".ljust(125, b"\0")


def ape_behind(data: bytes) -> bytes:
    def block(flags: int) -> bytes:
        return (
            b"APETAGEX"
            + b"".join(n.to_bytes(4, "little") for n in (2000, 32 + 50, 1, flags))
            + bytes(8)
        )

    return data + block(0xA0000000) + b"x" * 50 + block(0x80000000)


def lyrics_behind(data: bytes) -> bytes:
    content = b"LYRICSBEGIN" + b"IND00002" + b"10"
    return data + content + f"{len(content):06d}".encode() + b"LYRICS200"


def flac_block_inside(data: bytes) -> bytes:
    assert data[:4] == b"fLaC"
    end = 8 + int.from_bytes(data[5:8], "big")
    comment = b"\x04" + (500).to_bytes(3, "big") + bytes(500)
    return data[:end].replace(data[4:5], bytes([data[4] & 0x7F]), 1) + comment + data[end:]


def riff_chunk_behind(data: bytes) -> bytes:
    return data + b"LIST" + (8).to_bytes(4, "little") + b"INFOjazz"


def riff_chunk_before_data(data: bytes) -> bytes:
    at = data.index(b"data")
    return data[:at] + b"id3 " + (7).to_bytes(4, "little") + b"genres\0\0" + data[at:]


def aiff_chunk_behind(data: bytes) -> bytes:
    return data + b"ID3 " + (10).to_bytes(4, "big") + bytes(10)


@pytest.mark.parametrize(
    ("form", "tag"),
    [
        ("MP3", id3v2_before),
        ("MP3", id3v2_with_footer_before),
        ("MP3", id3v1_behind),
        ("MP3", ape_behind),
        ("MP3", lambda data: id3v1_behind(ape_behind(lyrics_behind(id3v2_before(data))))),
        ("FLAC", flac_block_inside),
        ("FLAC", id3v2_before),
        ("FLAC", id3v1_behind),
        ("WAV", riff_chunk_behind),
        ("WAV", riff_chunk_before_data),
        ("AIFF", aiff_chunk_behind),
    ],
)
def test_tags_do_not_count(tmp_path: Path, form: str, tag: Callable[[bytes], bytes]) -> None:
    plain = song(tmp_path / "plain", form)
    tagged = tmp_path / "tagged"
    tagged.write_bytes(tag(plain.read_bytes()))
    assert content_hash(plain) == content_hash(str(tagged))


@pytest.mark.parametrize("form", ["MP3", "FLAC", "WAV", "AIFF", "OGG", "AU"])
def test_sound_counts(tmp_path: Path, form: str) -> None:
    plain = song(tmp_path / "plain", form)
    other = song(tmp_path / "other", form, pitch=441.0)
    assert content_hash(plain) != content_hash(other)
    data = bytearray(plain.read_bytes())
    data[-len(data) // 4] ^= 1
    other.write_bytes(data)
    assert content_hash(plain) != content_hash(other)


def test_wav_rate_counts(tmp_path: Path) -> None:
    """The same samples at another rate are another recording: the format chunk is hashed."""
    samples = np.linspace(-0.5, 0.5, RATE)
    soundfile.write(tmp_path / "a.wav", samples, 22050)
    soundfile.write(tmp_path / "b.wav", samples, 44100)
    assert content_hash(tmp_path / "a.wav") != content_hash(tmp_path / "b.wav")


def ogg_page(payload: bytes, granule: int, number: int) -> bytes:
    lacing = bytes([255] * (len(payload) // 255) + [len(payload) % 255])
    return (
        b"OggS\0\0"
        + granule.to_bytes(8, "little", signed=True)
        + bytes(4)
        + number.to_bytes(4, "little")
        + bytes(4)
        + bytes([len(lacing)])
        + lacing
        + payload
    )


def test_ogg_comment_does_not_count(tmp_path: Path) -> None:
    """A long comment takes pages of its own (granule -1) and renumbers those behind it."""
    head, sound = b"\x01vorbis" + bytes(23), [b"a" * 4000, b"b" * 4000]
    short = [ogg_page(head, 0, 0), ogg_page(b"\x03vorbis", 0, 1)]
    long = [
        ogg_page(head, 0, 0),
        ogg_page(b"\x03vorbis" + bytes(60000), -1, 1),
        ogg_page(b"x", 0, 2),
    ]
    paths = []
    for name, headers in (("short", short), ("long", long)):
        pages = [ogg_page(s, (i + 1) * 4000, len(headers) + i) for i, s in enumerate(sound)]
        paths.append(tmp_path / name)
        paths[-1].write_bytes(b"".join([*headers, *pages]))
    assert content_hash(paths[0]) == content_hash(paths[1])
    pages = [ogg_page(s, (i + 1) * 4000, 2 + i) for i, s in enumerate([b"a" * 4000, b"c" * 4000])]
    paths[1].write_bytes(b"".join([*short, *pages]))
    assert content_hash(paths[0]) != content_hash(paths[1])


def atom(name: bytes, content: bytes, *, long: bool = False) -> bytes:
    if long:
        return b"\0\0\0\1" + name + (len(content) + 16).to_bytes(8, "big") + content
    return (len(content) + 8).to_bytes(4, "big") + name + content


@pytest.mark.parametrize(
    "parts",
    [
        lambda sound: [atom(b"moov", b"genre jazz"), atom(b"mdat", sound)],
        lambda sound: [atom(b"mdat", sound), atom(b"moov", b"other")],
        lambda sound: [atom(b"free", bytes(5000)), atom(b"mdat", sound, long=True)],
        lambda sound: [atom(b"moov", b"x"), b"\0\0\0\0mdat" + sound],
    ],
    ids=["moov first", "moov last", "64-bit", "to the end"],
)
def test_mp4_only_mdat_counts(tmp_path: Path, parts: Callable[[bytes], list[bytes]]) -> None:
    def write(name: str, atoms: list[bytes]) -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join([atom(b"ftyp", b"M4A \0\0\0\0"), *atoms]))
        return path

    plain = write("plain", [atom(b"moov", b""), atom(b"mdat", b"sound" * 1000)])
    assert content_hash(plain) == content_hash(write("tagged", parts(b"sound" * 1000)))
    assert content_hash(plain) != content_hash(write("other", parts(b"tones" * 1000)))


def test_wma_only_data_object_counts(tmp_path: Path) -> None:
    def asf_object(guid: str, content: bytes) -> bytes:
        return bytes.fromhex(guid) + (24 + len(content)).to_bytes(8, "little") + content

    def write(name: str, header: bytes, sound: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(
            asf_object("3026b2758e66cf11a6d900aa0062ce6c", header)
            + asf_object("3626b2758e66cf11a6d900aa0062ce6c", sound)
        )
        return path

    plain = content_hash(write("plain", b"", b"sound" * 100))
    assert plain == content_hash(write("tagged", b"jazz", b"sound" * 100))
    assert plain != content_hash(write("other", b"", b"tones" * 100))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"fLaC",
        b"fLaC\0\0",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x08ftypM4A ",
        b"OggS" + bytes(40),
    ],
)
def test_whatever_is_not_understood_is_hashed_whole(tmp_path: Path, content: bytes) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(content)
    b.write_bytes(content + b"\x01")
    assert len(content_hash(a)) == 64
    assert content_hash(a) != content_hash(b)


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(AudioDecodeError, match=r"missing\.mp3: cannot be read \(No such file"):
        content_hash(tmp_path / "missing.mp3")
    with pytest.raises(AudioDecodeError, match="cannot be read"):
        content_hash(tmp_path)


def test_identifying_lets_a_file_be_unreadable(tmp_path: Path) -> None:
    song = tmp_path / "song.bin"
    song.write_bytes(b"sound")
    assert identify(song) == content_hash(song)
    assert identify(tmp_path / "missing.mp3") is None
    assert identify("zero\0byte.mp3") is None
