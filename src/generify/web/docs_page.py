"""The page that documents the API, made from its own OpenAPI document: nothing is fetched.

In it: :func:`add_docs`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from generify.web import pages

__all__ = ["add_docs"]


@dataclass(frozen=True)
class _Operation:
    """One route, as the page shows it."""

    name: str
    topic: str
    method: str
    path: str
    summary: str
    parameters: tuple[tuple[str, str, str], ...]  # name, where and type, meaning
    answers: tuple[tuple[str, str, str], ...]  # status, type, meaning


@dataclass(frozen=True)
class _Shape:
    """One kind of object, as the page shows it."""

    name: str
    meaning: str
    fields: tuple[tuple[str, str, str], ...]  # name, type, meaning
    example: str


def add_docs(app: FastAPI) -> None:
    """Give an application its page of documentation, ``/docs``.

    Parameters
    ----------
    app : FastAPI
        The application.
    """

    @app.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        described = request.app.openapi()
        values = {
            "title": described["info"]["title"],
            "description": _plain(described["info"]),
            "openapi_url": request.app.openapi_url,
            "topics": _by_topic(_operations(described)),
            "shapes": list(_shapes(described)),
            "base": str(request.base_url).rstrip("/"),
        }
        return pages.render_page(request, "docs.html", values)


def _operations(described: Mapping[str, Any]) -> Iterator[_Operation]:
    for path, methods in described["paths"].items():
        for method, told in methods.items():
            yield _Operation(
                name=told["operationId"],
                topic=told["tags"][0],
                method=method.upper(),
                path=path,
                summary=_plain(told),
                parameters=(*_parameters(told), *_form_fields(told)),
                answers=tuple(_answers(told)),
            )


def _by_topic(operations: Iterable[_Operation]) -> dict[str, list[_Operation]]:
    topics: dict[str, list[_Operation]] = {}
    for operation in operations:
        topics.setdefault(operation.topic, []).append(operation)
    return topics


def _parameters(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for parameter in told.get("parameters", ()):
        kind = _type(parameter["schema"]).removesuffix(" or null")  # it need not be given
        yield parameter["name"], f"{parameter['in']}, {kind}", _plain(parameter)


def _form_fields(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    form = told.get("requestBody", {}).get("content", {}).get("multipart/form-data", {})
    for name, schema in form.get("schema", {}).get("properties", {}).items():
        kind = "file" if schema.get("format") == "binary" else _type(schema)
        yield name, f"form, {kind}", _plain(schema)


def _answers(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for status, answer in sorted(told["responses"].items()):
        content = answer.get("content", {})
        types = [
            _type(media["schema"]) if kind.endswith("json") and media["schema"] else kind
            for kind, media in content.items()
        ]
        yield status, ", ".join(types), _plain(answer).replace("Successful Response", "as asked")


def _shapes(described: Mapping[str, Any]) -> Iterator[_Shape]:
    for name, schema in sorted(described["components"]["schemas"].items()):
        fields = tuple(
            (field, _type(told), _plain(told))
            for field, told in schema.get("properties", {}).items()
        )
        example = schema.get("example")
        shown = "" if example is None else json.dumps(example, indent=2)
        yield _Shape(name, _plain(schema), fields, shown)


def _plain(told: Mapping[str, Any]) -> str:
    """Give a description without the marks of Markdown."""
    return str(told.get("description", "")).replace("`", "")


def _type(schema: Mapping[str, Any]) -> str:
    """Name a type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(kind) for kind in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))
