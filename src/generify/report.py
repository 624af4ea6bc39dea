"""One HTML page from a report and its figures, in plain words.

Conventions: a page is a single file without scripts and without outside addresses: style and
figures are inside it, so that it can be mailed, printed and kept. It never gives a figure without
the split it was measured on. Everything that comes from file names is escaped. No date is written:
equal reports give equal files.

In it: :func:`write_report`, :func:`write_comparison`, :func:`comparison_warnings`,
:class:`ReportFiles`.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import struct
import tempfile
import unicodedata
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generify.atomic import TEMPORARY_PREFIX, cure_for, make_folder, replacing
from generify.errors import Failure, GenerifyError, MissingExtraError, ParameterError
from generify.evaluation import EvaluationReport
from generify.percent import format_unbroken
from generify.plots import (
    plot_calibration,
    plot_comparison,
    plot_confusion,
    plot_roc_curve,
    plot_roc_curves,
    plot_roc_grid,
    plot_spectrograms,
    render_figure,
)

if TYPE_CHECKING:
    from generify.spectrograms import Spectrogram

__all__ = ["ReportFiles", "comparison_warnings", "write_comparison", "write_report"]

_WORST_MISTAKES = 20
_PNG_DPI = 192
_SCREEN_DPI = (
    116  # a fifth larger than drawn: legends of 8.5 points get 14 of a screen's 96 an inch
)
_WIDEST = 13.5  # inches of a picture that is made smaller to fit the page


@dataclass(frozen=True)
class ReportFiles:
    """What a report was written to.

    Attributes
    ----------
    html : Path
        The page.
    json : Path
        The same figures for programs.
    figures : tuple of Path
        PNG files, in the order of the page, curves of single genres last.
    """

    html: Path
    json: Path
    figures: tuple[Path, ...]


@dataclass(frozen=True)
class _Picture:
    """A figure inside the page."""

    title: str
    caption: str
    content: bytes

    @property
    def address(self) -> str:
        return "data:image/png;base64," + b64encode(self.content).decode("ascii")

    @property
    def _inches(self) -> float:
        """Width as drawn, from the PNG header."""
        pixels: int = struct.unpack(">I", self.content[16:20])[0]
        return pixels / _PNG_DPI

    @property
    def width(self) -> int:
        """Pixels on the page."""
        return round(self._inches * _SCREEN_DPI)

    @property
    def is_wide(self) -> bool:
        """Whether it is not made smaller to fit the page: its letters could not be read."""
        return self._inches > _WIDEST


_CAPTIONS = {
    "confusion": (
        "Who is taken for whom",
        "Each row is a true genre and adds up to 100 %. The dark diagonal is right; every other "
        "cell says how many tracks of the row's genre were called by the column's name.",
    ),
    "roc": (
        "ROC curves",
        "A curve shows how many tracks of a genre are found (upward) for how many others are "
        "wrongly called so (to the right). The nearer to the top left corner the better; the "
        "dashed diagonal is guessing.",
    ),
    "roc-grid": (
        "ROC curve of each genre",
        "The same curves one by one; AUC is the area below the curve, 1 is perfect and 0.5 is "
        "guessing.",
    ),
    "calibration": (
        "Can its confidence be believed?",
        "On the dashed line a confidence of 70 % means right 7 times in 10. Points above it: too "
        "modest. Points below it: too sure. The bars count the tracks behind each point.",
    ),
    "spectrograms": (
        "What the tracks look like",
        "Time runs to the right and pitch upward, brighter is louder: steady stripes are held "
        "notes, upright lines are drum beats.",
    ),
    "comparison": (
        "Fold by fold",
        "Each point is the accuracy on one fold, the box holds the middle half of them and the "
        "thick line is the median, alone where these folds are equal. Boxes that overlap widely do "
        "not show a difference.",
    ),
}


def _decimal(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _render_page(template: str, **values: Any) -> str:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("train", "jinja2") from err
    environment = Environment(
        loader=PackageLoader("generify", "report_templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": format_unbroken, "decimal": _decimal}
    return environment.get_template(template).render(**values)


def _prepare_folder(folder: Path) -> Path:
    """Make the folder and try it, so that nobody waits for figures that cannot be kept."""
    make_folder(folder)
    try:
        tempfile.TemporaryFile(dir=folder, prefix=TEMPORARY_PREFIX).close()
    except OSError as err:
        message = f"cannot write into {folder}: {err.strerror or err}"
        raise GenerifyError(message, hint=cure_for(err)) from err
    return folder


def _write(path: Path, content: bytes) -> Path:
    with replacing(path, GenerifyError) as temporary:
        temporary.write_bytes(content)
    return path


def _write_json(path: Path, content: dict[str, Any]) -> Path:
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    return _write(path, f"{text}\n".encode())


def _file_stems(genres: Sequence[str]) -> dict[str, str]:
    """Give each genre a part of a file name that every system takes, no two alike."""
    stems: dict[str, str] = {}
    for number, genre in enumerate(genres, start=1):
        letters = unicodedata.normalize("NFKD", genre).encode("ascii", "ignore").decode()
        base = re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-")[:40] or f"genre-{number}"
        stem, copy = base, 1
        while stem in stems.values():
            copy += 1
            stem = f"{base}-{copy}"
        stems[genre] = stem
    return stems


def _picture(name: str, figure: Any) -> _Picture:
    title, caption = _CAPTIONS[name]
    return _Picture(title, caption, render_figure(figure, "png"))


def _report_pictures(
    report: EvaluationReport, spectrograms: Sequence[Spectrogram]
) -> dict[str, _Picture]:
    pictures = {"confusion": _picture("confusion", plot_confusion(report))}
    if report.roc_curves:
        pictures["roc"] = _picture("roc", plot_roc_curves(report))
        pictures["roc-grid"] = _picture("roc-grid", plot_roc_grid(report))
    pictures["calibration"] = _picture("calibration", plot_calibration(report))
    if spectrograms:
        pictures["spectrograms"] = _picture("spectrograms", plot_spectrograms(spectrograms))
    return pictures


def _write_figures(
    report: EvaluationReport, pictures: dict[str, _Picture], folder: Path
) -> tuple[Path, ...]:
    files = [_write(folder / f"{name}.png", p.content) for name, p in pictures.items()]
    stems = _file_stems(report.genres)
    for curve in report.roc_curves:
        content = render_figure(plot_roc_curve(report, curve.genre), "png")
        files.append(_write(folder / f"roc_{stems[curve.genre]}.png", content))
    return tuple(files)


def write_report(
    report: EvaluationReport,
    folder: str | Path,
    *,
    spectrograms: Sequence[Spectrogram] = (),
) -> ReportFiles:
    """Write a report as a page, as JSON, and as figures.

    Parameters
    ----------
    report : EvaluationReport
        The report.
    folder : str or Path
        Where to; made if missing. ``report.html``, ``report.json`` and ``figures/*.png`` in it are
        replaced, anything else is left alone.
    spectrograms : sequence of Spectrogram
        Examples to show.

    Returns
    -------
    ReportFiles
        What was written.

    Raises
    ------
    GenerifyError
        When the folder cannot be made or written, before any work is done.
    ParameterError
        When a spectrogram is not a matrix over a positive time.
    MissingExtraError
        When matplotlib or jinja2 is not installed.
    """
    target = _prepare_folder(Path(folder))
    figures = _prepare_folder(target / "figures")
    pictures = _report_pictures(report, spectrograms)
    page = _render_page(
        "report.html",
        report=report,
        experiment=report.experiment,
        pictures=list(pictures.values()),
        mistakes=report.mistakes[:_WORST_MISTAKES],
    )
    files = _write_figures(report, pictures, figures)
    return ReportFiles(
        html=_write(target / "report.html", page.encode()),
        json=_write_json(target / "report.json", report.to_dict()),
        figures=files,
    )


def comparison_warnings(
    results: Sequence[EvaluationReport | Failure], labels: Sequence[str]
) -> tuple[str, ...]:
    """Gather what weakens several recipes: what all share, then what one has, with its name.

    Parameters
    ----------
    results : sequence of EvaluationReport or Failure
        The recipes.
    labels : sequence of str
        A name for each.

    Returns
    -------
    tuple of str
        One line each.
    """
    of_each = [
        (label, result.experiment.warnings)
        for label, result in zip(labels, results, strict=True)
        if isinstance(result, EvaluationReport)
    ]
    everything = dict.fromkeys(text for _, warnings in of_each for text in warnings)
    shared = [text for text in everything if all(text in warnings for _, warnings in of_each)]
    own = [f"{label}: {w}" for label, warnings in of_each for w in warnings if w not in shared]
    return (*shared, *own)


@dataclass(frozen=True)
class _Row:
    """One recipe in the table of a comparison."""

    label: str
    report: EvaluationReport

    @property
    def folds(self) -> str:
        """Mean and standard deviation over the folds."""
        accuracies = self.report.fold_accuracies
        if not accuracies:
            return "–"
        mean = format_unbroken(statistics.fmean(accuracies))
        if len(accuracies) == 1:
            return mean
        return f"{mean} ± {100 * statistics.stdev(accuracies):.1f}"


def write_comparison(
    results: Sequence[EvaluationReport | Failure], labels: Sequence[str], folder: str | Path
) -> ReportFiles:
    """Write several recipes side by side as a page, as JSON, and as a box plot.

    Parameters
    ----------
    results : sequence of EvaluationReport or Failure
        Measured on the same dataset, split and genres; a failure for a recipe that cannot be
        fitted. The page shows the best first.
    labels : sequence of str
        A name for each.
    folder : str or Path
        Where to; made if missing. ``comparison.html``, ``comparison.json`` and ``comparison.png``
        in it are replaced, anything else is left alone.

    Returns
    -------
    ReportFiles
        What was written.

    Raises
    ------
    GenerifyError
        When the folder cannot be made or written, before any work is done.
    ParameterError
        When there is nothing to compare, labels are missing, or splits differ.
    MissingExtraError
        When matplotlib or jinja2 is not installed.
    """
    _check_comparable(results, labels)
    target = _prepare_folder(Path(folder))
    pairs = list(zip(labels, results, strict=True))
    rows = [_Row(label, result) for label, result in pairs if isinstance(result, EvaluationReport)]
    rows.sort(key=lambda row: -row.report.accuracy)
    reports = [row.report for row in rows]
    picture = _picture("comparison", plot_comparison(reports, [row.label for row in rows]))
    page = _render_page(
        "comparison.html",
        rows=rows,
        unfit=[(label, result) for label, result in pairs if isinstance(result, Failure)],
        best=rows[0],
        experiment=reports[0].experiment,
        n_tracks=reports[0].n_tracks,
        n_genres=len(reports[0].genres),
        warnings=comparison_warnings(results, labels),
        picture=picture,
    )
    return ReportFiles(
        html=_write(target / "comparison.html", page.encode()),
        json=_write_json(target / "comparison.json", {"recipes": [_record(*p) for p in pairs]}),
        figures=(_write(target / "comparison.png", picture.content),),
    )


def _check_comparable(results: Sequence[EvaluationReport | Failure], labels: Sequence[str]) -> None:
    n_judged = sum(isinstance(result, EvaluationReport) for result in results)
    if not n_judged or len(results) != len(labels):
        raise ParameterError(
            f"expected at least one report and a label for each result, got {n_judged} reports "
            f"among {len(results)} results and {len(labels)} labels"
        )


def _record(label: str, result: EvaluationReport | Failure) -> dict[str, Any]:
    if isinstance(result, Failure):
        return {"label": label, "error": result.to_dict()["error"]}
    return {"label": label, "report": result.to_dict()}
