"""``generify models``: which models there are, what is known of each, and copies of them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from generify.cli.checks import check_output, check_suffix
from generify.cli.formats import Format, emit
from generify.cli.options import FormatOption
from generify.cli.terminal import RowPrinter, format_bytes, format_percent, print_table, say
from generify.percent import format_tenths

if TYPE_CHECKING:
    from generify.model import ModelCard

__all__ = ["register"]

_group = typer.Typer(
    help="Show models and what is known of them; copy them.",
    epilog="Try: generify models info western",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_MODEL_HELP = "Model file, or name of a bundled model."
_Model = typer.Argument(metavar="MODEL", help=_MODEL_HELP, show_default=False)
_Output = typer.Option(
    "--output", "-o", metavar="PATH", help="File (.onnx) or folder to copy to.", show_default=False
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_group, name="models")


@_group.command("list", epilog="Try: generify models list --format json")
def list_(how: FormatOption = Format.TABLE) -> None:
    """List the bundled models."""
    from generify.model import list_models, load_model

    records = [_record(load_model(name).card) for name in list_models()]
    if how is not Format.TABLE:
        emit(records, how, dict)
        return
    rows = [
        [r["name"], r["genres"], r["features"], format_percent(r["accuracy"]), r["split"]]
        for r in records
    ]
    print_table(["model", "genres", "features", ">accuracy", "on the split"], rows)


@_group.command(epilog="Try: generify models info western --format json")
def info(model: Annotated[str, _Model], how: FormatOption = Format.TABLE) -> None:
    """Show a model's card and the checksum of its file."""
    from generify.model import load_model

    loaded = load_model(model)
    if how is not Format.TABLE:
        emit([{**json.loads(loaded.card.to_json()), "sha256": loaded.checksum}], how, dict)
        return
    lines = [*_lines(loaded.card), ("sha256", loaded.checksum)]
    rows = RowPrinter([max(len(name) for name, _ in lines)])
    for line in lines:
        rows.row(line)


@_group.command(epilog="Try: generify models export western -o western.onnx")
def export(model: Annotated[str, _Model], output: Annotated[Path, _Output]) -> None:
    """Check a model, and copy it to a file or folder."""
    from generify.model import export_model

    if not output.is_dir():
        check_output(output)
        check_suffix(output, ".onnx")
    target = export_model(model, output)
    say(f"wrote {target}: {format_bytes(target.stat().st_size)}")
    say(f"try it: generify predict --model {shlex.quote(str(target))} SONG")


def _record(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "genres": ", ".join(card.genres),
        "features": card.extractor.name,
        "classifier": card.classifier,
        "accuracy": card.metrics.get("accuracy"),
        "split": card.metrics.get("split", ""),
    }


def _lines(card: ModelCard) -> list[tuple[str, str]]:
    return [
        ("model", f"{card.name}, version {card.version}, {card.date}"),
        ("genres", ", ".join(card.genres)),
        ("features", str(card.extractor)),
        ("classifier", card.classifier),
        ("trained on", card.training),
        *_measured(card),
        ("unknown", card.unknown),
        ("licence", card.licence or "not stated"),
        ("credit", card.attribution or "not stated"),
    ]


def _measured(card: ModelCard) -> list[tuple[str, str]]:
    m = card.metrics
    if not {"accuracy", "low", "high", "n_tracks", "split", "split_meaning"} <= m.keys():
        return [("accuracy", "not stated")]
    low, high = 100 * m["low"], 100 * m["high"]
    return [
        ("accuracy", f"{format_tenths(m['accuracy'])} (95 % interval {low:.1f} to {high:.1f})"),
        ("measured on", f"{m['n_tracks']} tracks, split {m['split']}"),
        ("that is", m["split_meaning"]),
    ]
