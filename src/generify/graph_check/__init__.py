"""Model files from strangers: read and checked before onnxruntime sees them.

onnxruntime opens other files that a model names, also for models given as bytes; it runs loops that
never end, makes values of any size while it loads, and some settings end the process. So a file is
read here first, by a reader of our own that knows only what our converters write
(:mod:`~generify.graph_check.onnx_file`), and its shapes are followed through every operation
(:mod:`~generify.graph_check.operators`). What is left has a known size and a known cost for up to
:data:`ROWS_AT_ONCE` rows.

In it: :func:`read_model_file`, :func:`check_graph`. Why no library does this:
``docs/decisions/0011-model-files.md``.
"""

from __future__ import annotations

from collections.abc import Mapping

from generify.errors import NO_MODEL_HINT, ModelError
from generify.graph_check.onnx_file import FLOAT, Declared, Graph, OnnxFile, read_onnx
from generify.graph_check.operators import evaluate
from generify.graph_check.values import Cost, Value
from generify.graph_check.wire import Refusal

__all__ = ["MAX_MODEL_BYTES", "ROWS_AT_ONCE", "OnnxFile", "check_graph", "read_model_file"]

MAX_MODEL_BYTES = 256 * 2**20
ROWS_AT_ONCE = 32


def read_model_file(content: bytes, *, source: str) -> OnnxFile:
    """Read a model file, without onnxruntime.

    Parameters
    ----------
    content : bytes
        All of it.
    source : str
        Where it came from, for error messages.

    Returns
    -------
    OnnxFile
        Its graph and metadata; it has no part that no model of Generify has.

    Raises
    ------
    ModelError
        When it is too long or no such file, with the reason.
    """
    if len(content) > MAX_MODEL_BYTES:
        raise ModelError(
            f"{source} has {len(content):,} bytes, a model at most {MAX_MODEL_BYTES:,}",
            hint=NO_MODEL_HINT,
        )
    try:
        return read_onnx(content)
    except Refusal as err:
        raise _refused(source, err) from err


def check_graph(
    file: OnnxFile, *, n_features: int, outputs: Mapping[str, tuple[int, ...]], source: str
) -> None:
    """Check that a graph can be run within limits, and takes and gives what it should.

    Parameters
    ----------
    file : OnnxFile
        What was read.
    n_features : int
        Width of its input ``features``.
    outputs : mapping of str to tuple of int
        Shape of one row of each output.
    source : str
        Where it came from, for error messages.

    Raises
    ------
    ModelError
        When it takes or gives something else, uses an operator that no model needs, or costs more
        than any model does.
    """
    graph = file.graph
    takes = [Declared("features", FLOAT, (None, n_features))]
    gives = [Declared(name, FLOAT, (None, *shape)) for name, shape in outputs.items()]
    if list(graph.inputs) != takes or sorted(graph.outputs, key=_by_name) != sorted(
        gives, key=_by_name
    ):
        raise ModelError(
            f"{source}: its graph does not fit its card, by which it turns {n_features} features "
            f"into {_in_words(outputs)}",
            hint=NO_MODEL_HINT,
        )
    try:
        for n_rows in (1, ROWS_AT_ONCE):  # what fits both, fits all between
            _follow(graph, n_rows, n_features)
    except Refusal as err:
        raise _refused(source, err) from err


def _by_name(declared: Declared) -> str:
    return declared.name


def _in_words(outputs: Mapping[str, tuple[int, ...]]) -> str:
    return " and ".join(f"{name} ({shape[0] if shape else 1})" for name, shape in outputs.items())


def _follow(graph: Graph, n_rows: int, n_features: int) -> None:
    results = evaluate(graph, (Value((n_rows, n_features), FLOAT),), Cost())
    for declared, value in zip(graph.outputs, results, strict=True):
        if (value.kind, value.shape) != (FLOAT, (n_rows, *declared.dims[1:])):
            raise Refusal(f"gives {declared.name} of another shape than it declares")


def _refused(source: str, why: Refusal) -> ModelError:
    return ModelError(f"{source} is not a model that can be loaded: it {why}", hint=NO_MODEL_HINT)
