"""A recipe fitted to rows of a feature table, its probabilities calibrated.

In it: :class:`Recipe`, :class:`FittedRecipe`, :func:`fit_recipe`, :func:`split_table`;
:class:`FittedNovelty`, :func:`fit_table_novelty`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.classifiers import (
    NoveltyHead,
    TrainingSize,
    apply_temperature,
    fit_temperature,
    make_classifier,
)
from generify.datasets.splits import Split, group_key, make_split, possible_splits
from generify.errors import DatasetError
from generify.novelty import REFUSED, fit_novelty, novelty_columns
from generify.table import FeatureTable

__all__ = [
    "FittedNovelty",
    "FittedRecipe",
    "Recipe",
    "fit_recipe",
    "fit_table_novelty",
    "split_table",
]

_N_CALIBRATION_FOLDS = 5
_N_NOVELTY_FOLDS = 10
_N_EVIDENCE = 200  # tracks; fewer do not show that a classifier is surer than it says


@dataclass(frozen=True)
class Recipe:
    """What is fitted to features.

    Attributes
    ----------
    classifier : str
        Name of the classifier.
    random_state : int
        Seed of all random choices.
    """

    classifier: str
    random_state: int = 0


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


def _fit_pipeline(X: NDArray[np.float32], y: NDArray[np.intp], recipe: Recipe) -> Any:
    from threadpoolctl import threadpool_limits  # a dependency of scikit-learn

    counts = np.bincount(y)
    present = counts[counts > 0]
    size = TrainingSize(n_tracks=len(y), smallest_genre=int(present.min()), n_genres=len(present))
    pipeline = make_classifier(recipe.classifier, size=size, random_state=recipe.random_state)
    # one thread: on matrices this small more of them made logistic regression 13 times slower
    with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
        # scikit-learn's remarks on genres of one track; the report says how many tracks there were
        warnings.simplefilter("ignore", UserWarning)
        try:
            return pipeline.fit(X, y)
        except ValueError as err:
            raise DatasetError(
                f"{recipe.classifier} cannot be fitted to {size.n_tracks} tracks, "
                f"{size.smallest_genre} of the rarest genre",
                hint="add tracks, ten or more a genre",
            ) from err


def fit_recipe(table: FeatureTable, rows: NDArray[np.intp], recipe: Recipe) -> FittedRecipe:
    """Fit a recipe to some rows of a table, and calibrate it by cross-validation within them.

    Parameters
    ----------
    table : FeatureTable
        Features of the tracks.
    rows : ndarray of int
        The rows trained on; no other is looked at.
    recipe : Recipe
        What to fit.

    Returns
    -------
    FittedRecipe
        Its temperature is 1 where there are too few tracks to calibrate by, and below 1 only where
        200 tracks or more, some of them named wrongly, speak for it.

    Raises
    ------
    DatasetError
        When there are too few tracks for the classifier.
    ParameterError
        When there is no such classifier.
    MissingExtraError
        When scikit-learn is not installed.
    """
    X, y = table.X[rows], table.y[rows]
    return FittedRecipe(_fit_pipeline(X, y, recipe), _find_temperature(table.choose(rows), recipe))


def _find_temperature(table: FeatureTable, recipe: Recipe) -> float:
    """Calibrate by cross-validation within what is trained on; 1 where there is too little."""
    try:
        y, probabilities = _cross_predict(table, recipe)
    except DatasetError:
        return 1.0
    temperature = fit_temperature(y, probabilities)
    # Where nothing is named wrongly, the best temperature is the lowest: all would be certain.
    faultless = bool((probabilities.argmax(axis=1) == y).all())
    return max(1.0, temperature) if faultless or len(y) < _N_EVIDENCE else temperature


def _cross_predict(
    table: FeatureTable, recipe: Recipe
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    inner = _folds_within(table, _N_CALIBRATION_FOLDS, recipe.random_state)
    parts = []
    for fold in inner.folds:
        pipeline = _fit_pipeline(table.X[fold.train], table.y[fold.train], recipe)
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
        Folds of rows of the table.

    Raises
    ------
    DatasetError
        When the tracks do not allow the split or there are too few of them.
    ParameterError
        When there is no such split.
    """
    _check_groups(table, split)
    return make_split(
        split,
        table.tracks,
        duplicates=table.duplicates,
        n_folds=n_folds,
        random_state=random_state,
    )


def _check_groups(table: FeatureTable, split: str) -> None:
    """Refuse genres that cannot be on two sides, in words that say why."""
    if split in ("artist", "album"):
        keys = [group_key(split, track) for track in table.tracks]
        how = "by one artist" if split == "artist" else "of one album"
        hint = f"add songs of other {split}s, leave the genre out, or judge with --split random, "
        _refuse_alone(table, keys, f'{how}, so with the split "{split}"', hint + "which flatters")
    if split in ("artist", "album", "random"):
        what = f'one recording, so with the split "{split}"'
        _refuse_alone(
            table, table.duplicates, what, "add other songs to it, or leave the genre out"
        )


def _refuse_alone(
    table: FeatureTable, keys: Sequence[str | int | None], what: str, hint: str
) -> None:
    """Refuse genres of two tracks or more that all have one key; None is no key."""
    alone = []
    for number, genre in enumerate(table.genres):
        rows = np.flatnonzero(table.y == number)
        found = {keys[row] for row in rows.tolist()}
        if len(rows) > 1 and len(found) == 1 and None not in found:
            alone.append((genre, len(rows)))
    if not alone:
        return
    (genre, n_tracks), *others = alone
    more = f" (nor can {', '.join(other for other, _ in others)})" if others else ""
    raise DatasetError(
        f"all {n_tracks} tracks of {genre} are {what} it cannot be both trained on and "
        f"tested on{more}",
        hint=hint,
    )
