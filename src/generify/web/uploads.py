"""Songs on their way in: limits hold while they arrive, and nothing of them stays.

An upload is a form with the song as its one file. It is written as it comes to a private folder,
under a random name; what the client calls it is for showing only. Too large, too long by its own
header, too slow: it is cut at that moment. A server's folder is locked while it runs; the next
start removes the folders that nobody holds, which is what a crash leaves.

In it: :class:`UploadFolder`, :class:`Upload`, :func:`receive_upload`, :func:`shown_name`.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from filelock import FileLock, Timeout

from generify.web.forms import FormError, FormReader, boundary_of
from generify.web.lengths import promised_seconds
from generify.web.problems import Problem, ProblemError, problem
from generify.web.settings import Settings

__all__ = ["Upload", "UploadFolder", "receive_upload", "shown_name", "too_long"]

_LOCK = "lock"
_MAX_NAME = 200
_FORM_BYTES = 16_384  # beside the song: the other fields, names and boundaries
_FIRST_LOOK = 65_536  # bytes after which the header is read for the first time, then at doublings
_FIELDS = ("model", "timeline")
_HINT = "curl -F file=@song.mp3 shows how; see /docs"


class UploadFolder:
    """A private folder for the songs of one running server.

    Parameters
    ----------
    parent : Path
        Holds the folders of all servers of this owner.
    """

    def __init__(self, parent: Path) -> None:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = parent / secrets.token_hex(8)
        self._lock = FileLock(self.path / _LOCK)
        with FileLock(parent.with_suffix(".lock")):  # none is swept before it is locked
            _sweep(parent)
            self.path.mkdir(mode=0o700)
            self._lock.acquire()

    def new_file(self) -> Path:
        """Name a file that is not there yet.

        Returns
        -------
        Path
            Random, without an ending.
        """
        return self.path / secrets.token_hex(16)

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove what servers left that did not end in order."""
    for folder in parent.iterdir():
        lock = FileLock(folder / _LOCK)
        try:
            with lock.acquire(blocking=False):
                pass
        except (Timeout, OSError):
            continue
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Upload:
    """A song that has arrived, and what is asked about it.

    Attributes
    ----------
    path : Path
        Where it lies; to be removed by whoever takes the upload.
    name : str
        What the client calls it, cleaned for showing.
    model : str
        Name of the model as it was given; empty for the default.
    timeline : bool
        Whether the genre over time is wanted.
    n_bytes : int
        Its size.
    """

    path: Path
    name: str
    model: str
    timeline: bool
    n_bytes: int

    def remove(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def shown_name(given: str) -> str:
    r"""Clean a file name that a client gave; it is shown, never opened.

    Parameters
    ----------
    given : str
        Whatever was sent.

    Returns
    -------
    str
        The last part of a path, without characters that cannot be seen, at most 200 long.

    Examples
    --------
    >>> shown_name("..\\..\\etc/pass\x00wd.mp3")
    'passwd.mp3'
    """
    last = given.replace("\\", "/").rpartition("/")[2]
    # Cc and Cf hide or turn round what is shown, Cs is half a character.
    seen = "".join(c for c in last if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return seen.strip()[:_MAX_NAME] or "song"


async def receive_upload(request: Request, folder: UploadFolder, settings: Settings) -> Upload:
    """Take a song in.

    Parameters
    ----------
    request : Request
        With a form as its body.
    folder : UploadFolder
        Where to.
    settings : Settings
        The limits.

    Returns
    -------
    Upload
        Whole, its file not yet looked at.

    Raises
    ------
    ProblemError
        When the body is no form, has no song, or goes beyond a limit; nothing is left of it.
    ClientDisconnect
        When the client hung up; nothing is left either.
    """
    _check_length(request, settings)
    boundary = boundary_of(request.headers.get("content-type", ""))
    if boundary is None:
        raise ProblemError(
            problem("wrong-content-type", "a form (multipart/form-data) was expected", hint=_HINT)
        )
    path = folder.new_file()
    try:
        return await _receive(request, path, boundary, settings)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _check_length(request: Request, settings: Settings) -> None:
    """Refuse a body by the length that its header states, before any of it is read."""
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > settings.max_upload_bytes + _FORM_BYTES:
        raise _too_large(settings)


async def _receive(request: Request, path: Path, boundary: bytes, settings: Settings) -> Upload:
    n_bytes, look_at = 0, _FIRST_LOOK
    with path.open("xb", buffering=0) as stream:
        reader = FormReader(boundary, stream, known=_FIELDS, max_other_bytes=_FORM_BYTES)
        async for block in _blocks(request, settings):
            try:
                n_bytes = await asyncio.to_thread(reader.feed, block)
            except FormError as err:
                raise ProblemError(problem(err.code, str(err), hint=_HINT)) from err
            if n_bytes > settings.max_upload_bytes:
                raise _too_large(settings)
            if n_bytes >= look_at:
                look_at *= 2
                await _check_promise(path, settings)
    return _finished(reader, path, n_bytes)


async def _check_promise(path: Path, settings: Settings) -> None:
    seconds = await asyncio.to_thread(promised_seconds, path)
    if seconds > settings.max_seconds:
        raise ProblemError(too_long(seconds, settings.max_seconds))


def too_long(seconds: float, limit: float) -> Problem:
    """Say that a song is too long.

    Parameters
    ----------
    seconds, limit : float
        Its length, and that of the longest that is taken.

    Returns
    -------
    Problem
        The problem.
    """
    return problem(
        "too-long",
        f"the song has {seconds / 60:.0f} minutes, at most {limit / 60:g} are taken",
        hint="cut it, or ask about it with `generify predict` on your own machine",
    )


def _too_large(settings: Settings) -> ProblemError:
    return ProblemError(
        problem(
            "too-large",
            f"the song has more than the {settings.max_upload_bytes / 1e6:g} MB that are taken",
            hint="send it as MP3, or cut it",
        )
    )


def _finished(reader: FormReader, path: Path, n_bytes: int) -> Upload:
    try:
        fields = reader.finish()
        timeline = _flag(fields.get("timeline", "false"))
    except FormError as err:
        raise ProblemError(problem(err.code, str(err), hint=_HINT)) from err
    return Upload(path, shown_name(reader.file_name), fields.get("model", ""), timeline, n_bytes)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise FormError(f"timeline should be true or false, got {text[:40]!r}", "invalid-request")
    return text.lower() == "true"


async def _blocks(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    """Give the body as it comes, as long as it comes fast enough."""
    source = request.stream()
    begun, n_bytes = time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(settings.read_timeout):
                block = await anext(source, None)
        except TimeoutError as err:
            raise _too_slow(f"nothing came for {settings.read_timeout:g} s") from err
        if block is None:
            return
        n_bytes += len(block)
        passed = time.monotonic() - begun
        if passed > settings.read_timeout and n_bytes < passed * settings.min_upload_rate:
            raise _too_slow(f"{n_bytes} bytes came in {passed:.0f} s")
        if block:
            yield block


def _too_slow(what: str) -> ProblemError:
    return ProblemError(problem("too-slow", what, hint="try again over a better line"))
