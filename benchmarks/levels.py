"""What a song's level does to the western recipe, and what mending it is worth.

::

    python benchmarks/levels.py DATA [--json]

The recipe is fitted to GTZAN's training list and names the clips of the validation list that have
audio: as they are, quieter, offset, and with less bandwidth; each as it is and with
:func:`generify.excerpts.mend_levels`. The test list is not read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify import defaults
from generify.audio import Audio, load_audio, resample
from generify.datasets import load_dataset
from generify.excerpts import Excerpts, mend_levels
from generify.features import get_extractor
from generify.recipe import fit_recipe
from gtzan_tables import make_table, read_clips

Change = Callable[[NDArray[np.float32], int], tuple[NDArray[np.float32], int]]

CHANGES: dict[str, Change] = {
    "as it is": lambda samples, rate: (samples, rate),
    "12 dB quieter": lambda samples, rate: (samples * np.float32(10 ** (-12 / 20)), rate),
    "20 dB quieter": lambda samples, rate: (samples * np.float32(0.1), rate),
    "40 dB quieter": lambda samples, rate: (samples * np.float32(0.01), rate),
    "offset by 0.3": lambda samples, rate: (samples + np.float32(0.3), rate),
    "16 kHz": lambda samples, rate: (resample(samples, rate, 16000), 16000),
    "11.025 kHz": lambda samples, rate: (resample(samples, rate, 11025), 11025),
    "8 kHz": lambda samples, rate: (resample(samples, rate, 8000), 8000),
}


def measure(data: Path) -> list[dict[str, Any]]:
    """Give the share named right for each change, plain and mended."""
    table = make_table(defaults.FEATURES, read_clips(data))
    rows = np.array([i for i, track in enumerate(table.tracks) if track.split == "train"])
    fitted = fit_recipe(table, rows, defaults.CLASSIFIER)
    extractor = get_extractor(defaults.FEATURES)
    tracks = [t for t in load_dataset(data / "audio").tracks if t.split == "valid"]
    clips = [load_audio(str(track.path)) for track in tracks]
    y = np.array([table.genres.index(track.genre) for track in tracks])

    def share(change: Change, mend: bool) -> float:
        X = np.stack([extractor.extract(_excerpts(clip, change, mend)) for clip in clips])
        named = fitted.predict_proba(X, len(table.genres)).argmax(axis=1)
        return round(float((named == y).mean()), 4)

    return [
        {"song": name, "plain": share(change, False), "mended": share(change, True)}
        for name, change in CHANGES.items()
    ]


def _excerpts(clip: Audio, change: Change, mend: bool) -> Excerpts:
    samples, rate = change(clip.samples, clip.sample_rate)
    heard = Audio(samples, rate, clip.duration)
    stretches = mend_levels([heard]) if mend else [heard]
    return Excerpts(tuple(stretches), clip.duration)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a song's level does to accuracy.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz, the taggrams and audio/")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rows = measure(arguments.data)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'song':16} {'plain':>8} {'mended':>8}")
    for row in rows:
        print(f"{row['song']:16} {100 * row['plain']:6.0f} % {100 * row['mended']:6.0f} %")


if __name__ == "__main__":
    main()
