"""The page of the REST API, from the site's own OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generated_pages import table

__all__ = ["rest_page"]

INTRODUCTION = """
`generify serve` answers here; `/docs` on a running site shows the same, and `/api/v1/openapi.json`
is for programs. [Serving](../serving.md) says how to run it, [the tutorial](../tutorials/site.md)
how to use it.
"""


def rest_page(
    note: str,
    described: Mapping[str, Any],
    *,
    settings: Sequence[tuple[str, str, str]],
    problems: Mapping[str, tuple[int, str]],
) -> str:
    """Write the page.

    Parameters
    ----------
    note : str
        What stands below the title.
    described : mapping
        The OpenAPI document.
    settings : sequence of (str, str, str)
        Variable, default and meaning of each setting.
    problems : mapping of str to (int, str)
        Code of each kind of problem, its status and its title.

    Returns
    -------
    str
        Markdown.
    """
    parts = ["# REST API", note.strip(), INTRODUCTION.strip()]
    for path, methods in described["paths"].items():
        for method, told in methods.items():
            parts += list(_operation(method.upper(), path, told))
    parts.append("## Objects")
    for name, schema in sorted(described["components"]["schemas"].items()):
        parts += list(_shape(name, schema))
    kinds = [(f"`urn:generify:{code}`", str(n), title) for code, (n, title) in problems.items()]
    parts += ["## Problems", table(("type", "status", "title"), kinds)]
    rows = [(f"`{name}`", f"`{default}`", meaning) for name, default, meaning in settings]
    parts += ["## Settings", table(("variable", "default", "meaning"), rows)]
    return "\n\n".join(parts) + "\n"


def _operation(method: str, path: str, told: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {method} {path}"
    if told.get("description"):
        yield str(told["description"]).strip()
    given = [*_parameters(told), *_fields(told)]
    if given:
        yield table(("given", "where", "meaning"), given)
    yield table(("answer", "body", "meaning"), list(_answers(told)))


def _parameters(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in told.get("parameters", ()):
        yield f"`{one['name']}`", f"{one['in']}, {_type(one['schema'])}", _text(one)


def _fields(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    form = told.get("requestBody", {}).get("content", {}).get("multipart/form-data", {})
    for name, schema in form.get("schema", {}).get("properties", {}).items():
        kind = "file" if schema.get("format") == "binary" else _type(schema)
        yield f"`{name}`", f"form, {kind}", _text(schema)


def _answers(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for status, answer in sorted(told["responses"].items()):
        kinds = [
            _type(media["schema"]) if kind.endswith("json") and media.get("schema") else kind
            for kind, media in answer.get("content", {}).items()
        ]
        yield status, ", ".join(kinds), _text(answer)


def _shape(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    if _text(schema):
        yield _text(schema)
    fields = schema.get("properties", {})
    if fields:
        rows = [(f"`{field}`", _type(told), _text(told)) for field, told in fields.items()]
        yield table(("field", "type", "meaning"), rows)
    if "example" in schema:
        yield f"```json\n{json.dumps(schema['example'], indent=2, ensure_ascii=False)}\n```"


def _text(told: Mapping[str, Any]) -> str:
    return " ".join(str(told.get("description", "")).split())


def _type(schema: Mapping[str, Any]) -> str:
    """Name a type in a few words."""
    if "$ref" in schema:
        name = str(schema["$ref"].rpartition("/")[2])
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(kind) for kind in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))
