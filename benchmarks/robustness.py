"""Whether a song's answer depends on who computes it, and on the format that it is kept in.

::

    python benchmarks/robustness.py DATA [--page PAGE]

DATA holds ``gtzan/lossless``: 28 clips as WAV and AU, all of which are used. Each is named by both
bundled models: by one, two and four threads and processes, from FLAC, and after encoding as Ogg
Vorbis q6, MP3 with 192 kbit/s and Opus with 96 kbit/s; then with fewer bits, and twice. What is
compared are all probabilities. MP3, AAC and Opus need a higher sample rate than the clips have; how
much of the change is that is measured too.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from generify.audio import load_audio, resample
from generify.cores import n_cores
from generify.model import GenreModel, list_models, load_model
from generify.prediction import Prediction, predict
from generify.results import SongResult
from generify.scan.workers import WorkerSetup, listen_in_processes
from sections import with_section

Samples = NDArray[np.float32]
Encode = Callable[[Path, Samples, int], None]

_COUNTS = (1, 2, 4)


def _vorbis(path: Path, samples: Samples, rate: int, quality: int = 6) -> None:
    level = 1 - quality / 10  # libsndfile counts the other way
    soundfile.write(path, samples, rate, format="OGG", subtype="VORBIS", compression_level=level)


def _vorbis_twice(path: Path, samples: Samples, rate: int) -> None:
    _vorbis(path, samples, rate)
    _vorbis(path, load_audio(path).samples, rate)


def _opus(path: Path, samples: Samples, rate: int, kbits: int = 96) -> None:
    _encode(path, resample(samples, rate, 48000), 48000, codec="libopus", bit_rate=1000 * kbits)


def _mp3(path: Path, samples: Samples, rate: int, kbits: int = 192) -> None:
    # at 22.05 kHz MP3 goes to 160 kbit/s only
    _encode(path, resample(samples, rate, 44100), 44100, codec="libmp3lame", bit_rate=1000 * kbits)


def _aac(path: Path, samples: Samples, rate: int) -> None:
    _encode(path, resample(samples, rate, 44100), 44100, codec="aac", bit_rate=128_000)


def _encode(path: Path, samples: Samples, rate: int, *, codec: str, bit_rate: int) -> None:
    """Encode as stereo of two like channels, as players are given songs."""
    import av

    with av.open(str(path), "w", format=path.suffix[1:]) as out:
        stream = out.add_stream(codec, rate=rate, layout="stereo")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(np.stack([samples, samples]), "fltp", "stereo")
        frame.sample_rate, frame.pts = rate, 0
        size = stream.frame_size or 960
        resampler = av.AudioResampler(stream.format, "stereo", rate, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


def _at_44100(path: Path, samples: Samples, rate: int) -> None:
    soundfile.write(path, resample(samples, rate, 44100), 44100)


FORMATS: Mapping[str, tuple[str, Encode]] = {
    "FLAC": ("flac", lambda path, samples, rate: soundfile.write(path, samples, rate)),
    "WAV at 44.1 kHz": ("wav", _at_44100),
    "Ogg Vorbis q6": ("ogg", _vorbis),
    "MP3 192 kbit/s": ("mp3", _mp3),
    "Opus 96 kbit/s": ("opus", _opus),
    "MP3 128 kbit/s": ("mp3", partial(_mp3, kbits=128)),
    "AAC 128 kbit/s": ("mp4", _aac),
    "Opus 48 kbit/s": ("opus", partial(_opus, kbits=48)),
    "Ogg Vorbis q3": ("ogg", partial(_vorbis, quality=3)),
    "Ogg Vorbis q6, twice": ("ogg", _vorbis_twice),
}


@dataclass(frozen=True)
class Agreement:
    """How far answers are from those that one thread gives to the lossless files.

    Attributes
    ----------
    name : str
        Model and way.
    n_same : int
        Songs whose most probable genre is the same.
    n_same_answer : int
        Songs whose answer is the same, unknown included.
    margin : float
        Of the songs whose most probable genre is another: by how much it led, at most.
    shifts : ndarray of float64, shape (n_songs,)
        Largest change of a probability, for each song.
    """

    name: str
    n_same: int
    n_same_answer: int
    margin: float
    shifts: NDArray[np.float64]

    def row(self) -> str:
        """Give a line of Markdown."""
        n = len(self.shifts)
        margin = f"{self.margin:.3f}" if self.n_same < n else ""
        return (
            f"| {self.name} | {self.n_same}/{n} | {margin} | {self.n_same_answer}/{n} "
            f"| {np.median(self.shifts):.2g} | {self.shifts.max():.2g} |"
        )


def compare(name: str, wanted: Sequence[Prediction], found: Sequence[Prediction]) -> Agreement:
    """Compare answers, song by song."""
    pairs = list(zip(wanted, found, strict=True))
    changed = [a for a, b in pairs if a.genres[0].genre != b.genres[0].genre]
    return Agreement(
        name,
        len(pairs) - len(changed),
        sum(a.genre == b.genre for a, b in pairs),
        max((a.genres[0].probability - a.genres[1].probability for a in changed), default=0.0),
        np.array([np.abs(_vector(a) - _vector(b)).max() for a, b in pairs]),
    )


def _vector(answer: Prediction) -> NDArray[np.float64]:
    return np.array([g.probability for g in sorted(answer.genres, key=lambda g: g.genre)])


def _by_threads(songs: Sequence[Path], model: GenreModel, n_threads: int) -> list[Prediction]:
    with ThreadPoolExecutor(n_threads) as crew:
        return list(crew.map(lambda song: predict(song, model), songs))


def _by_processes(songs: Sequence[Path], model: GenreModel, jobs: int) -> list[Prediction]:
    setup = WorkerSetup(model.graph, model.card.name)
    found = {}
    for heard in listen_in_processes(map(str, songs), setup, jobs=jobs, time_limit=300):
        assert isinstance(heard, SongResult)
        assert isinstance(heard.answer, Prediction), heard.answer
        found[heard.path] = heard.answer
    return [found[str(song)] for song in songs]


def write_formats(songs: Sequence[Path], folder: Path) -> dict[str, list[Path]]:
    """Encode songs in all of :data:`FORMATS`."""
    written: dict[str, list[Path]] = {name: [] for name in FORMATS}
    for song in songs:
        audio = load_audio(song)
        for number, (name, (suffix, encode)) in enumerate(FORMATS.items()):
            written[name].append(folder / f"{song.stem} {number}.{suffix}")
            encode(written[name][-1], audio.samples, audio.sample_rate)
    return written


def measure(songs: Sequence[Path], model: GenreModel) -> list[Agreement]:
    """Name songs in all ways, and compare the answers with the simplest way's."""
    wanted = [predict(song, model) for song in songs]
    name = model.card.name
    found = []
    for n in _COUNTS:
        found.append(compare(f"{name}, {n} threads", wanted, _by_threads(songs, model, n)))
        found.append(compare(f"{name}, {n} processes", wanted, _by_processes(songs, model, n)))
    with tempfile.TemporaryDirectory() as folder:
        for kind, paths in write_formats(songs, Path(folder)).items():
            found.append(compare(f"{name}, {kind}", wanted, [predict(p, model) for p in paths]))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--page", type=Path, help="page with a section to write the table into")
    given = parser.parse_args()
    songs = sorted((given.data / "gtzan" / "lossless").glob("*/*.*"))
    lines = [
        f"{len(songs)} clips, {n_cores()} cores.\n",
        "| way | same first genre | it led by | same answer | median shift | largest shift |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [row.row() for name in list_models() for row in measure(songs, load_model(name))]
    print("\n".join(lines))
    if given.page:
        page = given.page.read_text(encoding="utf-8")
        written = with_section(page, "agreement", "\n".join(lines))
        given.page.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
