"""What an ONNX file of Generify may hold, read from its bytes.

The lists below name every part of the format that our own converters write. Anything else is
refused, what is dangerous by its name: tensors kept in other files, functions, training, sparse
tensors. So nothing is hidden from the checks that follow.

In it: :func:`read_onnx`; :class:`OnnxFile`, :class:`Graph`, :class:`Node`, :class:`Declared`; kinds
of elements: :data:`FLOAT`, :data:`INT32`, :data:`INT64`, :data:`BOOL`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.graph_check.wire import Budget, Field, Kind, Refusal, Span, read_message

__all__ = [
    "BOOL",
    "FLOAT",
    "INT32",
    "INT64",
    "Attribute",
    "Declared",
    "Graph",
    "Node",
    "OnnxFile",
    "read_onnx",
]

FLOAT, INT32, INT64, BOOL = 1, 6, 7, 9  # ONNX's numbers of element types

_IR_VERSION = 8
_OPSETS = {"": (18,), "ai.onnx.ml": (1, 2, 3)}
_MAX_NODES = 20_000
_MAX_ENDS = 2048  # inputs or outputs of a node
_MAX_RANK = 8
_DATA = {FLOAT: "float_data", INT32: "int32_data", INT64: "int64_data"}
_DTYPES = {FLOAT: "<f4", INT32: "<i4", INT64: "<i8"}

_INTEGER, _NUMBER, _TEXT, _BYTES = Kind.INTEGER, Kind.NUMBER, Kind.TEXT, Kind.BYTES
_MESSAGE, _MESSAGES, _REFUSED = Kind.MESSAGE, Kind.MESSAGES, Kind.REFUSED


def _fields(known: Mapping[int, tuple[str, Kind]]) -> Mapping[int, Field]:
    return {number: Field(*field) for number, field in known.items()}


_MODEL = _fields(
    {
        1: ("ir_version", _INTEGER),
        2: ("producer_name", _TEXT),
        3: ("producer_version", _TEXT),
        4: ("domain", _TEXT),
        5: ("model_version", _INTEGER),
        6: ("doc_string", _BYTES),
        7: ("graph", _MESSAGE),
        8: ("opset_import", _MESSAGES),
        14: ("metadata_props", _MESSAGES),
        20: ("instructions for training", _REFUSED),
        25: ("functions of its own", _REFUSED),
        26: ("a configuration of devices", _REFUSED),
    }
)
_OPSET = _fields({1: ("domain", _TEXT), 2: ("version", _INTEGER)})
_ENTRY = _fields({1: ("key", _TEXT), 2: ("value", _BYTES)})
_GRAPH = _fields(
    {
        1: ("node", _MESSAGES),
        2: ("name", _TEXT),
        5: ("initializer", _MESSAGES),
        10: ("doc_string", _BYTES),
        11: ("input", _MESSAGES),
        12: ("output", _MESSAGES),
        13: ("shapes of values within", _REFUSED),
        14: ("quantisation", _REFUSED),
        15: ("sparse tensors", _REFUSED),
        16: ("metadata of a graph", _REFUSED),
    }
)
_NODE = _fields(
    {
        1: ("input", Kind.TEXTS),
        2: ("output", Kind.TEXTS),
        3: ("name", _TEXT),
        4: ("op_type", _TEXT),
        5: ("attribute", _MESSAGES),
        6: ("doc_string", _BYTES),
        7: ("domain", _TEXT),
        8: ("overloaded functions", _REFUSED),
        9: ("metadata of a node", _REFUSED),
        10: ("a configuration of devices", _REFUSED),
    }
)
_ATTRIBUTE = _fields(
    {
        1: ("name", _TEXT),
        2: ("f", _NUMBER),
        3: ("i", _INTEGER),
        4: ("s", _TEXT),
        5: ("a tensor in an attribute", _REFUSED),
        6: ("g", _MESSAGE),
        7: ("floats", Kind.NUMBERS),
        8: ("ints", Kind.INTEGERS),
        9: ("strings", Kind.TEXTS),
        10: ("tensors in an attribute", _REFUSED),
        11: ("several graphs in an attribute", _REFUSED),
        13: ("doc_string", _BYTES),
        14: ("a type in an attribute", _REFUSED),
        15: ("types in an attribute", _REFUSED),
        20: ("type", _INTEGER),
        21: ("attributes of functions", _REFUSED),
        22: ("sparse tensors", _REFUSED),
        23: ("sparse tensors", _REFUSED),
    }
)
_ATTRIBUTE_TYPES = {1: "f", 2: "i", 3: "s", 5: "g", 6: "floats", 7: "ints", 8: "strings"}
_TENSOR = _fields(
    {
        1: ("dims", Kind.INTEGERS),
        2: ("data_type", _INTEGER),
        3: ("a tensor in segments", _REFUSED),
        4: ("float_data", Kind.NUMBERS),
        5: ("int32_data", Kind.INTEGERS),
        6: ("a tensor of text", _REFUSED),
        7: ("int64_data", Kind.INTEGERS),
        8: ("name", _TEXT),
        9: ("raw_data", _BYTES),
        10: ("a tensor of doubles", _REFUSED),
        11: ("a tensor of unsigned integers", _REFUSED),
        12: ("doc_string", _BYTES),
        13: ("a tensor kept in another file", _REFUSED),
        14: ("a tensor kept in another file", _REFUSED),
        16: ("metadata of a tensor", _REFUSED),
    }
)
_VALUE_INFO = _fields(
    {
        1: ("name", _TEXT),
        2: ("type", _MESSAGE),
        3: ("doc_string", _BYTES),
        4: ("metadata of a value", _REFUSED),
    }
)
_TYPE = _fields(
    {
        1: ("tensor_type", _MESSAGE),
        4: ("an input or output that is a sequence", _REFUSED),
        5: ("an input or output that is a map", _REFUSED),
        6: ("denotation", _TEXT),
        7: ("an input or output of an opaque type", _REFUSED),
        8: ("sparse tensors", _REFUSED),
        9: ("an input or output that is optional", _REFUSED),
    }
)
_TENSOR_TYPE = _fields({1: ("elem_type", _INTEGER), 2: ("shape", _MESSAGE)})
_SHAPE = _fields({1: ("dim", _MESSAGES)})
_DIMENSION = _fields(
    {1: ("dim_value", _INTEGER), 2: ("dim_param", _TEXT), 3: ("denotation", _TEXT)}
)


@dataclass(frozen=True)
class Declared:
    """An input or output as the file declares it.

    Attributes
    ----------
    name : str
        Its name.
    kind : int
        Kind of its elements.
    dims : tuple of int or None
        Its shape; None where a size is left open.
    """

    name: str
    kind: int
    dims: tuple[int | None, ...]


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes
    ----------
    operator : str
        Its name, behind its domain and a dot where that is not ONNX's own.
    inputs, outputs : tuple of str
        Names of values.
    attributes : mapping
        Its settings.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class Graph:
    """Operations, constants, inputs and outputs.

    Attributes
    ----------
    nodes : tuple of Node
        In the order of the file.
    constants : mapping of str to ndarray
        Its initialisers.
    inputs, outputs : tuple of Declared
        In the order of the file.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, NDArray[Any]]
    inputs: tuple[Declared, ...]
    outputs: tuple[Declared, ...]


Attribute = int | float | str | list[str] | NDArray[Any] | Graph


@dataclass(frozen=True)
class OnnxFile:
    """What a file holds.

    Attributes
    ----------
    graph : Graph
        The model.
    metadata : mapping of str to memoryview
        Texts beside it, not decoded yet.
    """

    graph: Graph
    metadata: Mapping[str, memoryview]


def read_onnx(content: bytes) -> OnnxFile:
    """Read an ONNX file.

    Parameters
    ----------
    content : bytes
        All of it.

    Returns
    -------
    OnnxFile
        Its parts are what the format allows; whether they fit each other is not known yet.

    Raises
    ------
    Refusal
        When it is no ONNX file, or has a part that no model of Generify has.
    """
    return _Reader(content).read()


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content, self._budget, self._n_nodes = content, Budget(), _MAX_NODES

    def _read(self, span: Span, fields: Mapping[int, Field]) -> dict[str, Any]:
        return read_message(self._content, span, fields, self._budget)

    def read(self) -> OnnxFile:
        model = self._read((0, len(self._content)), _MODEL)
        if "graph" not in model or "ir_version" not in model:
            raise Refusal("is no ONNX file")
        if model["ir_version"] != _IR_VERSION:
            found = model["ir_version"]
            raise Refusal(f"is of ONNX's IR version {found}, models of Generify of {_IR_VERSION}")
        self._check_opsets(model.get("opset_import", []))
        metadata = [self._read(span, _ENTRY) for span in model.get("metadata_props", [])]
        by_key = {entry.get("key", ""): entry.get("value", memoryview(b"")) for entry in metadata}
        if len(by_key) < len(metadata):
            raise Refusal("has one key of its metadata twice")
        return OnnxFile(self._graph(model["graph"], body=False), by_key)

    def _check_opsets(self, spans: list[Span]) -> None:
        found = {(o.get("domain", ""), o.get("version", 0)) for o in self._opsets(spans)}
        for domain, version in sorted(found):
            if domain not in _OPSETS:
                raise Refusal(f"needs operators of the domain {domain!r}")
            if version not in _OPSETS[domain]:
                wanted = " or ".join(map(str, _OPSETS[domain]))
                raise Refusal(f"needs version {version} of ONNX's operators, not {wanted}")
        if len({domain for domain, _ in found}) < len(found):
            raise Refusal("needs two versions of the same operators")

    def _opsets(self, spans: list[Span]) -> list[dict[str, Any]]:
        return [self._read(span, _OPSET) for span in spans]

    def _graph(self, span: Span, *, body: bool) -> Graph:
        graph = self._read(span, _GRAPH)
        spans = graph.get("node", [])
        self._n_nodes -= len(spans)
        if self._n_nodes < 0:
            raise Refusal(f"has more than {_MAX_NODES:,} operations")
        constants = [self._tensor(part) for part in graph.get("initializer", [])]
        by_name = dict(constants)
        if len(by_name) < len(constants):
            raise Refusal("has two tensors of one name")
        return Graph(
            nodes=tuple(self._node(part, body=body) for part in spans),
            constants=by_name,
            inputs=tuple(self._declared(part) for part in graph.get("input", [])),
            outputs=tuple(self._declared(part) for part in graph.get("output", [])),
        )

    def _node(self, span: Span, *, body: bool) -> Node:
        node = self._read(span, _NODE)
        domain = node.get("domain", "")
        name = node.get("op_type", "")
        inputs, outputs = (tuple(node.get(end, [])) for end in ("input", "output"))
        if max(len(inputs), len(outputs)) > _MAX_ENDS:
            raise Refusal(f"has an operation with more than {_MAX_ENDS:,} inputs or outputs")
        spans = node.get("attribute", [])
        attributes = dict(self._attribute(part, body=body) for part in spans)
        if len(attributes) < len(spans):
            raise Refusal(f"has one attribute of {name!r} twice")
        return Node(f"{domain}.{name}" if domain else name, inputs, outputs, attributes)

    def _attribute(self, span: Span, *, body: bool) -> tuple[str, Attribute]:
        attribute = self._read(span, _ATTRIBUTE)
        name = attribute.pop("name", "")
        attribute.pop("doc_string", None)
        held = _ATTRIBUTE_TYPES.get(attribute.pop("type", 0))
        if held is None or set(attribute) - {held}:
            raise Refusal(f"is damaged: the attribute {name!r} is not of its own type")
        if held not in attribute:  # a list of nothing, or 0, which some writers leave away
            raise Refusal(f"has an attribute without a value, {name!r}")
        value = attribute[held]
        if held == "g":
            if body:
                raise Refusal("has loops within loops")
            value = self._graph(value, body=True)
        return name, value

    def _tensor(self, span: Span) -> tuple[str, NDArray[Any]]:
        tensor = self._read(span, _TENSOR)
        name, kind = tensor.get("name", ""), tensor.get("data_type", 0)
        if kind not in _DATA:
            raise Refusal(f"has a tensor of element type {kind}, {name!r}")
        dims = tuple(int(size) for size in tensor.get("dims", ()))
        if len(dims) > _MAX_RANK or any(size < 1 for size in dims):
            raise Refusal(f"has a tensor without a proper shape, {name!r}")
        held = [field for field in ("raw_data", *_DATA.values()) if field in tensor]
        if len(held) != 1 or held[0] not in ("raw_data", _DATA[kind]):
            raise Refusal(f"has a tensor without data of its type, {name!r}")
        values = tensor[held[0]]
        if held[0] == "raw_data":
            values = _from_raw(values, kind, name)
        if math.prod(dims) != len(values):
            raise Refusal(
                f"has a tensor of {math.prod(dims):,} elements and {len(values):,} values"
            )
        return name, _narrowed(values, kind).reshape(dims)

    def _declared(self, span: Span) -> Declared:
        value = self._read(span, _VALUE_INFO)
        name = value.get("name", "")
        declared = self._read(value["type"], _TYPE) if "type" in value else {}
        if "tensor_type" not in declared:
            raise Refusal(f"has an input or output without a type, {name!r}")
        tensor = self._read(declared["tensor_type"], _TENSOR_TYPE)
        shape = self._read(tensor["shape"], _SHAPE) if "shape" in tensor else {}
        dims = [self._read(part, _DIMENSION) for part in shape.get("dim", [])]
        sizes = tuple(dim.get("dim_value") for dim in dims)
        return Declared(name, tensor.get("elem_type", 0), sizes)


def _from_raw(raw: memoryview, kind: int, name: str) -> NDArray[Any]:
    if len(raw) % np.dtype(_DTYPES[kind]).itemsize:
        raise Refusal(f"has a tensor that ends in the middle of a number, {name!r}")
    return np.frombuffer(raw, _DTYPES[kind])


def _narrowed(values: NDArray[Any], kind: int) -> NDArray[Any]:
    if kind == INT32 and values.dtype == np.int64:
        limits = np.iinfo(np.int32)
        if ((values < limits.min) | (values > limits.max)).any():
            raise Refusal("has a number of 64 bits in a tensor of 32")
        return values.astype(np.int32)
    return values
