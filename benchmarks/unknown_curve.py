"""Draw what "unknown" costs and brings: ``docs/images/unknown.png``.

::

    python benchmarks/unknown_curve.py GTZAN INDIAN [--sounds FOLDER] [-o FILE]

For every share of known songs that a threshold refuses, the share of what should be refused that it
does refuse; left for the western model as ``benchmarks/novelty.py`` measures it, right for the
indian model as ``benchmarks/indian_gate.py`` does. Points are the thresholds of the bundled models.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generify.novelty import REFUSED as CHOSEN
from generify.plots.style import BLUE, INK, PALETTE, dress_axes, new_figure, save_figure
from indian import in_blocks
from indian_gate import measure, western_table
from indian_tables import read_indian_table
from novelty import make_sounds, make_speech, measure_novelty, read_sounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

SHARES = np.arange(0.005, 0.1501, 0.005).round(3)
OUTPUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "unknown.png"
MADE = "noise, tones, clicks, chirps"
COLOURS = (BLUE, *(PALETTE[i] for i in (3, 1, 4, 2, 6, 5)))


@dataclass(frozen=True)
class Curve:
    """What is refused at :data:`SHARES`, and at the threshold that was chosen.

    Attributes
    ----------
    name : str
        What is to be refused.
    refused : ndarray of float
        Shares of it.
    chosen : tuple of (float, float)
        Share of known songs that the chosen threshold refuses, and share of these.
    """

    name: str
    refused: Floats
    chosen: tuple[float, float]


def western_curves(gtzan: Path, folder: Path | None) -> list[Curve]:
    """Measure held-out genres and each kind of sound."""
    made, read = make_sounds(), read_sounds(folder) if folder else {}
    sounds = {MADE: [s for of_kind in made.values() for s in of_kind], **make_speech(), **read}
    names = {"held-out genre, mean": "a genre that it has not heard", "speech": "espeak-ng reading"}
    rows = measure_novelty(gtzan, sounds, SHARES.tolist())
    return [
        Curve(
            f"{names.get(row['kind'], row['kind'])} ({row['n']})",
            np.array(row["refused"]),
            (CHOSEN, float(np.interp(CHOSEN, SHARES, row["refused"]))),
        )
        for row in rows
        if row["kind"] in (*names, *sounds)
    ]


def indian_curves(gtzan: Path, indian: Path) -> list[Curve]:
    """Measure Western clips, for both ways to divide Indian songs."""
    known, western = read_indian_table(indian), western_table(gtzan)
    ways = {"random folds": (known, "random"), "neighbours apart": (in_blocks(known), "artist")}
    curves = []
    for name, (table, split) in ways.items():
        found = measure(table, western, split, SHARES.tolist())
        refused = np.array(list(found["refused"].values()))
        label = f"Western clips, {name} ({len(western.X)})"
        curves.append(Curve(label, refused, tuple(found["bundled"])))
    return curves


def draw(axes: Axes, curves: list[Curve], title: str) -> None:
    """Draw the curves of one model, with a dot on each at the chosen threshold."""
    dress_axes(axes)
    ordered = sorted(curves, key=lambda curve: -curve.chosen[1])
    for curve, colour in zip(ordered, COLOURS, strict=False):
        known, unknown = (100 * share for share in curve.chosen)
        label = f"{curve.name}: {unknown:.0f} % at {known:.0f} %"
        axes.plot(100 * SHARES, 100 * curve.refused, color=colour, label=label)
        axes.plot(known, unknown, "o", color=colour, markersize=5)
    axes.set_xlim(0, 100 * SHARES[-1])
    axes.set_ylim(0, 103)
    axes.set_xlabel("known songs refused, %", fontsize=9.5)
    axes.set_ylabel("refused of what it does not know, %", fontsize=9.5)
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.legend(loc="lower right", fontsize=8, framealpha=0.9, handlelength=1.0)


def main() -> None:
    """Measure, draw and write."""
    parser = argparse.ArgumentParser(description="Draw the trade-off of the answer unknown.")
    parser.add_argument("gtzan", type=Path, help="folder with mel128.npz, the taggrams and audio/")
    parser.add_argument("indian", type=Path, help="folder with librosa_features.csv")
    parser.add_argument("--sounds", type=Path, help="folder with a folder for each kind of sound")
    parser.add_argument("--output", "-o", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    figure = new_figure(
        9.2,
        4.2,
        title="What the answer “unknown” costs and brings",
        subtitle="Each point of a curve is a threshold; dots are the ones chosen. Known songs are "
        "scored by models that heard neither them nor, on the left, their artists.",
    )
    left, right = figure.subplots(1, 2)
    draw(left, western_curves(arguments.gtzan, arguments.sounds), "model western")
    draw(right, indian_curves(arguments.gtzan, arguments.indian), "model indian")
    print(f"wrote {save_figure(figure, arguments.output)}")


if __name__ == "__main__":
    main()
