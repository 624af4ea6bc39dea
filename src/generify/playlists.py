"""Playlists, one for each genre: M3U8, in UTF-8, that any player reads.

Paths are relative to the playlist where they can be, so that a music folder may be moved with its
playlists. Written whole or not at all.

In it: :func:`write_playlists`, :class:`Playlist`, :class:`Playlists`, :class:`PlaylistError`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generify.atomic import make_folder, replacing
from generify.errors import Failure, GenerifyError

if TYPE_CHECKING:
    from generify.prediction import Prediction

__all__ = ["Playlist", "PlaylistError", "Playlists", "write_playlists"]

_UNKNOWN = "unknown"
_MAX_NAME = 60  # characters, at most 240 bytes: file systems allow 255
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')  # Windows is the strictest
_DEVICE = re.compile(r"(con|prn|aux|nul|con(in|out)\$|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE)


class PlaylistError(GenerifyError):
    """A playlist that cannot be written, or a song that cannot be in one."""


@dataclass(frozen=True)
class Playlist:
    """A playlist that was written.

    Attributes
    ----------
    genre : str
        What its songs have in common; ``"unknown"`` for those that have no genre.
    path : Path
        Its file.
    n_songs : int
        Songs in it.
    """

    genre: str
    path: Path
    n_songs: int


@dataclass(frozen=True)
class Playlists:
    """What was written.

    Attributes
    ----------
    written : tuple of Playlist
        Sorted by genre.
    failures : tuple of Failure
        Songs that have a genre but cannot be in a playlist, and why.
    n_unknown : int
        Songs without a genre that were left out.
    n_failed : int
        Songs that no model could hear, failures among the results.
    """

    written: tuple[Playlist, ...]
    failures: tuple[Failure, ...]
    n_unknown: int = 0
    n_failed: int = 0


def write_playlists(
    results: Iterable[Prediction | Failure], folder: str | Path, *, unknown: bool = False
) -> Playlists:
    """Write a playlist for each genre.

    Parameters
    ----------
    results : iterable of Prediction or Failure
        What a model said; relative paths are meant from the current folder.
    folder : str or Path
        Where the playlists go; made when missing. Playlists of the same names are replaced.
    unknown : bool
        Whether songs without a genre get a playlist of their own.

    Returns
    -------
    Playlists
        What was written, and the songs left out.

    Raises
    ------
    PlaylistError
        When the folder cannot be made or written to.

    Notes
    -----
    Songs are sorted by path, each once.
    """
    make_folder(Path(folder), PlaylistError)
    place = Path(folder).resolve()  # players follow ".." from where the playlist really lies
    genres: dict[str, dict[str, str]] = {}
    failures: list[Failure] = []
    left_out: set[str] = set()
    unheard: set[str] = set()
    for result in results:
        if isinstance(result, Failure):
            unheard.add(result.path)
        elif result.genre is None and not unknown:
            left_out.add(result.path)
        else:
            try:
                line = _path_from(result.path, place)
            except PlaylistError as err:
                failures.append(Failure.from_error(result.path, err))
                continue
            songs = genres.setdefault(_UNKNOWN if result.genre is None else result.genre, {})
            songs[line] = _entry(result, line)
    files = _file_names(sorted(genres))
    written = tuple(
        _write(place / files[genre], genre, [songs[line] for line in sorted(songs)])
        for genre, songs in sorted(genres.items())
    )
    return Playlists(written, tuple(failures), len(left_out), len(unheard))


def _path_from(song: str, place: Path) -> str:
    """Give the path of a song as a line of a playlist."""
    path = Path(song)
    if not path.exists():
        raise PlaylistError(
            f"{song}: is not there",
            hint="run this where the songs were scanned from, or scan them again",
        )
    real = path.parent.resolve() / path.name
    try:
        line = Path(os.path.relpath(real, place)).as_posix()
    except ValueError:  # on another drive
        line = real.as_posix()
    if len(line.splitlines()) != 1 or line != line.rstrip():
        raise PlaylistError(
            f"{song!r}: a name with a line break or a blank at its end cannot be in a playlist",
            hint="rename it",
        )
    try:
        line.encode("utf-8")
    except UnicodeEncodeError as err:
        raise PlaylistError(f"{song!r}: its name is not valid UTF-8", hint="rename it") from err
    # "#1.mp3" would be a comment, "http:song.mp3" an address.
    odd = line[0] in "# " or (":" in line and not Path(line).is_absolute())
    return f"./{line}" if odd else line


def _entry(song: Prediction, line: str) -> str:
    seconds = round(song.duration) if song.duration > 0 else -1  # M3U's word for not known
    return f"#EXTINF:{seconds},{Path(line).stem}\n{line}\n"


def _file_names(genres: Iterable[str]) -> dict[str, str]:
    """Give each genre a file name that every system takes, unlike the others in more than case.

    Examples
    --------
    >>> _file_names(["AC/DC", "Nul", "con.1", "lpt1", "console"])  # Windows has devices so called
    ... # doctest: +NORMALIZE_WHITESPACE
    {'AC/DC': 'AC_DC.m3u8', 'Nul': '_Nul.m3u8', 'con.1': '_con.1.m3u8', 'lpt1': '_lpt1.m3u8',
     'console': 'console.m3u8'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for genre in genres:
        name = _NOT_IN_NAMES.sub("_", genre).strip(" .")[:_MAX_NAME] or "_"
        if _DEVICE.match(name):
            name = f"_{name}"
        number = 1
        unique = name
        while unique.casefold() in taken:
            number += 1
            unique = f"{name} {number}"
        taken.add(unique.casefold())
        names[genre] = f"{unique}.m3u8"
    return names


def _write(path: Path, genre: str, entries: list[str]) -> Playlist:
    title = " ".join(genre.split())
    with replacing(path, PlaylistError) as temporary:
        text = f"#EXTM3U\n#PLAYLIST:{title}\n{''.join(entries)}"
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return Playlist(genre, path, len(entries))
