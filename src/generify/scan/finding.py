"""Finding songs: files as they are given, folders searched to the bottom.

In it: :func:`find_songs`, :func:`look_for_songs`, :class:`FoundSongs`; refusing to begin:
:func:`check_any_there`, :func:`no_song_in`; :func:`is_address` tells what lies on no disk,
:func:`is_folder` what can be looked into.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from generify.datasets.listing import list_files, songs_of
from generify.errors import DatasetError, Failure, ParameterError
from generify.other_kinds import is_url

__all__ = [
    "FoundSongs",
    "check_any_there",
    "find_songs",
    "is_address",
    "is_folder",
    "look_for_songs",
    "no_song_in",
]

_HINT = "give audio files, or folders of them"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def is_address(path: str) -> bool:
    """Tell an address from a path on a disk.

    Parameters
    ----------
    path : str
        As a person gives it.

    Returns
    -------
    bool
        Whether it begins with a scheme.

    Examples
    --------
    >>> is_address("s3://bucket/a.mp3"), is_address("C:/music"), is_address("music/a.mp3")
    (True, False, False)
    """
    return _ADDRESS.match(path) is not None


@dataclass(frozen=True)
class FoundSongs:
    """What was found among files and below folders.

    Attributes
    ----------
    files : tuple of Path
        Files as they were given, and the songs of folders sorted by name; each once.
    failures : tuple of Failure
        Folders that hold no song or cannot be read.
    unread : tuple of Path
        Below these there may be songs although none were found: folders that could not be read, and
        given paths at which there is nothing, not even an entry of a folder: a disk may not be
        mounted there.
    """

    files: tuple[Path, ...]
    failures: tuple[Failure, ...] = ()
    unread: tuple[Path, ...] = ()


def find_songs(paths: Iterable[str | Path]) -> FoundSongs:
    """List the songs among files and below folders.

    Parameters
    ----------
    paths : iterable of str or Path
        Files are taken as they are given. Folders are searched to the bottom for what is audio by
        its name, or by its content where the name says nothing.

    Returns
    -------
    FoundSongs
        In the order given.

    Raises
    ------
    ParameterError
        When there is no song at all.
    DatasetError
        When a folder cannot be read.
    """
    given = tuple(paths)
    found = look_for_songs(given)
    if not found.files:
        raise no_song_in(given, found.failures)
    return found


def no_song_in(given: Iterable[str | Path], failures: Iterable[Failure] = ()) -> ParameterError:
    """Say that nothing was found.

    Parameters
    ----------
    given : iterable of str or Path
        Where it was looked for.
    failures : iterable of Failure
        What could not be looked into; the first that was not itself given is named.

    Returns
    -------
    ParameterError
        To raise.
    """
    names = [str(path) if is_address(str(path)) else str(Path(path)) for path in given]
    inside = (failure.message for failure in failures if failure.path not in names)
    why = next((f": {message}" for message in inside), "")
    return ParameterError(f"no song in {', '.join(names) or 'nothing'}{why}", hint=_HINT)


def look_for_songs(paths: Iterable[str | Path]) -> FoundSongs:
    """List the songs among files and below folders, if there are any.

    Parameters
    ----------
    paths : iterable of str or Path
        As for :func:`find_songs`.

    Returns
    -------
    FoundSongs
        In the order given; perhaps none. A song that is given twice, however its path is written,
        is there once, as it was first given.

    Raises
    ------
    DatasetError
        When a folder cannot be read.
    """
    found: dict[str, Path] = {}
    failures: list[Failure] = []
    unread: list[Path] = []
    for path in map(Path, paths):
        if not is_folder(path):
            found.setdefault(_full(path), path)
            if not os.path.exists(path):  # noqa: PTH110 - Path's raises where nobody may look
                unread.append(path)
            continue
        below = _songs_below(path)
        for file in below.files:
            found.setdefault(_full(file), file)
        failures += below.failures
        unread += below.unread
    return FoundSongs(tuple(found.values()), tuple(failures), tuple(unread))


def _full(path: Path) -> str:
    """Give the absolute path of a file; "..", which may lead out of a link, is looked up."""
    if ".." in path.parts:
        path = Path(os.path.realpath(path.parent), path.name)
    return str(path.absolute())


def check_any_there(found: FoundSongs) -> None:
    """Refuse to begin where all that is given is missing, as after a slip of the pen.

    Parameters
    ----------
    found : FoundSongs
        What was found, files as they were given among it.

    Raises
    ------
    ParameterError
        When none of the files exists.
    """
    if not any(os.path.lexists(path) for path in found.files):
        # a Path has made one slash of the two
        urls = [str(path).replace(":/", "://", 1) for path in found.files if is_url(path)]
        if urls:
            named = ", ".join(urls)
            raise ParameterError(f"URLs are not read: {named}", hint="download the song first")
        names = ", ".join(str(path) for path in found.files)
        raise ParameterError(f"there is no file or folder {names}", hint="check the path")


def is_folder(path: Path) -> bool:
    """Tell a folder that can be looked at.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        False also where nobody may look, or there can be no such name.
    """
    try:
        return path.is_dir()
    except OSError:  # a name longer than any file's, for one
        return False


def _songs_below(folder: Path) -> FoundSongs:
    listing = list_files(folder)
    files = tuple(folder / name for name in songs_of(listing))
    if files or listing.failures:
        return FoundSongs(files, listing.failures, listing.unread)
    error = DatasetError(f"{folder}: no song in this folder", hint=_HINT)
    empty = not listing.files and not listing.folders
    return FoundSongs((), (Failure.from_error(folder, error),), (folder,) if empty else ())
