"""``generify history export``: the whole history, or the corrections, as a file."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from generify.cli.checks import check_output
from generify.cli.formats import Format, file_format
from generify.cli.history_files import columns_of, write_records
from generify.cli.history_options import (
    DatabaseOption,
    GenreFilter,
    ModelFilter,
    NameArgument,
    SinceFilter,
    UnknownFilter,
    UntilFilter,
    make_filter,
    spell_genre,
)
from generify.cli.history_tables import flat_entry
from generify.cli.terminal import counted, say

__all__ = ["register"]


class _FileFormat(StrEnum):
    CSV = Format.CSV
    JSON = Format.JSON
    NDJSON = Format.NDJSON


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
    asked: Annotated[
        _FileFormat | None,
        typer.Option(
            "--format", help="How to write it [default: as FILE ends, else csv]", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write (.json, .ndjson or .csv)."
        ),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Write all entries, the earliest first, as CSV, JSON or NDJSON."""
    from generify.atomic import replacing
    from generify.errors import HistoryError
    from generify.history import open_history

    how = Format(asked or Format.CSV) if asked or not output else file_format(output, Format.TABLE)
    check_output(output)
    wanted = make_filter(name, genre, model, (since, until), unknown)
    with open_history(database, create=False) as history:
        found = (
            history.corrections() if corrections else history.export(spell_genre(history, wanted))
        )
        records = (flat_entry(e.to_dict()) if how is Format.CSV else e.to_dict() for e in found)
        place = nullcontext() if output is None else replacing(output, HistoryError)
        with place as temporary:
            n_written = write_records(temporary, records, how, columns_of(corrections))
    if output is not None:
        what = ("correction",) if corrections else ("entry", "entries")
        say(f"wrote {counted(n_written, *what)} to {output}")
