"""What a model said of many songs, as a file: NDJSON, JSON, CSV, Parquet or an SQLite database.

The name's ending decides the format. NDJSON and JSON hold a record a song, the same as
``generify predict --format json``, and beside it what is known of the file. The others hold that
as flat columns: ``path, model, model_version, genre, confidence, unknown``, one column a genre
(``probability.jazz``), then ``styles, duration, analysed, warnings, doubt, recording, size,
modified, error_type, error_message``; in SQLite they are the table ``results``. Several styles or
warnings in one cell are separated by `` | ``, a style is followed by its score.

All is read and written song by song, so memory does not grow with the collection.

In it: :class:`SongResult`, :func:`read_results`, :func:`read_song_results`,
:func:`write_song_results`, :func:`check_results_path`.
"""

from __future__ import annotations

import csv
import json
import shlex
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from generify.atomic import replacing
from generify.errors import Failure, GenerifyError, MissingExtraError, ParameterError
from generify.prediction import GenreProbability, Prediction, StyleScore, TimelineSegment

__all__ = [
    "RESULT_SUFFIXES",
    "NoResultsError",
    "ResultsError",
    "SongResult",
    "check_results_path",
    "read_results",
    "read_song_results",
    "write_song_results",
]

RESULT_SUFFIXES = (".parquet", ".csv", ".ndjson", ".json", ".db")
"""Endings of the files that :func:`write_song_results` writes and :func:`read_results` reads."""

Record = Mapping[str, Any]
"""A song as plain values, nested as in JSON."""

_PROBABILITY = "probability."
_BEFORE: dict[str, type] = {
    **dict.fromkeys(("path", "model", "model_version", "genre"), str),
    **{"confidence": float, "unknown": bool},
}
_AFTER: dict[str, type] = {
    **{"styles": str, "duration": float, "analysed": float, "warnings": str, "doubt": str},
    **{"recording": str, "size": int, "modified": str},
    **{"error_type": str, "error_message": str},
}
_BETWEEN = " | "
_ROW_GROUP = 5000  # rows of a Parquet file held at once: about 10 MB
_TABLE = "results"


class ResultsError(GenerifyError):
    """A file of results that cannot be read or written."""


class NoResultsError(ResultsError, ParameterError):
    """A path where no file of results is: mistyped."""


@dataclass(frozen=True)
class SongResult:
    """What a model said of a song, with what identifies the song's file.

    Attributes
    ----------
    answer : Prediction or Failure
        The genre, or why there is none.
    model_version : str
        Version of the model; empty where it is not known.
    recording : str or None
        Hash of the sound without its tags (see :mod:`generify.content`).
    size : int or None
        Bytes of the file.
    modified : str or None
        When the file was last written, ISO 8601, UTC.
    """

    answer: Prediction | Failure
    model_version: str = ""
    recording: str | None = None
    size: int | None = None
    modified: str | None = None

    @property
    def path(self) -> str:
        """The file as it was given."""
        return self.answer.path

    @property
    def failed(self) -> bool:
        """Whether there is no answer."""
        return isinstance(self.answer, Failure)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain values.

        Returns
        -------
        dict
            The prediction's own, or the path and the error, and what identifies the file.
        """
        if isinstance(self.answer, Failure):
            record: dict[str, Any] = self.answer.to_dict()
        else:
            record = self.answer.to_dict() | {"model_version": self.model_version}
        file = {"recording": self.recording, "size": self.size, "modified": self.modified}
        return record | {name: value for name, value in file.items() if value is not None}

    @classmethod
    def from_dict(cls, record: Record) -> SongResult:
        """Read what :meth:`to_dict` gave.

        Parameters
        ----------
        record : mapping
            Plain values.

        Returns
        -------
        SongResult
            Probabilities are as they were rounded.

        Raises
        ------
        KeyError, TypeError, ValueError
            When the record is of something else.
        """
        failed = record.get("error")
        answer = (
            Failure(_text(record["path"]), _text(failed["type"]), _text(failed["message"]))
            if failed
            else _prediction(record)
        )
        size = record.get("size")
        return cls(
            answer,
            model_version=record.get("model_version") or "",
            recording=record.get("recording") or None,
            size=None if size is None else int(size),
            modified=record.get("modified") or None,
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _prediction(record: Record) -> Prediction:
    timeline = record.get("timeline")
    return Prediction(
        path=_text(record["path"]),
        model=_text(record["model"]),
        genre=None if record["unknown"] else _text(record["genre"]),
        confidence=float(record["confidence"]),
        unknown=bool(record["unknown"]),
        genres=tuple(
            GenreProbability(_text(g["genre"]), float(g["probability"])) for g in record["genres"]
        ),
        duration=float(record["duration"]),
        analysed=float(record.get("analysed") or 0.0),
        styles=tuple(
            StyleScore(_text(s["style"]), float(s["score"])) for s in record.get("styles", ())
        ),
        timeline=None if timeline is None else tuple(TimelineSegment(**s) for s in timeline),
        warnings=tuple(record.get("warnings", ())),
        doubt=_text(record.get("doubt") or ""),  # files of earlier versions do not say it
    )


def check_results_path(path: str | Path) -> str:
    """Tell the format of a file of results by its name.

    Parameters
    ----------
    path : str or Path
        The file; it need not exist.

    Returns
    -------
    str
        One of :data:`RESULT_SUFFIXES`.

    Raises
    ------
    ParameterError
        When the name ends otherwise.
    MissingExtraError
        When it is to be Parquet and pyarrow is not installed.

    Examples
    --------
    >>> check_results_path("results.CSV")
    '.csv'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in RESULT_SUFFIXES:
        raise ParameterError(
            f"{path} does not say how results are written in it",
            hint=f"let its name end in {', '.join(RESULT_SUFFIXES[:-1])} or {RESULT_SUFFIXES[-1]}",
        )
    if suffix == ".parquet":
        _pyarrow()
    return suffix


def read_results(path: str | Path) -> Iterator[Prediction | Failure]:
    """Read what a model said of many songs.

    Parameters
    ----------
    path : str or Path
        A file that ``generify scan -o`` or ``generify predict -o`` wrote: ``.parquet``, ``.csv``,
        ``.ndjson``, ``.json`` or ``.db``.

    Returns
    -------
    iterator of Prediction or Failure
        In the order of the file; one song at a time is held, but for JSON.

    Raises
    ------
    ParameterError
        When the name ends otherwise.
    MissingExtraError
        When it is Parquet and pyarrow is not installed.
    NoResultsError
        When there is no such file.
    ResultsError
        When the file cannot be read; while reading, when it holds something else.
    """
    return (result.answer for result in read_song_results(path))


def read_song_results(path: str | Path) -> Iterator[SongResult]:
    """Read what a model said of many songs, and what identifies their files.

    Parameters
    ----------
    path : str or Path
        As for :func:`read_results`.

    Returns
    -------
    iterator of SongResult
        In the order of the file.

    Raises
    ------
    ParameterError
        When the name ends otherwise.
    MissingExtraError
        When it is Parquet and pyarrow is not installed.
    NoResultsError
        When there is no such file.
    ResultsError
        When the file cannot be read; while reading, when it holds something else.
    """
    file = Path(path)
    if file.is_dir():
        raise NoResultsError(
            f"{path} is no file; a file of results was expected",
            hint=f"scan it first: generify scan {shlex.quote(str(path))} -o songs.parquet",
        )
    read = _READERS[check_results_path(path)]
    if not file.is_file():
        what = "is no file" if file.exists() else "does not exist"
        raise NoResultsError(
            f"{path} {what}; a file of results was expected",
            hint=f"make it with `generify scan FOLDER -o {file.name}`",
        )
    return _checked(read(file), file)


# What reading something else than results may raise; lists in lists in lists the last.
_UNFIT = (
    *(KeyError, TypeError, ValueError, AttributeError, OverflowError, csv.Error, sqlite3.Error),
    RecursionError,
)


def _checked(records: Iterator[Record], path: Path) -> Iterator[SongResult]:
    n_read = 0
    try:
        for record in records:
            yield SongResult.from_dict(record)
            n_read += 1
    except _UNFIT as err:
        missing = f"there is no field {err.args[0]}" if isinstance(err, KeyError) else ""
        raise ResultsError(
            f"{path} holds no results of Generify: {missing or err or repr(err)} "
            f"(song {n_read + 1})",
            hint="make it with `generify scan` or `generify predict -o`",
        ) from err
    except OSError as err:
        raise ResultsError(f"cannot read {path}: {err.strerror or err}") from err


def _read_ndjson(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _read_json(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8") as stream:
        songs = json.load(stream)
    yield from songs if isinstance(songs, list) else [songs]


def _read_csv(path: Path) -> Iterator[Record]:
    # Spreadsheets put a mark before UTF-8.
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from map(_nested, csv.DictReader(lines))


def _read_parquet(path: Path) -> Iterator[Record]:
    _, parquet = _pyarrow()
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROW_GROUP):
            yield from map(_nested, batch.to_pylist())


def _read_sqlite(path: Path) -> Iterator[Record]:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(f'SELECT * FROM "{_TABLE}" ORDER BY rowid')
        yield from (_nested(dict(row)) for row in rows)


_READERS: Mapping[str, Callable[[Path], Iterator[Record]]] = {
    ".ndjson": _read_ndjson,
    ".json": _read_json,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".db": _read_sqlite,
}


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("train", "pyarrow") from err
    return pyarrow, pyarrow.parquet


def _columns(genres: Sequence[str]) -> dict[str, type]:
    return {**_BEFORE, **{f"{_PROBABILITY}{genre}": float for genre in genres}, **_AFTER}


def _flat(record: Record, columns: Iterable[str]) -> dict[str, Any]:
    """Give a record's cells; what a song does not have is None."""
    error = record.get("error") or {}
    cells = {
        **record,
        **{f"{_PROBABILITY}{g['genre']}": g["probability"] for g in record.get("genres", ())},
        "error_type": error.get("type"),
        "error_message": error.get("message"),
    }
    if not error:
        cells["styles"] = _BETWEEN.join(f"{s['style']} {s['score']}" for s in record["styles"])
        cells["warnings"] = _BETWEEN.join(record["warnings"])
    return {column: cells.get(column) for column in columns}


def _nested(row: Record) -> Record:
    """Give the record that a row was made of; every cell may be text, as in CSV."""
    cells = {name: value for name, value in row.items() if value is not None and value != ""}
    message = cells.get("error_message") or cells.get("error")
    if message:
        kind = cells.get("error_type") or GenerifyError.__name__
        return {**cells, "error": {"type": kind, "message": message}}
    styles = (style.rpartition(" ") for style in _parts(cells.get("styles")))
    return {
        **cells,
        "unknown": str(cells["unknown"]).lower() in ("true", "1"),
        "genres": sorted(_probabilities(cells), key=lambda g: -g["probability"]),
        "styles": [{"style": name, "score": score} for name, _, score in styles],
        "warnings": _parts(cells.get("warnings")),
    }


def _parts(cell: str | None) -> list[str]:
    return cell.split(_BETWEEN) if cell else []


def _probabilities(cells: Record) -> Iterator[dict[str, Any]]:
    for name, value in cells.items():
        if name.startswith(_PROBABILITY):
            yield {"genre": name.removeprefix(_PROBABILITY), "probability": float(value)}
        elif name.startswith("genre_"):  # the columns of `generify predict --format csv`
            number = name.removeprefix("genre_")
            yield {"genre": value, "probability": float(cells[f"probability_{number}"])}


def write_song_results(
    results: Iterable[SongResult], path: str | Path, genres: Sequence[str]
) -> None:
    """Write what a model said of many songs, whole or not at all.

    Parameters
    ----------
    results : iterable of SongResult
        In the order wanted; asked for one by one.
    path : str or Path
        Where to; its name tells the format. An existing file is replaced.
    genres : sequence of str
        The model's genres, for the columns.

    Raises
    ------
    ParameterError
        When the name does not tell the format.
    MissingExtraError
        When it is to be Parquet and pyarrow is not installed.
    ResultsError
        When the file cannot be written.

    Notes
    -----
    The same results give the same bytes, with the same versions of the libraries.
    """
    write = _WRITERS[check_results_path(path)]
    with replacing(path, ResultsError) as temporary:
        try:
            write((result.to_dict() for result in results), temporary, _columns(genres))
        except sqlite3.Error as err:
            raise ResultsError(f"cannot write {path}: {err}") from err


def _write_ndjson(records: Iterator[Record], path: Path, _: Mapping[str, type]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in records)


def _write_json(records: Iterator[Record], path: Path, _: Mapping[str, type]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("[")
        for number, record in enumerate(records):
            stream.write(",\n" if number else "\n")
            stream.write(json.dumps(record, ensure_ascii=False))
        stream.write("\n]\n")


def _write_csv(records: Iterator[Record], path: Path, columns: Mapping[str, type]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_flat(record, columns) for record in records)


def _write_parquet(records: Iterator[Record], path: Path, columns: Mapping[str, type]) -> None:
    pyarrow, parquet = _pyarrow()
    kinds = {str: pyarrow.string(), float: pyarrow.float64(), bool: pyarrow.bool_()}
    kinds[int] = pyarrow.int64()
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    with parquet.ParquetWriter(path, schema) as writer:
        while group := [_flat(record, columns) for record in islice(records, _ROW_GROUP)]:
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))


def _write_sqlite(records: Iterator[Record], path: Path, columns: Mapping[str, type]) -> None:
    kinds = {str: "TEXT", float: "REAL", bool: "INTEGER", int: "INTEGER"}
    quoted = {name: '"' + name.replace('"', '""') + '"' for name in columns}
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")  # the whole file is put in place at once
        named = ", ".join(f"{quoted[name]} {kinds[kind]}" for name, kind in columns.items())
        connection.execute(f'CREATE TABLE "{_TABLE}" ({named})')
        connection.executemany(
            f'INSERT INTO "{_TABLE}" VALUES ({", ".join("?" * len(columns))})',
            (tuple(_flat(record, columns).values()) for record in records),
        )
        connection.commit()


_WRITERS: Mapping[str, Callable[[Iterator[Record], Path, Mapping[str, type]], None]] = {
    ".ndjson": _write_ndjson,
    ".json": _write_json,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".db": _write_sqlite,
}
