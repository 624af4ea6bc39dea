"""Features of many tracks, in memory and as a Parquet file.

One row a track: ``track, path, genre, artist, split, album, duration``, then one column a feature;
the extractor is named in the schema's metadata, and where the artists were found. Tables of earlier
versions have no ``album``.

In it: :class:`FeatureTable`, :func:`save_table`, :func:`load_table`, :func:`find_not_held_out`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.atomic import replacing
from generify.datasets import Track
from generify.errors import (
    DatasetError,
    Failure,
    MissingExtraError,
    NothingThereError,
    ParameterError,
)
from generify.features import ExtractorSpec, get_extractor
from generify.genre_names import call_genre, choose_genres

__all__ = ["TABLE_SUFFIX", "FeatureTable", "find_not_held_out", "load_table", "save_table"]

TABLE_SUFFIX = ".parquet"
_TRACK_COLUMNS = ("track", "path", "genre", "artist", "split", "duration")
_ALBUM = "album"
_EXTRACTOR_KEY = b"generify.extractor"
_DATASET_KEY = b"generify.dataset"
_ARTISTS_KEY = b"generify.artists_from"


@dataclass(frozen=True)
class FeatureTable:
    """Features of many tracks.

    Attributes
    ----------
    dataset : str
        Name of the dataset.
    tracks : tuple of Track
        The rows.
    X : ndarray of float32, shape (n_tracks, n_features)
        The features, in the order of ``columns``.
    columns : tuple of str
        Names of the features.
    extractor : ExtractorSpec
        What computed them.
    durations : tuple of float
        Length of each track in seconds.
    failures : tuple of Failure
        Tracks that are not in the table, and why.
    warnings : tuple of str
        What was odd about the tracks that are, each named.
    artists_from : str
        Where the artists were found, in words; empty where they were published or listed.
    corrections : str
        How many tracks people had corrected, in words; empty where nobody was asked.
    """

    dataset: str
    tracks: tuple[Track, ...]
    X: NDArray[np.float32]
    columns: tuple[str, ...]
    extractor: ExtractorSpec
    durations: tuple[float, ...]
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    artists_from: str = ""
    corrections: str = ""

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """The genres that occur, sorted by name."""
        return tuple(sorted({track.genre for track in self.tracks}))

    @cached_property
    def y(self) -> NDArray[np.intp]:
        """Number of each track's genre in :attr:`genres`, shape (n_tracks,)."""
        number = {genre: i for i, genre in enumerate(self.genres)}
        return np.array([number[track.genre] for track in self.tracks], dtype=np.intp)

    @property
    def n_tracks_of(self) -> dict[str, int]:
        """Number of tracks of each genre, in the order of :attr:`genres`."""
        counts = np.bincount(self.y, minlength=len(self.genres))
        return dict(zip(self.genres, counts.tolist(), strict=True))

    @cached_property
    def duplicates(self) -> tuple[int, ...]:
        """A number for each track, equal where two tracks have equal features."""
        _, number = np.unique(self.X, axis=0, return_inverse=True)
        return tuple(np.ravel(number).tolist())

    @property
    def cautions(self) -> tuple[str, ...]:
        """What to know before the genres are believed: recordings of two, and the warnings."""
        first_of: dict[int, Track] = {}
        pairs = [
            (first, track)
            for track, number in zip(self.tracks, self.duplicates, strict=True)
            if (first := first_of.setdefault(number, track)).genre != track.genre
        ]
        if not pairs:
            return self.warnings
        named = " and ".join(f"{track.path or track.track} ({track.genre})" for track in pairs[0])
        n_more = len(pairs) - 1
        more = f"; `generify datasets verify` names {n_more} more" if n_more else ""
        return (f"one recording is there under two genres: {named}{more}", *self.warnings)

    def call_genres(self, genres: Sequence[str]) -> FeatureTable:
        """Call genres as somebody else does, where only the spelling differs.

        Parameters
        ----------
        genres : sequence of str
            The other's genres, such as a model's.

        Returns
        -------
        FeatureTable
            With the first of these that is spelt alike (see
            :func:`generify.genre_names.match_genre`) in the place of each genre; genres that are
            none of these keep their name.
        """
        name_of = {genre: call_genre(genre, genres) for genre in self.genres}
        return replace(self, tracks=tuple(replace(t, genre=name_of[t.genre]) for t in self.tracks))

    def without_test(self) -> FeatureTable:
        """Leave out the tracks that are marked test.

        Returns
        -------
        FeatureTable
            The others.

        Raises
        ------
        ParameterError
            When none is marked.
        """
        return self.choose(find_not_held_out(self.dataset, self.tracks))

    def choose(self, rows: Sequence[int] | NDArray[np.intp]) -> FeatureTable:
        """Keep some rows.

        Parameters
        ----------
        rows : sequence of int
            Numbers of the rows.

        Returns
        -------
        FeatureTable
            Those rows in that order.
        """
        numbers = [int(row) for row in rows]
        return replace(
            self,
            tracks=tuple(self.tracks[i] for i in numbers),
            X=self.X[numbers],
            durations=tuple(self.durations[i] for i in numbers),
        )


def find_not_held_out(dataset: str, tracks: Sequence[Track]) -> list[int]:
    """Find the tracks that are not marked test.

    Parameters
    ----------
    dataset : str
        Its name.
    tracks : sequence of Track
        All of its tracks.

    Returns
    -------
    list of int
        Their numbers.

    Raises
    ------
    ParameterError
        When none is marked.
    """
    kept = [i for i, track in enumerate(tracks) if track.split != "test"]
    if len(kept) == len(tracks):
        raise ParameterError(
            f"{dataset} marks no track as test, so none can be held out",
            hint="leave --hold-out away, or give a manifest with a split column",
        )
    return kept


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("train", "pyarrow") from err
    return pyarrow, pyarrow.parquet


def save_table(table: FeatureTable, path: str | Path) -> None:
    """Write a feature table as Parquet, whole or not at all.

    Parameters
    ----------
    table : FeatureTable
        What to write; failures and warnings are not kept.
    path : str or Path
        Where to; an existing file is replaced.

    Raises
    ------
    DatasetError
        When the file cannot be written.
    MissingExtraError
        When pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow()
    columns: dict[str, Any] = {
        name: [getattr(track, name) for track in table.tracks]
        for name in (*_TRACK_COLUMNS[:-1], _ALBUM)
    }
    columns = {name: _arrow_texts(values) for name, values in columns.items()}
    columns["duration"] = _arrow_numbers(np.array(table.durations, dtype=np.float64))
    for name, values in zip(table.columns, table.X.T, strict=True):
        columns[name] = _arrow_numbers(np.ascontiguousarray(values, dtype=np.float32))
    metadata = {
        _EXTRACTOR_KEY: json.dumps(asdict(table.extractor)).encode(),
        _DATASET_KEY: table.dataset.encode(),
        _ARTISTS_KEY: table.artists_from.encode(),
    }
    arrow = pyarrow.table(columns).replace_schema_metadata(metadata)
    with replacing(path, DatasetError) as temporary:
        parquet.write_table(arrow, temporary)


# pyarrow.array, to_numpy and read_table import pandas where that is installed, which takes 0.3 s.
def _arrow_numbers(values: NDArray[np.floating]) -> Any:
    pyarrow, _ = _pyarrow()
    kind = pyarrow.from_numpy_dtype(values.dtype)
    return pyarrow.Array.from_buffers(kind, len(values), [None, pyarrow.py_buffer(values)])


def _arrow_texts(values: Sequence[str | None]) -> Any:
    pyarrow, _ = _pyarrow()
    known = np.array([value is not None for value in values], dtype=bool)
    texts = [(value or "").encode() for value in values]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    parts = (np.packbits(known, bitorder="little"), ends, b"".join(texts))
    buffers = [pyarrow.py_buffer(part) for part in parts]
    return pyarrow.Array.from_buffers(pyarrow.string(), len(values), buffers)


def load_table(path: str | Path, *, genres: Sequence[str] | None = None) -> FeatureTable:
    """Read a feature table.

    Parameters
    ----------
    path : str or Path
        A Parquet file written by :func:`save_table`.
    genres : sequence of str, optional
        Keep only these.

    Returns
    -------
    FeatureTable
        Checked: columns of its extractor, finite values.

    Raises
    ------
    NothingThereError
        When there is no such file, or it lacks one of the genres.
    DatasetError
        When it is no feature table or lacks columns.
    MissingExtraError
        When pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            arrow = file.read()
        metadata = arrow.schema.metadata or {}
        # these are bytes in the file, and need be no text
        dataset = metadata.get(_DATASET_KEY, b"table").decode()
        artists_from = metadata.get(_ARTISTS_KEY, b"").decode()
        names = arrow.column_names
    except (OSError, UnicodeDecodeError, pyarrow.ArrowException) as err:
        kind = NothingThereError if isinstance(err, FileNotFoundError) else DatasetError
        raise kind(
            f"cannot read {path} as a feature table: {' '.join(str(err).split())[:120]}",
            hint="make one with `generify extract`",
        ) from err
    spec = _table_extractor(metadata, path)
    columns = _check_columns(names, spec, path)
    arrow = _cast(arrow, columns, path)
    table = FeatureTable(
        dataset=dataset,
        tracks=_table_tracks(arrow, path),
        X=np.column_stack([_numbers(arrow[name]) for name in columns]),
        columns=columns,
        extractor=spec,
        durations=tuple(seconds or 0.0 for seconds in arrow["duration"].to_pylist()),
        artists_from=artists_from,
    )
    if not len(table.tracks) or not np.isfinite(table.X).all():
        raise DatasetError(
            f"{path} has no rows or holds empty values",
            hint="make it again with `generify extract`",
        )
    return table if genres is None else _choose_genres(table, genres)


def _numbers(column: Any) -> NDArray[np.float32]:
    """Give a column's values; NaN where one is missing."""
    if column.null_count or not column.num_chunks:
        return np.full(len(column), np.nan, dtype=np.float32)
    return np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks])


def _table_extractor(metadata: dict[bytes, bytes], path: str | Path) -> ExtractorSpec:
    try:
        spec = ExtractorSpec(**json.loads(metadata[_EXTRACTOR_KEY]))
        if not isinstance(spec.name, str):
            raise TypeError("a name that is no text")
        return spec
    except (KeyError, ValueError, TypeError, RecursionError) as err:
        raise DatasetError(
            f"{path} does not say which extractor made it", hint="make it with `generify extract`"
        ) from err


def _check_columns(names: Sequence[str], spec: ExtractorSpec, path: str | Path) -> tuple[str, ...]:
    try:
        extractor = get_extractor(spec.name)
    except ParameterError as err:
        raise DatasetError(f"{path}: {err}", hint="make it again with `generify extract`") from err
    if extractor.spec != spec:
        raise DatasetError(
            f"{path} holds {spec}, this Generify computes {extractor.spec}",
            hint="make it again with `generify extract`",
        )
    missing = [name for name in (*_TRACK_COLUMNS, *extractor.columns) if name not in set(names)]
    if missing:
        raise DatasetError(
            f"{path} lacks {len(missing)} column(s): {', '.join(missing[:5])}",
            hint="make it again with `generify extract`",
        )
    doubled = [name for name, n in Counter(names).items() if n > 1]
    if doubled:
        raise DatasetError(
            f"{path} has more than one column {', '.join(doubled[:5])}",
            hint="make it again with `generify extract`",
        )
    return extractor.columns


def _cast(arrow: Any, columns: tuple[str, ...], path: str | Path) -> Any:
    """Give the columns that are wanted the kinds that are expected; other programs widen them."""
    pyarrow, _ = _pyarrow()
    album = (_ALBUM,) if _ALBUM in arrow.column_names else ()
    kinds = dict.fromkeys((*_TRACK_COLUMNS, *album), pyarrow.string())
    kinds |= {"duration": pyarrow.float64(), **dict.fromkeys(columns, pyarrow.float32())}
    try:
        schema = pyarrow.schema(list(kinds.items()), metadata=arrow.schema.metadata)
        return arrow.select(list(kinds)).cast(schema)
    except pyarrow.ArrowException as err:
        raise DatasetError(
            f"{path} holds values of the wrong kind: {' '.join(str(err).split())[:120]}",
            hint="make it again with `generify extract`",
        ) from err


def _table_tracks(arrow: Any, path: str | Path) -> tuple[Track, ...]:
    names = [name for name in (*_TRACK_COLUMNS[:-1], _ALBUM) if name in arrow.column_names]
    try:
        tracks = tuple(Track(**row) for row in arrow.select(names).to_pylist())
    except UnicodeDecodeError as err:  # Parquet does not check that text is UTF-8
        raise DatasetError(
            f"{path} holds names that are no text", hint="make it again with `generify extract`"
        ) from err
    nameless = sum(not (track.genre and track.track) for track in tracks)
    if nameless:
        raise DatasetError(
            f"{path} has {nameless} rows without a track or a genre", hint="fill them in"
        )
    return tracks


def _choose_genres(table: FeatureTable, genres: Sequence[str]) -> FeatureTable:
    chosen, unknown = choose_genres(genres, table.genres)
    if unknown:
        raise NothingThereError(
            f"{table.dataset} has no genre {', '.join(unknown)}; it has {', '.join(table.genres)}"
        )
    return table.choose([i for i, track in enumerate(table.tracks) if track.genre in chosen])
