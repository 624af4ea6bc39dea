"""Right and wrong answers: confusion, calibration, and recipes side by side.

In it: :func:`plot_confusion`, :func:`plot_calibration`, :func:`plot_comparison`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from generify.calibration import CalibrationBin
from generify.errors import ParameterError
from generify.evaluation import EvaluationReport
from generify.percent import format_percent
from generify.plots.style import (
    BLUE,
    GREY,
    INK,
    SMALL,
    describe_measurement,
    dress_axes,
    new_figure,
    percent_tick,
    plain_label,
    text_columns,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_calibration", "plot_comparison", "plot_confusion"]

_CROWDED = 12  # genres from which on labels stand upright and cells are small
_CELL_RANGE = (0.47, 1.2)  # inches; below, > 99 % in 8 points would touch its neighbours
_TELLING_TRACKS = 5  # in a range of confidence; fewer make the curve a zigzag
_POINT_AREAS = (14, 200)  # square points
_DARK_CELL = 0.55  # share from which on letters are white


def _write_cells(axes: Axes, counts: NDArray[np.intp], shares: NDArray[np.floating]) -> None:
    crowded = len(counts) >= _CROWDED
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        text = f"{format_percent(float(share))}\n{count}" if count else "0"
        colour = ("white" if share > _DARK_CELL else INK) if count else "#9a9a9a"
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=8 if crowded else 9,
            color=colour,
            linespacing=1.1,
        )


def _dress_matrix(axes: Axes, names: list[str], totals: list[int]) -> None:
    dress_axes(axes, grid=False)
    axes.spines[:].set_visible(False)
    axes.set_facecolor("#ececec")  # rows without tracks
    axes.set_anchor("N")
    places = np.arange(len(names))
    axes.set_xticks(places, names)
    for label in axes.get_xticklabels():
        if len(names) >= _CROWDED:
            label.set_rotation(90)
        else:
            label.set(rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, [f"{name} ({n})" for name, n in zip(names, totals, strict=True)])
    axes.set_xticks(places[1:] - 0.5, minor=True)
    axes.set_yticks(places[1:] - 0.5, minor=True)
    axes.tick_params(which="both", length=0)
    axes.grid(True, which="minor", color="white", linewidth=1.5)
    axes.set_xlabel("predicted genre", fontsize=10)
    axes.set_ylabel("true genre (test tracks)", fontsize=10)


def plot_confusion(report: EvaluationReport) -> Figure:
    """Draw which genre was called what.

    Parameters
    ----------
    report : EvaluationReport
        The report.

    Returns
    -------
    matplotlib.figure.Figure
        A matrix, row = true genre, column = predicted genre. Colour and upper number are the share
        of the row's tracks (rows sum to one), the lower number is the count. A row without tracks
        is grey.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    counts = np.array(report.confusion, dtype=np.intp)
    n_genres = len(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, counts / np.maximum(totals, 1), np.nan)
    cell = float(np.clip(5.6 / n_genres, *_CELL_RANGE))
    names = [plain_label(genre) for genre in report.genres]
    margin = 0.6 + 0.07 * max(map(text_columns, names))
    figure = new_figure(
        max(6.0, n_genres * cell + margin + 1.6),
        n_genres * cell + margin,
        title="Confusion: true genre against predicted genre",
        subtitle=describe_measurement(report),
    )
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    _write_cells(axes, counts, shares)
    _dress_matrix(axes, names, totals[:, 0].tolist())
    bar = figure.colorbar(image, ax=axes, shrink=0.7, aspect=25, format=percent_tick)
    bar.set_label("share of the true genre's tracks", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=SMALL, color=GREY)
    bar.outline.set_visible(False)
    return figure


def _draw_bins(axes: Axes, bins: Sequence[CalibrationBin], **style: Any) -> Any:
    """Draw ranges of confidence as points; the area goes with the tracks, within limits."""
    return axes.scatter(
        [b.confidence for b in bins],
        [b.accuracy for b in bins],
        s=np.clip([4.0 * b.n_tracks for b in bins], *_POINT_AREAS),
        linewidth=1,
        clip_on=False,
        zorder=4,
        **style,
    )


def plot_calibration(report: EvaluationReport) -> Figure:
    """Draw how often answers of a given confidence are right.

    Parameters
    ----------
    report : EvaluationReport
        The report.

    Returns
    -------
    matplotlib.figure.Figure
        Above the reliability curve with the line of perfect calibration, below the number of tracks
        in each range of confidence. Points are as large as their ranges have tracks; the curve
        leaves out those of fewer than five.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    figure = new_figure(
        6.0,
        5.9,
        title="Calibration: confidence against accuracy",
        subtitle=describe_measurement(report),
    )
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    dress_axes(above)
    dress_axes(below)
    (perfect,) = above.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    handles = {"perfect": perfect}
    lone = [b for b in report.calibration if 0 < b.n_tracks < _TELLING_TRACKS]
    if lone:
        few = f"ranges of fewer than {_TELLING_TRACKS} tracks, which tell nothing"
        handles[few] = _draw_bins(above, lone, facecolor="white", edgecolor=GREY)
    telling = [b for b in report.calibration if b.n_tracks >= _TELLING_TRACKS]
    if telling:
        x, y = [b.confidence for b in telling], [b.accuracy for b in telling]
        above.plot(x, y, color=BLUE, linewidth=1.8, clip_on=False, zorder=3)
        error = f"this model, calibration error {report.calibration_error:.3f}"
        handles[error] = _draw_bins(above, telling, facecolor=BLUE, edgecolor="white")
    labels = [*handles][::-1]
    above.legend(
        [handles[label] for label in labels], labels, loc="upper left", fontsize=9, frameon=False
    )
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    bars = below.bar(
        [b.low for b in report.calibration],
        [b.n_tracks for b in report.calibration],
        width=[b.high - b.low for b in report.calibration],
        align="edge",
        color=BLUE,
        edgecolor="white",
    )
    below.bar_label(bars, labels=[str(b.n_tracks or "") for b in report.calibration], fontsize=8)
    below.margins(y=0.25)
    below.set(xlabel="confidence (probability of the named genre)", ylabel="tracks")
    return figure


def _check_comparable(reports: Sequence[EvaluationReport], labels: Sequence[str]) -> None:
    if not reports or len(reports) != len(labels):
        raise ParameterError(
            f"expected at least one report and one label each, got {len(reports)} reports and "
            f"{len(labels)} labels"
        )
    measured = sorted({f"{r.experiment.dataset}, {r.experiment.split}" for r in reports})
    if len(measured) > 1 or len({r.genres for r in reports}) > 1:
        raise ParameterError(
            f"reports to compare must share dataset, split and genres, got {'; '.join(measured)}",
            hint="evaluate them all on one split",
        )


def _draw_folds(axes: Axes, place: int, report: EvaluationReport) -> None:
    folds = report.fold_accuracies
    if not folds:
        gaps = [[report.accuracy - report.low], [report.high - report.accuracy]]
        axes.errorbar(report.accuracy, place, xerr=gaps, fmt="D", color=BLUE, capsize=5)
        return
    line = {"color": BLUE, "linewidth": 1.3}
    axes.boxplot(
        [list(folds)],
        positions=[place],
        orientation="horizontal",
        widths=0.5,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": "#dbe6f6", "edgecolor": BLUE},
        medianprops={"color": BLUE, "linewidth": 2.2},
        whiskerprops=line,
        capprops=line,
    )
    spread = (
        np.arange(len(folds)) * 0.382 % 1 - 0.5
    ) * 0.34  # points side by side, the same each time
    axes.scatter(folds, place + spread, s=20, color=INK, edgecolor="white", linewidth=0.6, zorder=3)


def _describe_comparison(report: EvaluationReport) -> str:
    experiment = report.experiment
    return (
        f"{plain_label(experiment.dataset, 40)}, split “{plain_label(experiment.split, 40)}”: "
        f"{len(report.genres)} genres, {report.n_tracks} tracks tested. Points are folds; the box "
        "spans their middle half."
    )


def _draw_chance(axes: Axes, n_genres: int) -> None:
    axes.axvline(1 / n_genres, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(
        f"chance: 1 of {n_genres} genres",
        (1 / n_genres, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, 2),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=SMALL,
        color="#555555",
    )


def plot_comparison(reports: Sequence[EvaluationReport], labels: Sequence[str]) -> Figure:
    """Draw the fold accuracies of several recipes side by side.

    Parameters
    ----------
    reports : sequence of EvaluationReport
        Measured on the same dataset, split and genres.
    labels : sequence of str
        A short name for each.

    Returns
    -------
    matplotlib.figure.Figure
        One row a recipe, the first on top: its box (median, quartiles, whiskers within 1.5 times
        their distance) with its folds as points, and the line of chance. A report without folds is
        drawn as its accuracy with the 95 % interval.

    Raises
    ------
    ParameterError
        When there is nothing to compare, labels are missing, or splits differ.
    MissingExtraError
        When matplotlib is not installed.
    """
    _check_comparable(reports, labels)
    figure = new_figure(
        7.4,
        0.42 * len(reports) + 1.0,
        title="Accuracy of each fold",
        subtitle=_describe_comparison(reports[0]),
    )
    axes = figure.add_subplot()
    dress_axes(axes)
    axes.yaxis.grid(False)
    for place, report in enumerate(reports):
        _draw_folds(axes, place, report)
    _draw_chance(axes, len(reports[0].genres))
    axes.set_yticks(range(len(labels)), [plain_label(label, 40) for label in labels])
    # a little room on either side, so that the points at 0 and at 100 % are whole
    axes.set(xlim=(-0.02, 1.02), ylim=(len(labels) - 0.4, -0.6), xlabel="accuracy")
    axes.xaxis.set_major_formatter(percent_tick)
    return figure
