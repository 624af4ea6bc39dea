"""How good predictions are: pure metrics, no drawing and no printing.

Conventions: ``y`` holds numbers of genres, ``probabilities`` has shape ``(n_tracks, n_genres)`` in
the order of ``genres``, rows sum to one. A figure is never given without the split it was measured
on, which is why :func:`evaluate_predictions` asks for an :class:`Experiment`.

In it: :class:`Experiment` (what was tested on what), :class:`EvaluationReport` and its parts,
:func:`evaluate_predictions`, :func:`accuracy_interval`, :func:`spread_points`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.calibration import CalibrationBin, calibration_bins, calibration_error
from generify.errors import Failure, MissingExtraError, ParameterError
from generify.percent import format_percent

__all__ = [
    "Baseline",
    "EvaluationReport",
    "Experiment",
    "GenreScore",
    "Mistake",
    "RocCurve",
    "accuracy_interval",
    "evaluate_predictions",
    "spread_points",
]

Probabilities = NDArray[np.floating]

_Z_95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution
_UNEQUAL = 1.5  # times its fair share that the most frequent genre must have to be mentioned
_FIRST = 3  # answers; "top 3"
_ROC_POINTS = 400  # more cannot be seen in a figure and would bloat the JSON


@dataclass(frozen=True)
class Experiment:
    """What was tested on what, and how the two were kept apart.

    Attributes
    ----------
    recipe : str
        Features and classifier, or the model's name.
    dataset : str
        Name of the dataset.
    split : str
        Name of the split.
    split_meaning : str
        What the split is, in plain words.
    n_train : int
        Tracks trained on (the mean over the folds).
    flatters : bool
        Whether new songs will be named rightly less often, by how the tracks were kept apart.
    warnings : tuple of str
        What a reader must know before believing the figures.
    failures : tuple of Failure
        Tracks that were left out, and why.
    """

    recipe: str
    dataset: str
    split: str
    split_meaning: str
    n_train: int = 0
    flatters: bool = False
    warnings: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class GenreScore:
    """How well one genre is found.

    Attributes
    ----------
    genre : str
        The genre.
    n_tracks : int
        Tracks that are of this genre.
    precision, recall, f1 : float
        Of those called this genre the share that is; of those that are the share called so; their
        harmonic mean. Zero where there is nothing to divide by.
    roc_auc : float
        Area under the one-vs-rest ROC curve; NaN where only one side is present.
    """

    genre: str
    n_tracks: int
    precision: float
    recall: float
    f1: float
    roc_auc: float


@dataclass(frozen=True)
class RocCurve:
    """Receiver operating characteristic of one genre against the rest.

    Attributes
    ----------
    genre : str
        The genre.
    false_positive_rate, true_positive_rate : tuple of float
        Points of the curve from (0, 0) to (1, 1).
    auc : float
        Area under the curve.
    """

    genre: str
    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    auc: float


@dataclass(frozen=True)
class Mistake:
    """A track that was named wrongly.

    Attributes
    ----------
    track : str
        The track.
    genre : str
        What it is.
    predicted : str
        What it was called.
    probability : float
        How sure the wrong answer was.
    probability_of_genre : float
        What was left for the right one.
    """

    track: str
    genre: str
    predicted: str
    probability: float
    probability_of_genre: float


@dataclass(frozen=True)
class Baseline:
    """What always giving one genre, the most frequent, would be worth.

    Attributes
    ----------
    genre : str
        The most frequent genre.
    accuracy : float
        Its share of the tracks.
    above_chance : bool
        Whether that is well above chance, as the genres are unequal.
    model_is_better : bool
        Whether the model is right more often.
    """

    genre: str
    accuracy: float
    above_chance: bool
    model_is_better: bool

    def describe(self) -> str:
        """Say it in words.

        Returns
        -------
        str
            A sentence without its full stop.
        """
        right = format_percent(self.accuracy)
        return f"always answering {self.genre} would be right {right} of the time"


@dataclass(frozen=True)
class EvaluationReport:
    """Everything measured about one recipe on one split.

    Attributes
    ----------
    experiment : Experiment
        What was tested on what.
    genres : tuple of str
        The genres, in the order of every table below.
    n_tracks : int
        Tracks tested.
    accuracy, low, high : float
        Share of right answers with its 95 % interval (Wilson).
    macro_f1, macro_auc : float
        Unweighted means over the genres that occur.
    top3 : float
        Share of tracks whose genre is among the three most probable.
    calibration_error : float
        Mean gap between confidence and accuracy over ten bins.
    fold_accuracies : tuple of float
        Accuracy of each fold.
    scores : tuple of GenreScore
        One a genre.
    confusion : tuple of tuple of int
        Counts: row = true genre, column = predicted genre.
    roc_curves : tuple of RocCurve
        One a genre that occurs.
    calibration : tuple of CalibrationBin
        Ten bins of confidence.
    mistakes : tuple of Mistake
        The wrong answers, the surest first.
    """

    experiment: Experiment
    genres: tuple[str, ...]
    n_tracks: int
    accuracy: float
    low: float
    high: float
    macro_f1: float
    macro_auc: float
    top3: float
    calibration_error: float
    fold_accuracies: tuple[float, ...]
    scores: tuple[GenreScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    roc_curves: tuple[RocCurve, ...]
    calibration: tuple[CalibrationBin, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def baseline(self) -> Baseline:
        """What always giving the most frequent genre would be worth."""
        counts = [sum(row) for row in self.confusion]  # a card's report may have no scores
        n_present = sum(map(bool, counts))
        share = max(counts) / sum(counts)
        return Baseline(
            self.genres[counts.index(max(counts))],
            share,
            above_chance=n_present > 1 and share >= _UNEQUAL / n_present,
            model_is_better=n_present == 1 or self.accuracy > share,
        )

    @property
    def has_more_than_three_genres(self) -> bool:
        """Whether the first three are not all genres that there are."""
        return len(self.genres) > _FIRST

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values for JSON.

        Returns
        -------
        dict
            Nested dicts, lists, numbers and strings; None in place of NaN.
        """
        baseline = {"genre": self.baseline.genre, "accuracy": self.baseline.accuracy}
        plain: dict[str, Any] = _plain(asdict(self) | {"baseline": baseline})
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def accuracy_interval(n_right: int, n_tracks: int) -> tuple[float, float]:
    """95 % interval of a share, after Wilson.

    Parameters
    ----------
    n_right : int
        Right answers.
    n_tracks : int
        All answers, at least one.

    Returns
    -------
    tuple of float
        Lower and upper end, between 0 and 1.

    Raises
    ------
    ParameterError
        Unless ``0 <= n_right <= n_tracks`` and ``n_tracks >= 1``.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
       Journal of the American Statistical Association 22(158), 1927.

    Examples
    --------
    >>> low, high = accuracy_interval(247, 290)
    >>> round(low, 3), round(high, 3)
    (0.806, 0.888)
    """
    if not 0 <= n_right <= n_tracks or n_tracks < 1:
        raise ParameterError(f"expected 0 <= n_right <= n_tracks, got {n_right} of {n_tracks}")
    share = n_right / n_tracks
    weight = _Z_95**2 / n_tracks
    centre = (share + weight / 2) / (1 + weight)
    half = _Z_95 / (1 + weight) * math.sqrt((share * (1 - share) + weight / 4) / n_tracks)
    return max(0.0, centre - half), min(1.0, centre + half)


def spread_points(n_points: int, n_kept: int) -> list[int]:
    """Choose points of a curve, evenly spread, the first and the last with them.

    Parameters
    ----------
    n_points : int
        How many there are.
    n_kept : int
        How many to keep at most.

    Returns
    -------
    list of int
        Ascending; all where there are so few.

    Examples
    --------
    >>> spread_points(9, 3)
    [0, 4, 8]
    """
    spread = np.linspace(0, n_points - 1, min(n_kept, n_points))
    return [round(place) for place in spread.tolist()]


def _roc_curves(
    y: NDArray[np.intp], probabilities: Probabilities, genres: tuple[str, ...]
) -> tuple[RocCurve, ...]:
    from sklearn.metrics import auc, roc_curve

    curves = []
    for i, genre in enumerate(genres):
        positive = y == i
        if not positive.any() or positive.all():
            continue
        false_rate, true_rate, _ = roc_curve(positive, probabilities[:, i])
        area = float(auc(false_rate, true_rate))
        kept = spread_points(len(false_rate), _ROC_POINTS)
        false_rate, true_rate = false_rate[kept].tolist(), true_rate[kept].tolist()
        curves.append(RocCurve(genre, tuple(false_rate), tuple(true_rate), area))
    return tuple(curves)


def _confusion(y: NDArray[np.intp], predicted: NDArray[np.intp], n_genres: int) -> NDArray[np.intp]:
    counts = np.zeros((n_genres, n_genres), dtype=np.intp)
    np.add.at(counts, (y, predicted), 1)
    return counts


def _genre_scores(
    confusion: NDArray[np.intp], genres: tuple[str, ...], areas: dict[str, float]
) -> tuple[GenreScore, ...]:
    hits = np.diag(confusion).astype(float)
    true, called = confusion.sum(axis=1), confusion.sum(axis=0)
    precision = hits / np.maximum(called, 1)
    recall = hits / np.maximum(true, 1)
    f1 = 2 * hits / np.maximum(true + called, 1)
    return tuple(
        GenreScore(
            genre=genre,
            n_tracks=int(true[i]),
            precision=float(precision[i]),
            recall=float(recall[i]),
            f1=float(f1[i]),
            roc_auc=areas.get(genre, math.nan),
        )
        for i, genre in enumerate(genres)
    )


def _mistakes(
    y: NDArray[np.intp],
    probabilities: Probabilities,
    genres: tuple[str, ...],
    tracks: tuple[str, ...],
) -> tuple[Mistake, ...]:
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != y)
    surest_first = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")]
    return tuple(
        Mistake(
            track=tracks[i],
            genre=genres[y[i]],
            predicted=genres[predicted[i]],
            probability=float(probabilities[i, predicted[i]]),
            probability_of_genre=float(probabilities[i, y[i]]),
        )
        for i in surest_first
    )


def _check(
    y: NDArray[np.intp], probabilities: Probabilities, genres: tuple[str, ...], n_names: int
) -> None:
    expected = (len(y), len(genres))
    if len(y) == 0 or probabilities.shape != expected or n_names != len(y):
        raise ParameterError(
            f"expected probabilities of shape {expected} and one name a track, "
            f"got shape {probabilities.shape} and {n_names} names"
        )
    if not np.isfinite(probabilities).all():
        raise ParameterError("probabilities hold NaN or infinity; the model is broken")


def evaluate_predictions(
    y: NDArray[np.intp],
    probabilities: Probabilities,
    genres: tuple[str, ...],
    *,
    tracks: tuple[str, ...],
    experiment: Experiment,
    fold_accuracies: tuple[float, ...] = (),
) -> EvaluationReport:
    """Measure predictions against the truth.

    Parameters
    ----------
    y : ndarray of int, shape (n_tracks,)
        Numbers of the true genres.
    probabilities : ndarray, shape (n_tracks, n_genres)
        Predicted, in the order of ``genres``.
    genres : tuple of str
        Names of the genres.
    tracks : tuple of str
        Names of the tracks, for the list of mistakes.
    experiment : Experiment
        What was tested on what.
    fold_accuracies : tuple of float
        Accuracy of each fold, where there were several.

    Returns
    -------
    EvaluationReport
        All figures; genres keep the given order.

    Raises
    ------
    ParameterError
        When shapes do not fit together, nothing was tested, or probabilities are not finite.
    MissingExtraError
        When scikit-learn is not installed.

    References
    ----------
    .. [1] T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27(8), 2006.
    """
    _check(y, probabilities, genres, len(tracks))
    predicted = probabilities.argmax(axis=1)
    try:
        curves = _roc_curves(y, probabilities, genres)
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("train", "scikit-learn") from err
    confusion = _confusion(y, predicted, len(genres))
    scores = _genre_scores(confusion, genres, {curve.genre: curve.auc for curve in curves})
    present = [score for score in scores if score.n_tracks]
    n_right = int(np.trace(confusion))
    low, high = accuracy_interval(n_right, len(y))
    bins = calibration_bins(y, probabilities)
    best_three = np.argsort(-probabilities, axis=1, kind="stable")[:, :_FIRST]
    report = EvaluationReport(
        experiment=experiment,
        genres=genres,
        n_tracks=len(y),
        accuracy=n_right / len(y),
        low=low,
        high=high,
        macro_f1=float(np.mean([score.f1 for score in present])),
        macro_auc=float(np.mean([curve.auc for curve in curves])) if curves else math.nan,
        top3=float((best_three == y[:, None]).any(axis=1).mean()),
        calibration_error=calibration_error(bins),
        fold_accuracies=fold_accuracies,
        scores=scores,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        roc_curves=curves,
        calibration=bins,
        mistakes=_mistakes(y, probabilities, genres, tracks),
    )
    return report if report.baseline.model_is_better else _with_warning(report)


def _with_warning(report: EvaluationReport) -> EvaluationReport:
    """Say of a report first of all that its model is of no use."""
    useless = f"{report.baseline.describe()}: the model is no better than that"
    warnings = (useless, *report.experiment.warnings)
    return replace(report, experiment=replace(report.experiment, warnings=warnings))
