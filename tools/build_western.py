"""Build the bundled model ``western`` from a feature table of GTZAN.

::

    python benchmarks/gtzan_tables.py DATA --output tables
    python tools/build_western.py tables/timbre.parquet

The card quotes the fault-filtered split, trained on the training list only; the model itself is
then fitted on all clips.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from generify import defaults
from generify.table import load_table
from generify.training import train_model

OUTPUT = Path(__file__).resolve().parents[1] / "src" / "generify" / "models" / "western.onnx"
LICENCE = "MIT (the model; the music that it was trained on belongs to its owners)"
ATTRIBUTION = "trained on GTZAN (Tzanetakis and Cook 2002)"


def main() -> None:
    """Train, write, and say what was measured."""
    parser = argparse.ArgumentParser(description="Build the bundled model western.")
    parser.add_argument("table", type=Path, help="feature table of GTZAN")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    training = train_model(
        load_table(arguments.table),
        defaults.CLASSIFIER,
        name="western",
        split="fault-filtered",
        licence=LICENCE,
        attribution=ATTRIBUTION,
    )
    training.model.save(arguments.output)
    report = training.report
    print(f"{100 * report.accuracy:.1f} % on the split {report.experiment.split}")
    print(f"wrote {arguments.output}, {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
