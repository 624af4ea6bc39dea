"""A database that may go away: short transactions, tried again, and errors in plain words.

Connections are kept and tried before use: a server must answer, and an SQLite file must still lie
where it was opened, or a writer would fill a file that nobody can find. Writers of an SQLite file
queue for up to a minute. A write whose fate is unknown is done again, so what is written must be
the same when done twice.

In it: :class:`Database`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from generify.errors import HistoryError
from generify.history.location import Location

__all__ = ["Database"]

T = TypeVar("T")

_PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0)  # seconds; a server that starts again takes about as long
_BUSY_SECONDS = 10
# A line that died without a word leaves a transaction on the server, and its locks: nobody waits
# for ever, neither for the lock nor for the line.
_POSTGRESQL = {
    "connect_timeout": 10,
    "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_MYSQL = {
    "connect_timeout": 10,
    "read_timeout": 600,
    "write_timeout": 60,
    "init_command": "SET SESSION innodb_lock_wait_timeout = 10",
}
_WRITING = "generify_writing"
_FILE = "generify_file"
_CACHE_KIBIBYTES = (
    32 * 1024
)  # with SQLite's own 2 MB, a large history is written three times slower

# Too many connections, shutting down, cannot connect, gone, lost, deadlock, waited too long.
_MYSQL_PASSING = frozenset({1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2014, 2055})
# Serialisation, deadlock, too many connections, waited too long, shutting down, starting up, lost.
_POSTGRESQL_PASSING = ("40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03", "08")

_SQLITE_REASONS = (
    ("file is not a database", "{0} is no history: it is not an SQLite database",
     "give another --database"),
    ("malformed", "{0} is damaged",
     "move it away or put back a copy; `sqlite3 FILE .recover` may save what is in it"),
    ("readonly", "{0} may only be read", "choose a file that you may write to"),
    ("disk is full", "there is no room for {0}: the disk is full", "make room, then run it again"),
    ("unable to open", "{0} cannot be opened", "check that its folder is there and yours"),
    ("locked", "{0} is in use by another program", "wait until it is done, then run it again"),
)  # fmt: skip


class Database:
    """Connections to one database.

    Parameters
    ----------
    location : Location
        Where it lies.
    create : bool
        Whether a missing SQLite file is made.
    """

    def __init__(self, location: Location, *, create: bool = False) -> None:
        self.location = location
        self._create = create
        self.engine = self._file_engine() if location.file is not None else self._server_engine()
        self._writing = self.engine.execution_options(**{_WRITING: True})

    def _file_engine(self) -> sa.Engine:
        engine = sa.create_engine("sqlite://", creator=self._open_file, poolclass=QueuePool)
        sa.event.listen(engine, "begin", _begin_sqlite)
        sa.event.listen(engine, "connect", self._remember_file)
        sa.event.listen(engine, "checkout", self._find_file)
        return engine

    def _remember_file(self, _: object, record: ConnectionPoolEntry) -> None:
        record.info[_FILE] = self._file_identity()

    def _find_file(self, _: object, record: ConnectionPoolEntry, __: object) -> None:
        if record.info[_FILE] != self._file_identity():
            raise DisconnectionError

    def _file_identity(self) -> tuple[int, int] | None:
        assert self.location.file is not None
        try:
            status = self.location.file.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _open_file(self) -> sqlite3.Connection:
        assert self.location.file is not None
        mode = "ro" if self.location.read_only else "rwc" if self._create else "rw"
        connection = sqlite3.connect(
            f"{self.location.file.as_uri()}?mode={mode}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,  # transactions are begun by _begin_sqlite, not by the driver
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
        # Readers and a writer at once. Kept in the file; one that may not change stays as it is.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        return connection

    def _server_engine(self) -> sa.Engine:
        driver = self.location.url.get_driver_name()
        return sa.create_engine(
            self.location.url,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args=_POSTGRESQL if driver == "psycopg" else _MYSQL,
        )

    def close(self) -> None:
        """Close what is open."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection to read from.

        Yields
        ------
        Connection
            Sees one state of the database.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        try:
            with self.engine.connect() as connection:
                yield connection
        except SQLAlchemyError as err:
            raise self.explain(err) from err

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Do something in a transaction of its own; again when the database was away for a while.

        Parameters
        ----------
        work : callable
            Takes a connection; must leave the same when done twice.

        Returns
        -------
        object
            What `work` gives.

        Raises
        ------
        HistoryError
            When the database cannot be written to, also not after some seconds.
        """
        for pause in (*_PAUSES, None):
            try:
                with self._writing.begin() as connection:
                    return work(connection)
            except SQLAlchemyError as err:
                if pause is None or not self._may_pass(err):
                    raise self.explain(err) from err
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def shrink(self) -> None:
        """Give the room of what was removed back to the disk, where it can be done now."""
        if self.location.file is None:
            return
        with suppress(SQLAlchemyError, sqlite3.Error), self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("VACUUM")

    def _may_pass(self, error: SQLAlchemyError) -> bool:
        """Tell what time mends: a server that is away, a file in use, two writers at odds."""
        if not isinstance(error, DBAPIError):
            return False
        if error.connection_invalidated or isinstance(error, IntegrityError):
            return True  # two writers may both find a song missing; one of them is refused
        original: Any = error.orig
        if self.location.file is not None:
            return any(word in str(original) for word in ("locked", "unable to open"))
        if self.engine.dialect.name == "postgresql":
            state = getattr(original, "sqlstate", None)
            # Without a state the server never answered, but for names that are no hosts.
            return (
                state.startswith(_POSTGRESQL_PASSING) if state else "resolve" not in str(original)
            )
        return bool(original.args) and original.args[0] in _MYSQL_PASSING

    def explain(self, error: SQLAlchemyError) -> HistoryError:
        """Say in plain words what is wrong, without the password.

        Parameters
        ----------
        error : SQLAlchemyError
            What the library raised.

        Returns
        -------
        HistoryError
            One line and a hint.
        """
        reason = str(getattr(error, "orig", None) or error)
        if self.location.file is not None:
            for word, message, hint in _SQLITE_REASONS:
                if word in reason:
                    return HistoryError(message.format(self.location.label), hint=hint)
        return HistoryError(
            f"the history {self.location.label} cannot be used: {self._scrubbed(error)}",
            hint="check the address, the password and that the database is running",
        )

    def _scrubbed(self, error: SQLAlchemyError) -> str:
        """Give the last word of the driver, as one line that holds no password."""
        original = getattr(error, "orig", None) or error
        args: tuple[object, ...] = original.args
        # PyMySQL gives a number and a sentence.
        reason = str(args[1] if len(args) > 1 and isinstance(args[0], int) else original)
        line = " ".join(reason.split())
        secrets = (self.location.url.password, self.location.url.query.get("password"))
        for secret in secrets:
            if isinstance(secret, str) and secret:
                line = line.replace(secret, "***")
        return line


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that begins by reading and writes later fails at once when another wrote
    # meanwhile; one that begins as a writer waits for its turn.
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
