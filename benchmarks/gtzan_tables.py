"""Feature tables of GTZAN from the published mel spectrograms, without the audio.

``mel128.npz`` holds 999 clips as mel spectrograms on the grid that our extractors use. Run as a
program, this writes one Parquet table an extractor::

    python benchmarks/gtzan_tables.py DATA --output tables
    generify train tables/timbre.parquet -o model.onnx
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generify.datasets import Track
from generify.datasets.gtzan import published_tracks
from generify.features import get_extractor
from generify.features.mfcc import mfcc_vector
from generify.features.timbre import timbre_vector
from generify.table import FeatureTable, save_table

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """A published mel spectrogram in dB relative to its loudest bin, and how loud that is."""

    mel: Floats
    loudest_db: float


FROM_MEL: dict[str, Callable[[Clip], Floats]] = {
    "mfcc": lambda clip: mfcc_vector([clip.mel], clip.loudest_db),
    "timbre": lambda clip: timbre_vector([clip.mel]),
}


def read_mels(data: Path) -> dict[str, Clip]:
    """Read the mel spectrograms."""
    with np.load(data / "mel128.npz") as archive:
        columns = [archive[name] for name in ("tracks", "mel_u8", "floor_db", "ref_db")]
    return {
        str(name): Clip(np.float32(floor) * (1 - mel.astype(np.float32) / 255), float(loudest))
        for name, mel, floor, loudest in zip(*columns, strict=True)
    }


def make_table(features: str, clips: dict[str, Clip]) -> FeatureTable:
    """Compute one extractor's features of all clips."""
    published = published_tracks()
    vector = FROM_MEL[features]
    extractor = get_extractor(features)
    return FeatureTable(
        dataset="gtzan",
        tracks=tuple(
            Track(
                name,
                None,
                name.split(".")[0],
                artist=published[name].artist,
                split=published[name].split,
            )
            for name in clips
        ),
        X=np.stack([vector(clip) for clip in clips.values()]),
        columns=extractor.columns,
        extractor=extractor.spec,
        durations=(30.0,) * len(clips),
    )


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description="Feature tables of GTZAN from mel128.npz.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz")
    parser.add_argument("--output", type=Path, default=Path("tables"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    clips = read_mels(arguments.data)
    for features in FROM_MEL:
        path = arguments.output / f"{features}.parquet"
        save_table(make_table(features, clips), path)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
