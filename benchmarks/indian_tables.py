"""A feature table of the Indian set from the published CSV, without the audio.

``librosa_features.csv`` holds what librosa's defaults give for 500 tracks of five genres; its
columns are those of the ``classic`` extractor (and some that it leaves out). Run as a program,
this writes a Parquet table::

    python benchmarks/indian_tables.py DATA --output tables
    generify train tables/classic.parquet --classifier svm -o indian.onnx
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from generify.datasets import Track
from generify.errors import DatasetError
from generify.features.classic import LIBROSA_COLUMNS, Classic, without_highest_band
from generify.table import FeatureTable, save_table

CSV_NAME = "librosa_features.csv"
DUPLICATES = frozenset({"ghazal/gz37.mp3"})  # the same recording as gz36
LEAKAGE_WARNING = (
    "random folds: albums and artists of these tracks are unknown; songs of one album are likely "
    "on both sides, and figures flatter"
)


def read_indian_table(data: Path) -> FeatureTable:
    """Read the CSV as a table of the ``classic`` extractor, duplicates left out."""
    path = data / CSV_NAME
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        _check_columns(reader.fieldnames or (), path)
        rows = [row for row in reader if row["track"] not in DUPLICATES]
    extractor = Classic()
    return FeatureTable(
        dataset="indian",
        tracks=tuple(Track(row["track"], None, row["label"]) for row in rows),
        X=without_highest_band(
            np.array(
                [[float(row[LIBROSA_COLUMNS[name]]) for name in extractor.columns] for row in rows]
            )
        ),
        columns=extractor.columns,
        extractor=extractor.spec,
        durations=tuple(float(row["duration"]) for row in rows),
        warnings=(LEAKAGE_WARNING,),
    )


def _check_columns(present: Sequence[str], path: Path) -> None:
    wanted = ("track", "label", "duration", *LIBROSA_COLUMNS.values())
    missing = [name for name in wanted if name not in present]
    if missing:
        raise DatasetError(
            f"{path} lacks {len(missing)} column(s): {', '.join(missing[:5])}",
            hint="take librosa_features.csv of the Indian set as it was published",
        )


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=f"Feature table of the Indian set: {CSV_NAME}.")
    parser.add_argument("data", type=Path, help=f"folder with {CSV_NAME}")
    parser.add_argument("--output", type=Path, default=Path("tables"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "classic.parquet"
    save_table(read_indian_table(arguments.data), path)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
