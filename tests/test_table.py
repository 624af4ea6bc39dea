"""Feature tables: what is written comes back, and what is odd is refused with its reason."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from conftest import TableMaker
from generify.datasets import Track
from generify.errors import DatasetError, Failure
from generify.table import FeatureTable, load_table, save_table

AGAIN = "make it again with `generify extract`"


@pytest.fixture
def table(make_table: TableMaker) -> FeatureTable:
    return make_table(
        ["rock", "blues", "rock", "jazz", "blues"],
        artists=["Ærø", None, "B", "C", None],
        splits=["train", "test", None, "valid", "train"],
    )


@pytest.fixture
def saved(table: FeatureTable, tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    save_table(table, path)
    return path


def rewrite(path: Path, change: Callable[[Any], Any]) -> Path:
    """Do to a table what another program might."""
    parquet.write_table(change(parquet.read_table(path)), path)
    return path


def test_a_table_comes_back(table: FeatureTable, saved: Path) -> None:
    again = load_table(saved)
    assert again.X.tobytes() == table.X.tobytes()
    assert again.X.dtype == np.float32
    for name in ("dataset", "tracks", "columns", "extractor", "durations"):
        assert getattr(again, name) == getattr(table, name)
    assert load_table(str(saved)).tracks == table.tracks


@pytest.mark.parametrize("said", ["", "from the tags: 3 of 4 näme one"])
def test_where_artists_were_found_comes_back(table: FeatureTable, saved: Path, said: str) -> None:
    save_table(dataclasses.replace(table, artists_from=said), saved)
    assert load_table(saved).artists_from == said


def test_tables_of_earlier_versions_do_not_say_where_artists_were_found(saved: Path) -> None:
    def forget(arrow: Any) -> Any:
        kept = {k: v for k, v in arrow.schema.metadata.items() if k != b"generify.artists_from"}
        return arrow.replace_schema_metadata(kept)

    assert load_table(rewrite(saved, forget)).artists_from == ""


def test_an_empty_name_is_not_a_missing_one(make_table: TableMaker, tmp_path: Path) -> None:
    table = make_table(["rock"] * 9, artists=["", None, "A", None, "", "ß", "日本", None, "B"])
    save_table(table, tmp_path / "table.parquet")
    assert load_table(tmp_path / "table.parquet").tracks == table.tracks
    parquet.read_table(tmp_path / "table.parquet").validate(full=True)


def test_pandas_stays_out(saved: Path) -> None:
    program = (
        "import sys; from generify.table import load_table, save_table;"
        f"save_table(load_table({str(saved)!r}), {str(saved)!r}); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"


def test_albums_come_back_and_older_tables_have_none(table: FeatureTable, saved: Path) -> None:
    tracks = tuple(dataclasses.replace(t, album=f"LP {i % 2}") for i, t in enumerate(table.tracks))
    save_table(dataclasses.replace(table, tracks=tracks), saved)
    assert load_table(saved).tracks == tracks
    older = rewrite(saved, lambda arrow: arrow.drop_columns(["album"]))
    assert load_table(older).tracks == table.tracks


def test_columns_of_the_file_are_those_documented(table: FeatureTable, saved: Path) -> None:
    schema = parquet.read_schema(saved)
    head = ["track", "path", "genre", "artist", "split", "album", "duration"]
    assert schema.names == [*head, *table.columns]
    assert json.loads(schema.metadata[b"generify.extractor"]) == {
        "name": "mfcc",
        "version": table.extractor.version,
        "parameters": table.extractor.parameters,
    }


def test_an_older_file_is_replaced(table: FeatureTable, saved: Path) -> None:
    save_table(table.choose([0]), saved)
    assert len(load_table(saved).tracks) == 1
    assert [path.name for path in saved.parent.iterdir()] == ["table.parquet"]


def test_writing_where_there_is_no_folder(table: FeatureTable, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot write .*table\.parquet: No such file"):
        save_table(table, tmp_path / "missing" / "table.parquet")


def test_genres_are_sorted_and_numbered_so(table: FeatureTable) -> None:
    assert table.genres == ("blues", "jazz", "rock")
    assert [table.genres[number] for number in table.y] == [t.genre for t in table.tracks]


def test_choosing_rows_keeps_everything_in_step(table: FeatureTable) -> None:
    table = dataclasses.replace(
        table, durations=(1.0, 2.0, 3.0, 4.0, 5.0), failures=(Failure("a", "b", "c"),)
    )
    chosen = table.choose(np.array([3, 0]))
    assert [track.genre for track in chosen.tracks] == ["jazz", "rock"]
    assert chosen.durations == (4.0, 1.0)
    np.testing.assert_array_equal(chosen.X, table.X[[3, 0]])
    assert chosen.genres == ("jazz", "rock")
    assert chosen.y.tolist() == [0, 1]
    assert chosen.failures == table.failures
    assert table.genres == ("blues", "jazz", "rock")


def test_duplicates_are_equal_rows(table: FeatureTable) -> None:
    assert len(set(table.duplicates)) == 5
    X = table.X.copy()
    X[3] = X[1]
    numbers = dataclasses.replace(table, X=X).duplicates
    assert numbers[3] == numbers[1]
    assert len(set(numbers)) == 4


def test_only_some_genres(table: FeatureTable, saved: Path) -> None:
    some = load_table(saved, genres=["rock", "blues"])
    assert some.genres == ("blues", "rock")
    assert [track.genre for track in some.tracks] == ["rock", "blues", "rock", "blues"]
    np.testing.assert_array_equal(some.X, table.X[[0, 1, 2, 4]])
    assert load_table(saved, genres=["ROCK", "blues"]).tracks == some.tracks


def test_genres_are_called_as_a_model_calls_them(table: FeatureTable) -> None:
    called = table.call_genres(["Blues", "ja zz", "hiphop"])
    assert called.genres == ("Blues", "ja zz", "rock")
    np.testing.assert_array_equal(called.X, table.X)


def test_a_genre_that_is_not_there(saved: Path) -> None:
    with pytest.raises(DatasetError, match="made has no genre polka; it has blues, jazz, rock"):
        load_table(saved, genres=["polka", "rock"])


def test_columns_in_another_order_and_more_of_them(table: FeatureTable, saved: Path) -> None:
    def shuffle(arrow: Any) -> Any:
        arrow = arrow.append_column("mood", pa.array(["blue"] * len(arrow)))
        return arrow.select(arrow.column_names[::-1])

    assert load_table(rewrite(saved, shuffle)).X.tobytes() == table.X.tobytes()


def test_numbers_widened_by_another_program(table: FeatureTable, saved: Path) -> None:
    def widen(arrow: Any) -> Any:
        kinds = [pa.float64() if pa.types.is_float32(f.type) else f.type for f in arrow.schema]
        fields = list(zip(arrow.column_names, kinds, strict=True))
        return arrow.cast(pa.schema(fields, metadata=arrow.schema.metadata))

    again = load_table(rewrite(saved, widen))
    assert again.X.dtype == np.float32
    assert again.X.tobytes() == table.X.tobytes()


def test_missing_columns(saved: Path) -> None:
    rewrite(saved, lambda arrow: arrow.drop_columns(["artist", "mfcc.mean.03"]))
    with pytest.raises(
        DatasetError, match=r"table\.parquet lacks 2 column\(s\): artist, mfcc\.mean\.03"
    ) as caught:
        load_table(saved)
    assert caught.value.hint == AGAIN


def with_extractor(spec: bytes | None) -> Callable[[Any], Any]:
    metadata = {} if spec is None else {b"generify.extractor": spec}
    return lambda arrow: arrow.replace_schema_metadata(metadata)


@pytest.mark.parametrize(
    "spec", [None, b"mfcc", b"[]", b"5", b'{"name": "mfcc"}', b'{"code": "x"}', b"\xff\xfe"]
)
def test_a_table_that_does_not_say_what_made_it(saved: Path, spec: bytes | None) -> None:
    rewrite(saved, with_extractor(spec))
    with pytest.raises(DatasetError, match=r"table\.parquet does not say which extractor made it"):
        load_table(saved)


def test_another_version_of_the_extractor(table: FeatureTable, saved: Path) -> None:
    spec = {**dataclasses.asdict(table.extractor), "version": 99}
    rewrite(saved, with_extractor(json.dumps(spec).encode()))
    with pytest.raises(
        DatasetError, match=r"table\.parquet holds mfcc v99, this Generify computes mfcc v1"
    ) as caught:
        load_table(saved)
    assert caught.value.hint == AGAIN


def test_an_extractor_that_nobody_knows(saved: Path) -> None:
    rewrite(saved, with_extractor(b'{"name": "vggish", "version": 1, "parameters": "{}"}'))
    with pytest.raises(DatasetError, match=r"table\.parquet: there is no extractor 'vggish'"):
        load_table(saved)


def test_a_table_without_rows(saved: Path) -> None:
    rewrite(saved, lambda arrow: arrow.slice(0, 0))
    with pytest.raises(DatasetError, match=r"table\.parquet has no rows or holds empty values"):
        load_table(saved)


def put(name: str, values: list[Any]) -> Callable[[Any], Any]:
    def change(arrow: Any) -> Any:
        return arrow.set_column(arrow.column_names.index(name), name, pa.array(values))

    return change


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_values_that_are_no_numbers(saved: Path, bad: float | None) -> None:
    rewrite(saved, put("mfcc.mean.00", [1.0, bad, 3.0, 4.0, 5.0]))
    with pytest.raises(DatasetError, match=r"table\.parquet has no rows or holds empty values"):
        load_table(saved)


@pytest.mark.parametrize("name", ["mfcc.mean.00", "duration"])
def test_text_in_the_place_of_numbers(saved: Path, name: str) -> None:
    rewrite(saved, put(name, ["a", "b", "c", "d", "e"]))
    with pytest.raises(DatasetError, match=r"table\.parquet holds values of the wrong kind: "):
        load_table(saved)


def test_genres_given_as_numbers_are_names_all_the_same(saved: Path) -> None:
    rewrite(saved, put("genre", [1, 2, 1, 10, 2]))
    assert load_table(saved).genres == ("1", "10", "2")


@pytest.mark.parametrize("name", ["genre", "track"])
@pytest.mark.parametrize("bad", [None, ""])
def test_rows_without_a_name(saved: Path, name: str, bad: str | None) -> None:
    rewrite(saved, put(name, ["a", bad, "c", bad, "e"]))
    with pytest.raises(DatasetError, match=r"table\.parquet has 2 rows without a track or a genre"):
        load_table(saved)


def test_tracks_without_audio_artist_split_or_duration(saved: Path) -> None:
    for name in ("path", "artist", "split", "duration"):
        rewrite(saved, put(name, [None] * 5))
    table = load_table(saved)
    assert table.tracks[0] == Track("rock/0", None, "rock")
    assert table.durations == (0.0,) * 5


@pytest.mark.parametrize("content", [b"", b"track,genre\na,b\n", bytes(1000)])
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"cannot read .*table\.parquet as a feature table: "):
        load_table(path)


def test_a_table_cut_short(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"cannot read .* as a feature table: ") as caught:
        load_table(saved)
    assert caught.value.hint == "make one with `generify extract`"


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*missing\.parquet as a feature table: "):
        load_table(tmp_path / "missing.parquet")


def test_a_folder_whose_name_looks_like_a_partition(table: FeatureTable, tmp_path: Path) -> None:
    # pyarrow reads columns out of such names unless told not to
    folder = tmp_path / "genre=polka"
    folder.mkdir()
    save_table(table, folder / "table.parquet")
    assert load_table(folder / "table.parquet").genres == table.genres
