"""One file over HTTP, continued where it stopped.

What has come so far lies in ``NAME.part``, and beside it in ``NAME.json`` what the server said
about the file, so that a later run asks only for the rest, and only if the file is still the same
(``Range`` with ``If-Range``). Under its own name the file appears once all of it is there. Whether
it is what it should be, is for the caller to judge.

Bytes are taken as they lie on the server, never decompressed on the way.

In it: :func:`download_file`, :class:`Patience`, :class:`Step`, :class:`DownloadError`.

References
----------
R. Fielding, M. Nottingham and J. Reschke (eds.), "HTTP Semantics", RFC 9110, 2022: sections 13.1.5
(If-Range), 14 (range requests), 10.2.3 (Retry-After).
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from generify.errors import DatasetError, MissingExtraError

if TYPE_CHECKING:
    import requests
    from urllib3.util import Retry

__all__ = ["DownloadError", "Patience", "Step", "download_file"]

_BLOCK_BYTES = 1 << 18
_MAX_REDIRECTS = 10
_TRY_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (?:(?P<start>\d+)-\d+|\*)/(?P<total>\d+|\*)")
_MAX_REASON_CHARACTERS = 200


class DownloadError(DatasetError):
    """A file that cannot be had from one address; another may have it."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes
    ----------
    n_attempts : int
        Attempts in a row that bring nothing new before giving up.
    connect_timeout, read_timeout : float
        Seconds until a server answers, and between two pieces of the file.
    backoff : float
        Seconds; the pauses between attempts are 0, 2, 4, 8 … times as long.
    max_pause : float
        The longest pause in seconds, also where a server asks for more.
    """

    n_attempts: int = 5
    connect_timeout: float = 15.0
    read_timeout: float = 30.0
    backoff: float = 1.0
    max_pause: float = 60.0


@dataclass(frozen=True)
class Step:
    """What is being done, and how far it is.

    Attributes
    ----------
    what : str
        For example ``"downloading genres.tar.gz from example.org"``.
    n_done : int
        Bytes done.
    n_all : int or None
        Bytes in all; None when unknown.
    """

    what: str
    n_done: int = 0
    n_all: int | None = None


class _CutError(Exception):
    """A transfer that ended before the file did; to be tried again."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class _NoNameError(_CutError):
    """A server whose name cannot be found."""


@dataclass(frozen=True)
class _Told:
    """What a server said about its file."""

    url: str
    validator: str = ""
    n_bytes: int | None = None


def download_file(
    url: str,
    path: Path,
    *,
    patience: Patience | None = None,
    check_room: Callable[[int], None] | None = None,
    progress: Callable[[Step], None] | None = None,
) -> None:
    """Download a file, or the rest of it.

    Parameters
    ----------
    url : str
        Its address.
    path : Path
        Where to; nothing is done when it is there.
    patience : Patience, optional
        How long to wait for the server.
    check_room : callable, optional
        Called with the number of bytes still to come, once that is known; raises when there is no
        room for them.
    progress : callable, optional
        Called with a :class:`Step` after each piece and before each pause.

    Raises
    ------
    DownloadError
        When this address does not give the file: its name cannot be found, an error status, a web
        page, or cuts too often.
    DatasetError
        When the folder cannot be written or is full. What has come is kept.
    MissingExtraError
        When requests is not installed.

    Notes
    -----
    An interrupt, even SIGKILL, loses nothing that was written.
    """
    if path.exists():
        return
    partial = _Partial(url, path)
    transfer = _Transfer(partial, patience or Patience(), check_room, progress)
    try:
        transfer.run()
        partial.finish()
    except OSError as err:
        raise DatasetError(
            f"cannot write {partial.part}: {err.strerror or err}",
            hint="make room or change permissions; the same command then goes on from here",
        ) from err


class _Partial:
    """The part of a file that is there already."""

    def __init__(self, url: str, path: Path) -> None:
        self.url = url
        self.name = path.name
        self._path = path
        self.part = path.with_name(f"{path.name}.part")
        self._note = path.with_name(f"{path.name}.json")

    @property
    def n_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def told(self) -> _Told | None:
        """Give what the server said; None when the part is of no use."""
        try:
            told = _Told(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return told if told.url == self.url else None

    def begin(self, told: _Told) -> None:
        # First the bytes, then the note: a kill between the two leaves an old note on no bytes.
        self.part.parent.mkdir(parents=True, exist_ok=True)
        self.part.open("wb").close()
        self._note.write_text(json.dumps(asdict(told)), encoding="utf-8")

    def forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self) -> None:
        self.part.replace(self._path)
        self._note.unlink(missing_ok=True)


class _Transfer:
    """Attempts, one after the other, until the file is there."""

    def __init__(
        self,
        partial: _Partial,
        patience: Patience,
        check_room: Callable[[int], None] | None,
        progress: Callable[[Step], None] | None,
    ) -> None:
        self._partial = partial
        self._patience = patience
        self._check_room = check_room
        self._progress = progress
        self._host = urlsplit(partial.url).hostname or partial.url

    def run(self) -> None:
        begun = furthest = self._partial.n_bytes
        with _session() as session:
            retry = fresh = _policy(self._patience)
            while True:
                try:
                    return self._attempt(session)
                except _CutError as err:
                    # Counted from the furthest: a file that begins anew each time is no progress.
                    came = self._partial.n_bytes > furthest
                    furthest = max(furthest, self._partial.n_bytes)
                    # Most likely there is no network. One that was lost on the way may come back.
                    if isinstance(err, _NoNameError) and furthest == begun:
                        raise DownloadError(str(err)) from err
                    retry = fresh if came else _one_less(retry, err)
                    self._wait(err, retry.get_backoff_time())

    def _wait(self, err: _CutError, backoff: float) -> None:
        pause = min(max(err.pause, backoff), self._patience.max_pause)
        when = f" in {math.ceil(pause)} s" if pause else ""
        self._say(f"{self._host}: {err}; trying again{when}")
        time.sleep(pause)

    def _say(self, what: str, n_all: int | None = None) -> None:
        if self._progress is not None:
            self._progress(Step(what, self._partial.n_bytes, n_all))

    def _attempt(self, session: requests.Session) -> None:
        """Ask for what is missing and write it; return when all is there."""
        told = self._partial.told()
        if told is None:
            self._partial.forget()
        elif told.n_bytes is not None and told.n_bytes == self._partial.n_bytes:
            return
        with (
            _interruptions(),
            session.get(
                self._partial.url,
                stream=True,
                headers=_headers(told, self._partial.n_bytes),
                timeout=(self._patience.connect_timeout, self._patience.read_timeout),
            ) as response,
        ):
            n_all = self._answered(response, told)
            if n_all != self._partial.n_bytes:
                self._receive(response, n_all)

    def _answered(self, response: requests.Response, told: _Told | None) -> int | None:
        """Take an answer's head, and give the size of the file."""
        if response.status_code == HTTPStatus.OK:
            new = _told(response, self._partial.url)
            self._partial.begin(new)
            return new.n_bytes
        if told is not None and response.status_code in (206, 416):
            if _continues(response, told, self._partial.n_bytes):
                return _total(response) or told.n_bytes
            self._partial.forget()
            raise _CutError("the file there has changed")
        reason = _status(response.status_code)
        if response.status_code in _TRY_LATER:
            raise _CutError(reason, _retry_after(response))
        raise DownloadError(reason)

    def _receive(self, response: requests.Response, n_all: int | None) -> None:
        if n_all is not None and self._check_room is not None:
            self._check_room(n_all - self._partial.n_bytes)
        what = f"downloading {self._partial.name} from {self._host}"
        with self._partial.part.open("ab") as target:
            self._say(what, n_all)
            # Each piece as soon as it is there: what waits in a buffer is lost with the connection.
            while block := response.raw.read1(_BLOCK_BYTES, decode_content=False):
                target.write(block)
                target.flush()
                self._say(what, n_all)
        if n_all is not None and self._partial.n_bytes != n_all:
            raise _CutError(f"the connection was cut after {self._partial.n_bytes:,} bytes")


def _session() -> requests.Session:
    try:
        import requests
    except ImportError as err:
        raise MissingExtraError.for_extra("datasets", "requests") from err
    session = requests.Session()
    session.max_redirects = _MAX_REDIRECTS
    session.headers.update({"User-Agent": "generify", "Accept-Encoding": "identity"})
    return session


def _policy(patience: Patience) -> Retry:
    from urllib3.util import Retry

    return Retry(
        patience.n_attempts - 1,
        backoff_factor=patience.backoff,
        backoff_max=patience.max_pause,
    )


def _one_less(retry: Retry, err: _CutError) -> Retry:
    from urllib3.exceptions import MaxRetryError

    try:
        return retry.increment(error=err)
    except MaxRetryError:
        raise DownloadError(str(err)) from err


def _headers(told: _Told | None, n_bytes: int) -> dict[str, str]:
    if told is None or not n_bytes:
        return {}
    condition = {"If-Range": told.validator} if told.validator else {}
    return {"Range": f"bytes={n_bytes}-", **condition}


def _told(response: requests.Response, url: str) -> _Told:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise DownloadError("a web page came instead of the archive")
    is_chunked = "Transfer-Encoding" in response.headers  # then a length is to be ignored
    length = "" if is_chunked else response.headers.get("Content-Length", "")
    return _Told(url, _validator(response), int(length) if length.isdecimal() else None)


def _validator(response: requests.Response) -> str:
    """Give what a file is known by; a weak tag does not promise the same bytes."""
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified", "")


def _total(response: requests.Response) -> int | None:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    return int(match["total"]) if match and match["total"] != "*" else None


def _continues(response: requests.Response, told: _Told, n_bytes: int) -> bool:
    """Tell whether an answer to a range is the rest of the file, or says that there is no rest."""
    total = _total(response)
    if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return total == n_bytes
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    same_place = match is not None and match["start"] == str(n_bytes)
    same_size = None in (total, told.n_bytes) or total == told.n_bytes
    # Where If-Range was sent, the answer need not repeat the date.
    return same_place and same_size and _validator(response) in ("", told.validator)


def _status(code: int) -> str:
    with suppress(ValueError):
        return f"{code} {HTTPStatus(code).phrase}"
    return f"status {code}"


def _retry_after(response: requests.Response) -> float:
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    with suppress(InvalidHeader, OverflowError, ValueError):
        return Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    return 0.0


@contextmanager
def _interruptions() -> Iterator[None]:
    """Turn what the network does into one sentence."""
    from requests import exceptions as asked
    from urllib3 import exceptions as sent

    # An address that is none is a ValueError, from requests or from Python below it.
    hopeless = (asked.TooManyRedirects, ValueError)
    try:
        yield
    except hopeless as err:
        raise DownloadError(_reason(err)) from err
    except (asked.RequestException, sent.HTTPError) as err:
        kind = _NoNameError if isinstance(_cause(err), sent.NameResolutionError) else _CutError
        raise kind(_reason(err)) from err


def _cause(err: Exception) -> object:
    """Unwrap what urllib3 said after its last attempt, which requests wraps."""
    inner = err.args[0] if err.args else err
    return getattr(inner, "reason", inner)


def _reason(err: Exception) -> str:
    from requests import exceptions as asked
    from urllib3 import exceptions as sent

    cause = _cause(err)
    reasons = (
        (asked.TooManyRedirects, "it redirects in circles"),
        (ValueError, "it redirects to an address that is none"),
        ((asked.ProxyError, sent.ProxyError), "the proxy does not connect"),
        (sent.NameResolutionError, "its name cannot be found; is there a network?"),
        ((asked.SSLError, sent.SSLError), "its certificate cannot be trusted"),
        (sent.NewConnectionError, f"it cannot be reached{_in_brackets(cause)}"),
        ((asked.ConnectTimeout, sent.ConnectTimeoutError), "it does not answer"),
        ((asked.ReadTimeout, sent.ReadTimeoutError), "it stopped sending"),
        (sent.ProtocolError, "the connection was cut"),
    )
    for types, text in reasons:
        if isinstance(err, types) or isinstance(cause, types):
            return text
    return " ".join(str(err).split())[:_MAX_REASON_CHARACTERS] or type(err).__name__


def _in_brackets(cause: object) -> str:
    told = getattr(getattr(cause, "__cause__", None), "strerror", None)
    return f" ({told})" if told else ""
