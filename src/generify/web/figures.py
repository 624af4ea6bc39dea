"""Figures of model cards, drawn once and kept in memory.

In it: :class:`Figures`.
"""

from __future__ import annotations

import threading
from typing import Any

from generify.evaluation import EvaluationReport, Experiment, GenreScore, RocCurve
from generify.model import ModelCard

__all__ = ["FORMATS", "Figures"]

FORMATS = {"svg": "image/svg+xml", "png": "image/png"}
"""Endings of figures and their media types."""

_NEEDED = ("accuracy", "low", "high", "n_tracks", "n_train", "split", "split_meaning", "confusion")


class Figures:
    """Draws what a card holds enough for; each figure once."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, str, str], bytes] = {}
        self._lock = threading.Lock()

    @staticmethod
    def names(card: ModelCard) -> tuple[str, ...]:
        """Say which figures a card holds enough for.

        Parameters
        ----------
        card : ModelCard
            The card.

        Returns
        -------
        tuple of str
            Of ``confusion`` and ``roc``.
        """
        if not all(name in card.metrics for name in _NEEDED):
            return ()
        return ("confusion", "roc") if card.metrics.get("roc_curves") else ("confusion",)

    def draw(self, card: ModelCard, name: str, file_format: str) -> bytes:
        """Draw a figure.

        Parameters
        ----------
        card : ModelCard
            The card.
        name : str
            One of :meth:`names`.
        file_format : str
            A key of :data:`FORMATS`.

        Returns
        -------
        bytes
            The figure's file.

        Raises
        ------
        MissingExtraError
            When matplotlib is not installed.
        """
        key = (card.name, name, file_format)
        with self._lock:  # one at a time: the drawing library shares its fonts
            if key not in self._drawn:
                self._drawn[key] = _draw(_report(card), name, file_format)
            return self._drawn[key]


def _draw(report: EvaluationReport, name: str, file_format: str) -> bytes:
    from generify.plots import plot_confusion, plot_roc_grid, render_figure

    figure = plot_confusion(report) if name == "confusion" else plot_roc_grid(report)
    return render_figure(figure, file_format)


def _report(card: ModelCard) -> EvaluationReport:
    """Make a report of what a card keeps of one."""
    m = card.metrics
    return EvaluationReport(
        experiment=Experiment(
            card.name, card.dataset, m["split"], m["split_meaning"], m["n_train"]
        ),
        genres=card.genres,
        n_tracks=m["n_tracks"],
        accuracy=m["accuracy"],
        low=m["low"],
        high=m["high"],
        macro_f1=_number(m, "macro_f1"),
        macro_auc=_number(m, "macro_auc"),
        top3=_number(m, "top3"),
        calibration_error=_number(m, "calibration_error"),
        fold_accuracies=(),
        scores=tuple(GenreScore(**score) for score in m.get("scores", ())),
        confusion=tuple(tuple(row) for row in m["confusion"]),
        roc_curves=tuple(RocCurve(**curve) for curve in m.get("roc_curves", ())),
        calibration=(),
        mistakes=(),
    )


def _number(metrics: Any, name: str) -> float:
    value = metrics.get(name)
    return float("nan") if value is None else float(value)
