"""What an earlier scan left: whether it may be gone on with, and by whom.

In it: :func:`locked`, :func:`check_complete`, :func:`old_results`, :func:`named_from_here`,
:func:`other_kind`, :func:`lying_elsewhere`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from generify.atomic import cure_for
from generify.errors import ParameterError
from generify.prediction import Prediction
from generify.results import ResultsError, SongResult, read_song_results
from generify.scan.finding import is_address
from generify.scan.journal import ScanKind

__all__ = [
    "check_complete",
    "locked",
    "lying_elsewhere",
    "named_from_here",
    "old_results",
    "other_kind",
]

_LOCK = ".lock"
_ANEW = "--again listens to everything anew; or choose another output"
_ROUNDING = 1e-6  # of confidences in an output


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Let one scan at a time write an output.

    Parameters
    ----------
    output : Path
        A file or folder on a disk.

    Yields
    ------
    None
        While it is held.

    Raises
    ------
    ResultsError
        When another scan holds it, or nothing can be written there.
    """
    from filelock import FileLock, Timeout

    path = output.with_name(output.name + _LOCK)
    lock = FileLock(path)
    try:
        path.parent.stat()  # the lock would make a folder that is missing
        lock.acquire(timeout=0)
    except Timeout as err:
        raise ResultsError(
            f"another scan is writing {output}", hint="wait for it, or choose another output"
        ) from err
    except OSError as err:
        raise ResultsError(
            f"cannot write {output}: {err.strerror or err}",
            hint=cure_for(err),
        ) from err
    try:
        yield
    finally:
        with suppress(OSError):  # removed while it is still held, so nobody's new lock is
            path.unlink()
        lock.release()


def check_complete(output: Path, songs: Sequence[str], kind: ScanKind) -> None:
    """Refuse a complete output that is not what a scan asks for.

    Parameters
    ----------
    output : Path
        The file.
    songs : sequence of str
        Paths of what was found.
    kind : ScanKind
        What is asked for; of the model only its name and version can be compared, as nothing else
        is in an output.

    Raises
    ------
    ParameterError
        When the output was made with another model or `min_confidence`, names its songs from
        another folder, or lacks some of the songs.
    ResultsError
        When it holds something else.
    """
    results = named_from_here(old_results(output, kind), output, songs)
    known = {result.path for result in results}
    missing = [path for path in songs if path not in known]
    if missing:
        raise ParameterError(
            f"{output} is complete, but {len(missing)} of {len(songs)} songs found are "
            f"not in it, such as {missing[0]}",
            hint="--changed listens to what is new or altered; or choose another output",
        )


def old_results(output: Path, kind: ScanKind | None) -> Iterator[SongResult]:
    """Read a complete output.

    Parameters
    ----------
    output : Path
        The file.
    kind : ScanKind or None
        Where it is given, its model must be the one that made the output, and its
        `min_confidence` must not contradict an answer.

    Returns
    -------
    iterator of SongResult
        Raises :class:`~generify.errors.ParameterError` at an answer of another kind.

    Raises
    ------
    ResultsError
        At once, when the file holds something else.
    """
    results = read_song_results(output)
    first = next(results, None)  # whatever is done with it, it must be a file of results

    def checked() -> Iterator[SongResult]:
        for result in chain(() if first is None else (first,), results):
            if kind is not None and isinstance(result.answer, Prediction):
                _check_model(output, result.answer.model, result.model_version, kind)
                _check_confidence(output, result.answer, kind.min_confidence)
            yield result

    return checked()


def named_from_here(
    results: Iterable[SongResult], scan: str | Path, songs: Iterable[str]
) -> Iterator[SongResult]:
    """Pass on an earlier scan's results, and refuse those whose paths begin in another folder.

    Paths are kept as they were given; seen from another folder all songs would be new, and the old
    ones be kept beside them.

    Parameters
    ----------
    results : iterable of SongResult
        Of the earlier scan.
    scan : str or Path
        Where they are.
    songs : iterable of str
        Paths of what was found.

    Yields
    ------
    SongResult
        The same.

    Raises
    ------
    ParameterError
        After the last, when no relative path leads to a file from here, and a song found lies at
        the end of one.
    """
    lost: list[str] = []
    any_here = False
    for result in results:
        path = result.path
        if not (any_here or is_address(path) or Path(path).is_absolute()):
            any_here = os.path.lexists(path)
            lost.append(path)
        yield result
    where = None if any_here or not lost else _beginning_of(lost, songs)
    if where is not None:
        raise ParameterError(
            f"{scan} names its songs from another folder, such as {lost[0]}",
            hint=f"run it {where}, as when they were first heard",
        )


def _beginning_of(lost: Iterable[str], songs: Iterable[str]) -> str | None:
    """Say where relative paths begin, by the first song found that lies at the end of one."""
    found: dict[str, list[str]] = defaultdict(list)
    for song in songs:
        if not is_address(song):
            full = os.path.abspath(song)  # noqa: PTH100 (resolves "..")
            found[Path(full).name].append(full)
    for path in lost:
        steps = Path(os.path.normpath(path)).parts
        tail = f"{os.sep}{Path(*(step for step in steps if step != os.pardir))}"
        for song in found[steps[-1]]:
            if song.endswith(tail):
                folder = song.removesuffix(tail) or os.sep
                return f"{'below' if steps[0] == os.pardir else 'in'} {folder}"
    return None


def lying_elsewhere(
    given: Iterable[str | Path], unread: Iterable[str | Path] = ()
) -> Callable[[str], bool]:
    """Give what tells the songs that lie neither at nor below the given paths.

    Parameters
    ----------
    given : iterable of str or Path
        Files, folders and addresses.
    unread : iterable of str or Path
        What lies among them but could not be read: songs below are not known to be gone, so they
        lie elsewhere.

    Returns
    -------
    callable
        For the path or address of a song, which need not exist, whether it lies elsewhere.

    Examples
    --------
    >>> list(filter(lying_elsewhere(["a", "./a.mp3"]), ["a/1.mp3", "ab/2.mp3", "a.mp3"]))
    ['ab/2.mp3']
    >>> list(filter(lying_elsewhere(["s3://a/"]), ["s3://a/1.mp3", "s3://ab/2.mp3", "a/1.mp3"]))
    ['s3://ab/2.mp3', 'a/1.mp3']
    >>> list(filter(lying_elsewhere(["a"], unread=["a/b"]), ["a/1.mp3", "a/b/2.mp3"]))
    ['a/b/2.mp3']
    """
    names = [str(path) for path in given]
    addresses = tuple(f"{name.rstrip('/')}/" for name in names if is_address(name))
    roots = {place for name in names if not is_address(name) for place in _places(Path(name))}
    hidden = {place for name in unread for place in _places(Path(name))}
    below: dict[Path, bool] = {}  # by folder, as links are looked up on the disk

    def lies_elsewhere(song: str) -> bool:
        if is_address(song):
            return not f"{song}/".startswith(addresses)
        path = Path(song)
        if path.parent not in below:
            places = {p for at in _places(path.parent) for p in (at, *at.parents)}
            below[path.parent] = not roots.isdisjoint(places) and hidden.isdisjoint(places)
        return not (below[path.parent] or path.absolute() in roots)

    return lies_elsewhere


def _places(path: Path) -> tuple[Path, Path]:
    return path.absolute(), Path(os.path.realpath(path))


def _check_model(output: Path, model: str, version: str, kind: ScanKind) -> None:
    # `generify predict -o` writes no version.
    if model != kind.model or version not in ("", kind.model_version):
        raise ParameterError(
            f"{output} was made with the model {f'{model} {version}'.strip()}, "
            f"not with {kind.model} {kind.model_version}",
            hint=_ANEW,
        )


def _check_confidence(output: Path, answer: Prediction, asked: float) -> None:
    """Refuse answers that were judged with another min-confidence, which is not in an output."""
    below = answer.confidence < asked - _ROUNDING
    withheld = answer.unknown and not (answer.doubt or answer.warnings)
    if (below and not answer.unknown) or (withheld and answer.confidence > asked + _ROUNDING):
        said = "unknown" if answer.unknown else answer.genre
        raise ParameterError(
            f"{output} was made with another min-confidence than {asked:g}: {answer.path} "
            f"is {said} in it, at {answer.confidence:g}",
            hint=f"give the one that it was made with; {_ANEW}",
        )


def other_kind(begun: ScanKind, asked: ScanKind, scan: str) -> ParameterError:
    """Say in what a scan differs from the one that is asked for.

    Parameters
    ----------
    begun, asked : ScanKind
        Two that are not the same.
    scan : str
        The beginning of a sentence, ``"out.csv.part is an unfinished scan"``.

    Returns
    -------
    ParameterError
        To raise.
    """
    if (begun.model, begun.model_version) != (asked.model, asked.model_version):
        what = (
            f"the model {begun.model} {begun.model_version}, "
            f"not with {asked.model} {asked.model_version}"
        )
    elif begun.checksum != asked.checksum:
        what = f"another model that is called {begun.model} {begun.model_version} too"
    else:
        what = f"min-confidence {begun.min_confidence:g}, not with {asked.min_confidence:g}"
    return ParameterError(
        f"{scan} that was begun with {what}",
        hint=f"give the same to go on with it; {_ANEW}",
    )
