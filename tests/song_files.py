"""Short songs in every format whose tags can be written, with a title in the tags of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from conftest import RATE

NAMES = (
    *("v23.mp3", "v24.mp3", "bare.mp3", "old.mp3", "song.flac", "song.ogg", "song.opus"),
    *("song.m4a", "song.wma", "song.aiff", "song.wav"),
)
TITLE = "Τίτλος"


def make_songs(folder: Path) -> None:
    """Write all of :data:`NAMES`; ``bare.mp3`` has no tag, ``old.mp3`` only ID3v1."""
    rng = np.random.default_rng(5)
    t = np.arange(2 * RATE) / RATE
    # a chord: a single sine is no music, and would be refused
    samples = 0.15 * sum(np.sin(2 * np.pi * hertz * t) for hertz in (330, 415, 495))
    samples += 0.01 * rng.normal(size=len(t))
    for name in NAMES:
        path = folder / name
        if path.suffix in (".m4a", ".wma"):
            _encode(path, samples)
        elif path.suffix == ".opus":
            soundfile.write(path, np.repeat(samples, 2), 48000, format="OGG", subtype="OPUS")
        else:
            soundfile.write(path, samples, RATE)
        _add_title(path)


def _encode(path: Path, samples: np.ndarray) -> None:
    import av

    codec, container = ("aac", "ipod") if path.suffix == ".m4a" else ("wmav2", "asf")
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=RATE, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(
            samples[np.newaxis].astype(np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = RATE
        resampler = av.AudioResampler(
            stream.format, "mono", RATE, frame_size=stream.frame_size or 1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


def _add_title(path: Path) -> None:
    import mutagen
    from mutagen.id3 import ID3, TIT2, TYER

    if path.name == "bare.mp3":
        return
    if path.name == "old.mp3":
        path.write_bytes(path.read_bytes() + id3v1(b"Old title", 255))
        return
    if path.suffix == ".mp3":
        tags = ID3()
        version = 3 if path.name == "v23.mp3" else 4
        tags.add(TIT2(encoding=1, text=[TITLE]))
        if version == 3:
            tags.add(TYER(encoding=0, text=["1999"]))  # ID3v2.4 has no such frame
        tags.save(path, v2_version=version)
        return
    audio = mutagen.File(path)
    if path.suffix in (".wav", ".aiff"):
        audio.add_tags()
        audio.tags.add(TIT2(encoding=3, text=[TITLE]))
    else:
        audio[{".m4a": "\xa9nam", ".wma": "Title"}.get(path.suffix, "title")] = [TITLE]
    audio.save()


def id3v1(title: bytes, genre: int) -> bytes:
    """Give an ID3v1 tag."""
    return b"TAG" + title.ljust(30, b"\0") + bytes(94) + bytes([genre])


def genres_by_mutagen(path: Path) -> list[str]:
    """Read all genres with mutagen alone, by the name of the file."""
    import mutagen
    from mutagen.id3 import ID3

    if path.suffix == ".mp3":
        return list(ID3(path)["TCON"].text)
    tags = mutagen.File(path).tags
    if path.suffix in (".wav", ".aiff"):
        return list(tags["TCON"].text)
    key = {".m4a": "\xa9gen", ".wma": "WM/Genre"}.get(path.suffix, "genre")
    return [str(value) for value in tags[key]]


def title_by_mutagen(path: Path) -> str:
    """Read the title with mutagen alone."""
    import mutagen
    from mutagen.id3 import ID3

    if path.suffix == ".mp3":
        return str(ID3(path)["TIT2"].text[0])
    tags = mutagen.File(path).tags
    if path.suffix in (".wav", ".aiff"):
        return str(tags["TIT2"].text[0])
    return str(tags[{".m4a": "\xa9nam", ".wma": "Title"}.get(path.suffix, "title")][0])
