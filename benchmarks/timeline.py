"""What it is worth to judge a timeline's slots of 3 s from the seconds around them.

::

    python benchmarks/timeline.py DATA [--json]

Songs are pairs of GTZAN clips of two genres, one behind the other, so that each changes its genre
once and is known throughout. Clips are those of the training and validation lists with audio; each
pair is judged by a model that heard neither of its artists (ten folds of the training list; all of
it for the validation list, which shares no artist with it). Accuracy is the mean over genres, of
slots beside the change, one further, and all others. ``averaged`` is the other way to smooth:
slots are judged from their own 3 s, and probabilities are averaged over 15 s (geometric mean).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.audio import Audio, load_audio
from generify.datasets import Track, load_dataset
from generify.features import get_extractor
from generify.recipe import FittedRecipe, fit_recipe, split_table
from generify.table import FeatureTable
from gtzan_tables import make_table, read_clips

Floats = NDArray[np.float64]

FEATURES, CLASSIFIER = "tags+rhythm", "lda"
SLOT = 3
HEARD = (3, 5, 9, 15, 21)  # seconds that a slot is judged from
N_FOLDS = 10
PLACES = ("beside a change", "one further", "elsewhere")
N_WORKERS = 2


@dataclass(frozen=True)
class Pair:
    """A song that changes its genre, and the model that judges it.

    Attributes
    ----------
    clips : tuple of Track
        Two clips of two genres.
    fitted : FittedRecipe
        Fitted without their artists.
    """

    clips: tuple[Track, Track]
    fitted: FittedRecipe


@dataclass(frozen=True)
class Slots:
    """Probabilities of a song's slots for each of :data:`HEARD`, with the truth.

    Attributes
    ----------
    probabilities : ndarray of float, shape (len(HEARD), n_slots, n_genres)
        In the order of the table's genres.
    truth : ndarray of int, shape (n_slots,)
        Number of the true genre.
    distance : ndarray of int, shape (n_slots,)
        Slots between this one and the change.
    """

    probabilities: Floats
    truth: NDArray[np.intp]
    distance: NDArray[np.intp]


def pair_up(clips: list[Track]) -> list[tuple[Track, Track]]:
    """Pair clips of different genres; the first half by genre with the second."""
    ordered = sorted(clips, key=lambda clip: (clip.genre, clip.track))
    half = len(ordered) // 2
    pairs = zip(ordered[:half], ordered[half:], strict=False)
    # every other pair turned round, so that no genre always comes first
    turned = [pair if i % 2 else pair[::-1] for i, pair in enumerate(pairs)]
    return [pair for pair in turned if pair[0].genre != pair[1].genre]


def make_pairs(table: FeatureTable, audio: list[Track]) -> Iterator[Pair]:
    """Pair clips that the same model may judge."""
    every_row = np.arange(len(table.y))
    valid = [clip for clip in audio if clip.split == "valid"]
    whole = fit_recipe(table, every_row, CLASSIFIER)
    yield from (Pair(clips, whole) for clips in pair_up(valid))
    here = {clip.track: clip for clip in audio}
    for fold in split_table(table, "artist", n_folds=N_FOLDS, random_state=0).folds:
        names = [table.tracks[row].track for row in fold.test]
        pairs = pair_up([here[name] for name in names if name in here])
        fitted = fit_recipe(table, fold.train, CLASSIFIER)
        yield from (Pair(clips, fitted) for clips in pairs)


def _whole_slots(audio: Audio) -> NDArray[np.float32]:
    n_slots = int(len(audio.samples) / audio.sample_rate + 0.1) // SLOT
    wanted = n_slots * SLOT * audio.sample_rate
    return np.pad(audio.samples, (0, max(0, wanted - len(audio.samples))))[:wanted]


def judge(pair: Pair, genres: tuple[str, ...]) -> Slots:
    """Give the probabilities of every slot of a pair."""
    loaded = [load_audio(clip.path) for clip in pair.clips if clip.path is not None]
    rate = loaded[0].sample_rate
    parts = [_whole_slots(audio) for audio in loaded]
    samples = np.concatenate(parts)
    n_first, n_slots = (len(part) // (SLOT * rate) for part in (parts[0], samples))
    extractor, number = get_extractor(FEATURES), np.arange(n_slots)
    probabilities = []
    for heard in HEARD:
        margin = (heard - SLOT) / 2
        edges = np.stack([number * SLOT - margin, (number + 1) * SLOT + margin], axis=1)
        spans = np.rint(edges * rate).astype(int).clip(0, len(samples))
        X = extractor.extract_spans(samples, rate, [(int(a), int(b)) for a, b in spans])
        probabilities.append(pair.fitted.predict_proba(X, len(genres)))
    first, second = (genres.index(clip.genre) for clip in pair.clips)
    is_first = number < n_first
    distance = np.where(is_first, n_first - 1 - number, number - n_first)
    return Slots(np.stack(probabilities), np.where(is_first, first, second), distance)


def averaged(slots: Slots, seconds: int) -> Floats:
    """Smooth the slots that were judged from 3 s by averaging their log-probabilities."""
    logs = np.log(slots.probabilities[HEARD.index(SLOT)] + 1e-6)
    reach, n_slots = seconds // SLOT // 2, len(logs)
    around = [slice(max(0, i - reach), i + reach + 1) for i in range(n_slots)]
    return np.stack([logs[part].mean(axis=0) for part in around])


def mean_over_genres(right: NDArray[np.bool_], truth: NDArray[np.intp]) -> float:
    """Accuracy of each genre, averaged; clips are many of some genres and few of others."""
    return float(np.mean([right[truth == genre].mean() for genre in np.unique(truth)]))


def measure(songs: list[Slots]) -> list[dict[str, Any]]:
    """Give a row for each way to smooth."""
    truth = np.concatenate([song.truth for song in songs])
    place = np.minimum(np.concatenate([song.distance for song in songs]), len(PLACES) - 1)
    answers = {
        f"{heard} s": [song.probabilities[i] for song in songs] for i, heard in enumerate(HEARD)
    }
    answers["3 s, averaged over 15 s"] = [averaged(song, 15) for song in songs]
    rows = []
    for name, of_songs in answers.items():
        right = np.concatenate(of_songs).argmax(axis=1) == truth
        by_place = {
            where: round(mean_over_genres(right[place == i], truth[place == i]), 4)
            for i, where in enumerate(PLACES)
        }
        rows.append({"heard": name, **by_place, "all": round(mean_over_genres(right, truth), 4)})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Accuracy of a timeline's slots.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz, the taggrams and audio/")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    every = make_table(FEATURES, read_clips(arguments.data))
    table = every.choose([i for i, track in enumerate(every.tracks) if track.split == "train"])
    pairs = list(make_pairs(table, list(load_dataset(arguments.data / "audio").tracks)))
    with ThreadPoolExecutor(N_WORKERS) as pool:
        songs = list(pool.map(lambda pair: judge(pair, table.genres), pairs))
    rows = measure(songs)
    if arguments.json:
        print(json.dumps({"n_songs": len(songs), "rows": rows}, indent=2))
        return
    print(f"{len(songs)} songs, {sum(len(song.truth) for song in songs)} slots of {SLOT} s")
    print(f"{'slot judged from':24} " + " ".join(f"{name:>16}" for name in (*PLACES, "all")))
    for row in rows:
        cells = (f"{100 * row[name]:14.1f} %" for name in (*PLACES, "all"))
        print(f"{row['heard']:24} " + " ".join(cells))


if __name__ == "__main__":
    main()
