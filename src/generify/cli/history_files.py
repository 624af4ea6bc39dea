"""The history as a file: CSV, JSON or NDJSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from generify.cli.formats import Format
from generify.cli.history_tables import flat_entry

__all__ = ["columns_of", "write_records"]


def columns_of(corrections: bool) -> list[str]:
    """Name the columns; a table of nothing has them too."""
    from generify.history import Correction, HistoryEntry

    now = datetime.now(UTC)
    one = Correction("", "", now) if corrections else HistoryEntry(now, "", "", 0, "", "", "")
    return list(flat_entry(one.to_dict()))


def write_records(
    path: Path | None, records: Iterable[Mapping[str, Any]], how: Format, columns: list[str]
) -> int:
    """Write records to a file or stdout, and give how many they were; the columns are CSV's."""
    if path is None:
        return _write(sys.stdout, records, how, columns)
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        return _write(stream, records, how, columns)


def _write(
    stream: TextIO, records: Iterable[Mapping[str, Any]], how: Format, columns: list[str]
) -> int:
    """Write record by record, so that a million of them need no memory."""
    n = 0
    table = csv.DictWriter(stream, columns, lineterminator="\n")
    if how is Format.CSV:
        table.writeheader()
    if how is Format.JSON:
        stream.write("[")
    for n, record in enumerate(records, start=1):
        if how is Format.CSV:
            table.writerow(record)
            continue
        line = json.dumps(record, ensure_ascii=False)
        stream.write(f"{line}\n" if how is Format.NDJSON else f"{',' * (n > 1)}\n{line}")
    if how is Format.JSON:
        stream.write("\n]\n")
    return n
