"""What went wrong, for the visitor: one sentence and a hint, as ``application/problem+json``.

The format is RFC 9457. Each kind of problem has a code, which is the end of its ``type``, a status
and a title; what is particular to the case is its ``detail``.

In it: :class:`Problem`, :class:`ProblemError`, :func:`problem`, :func:`problem_response`,
:func:`add_handlers`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from generify.errors import GenerifyError, HistoryError

__all__ = [
    "PROBLEM_TYPE",
    "Problem",
    "ProblemError",
    "add_handlers",
    "explain",
    "problem",
    "problem_response",
]

PROBLEM_TYPE = "application/problem+json"
_log = logging.getLogger("generify.web")

KINDS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "bad-request": (400, "The request cannot be understood"),
        "bad-upload": (400, "The upload cannot be understood"),
        "key-needed": (401, "A key is needed"),
        "foreign-origin": (403, "Not from this site"),
        "not-found": (404, "There is nothing here"),
        "method-not-allowed": (405, "That cannot be done here"),
        "too-slow": (408, "The upload was too slow"),
        "too-large": (413, "The song is too large"),
        "too-long": (413, "The song is too long"),
        "wrong-content-type": (415, "That is no form"),
        "invalid-request": (422, "A value cannot be used"),
        "unknown-model": (422, "There is no such model"),
        "not-audio": (422, "The song cannot be heard"),
        "took-too-long": (422, "The song took too long"),
        "too-much-memory": (422, "The song needs too much memory"),
        "busy": (429, "Too many songs at once"),
        "internal": (500, "Something went wrong"),
        "worker-died": (503, "The song was lost"),
        "closing": (503, "The server is closing"),
        "history-failed": (503, "The history cannot be used"),
    }
)
"""Code → status and title."""


@dataclass(frozen=True)
class Problem:
    """Something that went wrong, as a value.

    Attributes
    ----------
    status : int
        HTTP status.
    code : str
        Which kind.
    title : str
        The kind in a few words, always the same.
    detail : str
        What happened, one sentence.
    hint : str
        What to do next; empty when the detail says it all.
    headers : mapping of str to str
        To be sent along.
    errors : tuple of mappings
        What is wrong with which value of the request.
    why : str
        Of a song: the detail without its name and without what the decoders said, for a person who
        sees which song it is about.
    """

    status: int
    code: str
    title: str
    detail: str
    hint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[Mapping[str, str]] = ()
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the problem as plain values.

        Returns
        -------
        dict
            As RFC 9457 wants it, ``hint``, and ``why`` and ``errors`` where there are any.
        """
        result: dict[str, Any] = {
            "type": f"urn:generify:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
        }
        more = {"why": self.why, "errors": list(self.errors)}
        return result | {name: value for name, value in more.items() if value}


class ProblemError(Exception):
    """A problem on its way to the visitor.

    Parameters
    ----------
    problem : Problem
        The problem.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def problem(
    code: str, detail: str, *, hint: str = "", headers: Mapping[str, str] | None = None
) -> Problem:
    """Make a problem of a known kind.

    Parameters
    ----------
    code : str
        A key of :data:`KINDS`.
    detail : str
        What happened.
    hint : str
        What to do next.
    headers : mapping of str to str, optional
        To be sent along.

    Returns
    -------
    Problem
        With the status and title of its kind.

    Examples
    --------
    >>> problem("too-large", "it has 3 GB").status
    413
    """
    status, title = KINDS[code]
    return Problem(status, code, title, detail, hint, dict(headers or {}))


def problem_response(request: Request, found: Problem) -> Response:
    """Answer with a problem: a page where pages are, else JSON.

    Parameters
    ----------
    request : Request
        What was asked.
    found : Problem
        What to say.

    Returns
    -------
    Response
        Of the problem's status.
    """
    if _gets_page(request):
        response: Response = request.app.state.error_page(request, found)
        response.headers.update(found.headers)
        return response
    return JSONResponse(
        found.to_dict(), found.status, headers=dict(found.headers), media_type=PROBLEM_TYPE
    )


def _gets_page(request: Request) -> bool:
    if not hasattr(request.app.state, "error_page") or request.url.path.startswith("/api/"):
        return False
    return "text/html" in request.headers.get("accept", "")


def explain(error: Exception) -> Problem:
    """Turn whatever was raised into a problem.

    Parameters
    ----------
    error : Exception
        What was raised.

    Returns
    -------
    Problem
        ``internal`` for what nobody foresaw; its cause is for the log only.
    """
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _of_status(error)
    if isinstance(error, HistoryError):
        _log.error("history: %s", error)
        return problem("history-failed", "the history cannot be reached", hint="try again later")
    _log.error("a request failed", exc_info=error)
    hint = "" if isinstance(error, GenerifyError) else "try again; the log of the server says why"
    return problem("internal", "the server made a mistake", hint=hint)


def _invalid(error: RequestValidationError) -> Problem:
    found = [
        {"location": ".".join(map(str, e["loc"])), "message": str(e["msg"])} for e in error.errors()
    ]
    detail = "; ".join(f"{e['location']}: {e['message']}" for e in found[:3])
    status, title = KINDS["invalid-request"]
    return Problem(status, "invalid-request", title, detail, errors=tuple(found))


_OF_STATUS = {404: "not-found", 405: "method-not-allowed"}
_SAYING = {404: "there is no such page", 405: "this address does not take that method"}


def _of_status(error: HTTPException) -> Problem:
    code = _OF_STATUS.get(error.status_code, "bad-request")
    detail = _SAYING.get(error.status_code, str(error.detail))
    title = KINDS[code][1]
    headers = dict(error.headers or {})
    return Problem(error.status_code, code, title, detail, headers=headers)


def add_handlers(app: FastAPI) -> None:
    """Let an application answer errors with problems.

    Parameters
    ----------
    app : FastAPI
        The application.
    """
    for kind in (ProblemError, RequestValidationError, HTTPException, GenerifyError):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    found = explain(error)
    if found.status == 405:
        found = replace(found, headers={"Allow": _allowed(request)})
    if isinstance(error, (RequestValidationError, HTTPException)) and not _gets_page(request):
        found = replace(found, hint="see /docs")  # which is for programs, not for people
    return problem_response(request, found)


def _allowed(request: Request) -> str:
    """List the methods of an address; the framework knows but those of its first route."""
    path = getattr(request.scope.get("route"), "path", "")
    methods = request.app.openapi()["paths"].get(path, {"get": {}})
    return ", ".join(sorted(method.upper() for method in methods))
