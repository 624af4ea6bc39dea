"""Whether a song's answer depends on who computes it, and on the format that it is kept in.

::

    python benchmarks/robustness.py DATA [--page PAGE]

DATA holds ``gtzan/lossless``, 28 clips as WAV and AU, and ``indian/audio``, five recordings as MP3,
written as WAV first, so that every lossy way is their second encoding. ``western`` names the clips,
``indian`` the recordings, two of which are of a kind that it does not know, and then the Western
clips, all of which are. Each is named by one, two and four threads and processes, from FLAC, and
after encoding as Ogg Vorbis q6, MP3 with 192 kbit/s and Opus with 96 kbit/s; then with fewer bits,
and twice. What is compared are all probabilities. MP3, AAC and Opus need a higher sample rate than
the clips have; how much of the change is that is measured too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from encoding_shifts import ENCODINGS, Encode, Samples, vorbis
from generify.audio import load_audio, resample
from generify.cores import n_cores
from generify.model import GenreModel, load_model
from generify.prediction import Prediction, predict
from generify.results import SongResult
from generify.scan.workers import WorkerSetup, listen_in_processes
from sections import with_section

_COUNTS = (1, 2, 4)


def _vorbis_twice(path: Path, samples: Samples, rate: int) -> None:
    vorbis(path, samples, rate, quality=6)
    vorbis(path, load_audio(path).samples, rate, quality=6)


def _at_44100(path: Path, samples: Samples, rate: int) -> None:
    soundfile.write(path, resample(samples, rate, 44100), 44100)


_LOSSY = (
    *("Ogg Vorbis q6", "MP3 192 kbit/s", "Opus 96 kbit/s"),
    *("MP3 128 kbit/s", "AAC 128 kbit/s", "Opus 48 kbit/s", "Ogg Vorbis q3"),
)
FORMATS: Mapping[str, tuple[str, Encode]] = {
    "FLAC": ("flac", lambda path, samples, rate: soundfile.write(path, samples, rate)),
    "WAV at 44.1 kHz": ("wav", _at_44100),
    **{name: ENCODINGS[name] for name in _LOSSY},
    "Ogg Vorbis q6, twice": ("ogg", _vorbis_twice),
}


@dataclass(frozen=True)
class Agreement:
    """How far answers are from those that one thread gives to the originals.

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


def measure(songs: Sequence[Path], model: str, of: str = "") -> list[Agreement]:
    """Name songs in all ways, and compare the answers with the simplest way's."""
    loaded = load_model(model)
    wanted = [predict(song, loaded) for song in songs]
    name = f"{model}{of}"
    found = []
    for n in _COUNTS:
        found.append(compare(f"{name}, {n} threads", wanted, _by_threads(songs, loaded, n)))
        found.append(compare(f"{name}, {n} processes", wanted, _by_processes(songs, loaded, n)))
    with tempfile.TemporaryDirectory() as folder:
        for kind, paths in write_formats(songs, Path(folder)).items():
            found.append(compare(f"{name}, {kind}", wanted, [predict(p, loaded) for p in paths]))
    return found


def measure_all(clips: Sequence[Path], recordings: Sequence[Path]) -> list[Agreement]:
    """Measure each model on its own music, and the indian one on the other's."""
    with tempfile.TemporaryDirectory() as folder:
        songs = []
        for song in recordings:
            songs.append(Path(folder) / f"{song.stem}.wav")
            audio = load_audio(song)
            soundfile.write(songs[-1], audio.samples, audio.sample_rate)
        found = [*measure(clips, "western"), *measure(songs, "indian")]
    return [*found, *measure(clips, "indian", " on Western clips")]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--page", type=Path, help="page with a section to write the table into")
    given = parser.parse_args()
    clips = sorted((given.data / "gtzan" / "lossless").glob("*/*.*"))
    recordings = sorted((given.data / "indian" / "audio").glob("*/*.mp3"))
    if not clips or not recordings:
        sys.exit(f"{given.data} has no songs in gtzan/lossless or none in indian/audio")
    lines = [
        f"{len(clips)} Western clips, {len(recordings)} Indian recordings, {n_cores()} cores.\n",
        "| way | same first genre | it led by | same answer | median shift | largest shift |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    lines += [row.row() for row in measure_all(clips, recordings)]
    print("\n".join(lines))
    if given.page:
        page = given.page.read_text(encoding="utf-8")
        written = with_section(page, "agreement", "\n".join(lines))
        given.page.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
