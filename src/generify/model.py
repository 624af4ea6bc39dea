"""Genre models: features in, genres out; one ONNX file with its model card inside.

A model file is an ONNX graph with one input ``features`` of shape ``(n_tracks, n_features)`` and
one output ``probabilities`` of shape ``(n_tracks, n_genres)``, in the order of the card's genres.
The card travels as JSON in the file's metadata. Loading a model runs no code.

In it: :class:`ModelCard`, :class:`GenreModel`, :func:`load_model`, :func:`list_models`,
:func:`export_model`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from generify import defaults
from generify.atomic import replacing
from generify.errors import ModelError, ParameterError
from generify.features import get_extractor
from generify.features.base import Extractor, ExtractorSpec
from generify.inference import MAX_MODEL_BYTES, open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = [
    "CARD_KEY",
    "GenreModel",
    "ModelCard",
    "export_model",
    "list_models",
    "load_model",
    "track_fingerprint",
]

CARD_KEY = "generify.card"
_FORMAT = 1
_SUFFIX = ".onnx"
_TRAIN_HINT = "give a file written by `generify train`"


def track_fingerprint(genre: str, track: str) -> str:
    """Name a track briefly, so that a card can say what a model was trained on.

    Parameters
    ----------
    genre, track : str
        Genre and name of the track, which are the same in another encoding or place.

    Returns
    -------
    str
        Eight hexadecimal digits.
    """
    return hashlib.sha256(f"{genre}/{track}".encode()).hexdigest()[:8]


@dataclass(frozen=True)
class ModelCard:
    """What a model is, what it was trained on and how good it was found to be.

    Attributes
    ----------
    name : str
        The model's name.
    version : str
        The model's version.
    genres : tuple of str
        Its genres, in the order of its output.
    extractor : ExtractorSpec
        What made the features it expects.
    classifier : str
        What kind of classifier it is.
    dataset : str
        Name of the training data.
    n_tracks : mapping of str to int
        Tracks per genre that it was fitted on.
    trained_on : tuple of str
        Fingerprints of those tracks (see :func:`track_fingerprint`).
    random_state : int
        Seed of all random choices.
    metrics : mapping
        What was measured: ``split``, ``split_meaning``, ``n_tracks``, ``n_train``, ``accuracy``
        with ``low`` and ``high`` (95 % interval), ``macro_f1``, ``macro_auc``, ``top3``,
        ``calibration_error``, ``scores`` of each genre and the ``confusion`` matrix (counts; row =
        true genre).
    temperature : float
        Calibrates the probabilities; already folded into the graph.
    novelty_threshold : float or None
        Above this novelty a song is unknown; None where the model has no such output.
    licence, attribution, limits : str
        Terms of use of the model, whom to credit, and what it cannot do.
    date : str
        Day of training, ISO 8601.
    libraries : mapping of str to str
        Versions of the libraries that trained it.
    """

    name: str
    version: str
    genres: tuple[str, ...]
    extractor: ExtractorSpec
    classifier: str
    dataset: str
    n_tracks: Mapping[str, int]
    trained_on: tuple[str, ...] = ()
    random_state: int = 0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    novelty_threshold: float | None = None
    licence: str = ""
    attribution: str = ""
    limits: str = ""
    date: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Write the card as JSON.

        Returns
        -------
        str
            One JSON object, keys sorted.
        """
        return json.dumps(
            {"format": _FORMAT, **asdict(self)}, sort_keys=True, ensure_ascii=False, allow_nan=False
        )

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card.

        Parameters
        ----------
        text : str
            What :meth:`to_json` wrote.

        Returns
        -------
        ModelCard
            The card.

        Raises
        ------
        ModelError
            When the text is no card, or one of a later format.
        """
        try:
            values = json.loads(text)
            known = values.pop("format")
            if known != _FORMAT:
                raise ModelError(
                    f"the model card has format {known}, this Generify reads {_FORMAT}",
                    hint="upgrade Generify",
                )
            names = {f.name for f in fields(cls)}
            values = {name: value for name, value in values.items() if name in names}
            _check_card(values)
            values["extractor"] = ExtractorSpec(**values["extractor"])
            for name in ("genres", "trained_on"):
                values[name] = tuple(values[name])
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
            raise ModelError("the model card cannot be read", hint=_TRAIN_HINT) from err


# What a card's JSON must hold, wherever it comes from: other code relies on these kinds.
_TEXTS = (
    *("name", "version", "classifier", "dataset"),
    *("licence", "attribution", "limits", "date"),
)
_LISTS_OF_TEXT = ("genres", "trained_on")
_MAPPINGS = ("extractor", "n_tracks", "metrics", "libraries")


def _check_card(values: Mapping[str, Any]) -> None:
    values = {"trained_on": [], **values}
    for names, kind in ((_TEXTS, str), (_LISTS_OF_TEXT, list), (_MAPPINGS, dict)):
        wrong = [name for name in names if not isinstance(values.get(name, kind()), kind)]
        if wrong:
            raise TypeError(f"{', '.join(wrong)} should be {kind.__name__}")
    genres = values["genres"]
    texts = [*genres, *values["trained_on"], *map(values["extractor"].get, ("name", "parameters"))]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("genres, fingerprints and the extractor should be named by text")
    if not genres or len(set(genres)) < len(genres):
        raise ValueError("genres should be named, each once")


def _read_card(session: InferenceSession, source: str) -> ModelCard:
    try:
        text = session.get_modelmeta().custom_metadata_map.get(CARD_KEY)
        card = None if text is None else ModelCard.from_json(text)
    except UnicodeDecodeError as err:
        raise ModelError(f"{source}: the model card cannot be read", hint=_TRAIN_HINT) from err
    except ModelError as err:
        raise ModelError(f"{source}: {err}", hint=err.hint) from err
    if card is None:
        raise ModelError(f"{source} is an ONNX file without a model card", hint=_TRAIN_HINT)
    return card


@dataclass(frozen=True)
class GenreModel:
    """A trained model: features in, probabilities of genres out.

    Attributes
    ----------
    card : ModelCard
        What the model is and how good it was found to be.
    graph : bytes
        The ONNX file's content, card included.
    """

    card: ModelCard
    graph: bytes = field(repr=False)

    @classmethod
    def from_bytes(cls, graph: bytes, *, source: str) -> GenreModel:
        """Make a model from an ONNX file's content.

        Parameters
        ----------
        graph : bytes
            The content.
        source : str
            Where it came from, for error messages.

        Returns
        -------
        GenreModel
            Checked against its card and this program's extractors.

        Raises
        ------
        ModelError
            When the content is no model, has no card, does not fit its card, or was made for
            another version of its extractor.
        """
        session = open_session(graph, source=source)
        model = cls(_read_card(session, source), graph)
        model.__dict__["_session"] = session  # fills the cached property: it was just made
        model._check(source)
        return model

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres, in the order of every probability vector."""
        return self.card.genres

    @cached_property
    def extractor(self) -> Extractor:
        """The extractor whose features the model expects."""
        return get_extractor(self.card.extractor.name)

    @cached_property
    def _session(self) -> InferenceSession:
        return open_session(self.graph, source=self.card.name)

    def _check(self, source: str) -> None:
        try:
            extractor = self.extractor
        except ParameterError as err:
            raise ModelError(f"{source}: {err}", hint="upgrade Generify") from err
        if extractor.spec != self.card.extractor:
            same = str(extractor.spec) == str(self.card.extractor)
            raise ModelError(
                f"{source} was trained on features {self.card.extractor}, "
                f"this Generify computes {extractor.spec}{' with other parameters' * same}",
                hint="train it again with `generify train`",
            )
        inputs = {n.name: (n.type, n.shape[1:]) for n in self._session.get_inputs()}
        outputs = {n.name: (n.type, n.shape[1:]) for n in self._session.get_outputs()}
        n_features, n_genres = len(extractor.columns), len(self.genres)
        expected = {"probabilities": ("tensor(float)", [n_genres])}
        if self.card.novelty_threshold is not None:
            expected["novelty"] = ("tensor(float)", [])
        fits = inputs == {"features": ("tensor(float)", [n_features])} and expected == {
            name: outputs.get(name) for name in expected
        }
        if not fits:
            raise ModelError(
                f"{source}: its graph does not fit its card "
                f"({n_features} features to {n_genres} genres)",
                hint=_TRAIN_HINT,
            )

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of genres.

        Parameters
        ----------
        X : ndarray of float32, shape (n_tracks, n_features)
            Features in the order of ``model.extractor.columns``.

        Returns
        -------
        ndarray of float32, shape (n_tracks, n_genres)
            In the order of :attr:`genres`; rows sum to one.

        Raises
        ------
        ParameterError
            When the shape is another or a value is not finite.
        ModelError
            When the graph cannot be run or answers with what are no probabilities.
        """
        return _normalised(self._run("probabilities", X), self.card.name)

    def novelty(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far songs are from everything that the model knows.

        Parameters
        ----------
        X : ndarray of float32, shape (n_tracks, n_features)
            Features in the order of ``model.extractor.columns``.

        Returns
        -------
        ndarray of float32, shape (n_tracks,)
            To be compared with ``model.card.novelty_threshold``; 0 where the model has no such
            output.

        Raises
        ------
        ParameterError
            When the shape is another or a value is not finite.
        ModelError
            When the graph cannot be run.
        """
        if self.card.novelty_threshold is None:
            return np.zeros(len(X), dtype=np.float32)
        return self._run("novelty", X)

    def _run(self, output: str, X: NDArray[np.float32]) -> NDArray[np.float32]:
        n_features = len(self.extractor.columns)
        if X.ndim != 2 or X.shape[1] != n_features:
            raise ParameterError(
                f"expected features of shape (n_tracks, {n_features}), got {X.shape}"
            )
        if not np.isfinite(X).all():
            raise ParameterError("features hold NaN or infinity")
        features = np.ascontiguousarray(X, dtype=np.float32)
        raw: NDArray[np.float32]
        try:
            (raw,) = self._session.run([output], {"features": features})
        except Exception as err:  # onnxruntime raises a dozen unrelated classes
            raise ModelError(
                f"the model {self.card.name} cannot be run", hint="train it again"
            ) from err
        return raw

    def save(self, path: str | Path) -> None:
        """Write the model as one ONNX file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Where to; an existing file is replaced.

        Raises
        ------
        ModelError
            When the file cannot be written.
        """
        with replacing(path, ModelError) as temporary:
            temporary.write_bytes(self.graph)


def _normalised(raw: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    probabilities: NDArray[np.float32] = np.clip(raw, 0, None)
    total = probabilities.sum(axis=1, keepdims=True)
    if not (np.isfinite(total) & (total > 0)).all():
        raise ModelError(
            f"the model {name} answers with what are no probabilities", hint="train it again"
        )
    probabilities /= total
    return probabilities


def list_models() -> tuple[str, ...]:
    """Names of the bundled models.

    Returns
    -------
    tuple of str
        Sorted; each can be given to :func:`load_model`.
    """
    folder = resources.files("generify") / "models"
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(n.removesuffix(_SUFFIX) for n in names if n.endswith(_SUFFIX)))


def _read_model(model: str | Path) -> bytes:
    path = Path(model)
    if not path.is_file() and str(model) in list_models():
        return (resources.files("generify") / "models" / f"{model}{_SUFFIX}").read_bytes()
    try:
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise ModelError(
                f"{path} has {path.stat().st_size:,} bytes, a model at most {MAX_MODEL_BYTES:,}",
                hint=_TRAIN_HINT,
            )
        return path.read_bytes()
    except OSError as err:
        raise ModelError(
            f"cannot read the model {path}: {err.strerror or err}",
            hint=f"give a model file, or one of the bundled models: {', '.join(list_models())}",
        ) from err


def load_model(model: str | Path = defaults.MODEL) -> GenreModel:
    """Load a model by path or by name.

    Parameters
    ----------
    model : str or Path
        Path of an ONNX file written by Generify, or the name of a bundled model. A file that
        exists goes before a name.

    Returns
    -------
    GenreModel
        Ready to predict.

    Raises
    ------
    ModelError
        When there is no such model or it cannot be used.

    Examples
    --------
    >>> load_model("western").genres[:3]
    ('blues', 'classical', 'country')
    """
    return GenreModel.from_bytes(_read_model(model), source=str(model))


def export_model(model: str | Path, path: str | Path) -> Path:
    """Copy a model into a file of its own, having made sure that it can be used.

    Parameters
    ----------
    model : str or Path
        A bundled model's name or a model file, as for :func:`load_model`.
    path : str or Path
        File to write, which is replaced if it exists; or a folder that exists, in which the copy is
        called as the model is, with ``.onnx``.

    Returns
    -------
    Path
        The file, byte for byte the model.

    Raises
    ------
    ModelError
        When there is no such model, it cannot be used, or the file cannot be written.
    """
    loaded, target = load_model(model), Path(path)
    if target.is_dir():
        # not by the card's name, which whoever made the model chose and which may hold a path
        target /= f"{Path(model).stem}{_SUFFIX}"
    loaded.save(target)
    return target
