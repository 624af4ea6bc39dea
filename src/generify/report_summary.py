"""What a model card quotes of a report, and the report that can be made of it again.

In it: :func:`summarise_report`, :func:`restore_report`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from generify.evaluation import EvaluationReport, Experiment, GenreScore, RocCurve, spread_points
from generify.model_card import MAYBE_SHARES, SCORE_SHARES, SHARES, ModelCard

__all__ = ["restore_report", "summarise_report"]

_ROC_POINTS = 40  # enough for a small panel; a card travels in every model file
# Enough that a tenth of a percent is the same, rounded from the card or from the report: 84 of 102
# are 82.4 %, which four digits (0.8235) would make 82.3 %.
_DIGITS = 6
_NEEDED = (*SHARES, "n_tracks", "n_train", "split", "split_meaning", "confusion")


def summarise_report(report: EvaluationReport) -> dict[str, Any]:
    """Choose what a model card quotes from a report.

    Parameters
    ----------
    report : EvaluationReport
        How the recipe was judged.

    Returns
    -------
    dict
        Plain values, None for what could not be measured; the split always with them. ROC curves
        are thinned to 40 points.
    """
    return {
        "split": report.experiment.split,
        "split_meaning": report.experiment.split_meaning,
        "n_tracks": report.n_tracks,
        "n_train": report.experiment.n_train,
        **{name: _rounded(getattr(report, name)) for name in (*SHARES, *MAYBE_SHARES)},
        "scores": [
            {
                "genre": score.genre,
                "n_tracks": score.n_tracks,
                **{name: _rounded(getattr(score, name)) for name in SCORE_SHARES},
            }
            for score in report.scores
        ],
        "confusion": [list(row) for row in report.confusion],
        "roc_curves": [_summarise_curve(curve) for curve in report.roc_curves],
    }


def _summarise_curve(curve: RocCurve) -> dict[str, Any]:
    kept = spread_points(len(curve.false_positive_rate), _ROC_POINTS)
    return {
        "genre": curve.genre,
        "false_positive_rate": [round(curve.false_positive_rate[i], 4) for i in kept],
        "true_positive_rate": [round(curve.true_positive_rate[i], 4) for i in kept],
        "auc": _rounded(curve.auc),
    }


def _rounded(figure: float) -> float | None:
    return None if math.isnan(figure) else round(figure, _DIGITS)


def restore_report(card: ModelCard) -> EvaluationReport | None:
    """Make a report of what a card quotes of one.

    Parameters
    ----------
    card : ModelCard
        A model's card, whoever wrote it.

    Returns
    -------
    EvaluationReport or None
        NaN for what the card does not state, and without folds, calibration and mistakes; None
        where it lacks accuracy, numbers of tracks, split or a confusion that counts some.
    """
    quoted = card.metrics
    if not all(name in quoted for name in _NEEDED) or not _n_counted(quoted["confusion"]):
        return None
    return EvaluationReport(
        experiment=Experiment(
            card.name, card.dataset, quoted["split"], quoted["split_meaning"], quoted["n_train"]
        ),
        genres=card.genres,
        n_tracks=quoted["n_tracks"],
        **{name: quoted[name] for name in SHARES},
        **{name: _number(quoted, name) for name in MAYBE_SHARES},
        fold_accuracies=(),
        scores=tuple(map(_restore_score, quoted.get("scores", ()))),
        confusion=tuple(tuple(row) for row in quoted["confusion"]),
        roc_curves=tuple(map(_restore_curve, quoted.get("roc_curves", ()))),
        calibration=(),
        mistakes=(),
    )


def _n_counted(confusion: Sequence[Sequence[int]]) -> int:
    return sum(map(sum, confusion))


def _restore_score(quoted: Mapping[str, Any]) -> GenreScore:
    figures = {name: _number(quoted, name) for name in SCORE_SHARES}
    return GenreScore(quoted["genre"], quoted["n_tracks"], **figures)


def _restore_curve(quoted: Mapping[str, Any]) -> RocCurve:
    false_rates, true_rates = quoted["false_positive_rate"], quoted["true_positive_rate"]
    return RocCurve(quoted["genre"], tuple(false_rates), tuple(true_rates), _number(quoted, "auc"))


def _number(quoted: Mapping[str, Any], name: str) -> float:
    value = quoted.get(name)
    return math.nan if value is None else float(value)
