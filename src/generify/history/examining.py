"""Whether a history can be used, found out without changing it.

In it: :func:`examine_history`, :class:`HistoryHealth`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlalchemy as sa

from generify.errors import HistoryError
from generify.history.database import Database
from generify.history.location import default_url, locate
from generify.history.upgrading import REVISIONS, read_version

__all__ = ["HistoryHealth", "examine_history"]

_LARGEST_READ = 50_000_000  # bytes of an SQLite file: a second


@dataclass(frozen=True)
class HistoryHealth:
    """A history that can be reached and read.

    Attributes
    ----------
    label : str
        Where it lies, without user and password.
    version : str or None
        Of its tables; None where there are none yet.
    """

    label: str
    version: str | None

    @property
    def outdated(self) -> bool:
        """Whether its tables are changed when it is next opened."""
        return self.version != REVISIONS[-1]


def examine_history(url: str | None = None) -> HistoryHealth | None:
    """Look whether a history can be reached, is whole, and has tables that this program knows.

    Parameters
    ----------
    url : str, optional
        Where it lies, as for :func:`generify.history.open_history`.

    Returns
    -------
    HistoryHealth or None
        None where no history was begun: there is no such SQLite file.

    Raises
    ------
    ParameterError
        When the URL cannot be understood.
    HistoryError
        When it cannot be reached or read, is damaged, is another program's, or was made by a newer
        Generify.
    MissingExtraError
        When the database's driver is not installed.
    """
    location = locate(url or default_url())
    if location.file is not None and not location.file.exists():
        return None
    # An SQLite file only to be read: opened for writing, another program's would be altered.
    database = Database(replace(location, read_only=location.file is not None))
    try:
        with database.reading() as connection:
            version = read_version(connection, database)
            if location.file is not None and location.file.stat().st_size <= _LARGEST_READ:
                _check_pages(connection, location.label)
        return HistoryHealth(location.label, version)
    finally:
        database.close()


def _check_pages(connection: sa.Connection, label: str) -> None:
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise HistoryError(
            f"{label} is damaged: {' '.join(str(found).split())}",
            hint="move it away or put back a copy; `sqlite3 FILE .recover` may save what is in it",
        )
