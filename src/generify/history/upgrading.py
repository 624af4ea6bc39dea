"""Tables of the right version: made, brought up to date, or refused.

The version lies in a table of our own, so a server's database may have other tables and another
program's Alembic beside ours. One process at a time changes tables; the others wait and find them
changed.

In it: :func:`upgrade`, :data:`REVISIONS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from generify.errors import HistoryError, MissingExtraError
from generify.history.database import Database
from generify.history.schema import METADATA

__all__ = ["REVISIONS", "upgrade"]

REVISIONS = ("1", "2")
"""All there are, oldest first; the last is the one that this program works with."""

_VERSION_TABLE = "generify_version"
_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 7_366_501  # any number; other programs lock others
_LOCK_SECONDS = 60


def upgrade(database: Database) -> None:
    """Bring the tables to the version that this program works with.

    Parameters
    ----------
    database : Database
        Empty, or with tables of any earlier version.

    Raises
    ------
    HistoryError
        When the tables were made by a newer program, when the file is the database of another
        program, when another process changes the tables for a minute, or when they cannot be
        changed.
    MissingExtraError
        When tables must be changed and Alembic is not installed.
    """
    with database.reading() as connection:
        version = read_version(connection, database)
    if version != REVISIONS[-1]:
        database.write(lambda connection: _migrate(connection, database))


def read_version(connection: sa.Connection, database: Database) -> str | None:
    """Read the version of a history's tables.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        To the database.
    database : Database
        What it is connected to, for error messages.

    Returns
    -------
    str or None
        One of the known revisions; None for a database without our tables.

    Raises
    ------
    HistoryError
        When the database is another program's, or made by a newer version of this one.
    """
    label = database.location.label
    present = set(sa.inspect(connection).get_table_names())
    if _VERSION_TABLE not in present:
        if database.location.file is not None and present - set(METADATA.tables):
            raise HistoryError(
                f"{label} is the database of another program; it holds {_some(present)}",
                hint="give another --database",
            )
        return None
    version: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {_VERSION_TABLE}"))
    if version is not None and version not in REVISIONS:
        raise HistoryError(
            f"the history {label} was made by a newer Generify: its tables have version "
            f"{version}, this program knows them up to {REVISIONS[-1]}",
            hint="pip install --upgrade generify, or give another --database",
        )
    return version


def _some(names: set[str]) -> str:
    shown = sorted(names)[:3]
    return "the tables " + ", ".join(shown) + (", …" if len(names) > len(shown) else "")


def _migrate(connection: sa.Connection, database: Database) -> None:
    try:
        from alembic.migration import MigrationContext
        from alembic.operations import Operations
        from alembic.script import ScriptDirectory
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("history", "alembic") from err

    with _alone(connection, database.location.label):
        version = read_version(connection, database)  # another process may have been quicker
        scripts = ScriptDirectory(str(_SCRIPTS))
        context = MigrationContext.configure(connection, opts={"version_table": _VERSION_TABLE})
        missing = list(scripts.iterate_revisions("head", version or "base"))
        with Operations.context(context):
            for script in reversed(missing):
                script.module.upgrade()
                context.stamp(scripts, script.revision)


@contextmanager
def _alone(connection: sa.Connection, label: str) -> Iterator[None]:
    """Keep other processes from changing tables too; on SQLite the transaction does that."""
    kind = connection.dialect.name
    if kind == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        yield
    elif kind == "mysql":
        name = f"generify_{_LOCK}"
        if not connection.scalar(sa.select(sa.func.get_lock(name, _LOCK_SECONDS))):
            raise HistoryError(
                f"another program has been changing the tables of {label} for {_LOCK_SECONDS} s",
                hint="wait until it is done, then run it again",
            )
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.release_lock(name)))
    else:
        yield
