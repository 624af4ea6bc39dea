"""The table of speeds in ``README.md``: a few rows of ``docs/performance.md``.

In it: :func:`speed_table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speed.figures import SideFigures, describe_sides

__all__ = ["speed_table"]

# case, what it is called here, how many songs its seconds are for
_ROWS = (
    ("predict-cold-30s", "genre of a 30-s clip, one core", 1),
    ("predict-cold-4min", "genre of a 4-minute MP3, one core", 1),
    ("table-mfcc", "MFCC of 1,000 clips, two cores", 1000),
    ("scan", "genres of a folder of 60 clips, two cores", 60),
)
_NAMES = {
    "plain": "librosa + onnxruntime",
    "plain, two threads, without start-up": "librosa + onnxruntime (its start-up left out)",
    "musicnn": "original musicnn",
    "librosa": "librosa (one core)",
    "predecessor": "scipy + python_speech_features (one core)",
}


def speed_table(results: Mapping[str, Any]) -> str:
    """Give the table, with its conditions.

    Parameters
    ----------
    results : mapping
        What the suite wrote.

    Returns
    -------
    str
        Markdown. A case that was not measured is left out.
    """
    measured, machine = results["measured"], results["machine"]
    rows = [
        _row(title, describe_sides(measured[case]), n_songs)
        for case, title, n_songs in _ROWS
        if case in measured
    ]
    return "\n".join(
        [
            "| whole command, start-up included | Generify | others |",
            "|---|--:|---|",
            *rows,
            "",
            f"Medians on {machine['cores']} cores of {machine['processor']}, {results['date']}; "
            "MB: peak memory.",
        ]
    )


def _row(title: str, sides: list[SideFigures], n_songs: int) -> str:
    ours, *others = sides
    known = [f"{_NAMES[s.name]} {_cost(s, n_songs)}" for s in others if s.name in _NAMES]
    return f"| {title} | {_cost(ours, n_songs)} | {'; '.join(known)} |"


def _cost(side: SideFigures, n_songs: int) -> str:
    seconds = float(f"{side.seconds * n_songs:.2g}")  # two digits that count
    return f"{seconds:g} s, {side.peak_mb:.0f} MB"
