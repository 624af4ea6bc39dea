"""The Indian benchmark: its table, and that its rows mean what they say."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from generify.errors import DatasetError
from generify.features.classic import LIBROSA_COLUMNS, Classic

GENRES = ("bollypop", "ghazal")
SHORT = {"bollypop": "bp", "ghazal": "gz"}
BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import indian
    return indian


@pytest.fixture(scope="module")
def tables(benchmark: ModuleType) -> ModuleType:
    return sys.modules["indian_tables"]


def write_csv(folder: Path, *, separation: float = 4.0, leave_out: str = "") -> Path:
    """Forty tracks a genre; value of column number c in row r of the file is near 100 r + c."""
    rng = np.random.default_rng(0)
    names = ["track", "duration", "tempo", *LIBROSA_COLUMNS.values(), "label"]
    names = [name for name in names if name != leave_out]
    with (folder / "librosa_features.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        for number, genre in enumerate(GENRES):
            for i in range(1, 41):
                values = number * separation + rng.normal(size=len(LIBROSA_COLUMNS))
                row = dict(zip(LIBROSA_COLUMNS.values(), values, strict=True))
                track = f"{genre}/{SHORT[genre]}{i:02d}.mp3"
                writer.writerow(
                    {"track": track, "duration": 45.0, "tempo": 120.0, "label": genre, **row}
                )
    return folder


def test_columns_are_mapped_by_name(tables: ModuleType, tmp_path: Path) -> None:
    table = tables.read_indian_table(write_csv(tmp_path))
    assert table.columns == Classic().columns
    assert table.extractor == Classic().spec
    assert table.X.shape == (79, 58)
    assert table.genres == GENRES
    with (tmp_path / "librosa_features.csv").open(encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    for ours, theirs in {
        "mfcc.mean.00": "mfcc1_mean",
        "mfcc.std.09": "mfcc10_std",
        "chroma.mean.11": "chroma12_mean",
        "rolloff.mean.00": "spec_rolloff_mean",
        "zero_crossing_rate.mean.00": "zcr_mean",
    }.items():
        expected = pytest.approx(float(first[theirs]), rel=1e-6)
        assert table.X[0, table.columns.index(ours)] == expected


def test_the_duplicate_is_left_out(tables: ModuleType, tmp_path: Path) -> None:
    tracks = {t.track for t in tables.read_indian_table(write_csv(tmp_path)).tracks}
    assert "ghazal/gz36.mp3" in tracks
    assert "ghazal/gz37.mp3" not in tracks


def test_a_missing_column_is_named(tables: ModuleType, tmp_path: Path) -> None:
    write_csv(tmp_path, leave_out="chroma3_std")
    with pytest.raises(DatasetError, match=r"lacks 1 column\(s\): chroma3_std"):
        tables.read_indian_table(tmp_path)


def test_rows_say_what_was_measured(benchmark: ModuleType, tmp_path: Path) -> None:
    rows = benchmark.measure(benchmark.read_indian_table(write_csv(tmp_path)), n_repeats=1)
    assert [row["recipe"] for row in rows] == [
        "classic + svm, settings nested",
        "classic + svm",
        "classic + svm",
        "classic + logreg",
        "classic + logreg",
    ]
    for row in rows:
        assert row["n_tracks"] == 79
        assert row["low"] <= row["accuracy"] <= row["high"] == 1.0  # four deviations apart
        random = row["split"] == "random 10-fold"
        assert random or row["split"] == "blocks of ten files"
        assert ("albums and artists" in row["warning"]) == random


def test_random_labels_score_at_chance(benchmark: ModuleType, tmp_path: Path) -> None:
    table = benchmark.read_indian_table(write_csv(tmp_path, separation=0.0))
    assert 0.25 < benchmark.nested_accuracy(table, 0) < 0.75  # 79 tracks: 0.5 ± 0.17 at 3 sigma


def test_blocks_hold_ten_consecutive_files(benchmark: ModuleType, tmp_path: Path) -> None:
    table = benchmark.in_blocks(benchmark.read_indian_table(write_csv(tmp_path)))
    artist = {t.track: t.artist for t in table.tracks}
    assert artist["bollypop/bp01.mp3"] == artist["bollypop/bp10.mp3"]
    assert artist["bollypop/bp10.mp3"] != artist["bollypop/bp11.mp3"]
    assert artist["bollypop/bp01.mp3"] != artist["ghazal/gz01.mp3"]
    assert len(set(artist.values())) == 8
    with pytest.raises(DatasetError, match=r"bollypop/x\.mp3 has no number"):
        benchmark.block_of("bollypop/x.mp3")


@pytest.mark.data
def test_the_published_table_is_read(tables: ModuleType, shared_data: Path) -> None:
    table = tables.read_indian_table(shared_data / "indian")
    assert table.X.shape == (499, 58)
    assert len(set(table.duplicates)) == 499
    counts = {genre: int((table.y == i).sum()) for i, genre in enumerate(table.genres)}
    assert counts == {
        "bollypop": 100, "carnatic": 100, "ghazal": 99, "semiclassical": 100, "sufi": 100,
    }  # fmt: skip
    gz05 = table.X[[t.track for t in table.tracks].index("ghazal/gz05.mp3")]
    assert gz05[table.columns.index("mfcc.std.09")] == pytest.approx(6.7182, rel=1e-3)
