"""What encoding does to features, and that a classifier allows for it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.preprocessing import StandardScaler

from conftest import TableMaker
from generify import defaults
from generify import recipe as recipe_module
from generify.audio import load_audio, resample
from generify.classifiers import TrainingPart, make_classifier
from generify.encoding import encoding_scatter, standardise_scatter
from generify.excerpts import HEARING_VERSION, Excerpts
from generify.features import get_extractor
from generify.recipe import fit_recipe
from generify.table import FeatureTable

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_the_default_features_were_measured_as_they_are_now() -> None:
    # otherwise: python benchmarks/encoding_shifts.py DATA --write
    extractor = get_extractor(defaults.FEATURES)
    with resources.files("generify.encoding").joinpath("shifts.npz").open("rb") as stream:
        archive = np.load(stream, allow_pickle=False)
        assert json.loads(str(archive["extractor"])) == asdict(extractor.spec)
        assert tuple(archive["columns"]) == extractor.columns
        assert archive["hearing"] == HEARING_VERSION


@pytest.mark.parametrize("features", ["tags", "rhythm", "tags+rhythm", "rhythm+tags"])
def test_scatter_of_some_features_is_that_of_all_where_they_are(features: str) -> None:
    every, some = get_extractor(defaults.FEATURES).columns, get_extractor(features).columns
    whole, found = encoding_scatter(every), encoding_scatter(some)
    assert whole is not None
    assert found is not None
    for i in (0, 3, -1):
        for j in (0, 5, -1):
            assert found[i, j] == whole[every.index(some[i]), every.index(some[j])]
    np.testing.assert_array_equal(found, found.T)
    assert np.linalg.eigvalsh(found).min() > -1e-6 * np.trace(found)


@pytest.mark.parametrize("features", ["mfcc", "timbre", "embedding", "tags+mfcc"])
def test_features_that_were_not_measured_have_none(features: str) -> None:
    assert encoding_scatter(get_extractor(features).columns) is None


def test_songs_encoded_again_move_as_far_as_was_measured(tmp_path: Path) -> None:
    extractor = get_extractor(defaults.FEATURES)
    scatter = encoding_scatter(extractor.columns)
    assert scatter is not None
    shifts = []
    for name in ("intro.mp3", "escape_from_chaosland.ogg", "war_of_freedom.mp3"):
        heard = resample(load_audio(EXAMPLES / name).samples, 44100, 22050)[: 15 * 22050]
        vectors = []
        for number in range(3):
            path = tmp_path / f"{number}.ogg"
            soundfile.write(path, heard, 22050, subtype="VORBIS", compression_level=0.5)
            heard = load_audio(path).samples
            vectors.append(extractor.extract(Excerpts.from_samples(heard, 22050)))
        shifts += [vectors[1] - vectors[0], vectors[2] - vectors[1]]
    moved = np.mean(np.square(shifts), axis=0) / np.diag(scatter)
    assert 2 < np.median(moved) < 12  # one of the two ways of eleven that move most


def test_units_are_those_of_a_scaler() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal([5, -300, 0], [0.1, 40, 1], (50, 3)).astype(np.float32)
    shifts = rng.normal(size=(20, 3)) * [0.05, 3, 0.2]
    scaled = shifts / StandardScaler().fit(X).scale_
    np.testing.assert_allclose(
        standardise_scatter(shifts.T @ shifts / 20, X), scaled.T @ scaled / 20, rtol=1e-5
    )


@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-9])
def test_columns_that_hardly_vary_are_hardly_gone_by(make_table: TableMaker, scale: float) -> None:
    table = make_table(["rock", "jazz", "blues"] * 40, separation=1)
    X = table.X.copy()
    X[:, 0] = 7
    X[:, 1] *= scale
    shift = 0.1 * table.X.std(axis=0, dtype=np.float64)
    scatter = np.outer(shift, shift) + np.diag(shift**2)
    found = standardise_scatter(scatter, X)
    assert found[0, 0] == scatter[0, 0]
    if scale < 1e-6:  # past the cap, where digits run out
        assert found[1, 1] == pytest.approx(1e12)
        return
    part = TrainingPart(len(X), 40, 3, found)
    fitted = make_classifier("lda", part=part).fit(X, table.y)
    weights = np.abs(fitted[-1].coef_ / fitted[0].scale_).max(axis=0) * shift
    assert weights[1] < 3 * weights[2:].max()
    assert (fitted.predict(X) == table.y).mean() > 0.7  # by the others


@pytest.mark.parametrize(("classifier", "allows"), [("lda", True), ("logreg", False)])
def test_which_classifier_allows_for_it(
    make_table: TableMaker, monkeypatch: pytest.MonkeyPatch, classifier: str, *, allows: bool
) -> None:
    table = make_table(["rock", "jazz"] * 40, separation=2)
    rows = np.arange(len(table.tracks))
    shift = np.zeros(len(table.columns), dtype=np.float32)
    shift[:7] = table.X.std(axis=0)[:7]  # some of what tells the genres apart

    def moves() -> float:
        fitted = fit_recipe(table, rows, classifier)
        now, then = (fitted.predict_proba(X, 2) for X in (table.X, table.X + shift))
        return float(np.abs(now - then).max())

    before = moves()
    scatter = 1e4 * np.outer(shift, shift).astype(np.float64)
    monkeypatch.setattr(recipe_module, "encoding_scatter", lambda _: scatter)
    assert before > 0.1
    assert (moves() < 0.1 * before) is allows


def as_tags(table: FeatureTable) -> FeatureTable:
    """Give features whose genres lie as far apart as encoding moves them."""
    extractor = get_extractor("tags")
    scatter = encoding_scatter(extractor.columns)
    assert scatter is not None
    X = np.random.default_rng(0).normal(size=(len(table.tracks), len(extractor.columns)))
    X = (X + 3 * table.y[:, np.newaxis]) * np.sqrt(np.diag(scatter))
    return replace(
        table, X=X.astype(np.float32), columns=extractor.columns, extractor=extractor.spec
    )


@pytest.mark.parametrize("genres", [["a", "b", "b"], ["a", "b"] * 2, ["a", "b"] * 40])
def test_ever_so_few_songs_can_be_learnt(make_table: TableMaker, genres: list[str]) -> None:
    table = as_tags(make_table(genres))
    fitted = fit_recipe(table, np.arange(len(genres)), "lda")
    probabilities = fitted.predict_proba(table.X, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (probabilities.argmax(axis=1) == table.y).all()
