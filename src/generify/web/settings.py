"""What the owner of a site can set: by environment, by file, or on the command line.

Each setting is a field of :class:`Settings`. ``GENERIFY_`` and its name in capitals is its variable
in the environment; its name is its key in a TOML file. The environment goes before the file, the
command line before both. Several values are separated by commas in the environment, and are a list
in the file.

In it: :class:`Settings`, :func:`load_settings`, :func:`describe_settings`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from generify.cores import n_cores
from generify.errors import ParameterError

__all__ = ["FILE_VARIABLE", "Settings", "describe_settings", "load_settings"]

_PREFIX = "GENERIFY_"
FILE_VARIABLE = "GENERIFY_SETTINGS"
"""The variable that names the file of settings."""


def _setting(default: Any, meaning: str, *, secret: bool = False) -> Any:
    metadata = {"meaning": meaning, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """How a site is served; seconds and bytes throughout.

    Attributes
    ----------
    host, port : str, int
        Where to listen.
    models : tuple of str
        Bundled models by name, and model files; all bundled ones when empty.
    n_workers, n_waiting, n_uploads : int
        Processes that listen to songs (0: one a core), songs that may wait for them, and uploads
        at the same time.
    max_upload_bytes, max_seconds : int, float
        Largest and longest song.
    long_seconds, long_timeline_seconds, patience : float
        From which length on a song, or one with a timeline, and after which wait in the queue, a
        job is given in place of the answer.
    read_timeout, header_timeout, min_upload_rate : float
        How long a client may be silent, how long it may take to send the head of a request, and
        how many bytes a second it must send.
    time_limit, memory_limit_bytes : float, int
        For one song.
    history : str
        Whose history a visitor sees: ``"visitor"`` (their own), ``"shared"`` (everybody's) or
        ``"off"`` (nothing is kept).
    database_url, data_folder : str or None
        Where the history lies, and everything else that is kept.
    n_kept_timelines : int
        Timelines and spectrograms that are kept.
    api_keys : tuple of str
        One of them must be given where there are any.
    cors_origins, allowed_hosts : tuple of str
        Other sites whose scripts may use the API, and names under which this one is reached.
    secret_key : str
        Signs the visitors' cookies; one is made and kept when empty.
    grace : float
        How long a stop waits for songs that are being heard.
    """

    host: str = _setting("127.0.0.1", "address to listen on; 0.0.0.0 for all")
    port: int = _setting(8000, "port to listen on")
    models: tuple[str, ...] = _setting((), "bundled models and model files; empty: all bundled")
    n_workers: int = _setting(0, "processes that listen to songs; 0: one a core")
    n_waiting: int = _setting(16, "songs that may wait for them; the next gets 429")
    n_uploads: int = _setting(32, "uploads at the same time; the next gets 429")
    max_upload_bytes: int = _setting(200_000_000, "largest song, in bytes")
    max_seconds: float = _setting(7200.0, "longest song")
    long_seconds: float = _setting(600.0, "longer songs are answered by a job")
    long_timeline_seconds: float = _setting(120.0, "the same for songs with a timeline")
    patience: float = _setting(20.0, "after this wait a job is given in place of the answer")
    read_timeout: float = _setting(20.0, "longest silence of a client that uploads")
    header_timeout: float = _setting(10.0, "for the head of a request")
    min_upload_rate: float = _setting(1000.0, "bytes a second that a client must send")
    time_limit: float = _setting(300.0, "for one song")
    memory_limit_bytes: int = _setting(3 * 2**30, "address space of a worker; 0: no limit")
    history: Literal["visitor", "shared", "off"] = _setting(
        "visitor", "whose history a visitor sees: visitor, shared or off"
    )
    database_url: str | None = _setting(
        None, "history database; by default a file in the data folder", secret=True
    )
    data_folder: str | None = _setting(
        None, "what is kept; by default the platform's folder for user data"
    )
    n_kept_timelines: int = _setting(1000, "timelines and spectrograms that are kept")
    api_keys: tuple[str, ...] = _setting((), "keys of which one must be given", secret=True)
    cors_origins: tuple[str, ...] = _setting((), "other sites that may use the API")
    allowed_hosts: tuple[str, ...] = _setting(("*",), "names of this site; *: any")
    secret_key: str = _setting("", "signs cookies; empty: one is made and kept", secret=True)
    grace: float = _setting(30.0, "how long a stop waits for songs being heard")

    def __post_init__(self) -> None:
        """Refuse what no server could work with."""
        for name in ("max_upload_bytes", "max_seconds", "n_uploads", *_POSITIVE):
            if getattr(self, name) <= 0:
                raise _refused(name, "more than 0", getattr(self, name))
        for name in ("n_workers", "n_waiting", "memory_limit_bytes", "n_kept_timelines", *_NOT_NEG):
            if getattr(self, name) < 0:
                raise _refused(name, "0 or more", getattr(self, name))
        if not 0 <= self.port <= 65535:
            raise _refused("port", "0 to 65535", self.port)
        if self.history not in ("visitor", "shared", "off"):
            raise _refused("history", "visitor, shared or off", self.history)
        if "*" in self.cors_origins:
            raise _refused("cors_origins", "sites by name, as in https://example.org", "*")

    @property
    def folder(self) -> Path:
        """Where everything that is kept lies."""
        if self.data_folder:
            return Path(self.data_folder).expanduser().absolute()
        import platformdirs

        return Path(platformdirs.user_data_dir("generify", appauthor=False)) / "web"

    @property
    def n_processes(self) -> int:
        """Processes that listen to songs."""
        return self.n_workers or n_cores()


_POSITIVE = ("patience", "read_timeout", "header_timeout", "time_limit")
_NOT_NEG = ("long_seconds", "long_timeline_seconds", "min_upload_rate", "grace")


def _refused(name: str, expected: str, given: object) -> ParameterError:
    return ParameterError(
        f"the setting {name} should be {expected}, got {given!r}",
        hint="`generify serve --help` lists all settings",
    )


def load_settings(
    file: str | Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Gather the settings.

    Parameters
    ----------
    file : str or Path, optional
        A TOML file; by default the one that ``$GENERIFY_SETTINGS`` names, if any.
    environment : mapping of str to str, optional
        The environment; by default that of the process.
    overrides : mapping, optional
        What goes before both; None counts as not given.

    Returns
    -------
    Settings
        Defaults for what is said nowhere.

    Raises
    ------
    ParameterError
        When the file cannot be read, a setting is unknown or a value cannot be.

    Examples
    --------
    >>> load_settings(environment={"GENERIFY_PORT": "8080"}).port
    8080
    """
    environment = os.environ if environment is None else environment
    path = file or environment.get(FILE_VARIABLE)
    values = _read_file(Path(path)) if path else {}
    values |= dict(_of_environment(environment))
    values |= {name: value for name, value in (overrides or {}).items() if value is not None}
    return _checked(values)


def _read_file(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ParameterError(
            f"cannot read the settings {path}: {err.strerror or err}", hint="check the path"
        ) from err
    except ValueError as err:
        raise ParameterError(f"{path} is no TOML: {err}", hint="as in: port = 8080") from err
    unknown = sorted(values.keys() - {f.name for f in fields(Settings)})
    if unknown:
        raise ParameterError(
            f"{path} sets what there is not: {', '.join(unknown)}",
            hint="`generify serve --help` lists all settings",
        )
    return values


def _of_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for setting in fields(Settings):
        given = environment.get(_PREFIX + setting.name.upper())
        if given is None:
            continue
        many = isinstance(setting.default, tuple)
        yield setting.name, tuple(filter(None, map(str.strip, given.split(",")))) if many else given


def _checked(values: dict[str, Any]) -> Settings:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Settings).validate_python(values)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, ParameterError):
            raise cause from err
        raise ParameterError(
            f"the setting {name} cannot be used: {first['msg']}",
            hint="`generify serve --help` lists all settings",
        ) from err


def describe_settings() -> tuple[tuple[str, str, str], ...]:
    """List all settings.

    Returns
    -------
    tuple of (str, str, str)
        Variable in the environment, default and meaning of each; the key in a file is the
        variable without its prefix, in small letters.
    """
    return tuple(
        (_PREFIX + setting.name.upper(), _shown(setting.default), setting.metadata["meaning"])
        for setting in fields(Settings)
    )


def _shown(default: object) -> str:
    if default in (None, MISSING, ()) or default == "":
        return "-"
    if isinstance(default, tuple):
        return ",".join(default)
    return f"{default:g}" if isinstance(default, float) else str(default)
