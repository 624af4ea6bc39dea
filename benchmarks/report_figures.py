"""Draw the figures of ``docs/tutorials/report.md``: the western recipe on GTZAN's test list.

::

    python benchmarks/report_figures.py DATA

They are written into ``docs/images``: ``report-confusion.png``, ``report-roc.png``,
``report-roc-one.png`` and ``report-calibration.png``. DATA holds ``mel128.npz`` and the taggrams;
the split is fault-filtered, trained on its training list and tested on its test list.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from generify import defaults
from generify.plots import (
    plot_calibration,
    plot_confusion,
    plot_roc_curve,
    plot_roc_curves,
    save_figure,
)
from gtzan import part, test_list
from gtzan_tables import make_table, read_clips

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description="Figures of the western recipe on GTZAN.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz and the taggrams")
    table = make_table(defaults.FEATURES, read_clips(parser.parse_args().data))
    report = test_list(part(table, "train"), part(table, "test"), "fault-filtered")
    figures = {
        "confusion": plot_confusion(report),
        "roc": plot_roc_curves(report),
        "roc-one": plot_roc_curve(report, "blues"),
        "calibration": plot_calibration(report),
    }
    for name, figure in figures.items():
        print(f"wrote {save_figure(figure, FOLDER / f'report-{name}.png').name}")


if __name__ == "__main__":
    main()
