"""Turn the published weights of MSD_musicnn into the ONNX file that Generify bundles.

The weights lie in the wheel ``musicnn`` 0.1.0 on PyPI, as a TensorFlow checkpoint. The wheel runs
on no current Python, so it is unpacked and read, never imported: the checkpoint with numpy, the tag
names as a literal. The graph is built node by node, in inference mode. The same wheel gives the
same bytes.

Conventions: a weight's shape is TensorFlow's when it comes from the checkpoint (time, frequency,
in, out) and ONNX's (out, in, time, frequency) in the graph. ``n`` is the number of windows.

In it: `unpack_wheel`, `read_bundle` (a small reader of checkpoints, with checksums), `Graph`,
`build_model`, `compare_with_reference`. Run it from anywhere::

    python tools/convert_musicnn.py --reference ../shared/data/musicnn/msd_musicnn_reference.npz

References
----------
J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
late-breaking session of the 20th International Society for Music Information Retrieval Conference,
Delft, 2019, arXiv:1909.06654.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Floats = npt.NDArray[np.floating[Any]]

REQUIREMENT = "musicnn==0.1.0"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
TARGET = Path(__file__).resolve().parent.parent / "src/generify/backbones/msd_musicnn.onnx"

OPSET = 18
IR_VERSION = 8
N_FRAMES, N_MELS = 187, 96
MAX_ERROR = 1e-4
BN_EPSILON = 1e-3  # the default of TensorFlow's batch normalisation, which the checkpoint omits

# --- the wheel -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wheel:
    """What is needed of the wheel: a checkpoint's two files, the tag names, the licence."""

    index: bytes
    data: bytes
    tag_names: tuple[str, ...]
    licence: str


def download_wheel(folder: Path) -> Path:
    """Fetch the wheel from PyPI without installing it or what it depends on."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--dest", str(folder), REQUIREMENT], check=True)
    return next(folder.glob("musicnn-*.whl"))


def unpack_wheel(path: Path) -> Wheel:
    """Read the parts of the wheel that are needed.

    Raises
    ------
    ValueError
        When it is not the wheel that was checked.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise ValueError(f"{path} has sha256 {digest}, {REQUIREMENT} has {WHEEL_SHA256}")
    with zipfile.ZipFile(path) as archive:
        return Wheel(
            index=archive.read("musicnn/MSD_musicnn/.index"),
            data=archive.read("musicnn/MSD_musicnn/.data-00000-of-00001"),
            tag_names=read_tag_names(archive.read("musicnn/configuration.py").decode()),
            licence=archive.read("musicnn-0.1.0.dist-info/LICENSE.md").decode().strip(),
        )


def read_tag_names(source: str) -> tuple[str, ...]:
    """Find the list ``MSD_LABELS`` in Python source, without running it."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MSD_LABELS":
            return tuple(ast.literal_eval(node.value))
    raise ValueError("the wheel's configuration has no MSD_LABELS")


# --- the checkpoint --------------------------------------------------------------------------
# An index, which is a sorted table of LevelDB's format, maps each variable's name to a protocol
# buffer: type, shape, offset, size, checksum. The variables lie in a second file, uncompressed.

TABLE_MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
FLOAT32 = 1  # DT_FLOAT


@cache
def _crc_table() -> tuple[int, ...]:
    """One step of CRC-32C (Castagnoli) for each byte."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted as LevelDB and TensorFlow store it.

    Examples
    --------
    >>> hex(masked_crc(b"123456789"))  # the unmasked value is 0xe3069283
    '0xc78ab0e5'
    """
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, lowest first; also where it ends.

    Examples
    --------
    >>> read_varint(bytes([0xAC, 0x02]), 0)
    (300, 2)
    """
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a protocol buffer."""
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = read_varint(message, at)
            yield number, value
        elif kind == 2:
            n_bytes, at = read_varint(message, at)
            yield number, message[at : at + n_bytes]
            at += n_bytes
        elif kind == 5:
            yield number, struct.unpack_from("<I", message, at)[0]
            at += 4
        else:
            raise ValueError(f"a checkpoint's entries have no fields of wire type {kind}")


def read_block(table: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each entry of one block of a sorted table."""
    offset, at = read_varint(handle, 0)
    n_bytes, _ = read_varint(handle, at)
    block = table[offset : offset + n_bytes]
    compression, crc = struct.unpack_from("<BI", table, offset + n_bytes)
    if compression != 0:
        raise ValueError(f"the checkpoint's index is compressed (type {compression}), expected 0")
    if masked_crc(block + bytes([compression])) != crc:
        raise ValueError(f"the checkpoint's index is damaged: checksum of the block at {offset}")
    (n_restarts,) = struct.unpack_from("<I", block, n_bytes - 4)
    end = n_bytes - 4 * (n_restarts + 1)
    at, key = 0, b""
    while at < end:
        n_shared, at = read_varint(block, at)
        n_new, at = read_varint(block, at)
        n_value, at = read_varint(block, at)
        key = key[:n_shared] + block[at : at + n_new]
        at += n_new
        yield key, block[at : at + n_value]
        at += n_value


def read_table(table: bytes) -> dict[str, bytes]:
    """Read a sorted table: all keys with their values."""
    footer = table[-FOOTER_BYTES:]
    if len(footer) < FOOTER_BYTES or struct.unpack("<Q", footer[-8:])[0] != TABLE_MAGIC:
        raise ValueError("the checkpoint's index does not end as a sorted table does")
    at = 0
    for _ in range(2):  # the handle of the meta index, which holds nothing for us
        _, at = read_varint(footer, at)
    return {
        key.decode(): value
        for _, handle in read_block(table, footer[at:])
        for key, value in read_block(table, handle)
    }


@dataclass(frozen=True)
class Entry:
    """Where one variable lies in the data file."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    n_bytes: int
    crc: int

    @classmethod
    def parse(cls, message: bytes) -> Entry:
        """Read a BundleEntryProto; fields that are zero are left out of it."""
        found = dict(read_fields(message))
        shape = found.get(2, b"")
        assert isinstance(shape, bytes)
        dims = [
            dict(read_fields(d)).get(1, 0) for _, d in read_fields(shape) if isinstance(d, bytes)
        ]
        numbers = {number: value for number, value in found.items() if isinstance(value, int)}
        return cls(
            dtype=numbers.get(1, 0),
            shape=tuple(d for d in dims if isinstance(d, int)),
            shard=numbers.get(3, 0),
            offset=numbers.get(4, 0),
            n_bytes=numbers.get(5, 0),
            crc=numbers.get(6, 0),
        )


def read_bundle(index: bytes, data: bytes) -> dict[str, npt.NDArray[np.float32]]:
    """Read the float32 variables of a TensorFlow checkpoint, all but the optimiser's.

    Raises
    ------
    ValueError
        When a size or a checksum is not what the index says.
    """
    variables = {}
    for name, message in read_table(index).items():
        if not name or "Adam" in name:  # the header; the optimiser's moments
            continue
        entry = Entry.parse(message)
        if entry.dtype == FLOAT32:
            variables[name] = _read_variable(name, entry, data)
    return variables


def _read_variable(name: str, entry: Entry, data: bytes) -> npt.NDArray[np.float32]:
    raw = data[entry.offset : entry.offset + entry.n_bytes]
    expected = 4 * int(np.prod(entry.shape, dtype=np.int64))
    if entry.shard != 0 or not len(raw) == entry.n_bytes == expected:
        raise ValueError(
            f"{name}: {len(raw)} bytes of shard {entry.shard} where its shape {entry.shape} needs "
            f"{expected} of shard 0"
        )
    if masked_crc(raw) != entry.crc:
        raise ValueError(f"{name}: the checksum of its data is not the one in the index")
    return np.frombuffer(raw, "<f4").reshape(entry.shape)


# --- the graph -------------------------------------------------------------------------------


@dataclass
class Graph:
    """Nodes and weights of an ONNX graph, as they are added."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def weight(self, name: str, values: npt.ArrayLike) -> str:
        """Add a constant; floats become float32."""
        array = np.asarray(values)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def split(self, source: str, outputs: list[str], sizes: str, *, axis: int) -> None:
        """Add a node that divides its input."""
        inputs = [source, sizes]
        self.nodes.append(
            helper.make_node("Split", inputs, outputs, name=f"{source}.split", axis=axis)
        )

    def affine(self, name: str, source: str, scale: Floats, shift: Floats) -> str:
        """Add ``scale · source + shift``, one value a channel."""
        shape = (-1, 1)  # channels, frames
        scaled = self.node(
            "Mul", [source, self.weight(f"{name}.scale", scale.reshape(shape))], f"{name}.scaled"
        )
        shifts = self.weight(f"{name}.shift", shift.reshape(shape))
        return self.node("Add", [scaled, shifts], name)


@dataclass(frozen=True)
class Checkpoint:
    """The trained variables, under the numbers that TensorFlow gave its layers."""

    variables: Mapping[str, npt.NDArray[np.float32]]

    def layer(self, kind: str, number: int) -> tuple[Floats, Floats]:
        """Kernel and bias of a convolution or dense layer, float64."""
        scope = f"{kind}_{number}" if number else kind
        kernel, bias = (self.variables[f"{scope}/{part}"] for part in ("kernel", "bias"))
        return kernel.astype(float), bias.astype(float)

    def norm(self, number: int) -> tuple[Floats, Floats]:
        """Scale and shift that a trained batch normalisation amounts to, float64."""
        scope = f"batch_normalization_{number}" if number else "batch_normalization"
        gamma, beta, mean, variance = (
            self.variables[f"{scope}/{part}"].astype(float)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + BN_EPSILON)
        return scale, beta - mean * scale


@dataclass(frozen=True, eq=False)
class Front:
    """A convolution of the front end: filters over time and pitch.

    The original rectifies and normalises every pitch and takes the largest. Both steps are
    monotonic, so the largest can be taken first and 59 of 60 multiplications spared; where the
    normalisation has a negative scale it turns the order round, so there the filter is negated,
    which makes the largest the smallest.
    """

    name: str
    kernel: Floats  # (time, pitch, channels)
    bias: Floats
    sign: Floats
    scale: Floats
    shift: Floats

    @classmethod
    def read(cls, checkpoint: Checkpoint, number: int) -> Front:
        """Take convolution ``number`` from the checkpoint, negated where the scale is."""
        kernel, bias = checkpoint.layer("conv2d", number)
        scale, shift = checkpoint.norm(number + 1)
        sign = np.where(scale < 0, -1.0, 1.0)
        return cls(f"front{number}", kernel[:, :, 0] * sign, bias * sign, sign, scale, shift)

    @property
    def padding(self) -> tuple[int, int]:
        """Frames of zeros before and behind: the odd one of an even filter comes last."""
        n_time = len(self.kernel)
        return (n_time - 1) // 2, n_time // 2

    @property
    def n_channels(self) -> int:
        """How many filters there are."""
        return len(self.bias)

    @property
    def n_positions(self) -> int:
        """How many places a filter has on the pitch axis."""
        return N_MELS - int(self.kernel.shape[1]) + 1


def add_time_front(graph: Graph, front: Front, image: str) -> str:
    """Add filters over time alone, as a convolution; ``(channels, frames)`` comes out."""
    name, (before, behind) = front.name, front.padding
    inputs = [
        image,
        graph.weight(f"{name}.kernel", front.kernel.transpose(2, 0, 1)[:, np.newaxis]),
        graph.weight(f"{name}.bias", front.bias),
    ]
    graph.node("Conv", inputs, f"{name}.conv", pads=[before, 0, behind, 0])
    best = graph.node("ReduceMax", [f"{name}.conv", "outer_axes"], f"{name}.best", keepdims=0)
    return add_rectified(graph, front, best)


def add_rectified(graph: Graph, front: Front, best: str) -> str:
    """Add what follows the largest of all pitches: sign, rectification, normalisation."""
    name = front.name
    turned = graph.weight(f"{name}.sign", front.sign.reshape(-1, 1))
    graph.node("Mul", [best, turned], f"{name}.signed")
    graph.node("Relu", [f"{name}.signed"], f"{name}.relu")
    return graph.affine(name, f"{name}.relu", front.scale, front.shift)


# Filters over 38 and 67 of 96 pitches are four fifths of the network's multiplications. By way of
# the Fourier transform over pitch they need a quarter as many: the whole takes half the time. With
# Y the product of spectra, turned so that place 0 is the middle one of those that a filter has,
#
#     y(m) = sum_k Re(Y_k) cos(2 pi k m / 96) - sum_k Im(Y_k) sin(2 pi k m / 96) = C(m) - S(m),
#
# and y(-m) = C(m) + S(m): the larger of both is C(m) + |S(m)|, so half of the places suffice.

N_BINS = N_MELS // 2 + 1
MAX_CHANNELS = 68  # at once: fewer make products of small matrices, more leave the caches
MAX_ROWS = 16  # of which ReduceMax finds the largest fast


def _angles(positions: Floats) -> Floats:
    """Angles of each position (rows) in each bin (columns)."""
    return 2 * np.pi / N_MELS * positions[:, np.newaxis] * np.arange(N_BINS)


def add_spectra(graph: Graph, frames: str, front: Front) -> str:
    """Add the spectra over pitch of each frame and the neighbours that a filter reaches.

    What comes out is ``(bins, 2 n_time, frames)``: real and imaginary part of each neighbour.
    """
    (before, behind), n_time = front.padding, len(front.kernel)
    angles = _angles(np.arange(N_MELS, dtype=float))
    graph.weight("pitch.waves", np.hstack([np.cos(angles), -np.sin(angles)]))
    graph.weight("pitch.parts", np.array([N_FRAMES, 2, N_BINS]))
    graph.weight("pitch.flat", np.array([N_BINS, -1]))
    graph.weight("pitch.margins", np.array([0, 0, before, 0, 0, behind]))
    graph.node("MatMul", [frames, "pitch.waves"], "pitch.spectrum")
    graph.node("Reshape", ["pitch.spectrum", "pitch.parts"], "pitch.complex")
    graph.node("Transpose", ["pitch.complex"], "pitch.bins", perm=[2, 1, 0])
    graph.node("Pad", ["pitch.bins", "pitch.margins"], "pitch.padded")
    neighbours = []
    for at in range(n_time):
        start = graph.weight(f"pitch.from{at}", np.array([at]))
        end = graph.weight(f"pitch.to{at}", np.array([at + N_FRAMES]))
        inputs = ["pitch.padded", start, end, "frame_axis"]
        neighbours.append(graph.node("Slice", inputs, f"pitch.neighbour{at}"))
    return graph.node("Concat", neighbours, "pitch.neighbours", axis=1)


def channel_groups(n_channels: int) -> list[int]:
    """Divide channels into groups.

    Examples
    --------
    >>> channel_groups(204)
    [68, 68, 68]
    """
    return [min(MAX_CHANNELS, n_channels - at) for at in range(0, n_channels, MAX_CHANNELS)]


def add_filter_spectra(graph: Graph, front: Front) -> Iterator[tuple[str, str]]:
    """Add the spectra of filters over pitch, ``(bins, channels, 2 n_time)``, in groups.

    The first of each pair turns the spectra of :func:`add_spectra` into the real parts of the
    product, the second into its imaginary parts. Only the filters are stored: a session computes
    their spectra once, when it is made.
    """
    name, (n_time, n_pitch, n_channels) = front.name, front.kernel.shape
    graph.weight(f"{name}.kernel", front.kernel[np.newaxis])
    angles = _angles(np.arange(n_pitch) + (front.n_positions - 1) / 2).T
    cosines, sines = np.cos(angles), np.sin(angles)
    groups = channel_groups(n_channels)
    graph.weight(f"{name}.rows", np.array([N_BINS, 2 * n_time, n_channels]))
    graph.weight(f"{name}.groups", np.array(groups))
    for part, waves in (("re", (cosines, -sines)), ("im", (sines, cosines))):
        step = f"{name}.{part}"
        graph.weight(f"{step}.waves", np.stack(waves, axis=1)[:, np.newaxis])
        graph.node("MatMul", [f"{step}.waves", f"{name}.kernel"], f"{step}.spectra")
        graph.node("Reshape", [f"{step}.spectra", f"{name}.rows"], f"{step}.filters")
        graph.node("Transpose", [f"{step}.filters"], f"{step}.turned", perm=[0, 2, 1])
        outputs = [f"{step}.filters{group}" for group in range(len(groups))]
        graph.split(f"{step}.turned", outputs, f"{name}.groups", axis=1)
    for group in range(len(groups)):
        yield f"{name}.re.filters{group}", f"{name}.im.filters{group}"


def add_pitch_front(graph: Graph, front: Front, spectra: str) -> str:
    """Add filters over time and pitch, by way of spectra; ``(channels, frames)`` comes out."""
    name, sizes = front.name, channel_groups(front.n_channels)
    places = np.arange(front.n_positions // 2, front.n_positions) - (front.n_positions - 1) / 2
    add_waves(graph, name, places)
    groups = []
    for group, (real, imaginary) in enumerate(add_filter_spectra(graph, front)):
        step = f"{name}.group{group}"
        for part, filters in (("re", real), ("im", imaginary)):
            graph.node("MatMul", [filters, spectra], f"{step}.{part}.product")
            graph.node("Reshape", [f"{step}.{part}.product", "pitch.flat"], f"{step}.{part}")
        shape = graph.weight(f"{step}.shape", np.array([sizes[group], N_FRAMES]))
        groups.append(graph.node("Reshape", [add_best(graph, name, step), shape], f"{step}.frames"))
    graph.node("Concat", groups, f"{name}.all", axis=0)
    bias = graph.weight(f"{name}.bias", front.bias.reshape(-1, 1))
    best = graph.node("Add", [f"{name}.all", bias], f"{name}.best")
    return add_rectified(graph, front, best)


def add_waves(graph: Graph, name: str, places: Floats) -> None:
    """Add what turns spectra into values at places, counted from the middle."""
    weights = np.full(N_BINS, 2 / N_MELS)
    weights[[0, -1]] = 1 / N_MELS
    graph.weight(f"{name}.cosines", weights * np.cos(_angles(places)))
    graph.weight(f"{name}.sines", weights * np.sin(_angles(places)))
    # as the largest of many rows is found slowly, it is found among parts of them
    n_rows = next(n for n in range(MAX_ROWS, 0, -1) if len(places) % n == 0)
    graph.weight(f"{name}.parts", np.array([len(places) // n_rows, n_rows, -1]))


def add_best(graph: Graph, name: str, step: str) -> str:
    """Add the largest value at the places and their mirror images."""
    graph.node("MatMul", [f"{name}.cosines", f"{step}.re"], f"{step}.even")
    graph.node("MatMul", [f"{name}.sines", f"{step}.im"], f"{step}.odd")
    graph.node("Abs", [f"{step}.odd"], f"{step}.abs")
    graph.node("Add", [f"{step}.even", f"{step}.abs"], f"{step}.larger")
    graph.node("Reshape", [f"{step}.larger", f"{name}.parts"], f"{step}.parts")
    graph.node("ReduceMax", [f"{step}.parts", "channel_axis"], f"{step}.largest", keepdims=0)
    return graph.node("ReduceMax", [f"{step}.largest", "first_axis"], f"{step}.best", keepdims=0)


def add_fronts(graph: Graph, fronts: list[Front], frames: str) -> str:
    """Add the front end to ``(1, frames, pitches)``; ``(1, channels, frames)`` comes out."""
    axes = {"first_axis": [0], "channel_axis": [1], "frame_axis": [2], "outer_axes": [0, 3]}
    for name, values in axes.items():
        graph.weight(name, np.array(values))
    over_pitch = [front for front in fronts if front.kernel.shape[1] > 1]
    spectra = add_spectra(graph, frames, over_pitch[0])
    image = graph.node("Unsqueeze", [frames, "channel_axis"], "image")
    outputs = [
        add_pitch_front(graph, front, spectra)
        if front in over_pitch
        else add_time_front(graph, front, image)
        for front in fronts
    ]
    graph.node("Concat", outputs, "front.channels", axis=0)
    return graph.node("Unsqueeze", ["front.channels", "first_axis"], "front")


def add_middle(graph: Graph, checkpoint: Checkpoint, source: str, number: int) -> str:
    """Add convolution ``number`` of the middle: over time, all channels together.

    Its normalisation stays a step of its own: what follows pads with zeros, which a shift folded
    into the next filter would not leave zero.
    """
    name = f"middle{number}"
    kernel, bias = checkpoint.layer("conv2d", number)
    scale, shift = checkpoint.norm(number + 1)
    weights = graph.weight(f"{name}.kernel", kernel[:, :, 0].transpose(2, 1, 0))
    inputs = [source, weights, graph.weight(f"{name}.bias", bias)]
    margin = kernel.shape[0] // 2
    graph.node("Conv", inputs, f"{name}.conv", pads=[margin, margin])
    graph.node("Relu", [f"{name}.conv"], f"{name}.relu")
    return graph.affine(name, f"{name}.relu", scale, shift)


def add_back(graph: Graph, checkpoint: Checkpoint) -> str:
    """Add the two dense layers, their normalisations folded into the weights that follow."""
    first, first_bias = checkpoint.layer("dense", 0)
    scale, shift = checkpoint.norm(9)
    first_bias = first_bias + shift @ first
    first = first * scale[:, None]
    # the original's rows alternate between a channel's maximum and its mean
    first = np.concatenate([first[0::2], first[1::2]])
    second, second_bias = checkpoint.layer("dense", 1)
    scale, shift = checkpoint.norm(10)
    second_bias = second_bias + shift @ second
    second = second * scale[:, None]
    graph.node("Concat", ["max_pool", "mean_pool"], "pooled", axis=1)
    dense0 = [graph.weight("dense0.kernel", first), graph.weight("dense0.bias", first_bias)]
    dense1 = [graph.weight("dense1.kernel", second), graph.weight("dense1.bias", second_bias)]
    graph.node("Gemm", ["pooled", *dense0], "dense0")
    graph.node("Relu", ["dense0"], "dense0.relu")
    graph.node("Gemm", ["dense0.relu", *dense1], "logits")
    return graph.node("Sigmoid", ["logits"], "tags")


def build_graph(checkpoint: Checkpoint) -> Graph:
    """Build the network: five convolutions side by side, three in a row, two dense layers."""
    graph = Graph()
    scale, shift = checkpoint.norm(0)
    frames = graph.affine("normalised", "mel", scale, shift)
    front = add_fronts(graph, [Front.read(checkpoint, number) for number in range(5)], frames)
    first = add_middle(graph, checkpoint, front, 5)
    middle = add_middle(graph, checkpoint, first, 6)
    second = graph.node("Add", [middle, first], "residual6")
    middle = add_middle(graph, checkpoint, second, 7)
    third = graph.node("Add", [middle, second], "residual7")
    features = graph.node("Concat", [front, first, second, third], "features", axis=1)
    for kind, output in (("GlobalMaxPool", "max_pool"), ("GlobalAveragePool", "mean_pool")):
        pooled = graph.node(kind, [features], f"{output}.frames")
        graph.node("Flatten", [pooled], output)
    add_back(graph, checkpoint)
    return graph


def build_model(wheel: Wheel) -> onnx.ModelProto:
    """Build the ONNX model: ``mel`` in; ``tags``, ``mean_pool`` and ``max_pool`` out."""
    checkpoint = Checkpoint(read_bundle(wheel.index, wheel.data))
    graph = build_graph(checkpoint)
    n_channels = 753

    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *shape])

    outputs = [
        value("tags", len(wheel.tag_names)),
        value("mean_pool", n_channels),
        value("max_pool", n_channels),
    ]
    inputs = [value("mel", N_FRAMES, N_MELS)]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "msd_musicnn", inputs, outputs, graph.weights),
        producer_name="generify",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        doc_string="MSD_musicnn (Pons & Serra 2019): fifty music tags from 3 s of log-mel",
    )
    metadata = {"tag_names": json.dumps(wheel.tag_names), "licence": wheel.licence}
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


# --- the check -------------------------------------------------------------------------------


def compare_with_reference(model: bytes, reference: Path) -> dict[str, float]:
    """Run the reference's windows and give the largest error of each output.

    The pools are not bounded as the tags are, so their errors are in units of their largest value.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = ("tags", "mean_pool", "max_pool")
    errors = dict.fromkeys(outputs, 0.0)
    with np.load(reference) as arrays:
        for track in sorted({key.split("/")[0] for key in arrays if "/" in key}):
            windows = arrays[f"{track}/melspec"]
            runs = [session.run(outputs, {"mel": window[np.newaxis]}) for window in windows]
            results = [np.concatenate(rows) for rows in zip(*runs, strict=True)]
            for output, ours in zip(outputs, results, strict=True):
                theirs = arrays[f"{track}/{output}"]
                size = 1.0 if output == "tags" else float(np.abs(theirs).max())
                errors[output] = max(errors[output], float(np.abs(ours - theirs).max()) / size)
    return errors


def main(arguments: list[str] | None = None) -> int:
    """Convert, check, write; 1 when the result differs from the reference."""
    parser = argparse.ArgumentParser(description="Convert MSD_musicnn's weights to ONNX.")
    parser.add_argument("--wheel", type=Path, help=f"the wheel of {REQUIREMENT}; else downloaded")
    parser.add_argument("--reference", type=Path, help="reference outputs (.npz) to check against")
    parser.add_argument("-o", "--output", type=Path, default=TARGET)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        wheel = unpack_wheel(options.wheel or download_wheel(Path(folder)))
    model = build_model(wheel).SerializeToString(deterministic=True)
    if options.reference:
        errors = compare_with_reference(model, options.reference)
        print(", ".join(f"{name}: error <= {error:.1e}" for name, error in errors.items()))
        if max(errors.values()) > MAX_ERROR:
            print(f"differs from the reference by more than {MAX_ERROR:g}; nothing written")
            return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(model)
    print(f"{options.output}: {len(model):,} bytes, sha256 {hashlib.sha256(model).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
