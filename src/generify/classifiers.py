"""The classifiers a model may have, by name, and their way into ONNX; training side only.

Each is a scikit-learn pipeline that scales every feature to zero mean and unit variance first.
Settings were chosen by artist-grouped cross-validation on GTZAN's training list (see
``docs/decisions``) and are part of the name: a recipe is features and classifier, nothing else.

In it: :func:`list_classifiers`, :func:`classifier_facts`, :func:`make_classifier`,
:func:`check_convertible`, :func:`to_onnx`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generify.calibration import LEAST_PROBABILITY
from generify.errors import MissingExtraError, ParameterError
from generify.genre_names import likely_meant

__all__ = [
    "CLASSIFIERS",
    "ClassifierFacts",
    "NoveltyHead",
    "TrainingPart",
    "check_convertible",
    "classifier_facts",
    "list_classifiers",
    "make_classifier",
    "to_onnx",
]

_OPSET = 18
_ONNX_IR = 8  # pinned, so that an older onnxruntime can read what a newer onnx writes
_MAX_CALIBRATION_FOLDS = 5


@dataclass(frozen=True, eq=False)
class TrainingPart:
    """What is known of the tracks that a classifier is to be fitted to. Few tracks limit settings.

    Attributes
    ----------
    n_tracks : int
        All tracks.
    smallest_genre : int
        Tracks of the genre that has fewest.
    n_genres : int
        Genres.
    nuisance : ndarray of float64, shape (n_features, n_features), or None
        Mean products of what moves the scaled features of a song without changing its genre.
    """

    n_tracks: int = 1000
    smallest_genre: int = 100
    n_genres: int = 10
    nuisance: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ClassifierFacts:
    """What a classifier is.

    Attributes
    ----------
    title : str
        Its name in words.
    build : callable
        Takes what is known of the training part and the seed, gives an unfitted estimator.
    """

    title: str
    build: Callable[[TrainingPart, int], Any]


def _logreg(_part: TrainingPart, random_state: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, max_iter=2000, random_state=random_state)


class _WidenedCovariance:
    """Covariance within a genre as shrinkage="auto" has it, and what a nuisance adds to it."""

    def __init__(self, nuisance: NDArray[np.float64]) -> None:
        self._nuisance = nuisance

    def fit(self, X: NDArray[np.floating]) -> None:
        from sklearn.covariance import ledoit_wolf
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler()
        shrunk, _ = ledoit_wolf(scaler.fit_transform(X))
        self.covariance_ = shrunk * np.outer(scaler.scale_, scaler.scale_) + self._nuisance


def _lda(part: TrainingPart, _random_state: int) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    # equal priors: how many songs of a genre somebody gathered says nothing about the next song
    priors = [1 / part.n_genres] * part.n_genres
    if part.nuisance is None:
        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors)
    widened = _WidenedCovariance(part.nuisance)
    return LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=widened, priors=priors)


def _knn(part: TrainingPart, _random_state: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    # uniform weights: distance weights convert to a wrong graph
    return KNeighborsClassifier(n_neighbors=min(9, part.n_tracks), weights="uniform")


def _cart(_part: TrainingPart, random_state: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(min_samples_leaf=5, random_state=random_state)


def _nb(_part: TrainingPart, _random_state: int) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(var_smoothing=1e-3)


def _svm(part: TrainingPart, _random_state: int) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC

    n_folds = min(_MAX_CALIBRATION_FOLDS, part.smallest_genre)
    rows = np.arange(part.n_tracks)
    # A genre of one track cannot be on both sides: Platt's curve is then fitted where the machines
    # were, and counts on its smoothed targets alone.
    folds = n_folds if n_folds > 1 else [(rows, rows)]
    # One machine a genre: what SVC gives for several genres counts votes of pairs, so that a change
    # too small to hear moved probabilities by up to 0.6. Calibrated from outside in place of
    # SVC(probability=True), which scikit-learn has deprecated.
    machines = OneVsRestClassifier(SVC(C=10.0, gamma="scale"))
    return CalibratedClassifierCV(machines, cv=folds, ensemble=False)


CLASSIFIERS: Mapping[str, ClassifierFacts] = MappingProxyType(
    {
        "logreg": ClassifierFacts("Logistic regression", _logreg),
        "lda": ClassifierFacts("Linear discriminant analysis", _lda),
        "knn": ClassifierFacts("k nearest neighbours", _knn),
        "cart": ClassifierFacts("Decision tree", _cart),
        "nb": ClassifierFacts("Naive Bayes", _nb),
        "svm": ClassifierFacts("Support vector machine", _svm),
    }
)


def list_classifiers() -> tuple[str, ...]:
    """Names of all classifiers.

    Returns
    -------
    tuple of str
        In the order in which they are compared.

    Examples
    --------
    >>> list_classifiers()
    ('logreg', 'lda', 'knn', 'cart', 'nb', 'svm')
    """
    return tuple(CLASSIFIERS)


def classifier_facts(name: str) -> ClassifierFacts:
    """Tell what a classifier is.

    Parameters
    ----------
    name : str
        One of :func:`list_classifiers`.

    Returns
    -------
    ClassifierFacts
        Its title, and what makes it.

    Raises
    ------
    ParameterError
        When there is no such classifier.
    """
    if name not in CLASSIFIERS:
        meant = likely_meant(name, {known: known for known in CLASSIFIERS})
        raise ParameterError(
            f"there is no classifier {name!r}; there are {', '.join(CLASSIFIERS)}{meant}"
        )
    return CLASSIFIERS[name]


def make_classifier(name: str, *, part: TrainingPart | None = None, random_state: int = 0) -> Any:
    """Make an unfitted classifier.

    Parameters
    ----------
    name : str
        One of :func:`list_classifiers`.
    part : TrainingPart, optional
        What is known of the tracks; by default that they are many, without a nuisance. Only
        ``lda`` allows for one.
    random_state : int
        Seed of all random choices.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Scaler and classifier.

    Raises
    ------
    ParameterError
        When there is no such classifier.
    MissingExtraError
        When scikit-learn is not installed.
    """
    facts = classifier_facts(name)
    try:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("train", "scikit-learn") from err
    estimator = facts.build(part or TrainingPart(), random_state)
    return make_pipeline(StandardScaler(), estimator)


def check_convertible() -> None:
    """Refuse to fit what could not be written as ONNX afterwards.

    Raises
    ------
    MissingExtraError
        When skl2onnx is not installed.
    """
    try:
        import skl2onnx  # noqa: F401
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("train", "skl2onnx") from err


class NoveltyHead(Protocol):
    """Anything that puts the output ``novelty`` behind a graph's features."""

    def append_to(self, graph: Any) -> None:
        """Append nodes, initialisers and the output to a graph.

        Parameters
        ----------
        graph : onnx.GraphProto
            With the input ``features``; changed in place.
        """


def to_onnx(
    pipeline: Any,
    n_features: int,
    *,
    metadata: Mapping[str, str],
    temperature: float = 1.0,
    novelty: NoveltyHead | None = None,
) -> bytes:
    """Convert a fitted classifier.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted on genre numbers 0, 1, 2 ….
    n_features : int
        Features that it expects.
    metadata : mapping of str to str
        Kept in the file.
    temperature : float
        Folded into the graph, see :func:`generify.calibration.apply_temperature`.
    novelty : NoveltyHead, optional
        Adds the output ``novelty``.

    Returns
    -------
    bytes
        An ONNX graph with the input ``features`` and the output ``probabilities``.

    Raises
    ------
    MissingExtraError
        When skl2onnx is not installed.
    """
    import warnings

    check_convertible()
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    with warnings.catch_warnings():
        # skl2onnx reads SVC attributes that scikit-learn 1.9 deprecated; their values are right
        warnings.simplefilter("ignore", FutureWarning)
        graph = convert_sklearn(
            _convertible(pipeline),
            name="generify",  # a random one otherwise, and no two files would be equal
            initial_types=[("features", FloatTensorType([None, n_features]))],
            options={"zipmap": False},
            target_opset={"": _OPSET, "ai.onnx.ml": 3},
        )
    graph.ir_version = _ONNX_IR
    _gather_for_slice(graph.graph)
    label = next(output for output in graph.graph.output if output.name != "probabilities")
    graph.graph.output.remove(label)
    _append_temperature(graph.graph, temperature)
    if novelty is not None:
        novelty.append_to(graph.graph)
    for key, value in metadata.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def _convertible(pipeline: Any) -> Any:
    """Give linear discriminant analysis as the logistic regression that it equals.

    skl2onnx doubles the log odds of a discriminant analysis of two genres, so that its answers come
    out far too sure.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    *before, fitted = (step for _, step in pipeline.steps)
    if not isinstance(fitted, LinearDiscriminantAnalysis):
        return pipeline
    linear = LogisticRegression()
    for name in ("coef_", "intercept_", "classes_", "n_features_in_"):
        setattr(linear, name, getattr(fitted, name))
    return make_pipeline(*before, linear)


def _gather_for_slice(graph: Any) -> None:
    """Write Slice as Gather, which models have anyway: the fewer operators are let in, the better.

    skl2onnx takes the column of the second class so, of what a machine for two classes gives.
    """
    from onnx import helper, numpy_helper

    constants = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    for node in graph.node:
        if node.op_type != "Slice":
            continue
        value, *places = node.input
        start, end, axis = (constants[name].item() for name in places)
        name = f"{node.name}_places"
        graph.initializer.append(numpy_helper.from_array(np.arange(start, end), name))
        node.CopyFrom(helper.make_node("Gather", [value, name], node.output, node.name, axis=axis))


def _append_temperature(graph: Any, temperature: float) -> None:
    """Put softmax(log(probabilities) / temperature) behind a graph."""
    from onnx import helper, numpy_helper

    for node in graph.node:
        node.output[:] = ["untempered" if o == "probabilities" else o for o in node.output]
        node.input[:] = ["untempered" if i == "probabilities" else i for i in node.input]
    constants = {"least": LEAST_PROBABILITY, "inverse_temperature": 1 / temperature}
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
    graph.node.extend(
        [
            helper.make_node("Max", ["untempered", "least"], ["at_least"]),
            helper.make_node("Log", ["at_least"], ["log_probabilities"]),
            helper.make_node("Mul", ["log_probabilities", "inverse_temperature"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ]
    )
