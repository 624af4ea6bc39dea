"""Generify, asked for the same things through its library."""

from __future__ import annotations

from typing import Any

from peers.clock import Run, Task, serve

RATE = 22050


def decode(path: str) -> Run:
    """Decode a file to mono at 22.05 kHz."""
    from generify.audio import load_audio

    def run() -> Any:
        samples = load_audio(path, sample_rate=RATE).samples
        return [len(samples) / RATE, float((samples**2).mean() ** 0.5)]

    return run


def log_mel(samples: str) -> Run:
    """Log-mel spectrum with the defaults."""
    import numpy as np

    from generify.spectrum import mel_spectrogram, power_to_db

    y = np.load(samples)
    return lambda: power_to_db(mel_spectrogram(y, RATE)).mean(axis=1)


def mfcc(samples: str) -> Run:
    """Thirteen MFCC of every frame."""
    import numpy as np

    from generify.spectrum import mfcc as compute

    y = np.load(samples)
    return lambda: compute(y, RATE, n_mfcc=13).mean(axis=1)


def extractor(name: str, samples: str) -> Run:
    """Compute the vector of an extractor, from samples."""
    import numpy as np

    from generify.excerpts import Excerpts
    from generify.features import get_extractor

    y, chosen = np.load(samples), get_extractor(name)
    return lambda: chosen.extract(Excerpts.from_samples(y, RATE))


def tag_file(path: str, window_hop: str, n_threads: str) -> Run:
    """Tag a file: decoded, resampled to 16 kHz, log-mel, windows at a hop in frames."""
    from generify.excerpts import load_excerpts
    from generify.features.tags import Tags

    tags = Tags(window_hop=int(window_hop), n_threads=int(n_threads))
    return lambda: tags.tags_of(load_excerpts(path)).ravel()


def tag_mel(path: str, window_hop: str, n_threads: str) -> Run:
    """Tag the samples of a file; its log-mel spectrum is left beside it for another to tag."""
    import numpy as np

    from generify.excerpts import Excerpts, load_excerpts
    from generify.features.tagger import SAMPLE_RATE, log_mel
    from generify.features.tags import Tags

    (samples,) = load_excerpts(path).at(SAMPLE_RATE)
    np.save(f"{path}.mel.npy", log_mel(samples))
    tags = Tags(window_hop=int(window_hop), n_threads=int(n_threads))
    return lambda: tags.tags_of(Excerpts.from_samples(samples, SAMPLE_RATE)).ravel()


def predict(path: str, timeline: str = "") -> Run:
    """Name the genre of a song with the western model, loaded beforehand."""
    import generify

    model = generify.load_model("western")

    def run() -> None:
        generify.predict(path, model, timeline=bool(timeline))

    return run


def list_library(folder: str) -> Run:
    """List the tracks of a folder of genre folders."""
    from generify.datasets import load_dataset

    def run() -> None:
        load_dataset(folder)

    return run


def cached_library(folder: str, features: str, jobs: str) -> Run:
    """Collect the features of a folder that were computed before: a dry run fills the cache."""
    from generify.cache import FeatureCache
    from generify.datasets import load_dataset
    from generify.extraction import extract_features

    dataset, cache = load_dataset(folder), FeatureCache()
    extract_features(dataset, features, cache=cache, jobs=int(jobs))

    def run() -> None:
        extract_features(dataset, features, cache=cache, jobs=int(jobs))

    return run


def save_and_load_table(n_tracks: str) -> Run:
    """Write a table of the released features as Parquet, and read it again."""
    import tempfile

    from generify.table import load_table, save_table

    table = _made_table(10, int(n_tracks) // 10)
    path = f"{tempfile.mkdtemp()}/table.parquet"

    def run() -> None:
        save_table(table, path)
        load_table(path)

    return run


def write_csv(table: str, path: str) -> Run:
    """Write a feature table as CSV, the genre first, for those who read no Parquet."""
    import csv

    from generify.table import load_table

    def run() -> None:
        read = load_table(table)
        with open(path, "w", newline="") as out:  # noqa: PTH123 - one line
            rows = zip(read.tracks, read.X.tolist(), strict=True)
            csv.writer(out).writerows([track.genre, *row] for track, row in rows)

    return run


def train(n_genres: str, n_tracks: str) -> Run:
    """Train the released recipe, judged by ten folds, on so many tracks of each genre."""
    from generify import defaults
    from generify.training import train_model

    table = _made_table(int(n_genres), int(n_tracks))

    def run() -> None:
        train_model(table, defaults.CLASSIFIER, name="made")

    return run


def classify(n_genres: str) -> Run:
    """Name the genres of 1,000 vectors with a model of so many genres."""
    from generify import defaults
    from generify.training import train_model

    table = _made_table(int(n_genres), 10)
    model = train_model(table, defaults.CLASSIFIER, name="made", n_folds=2).model
    X = table.X[[i % len(table.X) for i in range(1000)]]

    def run() -> None:
        model.predict_proba(X)
        model.novelty(X)

    return run


def _made_table(n_genres: int, n_tracks: int) -> Any:
    """Make a table of the released features in which the genres lie apart, without any audio."""
    import numpy as np

    from generify import defaults
    from generify.datasets import Track
    from generify.features import get_extractor
    from generify.table import FeatureTable

    chosen, rng = get_extractor(defaults.FEATURES), np.random.default_rng(3)
    y = np.repeat(np.arange(n_genres), n_tracks)
    centres = rng.normal(size=(n_genres, len(chosen.columns)))
    X = (centres[y] + rng.normal(size=(len(y), len(chosen.columns)))).astype(np.float32)
    names = [(f"genre{genre:02d}", f"{i:05d}.wav") for i, genre in enumerate(y)]
    return FeatureTable(
        dataset="made",
        tracks=tuple(Track(f"{genre}/{name}", None, genre) for genre, name in names),
        X=X,
        columns=chosen.columns,
        extractor=chosen.spec,
        durations=tuple(30.0 for _ in names),
    )


TASKS: dict[str, Task] = {
    "decode": decode,
    "log_mel": log_mel,
    "mfcc": mfcc,
    "extractor": extractor,
    "tag_file": tag_file,
    "tag_mel": tag_mel,
    "predict": predict,
    "list_library": list_library,
    "cached_library": cached_library,
    "save_and_load_table": save_and_load_table,
    "write_csv": write_csv,
    "train": train,
    "classify": classify,
}

if __name__ == "__main__":
    serve(TASKS)
