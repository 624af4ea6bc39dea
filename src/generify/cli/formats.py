"""The formats of ``--format``: the same names and the same meaning in every sub-command."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any

from generify.errors import ParameterError

__all__ = ["Format", "emit", "file_format"]


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


def file_format(output: Path | None, how: Format) -> Format:
    """Choose the format of a file by its name where none was asked for.

    Parameters
    ----------
    output : Path or None
        The file; None for stdout, which may have any format.
    how : Format
        What was asked for.

    Returns
    -------
    Format
        Never a table for a file.

    Raises
    ------
    ParameterError
        When the name does not tell.
    """
    if output is None or how is not Format.TABLE:
        return how
    named = output.suffix.lower().removeprefix(".")
    if named in (Format.JSON, Format.NDJSON, Format.CSV):
        return Format(named)
    raise ParameterError(
        f"{output} does not say how to write the answers",
        hint="let its name end in .json, .ndjson or .csv, or give --format",
    )


def emit(
    records: Sequence[Mapping[str, Any]],
    how: Format,
    flat: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    output: Path | None = None,
) -> None:
    """Write records as JSON, a line of JSON each, or CSV; to a file, whole or not at all.

    Parameters
    ----------
    records : sequence of mappings
        What to write.
    how : Format
        Anything but a table.
    flat : callable
        Gives a record's cells for CSV.
    output : Path, optional
        Where to; stdout by default.
    """
    text = _as_csv([flat(record) for record in records]) if how is Format.CSV else ""
    if how is Format.JSON:
        text = json.dumps(list(records), ensure_ascii=False, indent=2) + "\n"
    elif how is Format.NDJSON:
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    if output is None:
        sys.stdout.write(text)
        return
    from generify.atomic import replacing

    with replacing(output) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    buffer = StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
