"""A published dataset, from its addresses to a folder that is whole.

The parts of a dataset are downloaded one after the other, each from the first of its addresses that
gives what was published; then all are unpacked into a folder that appears at the end, with a small
hidden note of where it came from. Until then everything lies in one hidden folder beside it, from
which the next run goes on.

What an archive is worth is told by its published checksum; where there is none, by reading it to
its end.

In it: :func:`fetch_dataset`, :class:`Fetched`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from generify.atomic import cure_for
from generify.datasets.archives import UnfitArchiveError, Unpacked, fresh_folder, unpack_archive
from generify.datasets.checksums import judge_archive
from generify.datasets.destination import (
    check_room,
    find_fetched,
    locked_workplace,
    say_kept,
    write_receipt,
)
from generify.datasets.download import DownloadError, Patience, Step, download_file
from generify.datasets.facts import DatasetFacts, Download
from generify.errors import DatasetError
from generify.progress import Progress

__all__ = ["Fetched", "fetch_dataset"]

_KEY_DIGITS = 12

OnStep = Callable[[Step], None]


@dataclass(frozen=True)
class Fetched:
    """A dataset that is there.

    Attributes
    ----------
    folder : Path
        Where it is.
    n_files : int
        Files in it.
    n_bytes : int
        Their size in all.
    archives : tuple of Path
        Archives kept beside it.
    warnings : tuple of str
        Addresses that failed, archives that could not be checked; one line each.
    is_new : bool
        False when it was there already; then at most what a killed run left is tidied up.
    """

    folder: Path
    n_files: int
    n_bytes: int
    archives: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    is_new: bool = True


@dataclass(frozen=True)
class _Part:
    """A part of a dataset: where it can be had, or the archive that the person has already."""

    mirrors: tuple[Download, ...]
    given: Path | None = None

    @property
    def n_bytes(self) -> int:
        if self.given is not None:
            return self.given.stat().st_size
        return max((mirror.n_bytes or 0 for mirror in self.mirrors), default=0)


@dataclass(frozen=True)
class _Archive:
    """An archive that was found to be good."""

    path: Path
    source: str
    n_bytes: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Job:
    """Where things go while one dataset is fetched."""

    facts: DatasetFacts
    target: Path
    patience: Patience
    progress: OnStep

    @property
    def work(self) -> Path:
        return self.target.with_name(f".{self.target.name}.fetch")

    def place(self, mirror: Download) -> Path:
        """Give the place of an archive; two addresses never share one."""
        key = hashlib.sha256(mirror.url.encode()).hexdigest()[:_KEY_DIGITS]
        return self.work / key / _file_name(mirror)

    def report(self, what: str) -> Progress:
        return lambda n_done, n_all: self.progress(Step(what, n_done, n_all))


def fetch_dataset(
    facts: DatasetFacts,
    folder: str | os.PathLike[str],
    *,
    archives: Sequence[str | os.PathLike[str]] = (),
    keep: bool = False,
    patience: Patience | None = None,
    progress: OnStep | None = None,
) -> Fetched:
    """Download a dataset, check it and unpack it.

    Parameters
    ----------
    facts : DatasetFacts
        What is known of it, as from :func:`generify.datasets.dataset_facts`.
    folder : str or path-like
        Where it shall be; made whole or not at all.
    archives : sequence of str or path-like
        Archives that are at hand already; they are left where they are, and their parts are not
        downloaded.
    keep : bool
        Whether downloaded archives are kept beside the folder.
    patience : Patience, optional
        How long to wait for servers.
    progress : callable, optional
        Called with a :class:`generify.datasets.download.Step` as work goes on.

    Returns
    -------
    Fetched
        The folder and what is in it.

    Raises
    ------
    DatasetError
        When the folder holds something else, is being fetched into, cannot be written, or has not
        enough room; when no address gives the dataset, or it takes an account; when an archive is
        damaged, unsafe or none of this dataset.
    MissingExtraError
        When something is to be downloaded and requests is not installed.

    Notes
    -----
    After an interrupt, even SIGKILL, the same call goes on where it was.
    """
    job = _Job(facts, Path(os.path.realpath(folder)), patience or Patience(), progress or _silent)
    try:
        there = _already_there(job)
        if there is not None:
            return _tidied(job, there, keep)
        parts = _parts(facts, [Path(path) for path in archives])
        if keep:
            _check_kept(job, _mirrors(parts))
        with locked_workplace(job.work, facts.name):
            # Another run may have ended since.
            there = _already_there(job)
            return _fetch(job, parts, keep) if there is None else _tidy(job, there, keep)
    except OSError as err:
        where = f"{err.filename}: " if err.filename else ""
        raise DatasetError(
            f"{facts.name} cannot be fetched: {where}{err.strerror or err}",
            hint=cure_for(err, "choose a folder that you may read and write"),
        ) from err


def _silent(step: Step) -> None:
    pass


def _fetch(job: _Job, parts: Sequence[_Part], keep: bool) -> Fetched:
    try:
        check_room(job.work, _needed(job, parts))
        found = [_get(job, part) for part in parts]
        unpacked = _unpack(job, found)
        kept = _keep(job, found) if keep else ()
        _remove_but_lock(job.work)
    except DatasetError as err:
        err.hint = "; ".join(filter(None, (err.hint, say_kept(job.work))))
        raise
    warnings = tuple(warning for archive in found for warning in archive.warnings)
    return Fetched(job.target, unpacked.n_files, unpacked.n_bytes, kept, warnings)


def _already_there(job: _Job) -> Fetched | None:
    there = find_fetched(job.target, job.facts.name)
    if there is None:
        return None
    return Fetched(job.target, there.n_files, there.n_bytes, is_new=False)


def _tidied(job: _Job, there: Fetched, keep: bool) -> Fetched:
    """Tidy up after a run that was killed when the folder was in place already."""
    # Whoever may only read the dataset cannot, and need not.
    if not (job.work.is_dir() and os.access(job.work, os.W_OK)):
        return there
    with locked_workplace(job.work, job.facts.name):
        return _tidy(job, there, keep)


def _tidy(job: _Job, there: Fetched, keep: bool) -> Fetched:
    left = [mirror for mirror in job.facts.downloads if job.place(mirror).is_file()]
    kept: tuple[Path, ...] = ()
    if keep:
        _check_kept(job, left)
        places = {_kept_place(job, mirror): job.place(mirror) for mirror in left}
        kept = tuple(path.rename(place) for place, path in places.items())
    _remove_but_lock(job.work)
    return replace(there, archives=kept)


def _remove_but_lock(work: Path) -> None:
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def _parts(facts: DatasetFacts, given: Sequence[Path]) -> list[_Part]:
    """Give each part its addresses, those that worked last first, or the archive given for it."""
    by_name: dict[str, list[Download]] = {}
    for download in sorted(facts.downloads, key=lambda download: not download.works):
        by_name.setdefault(download.part, []).append(download)
    if not by_name:
        raise DatasetError(
            f"nobody offers {facts.title} for download", hint=f"ask its makers: {facts.homepage}"
        )
    archives = _by_part(facts, by_name, given)
    return [_part(facts, by_name[name], archives.get(name)) for name in by_name]


def _part(facts: DatasetFacts, downloads: Sequence[Download], given: Path | None) -> _Part:
    mirrors = tuple(download for download in downloads if not download.account)
    if given is not None:
        return _Part(tuple(downloads), given)
    if not mirrors:
        raise DatasetError(
            f"{facts.title} cannot be downloaded without an account",
            hint=f"{downloads[0].account}; then: generify datasets fetch {facts.name} --from FILE",
        )
    return _Part(mirrors)


def _by_part(
    facts: DatasetFacts, by_name: Mapping[str, Sequence[Download]], given: Sequence[Path]
) -> dict[str, Path]:
    """Tell which part an archive of the person is, by its name where there are several."""
    names = {_file_name(mirror): part for part in by_name for mirror in by_name[part]}
    found: dict[str, Path] = {}
    for path in given:
        _check_given(path)
        part = next(iter(by_name)) if len(by_name) == 1 else names.get(path.name)
        if part is None or part in found:
            raise DatasetError(
                f"{path.name} is {'one too many' if part in found else 'no archive'} "
                f"of {facts.title}",
                hint=f"its archives are called {', '.join(sorted(names))}",
            )
        found[part] = path
    return found


def _check_given(path: Path) -> None:
    if path.is_dir():
        raise DatasetError(
            f"{path} is a folder; a downloaded archive was expected",
            hint=f"a folder needs no fetching: generify datasets verify {path}",
        )
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        raise DatasetError(
            f"{path} {what}; a downloaded archive was expected", hint="check the path"
        )


def _file_name(download: Download) -> str:
    return unquote(PurePosixPath(urlsplit(download.url).path).name) or "archive"


def _host(download: Download) -> str:
    return urlsplit(download.url).hostname or download.url


def _get(job: _Job, part: _Part) -> _Archive:
    """Find a good archive: the one given, or from the first address that has one."""
    if part.given is not None:
        warnings = _judge(job, part.given, part.mirrors, must_match=False)
        return _Archive(part.given, part.given.name, part.n_bytes, warnings)
    reasons: list[str] = []
    for mirror in part.mirrors:
        path = job.place(mirror)
        try:
            _download(job, mirror, path)
            warnings = _judge_download(job, path, mirror)
        except DownloadError as err:
            reasons.append(f"{_host(mirror)}: {err}")
        else:
            skipped = tuple(f"skipped {reason}" for reason in reasons)
            return _Archive(path, mirror.url, path.stat().st_size, (*skipped, *warnings))
    raise DatasetError(
        f"{_file_name(part.mirrors[0])} cannot be had from {'; '.join(reasons)}",
        hint="try again later; an archive from elsewhere can be given with --from FILE",
    )


def _download(job: _Job, mirror: Download, path: Path) -> None:
    # What did not answer when the facts were written deserves one attempt, not minutes of them.
    patience = job.patience if mirror.works else replace(job.patience, n_attempts=1)
    check = partial(check_room, job.work)
    download_file(mirror.url, path, patience=patience, check_room=check, progress=job.progress)


def _judge(
    job: _Job, path: Path, published: Sequence[Download], *, must_match: bool
) -> tuple[str, ...]:
    report = job.report(f"checking {path.name}")
    return judge_archive(path, published, must_match=must_match, progress=report)


def _judge_download(job: _Job, path: Path, mirror: Download) -> tuple[str, ...]:
    """Check what came; throw it away and blame the address when it is no good.

    What cannot be read may be whole, so that it is left for the next run.
    """
    try:
        return _judge(job, path, (mirror,), must_match=True)
    except UnfitArchiveError as err:
        path.unlink()
        raise DownloadError(str(err)) from err


def _unpack(job: _Job, found: Sequence[_Archive]) -> Unpacked:
    check_room(job.work, sum(archive.n_bytes for archive in found))
    with fresh_folder(job.target, job.work / "unpacked") as fresh:
        unpacked = [
            unpack_archive(
                archive.path, fresh, progress=job.report(f"unpacking {archive.path.name}")
            )
            for archive in found
        ]
        whole = Unpacked(sum(u.n_files for u in unpacked), sum(u.n_bytes for u in unpacked))
        if not whole.n_files:
            raise DatasetError(f"there are no files in {found[0].path.name}", hint="get it again")
        sources = [archive.source for archive in found]
        write_receipt(fresh, job.facts.name, whole, sources)
    return whole


def _kept_place(job: _Job, download: Download) -> Path:
    return job.target.with_name(_file_name(download))


def _mirrors(parts: Sequence[_Part]) -> list[Download]:
    """List all addresses from which something may be downloaded."""
    return [mirror for part in parts if part.given is None for mirror in part.mirrors]


def _check_kept(job: _Job, downloads: Sequence[Download]) -> None:
    for download in downloads:
        place = _kept_place(job, download)
        if place.exists():
            raise DatasetError(
                f"{place} is there already, and an archive kept would take its place",
                hint=f"use it with --from {place}, move it away, or do without --keep",
            )


def _keep(job: _Job, found: Sequence[_Archive]) -> tuple[Path, ...]:
    """Put the downloaded archives beside the folder."""
    downloaded = [archive.path for archive in found if archive.path.is_relative_to(job.work)]
    return tuple(path.rename(job.target.with_name(path.name)) for path in downloaded)


def _needed(job: _Job, parts: Sequence[_Part]) -> int:
    """Count the bytes that archives and what comes out of them will take, at least."""
    n_bytes = 0
    for part in parts:
        n_bytes += part.n_bytes
        if part.given is None:
            places = [job.place(mirror) for mirror in part.mirrors]
            files = [*places, *(place.with_name(f"{place.name}.part") for place in places)]
            n_there = max(file.stat().st_size if file.exists() else 0 for file in files)
            n_bytes += max(part.n_bytes - n_there, 0)
    return n_bytes
