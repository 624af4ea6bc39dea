"""Running the site: uvicorn, with patience that ends.

uvicorn waits for ever for a client that sends the head of a request a byte at a time, and for one
that goes on sending a body that was refused. Here both have a time limit. Nor does a connection
that is to be closed end while a client is still sending: the system would answer that with a reset,
and the client, or the proxy before it, would never see why its song was refused.

In it: :func:`serve`, :func:`server_config`, :class:`PatientProtocol`.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from generify.errors import ParameterError
from generify.web.app import create_app
from generify.web.settings import Settings

__all__ = ["PatientProtocol", "serve", "server_config"]

OnReady = Callable[[str], None]

_LINGER = 5.0  # seconds in which a client may read why its upload was refused
_CONNECTIONS = 1000
_HEAD_BYTES = 16_384


class _LingeringTransport:
    """A connection whose first closing lets a client that is still sending read the answer."""

    def __init__(
        self,
        transport: asyncio.Transport,
        still_sends: Callable[[], bool],
        on_linger: Callable[[], None],
    ) -> None:
        self._transport, self._still_sends, self._on_linger = transport, still_sends, on_linger
        self.lingers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.lingers or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing() or not self._still_sends():
            self._transport.close()
        else:
            self.lingers = True
            self._transport.write_eof()
            self._transport.resume_reading()
            self._on_linger()


class PatientProtocol(H11Protocol):
    """One connection, watched whenever a request's head or the rest of a body is due."""

    header_timeout = Settings.header_timeout
    _timer: asyncio.TimerHandle | None = None
    _due = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch.

        Parameters
        ----------
        transport : asyncio.Transport
            The connection.
        """
        lingering = _LingeringTransport(transport, self._is_sent_more, lambda: self._expect("end"))
        super().connection_made(cast(asyncio.Transport, lingering))
        self._lingering = lingering
        self._watch()

    def _is_sent_more(self) -> bool:
        return self.conn.their_state is h11.SEND_BODY

    def data_received(self, data: bytes) -> None:
        """Take what came, and see what is due next.

        Parameters
        ----------
        data : bytes
            What came.
        """
        if not self._lingering.lingers:
            super().data_received(data)
            self._watch()

    def on_response_complete(self) -> None:
        """See what is due once the answer is out."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no longer.

        Parameters
        ----------
        exc : Exception or None
            Why.
        """
        self._expect("")
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is h11.IDLE:
            self._expect("head")
        elif self.cycle is not None and self.cycle.response_complete:
            self._expect("rest")
        else:
            self._expect("")

    def _expect(self, due: str) -> None:
        if due == self._due:
            return
        self._due = due
        if self._timer is not None:
            self._timer.cancel()
        seconds = self.header_timeout if due == "head" else min(_LINGER, self.header_timeout)
        self._timer = self.loop.call_later(seconds, self.transport.close) if due else None


def server_config(app: FastAPI) -> uvicorn.Config:
    """Make uvicorn's configuration.

    Parameters
    ----------
    app : FastAPI
        As :func:`generify.web.app.create_app` makes it.

    Returns
    -------
    uvicorn.Config
        With the time limits of the application's settings.
    """
    settings: Settings = app.state.site.settings
    protocol = type("Protocol", (PatientProtocol,), {"header_timeout": settings.header_timeout})
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_level="warning",
        server_header=False,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_graceful_shutdown=max(1, round(settings.grace)),
    )


class _Server(uvicorn.Server):
    """Says when it can be reached."""

    def __init__(self, config: uvicorn.Config, on_ready: OnReady) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            self._on_ready(_address(sockets[0]))


def serve(settings: Settings, *, on_ready: OnReady = lambda _: None) -> None:
    """Serve the site until a signal stops it; songs that are being heard are finished first.

    Parameters
    ----------
    settings : Settings
        How.
    on_ready : callable
        Told the site's address once it can be reached.

    Raises
    ------
    GenerifyError
        When a model, the history, the folder for data or the port cannot be used.
    """
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it tells of each broken form
    bound = _bind(settings.host, settings.port)
    try:
        app = create_app(settings)
        app.state.site.open()  # here, not in the event loop: what is wrong is said plainly
    except OSError as err:
        raise ParameterError(
            f"the folder {settings.folder} cannot be used: {err.strerror or err}",
            hint="set GENERIFY_DATA_FOLDER to one that you may write to",
        ) from err
    with _stopping_in_order(), bound:
        _Server(server_config(app), on_ready).run(sockets=[bound])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_CONNECTIONS)
    except (OSError, UnicodeError) as err:
        # Python adds to the reason what the message says already.
        reason = str(getattr(err, "strerror", None) or err).partition(" (while")[0]
        raise ParameterError(
            f"cannot listen on {host}, port {port}: {reason}",
            hint="choose another with --host or --port",
        ) from err


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _stopping_in_order() -> Iterator[None]:
    """Let a signal that has stopped the server be no error."""
    # uvicorn answers signals itself, and raises them anew once it is done.
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
