"""A local web server that errs on demand, for the tests of downloads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """One address: what it gives, and what goes wrong. The lists are used up, an item a request."""

    data: bytes
    tag: str | None = '"one"'
    date: str | None = None
    content_type: str = "application/octet-stream"
    ranges: bool = True
    wrong_start: bool = False
    """Whether the rest begins elsewhere than was asked for."""
    encoding: str | None = None
    claims: int | None = None
    """Content-Length of a whole answer, in place of the true one."""
    tells_length: bool = True
    statuses: list[int] = field(default_factory=list)
    retry_after: str | None = None
    redirect: str | None = None
    cuts: list[int] = field(default_factory=list)
    """After so many bytes the connection is closed."""
    stalls: list[int] = field(default_factory=list)
    """After so many bytes nothing more comes, and the connection stays open."""
    n_sent: int = 0
    """Bytes of content sent so far, over all requests."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The headers of each request."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.places: dict[str, Served] = {}
        self.ends = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up all the time here."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        served = self.server.places.get(self.path)
        if served is None:
            self.send_error(404)
            return
        served.asked.append(dict(self.headers.items()))
        if served.redirect:
            self.send_response(302)
            self.send_header("Location", served.redirect)
            self.end_headers()
        elif served.statuses:
            self.send_response(served.statuses.pop(0))
            if served.retry_after:
                self.send_header("Retry-After", served.retry_after)
            self.end_headers()
        else:
            self._give(served)

    def _give(self, served: Served) -> None:
        start = self._start(served)
        size = len(served.data)
        if start is not None and served.wrong_start:
            start //= 2
        if start is not None and start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.end_headers()
            return
        body = served.data[start or 0 :]
        self.send_response(200 if start is None else 206)
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if served.tells_length:
            claimed = served.claims if start is None and served.claims is not None else len(body)
            self.send_header("Content-Length", str(claimed))
        for name, value in (
            ("ETag", served.tag),
            ("Last-Modified", served.date),
            ("Content-Type", served.content_type),
            ("Content-Encoding", served.encoding),
        ):
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self._send(served, body)

    def _start(self, served: Served) -> int | None:
        """Give the first byte asked for; None for the whole file."""
        asked = self.headers.get("Range")
        condition = self.headers.get("If-Range")
        same = condition is None or condition in (served.tag, served.date)
        if asked is None or not served.ranges or not same:
            return None
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _send(self, served: Served, body: bytes) -> None:
        stall = served.stalls.pop(0) if served.stalls else None
        cut = served.cuts.pop(0) if served.cuts else None
        part = body[: stall if stall is not None else cut]
        served.n_sent += len(part)  # before the client can be through with it
        try:
            self.wfile.write(part)
            self.wfile.flush()
        except OSError:
            served.n_sent -= len(part)
            raise
        if stall is not None:
            self.server.ends.wait()


class FaultyServer:
    """The server's address, and what it serves."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_port}"

    def serve(self, path: str, served: Served) -> str:
        """Serve something, and give its address."""
        self._server.places[path] = served
        return f"{self.url}{path}"


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """Run a server in threads of this process."""
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield FaultyServer(server)
    finally:
        server.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()
