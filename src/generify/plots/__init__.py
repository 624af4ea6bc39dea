"""Reports and predictions as figures; nothing is computed here but the layout.

Conventions: every function returns a :class:`matplotlib.figure.Figure` and leaves pyplot and its
settings alone; a figure of a report names the split and the accuracy with its interval; a genre
keeps its colour from figure to figure; PNG, SVG and PDF are written whole or not at all.

In it: ROC curves (:mod:`generify.plots.roc`), confusion, calibration and comparison
(:mod:`generify.plots.scores`), spectrograms and timelines (:mod:`generify.plots.sound`), and the
style that they share (:mod:`generify.plots.style`).
"""

from generify.plots.roc import plot_roc_curve, plot_roc_curves, plot_roc_grid
from generify.plots.scores import plot_calibration, plot_comparison, plot_confusion
from generify.plots.sound import plot_spectrograms, plot_timeline
from generify.plots.style import render_figure, save_figure

__all__ = [
    "plot_calibration",
    "plot_comparison",
    "plot_confusion",
    "plot_roc_curve",
    "plot_roc_curves",
    "plot_roc_grid",
    "plot_spectrograms",
    "plot_timeline",
    "render_figure",
    "save_figure",
]
