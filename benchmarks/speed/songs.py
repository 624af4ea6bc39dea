"""The songs that everything is timed on, made from the examples (or a folder of yours) and kept.

::

    python -m speed.songs FOLDER [--source FOLDER]

The same sources give the same songs: crops of them at random offsets and levels, and long songs by
repetition. In it: :class:`Songs`, which says where each lies, and :func:`make_songs`.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

FORMATS = ("wav", "flac", "ogg", "mp3", "m4a", "opus")
MINUTES = (0.5, 1, 4, 16)
LIBRARY_SIZES = (100, 1000, 10_000)
N_DISTINCT = 1000  # clips of a library; larger ones have the same several times
N_SCANNED = 60
N_GENRES = 10

_RATE, _CLIP_RATE = 44100, 22050  # Hz
_CLIP = 30.0
_SHORT_CLIP = 5.0  # what is computed once and then only looked up need not be long
_BIT_RATES = {".mp3": 192_000, ".m4a": 128_000, ".opus": 128_000}
_CODECS = {".mp3": "libmp3lame", ".m4a": "aac", ".opus": "libopus"}
_CONTAINERS = {".mp3": "mp3", ".m4a": "ipod", ".opus": "ogg"}
_LAYOUT = "2"  # raised when the songs change, so that old ones are made anew


@dataclass(frozen=True)
class Songs:
    """Where the songs lie.

    Attributes
    ----------
    folder : Path
        Of all of them.
    """

    folder: Path

    @property
    def clip(self) -> str:
        """Thirty seconds as in GTZAN: WAV, mono, 22.05 kHz, 16 bit."""
        return str(self.folder / "clip.wav")

    @property
    def samples(self) -> str:
        """The same, as float32 in a file of numpy's."""
        return str(self.folder / "clip.npy")

    def in_format(self, name: str) -> str:
        """Thirty seconds of stereo at 44.1 kHz."""
        return str(self.folder / f"stereo.{name}")

    def long(self, minutes: float) -> str:
        """So many minutes of MP3, stereo at 44.1 kHz, 192 kbit/s."""
        return str(self.folder / f"song-{minutes:g}.mp3")

    def library(self, n_tracks: int = N_DISTINCT) -> str:
        """Thirty-second clips in ten genre folders; 1,000 differ, more are links to those."""
        return str(self.folder / f"library-{n_tracks}")

    def short_library(self, n_tracks: int = N_DISTINCT) -> str:
        """Five-second clips likewise, for what is computed once and looked up then."""
        return str(self.folder / f"short-{n_tracks}")

    def scanned(self, n_songs: int = N_SCANNED) -> str:
        """Thirty-second clips in one folder."""
        return str(self.folder / f"scanned-{n_songs}")


def make_songs(folder: Path, source: Path = EXAMPLES) -> Songs:
    """Make all songs, unless they are there.

    Parameters
    ----------
    folder : Path
        Where to.
    source : Path
        Folder of songs that they are made of.

    Returns
    -------
    Songs
        Where each lies.
    """
    songs = Songs(folder)
    marker, wanted = folder / "made.txt", f"{_LAYOUT} {source.resolve()}"
    if marker.is_file() and marker.read_text() == wanted:
        return songs
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sources = _read_sources(source)
    _make_formats(songs, sources)
    _make_clip(songs, sources)
    _make_long(songs, sources)
    _make_libraries(songs, sources)
    marker.write_text(wanted)
    return songs


def _read_sources(source: Path, n_songs: int = 8) -> list[Floats]:
    """Decode some songs, each 30 s or more of stereo at 44.1 kHz: shape (n_samples, 2)."""
    import numpy as np

    from generify.audio import load_audio
    from generify.scan import find_songs

    found = sorted(map(str, find_songs([source]).files))
    chosen = found[:: max(1, len(found) // n_songs)][:n_songs]
    read = []
    for path in chosen:
        mono = load_audio(path, sample_rate=_RATE).samples
        # no example differs much between left and right; a small delay does
        stereo = np.stack([mono, np.roll(mono, 20)], axis=1)
        n_times = int(np.ceil(_CLIP * _RATE / len(stereo)))
        read.append(np.tile(stereo, (n_times, 1)))
    return read


def _make_formats(songs: Songs, sources: list[Floats]) -> None:
    for name in FORMATS:
        _write(Path(songs.in_format(name)), sources[0][: round(_CLIP * _RATE)])


def _make_long(songs: Songs, sources: list[Floats]) -> None:
    import numpy as np

    for minutes in MINUTES:
        n_samples = round(minutes * 60 * _RATE)
        joined = np.concatenate(sources)
        n_times = n_samples // len(joined) + 1
        _write(Path(songs.long(minutes)), np.tile(joined, (n_times, 1))[:n_samples])


def _make_clip(songs: Songs, sources: list[Floats]) -> None:
    import numpy as np
    import soundfile

    first = next(_clips(sources, 1, _CLIP))
    soundfile.write(songs.clip, first, _CLIP_RATE)
    np.save(songs.samples, soundfile.read(songs.clip, dtype="float32")[0])


def _make_libraries(songs: Songs, sources: list[Floats]) -> None:
    import soundfile

    for seconds, place in ((_CLIP, songs.library), (_SHORT_CLIP, songs.short_library)):
        for number, clip in enumerate(_clips(sources, N_DISTINCT, seconds)):
            path = _numbered(Path(place(N_DISTINCT)), number)
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, clip, _CLIP_RATE)
        for n_tracks in LIBRARY_SIZES:
            _link(Path(place(N_DISTINCT)), Path(place(n_tracks)), n_tracks)
    for n_songs in (N_SCANNED // 2, N_SCANNED, 2 * N_SCANNED):
        folder = Path(songs.scanned(n_songs))
        folder.mkdir()
        for number in range(n_songs):
            path = _numbered(Path(songs.library(N_DISTINCT)), number)
            os.link(path, folder / path.name)


def _numbered(library: Path, number: int) -> Path:
    """Place a track of a library; the ten genres take turns."""
    return library / f"genre{number % N_GENRES}" / f"{number:05d}.wav"


def _link(library: Path, linked: Path, n_tracks: int) -> None:
    """Fill a folder with the tracks of a library, again and again until there are enough."""
    if linked == library:
        return
    for number in range(n_tracks):
        path = _numbered(linked, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(_numbered(library, number % N_DISTINCT), path)


def _clips(sources: list[Floats], n_clips: int, seconds: float) -> Iterator[Floats]:
    """Cut mono clips at 22.05 kHz out of the sources, from anywhere, at various levels."""
    import numpy as np

    from generify.audio import resample

    rng = np.random.default_rng(7)
    monos = [resample(np.ascontiguousarray(s[:, 0]), _RATE, _CLIP_RATE) for s in sources]
    n_samples = round(seconds * _CLIP_RATE)
    for _ in range(n_clips):
        mono = monos[rng.integers(len(monos))]
        first = int(rng.integers(len(mono)))
        gain = np.float32(rng.uniform(0.5, 0.95) / max(float(np.abs(mono).max()), 1e-3))
        yield gain * np.resize(np.roll(mono, -first), n_samples)


def _write(path: Path, samples: Floats) -> None:
    """Write stereo at 44.1 kHz in the format of the suffix."""
    import soundfile

    if path.suffix not in _CODECS:
        soundfile.write(path, samples, _RATE)
        return
    import av

    with av.open(str(path), "w", format=_CONTAINERS[path.suffix]) as out:
        rate = 48000 if path.suffix == ".opus" else _RATE
        stream: Any = out.add_stream(_CODECS[path.suffix], rate=rate, layout="stereo")
        stream.bit_rate = _BIT_RATES[path.suffix]
        frame = av.AudioFrame.from_ndarray(samples.T.copy(), format="fltp", layout="stereo")
        frame.sample_rate = _RATE
        fitted = av.AudioResampler(
            stream.format, "stereo", rate, frame_size=stream.frame_size or 1024
        )
        for part in [*fitted.resample(frame), *fitted.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description="Make the songs that the suite times.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", type=Path, default=EXAMPLES)
    asked = parser.parse_args()
    make_songs(asked.folder, asked.source)


if __name__ == "__main__":
    main()
