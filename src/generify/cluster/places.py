"""Songs and folders wherever they are: on a disk, or at an address that fsspec reads.

An address is ``scheme://…``, such as ``s3://bucket/folder``; everything else is a path.

In it: :func:`find_places`, :class:`Places`, :func:`open_place`, :func:`fetch_ahead`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from generify.datasets.listing import badly_named, has_audio_suffix, is_text
from generify.errors import (
    AudioDecodeError,
    DatasetError,
    Failure,
    GenerifyError,
    MissingExtraError,
    ParameterError,
)
from generify.scan.finding import FoundSongs, is_address, look_for_songs, no_song_in
from generify.scan.listening import FileState

__all__ = ["Places", "fetch_ahead", "find_places", "open_place"]

_WEB = ("http", "https")  # a web server has no folders: each address is a song
_TRIES = 3
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError)  # trying again does not help


@dataclass(frozen=True)
class Places:
    """Songs found on disks and at addresses.

    Attributes
    ----------
    on_disk : FoundSongs
        Those on disks, and what could not be looked into anywhere.
    addresses : mapping of str to FileState
        Those at addresses, with size and time as far as they were listed.
    searched : tuple of str
        What was given, addresses as the songs below them are spelt.
    """

    on_disk: FoundSongs
    addresses: Mapping[str, FileState] = field(default_factory=dict)
    searched: tuple[str, ...] = ()


def open_place(address: str) -> tuple[Any, str]:
    """Find what reads an address.

    Parameters
    ----------
    address : str
        An address, or a path.

    Returns
    -------
    file_system : fsspec.AbstractFileSystem
        What reads and writes it.
    path : str
        The path in it.

    Raises
    ------
    MissingExtraError
        When fsspec, or what it needs for this scheme, is not installed.
    ParameterError
        When nothing knows the scheme.
    """
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("ray", "fsspec") from err
    try:
        file_system, path = url_to_fs(address)
    except ImportError as err:
        reason = str(err).removesuffix(".")
        raise MissingExtraError(
            f"{address} cannot be read: {reason}", hint="install it, on every machine of a cluster"
        ) from err
    except ValueError as err:
        raise ParameterError(
            f"{address} cannot be read: {err}", hint="give a path, or s3://, gs:// or https://"
        ) from err
    return file_system, str(path)


def find_places(paths: Iterable[str | Path]) -> Places:
    """List the songs among files and addresses, and below them.

    Parameters
    ----------
    paths : iterable of str or Path
        Paths are searched as :func:`generify.scan.find_songs` does it. Below an address of a folder
        songs are known by their names alone; on the web each address is a song.

    Returns
    -------
    Places
        Those on disks in the order given, those below each address sorted.

    Raises
    ------
    ParameterError
        When there is no song at all, or a scheme is not known.
    DatasetError
        When a folder cannot be read.
    MissingExtraError
        When what reads an address is not installed.
    """
    given = [str(path) for path in paths]
    addresses = [path for path in given if is_address(path)]
    on_disk = [path for path in given if not is_address(path)]
    listed = {address: _list_address(address) for address in addresses}
    songs = {song: state for below in listed.values() for song, state in below.items()}
    found = look_for_songs(on_disk)
    if not songs and not found.files:
        raise no_song_in(given, found.failures)
    empty = (_no_song(address) for address, below in listed.items() if not below)
    unnamed = (badly_named(song) for song in songs if not is_text(song))
    failures = (*found.failures, *empty, *unnamed)
    named = {song: state for song, state in songs.items() if is_text(song)}
    searched = (*on_disk, *map(_spelt, addresses))
    return Places(FoundSongs(found.files, failures, found.unread), named, searched)


def _spelt(address: str) -> str:
    file_system, root = open_place(address)
    return str(file_system.unstrip_protocol(root))


def _list_address(address: str) -> dict[str, FileState]:
    file_system, root = open_place(address)
    if urlsplit(address).scheme.lower() in _WEB:
        return {address: FileState()}
    try:
        listed = file_system.find(root, detail=True)
    except Exception as err:  # each storage has errors of its own
        raise DatasetError(
            f"cannot list {address}: {_reason(err)}", hint="check the address and your permissions"
        ) from err
    names = sorted(listed, key=PurePosixPath)
    return {
        file_system.unstrip_protocol(name): _state(listed[name])
        for name in names
        if name == root or _is_song(name.removeprefix(root))
    }


def _is_song(below: str) -> bool:
    path = PurePosixPath(below)
    return has_audio_suffix(path) and not any(part.startswith(".") for part in path.parts)


def _state(info: Mapping[str, Any]) -> FileState:
    names = ("LastModified", "last_modified", "updated", "mtime")
    modified = next((info[name] for name in names if info.get(name)), None)
    if isinstance(modified, int | float):
        modified = datetime.fromtimestamp(modified, UTC)
    elif isinstance(modified, str):
        with suppress(ValueError):  # else of a format of its own, and so not known
            modified = datetime.fromisoformat(modified)
    if isinstance(modified, datetime):
        shown = modified.astimezone(UTC).isoformat(timespec="microseconds")
        return FileState(info.get("size"), shown.replace("+00:00", "Z"))
    return FileState(info.get("size"))


def _no_song(address: str) -> Failure:
    error = DatasetError(f"{address}: no song at this address", hint="check the spelling")
    return Failure.from_error(address, error)


def fetch_ahead(songs: Sequence[str]) -> Generator[tuple[str, Path | Failure], None, None]:
    """Give songs as files on this machine's disk, the next being fetched meanwhile.

    Parameters
    ----------
    songs : sequence of str
        Paths and addresses.

    Yields
    ------
    song : str
        As it was given.
    file : Path or Failure
        Where it lies until the next one is asked for; a path is its own file.

    Raises
    ------
    MissingExtraError
        When what reads an address is not installed, so that no other will be read either.
    ParameterError
        When nothing knows its scheme.
    """
    with ThreadPoolExecutor(1) as pool, tempfile.TemporaryDirectory(prefix="generify-") as folder:
        begun: Future[Path | Failure] | None = None
        for number, song in enumerate(songs):
            current = begun or pool.submit(_fetch, song, Path(folder) / str(number))
            file = current.result()
            later = songs[number + 1 : number + 2]
            begun = pool.submit(_fetch, later[0], Path(folder) / str(number + 1)) if later else None
            yield song, file
            if isinstance(file, Path) and is_address(song):
                file.unlink(missing_ok=True)


def _fetch(song: str, target: Path) -> Path | Failure:
    if not is_address(song):
        return Path(song)
    # What a file is may be told by its name's ending alone.
    file = target.with_suffix(PurePosixPath(urlsplit(song).path).suffix)
    try:
        _download(song, file)
    except AudioDecodeError as err:
        return Failure.from_error(song, err)
    return file


def _download(song: str, file: Path) -> None:
    for trial in range(_TRIES):
        try:
            file_system, path = open_place(song)
            file_system.get_file(path, str(file))
            return
        except GenerifyError:
            raise
        except FileNotFoundError as err:
            raise AudioDecodeError(f"{song}: no such file", hint="check the spelling") from err
        except Exception as err:  # each storage has errors of its own
            if trial + 1 == _TRIES or isinstance(err, _FINAL):
                raise AudioDecodeError(
                    f"{song}: cannot be fetched ({_reason(err)})",
                    hint="check the address and your permissions",
                ) from err
        time.sleep(2**trial)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
