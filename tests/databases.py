"""Databases for the tests of the history: SQLite always, servers where they can be reached.

``.ci/databases start`` starts a MariaDB and a PostgreSQL and says where they are.
"""

from __future__ import annotations

import atexit
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from generify.history import upgrading
from generify.history.location import locate
from generify.history.schema import METADATA
from generify.history.store import History
from generify.history.writing import Answer, path_key
from generify.prediction import GenreProbability, Prediction, StyleScore

KINDS = ("sqlite", "mariadb", "postgresql")
SERVERS = KINDS[1:]


@contextmanager
def fresh_database(kind: str, folder: Path, *, bare: bool = False) -> Iterator[str]:
    """Give the URL of a database without rows or, if bare, tables; skip where none can be had."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'history.db'}"
        return
    variable = f"GENERIFY_TEST_{kind.upper()}_URL"
    server = os.environ.get(variable)
    if not server:
        pytest.skip(f"no {kind} to test with: {variable} is not set (see .ci/databases)")
    url = _database_on(server)
    _empty(url, bare=bare)
    yield url


@cache
def _database_on(server: str) -> str:
    """Make one database for all tests of this process, which takes a server long."""
    name = f"generify_test_{uuid.uuid4().hex[:12]}"
    _execute(server, f"CREATE DATABASE {name}")
    force = " WITH (FORCE)" if server.startswith("postgres") else ""
    atexit.register(_execute, server, f"DROP DATABASE {name}{force}")
    return server.rpartition("/")[0] + f"/{name}"


def _empty(url: str, *, bare: bool) -> None:
    """Remove all rows where the tables are ours and may stay, which is quicker, else all tables."""
    with engine_of(url).begin() as connection:
        if not bare and _is_whole(connection):
            for table in reversed(METADATA.sorted_tables):
                connection.execute(sa.delete(table))
            return
        found = sa.MetaData()
        found.reflect(connection)
        found.drop_all(connection)


def _is_whole(connection: sa.Connection) -> bool:
    names = set(sa.inspect(connection).get_table_names())
    if names != {*METADATA.tables, upgrading._VERSION_TABLE}:
        return False
    version = sa.select(sa.column("version_num")).select_from(sa.table(upgrading._VERSION_TABLE))
    return bool(connection.scalar(version) == upgrading.REVISIONS[-1])


def _execute(server: str, statement: str) -> None:
    engine = sa.create_engine(locate(server).url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def engine_of(url: str) -> sa.Engine:
    """Give a plain engine, to look at a database or to spoil it behind the history's back."""
    location = locate(url)
    if location.file is not None:
        return sa.create_engine(f"sqlite:///{location.file}", poolclass=sa.pool.NullPool)
    return sa.create_engine(location.url, poolclass=sa.pool.NullPool)


def prediction(path: object, genre: str | None = "jazz", confidence: float = 0.8) -> Prediction:
    """Make an answer of a model that knows three genres."""
    best = genre or "jazz"
    others = [g for g in ("blues", "jazz", "rock") if g != best][:2]
    rest = (1 - confidence) / 2
    return Prediction(
        path=str(path),
        model="western",
        genre=genre,
        confidence=confidence,
        unknown=genre is None,
        genres=(
            GenreProbability(best, confidence),
            *(GenreProbability(other, rest) for other in others),
        ),
        duration=241.3,
        analysed=30.0,
        styles=(StyleScore("Mellow", 0.41), StyleScore("guitar", 0.3)),
    )


class Model:
    """What the history wants to know of a model."""

    def __init__(self, name: str = "western", version: str = "1") -> None:
        self.name = name
        self.version = version


def keep(history: History, *predictions: Prediction, model: str = "western") -> int:
    """Keep answers in a run of their own."""
    return history.start_run("predict", Model(model)).add(predictions)


def answer(number: int, genre: str = "jazz") -> Answer:
    """Make an answer on a made-up recording, without any file."""
    path = f"/music/{number:04d}.mp3"
    return Answer(path_key(path), path, path_key(path), f"{number:064x}", genre, 0.5)


class Relay:
    """Stands between a program and a server, and can cut the line and mend it."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._sockets: list[socket.socket] = []
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Take connections, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """End all connections and take no more."""
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._sockets.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
                self._sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes the other thread, which close does not
