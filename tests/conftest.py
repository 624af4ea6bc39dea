"""Fixtures for all tests: synthetic songs, tables and models, made once a session.

Nothing here is music, but each "genre" sounds unlike the others, so that a classifier has something
to learn: chords of sines, swelling noise, clicks over a chord. Each passes the signal check, which
refuses what is certainly no music.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

if TYPE_CHECKING:
    from generify.datasets import Track
    from generify.model import GenreModel
    from generify.table import FeatureTable

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RATE = 22050
CLIPS_PER_GENRE = 8


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real clips and tables for development; they are not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared development data (real GTZAN clips) is not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests, and the commands they start, out of the user's own files."""
    history = tmp_path_factory.mktemp("history") / "history.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENERIFY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("GENERIFY_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        patch.setenv("GENERIFY_DATABASE_URL", f"sqlite:///{history}")
        yield


def chord(rng: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    """Three sines over a random root."""
    t = np.arange(round(seconds * RATE)) / RATE
    root = rng.uniform(150, 500)
    return sum(np.sin(2 * np.pi * root * step * t) for step in (1, 1.25, 1.5)) / 6


def bursts(rng: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    """Noise, smoothed by a random amount, halved and doubled a few times a second."""
    n_samples = round(seconds * RATE)
    length = int(rng.integers(6, 16))
    window = np.convolve(np.ones(length) / length, np.ones(8) / 8)
    noise = np.convolve(rng.normal(size=n_samples), window, mode="same")
    loud = np.sin(2 * np.pi * rng.uniform(2, 5) * np.arange(n_samples) / RATE) > -0.5
    return 0.3 * noise * (0.5 + 0.5 * loud)


def clicks(rng: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    """Single samples at a random tempo over a chord and a breath of noise."""
    samples = 1e-3 * rng.normal(size=round(seconds * RATE))
    samples[:: round(RATE / rng.uniform(4, 12))] = 0.7
    return samples + 0.2 * chord(rng, seconds)


SOUNDS: dict[str, Callable[[np.random.Generator, float], NDArray[np.float64]]] = {
    "clicks": clicks,
    "noise": bursts,
    "tones": chord,
}


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three genre folders of eight WAV files of 2 to 4 s; never to be changed."""
    root = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(2024)
    for genre, sound in SOUNDS.items():
        (root / genre).mkdir()
        for number in range(CLIPS_PER_GENRE):
            samples = sound(rng, float(rng.uniform(2, 4)))
            soundfile.write(root / genre / f"{genre}{number}.wav", samples, RATE)
    return root


@pytest.fixture(scope="session")
def music_table(music: Path) -> FeatureTable:
    """The MFCC of :func:`music`."""
    from generify.datasets import load_dataset
    from generify.extraction import extract_features

    return extract_features(load_dataset(music), "mfcc")


@pytest.fixture(scope="session")
def music_model(music_table: FeatureTable) -> GenreModel:
    """A model that knows the genres of :func:`music`."""
    from generify.training import train_model

    return train_model(music_table, "logreg", name="toy", n_folds=2).model


@pytest.fixture
def model_file(music_model: GenreModel, tmp_path: Path) -> Path:
    """Save that model, called toy."""
    path = tmp_path / "toy.onnx"
    music_model.save(path)
    return path


TableMaker = Callable[..., "FeatureTable"]


@pytest.fixture(scope="session")
def make_table() -> TableMaker:
    """Give the function that makes a table of random MFCC without any audio.

    It takes the genre of each row and, as keywords, ``artists`` and ``splits`` of each row, how far
    the genres lie apart (``separation``, in standard deviations) and the ``seed``.
    """
    from generify.datasets import Track
    from generify.features import get_extractor
    from generify.table import FeatureTable

    def make(
        genres: list[str],
        *,
        artists: list[str | None] | None = None,
        splits: list[str | None] | None = None,
        separation: float = 3.0,
        seed: int = 0,
    ) -> FeatureTable:
        rng = np.random.default_rng(seed)
        extractor = get_extractor("mfcc")
        names = sorted(set(genres))
        centres = separation * rng.normal(size=(len(names), len(extractor.columns)))
        rows = np.array([names.index(genre) for genre in genres])
        X = centres[rows] + rng.normal(size=(len(rows), len(extractor.columns)))
        tracks: list[Track] = [
            Track(
                track=f"{genre}/{number}",
                path=None,
                genre=genre,
                artist=artists[number] if artists else None,
                split=splits[number] if splits else None,
            )
            for number, genre in enumerate(genres)
        ]
        return FeatureTable(
            dataset="made",
            tracks=tuple(tracks),
            X=X.astype(np.float32),
            columns=extractor.columns,
            extractor=extractor.spec,
            durations=tuple(30.0 for _ in tracks),
        )

    return make


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Run ``generify`` with the given arguments, in this process."""
    from generify.cli import main

    handler = signal.getsignal(signal.SIGINT)

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["generify", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return Outcome(int(caught.value.code or 0), captured.out, captured.err)

    yield run
    signal.signal(signal.SIGINT, handler)
