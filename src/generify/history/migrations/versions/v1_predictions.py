"""Songs, runs and predictions.

What exists is passed over: a server without transactions for tables may have been cut off between
two of them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "1"
down_revision = None

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_COUNTED = ("newest", "model", "genre", "confidence", "predicted", "song_id")
_MYSQL: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
}


def _on_servers(*_: Any, dialect: sa.Dialect, **__: Any) -> bool:
    return dialect.name != "sqlite"


def upgrade() -> None:
    """Make the tables."""
    metadata = sa.MetaData()
    for table in (_songs(metadata), _runs(metadata), _predictions(metadata)):
        table.create(op.get_bind(), checkfirst=True)
        for index in table.indexes:
            index.create(op.get_bind(), checkfirst=True)


def _songs(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "generify_songs",
        metadata,
        sa.Column("id", _Id, primary_key=True),
        sa.Column("recording", sa.String(64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("path_key", sa.String(32), nullable=False),
        sa.Column("duration", sa.Double()),
        sa.Index("generify_songs_recording", "recording", unique=True),
        sa.Index("generify_songs_path", "path_key"),
        **_MYSQL,
    )


def _runs(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "generify_runs",
        metadata,
        sa.Column("id", _Id, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("started", _Time, nullable=False),
        sa.Column("command", sa.String(255), nullable=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("model_version", sa.String(255), nullable=False),
        sa.Column("program_version", sa.String(255), nullable=False),
        sa.Index("generify_runs_key", "key", unique=True),
        **_MYSQL,
    )


def _predictions(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "generify_predictions",
        metadata,
        sa.Column("id", _Id, primary_key=True),
        sa.Column("run_id", _Id, sa.ForeignKey("generify_runs.id"), nullable=False),
        sa.Column("song_id", _Id, sa.ForeignKey("generify_songs.id"), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("predicted", _Time, nullable=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("model_version", sa.String(255), nullable=False),
        sa.Column("genre", sa.String(255)),
        sa.Column("confidence", sa.Double()),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("genres", sa.JSON(), nullable=False),
        sa.Column("styles", sa.JSON(), nullable=False),
        sa.Index("generify_predictions_key", "run_id", "key", unique=True),
        sa.Index("generify_predictions_song", "song_id", "model"),
        sa.Index("generify_predictions_when", "predicted"),
        sa.Index("generify_predictions_genre", "genre", "predicted", "song_id"),
        sa.Index("generify_predictions_model", "model", "predicted"),
        sa.Index("generify_predictions_newest", *_COUNTED).ddl_if(callable_=_on_servers),
        sa.Index("generify_predictions_whole", *_COUNTED, "folded").ddl_if(dialect="sqlite"),
        **_MYSQL,
    )
