from __future__ import annotations

import doctest
import importlib.util
import json
import struct
import sys
import zipfile
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from generify.features.tagger import TAG_NAMES
from generify.inference import open_session

ROOT = Path(__file__).resolve().parents[1]
BACKBONE = files("generify").joinpath("backbones/msd_musicnn.onnx")


def _load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "convert_musicnn", ROOT / "tools" / "convert_musicnn.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


tool = _load_tool()

# --- a writer of checkpoints, small and independent of the reader ---


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
    return crc ^ 0xFFFFFFFF


def _mask(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(value: int) -> bytes:
    return _varint_head(value) + bytes([value >> 7 * (max(value.bit_length() - 1, 0) // 7)])


def _varint_head(value: int) -> bytes:
    n_more = max(value.bit_length() - 1, 0) // 7
    return bytes((value >> 7 * i) & 0x7F | 0x80 for i in range(n_more))


def _message(fields: Iterable[tuple[int, int | bytes]], fixed: int | None = None) -> bytes:
    parts = []
    for number, value in fields:
        if isinstance(value, bytes):
            parts.append(_varint(number << 3 | 2) + _varint(len(value)) + value)
        else:
            parts.append(_varint(number << 3) + _varint(value))
    if fixed is not None:
        parts.append(_varint(6 << 3 | 5) + struct.pack("<I", fixed))
    return b"".join(parts)


def _block(entries: list[tuple[bytes, bytes]]) -> bytes:
    body, previous = b"", b""
    for key, value in entries:
        shared = next(
            (i for i, (a, b) in enumerate(zip(key, previous, strict=False)) if a != b),
            min(len(key), len(previous)),
        )
        body += _varint(shared) + _varint(len(key) - shared) + _varint(len(value))
        body += key[shared:] + value
        previous = key
    body += struct.pack("<II", 0, 1)
    return body + b"\0" + struct.pack("<I", _mask(_crc32c(body + b"\0")))


def _table(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A table of two data blocks, an empty meta index, an index and a footer."""
    table, handles = b"", []
    for part in (entries[:2], entries[2:]):
        block = _block(part)
        handles.append((part[-1][0], _varint(len(table)) + _varint(len(block) - 5)))
        table += block
    ends = []
    for block in (_block([]), _block(handles)):
        ends.append(_varint(len(table)) + _varint(len(block) - 5))
        table += block
    return table + b"".join(ends).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


VARIABLES = {
    "conv2d/bias": np.array([1.5, -2.0, 1e-9], dtype=np.float32),
    "conv2d/bias/Adam": np.zeros(3, dtype=np.float32),
    "conv2d/kernel": np.arange(600, dtype=np.float32).reshape(10, 20, 3),
    "global_step": np.array(7, dtype=np.int64),
    "scalar": np.array(0.25, dtype=np.float32),
}


def _bundle() -> tuple[bytes, bytes]:
    data = b""
    entries = [(b"", _message([(1, 1)]))]
    for name, array in VARIABLES.items():
        raw = array.tobytes()
        shape = b"".join(_message([(2, _message([(1, size)]))]) for size in array.shape)
        fields: list[tuple[int, int | bytes]] = [(1, 1 if array.dtype == np.float32 else 9)]
        fields += [(2, shape), (4, len(data)), (5, len(raw))]
        entries.append((name.encode(), _message(fields, fixed=_mask(_crc32c(raw)))))
        data += raw
    return _table(entries), data


def _damage(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_a_bundle_is_read_as_it_was_written() -> None:
    read = tool.read_bundle(*_bundle())
    assert list(read) == ["conv2d/bias", "conv2d/kernel", "scalar"]
    for name, array in read.items():
        np.testing.assert_array_equal(array, VARIABLES[name])
        assert array.shape == VARIABLES[name].shape


@pytest.mark.parametrize(
    ("data", "crc"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)],
    ids=["digits", "zeros", "ones"],
)
def test_crc_of_known_data(data: bytes, crc: int) -> None:
    # check values of RFC 3720, appendix B.4, and of the usual catalogue
    assert _crc32c(data) == crc
    assert tool.masked_crc(data) == _mask(crc)


def test_damaged_data_is_refused() -> None:
    index, data = _bundle()
    with pytest.raises(ValueError, match=r"conv2d/bias: the checksum of its data is not the one"):
        tool.read_bundle(index, _damage(data, 0))


def test_short_data_is_refused() -> None:
    index, data = _bundle()
    with pytest.raises(
        ValueError, match=r"scalar: 3 bytes of shard 0 where its shape \(\) needs 4"
    ):
        tool.read_bundle(index, data[:-1])


def test_a_damaged_index_is_refused() -> None:
    index, data = _bundle()
    with pytest.raises(ValueError, match="checksum of the block at 0"):
        tool.read_bundle(_damage(index, 3), data)
    with pytest.raises(ValueError, match="does not end as a sorted table does"):
        tool.read_bundle(index[:-1], data)


def test_tag_names_are_read_without_running_the_source() -> None:
    source = "import nowhere\nMTT_LABELS = ['a']\nMSD_LABELS = ['rock', 'pop']\nraise SystemExit\n"
    assert tool.read_tag_names(source) == ("rock", "pop")


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "musicnn-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("musicnn/__init__.py", "")
    with pytest.raises(ValueError, match=r"has sha256 [0-9a-f]{64}, musicnn==0.1.0 has f38a4890"):
        tool.unpack_wheel(path)


@pytest.mark.parametrize("sizes", [[(7, 38)], [(7, 67)], [(4, 5), (128, 1)]], ids=str)
def test_front_end_equals_rectify_normalise_pool(sizes: list[tuple[int, int]]) -> None:
    """Pooling first changes nothing, nor does the way over spectra."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(187, 96))
    expected, variables = [], {}
    for number, size in enumerate(sizes):
        layer = _random_layer(rng, number, (*size, 1, 51))
        expected.append(_front_as_published(image, *layer.values()))
        variables |= layer
    ours = _run_fronts(tool.Checkpoint(variables), len(sizes), image.astype(np.float32))
    np.testing.assert_allclose(ours, np.concatenate(expected), rtol=1e-4, atol=1e-4)


def _random_layer(
    rng: np.random.Generator, number: int, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Give the variables of a convolution and its normalisation; some scales are negative."""
    layer, norm = (f"conv2d_{number}" if number else "conv2d"), f"batch_normalization_{number + 1}"
    n_channels = shape[-1]
    return {
        f"{layer}/kernel": rng.normal(size=shape) / 10,
        f"{layer}/bias": rng.normal(size=n_channels),
        f"{norm}/gamma": rng.normal(size=n_channels),
        f"{norm}/beta": rng.normal(size=n_channels),
        f"{norm}/moving_mean": rng.normal(size=n_channels),
        f"{norm}/moving_variance": rng.uniform(0.1, 2, size=n_channels),
    }


def _front_as_published(
    image: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *norm: np.ndarray
) -> np.ndarray:
    gamma, beta, mean, variance = norm
    n_time = len(kernel)  # TensorFlow's "same" puts the odd frame behind
    padded = np.pad(image, (((n_time - 1) // 2, n_time // 2), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2])
    rectified = np.maximum(0, np.tensordot(views, kernel[:, :, 0], axes=2) + bias)
    normalised = gamma * (rectified - mean) / np.sqrt(variance + 1e-3) + beta
    return normalised.max(axis=1).T


def _run_fronts(checkpoint: object, n_fronts: int, image: np.ndarray) -> np.ndarray:
    graph = tool.Graph()
    fronts = [tool.Front.read(checkpoint, number) for number in range(n_fronts)]
    output = tool.add_fronts(graph, fronts, "frames")
    value = helper.make_tensor_value_info
    proto = helper.make_graph(
        graph.nodes,
        "front",
        [value("frames", TensorProto.FLOAT, [1, 187, 96])],
        [value(output, TensorProto.FLOAT, None)],
        graph.weights,
    )
    opsets = [helper.make_opsetid("", tool.OPSET)]
    model = helper.make_model(proto, ir_version=tool.IR_VERSION, opset_imports=opsets)
    session = open_session(model.SerializeToString(), source="the front end")
    (result,) = session.run(None, {"frames": image[np.newaxis]})
    return result[0]


@pytest.fixture(scope="module")
def backbone() -> onnx.ModelProto:
    return onnx.load_from_string(BACKBONE.read_bytes())


def test_backbone_is_what_was_promised(backbone: onnx.ModelProto) -> None:
    def shapes(values: Iterable[onnx.ValueInfoProto]) -> dict[str, list[int | str]]:
        dims = {v.name: v.type.tensor_type.shape.dim for v in values}
        return {name: [d.dim_param or d.dim_value for d in dim] for name, dim in dims.items()}

    onnx.checker.check_model(backbone, full_check=True)
    assert (backbone.opset_import[0].version, backbone.ir_version) == (18, 8)
    assert shapes(backbone.graph.input) == {"mel": [1, 187, 96]}
    assert shapes(backbone.graph.output) == {
        "tags": [1, 50],
        "mean_pool": [1, 753],
        "max_pool": [1, 753],
    }
    assert 3_000_000 < len(BACKBONE.read_bytes()) < 3_400_000


def test_backbone_names_its_tags_and_its_licence(backbone: onnx.ModelProto) -> None:
    metadata = {entry.key: entry.value for entry in backbone.metadata_props}
    assert tuple(json.loads(metadata["tag_names"])) == TAG_NAMES
    notice = " ".join((ROOT / "NOTICE").read_text(encoding="utf-8").split())
    assert "Universitat Pompeu Fabra" in metadata["licence"]
    for paragraph in metadata["licence"].split("\n\n"):
        assert " ".join(paragraph.split()) in notice


def test_doctests_of_the_tool() -> None:
    results = doctest.testmod(tool)
    assert results.attempted >= 2
    assert results.failed == 0
