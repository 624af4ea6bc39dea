"""How much a split flatters: the same recipes on GTZAN, divided in five ways.

::

    python benchmarks/flattering.py DATA [--json]

DATA holds ``mel128.npz``. From strict to lenient: the published fault-filtered lists; ten folds in
which no artist is on two sides; ten folds of clips drawn at random; each clip cut into ten segments
of 3 s, all of one clip on one side; and the same segments drawn at random, so that the rest of a
clip is trained on while a part of it is tested. ``rows`` counts clips, or segments. The folds are
those of ``generify evaluate --split``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from generify.datasets import Track
from generify.features.timbre import timbre_vector
from generify.table import FeatureTable
from generify.training import evaluate_recipe
from gtzan_tables import Clip, make_table, read_clips

FEATURES = "timbre"
CLASSIFIERS = ("lda", "knn")
N_SEGMENTS = 10


def cut(table: FeatureTable, clips: Mapping[str, Clip]) -> FeatureTable:
    """Give a table of segments; the clip that a segment is of stands as its album."""
    tracks: list[Track] = []
    rows = []
    for track in table.tracks:
        for number, mel in enumerate(np.array_split(clips[track.track].mel, N_SEGMENTS, axis=1)):
            tracks.append(
                replace(track, track=f"{track.track}/{number}", album=track.track, split=None)
            )
            rows.append(timbre_vector([mel]))
    durations = (30.0 / N_SEGMENTS,) * len(tracks)
    return replace(table, tracks=tuple(tracks), X=np.stack(rows), durations=durations)


def measure(clips: Mapping[str, Clip]) -> Iterator[dict[str, Any]]:
    """Judge each recipe on each split."""
    table = make_table(FEATURES, clips)
    segments = cut(table, clips)
    divided = (
        ("fault-filtered", "the published lists", table),
        ("artist", "clips, no artist on two sides", table),
        ("random", "clips, at random", table),
        ("album", "3-s segments, no clip on two sides", segments),
        ("random", "3-s segments, at random", segments),
    )
    for classifier in CLASSIFIERS:
        for split, meaning, rows in divided:
            report = evaluate_recipe(rows, classifier, split=split)
            yield {
                "recipe": f"{FEATURES} + {classifier}",
                "split": meaning,
                "n_rows": report.n_tracks,
                "accuracy": round(report.accuracy, 4),
                "low": round(report.low, 4),
                "high": round(report.high, 4),
            }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Accuracy on GTZAN, split by split.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rows = list(measure(read_clips(arguments.data)))
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'recipe':14} {'split':36} {'rows':>5} {'right':>7}  95 % interval")
    for r in rows:
        interval = f"{100 * r['low']:.1f} to {100 * r['high']:.1f} %"
        right = f"{100 * r['accuracy']:5.1f} %"
        print(f"{r['recipe']:14} {r['split']:36} {r['n_rows']:5} {right}  {interval}")


if __name__ == "__main__":
    main()
