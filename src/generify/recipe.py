"""A recipe fitted to rows of a feature table, its probabilities calibrated.

In it: :class:`FittedRecipe`, :func:`fit_recipe`, :func:`split_table`;
:class:`FittedNovelty`, :func:`fit_table_novelty`; what is refused beforehand:
:func:`check_trainable`, :func:`check_genres`, :func:`check_model_size`; what a
model has heard: :func:`find_seen`.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.calibration import apply_temperature, fit_temperature
from generify.classifiers import (
    NoveltyHead,
    TrainingPart,
    check_convertible,
    make_classifier,
)
from generify.datasets import Dataset, Track
from generify.datasets.known import possible_names
from generify.datasets.leaks import inspect_split
from generify.datasets.splits import Split, make_split, possible_splits
from generify.encoding import encoding_scatter, standardise_scatter
from generify.errors import DatasetError
from generify.model_card import MAX_GENRES, ModelCard, track_digest
from generify.novelty import REFUSED, fit_novelty, novelty_columns
from generify.table import FeatureTable, find_not_held_out

__all__ = [
    "FittedNovelty",
    "FittedRecipe",
    "UnfitError",
    "check_genres",
    "check_model_size",
    "check_trainable",
    "find_seen",
    "fit_recipe",
    "fit_table_novelty",
    "split_table",
]

_N_CALIBRATION_FOLDS = 5
_N_NOVELTY_FOLDS = 10
_SHOWN = 10  # genres in an error message
_N_EVIDENCE = 200  # tracks; fewer do not show that a classifier is surer than it says


class UnfitError(DatasetError):
    """A training part that a classifier cannot be fitted to."""


@dataclass(frozen=True)
class FittedRecipe:
    """A fitted classifier, calibrated.

    Attributes
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted on genre numbers.
    temperature : float
        Applied to its probabilities.
    """

    pipeline: Any
    temperature: float

    def predict_proba(self, X: NDArray[np.float32], n_genres: int) -> NDArray[np.float64]:
        """Probabilities over all genres, also where the training part lacked one.

        Parameters
        ----------
        X : ndarray of float32, shape (n_tracks, n_features)
            Features.
        n_genres : int
            Number of all genres.

        Returns
        -------
        ndarray of float64, shape (n_tracks, n_genres)
            In the order of the genres' numbers; rows sum to one.
        """
        probabilities = np.zeros((len(X), n_genres))
        raw = self.pipeline.predict_proba(X)
        probabilities[:, self.pipeline.classes_] = apply_temperature(raw, self.temperature)
        return probabilities


def _fit_pipeline(
    table: FeatureTable, rows: NDArray[np.intp], classifier: str, random_state: int
) -> Any:
    from threadpoolctl import threadpool_limits  # a dependency of scikit-learn

    X, y = table.X[rows], table.y[rows]
    counts = np.bincount(y)
    present = counts[counts > 0]
    part = TrainingPart(len(y), int(present.min()), len(present), _nuisance(table, X))
    pipeline = make_classifier(classifier, part=part, random_state=random_state)
    # one thread: on matrices this small more of them made logistic regression 13 times slower
    with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
        # scikit-learn's remarks on genres of one track; the report says how many tracks there were
        warnings.simplefilter("ignore", UserWarning)
        try:
            return pipeline.fit(X, y)
        except ValueError as err:
            raise UnfitError(
                f"{classifier} cannot be fitted to a training part of {part.n_tracks} tracks, "
                f"{part.smallest_genre} of its rarest genre",
                hint="add tracks to that genre, by further artists where artists are known: all of "
                "an artist's are kept on one side",
            ) from err


def _nuisance(table: FeatureTable, X: NDArray[np.float32]) -> NDArray[np.float64] | None:
    scatter = encoding_scatter(table.columns)
    return None if scatter is None else standardise_scatter(scatter, X)


def fit_recipe(
    table: FeatureTable, rows: NDArray[np.intp], classifier: str, random_state: int = 0
) -> FittedRecipe:
    """Fit a recipe to some rows of a table, and calibrate it by cross-validation within them.

    Parameters
    ----------
    table : FeatureTable
        Features of the tracks.
    rows : ndarray of int
        The rows trained on; no other is looked at.
    classifier : str
        Name of the classifier.
    random_state : int
        Seed of all random choices.

    Returns
    -------
    FittedRecipe
        Its temperature is below 1 only where 200 tracks or more, some of them named wrongly, speak
        for it.

    Raises
    ------
    UnfitError
        When there are too few tracks for the classifier.
    ParameterError
        When there is no such classifier.
    MissingExtraError
        When scikit-learn is not installed.
    """
    chosen = table.choose(rows)
    pipeline = _fit_pipeline(table, rows, classifier, random_state)
    try:
        y, probabilities = _cross_predict(chosen, classifier, random_state)
    except DatasetError:  # too few to divide: what it says of its own tracks is all there is
        y, probabilities = chosen.y, pipeline.predict_proba(chosen.X)
    return FittedRecipe(pipeline, _find_temperature(y, probabilities))


def _find_temperature(y: NDArray[np.intp], probabilities: NDArray[np.float64]) -> float:
    temperature = fit_temperature(y, probabilities)
    # Where nothing is named wrongly, nothing tells how much surer than it says a classifier may be.
    faultless = bool((probabilities.argmax(axis=1) == y).all())
    return max(1.0, temperature) if faultless or len(y) < _N_EVIDENCE else temperature


def _cross_predict(
    table: FeatureTable, classifier: str, random_state: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    inner = _folds_within(table, _N_CALIBRATION_FOLDS, random_state)
    parts = []
    for fold in inner.folds:
        pipeline = _fit_pipeline(table, fold.train, classifier, random_state)
        parts.append(
            FittedRecipe(pipeline, 1.0).predict_proba(table.X[fold.test], len(table.genres))
        )
    tested = np.concatenate([fold.test for fold in inner.folds])
    return table.y[tested], np.concatenate(parts)


def _folds_within(table: FeatureTable, n_folds: int, random_state: int) -> Split:
    """Keep artists on one side where that is possible: random folds are better than none."""
    if "artist" in possible_splits(table.tracks):
        with suppress(DatasetError):
            return split_table(table, "artist", n_folds=n_folds, random_state=random_state)
    return split_table(table, "random", n_folds=n_folds, random_state=random_state)


@dataclass(frozen=True)
class FittedNovelty:
    """A novelty score and the threshold above which songs are unknown.

    Attributes
    ----------
    novelty : NoveltyHead
        Fitted on all rows.
    threshold : float
        Exceeded by few known songs; see :func:`fit_table_novelty`.
    """

    novelty: NoveltyHead
    threshold: float


def fit_table_novelty(table: FeatureTable, random_state: int = 0) -> FittedNovelty | None:
    """Fit novelty to a table, and set its threshold by cross-validation.

    Parameters
    ----------
    table : FeatureTable
        Features of the tracks.
    random_state : int
        Seed of the folds.

    Returns
    -------
    FittedNovelty or None
        The share :data:`generify.novelty.REFUSED` of known songs, each scored by a fit that had
        heard neither it nor (where the artists allow it) its artist, exceeds the threshold. None
        where the features cannot tell (they lack tags) or there are too few tracks.
    """
    used = novelty_columns(table.columns)
    if not used.any():
        return None
    try:
        folds = _folds_within(table, _N_NOVELTY_FOLDS, random_state).folds
    except DatasetError:
        return None
    scores = [
        fit_novelty(table.X[f.train], table.y[f.train], used).score(table.X[f.test]) for f in folds
    ]
    threshold = float(np.quantile(np.concatenate(scores), 1 - REFUSED))
    return FittedNovelty(fit_novelty(table.X, table.y, used), threshold)


def split_table(table: FeatureTable, split: str, *, n_folds: int, random_state: int) -> Split:
    """Divide a table's tracks; those with equal features stay on one side.

    Parameters
    ----------
    table : FeatureTable
        Features of the tracks.
    split : str
        Name of the split.
    n_folds : int
        Folds, where the split has no lists of its own.
    random_state : int
        Seed of all random choices.

    Returns
    -------
    Split
        Folds of rows of the table; given ones with what is known to be on both sides of them.

    Raises
    ------
    DatasetError
        When the tracks do not allow the split or there are too few of them.
    ParameterError
        When there is no such split.
    """
    made = make_split(
        split,
        table.tracks,
        duplicates=table.duplicates,
        n_folds=n_folds,
        random_state=random_state,
    )
    if split != "given":
        return made
    leaks = inspect_split(made, table.tracks, table.duplicates).warnings()
    return replace(made, warnings=tuple(dict.fromkeys((*made.warnings, *leaks))))


def find_seen(card: ModelCard, tracks: Sequence[Track]) -> list[bool]:
    """Tell which tracks a model was trained on, by all names that their files may have.

    Parameters
    ----------
    card : ModelCard
        The model's card.
    tracks : sequence of Track
        The tracks, their genres called as the model does.

    Returns
    -------
    list of bool
        One a track.
    """
    known = frozenset(card.trained_on)
    return [
        any(track_digest(track.genre, name) in known for name in possible_names(track))
        for track in tracks
    ]


def check_trainable(
    dataset: Dataset,
    classifiers: Sequence[str],
    *,
    split: str | None = None,
    to_keep: bool = False,
    hold_out: bool = False,
) -> None:
    """Refuse what can be known to fail before any song is heard.

    Parameters
    ----------
    dataset : Dataset
        The tracks.
    classifiers : sequence of str
        Names of the classifiers that are to be fitted.
    split : str, optional
        Name of the split that is asked for.
    to_keep : bool
        Whether a model is to be kept in a file, which holds only so many genres.
    hold_out : bool
        Whether tracks marked ``test`` are to be kept from the model.

    Raises
    ------
    DatasetError
        When there are too few tracks or genres, too many genres for a model, or the tracks do not
        allow the split.
    ParameterError
        When there is no such classifier or split, or nothing is marked ``test`` to be held out.
    MissingExtraError
        When scikit-learn, or skl2onnx where a model is to be kept, is not installed.
    """
    for name in classifiers:
        make_classifier(name)
    check_genres(dataset.name, [track.genre for track in dataset.tracks])
    if to_keep:
        check_convertible()
        check_model_size(dataset.name, len(dataset.genres))
    if hold_out:
        kept = find_not_held_out(dataset.name, dataset.tracks)
        check_genres(dataset.name, [dataset.tracks[i].genre for i in kept], hold_out=True)
    if split is not None:
        make_split(split, dataset.tracks)


def check_model_size(dataset: str, n_genres: int) -> None:
    """Refuse more genres than a model file can hold.

    Parameters
    ----------
    dataset : str
        Its name.
    n_genres : int
        How many it has.

    Raises
    ------
    DatasetError
        When there are too many.
    """
    if n_genres > MAX_GENRES:
        raise DatasetError(
            f"{dataset} has {n_genres:,} genres, a model can have {MAX_GENRES:,}",
            hint="choose some with --genres; or are its folders artists, and not genres?",
        )


def check_genres(dataset: str, genres: Sequence[str], *, hold_out: bool = False) -> None:
    """Refuse fewer genres, or tracks of one, than can be learnt from.

    Parameters
    ----------
    dataset : str
        Its name.
    genres : sequence of str
        The genre of each track.
    hold_out : bool
        Whether these are what holding out leaves, to be said so.

    Raises
    ------
    DatasetError
        When there is one genre, or one track of a genre.
    """
    counts = Counter(sorted(genres))
    what = f"{dataset}, its test tracks held out," if hold_out else dataset
    if len(counts) < 2:
        raise DatasetError(
            f"{what} has {len(counts)} genre with usable tracks, a model needs two",
            hint="add songs of another genre",
        )
    lonely = [genre for genre, count in counts.items() if count < 2]
    if lonely:
        more = f" and {len(lonely) - _SHOWN} other genres" if len(lonely) > _SHOWN else ""
        raise DatasetError(
            f"{what} has only one usable track of {', '.join(lonely[:_SHOWN])}{more}; "
            "each genre needs two or more, ten or more to be any good",
            hint="add tracks, or leave the genre out with --genres",
        )
