"""Simple recipes that others report on GTZAN, on the same clips and the same split as ours.

Each is fitted to the training list and tested on the test list, with scikit-learn alone: nothing of
Generify but the published tables. They are not chosen between; they show where a figure stands.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from generify.features.timbre import timbre_vector
from generify.table import FeatureTable
from gtzan_tables import Clip

Floats = NDArray[np.float64]


def _tag_means(clip: Clip) -> Floats:
    assert clip.tags is not None
    means: Floats = clip.tags.mean(axis=0, dtype=np.float64)
    return means


def _tag_statistics(clip: Clip) -> Floats:
    assert clip.tags is not None
    tags = clip.tags.astype(np.float64)
    return np.concatenate([tags.mean(0), tags.std(0), tags.max(0), np.median(tags, axis=0)])


def _librosa_features(data: Path) -> dict[str, Floats]:
    """Read the widely used table of 57 librosa features."""
    with (data / "librosa_features_30s.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = [name for name in rows[0] if name not in ("filename", "length", "label")]
    return {
        row["filename"].removesuffix(".wav"): np.array([float(row[name]) for name in names])
        for row in rows
    }


def _logreg(strength: float) -> Any:
    return LogisticRegression(C=strength, max_iter=5000)


def _lda() -> Any:
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def judge_baselines(
    table: FeatureTable, clips: Mapping[str, Clip], data: Path
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Give the name of each, and which test clips of a table it gets right, in their order."""
    names = [track.track for track in table.tracks]
    librosa = _librosa_features(data)
    librosa_X = np.stack([librosa[name] for name in names])
    means = np.stack([_tag_means(clips[name]) for name in names])
    mixed = np.stack(
        [
            np.concatenate([_tag_statistics(clips[name]), timbre_vector([clips[name].mel])])
            for name in names
        ]
    )
    recipes = (
        ("57 librosa features + logreg", librosa_X, _logreg(1.0)),
        ("57 librosa features + svm", librosa_X, SVC(C=10)),
        ("tag means + logreg, C = 1", means, _logreg(1.0)),
        ("tag means + logreg, C = 0.01", means, _logreg(0.01)),
        ("tag means + lda", means, _lda()),
        ("tag mean, std, max, median + timbre + lda", mixed, _lda()),
    )
    return [(name, _right(table, X, estimator)) for name, X, estimator in recipes]


def _right(table: FeatureTable, X: Floats, estimator: Any) -> NDArray[np.bool_]:
    lists = np.array([track.split for track in table.tracks])
    train, test = lists == "train", lists == "test"
    pipeline = make_pipeline(StandardScaler(), estimator).fit(X[train], table.y[train])
    right: NDArray[np.bool_] = pipeline.predict(X[test]) == table.y[test]
    return right
