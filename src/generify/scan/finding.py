"""Finding songs: files as they are given, folders searched to the bottom.

In it: :func:`find_songs`, :func:`check_any_there`, :class:`FoundSongs`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from generify.datasets.listing import list_files, songs_of
from generify.errors import DatasetError, Failure, ParameterError

__all__ = ["FoundSongs", "check_any_there", "find_songs"]

_HINT = "give audio files, or folders of them"


@dataclass(frozen=True)
class FoundSongs:
    """What was found among files and below folders.

    Attributes
    ----------
    files : tuple of Path
        Files as they were given, and the songs of folders sorted by name; each once.
    failures : tuple of Failure
        Folders that hold no song or cannot be read.
    """

    files: tuple[Path, ...]
    failures: tuple[Failure, ...] = ()


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
    given = tuple(Path(path) for path in paths)
    found: dict[Path, None] = {}
    failures: list[Failure] = []
    for path in given:
        if not _is_folder(path):
            found[path] = None
            continue
        below = _songs_below(path)
        found.update(dict.fromkeys(below.files))
        failures += below.failures
    if not found:
        names_given = ", ".join(str(path) for path in given) or "nothing"
        raise ParameterError(f"no song in {names_given}", hint=_HINT)
    return FoundSongs(tuple(found), tuple(failures))


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
        names = ", ".join(str(path) for path in found.files)
        raise ParameterError(f"there is no file or folder {names}", hint=_HINT)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name longer than any file's, for one
        return False


def _songs_below(folder: Path) -> FoundSongs:
    listing = list_files(folder)
    files = tuple(folder / name for name in songs_of(listing))
    if files or listing.failures:
        return FoundSongs(files, listing.failures)
    error = DatasetError("no song in this folder", hint=_HINT)
    return FoundSongs((), (Failure.from_error(folder, error),))
