"""Sessions of onnxruntime: how many threads they take, and what they may not do.

A graph from a stranger is checked before (:mod:`generify.graph_check`); the tagger's own, which
comes with the program, is not. In it: :func:`open_session`, :func:`load_onnxruntime`.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from generify.errors import NO_MODEL_HINT, ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["load_onnxruntime", "open_session"]

_ONLY_FATAL = 4  # onnxruntime's log level: it prints its own errors to stderr before raising them


def load_onnxruntime() -> ModuleType:
    """Import onnxruntime so that it stays silent.

    Returns
    -------
    module
        It reports to its maker unless told not to before it is first imported; nothing may leave
        this machine.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return import_module("onnxruntime")


def open_session(graph: bytes, *, source: str) -> InferenceSession:
    """Load an ONNX graph.

    Parameters
    ----------
    graph : bytes
        The serialised model.
    source : str
        Where it came from, for error messages.

    Returns
    -------
    onnxruntime.InferenceSession
        Ready to run on the CPU.

    Raises
    ------
    ModelError
        When the bytes are no ONNX model.
    """
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    # Bytes that can be read as ONNX and as onnxruntime's own format were checked as ONNX only.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as err:  # onnxruntime raises a dozen unrelated classes for bad bytes
        raise ModelError(
            f"{source} is not a model that can be loaded",
            hint=NO_MODEL_HINT,
        ) from err
