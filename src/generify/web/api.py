"""The REST API: songs in, genres out.

In it: :data:`router` (all below ``/api/v1``) and :data:`operations` (health and counters, also at
the root). The history's routes are in :mod:`generify.web.api_history`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.sse import format_sse_event
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect

from generify import __version__
from generify.model import ModelCard
from generify.web import schemas
from generify.web.figures import FORMATS, Figures
from generify.web.jobs import Job
from generify.web.problems import PROBLEM_TYPE, ProblemError, problem
from generify.web.security import visitor_of
from generify.web.site import API, Site, site_of
from generify.web.uploads import Upload, receive_upload

__all__ = ["A_DAY", "describe_problems", "operations", "router"]

_HEARTBEAT = 15.0
_BETWEEN_EVENTS = 0.2
A_DAY = {"Cache-Control": "private, max-age=86400"}
"""Headers of a picture that a browser may keep."""


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "the song"},
                        "model": {
                            "type": "string",
                            "description": "name of a model; the first by default",
                            "examples": ["western"],
                        },
                        "timeline": {
                            "type": "boolean",
                            "default": False,
                            "description": "the genre over time, waveform and spectrogram too",
                        },
                    },
                }
            }
        },
    }
}


def describe_problems(
    *statuses: int, meanings: Mapping[int, str] = MappingProxyType({})
) -> dict[int | str, dict[str, Any]]:
    """Document the problems that a route may answer with.

    Parameters
    ----------
    *statuses : int
        Their statuses, beside those of every route.
    meanings : mapping of int to str
        What some of them mean here, where that is not the usual.

    Returns
    -------
    dict
        For the route's ``responses``.
    """
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": meanings.get(status, _MEANING[status]), "content": content}
        for status in (401, 500, *statuses)
    }


_MEANING = {
    400: "the form cannot be read",
    401: "a key is needed",
    403: "a page of another site asks",
    404: "there is no such thing, or it is somebody else's",
    408: "the upload was too slow",
    413: "the song is too large or too long",
    415: "the body is no form",
    422: "a value cannot be used",
    429: "too many songs at once; Retry-After says when to come back",
    500: "the server made a mistake",
    503: "the history cannot be used",
}
_MEANING_FOR_SONGS = {
    422: "the song cannot be heard, or a value cannot be used",
    503: "the song was lost with its worker, or the server is closing",
}

router = APIRouter(prefix=API)
operations = APIRouter(tags=["operations"])
_JobId = Annotated[str, Path(description="the job's `id`")]
_ModelName = Annotated[str, Path(description="the model's name")]
_FigureFile = Annotated[
    str, Path(description="one of the model's `figures`, and `.svg` or `.png`: `confusion.svg`")
]
_LOCATION = {"Location": {"description": "where it is", "schema": {"type": "string"}}}


@router.post(
    "/predictions",
    name="predict",
    tags=["predictions"],
    status_code=201,
    response_class=JSONResponse,
    openapi_extra=_FORM,
    responses={
        201: {"model": schemas.Prediction, "headers": _LOCATION},
        202: {
            "model": schemas.Job,
            "headers": _LOCATION,
            "description": "the song is long or has to wait: a job",
        },
        **describe_problems(400, 403, 408, 413, 415, 422, 429, 503, meanings=_MEANING_FOR_SONGS),
    },
)
async def _predict(
    request: Request,
    prefer: Annotated[
        str | None, Header(description="`respond-async`: a job, however short the song")
    ] = None,
) -> Response:
    """Name the genre of a song."""
    site = site_of(request)
    site.check_room()
    visitor = visitor_of(request, begin=True)
    assert visitor is not None
    upload = await _receive(request, site)
    job = site.begin(upload, visitor)
    if not _asks_for_job(prefer):
        await site.wait(job)
    if job.ended is None or _asks_for_job(prefer):
        return JSONResponse(show_job(site, job), 202, headers={"Location": _job_path(job)})
    site.jobs.drop(job)
    if job.prediction is None:
        assert job.problem is not None
        raise ProblemError(job.problem)
    return _created(job.prediction)


def _asks_for_job(prefer: str | None) -> bool:
    return "respond-async" in (prefer or "")


async def _receive(request: Request, site: Site) -> Upload:
    site.n_uploads += 1
    try:
        return await receive_upload(request, site.uploads, site.settings)
    except ClientDisconnect as err:
        site.metrics.songs.labels("hung-up").inc()
        raise ProblemError(problem("bad-upload", "the client hung up")) from err
    except ProblemError as err:
        site.metrics.songs.labels(err.problem.code).inc()
        raise
    finally:
        site.n_uploads -= 1


def _created(prediction: dict[str, Any]) -> Response:
    own = prediction["links"].get("self")
    return JSONResponse(prediction, 201, headers={"Location": own} if own else None)


def _job_path(job: Job) -> str:
    return f"{API}/jobs/{job.id}"


def show_job(site: Site, job: Job) -> dict[str, Any]:
    """Make of a job what the API gives.

    Parameters
    ----------
    site : Site
        Where it runs.
    job : Job
        The job.

    Returns
    -------
    dict
        Plain values.
    """
    return {
        "id": job.id,
        "state": job.state,
        "progress": round(job.progress, 3),
        "position": site.jobs.position(job),
        "path": job.upload.name,
        "prediction": job.prediction,
        "problem": None if job.problem is None else job.problem.to_dict(),
        "links": {"self": _job_path(job), "events": f"{_job_path(job)}/events"},
    }


def _job_of(request: Request, name: str) -> Job:
    job = site_of(request).jobs.get(visitor_of(request), name)
    if job is None:
        raise ProblemError(
            problem("not-found", "there is no such job", hint="it may have ended long ago")
        )
    return job


@router.get(
    "/jobs/{id}",
    name="job",
    tags=["jobs"],
    response_class=JSONResponse,
    responses={200: {"model": schemas.Job}, **describe_problems(404)},
)
async def _job(request: Request, id: _JobId) -> Response:
    """Say how far a song is."""
    return JSONResponse(show_job(site_of(request), _job_of(request, id)))


@router.get(
    "/jobs/{id}/events",
    name="job_events",
    tags=["jobs"],
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "events `progress`, then `done` or `failed`; each holds the job",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **describe_problems(404),
    },
)
async def _job_events(request: Request, id: _JobId) -> Response:
    """Tell how far a song is, whenever that changes."""
    events = _events(site_of(request), _job_of(request, id))
    headers = {"X-Accel-Buffering": "no"}  # or nginx would wait for more of it
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(site: Site, job: Job) -> AsyncIterator[bytes]:
    while True:
        change = job.change()
        name = job.state if job.ended is not None else "progress"
        data = json.dumps(show_job(site, job), ensure_ascii=False)
        yield format_sse_event(data_str=data, event=name)
        if job.ended is not None:
            return
        while not await _happens(change):
            yield format_sse_event(comment="still here")
        await asyncio.sleep(_BETWEEN_EVENTS)


async def _happens(change: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(change.wait(), _HEARTBEAT)
    except TimeoutError:
        return False
    return True


@router.get(
    "/models",
    name="models",
    tags=["models"],
    response_model=schemas.ModelList,
    responses=describe_problems(),
)
async def _models(request: Request) -> Any:
    """List the models."""
    site = site_of(request)
    return {"items": [_show_model(site.models.card(name)) for name in site.models.names]}


@router.get(
    "/models/{name}",
    name="model",
    tags=["models"],
    response_model=schemas.Model,
    responses=describe_problems(404),
)
async def _model(request: Request, name: _ModelName) -> Any:
    """Show a model's card."""
    return _show_model(_card_of(request, name))


def _card_of(request: Request, name: str) -> ModelCard:
    known = site_of(request).models
    if name not in known.names:
        raise ProblemError(problem("not-found", "there is no such model", hint=known.hint))
    return known.card(name)


def _show_model(card: ModelCard) -> dict[str, Any]:
    own = f"{API}/models/{card.name}"
    figures = Figures.names(card)
    same = ("name", "version", "classifier", "dataset", "temperature", "novelty_threshold",
            "licence", "attribution", "limits", "date")  # fmt: skip
    return {
        **{name: getattr(card, name) for name in same},
        "genres": list(card.genres),
        "features": str(card.extractor),
        "n_tracks": dict(card.n_tracks),
        "metrics": dict(card.metrics),
        "figures": list(figures),
        "links": {"self": own, "figures": {f: f"{own}/figures/{f}.svg" for f in figures}},
    }


@router.get(
    "/models/{name}/figures/{figure}",
    name="figure",
    tags=["models"],
    response_class=Response,
    responses={
        200: {
            "description": "the figure",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in FORMATS.values()
            },
        },
        **describe_problems(404),
    },
)
def _figure(request: Request, name: _ModelName, figure: _FigureFile) -> Response:
    """Draw a figure of a model's card: `confusion.svg`, `confusion.png`."""
    card = _card_of(request, name)
    drawn, _, ending = figure.rpartition(".")
    site = site_of(request)
    if ending not in FORMATS or drawn not in site.figures.names(card):
        there = ", ".join(site.figures.names(card)) or "none"
        raise ProblemError(
            problem("not-found", f"there is no such figure; there are {there}, as .svg or .png")
        )
    content = site.figures.draw(card, drawn, ending)
    return Response(content, media_type=FORMATS[ending], headers=A_DAY)


@operations.get(
    "/healthz",
    name="healthz",
    response_model=schemas.Health,
    responses=describe_problems(),
    openapi_extra={"security": []},  # open to all, also where a key is needed elsewhere
)
async def _healthz(request: Request) -> Any:
    """Say that the server lives."""
    pool = site_of(request).pool
    return {
        "status": "ok",
        "version": __version__,
        "workers": pool.n_workers,
        "queued": pool.n_queued,
    }


@operations.get(
    "/metrics",
    name="metrics",
    response_class=PlainTextResponse,
    responses={
        200: {
            "description": "in the text format of Prometheus",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **describe_problems(),
    },
)
async def _metrics(request: Request) -> Response:
    """Give the counters, for Prometheus."""
    return Response(site_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
