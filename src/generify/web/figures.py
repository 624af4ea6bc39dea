"""Figures of model cards, drawn once and kept in memory.

In it: :class:`Figures`.
"""

from __future__ import annotations

import threading

from generify.model_card import ModelCard
from generify.report_summary import restore_report

__all__ = ["FORMATS", "Figures"]

FORMATS = {"svg": "image/svg+xml", "png": "image/png"}
"""Endings of figures and their media types."""


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
        report = restore_report(card)
        if report is None:
            return ()
        return ("confusion", "roc") if report.roc_curves else ("confusion",)

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
                self._drawn[key] = _draw(card, name, file_format)
            return self._drawn[key]


def _draw(card: ModelCard, name: str, file_format: str) -> bytes:
    from generify.plots import plot_confusion, plot_roc_grid, render_figure

    report = restore_report(card)
    assert report is not None
    figure = plot_confusion(report) if name == "confusion" else plot_roc_grid(report)
    return render_figure(figure, file_format)
