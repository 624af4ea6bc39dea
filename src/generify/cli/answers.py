"""Predictions as people see them in a terminal, as JSON, and as rows of CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generify.cli.terminal import format_percent, format_time, print_table, say
from generify.errors import Failure

if TYPE_CHECKING:
    from generify.prediction import Prediction

__all__ = ["cells_of", "print_predictions", "record_of"]


def print_predictions(predictions: Sequence[Prediction], top: int, timeline: bool) -> None:
    """Print the genre of each song as a table, and each timeline below it."""
    if not predictions:
        return
    rows = []
    for p in predictions:
        others = [f"{g.genre} {format_percent(g.probability)}" for g in p.genres[:top]]
        answer = "unknown" if p.unknown else p.genres[0].genre
        then = others if p.unknown else others[1:]
        rows.append([Path(p.path).name, answer, format_percent(p.confidence), ", ".join(then)])
    print_table(["song", "genre", ">sure", "then"], rows)
    for p in predictions:
        for warning in p.warnings:
            say(f"warning: {p.path}: {warning}")
        if timeline:
            _print_timeline(p)


def _print_timeline(prediction: Prediction) -> None:
    """Print neighbouring segments of one genre as one row."""
    rows: list[list[Any]] = []
    for s in prediction.timeline or ():
        if rows and rows[-1][2] == s.genre and abs(rows[-1][1] - s.start) < 0.01:
            rows[-1][1] = s.end
            rows[-1][3].append(s.probability)
        else:
            rows.append([s.start, s.end, s.genre, [s.probability]])
    print_table(
        [">from", ">to", "genre", ">sure"],
        [
            [format_time(a), format_time(b), genre, format_percent(sum(p) / len(p))]
            for a, b, genre, p in rows
        ],
        title=Path(prediction.path).name,
    )


def record_of(result: Prediction | Failure) -> Mapping[str, Any]:
    """Give an answer or a failure as plain values for JSON."""
    if not isinstance(result, Failure):
        return result.to_dict()
    error = {"type": result.error_type, "message": result.message}
    return {"path": result.path, "error": error}


def cells_of(record: Mapping[str, Any], top: int) -> Mapping[str, Any]:
    """Give the record of a song as one row for CSV."""
    names = ("path", "model", "genre", "confidence", "unknown", "duration")
    cells = {name: record.get(name) for name in names}
    for i, genre in enumerate(record.get("genres", [])[:top], start=1):
        cells |= {f"genre_{i}": genre["genre"], f"probability_{i}": genre["probability"]}
    return cells | {"error": record.get("error", {}).get("message", "")}
