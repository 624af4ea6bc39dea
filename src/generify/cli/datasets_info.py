"""``generify datasets list`` and ``info``: what is known of published datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from generify.cli.formats import Format, emit
from generify.cli.options import FormatOption
from generify.cli.terminal import RowPrinter, format_bytes, print_table

if TYPE_CHECKING:
    from generify.datasets import DatasetFacts, Download

__all__ = ["add", "info", "list_"]

_SHOWN_PAIRS = 5


def add(group: typer.Typer) -> None:
    """Add the commands to ``generify datasets``."""
    group.command("list", epilog="Try: generify datasets list --format json")(list_)
    group.command(epilog="Try: generify datasets info gtzan")(info)


def list_(how: FormatOption = Format.TABLE) -> None:
    """List the published datasets that are known."""
    from generify.datasets import dataset_facts, list_datasets

    known = [dataset_facts(name) for name in list_datasets()]
    if how is not Format.TABLE:
        emit([_record(facts) for facts in known], how, _flat)
        return
    print_table(
        ["dataset", ">genres", ">tracks", ">download", "what it holds"],
        [[f.name, str(len(f.genres)), f"{f.n_tracks:,}", _size(f), f.summary] for f in known],
    )


def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A dataset of generify datasets list.", show_default=False
        ),
    ],
    how: FormatOption = Format.TABLE,
) -> None:
    """Show what is known of a published dataset."""
    from generify.datasets import dataset_facts

    facts = dataset_facts(name)
    if how is not Format.TABLE:
        emit([_record(facts)], how, _flat)
        return
    lines = list(_lines(facts))
    rows = RowPrinter([max(len(title) for title, _ in lines)])
    for line in lines:
        rows.row(line)


def _lines(facts: DatasetFacts) -> Iterator[tuple[str, str]]:
    yield "dataset", facts.title
    yield "holds", facts.summary
    yield "genres", ", ".join(facts.genres)
    yield from (("download", _describe(download)) for download in facts.downloads)
    yield "layout", facts.layout
    yield from (("split", f"{name}: {meaning}") for name, meaning in facts.splits.items())
    yield from (("fault", f"{track}: {what}") for track, what in facts.faults.items())
    if facts.duplicates:
        more = len(facts.duplicates) - _SHOWN_PAIRS
        shown = ", ".join(" = ".join(pair) for pair in facts.duplicates[:_SHOWN_PAIRS])
        yield "same recording", shown + (f" and {more} more pairs" if more > 0 else "")
    yield from (("note", note) for note in facts.notes)
    yield "licence", facts.licence
    yield "cite", facts.citation
    yield from (("source", source) for source in facts.sources)
    yield "homepage", facts.homepage


def _describe(download: Download) -> str:
    size = "" if download.n_bytes is None else format_bytes(download.n_bytes)
    remarks = (download.part, size, download.note, download.account)
    said = "; ".join(remark for remark in remarks if remark)
    return f"{download.url} ({said})" if said else download.url


def _size(facts: DatasetFacts) -> str:
    """Say what the audio's first download amounts to."""
    audio = next(d for d in facts.downloads if d.part in {"", "audio"})
    if audio.account:
        return "by hand"
    return audio.note if audio.n_bytes is None else format_bytes(audio.n_bytes)


def _record(facts: DatasetFacts) -> dict[str, Any]:
    record = {field.name: _plain(getattr(facts, field.name)) for field in fields(facts)}
    downloads = [{f.name: _plain(getattr(d, f.name)) for f in fields(d)} for d in facts.downloads]
    return {**record, "downloads": downloads}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give a record as one row: sequences and mappings become text, downloads their addresses."""
    flat = {**record, "downloads": [download["url"] for download in record["downloads"]]}
    for name, value in flat.items():
        if isinstance(value, Mapping):
            flat[name] = "; ".join(f"{key}: {text}" for key, text in value.items())
        elif not isinstance(value, str | int):
            flat[name] = "; ".join(v if isinstance(v, str) else " = ".join(v) for v in value)
    return flat
