"""The tables of the predecessor, brought into the history.

It kept one table a world, ``eng_genre_finder(file, genre)`` and ``genre_finder(file, genre)``,
without a date, a confidence or a model. Each pair of file and genre is kept once, also when the
same database is imported again; it is only read from.

In it: :func:`import_predecessor`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from generify.errors import HistoryError
from generify.history.database import Database
from generify.history.entries import ImportedTable
from generify.history.location import Location, locate
from generify.history.store import History
from generify.history.writing import Answer, path_key, stored_path

__all__ = ["import_predecessor"]

_MODELS = {"eng_genre_finder": "predecessor-western", "genre_finder": "predecessor-indian"}
_NAMESPACE = uuid.UUID("a1b0c3f2-4d1e-4f43-9a52-6f5d2f1b7c90")  # any fixed one
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class _Model:
    name: str
    version: str = ""


def import_predecessor(history: History, url: str) -> tuple[ImportedTable, ...]:
    """Keep what the predecessor's tables say.

    Parameters
    ----------
    history : History
        Where to.
    url : str
        The predecessor's database: a URL, or an SQLite file.

    Returns
    -------
    tuple of ImportedTable
        One a table that is there.

    Raises
    ------
    ParameterError
        When the URL cannot be understood.
    HistoryError
        When the database cannot be read or has neither table, or the history cannot be written
        to.
    MissingExtraError
        When the driver of the database is not installed.
    """
    location = locate(url)
    if location.file is not None and not location.file.is_file():
        raise HistoryError(f"there is no file {location.label}", hint="check the path")
    source = Database(Location(location.url, location.label, location.file, read_only=True))
    try:
        found = _tables(source)
        return tuple(_import(history, source, table, _MODELS[table.name]) for table in found)
    finally:
        source.close()


def _tables(source: Database) -> list[sa.Table]:
    with source.reading() as connection:
        there = sa.inspect(connection).get_table_names()
        tables = [
            sa.Table(name, sa.MetaData(), autoload_with=connection)
            for name in _MODELS
            if name in there
        ]
    if not tables:
        raise HistoryError(
            f"{source.location.label} has neither table of the predecessor, "
            f"{' nor '.join(_MODELS)}",
            hint="give the database that it kept its answers in",
        )
    for table in tables:
        if not {"file", "genre"} <= set(table.columns.keys()):
            raise HistoryError(
                f"the table {table.name} in {source.location.label} has the columns "
                f"{', '.join(table.columns.keys())}, file and genre were expected"
            )
    return tables


def _import(history: History, source: Database, table: sa.Table, model: str) -> ImportedTable:
    key = uuid.uuid5(_NAMESPACE, f"{source.location.label}/{table.name}").hex
    run = history.start_run("import", _Model(model), key=key)
    counts = {"rows": 0, "skipped": 0}
    n_kept = history.add_answers(run, _answers(source, table, counts))
    return ImportedTable(table.name, model, counts["rows"], n_kept, counts["skipped"])


def _answers(source: Database, table: sa.Table, counts: dict[str, int]) -> Iterator[Answer]:
    """Give the usable rows, and count all."""
    columns = (table.c.file, table.c.genre)
    with source.reading() as connection:
        streamed = connection.execution_options(yield_per=_ROWS_AT_ONCE)
        for file, genre in streamed.execute(sa.select(*columns)):
            counts["rows"] += 1
            name, answer = (str(value or "").strip() for value in (file, genre))
            if not name or not answer:
                counts["skipped"] += 1
                continue
            pair = path_key(f"{name}\0{answer}")
            yield Answer(pair, stored_path(name), path_key(name), None, answer)
