"""Blank figures in the house style, and how they get to disk.

Conventions: no pyplot and no global settings, so that a figure looks the same whatever else the
program draws; white ground, no letter under 8 points; sizes in inches. A genre has one colour,
given by its place among the sorted names, so it keeps it from figure to figure.

In it: :data:`PALETTE`, :func:`genre_colours`, :func:`text_colour`, :func:`text_columns`,
:func:`plain_label`, :func:`describe_measurement`, :func:`percent_tick`, :func:`new_figure`,
:func:`panel_grid`, :func:`dress_axes`, :func:`render_figure`, :func:`save_figure`.
"""

from __future__ import annotations

import io
import math
import textwrap
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from generify.atomic import replacing
from generify.errors import GenerifyError, MissingExtraError, ParameterError
from generify.evaluation import EvaluationReport
from generify.percent import format_tenths
from generify.plots.fonts import lend_fonts, quiet_fonts, spell_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "DASHES",
    "FIGURE_FORMATS",
    "GREY",
    "INK",
    "PALETTE",
    "SMALL",
    "describe_measurement",
    "dress_axes",
    "genre_colours",
    "genre_dashes",
    "grid_columns",
    "new_figure",
    "panel_grid",
    "percent_tick",
    "plain_label",
    "render_figure",
    "save_figure",
    "text_colour",
    "text_columns",
]

# Any two are at least 28 apart in CIELAB, for full sight and for the three kinds of colour
# blindness as simulated after Machado, Oliveira and Fernandes (2009); the usual ten-colour sets
# fall to 11 or less.
PALETTE = (
    "#6c7dff",
    "#bc9b0a",
    "#5e7a58",
    "#bd519a",
    "#a12503",
    "#09ccf2",
    "#591895",
    "#560c0e",
    "#afc474",
    "#06274c",
)
DASHES = ("-", "--", ":")  # tell genres apart that share a colour, from the eleventh on
INK = "#222222"
GREY = "#8a8a8a"
BLUE = "#2f5fae"  # what belongs to no genre
SMALL = 8.5  # points; the smallest letters but those of crowded cells, which have 8
FIGURE_FORMATS = ("png", "svg", "pdf")

_LABEL_LENGTH = 24
_DPI = 192  # twice the 96 of a screen
_LETTER_WIDTH = 0.072  # inches a letter of SMALL takes on average
_LINE_HEIGHT = 0.17


def _sorted_ranks(genres: Iterable[str]) -> dict[str, int]:
    return {genre: rank for rank, genre in enumerate(sorted(set(genres)))}


def genre_colours(genres: Iterable[str]) -> dict[str, str]:
    """Give each genre its colour.

    Parameters
    ----------
    genres : iterable of str
        All genres of a model, in any order.

    Returns
    -------
    dict of str to str
        Colours of :data:`PALETTE`, by place among the sorted names; from the eleventh on they come
        again.

    Examples
    --------
    >>> genre_colours(["rock", "jazz"]) == genre_colours(["jazz", "rock"])
    True
    """
    return {genre: PALETTE[i % len(PALETTE)] for genre, i in _sorted_ranks(genres).items()}


def genre_dashes(genres: Iterable[str]) -> dict[str, str]:
    """Give each genre its line style, which differs where the colour does not.

    Parameters
    ----------
    genres : iterable of str
        All genres of a model, in any order.

    Returns
    -------
    dict of str to str
        Line styles of :data:`DASHES`.
    """
    ranks = _sorted_ranks(genres)
    return {genre: DASHES[i // len(PALETTE) % len(DASHES)] for genre, i in ranks.items()}


def text_colour(ground: str) -> str:
    """Choose black or white letters for a coloured ground.

    Parameters
    ----------
    ground : str
        Colour as ``#rrggbb``.

    Returns
    -------
    str
        :data:`INK` or white, whichever has the higher contrast.
    """
    red, green, blue = (int(ground[i : i + 2], 16) / 255 for i in (1, 3, 5))
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return "white" if luminance < 0.22 else INK


def text_columns(line: str) -> int:
    """Count letters, those of Chinese, Japanese and Korean twice: they are as wide as two.

    Parameters
    ----------
    line : str
        What is to be drawn.

    Returns
    -------
    int
        Its width in usual letters.

    Examples
    --------
    >>> text_columns("jazz"), text_columns("爵士")
    (4, 4)
    """
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def plain_label(text: str, length: int = _LABEL_LENGTH) -> str:
    """Make a name safe to draw: one line, of bounded length, never read as a formula, no boxes.

    Parameters
    ----------
    text : str
        Name of a genre or a file.
    length : int
        Most letters; wide ones count twice.

    Returns
    -------
    str
        What to hand to matplotlib.

    Examples
    --------
    >>> plain_label("a very long name indeed", 10)
    'a very lo…'
    """
    line = spell_out(" ".join("".join(c if c.isprintable() else " " for c in text).split()))
    if text_columns(line) > length:
        while text_columns(line) >= length:
            line = line[:-1]
        line = line.rstrip() + "…"
    escaped = line.replace("$", r"\$")
    # matplotlib leaves names that begin with an underscore out of legends
    return f" {escaped}" if escaped.startswith("_") else escaped


def describe_measurement(report: EvaluationReport) -> str:
    """Say in one line what a report was measured on and how accurate it is.

    Parameters
    ----------
    report : EvaluationReport
        The report.

    Returns
    -------
    str
        Recipe, dataset, split, accuracy with its 95 % interval, numbers of tracks.
    """
    experiment = report.experiment
    trained = f", trained on {experiment.n_train}" if experiment.n_train else ""
    return (
        f"{plain_label(experiment.recipe, 60)} on {plain_label(experiment.dataset, 40)}, split "
        f"“{plain_label(experiment.split, 40)}”: accuracy {format_tenths(report.accuracy)} (95 % "
        f"interval {100 * report.low:.1f} to {100 * report.high:.1f}) on {report.n_tracks} "
        f"tracks{trained}"
    )


def percent_tick(value: float, _position: object = None) -> str:
    """Label a tick of an axis of shares.

    Parameters
    ----------
    value : float
        0 to 1.
    _position : object
        Which tick it is; matplotlib gives it.

    Returns
    -------
    str
        Whole percent.

    Examples
    --------
    >>> percent_tick(0.6)
    '60 %'
    """
    return f"{100 * value:.0f} %"


def _wrap_evenly(text: str, width: int) -> list[str]:
    """Break a text into as few lines as it takes, none of them much shorter than the others."""
    text = text.replace(" %", "\N{NO-BREAK SPACE}%")
    lines = textwrap.wrap(text, width)
    for narrower in range(width - 1, 0, -1):
        tried = textwrap.wrap(text, narrower)
        if len(tried) > len(lines):
            break
        lines = tried
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def new_figure(width: float, height: float, *, title: str, subtitle: str) -> Figure:
    """Make a blank figure with its title at the top left.

    Parameters
    ----------
    width, height : float
        Size in inches; the height is that of the drawing, the title is put on top of it.
    title : str
        What is shown.
    subtitle : str
        What it was measured on; broken into lines where it is long.

    Returns
    -------
    matplotlib.figure.Figure
        Without axes, with an Agg canvas.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("train", "matplotlib") from err
    lines = _wrap_evenly(subtitle, max(20, int((width - 0.2) / _LETTER_WIDTH)))
    head = 0.42 + _LINE_HEIGHT * len(lines)
    figure = Figure(figsize=(width, height + head), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    total = height + head
    figure.set_layout_engine("constrained", rect=(0.0, 0.0, 1.0, 1 - head / total))
    left = 0.1 / width
    figure.text(left, 1 - 0.1 / total, title, fontsize=12, fontweight="bold", color=INK, va="top")
    below = 1 - 0.34 / total
    figure.text(left, below, "\n".join(lines), fontsize=SMALL, color="#444444", va="top")
    lend_fonts(figure)  # for those who save it by themselves
    return figure


def grid_columns(n_panels: int) -> int:
    """Choose how many panels stand side by side.

    Parameters
    ----------
    n_panels : int
        Panels in all.

    Returns
    -------
    int
        Columns, at most five, such that few places stay empty.

    Examples
    --------
    >>> [grid_columns(n) for n in (1, 4, 6, 10, 12, 30)]
    [1, 2, 3, 5, 4, 5]
    """
    if n_panels <= 3:
        return n_panels
    if n_panels == 4:
        return 2
    return min((3, 4, 5), key=lambda columns: (-n_panels % columns, abs(columns - 4), -columns))


def panel_grid(figure: Figure, n_panels: int) -> list[Axes]:
    """Add a grid of axes to a figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Changed in place.
    n_panels : int
        Panels wanted.

    Returns
    -------
    list of matplotlib.axes.Axes
        Row by row, ``grid_columns(n_panels)`` a row.
    """
    columns = grid_columns(n_panels)
    grid = figure.subplots(math.ceil(n_panels / columns), columns, squeeze=False).ravel()
    for axes in grid[n_panels:]:
        axes.remove()
    return list(grid[:n_panels])


def dress_axes(axes: Axes, *, grid: bool = True) -> None:
    """Put axes into the house style.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Changed in place.
    grid : bool
        Whether to draw a faint grid behind the data.
    """
    axes.set_facecolor("white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(labelsize=SMALL, color=GREY, labelcolor=INK)
    axes.set_axisbelow(True)
    axes.grid(False)
    if grid:
        axes.grid(True, color="#e6e6e6", linewidth=0.7)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_fontsize(9.5)
        label.set_color(INK)


def render_figure(figure: Figure, file_format: str = "png") -> bytes:
    """Draw a figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    file_format : {'png', 'svg', 'pdf'}
        PNG has 192 dots an inch.

    Returns
    -------
    bytes
        Content of the file. It holds no date; PNG and PDF of equal figures are equal.

    Raises
    ------
    ParameterError
        When the format is another one.
    """
    if file_format not in FIGURE_FORMATS:
        raise ParameterError(
            f"expected one of {', '.join(FIGURE_FORMATS)} as format, got {file_format!r}",
            hint="let the file's name end in .png, .svg or .pdf",
        )
    dated = {"png": None, "svg": "Date", "pdf": "CreationDate"}[file_format]
    content = io.BytesIO()
    lend_fonts(figure)
    with warnings.catch_warnings(), quiet_fonts():
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        figure.savefig(
            content, format=file_format, dpi=_DPI, metadata={dated: None} if dated else None
        )
    return content.getvalue()


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure to a file, whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path : str or Path
        Where to; the name's end (``.png``, ``.svg``, ``.pdf``) says the format. A file already
        there is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ParameterError
        When the name ends in something else.
    GenerifyError
        When the file cannot be written.
    """
    target = Path(path)
    content = render_figure(figure, target.suffix.lower().lstrip("."))
    with replacing(target, GenerifyError) as temporary:
        temporary.write_bytes(content)
    return target
