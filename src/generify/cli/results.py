"""Reports as people see them in a terminal, and what several sub-commands do around them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generify.cli.terminal import format_percent, print_table, progress_bar, say
from generify.errors import ParameterError

if TYPE_CHECKING:
    from generify.evaluation import EvaluationReport
    from generify.table import FeatureTable

__all__ = [
    "check_folder",
    "check_output",
    "open_report",
    "print_comparison",
    "print_report",
    "read_features",
    "report_cells",
    "summary_cells",
]


def check_output(path: Path) -> None:
    """Refuse a file that could not be written, before hours of work."""
    if path.is_dir():
        raise ParameterError(f"{path} is a folder, a file was expected", hint="add a file name")
    check_folder(path.parent)
    if not path.parent.is_dir():
        raise ParameterError(f"there is no folder {path.parent}", hint="make it first")


def check_folder(folder: Path | None) -> None:
    """Refuse a folder that could not be written to, before hours of work."""
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"{folder} is a file, a folder was expected")
    existing = next((p for p in (folder, *folder.parents) if p.exists()), Path())
    if not os.access(existing, os.W_OK):
        raise ParameterError(f"{existing} may not be written to", hint="choose another folder")


@dataclass(frozen=True)
class ReportFolder:
    """Where a report goes, known to be writable."""

    path: Path

    def write(self, report: EvaluationReport, table: FeatureTable) -> None:
        """Write the report with a spectrogram of each genre, and say where."""
        from generify.report import write_report
        from generify.workflow import genre_spectrograms

        files = write_report(report, self.path, spectrograms=genre_spectrograms(table))
        say(f"wrote {files.html}")


def open_report(folder: Path | None) -> ReportFolder | None:
    """Check the folder of ``--report`` before any work."""
    check_folder(folder)
    return None if folder is None else ReportFolder(folder)


def read_features(
    dataset: Path,
    features: str,
    genres: tuple[str, ...] | None,
    *,
    jobs: int,
    no_cache: bool,
) -> FeatureTable:
    """Get a dataset's features with a progress bar."""
    from generify.workflow import Extraction, load_features

    with progress_bar("listening") as progress:
        how = Extraction(genres=genres, use_cache=not no_cache, jobs=jobs, progress=progress)
        return load_features(dataset, features, how)


def print_report(report: EvaluationReport) -> None:
    """Print the figures of a report, the split with them."""
    experiment = report.experiment
    print(
        f"{experiment.recipe} on {experiment.dataset}: {100 * report.accuracy:.1f} % right "
        f"(95 % interval {100 * report.low:.1f} to {100 * report.high:.1f})"
    )
    print(f"split {experiment.split}: {experiment.split_meaning}")
    print(
        f"{report.n_tracks} tracks tested, about {experiment.n_train} trained on; "
        f"among the first three {format_percent(report.top3)}, macro F1 {report.macro_f1:.2f}, "
        f"macro AUC {report.macro_auc:.2f}, calibration error {report.calibration_error:.2f}"
    )
    print_table(
        ["genre", ">tracks", ">precision", ">recall", ">F1", ">AUC", "most often taken for"],
        [[*_score_cells(s), _confused(report, i)] for i, s in enumerate(report.scores)],
    )


def _score_cells(score: Any) -> list[str]:
    figures = (score.precision, score.recall, score.f1, score.roc_auc)
    return [score.genre, str(score.n_tracks), *(f"{figure:.2f}" for figure in figures)]


def _confused(report: EvaluationReport, row: int) -> str:
    wrong = {g: n for j, (g, n) in enumerate(zip(report.genres, report.confusion[row], strict=True))
             if j != row and n}  # fmt: skip
    ranked = sorted(wrong.items(), key=lambda item: -item[1])[:2]
    return ", ".join(f"{genre} {count}" for genre, count in ranked)


def report_cells(report: EvaluationReport) -> Sequence[Mapping[str, Any]]:
    """Give one row a genre, for CSV and lines of JSON."""
    plain = report.to_dict()
    split = {"recipe": report.experiment.recipe, "split": report.experiment.split}
    return [{**split, **score} for score in plain["scores"]]


def summary_cells(report: EvaluationReport) -> dict[str, Any]:
    """Give a report's headline figures as one row."""
    names = ("accuracy", "low", "high", "macro_f1", "macro_auc", "top3", "calibration_error")
    return {
        "split": report.experiment.split,
        "n_tracks": report.n_tracks,
        **{name: round(getattr(report, name), 4) for name in names},
    }


def print_comparison(reports: Sequence[EvaluationReport], titles: Sequence[str]) -> None:
    """Print the figures of several classifiers, the best first."""
    experiment = reports[0].experiment
    print(f"{experiment.dataset}, split {experiment.split}: {experiment.split_meaning}")
    ranked = sorted(zip(titles, reports, strict=True), key=lambda pair: -pair[1].accuracy)
    print_table(
        ["classifier", ">accuracy", ">95 % interval", ">macro F1", ">macro AUC"],
        [
            [
                title,
                f"{100 * r.accuracy:.1f} %",
                f"{100 * r.low:.1f} to {100 * r.high:.1f}",
                f"{r.macro_f1:.2f}",
                f"{r.macro_auc:.2f}",
            ]
            for title, r in ranked
        ],
    )
