"""What ``generify tag`` tags: songs that are listened to, or the results of a scan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from generify.cli.terminal import print_warnings
from generify.errors import DatasetError, Failure, ParameterError

if TYPE_CHECKING:
    from generify.results import SongResult
    from generify.tagging import TagChange, TagOptions

__all__ = ["Tagging", "tag_scanned", "tag_unheard"]


@dataclass(frozen=True)
class Tagging:
    """Changes to come, with what is known of them before.

    Attributes
    ----------
    changes : iterator of TagChange or Failure
        Each is made as it is asked for.
    genres : sequence of str
        Genres that may be written.
    files : sequence of Path
        Files that the changes will be of.
    """

    changes: Iterator[TagChange | Failure]
    genres: Sequence[str]
    files: Sequence[Path] = ()


def tag_unheard(songs: Sequence[Path], model: str, options: TagOptions) -> Tagging:
    """Listen to songs and tag them."""
    from generify.model import load_model
    from generify.scan import find_songs
    from generify.scan.finding import check_any_there
    from generify.tagging import tag_files

    found = find_songs(songs)
    check_any_there(found)
    genre_model = load_model(model)
    _warn_of_strangers(options.vocabulary, genre_model.genres)
    changes = tag_files(found.files, genre_model, options)
    names = _written(genre_model.genres, options)
    return Tagging(chain(found.failures, changes), names, found.files)


def tag_scanned(results: Path, songs: Sequence[Path], options: TagOptions) -> Tagging:
    """Tag what a scan wrote; only the given songs, where some are given."""
    from generify.results import read_song_results
    from generify.scan import find_songs
    from generify.tagging import tag_results

    answers, genres = _with_genres(read_song_results(results))
    if genres:
        _warn_of_strangers(options.vocabulary, genres)
    names = _written(genres, options)
    if not songs:
        return Tagging(tag_results(answers, options), names)
    for song in songs:
        _check_exists(song)
    found = find_songs(songs)
    wanted = _Wanted(found.files)
    changes = tag_results(wanted.among(answers), options)
    return Tagging(chain(found.failures, changes, wanted.missed(songs, results)), names)


def _warn_of_strangers(vocabulary: Iterable[str], genres: Iterable[str]) -> None:
    """Name the genres of --map that nobody answers with: neither these nor a bundled model's.

    No more than a warning, for one file may serve several models.
    """
    from generify.genre_names import letters_of, likely_meant
    from generify.tagging import MUSICBRAINZ_NAMES

    known = {letters_of(genre): genre for genre in (*MUSICBRAINZ_NAMES, *genres)}
    strangers = (genre for genre in vocabulary if letters_of(genre) not in known)
    what = "which neither the model nor a bundled one knows"
    print_warnings(
        [f"--map names {g!r}, {what}{likely_meant(letters_of(g), known)}" for g in strangers]
    )


def _with_genres(answers: Iterator[SongResult]) -> tuple[Iterator[SongResult], Sequence[str]]:
    """Give all answers and the genres of the first that is no failure, which are the model's."""
    read: list[SongResult] = []
    for result in answers:
        read.append(result)
        if not isinstance(result.answer, Failure):
            return chain(read, answers), [g.genre for g in result.answer.genres]
    return iter(read), ()


def _written(genres: Iterable[str], options: TagOptions) -> Sequence[str]:
    from generify.tagging.vocabulary import name_in_tags

    return [name_in_tags(genre, options.vocabulary) for genre in genres]


def _check_exists(song: Path) -> None:
    try:
        exists = song.exists()
    except OSError:  # a name longer than any file's, for one
        exists = False
    if not exists:
        raise ParameterError(
            f"there is no file or folder {song}",
            hint="give songs, or folders of them, that were scanned",
        )


class _Wanted:
    """The files that people asked for, and those of them that the results know."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._known: set[Path] = set()

    def among(self, answers: Iterator[SongResult]) -> Iterator[SongResult]:
        """Give the answers for the files."""
        wanted = {file.resolve() for file in self._files}
        for answer in answers:
            real = Path(answer.path).resolve()
            if real in wanted:
                self._known.add(real)
                yield answer

    def missed(self, songs: Sequence[Path], results: Path) -> Iterator[Failure]:
        """Give the songs and folders of songs that the answers, all read by now, say nothing of."""
        for song in songs:
            files = [file for file in self._files if file.is_relative_to(song)]
            if files and not any(file.resolve() in self._known for file in files):
                where = "lies in it" if song.is_dir() else "is it"
                hint = "scan it first, or leave out --from"
                error = DatasetError(f"{song}: no song of {results} {where}", hint=hint)
                yield Failure.from_error(song, error)
