"""Corrections: the genres that people give to songs, one a song."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "2"
down_revision = "1"

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Make the table."""
    metadata = sa.MetaData()
    sa.Table("generify_songs", metadata, sa.Column("id", _Id, primary_key=True))
    corrections = sa.Table(
        "generify_corrections",
        metadata,
        sa.Column(
            "song_id",
            _Id,
            sa.ForeignKey("generify_songs.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("genre", sa.String(255), nullable=False),
        sa.Column("corrected", _Time, nullable=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    corrections.create(op.get_bind(), checkfirst=True)
