from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from generify.datasets import Track
from generify.evaluation import EvaluationReport, Experiment, evaluate_predictions
from generify.features import get_extractor
from generify.model import list_models, load_model
from generify.novelty import describe_missing_novelty, fit_novelty, novelty_columns
from generify.recipe import fit_table_novelty
from generify.table import FeatureTable
from generify.training import fit_model

FEATURES = "tags+rhythm"


def _table(n_tracks: int = 240, seed: int = 0) -> FeatureTable:
    rng = np.random.default_rng(seed)
    extractor = get_extractor(FEATURES)
    genres = ["a", "b", "c"] * (n_tracks // 3)
    means = {"a": 0.0, "b": 3.0, "c": -3.0}
    X = np.stack([rng.normal(means[g], 1, len(extractor.columns)) for g in genres])
    return FeatureTable(
        dataset="made up",
        tracks=tuple(Track(f"t{i}", None, g, artist=f"p{i}") for i, g in enumerate(genres)),
        X=X.astype(np.float32),
        columns=extractor.columns,
        extractor=extractor.spec,
        durations=(30.0,) * n_tracks,
    )


def _report(table: FeatureTable) -> EvaluationReport:
    sure = np.eye(3)[table.y]
    names = tuple(t.track for t in table.tracks)
    experiment = Experiment("r", "made up", "random", "by chance")
    return evaluate_predictions(table.y, sure, table.genres, tracks=names, experiment=experiment)


def test_one_genre_gives_the_mahalanobis_distance_of_theory() -> None:
    # unit variances without correlation: shrinking changes nothing, the distance is Euclid's
    corners = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    found = fit_novelty(corners, np.zeros(4, dtype=int), np.ones(2))
    np.testing.assert_allclose(found.score(np.array([[0.0, 0], [3, 4]])), [0, 25], atol=1e-9)


def test_the_nearest_genre_counts() -> None:
    table = _table()
    found = fit_novelty(table.X, table.y, novelty_columns(table.columns))
    centres = np.stack([table.X[table.y == g].mean(axis=0) for g in range(3)])
    np.testing.assert_allclose(found.score(centres), 0, atol=1e-6)


def test_columns_of_no_weight_do_not_count() -> None:
    table = _table()
    weights = np.ones(len(table.columns))
    weights[::2] = 0
    found = fit_novelty(table.X, table.y, weights)
    changed = table.X.copy()
    changed[:, ::2] += 100
    np.testing.assert_allclose(found.score(changed), found.score(table.X))


def test_a_light_column_counts_less() -> None:
    # ten columns of variance 1 and one of weight 0.1, so of variance 0.01: that is shrunk towards
    # the mean of all, 0.91, and five deviations in it are 25 · 0.01 / (0.3 · 0.01 + 0.7 · 0.91)
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(20_000, 11)), np.array([*[1.0] * 10, 0.1])
    found = fit_novelty(X, np.zeros(len(X), dtype=int), weights)
    shift = np.zeros((1, 11))
    shift[0, 10] = 5
    assert found.score(shift) == pytest.approx(25 * 0.01 / (0.3 * 0.01 + 0.7 * 0.91), rel=0.05)


def test_without_tags_there_is_no_novelty() -> None:
    assert not novelty_columns(get_extractor("timbre").columns).any()
    timbre = get_extractor("timbre")
    table = dataclasses.replace(_table(), columns=timbre.columns, extractor=timbre.spec)
    assert fit_table_novelty(table) is None


def test_a_genre_by_one_artist_has_a_threshold_all_the_same() -> None:
    table = _table()
    tracks = tuple(dataclasses.replace(t, artist=t.genre) for t in table.tracks)
    by_artists = fit_table_novelty(dataclasses.replace(table, tracks=tracks))
    unnamed = tuple(dataclasses.replace(t, artist=None) for t in table.tracks)
    by_chance = fit_table_novelty(dataclasses.replace(table, tracks=unnamed))
    assert by_artists is not None
    assert by_chance is not None
    assert by_artists.threshold == by_chance.threshold


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["mfcc.mean.00"], "its features hold no tags"),
        (["tags.root.00"], "there are too few tracks of a genre to find a threshold"),
    ],
)
def test_a_model_without_novelty_says_why(names: list[str], why: str) -> None:
    assert describe_missing_novelty(names) == (
        f'this model cannot say "unknown" of music unlike its own: {why}'
    )


def test_the_card_says_that_there_is_no_novelty() -> None:
    mfcc = get_extractor("mfcc")
    table = dataclasses.replace(
        _table(),
        X=_table().X[:, : len(mfcc.columns)],
        columns=mfcc.columns,
        extractor=mfcc.spec,
    )
    limits = fit_model(table, _report(table), "lda", limits="Loud songs only.").card.limits
    assert limits == f"Loud songs only. {describe_missing_novelty(mfcc.columns)}"
    known = _table()
    assert fit_model(known, _report(known), "lda", limits="Loud.").card.limits == "Loud."


def test_the_threshold_refuses_few_known_and_all_that_is_far() -> None:
    table = _table()
    model = fit_model(table, _report(table), "lda")
    threshold = model.card.novelty_threshold
    assert threshold is not None
    known = _table(seed=1).X
    assert (model.novelty(known) > threshold).mean() < 0.12  # 4 % is meant, of 240
    assert (model.novelty(known + 20) > threshold).all()


def test_the_graph_scores_as_the_formula_does() -> None:
    table = _table()
    model = fit_model(table, _report(table), "lda")
    expected = fit_novelty(table.X, table.y, novelty_columns(table.columns)).score(table.X)
    np.testing.assert_allclose(model.novelty(table.X), expected, rtol=1e-3)


@pytest.mark.parametrize("name", list_models())
def test_bundled_models_know_what_is_novel(name: str) -> None:
    threshold = load_model(name).card.novelty_threshold
    assert threshold is not None
    assert np.isfinite(threshold)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
@pytest.mark.parametrize("language", ["en-gb", "de", "hi"])
@pytest.mark.parametrize("name", list_models())
def test_speech_is_unknown(name: str, language: str, tmp_path: Path) -> None:
    from generify.prediction import predict

    path = tmp_path / "speech.wav"
    text = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"
    subprocess.run(["espeak-ng", "-v", language, "-w", path, text], check=True)
    assert predict(path, name).unknown


@pytest.mark.data
def test_western_songs_are_unknown_to_the_indian_model(shared_data: Path) -> None:
    from generify.prediction import predict

    songs = sorted((shared_data / "gtzan" / "lossless").glob("*/*.wav"))
    unknown = [predict(song, "indian").unknown for song in songs]
    assert len(songs) >= 10
    assert np.mean(unknown) >= 0.8
