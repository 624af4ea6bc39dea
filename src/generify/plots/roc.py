"""ROC curves, one genre against the rest.

In it: :func:`plot_roc_curve`, :func:`plot_roc_curves`, :func:`plot_roc_grid`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from generify.errors import ParameterError
from generify.evaluation import EvaluationReport, RocCurve
from generify.plots.style import (
    GREY,
    INK,
    SMALL,
    describe_measurement,
    dress_axes,
    genre_colours,
    genre_dashes,
    grid_columns,
    new_figure,
    panel_grid,
    plain_label,
    text_columns,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_roc_curve", "plot_roc_curves", "plot_roc_grid"]


def _draw_chance(axes: Axes) -> Any:
    return axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)[0]


def _draw_curve(axes: Axes, curve: RocCurve, **style: Any) -> Any:
    x, y = curve.false_positive_rate, curve.true_positive_rate
    return axes.plot(x, y, clip_on=False, zorder=2, **style)[0]


def _dress_roc(axes: Axes) -> None:
    dress_axes(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")


def _label_roc(axes: Axes) -> None:
    axes.set_xlabel("false positive rate (others called so)", fontsize=9.5)
    axes.set_ylabel("true positive rate (found)", fontsize=9.5)


def plot_roc_curve(report: EvaluationReport, genre: str) -> Figure:
    """Draw the ROC curve of one genre against the rest.

    Parameters
    ----------
    report : EvaluationReport
        The report.
    genre : str
        One of its genres.

    Returns
    -------
    matplotlib.figure.Figure
        One square panel with the curve, its area in the legend, and the line of chance.

    Raises
    ------
    ParameterError
        When the report has no curve of that genre: unknown, or without test tracks.
    MissingExtraError
        When matplotlib is not installed.
    """
    curve = next((c for c in report.roc_curves if c.genre == genre), None)
    if curve is None:
        known = ", ".join(c.genre for c in report.roc_curves) or "none"
        raise ParameterError(
            f"no ROC curve of {genre!r}: expected a genre with test tracks",
            hint=f"genres that have one: {known}",
        )
    figure = new_figure(
        5.4,
        4.9,
        title=f"ROC curve: {plain_label(genre)} against the rest",
        subtitle=describe_measurement(report),
    )
    axes = figure.add_subplot()
    _dress_roc(axes)
    _label_roc(axes)
    colour = genre_colours(report.genres)[genre]
    axes.fill_between(curve.false_positive_rate, curve.true_positive_rate, color=colour, alpha=0.12)
    line = _draw_curve(axes, curve, color=colour, linewidth=2)
    labels = [f"{plain_label(genre)}, AUC {curve.auc:.3f}", "chance, AUC 0.500"]
    axes.legend([line, _draw_chance(axes)], labels, loc="lower right", fontsize=9, framealpha=0.9)
    return figure


def plot_roc_curves(report: EvaluationReport) -> Figure:
    """Draw the ROC curves of all genres, each against the rest, in one panel.

    Parameters
    ----------
    report : EvaluationReport
        The report.

    Returns
    -------
    matplotlib.figure.Figure
        One panel; the legend beside it gives each genre's area under the curve.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    labels = [f"{plain_label(c.genre, 20)}, AUC {c.auc:.3f}" for c in report.roc_curves]
    labels.append("chance, AUC 0.500")
    n_columns = 1 + (len(labels) > 21)
    figure = new_figure(
        6.1 + n_columns * (0.8 + 0.072 * max(map(text_columns, labels))),
        5.6,
        title="ROC curves: each genre against the rest",
        subtitle=describe_measurement(report),
    )
    axes = figure.add_subplot()
    _dress_roc(axes)
    _label_roc(axes)
    colours, dashes = genre_colours(report.genres), genre_dashes(report.genres)
    axes.set_anchor("W")
    lines = [
        _draw_curve(
            axes, curve, color=colours[curve.genre], linestyle=dashes[curve.genre], linewidth=1.7
        )
        for curve in report.roc_curves
    ]
    lines.append(_draw_chance(axes))
    axes.legend(
        lines,
        labels,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        fontsize=SMALL,
        frameon=False,
        ncols=n_columns,
    )
    return figure


def plot_roc_grid(report: EvaluationReport) -> Figure:
    """Draw the ROC curve of each genre in a small panel of its own.

    Parameters
    ----------
    report : EvaluationReport
        The report.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a genre, in the report's order; a genre without test tracks says so.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    curves = {curve.genre: curve for curve in report.roc_curves}
    colours = genre_colours(report.genres)
    columns = grid_columns(len(report.genres))
    rows = math.ceil(len(report.genres) / columns)
    side = max(2.15, 4.5 / columns)  # the panels are square, so rows grow with their columns
    figure = new_figure(
        side * columns + 0.5,
        (side + 0.25) * rows + 0.3,
        title="ROC curve of each genre against the rest",
        subtitle=describe_measurement(report),
    )
    for genre, axes in zip(report.genres, panel_grid(figure, len(report.genres)), strict=True):
        _dress_roc(axes)
        axes.set_title(plain_label(genre, 22), fontsize=9.5, color=INK)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        _draw_chance(axes)
        if genre in curves:
            _draw_curve(axes, curves[genre], color=colours[genre], linewidth=2)
        note = f"AUC {curves[genre].auc:.3f}" if genre in curves else "no test tracks"
        axes.text(0.95, 0.08, note, ha="right", fontsize=9, color=INK, transform=axes.transAxes)
    figure.supxlabel("false positive rate", fontsize=9.5, color=INK)
    figure.supylabel("true positive rate", fontsize=9.5, color=INK)
    return figure
