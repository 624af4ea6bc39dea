"""Reports as people see them in a terminal, and what several sub-commands do around them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generify.cli.checks import check_extra, check_folder
from generify.cli.terminal import (
    counted,
    format_percent,
    print_table,
    print_text,
    progress_bar,
    say,
)
from generify.errors import Failure
from generify.percent import format_tenths

if TYPE_CHECKING:
    from generify.datasets import Dataset, Track
    from generify.evaluation import EvaluationReport
    from generify.model import GenreModel
    from generify.table import FeatureTable

__all__ = [
    "comparison_record",
    "flat_record",
    "judge_model",
    "open_report",
    "print_comparison",
    "print_report",
    "read_features",
    "report_cells",
    "say_held_out",
]

_SHOWN = 5  # names


@dataclass(frozen=True)
class ReportFolder:
    """Where a report goes, known to be writable."""

    path: Path

    def write(self, report: EvaluationReport, table: FeatureTable) -> None:
        """Write the report with a spectrogram of each genre, and say where."""
        from generify.report import write_report
        from generify.spectrograms import genre_spectrograms

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
    accept: Callable[[Dataset], None] | None = None,
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
        return load_features(dataset, features, how, accept=accept)


def judge_model(
    model: GenreModel, table: FeatureTable, dataset: str, *, split: str | None, include_seen: bool
) -> EvaluationReport:
    """Judge a model; where it has heard everything, say what to type instead."""
    from generify.training import NothingUnseenError, evaluate_model

    try:
        return evaluate_model(model, table, split=split, include_seen=include_seen)
    except NothingUnseenError as err:
        raise NothingUnseenError(
            str(err),
            hint=f"judge its recipe instead: generify evaluate {shlex.quote(dataset)} "
            f"--features {model.card.extractor.name} --classifier {model.card.classifier}; "
            "or give --include-seen",
        ) from err


def print_report(report: EvaluationReport) -> None:
    """Print the figures of a report, the split with them."""
    experiment = report.experiment
    print_text(
        f"{experiment.recipe} on {experiment.dataset}: {format_tenths(report.accuracy)} right "
        f"(95 % interval {100 * report.low:.1f} to {100 * report.high:.1f})"
    )
    if report.baseline.above_chance:
        print_text(report.baseline.describe())
    print_text(f"split {experiment.split}: {experiment.split_meaning}")
    first_three = f"; right among the first three: {format_percent(report.top3)}"
    print_text(
        f"{report.n_tracks} tracks tested, about {experiment.n_train} trained on"
        + (first_three if report.has_more_than_three_genres else "")
    )
    print_text(
        f"macro F1 {_decimal(report.macro_f1)}, macro AUC {_decimal(report.macro_auc)}, "
        f"calibration error {_decimal(report.calibration_error)}"
    )
    print_text("")
    print_table(
        ["genre", ">tracks", ">precision", ">recall", ">F1", ">AUC", "most often taken for"],
        [[*_score_cells(s), _confused(report, i)] for i, s in enumerate(report.scores)
         if s.n_tracks],
    )  # fmt: skip
    untested = [score.genre for score in report.scores if not score.n_tracks]
    if untested:
        print_text(f"not tested, as no track is of them: {', '.join(untested)}")


def _score_cells(score: Any) -> list[str]:
    figures = (score.precision, score.recall, score.f1, score.roc_auc)
    return [score.genre, str(score.n_tracks), *map(_decimal, figures)]


def _decimal(figure: float) -> str:
    return "–" if isnan(figure) else f"{figure:.2f}"


def _confused(report: EvaluationReport, row: int) -> str:
    wrong = {g: n for j, (g, n) in enumerate(zip(report.genres, report.confusion[row], strict=True))
             if j != row and n}  # fmt: skip
    ranked = sorted(wrong.items(), key=lambda item: -item[1])[:2]
    return ", ".join(f"{genre} {count}" for genre, count in ranked)


def say_held_out(table: FeatureTable) -> None:
    """Tell which tracks were kept from a model, and why."""
    names = [track.track for track in table.tracks if track.split == "test"]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    say(
        f"held out, as the lists of {table.dataset} or its manifest mark them test: "
        f"{counted(len(names), 'track')} ({', '.join(names[:_SHOWN])}{more})"
    )


def report_cells(report: EvaluationReport) -> Sequence[Mapping[str, Any]]:
    """Give one row a genre, for CSV and lines of JSON."""
    plain = report.to_dict()
    split = {"recipe": report.experiment.recipe, "split": report.experiment.split}
    return [{**split, **score} for score in plain["scores"]]


def comparison_record(name: str, result: EvaluationReport | Failure) -> dict[str, Any]:
    """Give a classifier's headline figures, or why it could not be fitted."""
    if isinstance(result, Failure):
        return {"classifier": name, "error": result.to_dict()["error"]}
    return {"classifier": name, **_summary_cells(result)}


def flat_record(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the record of a classifier as one row for CSV."""
    error = record.get("error")
    return record if error is None else {**record, "error": error["message"]}


def _summary_cells(report: EvaluationReport) -> dict[str, Any]:
    names = ("accuracy", "low", "high", "macro_f1", "macro_auc", "top3", "calibration_error")
    return {
        "split": report.experiment.split,
        "n_tracks": report.n_tracks,
        **{name: round(getattr(report, name), 4) for name in names},
        "baseline": round(report.baseline.accuracy, 4),
    }


def print_comparison(results: Sequence[EvaluationReport | Failure], labels: Sequence[str]) -> None:
    """Print the figures of several classifiers, the best first, those that failed last."""
    judged = [r for r in results if not isinstance(r, Failure)]
    experiment, baseline = judged[0].experiment, judged[0].baseline
    print_text(f"{experiment.dataset}, split {experiment.split}: {experiment.split_meaning}")
    if baseline.above_chance:
        print_text(baseline.describe())
    ranked = sorted(zip(results, labels, strict=True), key=_rank)
    print_text("")
    print_table(
        ["classifier", ">accuracy", ">95 % interval", ">macro F1", ">macro AUC"],
        [[label, *_comparison_cells(result)] for result, label in ranked],
    )


def _rank(pair: tuple[EvaluationReport | Failure, str]) -> float:
    return inf if isinstance(pair[0], Failure) else -pair[0].accuracy


def _comparison_cells(result: EvaluationReport | Failure) -> list[str]:
    if isinstance(result, Failure):
        return ["cannot be fitted", "", "", ""]
    interval = f"{100 * result.low:.1f} to {100 * result.high:.1f}"
    return [
        format_tenths(result.accuracy),
        interval,
        _decimal(result.macro_f1),
        _decimal(result.macro_auc),
    ]
