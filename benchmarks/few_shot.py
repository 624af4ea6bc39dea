"""How many songs a genre are enough: accuracy after 3, 5, 10 and 20 clips of each genre.

::

    python benchmarks/few_shot.py DATA [--json]

Clips are drawn from GTZAN's training list; the rest of it is tested, without the clips of any
artist that was trained on. Ten genres, the mean of twenty draws; guessing would be 10 %.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from generify.recipe import fit_recipe
from generify.table import FeatureTable
from gtzan_tables import make_table, read_clips

RECIPES = (("mfcc", "lda"), ("timbre", "lda"), ("tags", "lda"), ("tags+rhythm", "lda"))
N_CLIPS = (3, 5, 10, 20)
N_DRAWS = 20


def draws(table: FeatureTable, n_clips: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield rows to train on and rows to test on."""
    artists = [track.artist or track.track for track in table.tracks]
    for seed in range(N_DRAWS):
        order = np.random.default_rng(seed).permutation(len(artists)).tolist()
        chosen = [
            row
            for genre in range(len(table.genres))
            for row in [r for r in order if table.y[r] == genre][:n_clips]
        ]
        seen = {artists[row] for row in chosen}
        yield chosen, [row for row in order if artists[row] not in seen]


def measure(table: FeatureTable, classifier: str, n_clips: int) -> dict[str, Any]:
    """Mean and deviation of the accuracy over the draws."""
    accuracies = []
    for trained, tested in draws(table, n_clips):
        fitted = fit_recipe(table, np.array(trained), classifier)
        predicted = fitted.predict_proba(table.X[tested], len(table.genres)).argmax(axis=1)
        accuracies.append(float((predicted == table.y[tested]).mean()))
    return {
        "recipe": f"{table.extractor.name} + {classifier}",
        "clips_per_genre": n_clips,
        "accuracy": round(float(np.mean(accuracies)), 4),
        "deviation": round(float(np.std(accuracies)), 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Accuracy after a few clips of each genre.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz and the taggrams")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    clips = read_clips(arguments.data)
    rows = []
    for features, classifier in RECIPES:
        table = make_table(features, clips)
        train = table.choose([i for i, track in enumerate(table.tracks) if track.split == "train"])
        rows += [measure(train, classifier, n_clips) for n_clips in N_CLIPS]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'recipe':20} " + " ".join(f"{n:>14} clips" for n in N_CLIPS))
    for i in range(0, len(rows), len(N_CLIPS)):
        cells = rows[i : i + len(N_CLIPS)]
        figures = (f"{100 * c['accuracy']:10.1f} ± {100 * c['deviation']:3.1f} %" for c in cells)
        print(f"{cells[0]['recipe']:20} " + "   ".join(figures))


if __name__ == "__main__":
    main()
