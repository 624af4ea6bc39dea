"""``generify history export``: the whole history, or the corrections, as a file."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from generify.cli.checks import check_output
from generify.cli.formats import Format, file_format
from generify.cli.history_options import (
    DatabaseOption,
    GenreFilter,
    ModelFilter,
    NameArgument,
    SinceFilter,
    UnknownFilter,
    UntilFilter,
    make_filter,
)
from generify.cli.history_tables import counted, flat_entry
from generify.cli.options import FormatOption
from generify.cli.terminal import say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify history export --corrections -o fixes.csv")(export)


def export(
    name: NameArgument = None,
    genre: GenreFilter = None,
    model: ModelFilter = None,
    since: SinceFilter = None,
    until: UntilFilter = None,
    unknown: UnknownFilter = None,
    corrections: Annotated[
        bool,
        typer.Option("--corrections", help="Corrections instead, as a manifest to train on."),
    ] = False,
    how: FormatOption = Format.TABLE,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write (.json, .ndjson or .csv)."
        ),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Write all entries, the earliest first; CSV unless told otherwise."""
    from generify.atomic import replacing
    from generify.errors import HistoryError
    from generify.history import open_history

    how = file_format(output, how)
    check_output(output)
    wanted = make_filter(name, genre, model, (since, until), unknown)
    with open_history(database, create=False) as history:
        found = history.corrections() if corrections else history.export(wanted)
        records = (flat_entry(e.to_dict()) if how in _FLAT else e.to_dict() for e in found)
        place = nullcontext() if output is None else replacing(output, HistoryError)
        with place as temporary:
            n_written = _write_to(temporary, records, how)
    if output is not None:
        what = ("correction",) if corrections else ("entry", "entries")
        say(f"wrote {counted(n_written, *what)} to {output}")


_FLAT = frozenset((Format.TABLE, Format.CSV))


def _write_to(path: Path | None, records: Iterable[Mapping[str, Any]], how: Format) -> int:
    if path is None:
        return _write(sys.stdout, records, how)
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        return _write(stream, records, how)


def _write(stream: TextIO, records: Iterable[Mapping[str, Any]], how: Format) -> int:
    """Write record by record, so that a million of them need no memory."""
    n = 0
    table = csv.writer(stream, lineterminator="\n")
    if how is Format.JSON:
        stream.write("[")
    for n, record in enumerate(records, start=1):
        if how in _FLAT:
            if n == 1:
                table.writerow(record)
            table.writerow(record.values())
            continue
        line = json.dumps(record, ensure_ascii=False)
        stream.write(f"{line}\n" if how is Format.NDJSON else f"{',' * (n > 1)}\n{line}")
    if how is Format.JSON:
        stream.write("\n]\n")
    return n
