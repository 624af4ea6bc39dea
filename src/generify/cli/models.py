"""``generify models``: which models there are, and what is known of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from generify.cli.formats import Format, emit
from generify.cli.options import FormatOption
from generify.cli.terminal import RowPrinter, format_percent, print_table

if TYPE_CHECKING:
    from generify.model import ModelCard

__all__ = ["register"]

_group = typer.Typer(
    help="Show the bundled models and what is known of a model.",
    epilog="Try: generify models info western",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_group, name="models")


@_group.command("list", epilog="Try: generify models list --format json")
def list_(how: FormatOption = Format.TABLE) -> None:
    """List the bundled models."""
    from generify.model import list_models, load_model

    cards = [load_model(name).card for name in list_models()]
    records = [
        {
            "name": card.name,
            "genres": ", ".join(card.genres),
            "features": card.extractor.name,
            "classifier": card.classifier,
            "accuracy": card.metrics.get("accuracy"),
            "split": card.metrics.get("split", ""),
        }
        for card in cards
    ]
    if how is not Format.TABLE:
        emit(records, how, dict)
        return
    print_table(
        ["model", "genres", "features", ">accuracy", "on the split"],
        [
            [r["name"], r["genres"], r["features"], format_percent(r["accuracy"]), r["split"]]
            for r in records
        ],
    )


@_group.command(epilog="Try: generify models info western --format json")
def info(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Model file, or name of a bundled model.", show_default=False
        ),
    ],
    how: FormatOption = Format.TABLE,
) -> None:
    """Show a model's card."""
    from generify.model import load_model

    card = load_model(model).card
    if how is not Format.TABLE:
        record = json.loads(card.to_json())
        emit([record], how, dict)
        return
    rows = RowPrinter([max(len(name) for name, _ in _lines(card))])
    for line in _lines(card):
        rows.row(line)


def _lines(card: ModelCard) -> list[tuple[str, str]]:
    return [
        ("model", f"{card.name}, version {card.version}, {card.date}"),
        ("genres", ", ".join(card.genres)),
        ("features", str(card.extractor)),
        ("classifier", card.classifier),
        ("trained on", f"{card.dataset}, {sum(card.n_tracks.values())} tracks"),
        *_measured(card),
        ("licence", card.licence or "not stated"),
        ("credit", card.attribution or "not stated"),
    ]


def _measured(card: ModelCard) -> list[tuple[str, str]]:
    m = card.metrics
    if not {"accuracy", "low", "high", "n_tracks", "split", "split_meaning"} <= m.keys():
        return [("accuracy", "not stated")]
    low, high = 100 * m["low"], 100 * m["high"]
    return [
        ("accuracy", f"{100 * m['accuracy']:.1f} % (95 % interval {low:.1f} to {high:.1f})"),
        ("measured on", f"{m['n_tracks']} tracks, split {m['split']}"),
        ("that is", m["split_meaning"]),
    ]
