"""Where a history lies: what a person gives, as a URL that SQLAlchemy understands.

A path, ``sqlite:///PATH``, ``mysql://``, ``mariadb://`` or ``postgresql://``; the driver is ours to
choose. Whatever is shown of a location holds neither user nor password.

In it: :class:`Location`, :func:`default_url`, :func:`locate`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from generify.errors import MissingExtraError, ParameterError

__all__ = ["Location", "default_url", "locate"]

URL_VARIABLE = "GENERIFY_DATABASE_URL"
_FILE_NAME = "history.db"
_MYSQL, _POSTGRESQL = (
    ("mysql+pymysql", "mysql", "pymysql"),
    (
        "postgresql+psycopg",
        "postgresql",
        "psycopg",
    ),
)
# Name in a URL → what SQLAlchemy calls it with its driver, our extra, the driver's module.
_SERVERS = MappingProxyType(
    {
        "mysql": _MYSQL,
        "mariadb": _MYSQL,
        "mysql+pymysql": _MYSQL,
        "mariadb+pymysql": _MYSQL,
        "postgres": _POSTGRESQL,
        "postgresql": _POSTGRESQL,
        "postgresql+psycopg": _POSTGRESQL,
    }
)
_FORMS = (
    "a file, or mysql://USER:PASSWORD@HOST/DATABASE, or postgresql://USER:PASSWORD@HOST/DATABASE"
)


@dataclass(frozen=True)
class Location:
    """A database that can be connected to.

    Attributes
    ----------
    url : URL
        With driver; holds the password.
    label : str
        What may be shown of it.
    file : Path or None
        The file of an SQLite database, absolute.
    read_only : bool
        Whether nothing may be written.
    """

    url: URL
    label: str
    file: Path | None = None
    read_only: bool = False


def default_url() -> str:
    """Where the history lies unless told otherwise.

    Returns
    -------
    str
        ``$GENERIFY_DATABASE_URL``, else a file in the platform's folder for user data.
    """
    import platformdirs

    folder = platformdirs.user_data_dir("generify", appauthor=False)
    return os.environ.get(URL_VARIABLE) or str(Path(folder) / _FILE_NAME)


def locate(text: str) -> Location:
    """Understand where a database lies.

    Parameters
    ----------
    text : str
        A file or a URL.

    Returns
    -------
    Location
        With the driver filled in.

    Raises
    ------
    ParameterError
        When it is no such place.
    MissingExtraError
        When the driver is not installed.
    """
    if "://" not in text:
        return _file(text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as err:
        # Neither the text nor the library's words are shown: they may hold a password.
        raise ParameterError(
            "the database URL cannot be understood", hint=f"give {_FORMS}"
        ) from err
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        return _file(url.database or "", read_only=url.query.get("mode") == "ro")
    return _server(url)


def _file(name: str, *, read_only: bool = False) -> Location:
    if name in ("", ":memory:"):
        raise ParameterError(
            "a history cannot be kept in memory, a file was expected",
            hint="give a file, or sqlite:///FILE",
        )
    path = Path(name).expanduser().absolute()
    return Location(URL.create("sqlite"), str(path), path, read_only)


def _server(url: URL) -> Location:
    if url.drivername not in _SERVERS:
        raise ParameterError(
            f"a history cannot be kept in a database of the kind {url.drivername!r}",
            hint=f"give {_FORMS}",
        )
    driver, extra, module = _SERVERS[url.drivername]
    if "@" in (url.host or ""):
        raise ParameterError(
            "the database URL has more than one @", hint="write an @ within the password as %40"
        )
    if not url.database:
        raise ParameterError("the database URL names no database", hint=f"give {_FORMS}")
    if find_spec(module) is None:
        raise MissingExtraError.for_extra(extra, module)
    port = f":{url.port}" if url.port else ""
    label = f"{extra}://{url.host or 'localhost'}{port}/{url.database}"
    return Location(url.set(drivername=driver), label)
