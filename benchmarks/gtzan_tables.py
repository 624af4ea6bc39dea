"""Feature tables of GTZAN from published spectrograms and taggrams, without the audio.

``mel128.npz`` holds 999 clips as mel spectrograms on the grid that our extractors use;
``msd_musicnn_taggrams.npz`` the tagger's tags for 733 of them, 28 windows a clip. Run as a program,
this writes Parquet tables::

    python benchmarks/gtzan_tables.py DATA --features timbre --features tags+timbre -o tables
    generify train tables/timbre.parquet -o model.onnx
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generify.datasets import Track
from generify.datasets.gtzan import published_tracks
from generify.features import get_extractor
from generify.features.mfcc import mfcc_vector
from generify.features.rhythm import rhythm_vector
from generify.features.tags import tag_statistics
from generify.features.timbre import timbre_vector
from generify.table import FeatureTable, save_table

Floats = NDArray[np.float32]

# The published taggrams have a window a second; the extractor one every 2.9 s.
TAGGRAM_STEP = 3


@dataclass(frozen=True)
class Clip:
    """What was published of one clip.

    Attributes
    ----------
    mel : ndarray of float32, shape (128, n_frames)
        Mel spectrogram in dB relative to its loudest bin.
    loudest_db : float
        How loud that bin is.
    tags : ndarray of float32, shape (n_windows, 50), or None
        Tags of each window, where they were published.
    """

    mel: Floats
    loudest_db: float
    tags: Floats | None


def _tags(clip: Clip) -> Floats | None:
    return None if clip.tags is None else tag_statistics(clip.tags[::TAGGRAM_STEP])


VECTORS: Mapping[str, Callable[[Clip], Floats | None]] = {
    "mfcc": lambda clip: mfcc_vector([clip.mel], clip.loudest_db),
    "timbre": lambda clip: timbre_vector([clip.mel]),
    "rhythm": lambda clip: rhythm_vector([clip.mel]),
    "tags": _tags,
}


def read_clips(data: Path) -> dict[str, Clip]:
    """Read mel spectrograms and taggrams of all clips."""
    with np.load(data / "msd_musicnn_taggrams.npz") as archive:
        tracks, tags = archive["tracks"], archive["tags"].astype(np.float32)
    taggrams = {str(name): tags[tracks == name] for name in np.unique(tracks)}
    with np.load(data / "mel128.npz") as archive:
        columns = [archive[name] for name in ("tracks", "mel_u8", "floor_db", "ref_db")]
    return {
        str(name): Clip(
            mel=np.float32(floor) * (1 - mel.astype(np.float32) / 255),
            loudest_db=float(loudest),
            tags=taggrams.get(str(name)),
        )
        for name, mel, floor, loudest in zip(*columns, strict=True)
    }


def _vector(features: str, clip: Clip) -> Floats | None:
    parts = [VECTORS[name](clip) for name in features.split("+")]
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def make_table(features: str, clips: Mapping[str, Clip]) -> FeatureTable:
    """Compute one extractor's features of all clips for which they can be had."""
    published = published_tracks()
    extractor = get_extractor(features)
    computed = {name: _vector(features, clip) for name, clip in clips.items()}
    rows = {name: vector for name, vector in computed.items() if vector is not None}
    return FeatureTable(
        dataset="gtzan",
        tracks=tuple(
            Track(
                track=name,
                path=None,
                genre=name.split(".")[0],
                artist=published[name].artist,
                split=published[name].split,
            )
            for name in rows
        ),
        X=np.stack(list(rows.values())),
        columns=extractor.columns,
        extractor=extractor.spec,
        durations=(30.0,) * len(rows),
    )


def joined(first: FeatureTable, second: FeatureTable) -> FeatureTable:
    """Put one table below another."""
    return replace(
        first,
        tracks=first.tracks + second.tracks,
        X=np.concatenate([first.X, second.X]),
        durations=first.durations + second.durations,
    )


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description="Feature tables of GTZAN without its audio.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz and the taggrams")
    parser.add_argument("--features", action="append", help="extractor; may be given repeatedly")
    parser.add_argument("--output", "-o", type=Path, default=Path("tables"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    clips = read_clips(arguments.data)
    for features in arguments.features or VECTORS:
        path = arguments.output / f"{features}.parquet"
        save_table(make_table(features, clips), path)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
