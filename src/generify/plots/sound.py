"""What was heard: mel spectrograms, and the genre of a song over time.

In it: :func:`plot_spectrograms`, :func:`plot_timeline`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from generify.errors import ParameterError
from generify.mel_grid import GRID_SAMPLE_RATE
from generify.percent import format_sure
from generify.plots.style import (
    INK,
    SMALL,
    dress_axes,
    genre_colours,
    grid_columns,
    new_figure,
    panel_grid,
    percent_tick,
    plain_label,
    text_colour,
    text_columns,
)
from generify.spectrum import hz_to_mel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from generify.prediction import Prediction, TimelineSegment
    from generify.spectrograms import Spectrogram

__all__ = ["MAX_PANELS", "plot_spectrograms", "plot_timeline"]

MAX_PANELS = 30
"""As many spectrograms as one picture may hold."""

_MEL_TICKS = (250, 500, 1000, 2000, 4000, 8000, 16000)
_DB_RANGE = 80.0

_CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between ticks
_GAP = 1e-3  # seconds; more apart, a line is broken
_TIMELINE_WIDTH = 10.0
_COLUMNS = 1200  # of the waveform; more cannot be told apart
_LETTER_WIDTH = 0.078
_SMALL_SHARE = 0.02  # mean probability below which a genre goes to the others
_OTHERS = "#c9c9c9"


def _mel_ticks(n_mels: int) -> tuple[NDArray[np.floating], list[str]]:
    """Place round frequencies on the rows of a mel spectrum."""
    top = GRID_SAMPLE_RATE / 2
    shown = [hz for hz in _MEL_TICKS if hz < top]
    # row k is centred at the (k + 1)-th of n_mels + 2 points evenly spaced in mel
    places = hz_to_mel(np.array(shown, dtype=float)) * (n_mels + 1) / hz_to_mel(top) - 1
    return places, [f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz" for hz in shown]


def _check_spectrograms(mels: Sequence[Spectrogram]) -> None:
    if not 1 <= len(mels) <= MAX_PANELS:
        raise ParameterError(f"expected 1 to {MAX_PANELS} spectrograms, got {len(mels)}")
    for mel in mels:
        if mel.decibels.ndim != 2 or mel.decibels.size == 0 or not mel.duration > 0:
            raise ParameterError(
                f"expected dB of shape (n_mels, n_frames) over some seconds for {mel.title!r}, "
                f"got shape {mel.decibels.shape} over {mel.duration:g} s"
            )


def _draw_mel(axes: Axes, mel: Spectrogram, loudest: float) -> Any:
    dress_axes(axes, grid=False)
    return axes.imshow(
        mel.decibels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=loudest - _DB_RANGE,
        vmax=loudest,
        extent=(0, mel.duration, -0.5, len(mel.decibels) - 0.5),
    )


def plot_spectrograms(mels: Sequence[Spectrogram]) -> Figure:
    """Draw mel spectrograms side by side on one scale of colour.

    Parameters
    ----------
    mels : sequence of Spectrogram
        At most 30.

    Returns
    -------
    matplotlib.figure.Figure
        A grid of panels, time across and frequency upward on the mel scale, with a bar of the
        loudest 80 dB.

    Raises
    ------
    ParameterError
        When there are none or more than 30, or one is not a matrix over a positive time.
    MissingExtraError
        When matplotlib is not installed.
    """
    _check_spectrograms(mels)
    columns = grid_columns(len(mels))
    rows = math.ceil(len(mels) / columns)
    width = 7.5 if columns == 1 else max(8.5, 2.3 * columns + 1.2)
    figure = new_figure(
        width,
        3.6 if len(mels) == 1 else 2.2 * rows + 0.4,
        title="Mel spectrogram" + "s" * (len(mels) > 1),
        subtitle="Loudness of each pitch over time; brighter is louder.",
    )
    panels = panel_grid(figure, len(mels))
    loudest = max(float(np.max(mel.decibels)) for mel in mels)
    letters = int(width / columns / 0.095)
    for number, (axes, mel) in enumerate(zip(panels, mels, strict=True)):
        image = _draw_mel(axes, mel, loudest)
        axes.set_title(plain_label(mel.title, letters), fontsize=9.5, color=INK)
        places, names = _mel_ticks(len(mel.decibels))
        axes.set_yticks(places, names if number % columns == 0 else [""] * len(names))
        axes.set_ylim(-0.5, len(mel.decibels) - 0.5)
    figure.supxlabel("seconds", fontsize=9, color=INK)
    bar = figure.colorbar(image, ax=panels, aspect=12 * rows, pad=0.015)
    bar.set_label("dB", fontsize=9)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
    return figure


def _clock(seconds: float, _position: int | None = None) -> str:
    """Write a time as mm:ss, or h:mm:ss from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes:02d}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _clock_axis(axes: Axes, duration: float) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    step = next((s for s in _CLOCK_STEPS if duration / s <= 10), 3600 * math.ceil(duration / 36000))
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(_clock))
    axes.set_xlim(0, duration)
    axes.set_xlabel("time (mm:ss)" if duration < 3600 else "time (h:mm:ss)", fontsize=9)


def _steps(
    timeline: Sequence[TimelineSegment], values: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Corners of a step line, broken by NaN where seconds were left out."""
    x: list[float] = []
    y: list[float] = []
    for segment, value in zip(timeline, values.tolist(), strict=True):
        if x and segment.start - x[-1] > _GAP:
            x.append(x[-1])
            y.append(math.nan)
        x += [segment.start, segment.end]
        y += [value, value]
    return np.array(x), np.array(y)


def _probabilities(timeline: Sequence[TimelineSegment]) -> dict[str, NDArray[np.floating]]:
    """Heights to stack: all genres where the segments give them, else the most probable ones."""
    if all(segment.genres for segment in timeline):
        names = [g.genre for g in timeline[0].genres]
        table = [{g.genre: g.probability for g in s.genres} for s in timeline]
        return {name: np.array([row.get(name, 0.0) for row in table]) for name in names}
    names = sorted({segment.genre for segment in timeline})
    return {
        name: np.array([s.probability if s.genre == name else 0.0 for s in timeline])
        for name in names
    }


def _draw_band(axes: Axes, passages: Sequence[TimelineSegment], colours: dict[str, str]) -> None:
    duration = axes.get_xlim()[1]
    inches = _TIMELINE_WIDTH - 1.1
    for p in passages:
        axes.broken_barh([(p.start, p.end - p.start)], (0, 1), facecolors=colours[p.genre])
        name = plain_label(p.genre, 18)
        if text_columns(name) * _LETTER_WIDTH + 0.1 < (p.end - p.start) / duration * inches:
            axes.text(
                (p.start + p.end) / 2,
                0.48,
                name,
                ha="center",
                va="center",
                fontsize=SMALL,
                color=text_colour(colours[p.genre]),
            )
    axes.set(ylim=(0, 1), yticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelbottom=False)


def _draw_areas(
    axes: Axes, timeline: Sequence[TimelineSegment], colours: dict[str, str]
) -> dict[str, Any]:
    """Stack the probabilities; give one handle a genre for the legend."""
    heights = _probabilities(timeline)
    named = {segment.genre for segment in timeline}
    shown = [g for g, p in heights.items() if g in named or p.mean() >= _SMALL_SHARE]
    handles: dict[str, Any] = {}
    below = np.zeros(len(timeline))
    rest = sum((p for g, p in heights.items() if g not in shown), np.zeros(len(timeline)))
    layers = [(g, heights[g], colours[g]) for g in shown]
    if rest.max() > 0:
        layers.append(("other genres", rest, _OTHERS))
    for name, height, colour in layers:
        x, low = _steps(timeline, below)
        _, high = _steps(timeline, below + height)
        handles[name] = axes.fill_between(x, low, high, color=colour, linewidth=0)
        below = below + height
    axes.set(ylim=(0, 1), ylabel="probability")
    axes.yaxis.set_major_formatter(percent_tick)
    return handles


def _draw_envelope(
    axes: Axes,
    samples: NDArray[np.floating],
    sample_rate: float,
    passages: Sequence[TimelineSegment],
    colours: dict[str, str],
) -> None:
    """Draw lowest and highest sample of each of at most 1,200 columns."""
    per_column = max(1, math.ceil(len(samples) / _COLUMNS))
    columns = np.pad(samples, (0, -len(samples) % per_column), mode="edge")
    columns = columns.reshape(-1, per_column)
    times = (np.arange(len(columns)) + 0.5) * per_column / sample_rate
    shades = np.full(len(columns), _OTHERS, dtype=object)
    for passage in passages:
        shades[(times >= passage.start) & (times < passage.end)] = colours[passage.genre]
    axes.vlines(times, columns.min(axis=1), columns.max(axis=1), colors=shades, linewidth=0.8)
    loudest = float(np.abs(samples).max()) or 1.0
    axes.set(ylim=(-1.05 * loudest, 1.05 * loudest), yticks=[], ylabel="waveform")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelbottom=False)


def _timeline_title(prediction: Prediction, name: str) -> str:
    name = plain_label(name or PurePath(prediction.path).name, 50)
    sure = format_sure(prediction.confidence)
    if prediction.genre is None:
        nearest = plain_label(prediction.genres[0].genre) if prediction.genres else "none"
        return f"{name}: unknown, nearest {nearest}" + ("" if prediction.doubt else f" ({sure})")
    return f"{name}: {plain_label(prediction.genre)} ({sure})"


def _check_timeline(
    prediction: Prediction, samples: NDArray[np.floating] | None, sample_rate: float | None
) -> tuple[TimelineSegment, ...]:
    if not prediction.timeline:
        raise ParameterError(
            f"the prediction of {prediction.path} has no timeline",
            hint="predict with a timeline (generify predict --timeline)",
        )
    if samples is not None and (samples.ndim != 1 or samples.size == 0 or not sample_rate):
        raise ParameterError(
            f"a waveform needs mono samples and their sample rate, got shape {samples.shape} and "
            f"sample_rate={sample_rate}"
        )
    return prediction.timeline


def plot_timeline(
    prediction: Prediction,
    *,
    samples: NDArray[np.floating] | None = None,
    sample_rate: float | None = None,
    name: str = "",
) -> Figure:
    """Draw the genre of a song over time.

    Parameters
    ----------
    prediction : Prediction
        With a timeline.
    samples : ndarray, shape (n_samples,), optional
        The whole song, mono, to draw its waveform on top.
    sample_rate : float, optional
        Hz, of ``samples``.
    name : str
        What the title calls the song; its file's name by default.

    Returns
    -------
    matplotlib.figure.Figure
        A band in the colour of the most probable genre, and below it the probabilities stacked: of
        all genres where the segments give them, else of the most probable one. Seconds that were
        left out stay white.

    Raises
    ------
    ParameterError
        When the prediction has no timeline, or samples are not mono or come without a rate.
    MissingExtraError
        When matplotlib is not installed.
    """
    timeline = _check_timeline(prediction, samples, sample_rate)
    duration = max(prediction.duration, timeline[-1].end)
    genres = {g.genre for g in prediction.genres} | {s.genre for s in timeline}
    colours, passages = genre_colours(genres), prediction.passages
    with_wave = samples is not None
    figure = new_figure(
        _TIMELINE_WIDTH,
        4.6 if with_wave else 3.5,
        title=_timeline_title(prediction, name),
        subtitle=f"Model {plain_label(prediction.model, 40)}. The band names the most probable "
        "genre of each moment; white gaps were silent and not judged.",
    )
    ratios = [1.1, 0.3, 2] if with_wave else [0.3, 2]
    panels = list(figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios))
    for axes in panels:
        dress_axes(axes, grid=axes is panels[-1])
    _clock_axis(panels[-1], duration)
    if samples is not None and sample_rate:
        _draw_envelope(panels[0], samples, sample_rate, passages, colours)
    _draw_band(panels[-2], passages, colours)
    handles = _draw_areas(panels[-1], timeline, colours)
    panels[-1].legend(
        handles.values(),
        [plain_label(name, 20) for name in handles],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.24),
        ncols=6,
        fontsize=SMALL,
        frameon=False,
    )
    return figure
