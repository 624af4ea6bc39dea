"""Many songs tagged, one after the other; what fails is kept beside what does not.

In it: :func:`tag_songs`, :func:`tag_results`, :func:`tag_files`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from generify.atomic import cure_for
from generify.content import content_hash, file_digest
from generify.errors import AudioDecodeError, Failure
from generify.tag_formats import TagError, read_genres, write_genres
from generify.tagging.choice import Reason, TagChange, TagOptions, choose
from generify.tagging.delta import Delta, make_delta
from generify.tagging.journal import Entry, Journal
from generify.tagging.replacement import Target, remove_abandoned, working_copy

if TYPE_CHECKING:
    from generify.model import GenreModel
    from generify.prediction import Prediction
    from generify.results import SongResult

__all__ = ["tag_files", "tag_results", "tag_songs"]


def tag_songs(
    results: Iterable[Prediction | Failure], options: TagOptions | None = None
) -> Iterator[TagChange | Failure]:
    """Write predicted genres into the tags of songs.

    Parameters
    ----------
    results : iterable of Prediction or Failure
        As :func:`generify.scan.predict_songs` gives them; failures are passed on.
    options : TagOptions, optional
        What may be written.

    Yields
    ------
    TagChange or Failure
        One for each result, in order. A failure says why the file could not be tagged; it is then
        as it was.

    Raises
    ------
    TagError
        When the journal cannot be begun.
    MissingExtraError
        When mutagen is not installed.

    Notes
    -----
    Each song is tagged before the next result is asked for.
    """
    yield from _tag(((result, None) for result in results), options or TagOptions())


def tag_results(
    results: Iterable[SongResult], options: TagOptions | None = None
) -> Iterator[TagChange | Failure]:
    """Write genres that were predicted earlier, where the recordings are still the same.

    Parameters
    ----------
    results : iterable of SongResult
        As :func:`generify.results.read_song_results` gives them.
    options : TagOptions, optional
        What may be written.

    Yields
    ------
    TagChange or Failure
        One for each result, in order. A file that would be tagged but holds another recording than
        the one predicted is a failure; where the recording is not known this cannot be told.

    Raises
    ------
    TagError
        When the journal cannot be begun.
    MissingExtraError
        When mutagen is not installed.
    """
    yield from _tag(((r.answer, r.recording) for r in results), options or TagOptions())


def tag_files(
    paths: Iterable[str | os.PathLike[str]],
    model: GenreModel,
    options: TagOptions | None = None,
) -> Iterator[TagChange | Failure]:
    """Predict songs and write their genres; those that are left alone anyway are not listened to.

    Parameters
    ----------
    paths : iterable of str or path-like
        Audio files.
    model : GenreModel
        A loaded model.
    options : TagOptions, optional
        What may be written.

    Yields
    ------
    TagChange or Failure
        One for each path, in order.

    Raises
    ------
    TagError
        When the journal cannot be begun.
    MissingExtraError
        When mutagen is not installed.
    ModelError
        When the model cannot be used.
    """
    chosen = options or TagOptions()
    yield from _tag(((_look_and_listen(path, model, chosen), None) for path in paths), chosen)


def _look_and_listen(
    path: str | os.PathLike[str], model: GenreModel, options: TagOptions
) -> Prediction | TagChange | Failure:
    from generify.prediction import predict

    try:
        before = _genres_in(path)
        if before and not options.overwrite:
            return TagChange(os.fspath(path), before, before, Reason.HAS_GENRE)
        return predict(path, model)
    except (TagError, AudioDecodeError) as err:
        return Failure.from_error(path, err)


def _genres_in(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read a song's genres; where it cannot be heard either, that is what is wrong with it."""
    try:
        return read_genres(path)
    except TagError:
        from generify.audio import probe_audio  # loads numpy, which most files do without

        probe_audio(os.fspath(path))
        raise


def _tag(
    results: Iterable[tuple[Prediction | TagChange | Failure, str | None]], options: TagOptions
) -> Iterator[TagChange | Failure]:
    """Tag songs; with each result comes the hash of its recording, where it is known."""
    swept: set[Path] = set()
    keeper = nullcontext() if options.dry_run else closing(Journal(options.journal))
    with keeper as journal:
        for result, recording in results:
            if isinstance(result, Failure | TagChange):
                yield result
                continue
            try:
                yield _tag_song(result, options, journal, swept, recording=recording)
            except (TagError, AudioDecodeError) as err:
                yield Failure.from_error(result.path, err)


def _tag_song(
    prediction: Prediction,
    options: TagOptions,
    journal: Journal | None,
    swept: set[Path],
    *,
    recording: str | None,
) -> TagChange:
    change = choose(prediction, _genres_in(prediction.path), options)
    if not change.changes:
        return change
    target = Target.check(prediction.path)
    if recording is not None and content_hash(target.path) != recording:
        raise TagError(
            f"{prediction.path}: is another recording than the one scanned",
            hint="scan again with --changed",
        )
    if target.n_links > 1:
        others = f"{target.n_links - 1} more name{'s' * (target.n_links > 2)} (hard links)"
        linked = f"it has {others}, which keep the old tags"
        change = replace(change, warnings=(*change.warnings, linked))
    if journal is None:
        return change
    if target.path.parent not in swept:
        swept.add(target.path.parent)
        remove_abandoned(target.path.parent)
    try:
        _replace(target, change, journal)
    except OSError as err:
        reason = err.strerror or str(err)
        message = f"{prediction.path}: cannot be written ({reason})"
        raise TagError(
            message, hint=cure_for(err, "make the file and its folder writable")
        ) from err
    return replace(change, written=True)


def _replace(target: Target, change: TagChange, journal: Journal) -> None:
    with working_copy(target) as copy:
        copy.fill()
        copy.take_over_attributes()
        _write(copy.path, change)
        if content_hash(copy.path) != content_hash(target.path):
            raise TagError(
                f"{change.path}: its sound cannot be told from its tags, so it is left as it is",
                hint="the file may be damaged; convert it",
            )
        copy.sync()
        journal.append(_entry(target, copy.path, change))
        copy.take_place()


def _write(copy: Path, change: TagChange) -> None:
    try:
        write_genres(copy, change.after)
    except TagError as err:  # which names the copy
        message = str(err).replace(os.fspath(copy), change.path)
        raise TagError(message, hint=err.hint) from err


def _entry(target: Target, copy: Path, change: TagChange) -> Entry:
    return Entry(
        path=os.fspath(target.path),
        genres_before=change.before,
        genres=change.after,
        hash_before=file_digest(target.path),
        hash_after=file_digest(copy),
        mtime_ns=target.status.st_mtime_ns,
        delta=_delta(target.path, copy),
    )


def _delta(old: Path, new: Path) -> Delta:
    with old.open("rb") as old_stream, new.open("rb") as new_stream:
        return make_delta(old_stream, new_stream)
