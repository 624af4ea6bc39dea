"""Predictions as people see them in a terminal, as JSON, and as rows of CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generify import defaults
from generify.cli.terminal import (
    RowPrinter,
    describe,
    format_sure,
    format_time,
    progress_bar,
    say,
    stdout_width,
)
from generify.errors import Failure

if TYPE_CHECKING:
    from generify.prediction import Prediction

__all__ = ["AnswerTable", "cells_of", "print_line", "say_remarks", "show_all"]

_NOISE = 0.01  # genres less probable than this are not worth a word
_SURE_WIDTH = 6  # "> 99 %"
_THEN_WIDTH = 24  # two genres
_TIMES_WIDTH = 14  # "  0:00 to 9:59"


class AnswerTable:
    """A table that grows song by song, so that many songs need not be waited for."""

    def __init__(
        self, files: Sequence[Path], genres: Sequence[str], *, top: int | None, timeline: bool
    ) -> None:
        from rich.cells import cell_len

        names = [file.name for file in files]
        alike = len(set(names)) < len(names)
        self._names = {str(f): str(f) if alike else f.name for f in files}
        longest = max((cell_len(name) for name in self._names.values()), default=0)
        genre_width = max(map(cell_len, (*genres, "unknown")))
        room = stdout_width() - genre_width - _SURE_WIDTH - _THEN_WIDTH - 9
        name_width = max(_TIMES_WIDTH, min(longest, room))
        self._rows = RowPrinter((name_width, genre_width, -_SURE_WIDTH))
        self._top, self._timeline, self._begun = top, timeline, False

    def show(self, result: Prediction | Failure) -> None:
        """Print a song's row with its warnings and timeline below it, or why it failed."""
        if isinstance(result, Failure):
            say_remarks(result)
            return
        if not self._begun:
            self._begun = True
            self._rows.head(("song", "genre", "sure", "then"))
        self._print_answer(result)
        say_remarks(result)
        if self._timeline:
            self._print_timeline(result)

    def _print_answer(self, prediction: Prediction) -> None:
        cells = (
            self._names[prediction.path],
            prediction.genre or "unknown",
            "" if prediction.unknown else format_sure(prediction.confidence),
            self._others(prediction),
        )
        self._rows.row(cells)

    def _others(self, prediction: Prediction) -> str:
        """Give the next genres; of an unknown song the nearest, with percentages if they count."""
        first, *others = prediction.genres[: self._top or defaults.TOP]
        if self._top is None:  # who asks for a number of genres gets that many, noise too
            others = [g for g in others if g.probability >= _NOISE and not prediction.doubt]
        if prediction.doubt:
            return f"nearest: {', '.join(g.genre for g in (first, *others))}"
        words = [f"{g.genre} {format_sure(g.probability)}" for g in (first, *others)]
        return f"nearest: {', '.join(words)}" if prediction.unknown else ", ".join(words[1:])

    def _print_timeline(self, prediction: Prediction) -> None:
        """Print one row a passage, and the styles below them."""
        for passage in prediction.passages:
            times = f"  {format_time(passage.start)} to {format_time(passage.end)}"
            row = (times, passage.genre, format_sure(passage.probability), "")
            self._rows.row(row, style="dim")
        styles = ", ".join(s.style for s in prediction.styles)
        self._rows.row(("  styles", "", "", styles), style="dim")


def say_remarks(result: Prediction | Failure) -> None:
    """Tell on stderr what was odd about a song, or why it failed."""
    if isinstance(result, Failure):
        say(f"failed: {describe(result)}")
        return
    for warning in result.warnings:
        say(f"warning: {result.path}: {warning}")


def print_line(result: Prediction | Failure) -> None:
    """Print an answer or a failure as a line of JSON, and its remarks on stderr."""
    say_remarks(result)
    print(json.dumps(result.to_dict(), ensure_ascii=False), flush=True)


def cells_of(record: Mapping[str, Any], top: int | None) -> Mapping[str, Any]:
    """Give the record of a song as one row for CSV."""
    names = ("path", "model", "genre", "confidence", "unknown", "duration")
    cells = {name: record.get(name) for name in names}
    for i, genre in enumerate(record.get("genres", [])[: top or defaults.TOP], start=1):
        cells |= {f"genre_{i}": genre["genre"], f"probability_{i}": genre["probability"]}
    return cells | {"error": record.get("error", {}).get("message", "")}


def show_all(
    answers: Iterable[Prediction | Failure],
    show: Callable[[Prediction | Failure], None],
    n_all: int,
) -> list[Prediction | Failure]:
    """Show each answer as soon as it is there, and give them all."""
    results: list[Prediction | Failure] = []
    with progress_bar("listening") as progress:
        progress(0, n_all)
        for result in answers:
            results.append(result)
            show(result)
            progress(len(results), n_all)
    return results
