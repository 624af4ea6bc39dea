"""Genre models: features in, genres out; one ONNX file with its model card inside.

A model file is an ONNX graph with one input ``features`` of shape ``(n_tracks, n_features)`` and
one output ``probabilities`` of shape ``(n_tracks, n_genres)``, in the order of the card's genres.
The card (:mod:`generify.model_card`) travels as JSON in the file's metadata. A file may come from
a stranger: it is read and checked (:mod:`generify.graph_check`) before onnxruntime sees it, so
loading runs no code, opens no other file, and takes bounded time and memory.

In it: :class:`GenreModel`, :func:`load_model`, :func:`list_models`, :func:`export_model`.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generify import defaults
from generify.atomic import replacing
from generify.errors import NO_MODEL_HINT, ModelError, NoModelError, ParameterError
from generify.features import get_extractor
from generify.features.base import Extractor
from generify.graph_check import (
    MAX_MODEL_BYTES,
    ROWS_AT_ONCE,
    OnnxFile,
    check_graph,
    read_model_file,
)
from generify.inference import open_session
from generify.model_card import ModelCard, read_card
from generify.other_kinds import name_other_kind

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = [
    "GenreModel",
    "ModelCard",
    "export_model",
    "list_models",
    "load_model",
]

_SUFFIX = ".onnx"


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
        kind = name_other_kind(graph)
        if kind:
            raise ModelError(f"{source} is {kind}, no model", hint=NO_MODEL_HINT)
        file = read_model_file(graph, source=source)
        model = cls(read_card(file.metadata, source=source), graph)
        model._check_extractor(source)
        model.__dict__["_session"] = model._open(file, source)  # fills the cached property
        model._try(source)
        return model

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres, in the order of every probability vector."""
        return self.card.genres

    @cached_property
    def extractor(self) -> Extractor:
        """The extractor whose features the model expects."""
        return get_extractor(self.card.extractor.name)

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hexadecimal digits."""
        return hashlib.sha256(self.graph).hexdigest()

    @cached_property
    def _session(self) -> InferenceSession:
        name = self.card.name
        return self._open(read_model_file(self.graph, source=name), name)

    def _open(self, file: OnnxFile, source: str) -> InferenceSession:
        """Make a session, of a graph that was found to be safe."""
        outputs: dict[str, tuple[int, ...]] = {"probabilities": (len(self.genres),)}
        if self.card.novelty_threshold is not None:
            outputs["novelty"] = ()
        n_features = len(self.extractor.columns)
        check_graph(file, n_features=n_features, outputs=outputs, source=source)
        return open_session(self.graph, source=source)

    def _check_extractor(self, source: str) -> None:
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

    def _try(self, source: str) -> None:
        """Run one row, so that a model that cannot answer is refused before any song is heard."""
        X = np.zeros((1, len(self.extractor.columns)), dtype=np.float32)
        try:
            self.predict_proba(X)
            self.novelty(X)
        except ModelError as err:
            raise ModelError(f"{source}: {err}", hint=err.hint) from err

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
            When the graph cannot be run or answers with what is no number.
        """
        if self.card.novelty_threshold is None:
            return np.zeros(len(X), dtype=np.float32)
        distances = self._run("novelty", X)
        if not np.isfinite(distances).all():
            raise ModelError(
                f"the model {self.card.name} answers with what is no novelty", hint="train it again"
            )
        return distances

    def _run(self, output: str, X: NDArray[np.float32]) -> NDArray[np.float32]:
        n_features = len(self.extractor.columns)
        if X.ndim != 2 or X.shape[1] != n_features:
            raise ParameterError(
                f"expected features of shape (n_tracks, {n_features}), got {X.shape}"
            )
        if not np.isfinite(X).all():
            raise ParameterError("features hold NaN or infinity")
        features = np.ascontiguousarray(X, dtype=np.float32)
        starts = range(0, max(len(features), 1), ROWS_AT_ONCE)
        return np.concatenate([self._run_rows(output, features[i:][:ROWS_AT_ONCE]) for i in starts])

    def _run_rows(self, output: str, features: NDArray[np.float32]) -> NDArray[np.float32]:
        raw: NDArray[np.float32]
        try:
            (raw,) = self._session.run([output], {"features": features})
        except ModelError:
            raise
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
    name = str(model).casefold()
    if not path.is_file() and name in list_models():
        return (resources.files("generify") / "models" / f"{name}{_SUFFIX}").read_bytes()
    try:
        return _read_file(path)
    except FileNotFoundError as err:
        raise _no_such_model(path) from err
    except OSError as err:
        message = f"cannot read the model {path}: {err.strerror or err}"
        raise ModelError(message, hint=NO_MODEL_HINT) from err


def _no_such_model(path: Path) -> NoModelError:
    """Name the bundled models, and the file or model that was probably meant."""
    bundled = list_models()
    beside = Path(f"{path}{_SUFFIX}")
    close = [str(beside)] if beside.is_file() else get_close_matches(path.name, bundled, n=1)
    return NoModelError(
        f"there is no model {path} (bundled: {', '.join(bundled)})",
        hint=f"did you mean {close[0]}?" if close else "give a model file, or one of these",
    )


def _read_file(path: Path) -> bytes:
    """Read a file that has an end, and no more of it than a model may have."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise ModelError(f"{path} is a device or a pipe, not a file", hint=NO_MODEL_HINT)
    if status.st_size > MAX_MODEL_BYTES:
        raise ModelError(
            f"{path} has {status.st_size:,} bytes, a model at most {MAX_MODEL_BYTES:,}",
            hint=NO_MODEL_HINT,
        )
    with path.open("rb") as file:
        return file.read(status.st_size)


def load_model(model: str | Path = defaults.MODEL) -> GenreModel:
    """Load a model by path or by name.

    Parameters
    ----------
    model : str or Path
        Path of an ONNX file written by Generify, or the name of a bundled model, in small or
        capital letters. A file that exists goes before a name.

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
