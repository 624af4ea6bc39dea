"""From a feature table to a judged model: the only place that picks folds, seeds and settings.

A recipe is features and a classifier. It is judged by fitting it anew on every fold of a split;
the model that is kept is then fitted on everything that it may see. Its card carries the figure of
the folds, never one measured on what it was fitted on. Probabilities are calibrated with a
temperature that is found by cross-validation within each training part.

In it: :func:`evaluate_recipe`, :func:`compare_classifiers`, :func:`train_model`, :func:`fit_model`,
:func:`evaluate_model`, :class:`Training`.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata

import numpy as np

from generify import defaults
from generify.classifiers import check_convertible, classifier_facts, list_classifiers, to_onnx
from generify.datasets import Track, describe_artists
from generify.datasets.splits import Split, possible_splits
from generify.errors import DatasetError, Failure, ParameterError
from generify.evaluation import EvaluationReport, Experiment, evaluate_predictions
from generify.model import GenreModel
from generify.model_card import CARD_KEY, ModelCard, describe_scarcity, track_digest
from generify.novelty import describe_missing_novelty
from generify.progress import Progress
from generify.recipe import (
    FittedNovelty,
    UnfitError,
    check_genres,
    check_model_size,
    find_seen,
    fit_recipe,
    fit_table_novelty,
    split_table,
)
from generify.report_summary import summarise_report
from generify.table import FeatureTable

__all__ = [
    "NothingUnseenError",
    "Training",
    "compare_classifiers",
    "default_split",
    "evaluate_model",
    "evaluate_recipe",
    "fit_model",
    "train_model",
]

_LIBRARIES = ("generify", "numpy", "scikit-learn", "skl2onnx")


class NothingUnseenError(DatasetError):
    """A dataset whose every track a model was trained on, so nothing is left to judge it by."""


@dataclass(frozen=True)
class Training:
    """A trained model and how it was judged.

    Attributes
    ----------
    model : GenreModel
        Fitted on everything that it may see.
    report : EvaluationReport
        Of the same recipe, fitted anew on every fold.
    """

    model: GenreModel
    report: EvaluationReport

    @property
    def warnings(self) -> tuple[str, ...]:
        """What weakens the figure, and what the model cannot do: tuple of str."""
        limits = self.model.card.limits
        return (*self.report.experiment.warnings, *((limits,) if limits else ()))


def default_split(tracks: Sequence[Track]) -> str:
    """Choose the split that flatters least among those that these tracks allow.

    Parameters
    ----------
    tracks : sequence of Track
        The tracks.

    Returns
    -------
    str
        ``"given"`` where a dataset without published lists marks its own test tracks, ``"artist"``
        where artists are known, else ``"random"``.
    """
    possible = possible_splits(tracks)
    wanted = ("artist", "random") if "fault-filtered" in possible else ("given", "artist", "random")
    return next(name for name in wanted if name in possible)


def evaluate_recipe(
    table: FeatureTable,
    classifier: str = defaults.CLASSIFIER,
    *,
    split: str | None = None,
    n_folds: int = defaults.N_FOLDS,
    random_state: int = 0,
    progress: Progress | None = None,
) -> EvaluationReport:
    """Judge a recipe: fit it on every training part of a split, test it on the other.

    Parameters
    ----------
    table : FeatureTable
        Features of the tracks.
    classifier : str
        Name of the classifier.
    split : str, optional
        Name of the split; :func:`default_split` by default, random where that fails.
    n_folds : int
        Folds, where the split has no lists of its own.
    random_state : int
        Seed of all random choices.
    progress : callable, optional
        Called after each fold.

    Returns
    -------
    EvaluationReport
        Over the tracks of all test parts together.

    Raises
    ------
    DatasetError
        When the tracks do not allow the split or there are too few of them.
    ParameterError
        When there is no such classifier or split.
    MissingExtraError
        When scikit-learn is not installed.
    """
    check_genres(table.dataset, [track.genre for track in table.tracks])
    chosen = _choose_split(table, split, n_folds, random_state)
    rows, parts, accuracies = [], [], []
    for number, fold in enumerate(chosen.folds, start=1):
        fitted = fit_recipe(table, fold.train, classifier, random_state)
        part = fitted.predict_proba(table.X[fold.test], len(table.genres))
        rows.append(fold.test)
        parts.append(part)
        accuracies.append(float((part.argmax(axis=1) == table.y[fold.test]).mean()))
        if progress is not None:
            progress(number, len(chosen.folds))
    tested = np.concatenate(rows)
    artists = describe_artists(table.artists_from, table.tracks) if chosen.name == "artist" else ""
    experiment = Experiment(
        recipe=f"{table.extractor.name} + {classifier}",
        dataset=table.dataset,
        split=chosen.name,
        split_meaning="; ".join(filter(None, (chosen.meaning, artists))),
        n_train=round(float(np.mean([len(fold.train) for fold in chosen.folds]))),
        flatters=chosen.name == "random",
        warnings=(*describe_scarcity(table.n_tracks_of), *chosen.warnings, *table.cautions),
        failures=table.failures,
    )
    return evaluate_predictions(
        table.y[tested],
        np.concatenate(parts),
        table.genres,
        tracks=tuple(table.tracks[i].track for i in tested),
        experiment=experiment,
        fold_accuracies=tuple(accuracies),
    )


def _choose_split(table: FeatureTable, split: str | None, n_folds: int, random_state: int) -> Split:
    if split is not None:
        return split_table(table, split, n_folds=n_folds, random_state=random_state)
    try:
        default = default_split(table.tracks)
        return split_table(table, default, n_folds=n_folds, random_state=random_state)
    except DatasetError as err:
        # Whoever named no split gets a figure all the same; the report says what it is worth.
        chosen = split_table(table, "random", n_folds=n_folds, random_state=random_state)
        why = f'judged with the split "random", which flatters: {err}'
        return replace(chosen, warnings=(why, *chosen.warnings))


def compare_classifiers(
    table: FeatureTable,
    classifiers: Sequence[str] | None = None,
    *,
    split: str | None = None,
    n_folds: int = defaults.N_FOLDS,
    random_state: int = 0,
    progress: Progress | None = None,
) -> tuple[EvaluationReport | Failure, ...]:
    """Judge several classifiers on the same folds.

    Parameters
    ----------
    table : FeatureTable
        Features of the tracks.
    classifiers : sequence of str, optional
        Names of the classifiers; all by default.
    split : str, optional
        Name of the split; :func:`default_split` by default, random where that fails.
    n_folds : int
        Folds, where the split has no lists of its own.
    random_state : int
        Seed of all random choices.
    progress : callable, optional
        Called after each classifier.

    Returns
    -------
    tuple of EvaluationReport or Failure
        In the order of ``classifiers``; a failure for each that cannot be fitted, named by it.

    Raises
    ------
    DatasetError
        When the tracks do not allow the split, or are too few for any of the classifiers.
    ParameterError
        When there is no such classifier or split.
    """
    names = tuple(classifiers or list_classifiers())
    for name in names:
        classifier_facts(name)
    judge = partial(evaluate_recipe, split=split, n_folds=n_folds, random_state=random_state)
    results: list[EvaluationReport | Failure] = []
    for number, name in enumerate(names, start=1):
        try:
            results.append(judge(table, name))
        except UnfitError as err:
            results.append(Failure.from_error(name, err))
            if number == len(names) and all(isinstance(r, Failure) for r in results):
                raise
        if progress is not None:
            progress(number, len(names))
    return tuple(results)


def train_model(
    table: FeatureTable,
    classifier: str = defaults.CLASSIFIER,
    *,
    name: str = "model",
    split: str | None = None,
    hold_out: bool = False,
    n_folds: int = defaults.N_FOLDS,
    random_state: int = 0,
    licence: str = "",
    attribution: str = "",
    progress: Progress | None = None,
) -> Training:
    """Train a model and judge its recipe.

    Parameters
    ----------
    table : FeatureTable
        Features of the tracks.
    classifier : str
        Name of the classifier.
    name : str
        The model's name.
    split : str, optional
        Split on which the recipe is judged; :func:`default_split` by default, random where that
        fails.
    hold_out : bool
        Whether tracks marked ``test`` are kept from the model, so that it can be measured on them
        afterwards.
    n_folds : int
        Folds, where the split has no lists of its own.
    random_state : int
        Seed of all random choices.
    licence, attribution : str
        Terms of use and whom to credit, for the card.
    progress : callable, optional
        Called after each fold.

    Returns
    -------
    Training
        The model, and the report that its card quotes.

    Raises
    ------
    DatasetError
        When there are too few tracks, genres or folds.
    ParameterError
        When there is no such classifier or split, or nothing is marked ``test`` to be held out.
    MissingExtraError
        When scikit-learn or skl2onnx is not installed.
    """
    check_convertible()
    check_model_size(table.dataset, len(table.genres))
    seen = table.without_test() if hold_out else table
    check_genres(seen.dataset, [track.genre for track in seen.tracks], hold_out=hold_out)
    report = evaluate_recipe(
        table,
        classifier,
        split=split,
        n_folds=n_folds,
        random_state=random_state,
        progress=progress,
    )
    model = fit_model(
        seen,
        report,
        classifier,
        name=name,
        random_state=random_state,
        licence=licence,
        attribution=attribution,
    )
    return Training(model, report)


def fit_model(
    table: FeatureTable,
    report: EvaluationReport,
    classifier: str = defaults.CLASSIFIER,
    *,
    name: str = "model",
    random_state: int = 0,
    novelty: FittedNovelty | None = None,
    licence: str = "",
    attribution: str = "",
    limits: str = "",
) -> GenreModel:
    """Fit a model to all tracks of a table.

    Parameters
    ----------
    table : FeatureTable
        Features of the tracks.
    report : EvaluationReport
        How the recipe was judged, for the card.
    classifier : str
        Name of the classifier.
    name : str
        The model's name.
    random_state : int
        Seed of all random choices.
    novelty : FittedNovelty, optional
        What tells unknown songs; :func:`generify.recipe.fit_table_novelty` by default.
    licence, attribution, limits : str
        Terms of use, whom to credit and what it cannot do, for the card.

    Returns
    -------
    GenreModel
        Its probabilities are calibrated; it knows what is novel where the features allow it.

    Raises
    ------
    DatasetError
        When there are too few tracks or genres.
    ParameterError
        When there is no such classifier.
    MissingExtraError
        When scikit-learn or skl2onnx is not installed.
    """
    check_genres(table.dataset, [track.genre for track in table.tracks])
    fitted = fit_recipe(table, np.arange(len(table.tracks)), classifier, random_state)
    novelty = novelty or fit_table_novelty(table, random_state)
    card = ModelCard(
        name=name,
        version="1",
        genres=table.genres,
        extractor=table.extractor,
        classifier=classifier,
        dataset=table.dataset,
        n_tracks=table.n_tracks_of,
        trained_on=tuple(sorted(track_digest(t.genre, t.track) for t in table.tracks)),
        random_state=random_state,
        metrics=summarise_report(report),
        temperature=round(fitted.temperature, 4),
        novelty_threshold=None if novelty is None else round(novelty.threshold, 4),
        licence=licence,
        attribution=attribution,
        limits=limits if novelty else f"{limits} {describe_missing_novelty(table.columns)}".strip(),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        libraries={library: metadata.version(library) for library in _LIBRARIES},
    )
    graph = to_onnx(
        fitted.pipeline,
        table.X.shape[1],
        temperature=fitted.temperature,
        metadata={CARD_KEY: card.to_json()},
        novelty=None if novelty is None else novelty.novelty,
    )
    return GenreModel.from_bytes(graph, source=name)


def evaluate_model(
    model: GenreModel, table: FeatureTable, *, split: str | None = None, include_seen: bool = False
) -> EvaluationReport:
    """Judge a finished model on tracks that it has not seen.

    Parameters
    ----------
    model : GenreModel
        A trained model.
    table : FeatureTable
        Features of the tracks, by the model's extractor; genres may be spelt otherwise.
    split : str, optional
        Only the test tracks of this split; all tracks by default.
    include_seen : bool
        Whether tracks that the model was trained on are tested too. That figure flatters, and the
        report says so.

    Returns
    -------
    EvaluationReport
        In the order of the model's genres.

    Raises
    ------
    NothingUnseenError
        When no unseen track is left.
    DatasetError
        When a genre is not among the model's, or the split is impossible.
    ParameterError
        When the features are another extractor's.
    """
    if table.extractor != model.card.extractor:
        raise ParameterError(
            f"the model expects {model.card.extractor}, the table holds {table.extractor}"
        )
    table = table.call_genres(model.genres)
    foreign = [genre for genre in table.genres if genre not in model.genres]
    if foreign:
        raise DatasetError(
            f"the model does not know {', '.join(foreign)}; it knows {', '.join(model.genres)}",
            hint="choose genres that it knows with --genres, or name the folders as it does",
        )
    chosen = _test_part(table, split)
    kept, n_seen = _unseen(model.card, chosen, include_seen)
    return evaluate_predictions(
        np.array([model.genres.index(t.genre) for t in kept.tracks], dtype=np.intp),
        model.predict_proba(kept.X),
        model.genres,
        tracks=tuple(track.track for track in kept.tracks),
        experiment=_model_experiment(model.card, kept, split, n_seen, include_seen),
    )


def _test_part(table: FeatureTable, split: str | None) -> FeatureTable:
    if split is None:
        return table
    folds = split_table(table, split, n_folds=defaults.N_FOLDS, random_state=0).folds
    return table.choose(np.sort(np.concatenate([fold.test for fold in folds])))


def _unseen(card: ModelCard, table: FeatureTable, include_seen: bool) -> tuple[FeatureTable, int]:
    seen = find_seen(card, table.tracks)
    if include_seen or not any(seen):
        return table, sum(seen)
    rows = [i for i, was_seen in enumerate(seen) if not was_seen]
    if not rows:
        raise NothingUnseenError(
            f"{card.name} was trained on all {len(seen)} of these tracks; "
            "a figure measured on them would say nothing",
            hint="judge the recipe instead (--features, --classifier), or give --include-seen",
        )
    return table.choose(rows), sum(seen)


def _model_experiment(
    card: ModelCard, table: FeatureTable, split: str | None, n_seen: int, include_seen: bool
) -> Experiment:
    note = f"{n_seen} tracks that the model was trained on were "
    remarks = (*describe_scarcity(card.n_tracks), *table.cautions)
    if n_seen:
        remarks = (note + ("tested too: this flatters" if include_seen else "left out"), *remarks)
    name, meaning = _describe_tested(n_seen if include_seen else 0, len(table.tracks))
    return Experiment(
        recipe=f"model {card.name}",
        dataset=table.dataset,
        split=name if split is None else f"{split}, test part",
        split_meaning=meaning,
        n_train=sum(card.n_tracks.values()),
        flatters=include_seen and n_seen > 0,
        warnings=remarks,
        failures=table.failures,
    )


def _describe_tested(n_seen: int, n_tested: int) -> tuple[str, str]:
    """Name tracks that a model is tested on, and say what they are to it."""
    if not n_seen:
        return "unseen tracks", "tracks that the model was not trained on, as far as names tell"
    some = "" if n_seen == n_tested else f" ({n_seen} of {n_tested})"
    name = "seen and unseen tracks" if some else "seen tracks"
    return name, f"tracks that the model was trained on{some}: no measure of new songs"
