"""The tables of the history.

Songs are recordings, told apart by their sound; where a song lay is kept with each prediction, as
it may be moved, copied or tagged. A prediction whose genre is null is an unknown one. Its `newest`
says whether it is the last word of its model on its song, so that statistics count songs, not
runs. Names begin with ``generify_``: on a server the tables may lie among others.

What is here is what the last migration leaves; a test compares the two.

In it: :data:`METADATA`, the tables, :class:`UtcTime`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

__all__ = [
    "MAX_NAME",
    "METADATA",
    "UtcTime",
    "corrections",
    "predictions",
    "runs",
    "songs",
]

MAX_NAME = 255
_HASH = 64  # hexadecimal digits of SHA-256
_KEY = 32
_COUNTED = ("newest", "model", "genre", "confidence", "predicted", "song_id")
_MYSQL: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
}


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond, on databases that know time zones or none."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Ask MySQL for fractions of a second, which it leaves out by itself.

        Parameters
        ----------
        dialect : Dialect
            The database's.

        Returns
        -------
        TypeEngine
            The column type.
        """
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Take the zone off.

        Parameters
        ----------
        value : datetime or None
            Aware.
        dialect : Dialect
            The database's.

        Returns
        -------
        datetime or None
            In UTC, naive.
        """
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Put the zone back.

        Parameters
        ----------
        value : datetime or None
            Naive.
        dialect : Dialect
            The database's.

        Returns
        -------
        datetime or None
            Aware, in UTC.
        """
        return None if value is None else value.replace(tzinfo=UTC)


def _on_servers(*_: Any, dialect: sa.Dialect, **__: Any) -> bool:
    return dialect.name != "sqlite"


METADATA = sa.MetaData()
# SQLite numbers rows by itself only where the key is its own kind of integer.
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

songs = sa.Table(
    "generify_songs",
    METADATA,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("recording", sa.String(_HASH), nullable=False),
    sa.Column("path", sa.Text(), nullable=False),
    sa.Column("path_key", sa.String(_KEY), nullable=False),
    sa.Column("duration", sa.Double()),
    sa.Index("generify_songs_recording", "recording", unique=True),
    sa.Index("generify_songs_path", "path_key"),
    **_MYSQL,
)

runs = sa.Table(
    "generify_runs",
    METADATA,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("key", sa.String(_HASH), nullable=False),
    sa.Column("started", UtcTime(), nullable=False),
    sa.Column("command", sa.String(MAX_NAME), nullable=False),
    sa.Column("model", sa.String(MAX_NAME), nullable=False),
    sa.Column("model_version", sa.String(MAX_NAME), nullable=False),
    sa.Column("program_version", sa.String(MAX_NAME), nullable=False),
    sa.Index("generify_runs_key", "key", unique=True),
    **_MYSQL,
)

predictions = sa.Table(
    "generify_predictions",
    METADATA,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("run_id", _Id, sa.ForeignKey("generify_runs.id"), nullable=False),
    sa.Column("song_id", _Id, sa.ForeignKey("generify_songs.id"), nullable=False),
    sa.Column("key", sa.String(_KEY), nullable=False),
    sa.Column("predicted", UtcTime(), nullable=False),
    sa.Column("model", sa.String(MAX_NAME), nullable=False),
    sa.Column("model_version", sa.String(MAX_NAME), nullable=False),
    sa.Column("genre", sa.String(MAX_NAME)),
    sa.Column("confidence", sa.Double()),
    sa.Column("newest", sa.Boolean(), nullable=False),
    sa.Column("path", sa.Text(), nullable=False),
    sa.Column("folded", sa.Text(), nullable=False),
    sa.Column("genres", sa.JSON(), nullable=False),
    sa.Column("styles", sa.JSON(), nullable=False),
    sa.Index("generify_predictions_key", "run_id", "key", unique=True),
    sa.Index("generify_predictions_song", "song_id", "model"),
    sa.Index("generify_predictions_when", "predicted"),
    # With the song, which tells the corrected ones: else each would be looked up in the table.
    sa.Index("generify_predictions_genre", "genre", "predicted", "song_id"),
    sa.Index("generify_predictions_model", "model", "predicted"),
    # Read from end to end for what has no beginning: counting, and parts of names. Servers refuse
    # to index long texts.
    sa.Index("generify_predictions_newest", *_COUNTED).ddl_if(callable_=_on_servers),
    sa.Index("generify_predictions_whole", *_COUNTED, "folded").ddl_if(dialect="sqlite"),
    **_MYSQL,
)

corrections = sa.Table(
    "generify_corrections",
    METADATA,
    sa.Column("song_id", _Id, sa.ForeignKey("generify_songs.id"), primary_key=True,
              autoincrement=False),
    sa.Column("genre", sa.String(MAX_NAME), nullable=False),
    sa.Column("corrected", UtcTime(), nullable=False),
    **_MYSQL,
)  # fmt: skip
