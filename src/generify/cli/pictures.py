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
    from generify.plots import plot_timeline, save_figure

    folder.mkdir(parents=True, exist_ok=True)
    for prediction in predictions:
        audio = load_audio(prediction.path, _ENVELOPE_RATE)
        figure = plot_timeline(prediction, samples=audio.samples, sample_rate=audio.sample_rate)
        target = folder / f"{Path(prediction.path).stem}.timeline.png"
        save_figure(figure, target)
        say(f"wrote {target}")
