"""The site's HTML pages: what a person with a browser sees.

Conventions: a page is rendered from a template with everything escaped; it holds no inline script
and no inline style, so that the strictest content security policy fits. Scripts and style come from
``static``, with the version in their address, so that browsers may keep them. A genre has one of
ten hues, by its place in its model's card, here and in the scripts alike.

In it: :func:`add_pages`, :func:`error_page`, :func:`render_page`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.routing import Match
from starlette.types import Scope

import generify
from generify.model import ModelCard
from generify.percent import format_unbroken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from generify.web.problems import Problem

__all__ = ["add_pages", "error_page", "render_page", "router"]

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_HERE = Path(__file__).parent
_STATIC = _HERE / "static"
_N_HUES = 10
_N_BARS = 48
_RAINBOW = (
    *("#ff6474", "#ff9548", "#f7c83f", "#acd943", "#44d184"),
    *("#2fcfc4", "#4bb8ff", "#8894ff", "#ba84ff", "#ff74c7"),
)
_FIXED_PAGES = (("/history", "History"), ("/models", "Models"), ("/about", "About"))
# What the site's other addresses begin with: no model's page can have one of these names.
_TAKEN = frozenset(
    {"about", "api", "docs", "favicon.ico", "healthz", "history", "metrics", "models", "static"}
)
_FIGURE_NAMES = {
    "confusion": "confusion matrix",
    "roc": "ROC curves",
    "scores": "scores of each genre",
}
_HEAT_STEPS = (0.0, 0.05, 0.15, 0.3, 0.6)  # shares of a row from which a cell is darker
_COUNTED = {1: "One", 2: "Two", 3: "Three", 4: "Four", 5: "Five"}


@dataclass(frozen=True)
class _ModelPage:
    """The page on which a model is asked."""

    path: str
    title: str
    lead: str
    card: ModelCard


_TITLES = {"western": "Western music", "indian": "Indian music"}
_LEADS = {
    "western": "Ten genres, from blues to rock. Drop a song, choose one, or hold the microphone "
    "to the radio.",
    "indian": "Bollypop, carnatic, ghazal, semiclassical or sufi: drop a song, choose one, or "
    "record what is playing.",
}


def _model_page(card: ModelCard) -> _ModelPage:
    """Give a model its page: ``/NAME``, or ``/models/NAME`` where that address is taken."""
    free = "/" not in card.name and card.name not in _TAKEN
    return _ModelPage(
        path=("/" if free else "/models/") + quote(card.name),
        title=_TITLES.get(card.name, _label(card.name)),
        lead=_LEADS.get(card.name, f"{len(card.genres)} genres. Drop a song, choose or record it."),
        card=card,
    )


def _label(name: str) -> str:
    return name[:1].upper() + name[1:]


def _sentence(text: str) -> str:
    return _label(text) + ("" if text.endswith((".", "!", "?")) else ".")


def _anchor(name: str) -> str:
    return "model-" + re.sub(r"[^A-Za-z0-9]+", "-", name)


def _prose(text: str) -> str:
    """Leave out what only somebody with the source tree can use: commands in backticks."""
    return re.sub(r"\s*\(`[^`]*`\)", "", text)


def _hue_number(card: ModelCard, genre: str) -> int:
    place, n_genres = card.genres.index(genre), len(card.genres)
    return place * _N_HUES // n_genres if n_genres < _N_HUES else place % _N_HUES


def _hue(card: ModelCard, genre: str) -> str:
    return f"hue-{_hue_number(card, genre)}" if genre in card.genres else "hue-none"


def _heat(count: int, row: Sequence[int]) -> str:
    share = count / (sum(row) or 1)
    return f"heat-{sum(share > step for step in _HEAT_STEPS)}"


def _points(curve: Mapping[str, Sequence[float]]) -> str:
    """Give a ROC curve as the points of a drawing 100 wide and high."""
    pairs = zip(curve["false_positive_rate"], curve["true_positive_rate"], strict=True)
    return " ".join(f"{100 * right:.4g},{100 - 100 * up:.4g}" for right, up in pairs)


def _size(n_bytes: float) -> str:
    megabytes = n_bytes / 1e6
    return f"{megabytes / 1000:g} GB" if megabytes >= 1000 else f"{megabytes:g} MB"


def _length(seconds: float) -> str:
    if seconds >= 7200:
        return f"{seconds / 3600:g} hours"
    return f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"


def _bar_heights() -> tuple[float, ...]:
    """Draw a still picture of music: three humps under a ripple, the same on every visit."""
    humps = ((6, 5, 62), (19, 7, 86), (37, 6, 58))  # centre, width, height
    heights = []
    for bar in range(_N_BARS):
        hill = sum(high * math.exp(-(((bar - centre) / wide) ** 2)) for centre, wide, high in humps)
        heights.append(round(hill * (0.72 + 0.28 * math.sin(bar * 2.4)) + 7, 1))
    return tuple(heights)


@lru_cache(maxsize=64)
def _static_address(name: str) -> str:
    """Name a static file so that a changed file has another address."""
    digest = hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?{digest}"


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "anchor": _anchor,
        "counted": lambda number: _COUNTED.get(number, str(number)),
        "label": _label,
        "percent": format_unbroken,
        "points": _points,
        "prose": _prose,
        "sentence": _sentence,
    }
    environment.globals |= {
        "bar_heights": _bar_heights(),
        "figure_names": _FIGURE_NAMES,
        "heat": _heat,
        "hue": _hue,
        "rainbow": _RAINBOW,
        "static": _static_address,
        "version": generify.__version__,
    }
    return environment


def render_page(
    request: Request, template: str, values: Mapping[str, Any], *, status: int = 200
) -> HTMLResponse:
    """Render a template of the site, with what every page needs.

    Parameters
    ----------
    request : Request
        Its app's ``state.site`` knows the models and settings.
    template : str
        Name below ``templates``; it should extend ``base.html``.
    values : mapping
        What the template itself needs.
    status : int
        HTTP status of the answer.

    Returns
    -------
    HTMLResponse
        The page.
    """
    site = request.app.state.site
    cards = [site.models.card(name) for name in site.models.names]
    model_pages = [_model_page(card) for card in cards]
    hues = {card.name: {g: _hue_number(card, g) for g in card.genres} for card in cards}
    everywhere = {
        "here": quote(request.scope["path"]),
        "history": site.settings.history,
        "max_length": _length(site.settings.max_seconds),
        "max_size": _size(site.settings.max_upload_bytes),
        "model_pages": model_pages,
        "models": cards,
        "models_json": json.dumps(hues),
        "navigation": [*((p.path, _label(p.card.name)) for p in model_pages), *_FIXED_PAGES],
    }
    page = _templates().get_template(template).render(everywhere | dict(values))
    return HTMLResponse(page, status_code=status, headers={"Cache-Control": "no-cache"})


@router.get("/")
def _home(request: Request) -> HTMLResponse:
    return render_page(request, "home.html", {})


@router.get("/history")
def _history(request: Request) -> HTMLResponse:
    return render_page(request, "history.html", {})


@router.get("/models")
def _models(request: Request) -> HTMLResponse:
    models = request.app.state.site.models
    figures = {name: models.figures(name) for name in models.names}
    return render_page(request, "models.html", {"figures": figures})


@router.get("/about")
def _about(request: Request) -> HTMLResponse:
    return render_page(request, "about.html", {})


@router.get("/favicon.ico")
def _favicon() -> Response:
    return RedirectResponse(_static_address("mark.svg"), status_code=301)


class _ModelRoute(APIRoute):
    """An address that ends with a model's name; with any other it is none of this site's."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        name = found.get("path_params", {}).get("name")
        return (match, found) if name in scope["app"].state.site.models.names else (Match.NONE, {})


def _model(request: Request, name: str) -> Response:
    shown = _model_page(request.app.state.site.models.card(name))
    if quote(request.scope["path"]) != shown.path:
        return RedirectResponse(shown.path)
    return render_page(request, "model.html", {"shown": shown})


# After all others: a model may be called as it likes.
for _path in ("/models/{name:path}", "/{name}"):
    router.add_api_route(_path, _model, methods=["GET"], route_class_override=_ModelRoute)


def error_page(request: Request, problem: Problem) -> Response:
    """Show a person what went wrong.

    Parameters
    ----------
    request : Request
        What was asked.
    problem : Problem
        What went wrong.

    Returns
    -------
    Response
        A page with the problem's status.
    """
    return render_page(request, "error.html", {"problem": problem}, status=problem.status)


class _StaticFiles(StaticFiles):
    """What is asked for by its digest never changes; all else is asked for again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        for_ever = bool(scope.get("query_string")) and response.status_code in (200, 304)
        kept = "public, max-age=31536000, immutable" if for_ever else "no-cache"
        response.headers["Cache-Control"] = kept
        return response


def add_pages(app: FastAPI) -> None:
    """Give an app the site's pages and static files.

    Parameters
    ----------
    app : FastAPI
        Its ``state.site`` must be there when the first page is asked for.
    """
    app.mount("/static", _StaticFiles(directory=_STATIC), name="static")
    app.include_router(router)
