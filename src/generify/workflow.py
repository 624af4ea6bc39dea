"""The whole way in one call: a dataset in, a judged model or a report out.

These functions join what the modules below do one by one; the command and the library's top level
are thin layers over them.

In it: :func:`load_features`, :func:`train`, :func:`evaluate`, :func:`compare`,
:func:`genre_spectrograms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generify import defaults
from generify.audio import load_audio
from generify.cache import FeatureCache
from generify.content import content_hash
from generify.cores import n_cores
from generify.datasets import Dataset, Track, load_dataset
from generify.errors import AudioDecodeError, GenerifyError, ParameterError
from generify.evaluation import EvaluationReport
from generify.extraction import Progress, extract_features
from generify.mel_grid import GRID_SAMPLE_RATE
from generify.model import GenreModel, load_model
from generify.spectrum import mel_spectrogram, power_to_db
from generify.table import FeatureTable, load_table
from generify.training import (
    Training,
    compare_classifiers,
    evaluate_model,
    evaluate_recipe,
    train_model,
)

__all__ = [
    "Extraction",
    "MelPanel",
    "compare",
    "evaluate",
    "genre_spectrograms",
    "load_features",
    "load_mel",
    "train",
]

TABLE_SUFFIX = ".parquet"
_PANEL_SECONDS = 30.0

MelPanel = tuple[str, NDArray[np.float32], float]
"""Title, mel spectrum in dB of shape (128, n_frames), and length in seconds."""


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
    dataset: str | Path, features: str = defaults.FEATURES, extraction: Extraction | None = None
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
    return extract_features(
        _corrected(load_dataset(dataset, genres=how.genres), how.corrected or {}, cache),
        features,
        cache=cache,
        jobs=how.jobs or n_cores(),
        progress=how.progress,
    )


def _corrected(
    dataset: Dataset, corrected: Mapping[str, Track], cache: FeatureCache | None
) -> Dataset:
    """Give corrected songs their true genre, and add those that the dataset lacks.

    A genre that the dataset does not have would have too few tracks to be learnt.
    """
    if not corrected:
        return dataset
    contents = [_content(track, cache) for track in dataset.tracks]
    changed = [
        replace(track, genre=corrected[content].genre) if content in corrected else track
        for track, content in zip(dataset.tracks, contents, strict=True)
    ]
    known = set(contents)
    more = {content: track for content, track in corrected.items() if content not in known}
    added = tuple(_added(changed, more))
    strange = {track.genre for track in (*changed, *added)} - set(dataset.genres)
    tracks = tuple(track for track in (*changed, *added) if track.genre in dataset.genres)
    n_changed = sum(a.genre != b.genre for a, b in zip(changed, dataset.tracks, strict=True))
    n_added = sum(track.genre in dataset.genres for track in added)
    remark = (
        f"corrections: tracks of {dataset.name} whose genre was changed: {n_changed}; "
        f"added: {n_added}"
    )
    if strange:
        n_left_out = len(changed) + len(added) - len(tracks)
        names = ", ".join(sorted(strange))
        remark += f"; left out, as it has no such genre: {n_left_out} ({names})"
    return replace(dataset, tracks=tracks, warnings=(*dataset.warnings, remark))


def _added(tracks: Sequence[Track], more: Mapping[str, Track]) -> Iterator[Track]:
    """Give further tracks, each with a name that no other has."""
    taken = {track.track for track in tracks}
    for content, track in more.items():
        name = track.track if track.track not in taken else f"{track.track} {content[:8]}"
        taken.add(name)
        yield replace(track, track=name)


def _content(track: Track, cache: FeatureCache | None) -> str:
    """Hash a track; empty for one that cannot be read, which its extraction will tell."""
    path = str(track.path)
    try:
        return content_hash(path) if cache is None else cache.identity(path, content_hash)
    except (AudioDecodeError, OSError):
        return ""


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
    table = load_features(dataset, features, extraction)
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
        table = load_features(dataset, features, extraction)
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
) -> tuple[EvaluationReport, ...]:
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
    tuple of EvaluationReport
        One a classifier, in the given order.

    Raises
    ------
    GenerifyError
        When the dataset or the names cannot be used.
    """
    table = load_features(dataset, features, extraction)
    return compare_classifiers(table, classifiers, split=split)


def load_mel(
    path: str | Path, seconds: float = _PANEL_SECONDS
) -> tuple[NDArray[np.float32], float]:
    """Mel spectrum of the beginning of a song, for a picture.

    Parameters
    ----------
    path : str or Path
        An audio file.
    seconds : float
        How much of it.

    Returns
    -------
    mel : ndarray of float32, shape (128, n_frames)
        Decibels relative to the loudest bin.
    duration : float
        Seconds shown.

    Raises
    ------
    AudioDecodeError
        When the file cannot be heard.
    """
    audio = load_audio(path, GRID_SAMPLE_RATE, duration=seconds)
    power = mel_spectrogram(audio.samples, GRID_SAMPLE_RATE)
    db = power_to_db(power / np.float32(power.max()))
    return db, len(audio.samples) / GRID_SAMPLE_RATE


def genre_spectrograms(table: FeatureTable) -> tuple[MelPanel, ...]:
    """Mel spectra of one track of each genre, side by side in a report.

    Parameters
    ----------
    table : FeatureTable
        Tracks with audio files; those without are passed over.

    Returns
    -------
    tuple of (str, ndarray, float)
        Title, mel spectrum in dB and seconds; in the order of the genres.
    """
    panels = []
    for genre in table.genres:
        paths = (t.path for t in table.tracks if t.genre == genre and t.path is not None)
        path = next(paths, None)
        if path is None:
            continue
        try:
            mel, seconds = load_mel(path)
        except GenerifyError:
            continue  # a picture less; the report itself says which tracks failed
        panels.append((genre, mel, seconds))
    return tuple(panels)
