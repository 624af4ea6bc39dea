"""What the server counts, for Prometheus.

In it: :class:`Metrics`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Metrics", "MetricsMiddleware"]

_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_NO_ROUTE = "none"


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(
            "generify_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "generify_request_seconds",
            "Time to answer a request.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.songs = Counter(
            "generify_songs",
            "Songs that were sent, by what came of them.",
            ["outcome"],
            registry=registry,
        )
        self.song_seconds = Histogram(
            "generify_song_seconds",
            "Time from a song's arrival to its answer.",
            ["model"],
            buckets=_SECONDS,
            registry=registry,
        )

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a number that is looked up when it is asked for.

        Parameters
        ----------
        name, meaning : str
            Name, and what it counts.
        value : callable
            Gives the number.
        """
        Gauge(name, meaning, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Write all that was counted.

        Returns
        -------
        bytes
            In the text format of Prometheus.
        """
        return generate_latest(self._registry)


class MetricsMiddleware:
    """Counts the requests.

    Parameters
    ----------
    app : ASGI application
        What is counted.
    metrics : Metrics
        The counters.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it.

        Parameters
        ----------
        scope, receive, send
            As ASGI has them.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._count(scope, status, time.monotonic() - begun)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # By route, not by path: a path may hold anything, and each would be a counter of its own.
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        method = scope["method"] if route != _NO_ROUTE else "any"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.request_seconds.labels(method, route).observe(seconds)
