"""What was predicted, kept in a database: an SQLite file, MariaDB, MySQL or PostgreSQL.

::

    from generify.history import HistoryFilter, open_history

    with open_history() as history:
        run = history.start_run("predict", model.card)
        run.add([prediction])
        history.search(HistoryFilter(genre="jazz"))

The module is light; SQLAlchemy and Alembic (``pip install 'generify[history]'``) are imported when
a history is opened.

In it: :func:`open_history`, :func:`import_predecessor`, and the values
of :mod:`generify.history.entries`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from generify.atomic import cure_for
from generify.errors import HistoryError, MissingExtraError
from generify.history.entries import (
    Correction,
    GenreCount,
    HistoryEntry,
    HistoryFilter,
    HistoryStatistics,
    ImportedTable,
    corrected_tracks,
)

if TYPE_CHECKING:
    from generify.history.location import Location
    from generify.history.predecessor import import_predecessor
    from generify.history.store import History, Run

__all__ = [
    "Correction",
    "GenreCount",
    "History",
    "HistoryEntry",
    "HistoryFilter",
    "HistoryStatistics",
    "ImportedTable",
    "Run",
    "corrected_tracks",
    "import_predecessor",
    "open_history",
]

# They need SQLAlchemy, so they are imported when they are first asked for.
_HOMES = {"History": "store", "Run": "store", "import_predecessor": "predecessor"}


def open_history(url: str | None = None, *, create: bool = True) -> History:
    """Open a history; its tables are made or brought up to date.

    Parameters
    ----------
    url : str, optional
        A file, or ``mysql://``, ``mariadb://`` or ``postgresql://`` with user, password, host and
        database. By default ``$GENERIFY_DATABASE_URL``, else a file in the platform's folder for
        user data.
    create : bool
        Whether an SQLite file that is not there is made.

    Returns
    -------
    History
        A context manager.

    Raises
    ------
    ParameterError
        When the URL cannot be understood.
    HistoryError
        When the database cannot be reached or read, belongs to another program, or was made by a
        newer Generify; without `create` also when there is none.
    MissingExtraError
        When SQLAlchemy, Alembic or the database's driver is not installed.

    Examples
    --------
    >>> with open_history("history.db") as history:  # doctest: +SKIP
    ...     history.statistics().n_songs
    401
    """
    _need_sqlalchemy()
    from generify.history.database import Database
    from generify.history.location import default_url, locate
    from generify.history.store import History
    from generify.history.upgrading import upgrade

    location = locate(url or default_url())
    new = _check_file(location, create=create, make_folder=url is None)
    database = Database(location, create=new)
    try:
        upgrade(database)
    except BaseException:
        database.close()
        raise
    if new:  # from here on, a file that is gone is an error and not made again
        database.close()
        database = Database(location)
    return History(database)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        _need_sqlalchemy()
        return getattr(import_module(f"generify.history.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'generify.history' has no attribute {name!r}")


def _need_sqlalchemy() -> None:
    if find_spec("sqlalchemy") is None:
        raise MissingExtraError.for_extra("history", "sqlalchemy")


def _check_file(location: Location, *, create: bool, make_folder: bool) -> bool:
    """Refuse what cannot be an SQLite file; tell whether it has to be made."""
    file = location.file
    if file is None:
        return False
    try:
        if file.is_dir():
            raise HistoryError(f"{file} is a folder, a file was expected", hint="add a file name")
        if file.exists():
            if not file.is_file():
                raise HistoryError(f"{file} is no ordinary file", hint="give another --database")
            return False
        if not create or location.read_only:
            raise HistoryError(
                f"there is no history {file} yet",
                hint="begin one: generify predict SONG --keep, or generify correct SONG GENRE",
            )
        if make_folder:
            file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        message = f"cannot make {file}: {err.strerror or err}"
        raise HistoryError(message, hint=cure_for(err)) from err
    if not file.parent.is_dir():
        raise HistoryError(f"there is no folder {file.parent}", hint="make it first")
    return True
