"""The whole way in one call: a dataset in, a judged model or a report out.

These functions join what the modules below do one by one; the library's top level is them. The
commands take the same steps one after the other, to show how far each is.

In it: :func:`load_features`, :func:`train`, :func:`evaluate`, :func:`compare`, and
:class:`Extraction`, which says how to listen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from generify import defaults
from generify.cache import FeatureCache
from generify.classifiers import list_classifiers
from generify.cores import n_cores
from generify.corrections import apply_corrections
from generify.datasets import Dataset, Track, load_dataset
from generify.errors import Failure, ParameterError
from generify.evaluation import EvaluationReport
from generify.extraction import extract_features
from generify.model import GenreModel, load_model
from generify.progress import Progress
from generify.recipe import check_trainable
from generify.table import TABLE_SUFFIX, FeatureTable, load_table
from generify.training import (
    Training,
    compare_classifiers,
    evaluate_model,
    evaluate_recipe,
    train_model,
)

__all__ = [
    "Extraction",
    "compare",
    "evaluate",
    "load_features",
    "train",
]


@dataclass(frozen=True)
class Extraction:
    """How features are come by.

    Attributes
    ----------
    genres : sequence of str or None
        Only these genres; all by default.
    use_cache : bool
        Whether computed features are kept and looked up in the default cache.
    jobs : int
        Tracks worked on at the same time; 0 stands for one per core.
    progress : callable or None
        Called with the number of tracks done and of all tracks.
    corrected : mapping of str to Track or None
        Content hash → what a person says of this recording. It takes the place of what the
        dataset says, and is added where the dataset lacks it.
    """

    genres: Sequence[str] | None = None
    use_cache: bool = True
    jobs: int = 0
    progress: Progress | None = None
    corrected: Mapping[str, Track] | None = None


def load_features(
    dataset: str | Path,
    features: str = defaults.FEATURES,
    extraction: Extraction | None = None,
    *,
    accept: Callable[[Dataset], None] | None = None,
) -> FeatureTable:
    """Get the features of a dataset: from a table, or by listening.

    Parameters
    ----------
    dataset : str or Path
        A folder of genre folders, a manifest (``.csv``), or a feature table (``.parquet``).
    features : str
        Name of the extractor; a table must have been made by it.
    extraction : Extraction, optional
        How to listen.
    accept : callable, optional
        Called with the dataset before any song is heard, to refuse it by raising.

    Returns
    -------
    FeatureTable
        One row a track; tracks that failed are in its ``failures``.

    Raises
    ------
    DatasetError
        When the dataset cannot be used, or a table holds other features.
    ParameterError
        When there is no such extractor, or a table is to be corrected.
    CacheError
        When the cache cannot be written.
    """
    how = extraction or Extraction()
    if Path(dataset).suffix.lower() == TABLE_SUFFIX:
        if how.corrected:
            raise ParameterError(
                f"{dataset} holds no audio, so songs cannot be corrected in it or added to it",
                hint="give the folder or the manifest that it was made from",
            )
        table = load_table(dataset, genres=how.genres)
        if table.extractor.name != features:
            raise ParameterError(
                f"{dataset} holds the features {table.extractor.name}, {features} were asked for",
                hint=f"give --features {table.extractor.name}",
            )
        return table
    cache = FeatureCache() if how.use_cache else None
    found = load_dataset(dataset, genres=how.genres)
    corrected = apply_corrections(found, how.corrected or {}, cache)
    if accept is not None:
        accept(corrected)
    return extract_features(
        corrected,
        features,
        cache=cache,
        jobs=how.jobs or n_cores(),
        progress=how.progress,
    )


def train(
    dataset: str | Path,
    output: str | Path | None = None,
    *,
    features: str = defaults.FEATURES,
    classifier: str = defaults.CLASSIFIER,
    split: str | None = None,
    extraction: Extraction | None = None,
) -> Training:
    """Train a genre model on a folder of genre folders.

    Parameters
    ----------
    dataset : str or Path
        A folder of genre folders, a manifest (``.csv``), or a feature table (``.parquet``).
    output : str or Path, optional
        Where to write the model.
    features : str
        Name of the extractor.
    classifier : str
        Name of the classifier.
    split : str, optional
        How the recipe is judged; the least flattering one that the dataset allows by default.
    extraction : Extraction, optional
        How to listen.

    Returns
    -------
    Training
        The model and its report.

    Raises
    ------
    GenerifyError
        When the dataset, the names or the output cannot be used; see :func:`load_features` and
        :func:`generify.training.train_model`.

    Examples
    --------
    >>> training = train("my-music", "mine.onnx")  # doctest: +SKIP
    >>> training.report.accuracy  # doctest: +SKIP
    0.71
    """
    accept = partial(check_trainable, classifiers=[classifier], split=split, to_keep=True)
    table = load_features(dataset, features, extraction, accept=accept)
    name = Path(output).stem if output is not None else table.dataset
    training = train_model(table, classifier, name=name, split=split)
    if output is not None:
        training.model.save(output)
    return training


def evaluate(
    dataset: str | Path,
    model: GenreModel | str | Path | None = None,
    *,
    features: str = defaults.FEATURES,
    classifier: str = defaults.CLASSIFIER,
    split: str | None = None,
    extraction: Extraction | None = None,
) -> EvaluationReport:
    """Judge a model on tracks that it has not seen, or a recipe by cross-validation.

    Parameters
    ----------
    dataset : str or Path
        A folder of genre folders, a manifest (``.csv``), or a feature table (``.parquet``).
    model : GenreModel, str or Path, optional
        A finished model; without one the recipe of ``features`` and ``classifier`` is judged.
    features, classifier : str
        The recipe.
    split : str, optional
        How tracks are divided.
    extraction : Extraction, optional
        How to listen.

    Returns
    -------
    EvaluationReport
        All figures, with the split they were measured on.

    Raises
    ------
    GenerifyError
        When the dataset, the model or the names cannot be used; see :func:`load_features`,
        :func:`generify.training.evaluate_model` and :func:`generify.training.evaluate_recipe`.
    """
    if model is None:
        accept = partial(check_trainable, classifiers=[classifier], split=split)
        table = load_features(dataset, features, extraction, accept=accept)
        return evaluate_recipe(table, classifier, split=split)
    finished = model if isinstance(model, GenreModel) else load_model(model)
    table = load_features(dataset, finished.card.extractor.name, extraction)
    return evaluate_model(finished, table, split=split)


def compare(
    dataset: str | Path,
    classifiers: Sequence[str] | None = None,
    *,
    features: str = defaults.FEATURES,
    split: str | None = None,
    extraction: Extraction | None = None,
) -> tuple[EvaluationReport | Failure, ...]:
    """Judge all classifiers on the same folds.

    Parameters
    ----------
    dataset : str or Path
        A folder of genre folders, a manifest (``.csv``), or a feature table (``.parquet``).
    classifiers : sequence of str, optional
        Names of classifiers; all by default.
    features : str
        Name of the extractor.
    split : str, optional
        How tracks are divided.
    extraction : Extraction, optional
        How to listen.

    Returns
    -------
    tuple of EvaluationReport or Failure
        One a classifier, in the given order; a failure for one that cannot be fitted.

    Raises
    ------
    GenerifyError
        When the dataset or the names cannot be used.
    """
    names = classifiers or list_classifiers()
    accept = partial(check_trainable, classifiers=names, split=split)
    table = load_features(dataset, features, extraction, accept=accept)
    return compare_classifiers(table, names, split=split)
