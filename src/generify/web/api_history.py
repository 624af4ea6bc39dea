"""The REST API's history: what a visitor asked before.

In it: :data:`router`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from generify.history import HistoryFilter
from generify.history.writing import stored_path
from generify.web import schemas
from generify.web.api import A_DAY, describe_problems
from generify.web.archive import Archive, Kept
from generify.web.problems import ProblemError, problem
from generify.web.security import visitor_of
from generify.web.site import API, site_of

__all__ = ["router"]


def _refuse_repeated(request: Request) -> None:
    """Refuse a parameter that is there twice: of which value it meant, nobody could be sure."""
    names = [name for name, _ in request.query_params.multi_items()]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ProblemError(problem("invalid-request", f"query.{repeated[0]}: is there twice"))


router = APIRouter(
    prefix=f"{API}/predictions", tags=["predictions"], dependencies=[Depends(_refuse_repeated)]
)

_AnswerId = Annotated[str, Path(description="the answer's `id`")]
_EXPORTS = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}
_CELLS = ("when", "path", "model", "model_version", "genre", "confidence", "unknown", "duration")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _mine(request: Request) -> tuple[Archive, str] | None:
    """Give the history and whose part of it is asked for; None where there is nothing."""
    archive, visitor = site_of(request).archive, visitor_of(request)
    return None if archive is None or visitor is None else (archive, visitor)


def _filter(query: schemas.FilterParameters) -> HistoryFilter:
    def text(given: str | None) -> str | None:
        return None if given is None else stored_path(given)  # no database takes a zero

    return HistoryFilter(
        name=text(query.name),
        genre=text(query.genre),
        model=text(query.model),
        unknown=query.unknown,
    )


@router.get(
    "",
    name="predictions",
    response_model=schemas.PredictionPage,
    response_model_exclude_unset=True,
    responses=describe_problems(422, 503),
)
def _predictions(request: Request, query: Annotated[schemas.PageParameters, Query()]) -> Any:
    """List what was asked before, the newest first."""
    mine, total = _mine(request), 0
    found: list[Kept] = []
    if mine is not None:
        archive, visitor = mine
        total, found = archive.search(
            visitor, _filter(query), limit=query.limit, offset=query.offset
        )
    return {
        "items": [site_of(request).show(kept) for kept in found],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
        "links": _page_links(query, total),
    }


def _page_links(query: schemas.PageParameters, total: int) -> dict[str, str | None]:
    def link(offset: int) -> str:
        asked = query.model_dump(exclude_none=True) | {"offset": offset}
        return f"{API}/predictions?{urlencode(asked)}"

    after, before = query.offset + query.limit, query.offset - query.limit
    return {
        "self": link(query.offset),
        "next": link(after) if after < total else None,
        "previous": link(max(0, before)) if query.offset > 0 else None,
    }


@router.get(
    "/export",
    name="export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "all that was asked for, the earliest first",
            "content": {kind: {"schema": {}} for kind in _EXPORTS.values()},
        },
        **describe_problems(422, 503),
    },
)
def _export(request: Request, query: Annotated[schemas.ExportParameters, Query()]) -> Response:
    """Download what was asked before."""
    mine = _mine(request)
    records: Iterable[dict[str, Any]] = ()
    if mine is not None:
        archive, visitor = mine
        kept = archive.export(visitor, _filter(query))
        records = (_exported(answer) for answer in kept)
    write = {"json": _as_json, "ndjson": _as_lines, "csv": _as_csv}[query.format]
    name = f"generify-history.{query.format}"
    return StreamingResponse(
        write(records),
        media_type=_EXPORTS[query.format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _exported(kept: Kept) -> dict[str, Any]:
    return {"id": kept.id, **kept.record}


def _as_json(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    between = "[\n"
    for record in records:
        yield between + json.dumps(record, ensure_ascii=False)
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


def _as_lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    return (json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _as_csv(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield _csv_line([*_CELLS, "styles"])
    for record in records:
        styles = " | ".join(f"{s['style']} {s['score']:.2f}" for s in record["styles"])
        yield _csv_line([*(record[name] for name in _CELLS), styles])


def _csv_line(cells: Iterable[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(_harmless(cell) for cell in cells)
    return buffer.getvalue()


def _harmless(cell: object) -> object:
    """Keep a spreadsheet from computing a song's name."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


@router.get(
    "/statistics",
    name="statistics",
    response_model=schemas.Statistics,
    responses=describe_problems(422, 503),
)
def _statistics(request: Request, query: Annotated[schemas.FilterParameters, Query()]) -> Any:
    """Count what was asked before, by model and genre."""
    mine = _mine(request)
    if mine is None:
        return {"n_songs": 0, "n_predictions": 0, "n_unknown": 0, "genres": []}
    archive, visitor = mine
    return archive.statistics(visitor, _filter(query))


@router.delete(
    "", name="remove_all", response_model=schemas.Removed, responses=describe_problems(403, 503)
)
def _remove_all(request: Request) -> Any:
    """Forget all that was asked before."""
    mine = _mine(request)
    return {"removed": mine[0].remove(mine[1]) if mine is not None else 0}


@router.get(
    "/{id}",
    name="prediction",
    response_model=schemas.Prediction,
    response_model_exclude_unset=True,
    responses=describe_problems(404, 503),
)
def _prediction(request: Request, id: _AnswerId) -> Any:
    """Show one answer again."""
    mine = _mine(request)
    kept = mine[0].get(mine[1], id) if mine is not None else None
    if kept is None:
        raise _not_there()
    return site_of(request).show(kept)


@router.delete("/{id}", name="remove", status_code=204, responses=describe_problems(403, 404, 503))
def _remove(request: Request, id: _AnswerId) -> None:
    """Forget one answer."""
    mine = _mine(request)
    if mine is None or not mine[0].remove(mine[1], id):
        raise _not_there()


@router.get(
    "/{id}/spectrogram.png",
    name="spectrogram",
    response_class=Response,
    responses={
        200: {
            "description": "the picture",
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        },
        204: {"description": "there is no picture of it, or not any longer"},
        **describe_problems(404, 503),
    },
)
def _spectrogram(request: Request, id: _AnswerId) -> Response:
    """Show the mel spectrogram of a song that was asked for with its timeline."""
    mine = _mine(request)
    if mine is None or mine[0].get(mine[1], id) is None:
        raise _not_there()
    png = mine[0].spectrogram(id)
    if png is None:
        return Response(status_code=204)
    return Response(png, media_type="image/png", headers=A_DAY)


def _not_there() -> ProblemError:
    return ProblemError(
        problem(
            "not-found",
            "there is no such answer in your history",
            hint="it may have been deleted, or asked from another browser",
        )
    )
