"""Arithmetic of the limit: operations and bytes of 30 s, what the machine can do, where time goes.

::

    python -m speed.limit SONGS

In it: :func:`count_front_end`, :func:`count_network`, :func:`measure_rates`, :func:`profile`.
Everything is of one thread on one core.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import math
import os
import pstats
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from generify.features.tagger import N_WINDOW_FRAMES
from generify.spectrum import mel_filterbank
from peers import ours
from speed.songs import Songs

_CLIP = 30  # seconds
_N_MELS_TAGGER = 96
_FLOAT_BYTES = 4
_ROUNDS = 7
_LISTED = 8  # functions named in a profile


def count_front_end(
    sample_rate: int, n_fft: int, hop_length: int, n_mels: int, *, n_mfcc: int = 0
) -> dict[str, float]:
    """Count what the log-mel spectrum of 30 s takes.

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_fft, hop_length : int
        Frame length and hop in samples.
    n_mels, n_mfcc : int
        Bands, and coefficients if any.

    Returns
    -------
    dict of str to float
        ``frames``; operations in millions (``fft_mflop`` by the usual 2.5 n log2 n for a real
        transform, ``rest_mflop`` for window, power, mel bands, logarithm and cosines); bytes in
        millions (``samples_mb`` to be read, ``between_mb`` of frames, spectra and power, written
        and read once each where nothing is fused, ``result_mb``).
    """
    frames = 1 + _CLIP * sample_rate // hop_length
    bins = n_fft // 2 + 1
    weights = int(np.count_nonzero(mel_filterbank(sample_rate, n_fft, n_mels)))
    a_frame = n_fft + 3 * bins + 2 * weights + n_mels + 2 * n_mfcc * n_mels
    between = 2 * (n_fft + 2 * bins + bins) * _FLOAT_BYTES
    return {
        "frames": frames,
        "fft_mflop": frames * 2.5 * n_fft * math.log2(n_fft) / 1e6,
        "rest_mflop": frames * a_frame / 1e6,
        "samples_mb": _CLIP * sample_rate * _FLOAT_BYTES / 1e6,
        "between_mb": frames * between / 1e6,
        "result_mb": frames * (n_mfcc or n_mels) * _FLOAT_BYTES / 1e6,
    }


def count_network(graph: bytes) -> dict[str, float]:
    """Count what a network takes for one window.

    Parameters
    ----------
    graph : bytes
        An ONNX model with fixed shapes.

    Returns
    -------
    dict of str to float
        Operations in millions (two for a multiplication and its addition): ``conv_mflop``,
        ``matmul_mflop`` (dense layers included); ``weights_mb``, and ``between_mb``: all values
        between two nodes, written and read once each. What depends on no input is computed when a
        session is made, and not counted.
    """
    model = onnx.shape_inference.infer_shapes(_folded(graph), strict_mode=True, data_prop=True)
    shapes = _shapes(model)
    counts = Counter[str]()
    for node in model.graph.node:
        counts[_KINDS.get(node.op_type, "other")] += _operations(node, shapes)
    inputs = {name for node in model.graph.node for name in node.output}
    between = sum(math.prod(shapes[name]) for name in inputs if name in shapes)
    weights = sum(math.prod(weight.dims) for weight in model.graph.initializer)
    return {
        "conv_mflop": counts["conv"] / 1e6,
        "matmul_mflop": counts["matmul"] / 1e6,
        "weights_mb": weights * _FLOAT_BYTES / 1e6,
        "between_mb": 2 * between * _FLOAT_BYTES / 1e6,
    }


_KINDS = {"Conv": "conv", "MatMul": "matmul", "Gemm": "matmul"}


def _folded(graph: bytes) -> onnx.ModelProto:
    """Let onnxruntime compute what is constant, and change nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        options = _options()
        level = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = level.ORT_ENABLE_BASIC
        options.optimized_model_filepath = f"{folder}/folded.onnx"
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Give the shape of every value; an unknown number of windows is one."""
    known = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    shapes = {
        value.name: tuple(d.dim_value or 1 for d in value.type.tensor_type.shape.dim)
        for value in known
    }
    return shapes | {w.name: tuple(w.dims) for w in model.graph.initializer}


def _operations(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """Count two for each multiplication with an addition."""
    if node.op_type not in _KINDS:
        return 0
    made, weights = math.prod(shapes[node.output[0]]), shapes[node.input[1]]
    if node.op_type == "Conv":
        return 2 * made * math.prod(weights[1:])
    if node.op_type == "Gemm":
        turned = any(a.name == "transB" and a.i for a in node.attribute)
        return 2 * made * weights[1 if turned else 0]
    return 2 * made * shapes[node.input[0]][-1]


def measure_rates() -> dict[str, float]:
    """Measure what the machine can do.

    Returns
    -------
    dict of str to float
        ``gemm_numpy`` and ``gemm_onnxruntime``: products of float32 matrices of 1,024 rows and
        columns, in GFLOP/s; ``copy_memory``: of 256 MB, in GB/s read and written together;
        ``copy_cache``: of 256 kB.
    """
    matrix = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    product = 2 * 1024**3 / 1e9
    return {
        "gemm_numpy": product / _seconds(lambda: matrix @ matrix),
        "gemm_onnxruntime": product / _seconds(_product_of(matrix)),
        "copy_memory": _copy_rate(2**28),
        "copy_cache": _copy_rate(2**18, repeat=1000),
    }


def _product_of(matrix: Any) -> Callable[[], Any]:
    """Multiply with onnxruntime, the right matrix known beforehand as a network's weights are."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    shape = list(matrix.shape)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", kind, shape)],
        [helper.make_tensor_value_info("c", kind, shape)],
        [onnx.numpy_helper.from_array(matrix, "b")],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), _options(), providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"a": matrix})


def _copy_rate(n_bytes: int, repeat: int = 1) -> float:
    source = np.ones(n_bytes, dtype=np.uint8)
    target = np.zeros(n_bytes, dtype=np.uint8)

    def copy() -> None:
        for _ in range(repeat):
            target[:] = source

    return 2 * n_bytes * repeat / _seconds(copy) / 1e9


def _seconds(run: Callable[[], Any]) -> float:
    """Time something: the median of a few runs after a first."""
    run()
    seconds = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def profile(run: Callable[[], Any], n_runs: int = 10) -> list[tuple[str, float]]:
    """Find where the time goes.

    Parameters
    ----------
    run : callable
        What is looked at.
    n_runs : int
        How often it runs.

    Returns
    -------
    list of (str, float)
        Functions that take most, without what they call, and their shares; the rest last.
    """
    run()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(n_runs):
        run()
    profiler.disable()
    found = pstats.Stats(profiler).get_stats_profile()
    return _shares(_own_seconds(pstats.Stats(profiler)), found.total_tt)


def _own_seconds(found: pstats.Stats) -> dict[str, float]:
    own = Counter[str]()
    for (file, _, name), figures in found.stats.items():  # type: ignore[attr-defined]
        own[_function(file, name)] += figures[2]
    return dict(own)


def _function(file: str, name: str) -> str:
    """Name a function by its module, and without addresses."""
    if file == "~":
        return name.strip("<>").removeprefix("built-in method ").split(" at 0x")[0]
    parts = Path(file).with_suffix("").parts
    return f"{'.'.join(parts[-2:])}.{name}"


def _shares(seconds: dict[str, float], total: float) -> list[tuple[str, float]]:
    most = sorted(seconds.items(), key=lambda item: -item[1])[:_LISTED]
    listed = [(name, round(own / total, 3)) for name, own in most]
    return [*listed, ("the rest", round(1 - sum(share for _, share in listed), 3))]


def profile_network(graph: bytes) -> list[tuple[str, float]]:
    """Find which kinds of nodes of a network take its time.

    Parameters
    ----------
    graph : bytes
        An ONNX model.

    Returns
    -------
    list of (str, float)
        Kinds and their shares, the largest first.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = _options()
        options.enable_profiling = True
        options.profile_file_prefix = f"{folder}/profile"
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        window = np.random.default_rng(0).random((1, N_WINDOW_FRAMES, _N_MELS_TAGGER), np.float32)
        for _ in range(_ROUNDS):
            session.run(None, {"mel": window})
        events = json.loads(Path(session.end_profiling()).read_text())
    kinds = Counter[str]()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            kinds[event["args"]["op_name"]] += event["dur"]
    return _shares(dict(kinds), sum(kinds.values()))


def main() -> None:
    """Count, measure, and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument("plain_network", type=Path)
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    songs = Songs(asked.songs)
    shipped = files("generify").joinpath("backbones/msd_musicnn.onnx").read_bytes()
    networks = {"as bundled": shipped}
    if asked.plain_network.is_file():  # made with a wheel from PyPI
        networks["as convolutions"] = asked.plain_network.read_bytes()
    found = {
        "front_ends": {
            "log-mel": count_front_end(22050, 2048, 512, 128),
            "MFCC-13": count_front_end(22050, 2048, 512, 128, n_mfcc=13),
            "the tagger's log-mel": count_front_end(16000, 512, 256, _N_MELS_TAGGER),
        },
        "networks": {name: count_network(graph) for name, graph in networks.items()},
        "network_nodes": {name: profile_network(graph) for name, graph in networks.items()},
        "rates": measure_rates(),
        "profiles": {
            "MFCC-13 from samples": profile(ours.mfcc(songs.samples)),
            "timbre from samples": profile(ours.extractor("timbre", songs.samples)),
            "28 windows of tags of a clip": profile(ours.tag_file(songs.clip, "61", "1"), 3),
            "predict, 30-s clip, warm": profile(ours.predict(songs.clip), 3),
            "predict, 4-minute MP3, warm": profile(ours.predict(songs.long(4)), 3),
        },
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
