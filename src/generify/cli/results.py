"""Reports as people see them in a terminal, and what several sub-commands do around them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generify.cli.checks import check_extra, check_folder
from generify.cli.terminal import format_percent, print_table, print_text, progress_bar, say
from generify.errors import DatasetError

if TYPE_CHECKING:
    from generify.datasets import Track
    from generify.evaluation import EvaluationReport
    from generify.model import GenreModel
    from generify.table import FeatureTable

__all__ = [
    "judge_model",
    "open_report",
    "print_comparison",
    "print_report",
    "read_features",
    "report_cells",
    "summary_cells",
]


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
    """Check the folder of ``--report``, and what draws it, before any work."""
    if folder is None:
        return None
    check_folder(folder)
    check_extra("train", "matplotlib", "jinja2")
    return ReportFolder(folder)


def read_features(
    dataset: Path,
    features: str,
    genres: tuple[str, ...] | None,
    *,
    jobs: int,
    no_cache: bool,
    corrected: Mapping[str, Track] | None = None,
) -> FeatureTable:
    """Get a dataset's features with a progress bar."""
    from generify.workflow import Extraction, load_features

    with progress_bar("listening") as progress:
        how = Extraction(
            genres=genres,
            use_cache=not no_cache,
            jobs=jobs,
            progress=progress,
            corrected=corrected,
        )
        return load_features(dataset, features, how)


def judge_model(
    model: GenreModel, table: FeatureTable, dataset: str, *, split: str | None, include_seen: bool
) -> EvaluationReport:
    """Judge a model; where it has heard everything, say what to type instead."""
    from generify.training import evaluate_model

    try:
        return evaluate_model(model, table, split=split, include_seen=include_seen)
    except DatasetError as err:
        if "--include-seen" in err.hint:
            err.hint = (
                f"judge its recipe instead: generify evaluate {shlex.quote(dataset)} "
                f"--features {model.card.extractor.name} --classifier {model.card.classifier}; "
                "or give --include-seen"
            )
        raise


def print_report(report: EvaluationReport) -> None:
    """Print the figures of a report, the split with them."""
    experiment = report.experiment
    print_text(
        f"{experiment.recipe} on {experiment.dataset}: {100 * report.accuracy:.1f} % right "
        f"(95 % interval {100 * report.low:.1f} to {100 * report.high:.1f})"
    )
    print_text(f"split {experiment.split}: {experiment.split_meaning}")
    print_text(
        f"{report.n_tracks} tracks tested, about {experiment.n_train} trained on; "
        f"right among the first three: {format_percent(report.top3)}"
    )
    print_text(
        f"macro F1 {_decimal(report.macro_f1)}, macro AUC {_decimal(report.macro_auc)}, "
        f"calibration error {_decimal(report.calibration_error)}"
    )
    print_text("")
    print_table(
        ["genre", ">tracks", ">precision", ">recall", ">F1", ">AUC", "most often taken for"],
        [[*_score_cells(s), _confused(report, i)] for i, s in enumerate(report.scores)],
    )


def _score_cells(score: Any) -> list[str]:
    if not score.n_tracks:  # nothing was tested, which is not the same as nothing found
        return [score.genre, "0", *["–"] * 4]
    figures = (score.precision, score.recall, score.f1, score.roc_auc)
    return [score.genre, str(score.n_tracks), *map(_decimal, figures)]


def _decimal(figure: float) -> str:
    return "–" if isnan(figure) else f"{figure:.2f}"


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
    print_text(f"{experiment.dataset}, split {experiment.split}: {experiment.split_meaning}")
    ranked = sorted(zip(titles, reports, strict=True), key=lambda pair: -pair[1].accuracy)
    print_text("")
    print_table(
        ["classifier", ">accuracy", ">95 % interval", ">macro F1", ">macro AUC"],
        [
            [
                title,
                f"{100 * r.accuracy:.1f} %",
                f"{100 * r.low:.1f} to {100 * r.high:.1f}",
                _decimal(r.macro_f1),
                _decimal(r.macro_auc),
            ]
            for title, r in ranked
        ],
    )
