"""Build the bundled model ``western`` from what is published of GTZAN.

::

    python tools/build_western.py DATA

DATA holds ``mel128.npz``, the taggrams and ``audio/``. The card quotes the fault-filtered split,
trained on the training list only; the model itself is then fitted on every clip that has a taggram
or audio.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from generify import defaults
from generify.datasets import load_dataset
from generify.extraction import extract_features
from generify.training import evaluate_recipe, fit_model

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from gtzan_tables import joined, make_table, read_clips  # noqa: E402 - beside the benchmarks

OUTPUT = ROOT / "src" / "generify" / "models" / "western.onnx"
LICENCE = "MIT (the model; the tagger inside Generify is ISC, the music belongs to its owners)"
ATTRIBUTION = (
    "trained on GTZAN (Tzanetakis and Cook 2002), tags by MSD_musicnn (Pons and Serra 2019)"
)
LIMITS = (
    "Its songs are from before 2002. Electronic music, orchestral game music and everything else "
    "that the ten genres leave out is called the nearest of them or unknown. In a test it "
    "answered unknown to 35 % of the songs of a genre that it had not heard, and by mistake to 4 % "
    "of those that it knows (`python benchmarks/novelty.py DATA`); to more of them where a song "
    "is shorter than 12 s."
)


def main() -> None:
    """Train, write, and say what was measured."""
    parser = argparse.ArgumentParser(description="Build the bundled model western.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz, the taggrams and audio/")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    table = make_table(defaults.FEATURES, read_clips(arguments.data))
    report = evaluate_recipe(table, defaults.CLASSIFIER, split="fault-filtered")
    dataset = load_dataset(arguments.data / "audio")
    known = {track.track for track in table.tracks}
    missing = tuple(track for track in dataset.tracks if track.track not in known)
    audio = extract_features(replace(dataset, tracks=missing), defaults.FEATURES, jobs=2)
    model = fit_model(
        joined(table, audio),
        report,
        defaults.CLASSIFIER,
        name="western",
        licence=LICENCE,
        attribution=ATTRIBUTION,
        limits=LIMITS,
    )
    model.save(arguments.output)
    print(f"{100 * report.accuracy:.1f} % on the split {report.experiment.split}")
    print(f"wrote {arguments.output}, {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
