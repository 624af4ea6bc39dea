"""One contract for every classifier: what ONNX answers is what scikit-learn answers."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import StandardScaler

from generify.calibration import apply_temperature
from generify.classifiers import (
    CLASSIFIERS,
    TrainingPart,
    list_classifiers,
    make_classifier,
    to_onnx,
)
from generify.errors import MissingExtraError, ParameterError
from generify.inference import open_session

N_FEATURES = 40
Features = NDArray[np.float32]
Numbers = NDArray[np.intp]

every_classifier = pytest.mark.parametrize("name", list_classifiers())
every_size = pytest.mark.parametrize("n_genres", [2, 3, 5, 10])


def draw(n_genres: int, *, n_tracks: int = 30, seed: int = 0) -> tuple[Features, Numbers]:
    """Features as unevenly scaled as audio gives them, one of them constant; genres overlap."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(-300, 300, N_FEATURES)
    sd = np.exp(rng.uniform(np.log(0.1), np.log(50), N_FEATURES))
    y = np.repeat(np.arange(n_genres), n_tracks)
    centres = 0.4 * rng.normal(size=(n_genres, N_FEATURES))
    X = mean + sd * (centres[y] + rng.normal(size=(len(y), N_FEATURES)))
    X[:, -1] = 7.0
    return X.astype(np.float32), y


def run(graph: bytes, X: Features) -> Features:
    session = open_session(graph, source="test")
    probabilities: Features = session.run(["probabilities"], {"features": X})[0]
    return probabilities


def fit(name: str, X: Features, y: Numbers) -> Any:
    return make_classifier(
        name, part=TrainingPart(len(y), int(np.bincount(y).min()), len(set(y.tolist())))
    ).fit(X, y)


@every_classifier
@every_size
def test_onnx_answers_as_scikit_learn(name: str, n_genres: int) -> None:
    X, y = draw(n_genres)
    tested, _ = draw(n_genres, n_tracks=20)
    pipeline = fit(name, X, y)
    ours = run(to_onnx(pipeline, N_FEATURES, metadata={}), tested)
    theirs = pipeline.predict_proba(tested)
    assert ours.shape == (len(tested), n_genres)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-5)
    assert theirs.max() - theirs.min() > 0.3  # the agreement is about answers that differ


@every_classifier
def test_one_track_is_judged_as_among_many(name: str) -> None:
    X, y = draw(3)
    graph = to_onnx(fit(name, X, y), N_FEATURES, metadata={})
    np.testing.assert_allclose(run(graph, X[:1]), run(graph, X)[:1], atol=1e-6)


@every_classifier
def test_every_classifier_learns(name: str) -> None:
    X, y = draw(3, n_tracks=60)
    pipeline = fit(name, X[::2], y[::2])
    assert (pipeline.predict(X[1::2]) == y[1::2]).mean() > 0.5  # chance is a third


@every_classifier
def test_the_same_seed_gives_the_same_answers(name: str) -> None:
    X, y = draw(3)
    first, second = (to_onnx(fit(name, X, y), N_FEATURES, metadata={"a": "b"}) for _ in range(2))
    assert run(first, X).tobytes() == run(second, X).tobytes()
    # inside the graph of knn skl2onnx numbers names by a counter of the process
    assert first == second or name == "knn"


@every_classifier
def test_very_few_tracks(name: str) -> None:
    X, y = draw(2, n_tracks=9)
    graph = to_onnx(fit(name, X, y), N_FEATURES, metadata={})
    assert np.isfinite(run(graph, X)).all()


@every_classifier
def test_the_graph_is_pinned(name: str) -> None:
    X, y = draw(3)
    graph = onnx.load_from_string(to_onnx(fit(name, X, y), N_FEATURES, metadata={"key": "värde"}))
    onnx.checker.check_model(graph)
    assert graph.ir_version == 8
    versions = {entry.domain: entry.version for entry in graph.opset_import}
    assert versions.get("", 0) <= 18
    assert versions.get("ai.onnx.ml", 0) <= 3
    assert [node.name for node in graph.graph.input] == ["features"]
    assert [node.name for node in graph.graph.output] == ["probabilities"]
    assert {entry.key: entry.value for entry in graph.metadata_props} == {"key": "värde"}


@every_classifier
def test_metadata_may_be_long(name: str) -> None:
    X, y = draw(2)
    card = json.dumps({"trained_on": ["0123abcd"] * 5000})
    session = open_session(
        to_onnx(fit(name, X, y), N_FEATURES, metadata={"card": card}), source="test"
    )
    assert session.get_modelmeta().custom_metadata_map["card"] == card


@every_classifier
@pytest.mark.parametrize("n_genres", [2, 3, 10])
@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_the_temperature_is_in_the_graph(name: str, n_genres: int, temperature: float) -> None:
    X, y = draw(n_genres)
    pipeline = fit(name, X, y)
    ours = run(to_onnx(pipeline, N_FEATURES, temperature=temperature, metadata={}), X)
    theirs = apply_temperature(pipeline.predict_proba(X), temperature)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@every_classifier
def test_songs_unlike_any_other_get_probabilities_too(name: str) -> None:
    X, y = draw(3)
    graph = to_onnx(fit(name, X, y), N_FEATURES, temperature=0.3, metadata={})
    far = (X + 1e4 * X.std(axis=0)).astype(np.float32)
    np.testing.assert_allclose(run(graph, far).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["logreg", "lda", "svm"])
def test_probabilities_do_not_jump(name: str) -> None:
    # a thousand steps from song to song; a machine for each pair of genres would count votes,
    # and a vote that falls the other way moved a probability by 0.14 at one step
    X, y = draw(4)
    graph = to_onnx(fit(name, X, y), N_FEATURES, metadata={})
    way = np.linspace(0, 1, 1001, dtype=np.float32)[:, np.newaxis]
    for first, last in zip(X[:-1:12], X[1::12], strict=True):
        steps = np.abs(np.diff(run(graph, first + way * (last - first)), axis=0))
        assert steps.max() < 0.01


def lda_beside(nuisance: NDArray[np.float64] | None, X: Features, y: Numbers) -> Any:
    return make_classifier("lda", part=TrainingPart(len(y), 10, 3, nuisance)).fit(X, y)


def test_without_a_nuisance_lda_shrinks_as_scikit_learn_does() -> None:
    X, y = draw(3)
    X[y == 1, 0] = 0.1  # constant within one genre
    ours = lda_beside(np.zeros((N_FEATURES, N_FEATURES)), X, y)
    np.testing.assert_allclose(
        ours.predict_proba(X), lda_beside(None, X, y).predict_proba(X), atol=1e-5
    )


def shrunk(Z: NDArray[np.float64]) -> NDArray[np.float64]:
    scaler = StandardScaler().fit(Z)
    covariance = LedoitWolf().fit(scaler.transform(Z)).covariance_
    scaled: NDArray[np.float64] = covariance * np.outer(scaler.scale_, scaler.scale_)
    return scaled


def test_lda_widens_the_covariance_by_its_nuisance() -> None:
    # the textbook's discriminant for one covariance and equal priors
    X, y = draw(3)
    factors = np.random.default_rng(1).normal(size=(N_FEATURES, 2))
    nuisance = factors @ factors.T
    Z = StandardScaler().fit_transform(X.astype(np.float64))
    means = np.stack([Z[y == genre].mean(axis=0) for genre in range(3)])
    covariance = nuisance + np.mean([shrunk(Z[y == genre]) for genre in range(3)], axis=0)
    weights = np.linalg.solve(covariance, means.T)
    scores = Z @ weights - 0.5 * (means * weights.T).sum(axis=1)
    np.testing.assert_allclose(
        lda_beside(nuisance, X, y).predict_proba(X), softmax(scores, axis=1), atol=1e-4
    )


def test_lda_does_not_rely_on_what_a_nuisance_moves() -> None:
    X, y = draw(3)
    moved = X.copy()
    moved[:, 0] += X[:, 0].std()
    nuisance = np.zeros((N_FEATURES, N_FEATURES))
    nuisance[0, 0] = 1e6
    plain, steady = lda_beside(None, X, y), lda_beside(nuisance, X, y)
    assert np.abs(plain.predict_proba(moved) - plain.predict_proba(X)).max() > 0.1
    graph = to_onnx(steady, N_FEATURES, metadata={})
    np.testing.assert_allclose(run(graph, moved), run(graph, X), atol=1e-3)
    assert (steady.predict(X) == y).mean() > 0.5  # it goes by the others


def test_every_classifier_has_a_title() -> None:
    assert all(facts.title for facts in CLASSIFIERS.values())
    with pytest.raises(TypeError):
        CLASSIFIERS["mine"] = CLASSIFIERS["lda"]  # type: ignore[index]


def test_an_unknown_classifier() -> None:
    with pytest.raises(ParameterError, match="there is no classifier 'cnn'; there are logreg, lda"):
        make_classifier("cnn")
    with pytest.raises(ParameterError, match=r"nb, svm; did you mean svm\?$"):
        make_classifier("svn")


@pytest.mark.parametrize("module", ["sklearn.pipeline", "skl2onnx"])
def test_a_plain_install_says_what_is_missing(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = draw(2)
    fitted = fit("lda", X, y)
    monkeypatch.setitem(sys.modules, module, None)
    package = "scikit-learn" if module.startswith("sklearn") else "skl2onnx"
    with pytest.raises(MissingExtraError, match=f"this needs {package}, which is not installed"):
        make_classifier("lda") if package == "scikit-learn" else to_onnx(
            fitted, N_FEATURES, metadata={}
        )
