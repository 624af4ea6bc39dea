"""Figures of model cards, drawn once and kept in memory.

In it: :class:`Figures`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from generify.model_card import ModelCard
from generify.report_summary import restore_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        return tuple(_plots(card))

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
    from generify.plots import render_figure

    return render_figure(_plots(card)[name](), file_format)


def _plots(card: ModelCard) -> dict[str, Callable[[], Figure]]:
    from generify.plots import plot_confusion, plot_roc_grid

    report = restore_report(card)
    if report is None:
        return {}
    plots: dict[str, Callable[[], Figure]] = {"confusion": partial(plot_confusion, report)}
    if report.roc_curves:
        plots["roc"] = partial(plot_roc_grid, report)
    return plots
