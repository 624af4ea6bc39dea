"""Who may ask, and what a browser may do with the answer.

Every answer carries headers that forbid scripts and styles that are not the site's own, framing and
guessing of types. A request that changes something must come from this site or one that the owner
named. Where the owner set keys, all but ``/healthz`` needs one; a browser asks for it by itself,
as a password. A visitor is known by a signed cookie with a random name in it, nothing else.

In it: :class:`Guard`, the middleware around everything; :class:`Visitors`; :func:`visitor_of`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from fastapi import Request
from itsdangerous import BadSignature, TimestampSigner
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from generify.web.problems import Problem, explain, problem, problem_response
from generify.web.settings import Settings

__all__ = ["COOKIE", "SHARED", "Guard", "Visitors", "load_secret", "visitor_of"]

COOKIE = "generify_visitor"
SHARED = "shared"
"""The visitor that everybody is where the history is shared."""

_YEAR = 365 * 24 * 3600
_NAME_BYTES = 16
_NAME = re.compile(r"[0-9a-f]{32}")
_OPEN = frozenset({"/healthz", "/api/v1/healthz"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SECRET_FILE = "secret"
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
_HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "microphone=(self), camera=(), geolocation=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


def load_secret(settings: Settings) -> str:
    """Find the key that signs cookies, or make one that the next start finds.

    Parameters
    ----------
    settings : Settings
        The settings.

    Returns
    -------
    str
        The key.

    Raises
    ------
    OSError
        When it cannot be read or kept.
    """
    if settings.secret_key:
        return settings.secret_key
    file = settings.folder / _SECRET_FILE
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32))
    return file.read_text(encoding="ascii").strip()


class Visitors:
    """Knows visitors again by a signed cookie.

    Parameters
    ----------
    secret : str
        Signs the cookies.
    """

    def __init__(self, secret: str) -> None:
        self._signer = TimestampSigner(secret, salt="generify.visitor")

    def read(self, cookies: str) -> str | None:
        """Find out who comes.

        Parameters
        ----------
        cookies : str
            The header of the request.

        Returns
        -------
        str or None
            The visitor's name; None for a new one and for a cookie that was tampered with.
        """
        try:
            morsel = SimpleCookie(cookies).get(COOKIE)
            raw = self._signer.unsign(morsel.value, max_age=_YEAR) if morsel else b""
        except (BadSignature, CookieError):
            return None
        name = raw.decode("ascii", "replace")
        return name if _NAME.fullmatch(name) else None

    def cookie(self, visitor: str, *, secure: bool) -> str:
        """Write the cookie of a visitor.

        Parameters
        ----------
        visitor : str
            The visitor's name.
        secure : bool
            Whether it may travel over HTTPS only.

        Returns
        -------
        str
            Value of a ``Set-Cookie`` header.
        """
        value = self._signer.sign(visitor).decode("ascii")
        line = f"{COOKIE}={value}; Max-Age={_YEAR}; Path=/; HttpOnly; SameSite=Lax"
        return line + ("; Secure" if secure else "")


def visitor_of(request: Request, *, begin: bool = False) -> str | None:
    """Say whose history a request is about.

    Parameters
    ----------
    request : Request
        What was asked.
    begin : bool
        Whether a visitor who is not known yet gets a cookie with the answer.

    Returns
    -------
    str or None
        The visitor; None for one who is not known.
    """
    state = request.scope["state"]
    known: str | None = state.get("visitor")
    if known is None and begin:
        known = state["visitor"] = secrets.token_hex(_NAME_BYTES)
        state["new_visitor"] = True
    return known


class Guard:
    """The middleware around the whole application.

    Parameters
    ----------
    app : ASGI application
        What it guards.
    settings : Settings
        The settings.
    visitors : Visitors
        Knows the cookies.
    """

    def __init__(self, app: ASGIApp, settings: Settings, visitors: Visitors) -> None:
        self._app, self._settings, self._visitors = app, settings, visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, pass it on and dress the answer.

        Parameters
        ----------
        scope, receive, send
            As ASGI has them.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        self._recognise(request)
        began = False

        async def dressed(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                self._dress(request, MutableHeaders(scope=message))
            await send(message)

        refused = self._refuse(request)
        if refused is not None:
            await problem_response(request, refused)(scope, receive, dressed)
            return
        try:
            await self._app(scope, receive, dressed)
        except Exception as err:
            if began:
                raise
            await problem_response(request, explain(err))(scope, receive, dressed)

    def _recognise(self, request: Request) -> None:
        state = request.scope.setdefault("state", {})
        if self._settings.history == SHARED:
            state["visitor"] = SHARED
            return
        cookies = request.headers.get("cookie")
        state["visitor"] = self._visitors.read(cookies) if cookies else None
        key = _script_key(request.headers)
        if state["visitor"] is None and key in self._settings.api_keys:
            # A script that has a key needs no cookie to find its answers again.
            state["visitor"] = hashlib.blake2b(key.encode(), digest_size=_NAME_BYTES).hexdigest()

    def _refuse(self, request: Request) -> Problem | None:
        keys = self._settings.api_keys
        if keys and request.url.path not in _OPEN and not _has_key(request.headers, keys):
            return problem(
                "key-needed",
                "this site asks for a key",
                hint="send it as X-API-Key, or as a password",
                headers={"WWW-Authenticate": 'Basic realm="Generify", charset="UTF-8"'},
            )
        origin = request.headers.get("origin")
        if request.method in _READING or origin is None or self._may_come_from(request, origin):
            return None
        return problem(
            "foreign-origin",
            "a page of another site may not change anything here",
            hint="the owner can allow it by the setting cors_origins",
        )

    def _may_come_from(self, request: Request, origin: str) -> bool:
        host = request.headers.get("host")
        own = host is not None and urlsplit(origin).netloc == host
        return own or origin in self._settings.cors_origins

    def _dress(self, request: Request, headers: MutableHeaders) -> None:
        for name, value in _HEADERS:
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        state = request.scope["state"]
        if headers.get("content-type", "").startswith("text/html"):
            visitor_of(request, begin=True)
        if state.get("new_visitor"):
            secure = request.url.scheme == "https"
            headers.append("Set-Cookie", self._visitors.cookie(state["visitor"], secure=secure))


def _script_key(headers: Headers) -> str:
    kind, _, value = headers.get("authorization", "").partition(" ")
    return headers.get("x-api-key") or (value.strip() if kind.lower() == "bearer" else "")


def _password(headers: Headers) -> str:
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _has_key(headers: Headers, keys: Iterable[str]) -> bool:
    given = (_script_key(headers) or _password(headers)).encode("utf-8", "surrogateescape")
    # All are compared, and in constant time: how long it takes tells nothing.
    return sum(hmac.compare_digest(given, key.encode()) for key in keys) > 0
