"""The web application: everything put together.

In it: :func:`create_app`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.routing import APIRoute

from generify import __version__
from generify.web import api, api_history, docs_page, pages, schemas
from generify.web.metrics import MetricsMiddleware
from generify.web.problems import add_handlers
from generify.web.security import Guard, Visitors, load_secret
from generify.web.settings import Settings
from generify.web.site import API, Site

__all__ = ["create_app"]

_DESCRIPTION = (
    "Names the genre of a song and says how sure it is. Errors are `application/problem+json`. "
    "Answers are kept for the visitor who asked, known by a cookie: keep it (curl: `-c jar -b "
    "jar`) to find them again."
)

_KEYS = {
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "password": {"type": "http", "scheme": "basic", "description": "the key as the password"},
}


def create_app(settings: Settings) -> FastAPI:
    """Make the application; its processes run while its lifespan does.

    Parameters
    ----------
    settings : Settings
        How it is served.

    Returns
    -------
    FastAPI
        An ASGI application; ``state.site`` is its :class:`~generify.web.site.Site`.

    Raises
    ------
    ModelError
        When a model cannot be used.
    ParameterError
        When two models have the same name.
    OSError
        When the folder for data cannot be used.
    """
    site = Site(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        site.open()
        try:
            yield
        finally:
            await site.close()

    app = FastAPI(
        title="Generify",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=_operation_name,
    )
    app.state.site, app.state.error_page = site, pages.error_page
    _add_routes(app, site)
    _add_middleware(app, site)
    add_handlers(app)
    return app


def _operation_name(route: APIRoute) -> str:
    return route.name


def _add_routes(app: FastAPI, site: Site) -> None:
    app.include_router(api.router)
    app.include_router(api_history.router)
    app.include_router(api.operations, prefix=API)
    app.include_router(api.operations, include_in_schema=False)
    docs_page.add_docs(app)
    pages.add_pages(app)
    app.openapi = partial(_describe, app.openapi, site)  # type: ignore[method-assign]


def _describe(describe: Callable[[], dict[str, Any]], site: Site) -> dict[str, Any]:
    """Complete the description of the API by what no route says."""
    described = deepcopy(describe())  # parts of it belong to the routes of every application
    components = described["components"]
    # Every route names it, none has it as its usual answer: the framework leaves it out.
    components["schemas"].setdefault("Problem", schemas.Problem.model_json_schema())
    _name_problems(described)
    form = described["paths"][f"{API}/predictions"]["post"]["requestBody"]["content"]
    form["multipart/form-data"]["schema"]["properties"]["model"]["enum"] = list(site.models.names)
    if site.settings.api_keys:
        components["securitySchemes"] = _KEYS
        described["security"] = [{name: []} for name in _KEYS]
    return described


def _name_problems(described: dict[str, Any]) -> None:
    """Put in place of the framework's own answer to a bad value the one that is given here."""
    for methods in described["paths"].values():
        for operation in methods.values():
            answers = operation["responses"]
            if "HTTPValidationError" in str(answers.get("422")):
                answers["422"] = api.describe_problems(422)[422]
    for name in ("HTTPValidationError", "ValidationError"):
        described["components"]["schemas"].pop(name, None)


def _add_middleware(app: FastAPI, site: Site) -> None:
    """Add what surrounds the routes; the last that is added is the first to be asked."""
    settings = site.settings
    app.add_middleware(MetricsMiddleware, metrics=site.metrics)
    visitors = Visitors(load_secret(settings))
    app.add_middleware(Guard, settings=settings, visitors=visitors)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Prefer", "X-API-Key"],
            expose_headers=["Location", "Retry-After"],
        )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(settings.allowed_hosts))
