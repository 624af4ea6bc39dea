"""A site for tests: served by uvicorn on a free port, with one worker and small limits."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
import uvicorn

from conftest import RATE, chord
from generify.web.app import create_app
from generify.web.server import server_config
from generify.web.settings import Settings
from generify.web.site import Site

PREDICTIONS = "/api/v1/predictions"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class RunningSite:
    """A site that can be asked."""

    url: str
    site: Site
    folder: Path

    def visitor(self, **options: Any) -> httpx.Client:
        """Give a browser of its own: cookies are kept."""
        return httpx.Client(base_url=self.url, timeout=60, **options)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def left_uploads(self) -> list[str]:
        """Name what lies among the uploads beside the server's lock."""
        found = (self.folder / "uploads").rglob("*")
        return [f.name for f in found if f.is_file() and f.name != "lock"]

    def settle(self) -> None:
        """Wait until nothing is waiting, being heard or arriving."""
        deadline = time.monotonic() + 60
        while (self.site.pool.n_open or self.site.n_uploads) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not self.site.pool.n_open
        assert not self.site.n_uploads


def small_settings(folder: Path, **changes: Any) -> Settings:
    """Give settings with small limits."""
    limits: dict[str, Any] = {
        "n_workers": 1,
        "max_upload_bytes": 2_000_000,
        "max_seconds": 60.0,
        "patience": 60.0,  # a busy machine is no reason for a job
        "long_seconds": 20.0,
        "long_timeline_seconds": 5.0,
    }
    return Settings(data_folder=str(folder), **limits | changes)


@contextmanager
def running_site(folder: Path, **changes: Any) -> Iterator[RunningSite]:
    """Serve a site while the block runs."""
    app = create_app(small_settings(folder, **changes))
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(server_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        port = bound.getsockname()[1]
        yield RunningSite(f"http://127.0.0.1:{port}", app.state.site, folder)
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


def make_song(seconds: float = 3.0, *, seed: int = 1, kind: str = "WAV") -> bytes:
    """Give a song's file: a chord."""
    content = io.BytesIO()
    samples = chord(np.random.default_rng(seed), seconds)
    soundfile.write(content, samples, RATE, format=kind)
    return content.getvalue()


def send(
    client: httpx.Client, song: bytes, name: str = "song.wav", **fields: str
) -> httpx.Response:
    """Ask about a song."""
    return client.post(PREDICTIONS, files={"file": (name, song)}, data=fields)


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a problem of this kind, and give it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:generify:{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem
