"""Timeline pictures of predicted songs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from generify.cli.terminal import say

if TYPE_CHECKING:
    from generify.prediction import Prediction

__all__ = ["draw_timelines"]

_ENVELOPE_RATE = 8000  # enough to draw a waveform


def draw_timelines(predictions: Sequence[Prediction], folder: Path) -> None:
    """Draw the timeline of each song into a folder, named after the song."""
    from generify.audio import load_audio
    from generify.datasets.listing import names_apart
    from generify.plots import plot_timeline, save_figure

    folder.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    names = names_apart([Path(prediction.path) for prediction in predictions])
    for prediction in predictions:
        audio = load_audio(prediction.path, _ENVELOPE_RATE)
        figure = plot_timeline(
            prediction,
            samples=audio.samples,
            sample_rate=audio.sample_rate,
            name=names[Path(prediction.path)],
        )
        target = folder / f"{_free_name(Path(prediction.path).stem, taken)}.timeline.png"
        save_figure(figure, target)
        say(f"wrote {target}")


def _free_name(stem: str, taken: set[str]) -> str:
    """Tell songs of one name from different folders apart; write down which names are taken."""
    name, copy = stem, 1
    while name.casefold() in taken:  # folded: one file on macOS and Windows
        copy += 1
        name = f"{stem}-{copy}"
    taken.add(name.casefold())
    return name
