"""Sessions of onnxruntime: threads, and the checks made before a graph is loaded.

A graph is data: loading it runs no Python. In it: :func:`open_session`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from generify.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["MAX_MODEL_BYTES", "open_session"]

MAX_MODEL_BYTES = 256 * 2**20
_ONLY_FATAL = 4  # onnxruntime's log level: it prints its own errors to stderr before raising them


def open_session(graph: bytes, *, source: str, n_threads: int = 1) -> InferenceSession:
    """Load an ONNX graph.

    Parameters
    ----------
    graph : bytes
        The serialised model.
    source : str
        Where it came from, for error messages.
    n_threads : int
        Threads inside one operator.

    Returns
    -------
    onnxruntime.InferenceSession
        Ready to run on the CPU.

    Raises
    ------
    ModelError
        When the bytes are too many, or are no ONNX model.
    """
    import onnxruntime

    if len(graph) > MAX_MODEL_BYTES:
        raise ModelError(
            f"{source} has {len(graph):,} bytes, a model at most {MAX_MODEL_BYTES:,}",
            hint="give a file written by `generify train`",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as err:  # onnxruntime raises a dozen unrelated classes for bad bytes
        raise ModelError(
            f"{source} is not a model that can be loaded",
            hint="give a file written by `generify train`",
        ) from err
