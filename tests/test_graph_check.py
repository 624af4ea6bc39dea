"""Reading and checking model files: what our converters write passes, and is understood rightly.

The references are onnxruntime's own shapes and onnx's own reader.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from generify.classifiers import CLASSIFIERS, TrainingPart, make_classifier, to_onnx
from generify.errors import ModelError
from generify.graph_check import ROWS_AT_ONCE, check_graph, read_model_file
from generify.graph_check import operators as operators_module
from generify.graph_check.onnx_file import FLOAT, Graph, read_onnx
from generify.graph_check.operators import OPERATORS, evaluate
from generify.graph_check.values import Cost, Value
from generify.graph_check.wire import Budget, Field, Kind, Refusal, read_message
from generify.novelty import fit_novelty

MODELS = Path(__file__).resolve().parents[1] / "src" / "generify" / "models"
N_FEATURES = 7


def fitted(
    classifier: str, genres: Sequence[object], n_features: int, metadata: dict[str, str]
) -> bytes:
    """A classifier of random features."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(len(genres)), 12)
    X = (rng.normal(size=(len(y), n_features)) + y[:, np.newaxis]).astype(np.float32)
    part = TrainingPart(len(y), 12, len(genres))
    novelty = None if metadata else fit_novelty(X, y, np.ones(n_features))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = make_classifier(classifier, part=part).fit(X, y)
        return to_onnx(pipeline, n_features, metadata=metadata, temperature=1.5, novelty=novelty)


@cache
def trained(classifier: str, n_genres: int) -> bytes:
    """The same with novelty, and without a card."""
    return fitted(classifier, range(n_genres), N_FEATURES, {})


def bundled(name: str) -> bytes:
    return (MODELS / f"{name}.onnx").read_bytes()


EVERY_MODEL: dict[str, Callable[[], bytes]] = {
    **{
        f"{name} of {n_genres}": lambda name=name, n_genres=n_genres: trained(name, n_genres)
        for name in CLASSIFIERS
        for n_genres in (2, 3, 7)
    },
    "western": lambda: bundled("western"),
    "indian": lambda: bundled("indian"),
}
every_model = pytest.mark.parametrize("make", EVERY_MODEL.values(), ids=EVERY_MODEL)


def shapes_within(graph: Graph, n_rows: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, Value]:
    """Follow a graph and keep what is thought of every value on the way."""
    met: dict[str, Value] = {}
    define = operators_module._define

    def note(known: dict[str, Value], name: str, value: Value) -> None:
        met[name] = value
        define(known, name, value)

    monkeypatch.setattr(operators_module, "_define", note)
    width = graph.inputs[0].dims[1]
    assert width is not None
    evaluate(graph, (Value((n_rows, width), FLOAT),), Cost())
    return met


@every_model
def test_shapes_and_kinds_are_those_of_onnxruntime(
    make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make()
    model = onnx.load_from_string(content)
    names = [name for node in model.graph.node for name in node.output]
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    width = session.get_inputs()[0].shape[1]
    for n_rows in (1, 5, ROWS_AT_ONCE):
        X = np.random.default_rng(0).normal(size=(n_rows, width)).astype(np.float32)
        real = dict(zip(names, session.run(names, {"features": X}), strict=True))
        thought = shapes_within(read_onnx(content).graph, n_rows, monkeypatch)
        for name, value in real.items():
            found = thought[name]
            kind = helper.tensor_dtype_to_np_dtype(found.kind)
            assert (found.shape, kind) == (value.shape, value.dtype), name
            if found.below is not None:
                assert 0 <= value.min() <= value.max() < found.below


def test_every_operator_of_the_list_is_needed_by_some_model() -> None:
    used: set[str] = set()

    def look(graph: Graph) -> None:
        for node in graph.nodes:
            used.add(node.operator)
            for attribute in node.attributes.values():
                if isinstance(attribute, Graph):
                    look(attribute)

    for make in EVERY_MODEL.values():
        look(read_onnx(make()).graph)
    assert used == set(OPERATORS)


@every_model
def test_everything_is_read_as_onnx_reads_it(make: Callable[[], bytes]) -> None:
    content = make()
    ours, theirs = read_onnx(content).graph, onnx.load_from_string(content).graph
    assert_same_graph(ours, theirs)


def assert_same_graph(ours: Graph, theirs: Any) -> None:
    assert [v.name for v in ours.inputs] == [v.name for v in theirs.input]
    assert [v.name for v in ours.outputs] == [v.name for v in theirs.output]
    assert list(ours.constants) == [tensor.name for tensor in theirs.initializer]
    for tensor in theirs.initializer:
        expected = numpy_helper.to_array(tensor)
        assert ours.constants[tensor.name].dtype == expected.dtype
        np.testing.assert_array_equal(ours.constants[tensor.name], expected)
    assert len(ours.nodes) == len(theirs.node)
    for node, other in zip(ours.nodes, theirs.node, strict=True):
        assert node.operator == ".".join(filter(None, (other.domain, other.op_type)))
        assert (list(node.inputs), list(node.outputs)) == (list(other.input), list(other.output))
        assert list(node.attributes) == [attribute.name for attribute in other.attribute]
        for attribute in other.attribute:
            same_attribute(node.attributes[attribute.name], attribute)


def same_attribute(ours: Any, attribute: Any) -> None:
    theirs = helper.get_attribute_value(attribute)
    if isinstance(ours, Graph):
        assert_same_graph(ours, theirs)
    elif isinstance(ours, np.ndarray):
        np.testing.assert_array_equal(ours, np.array(theirs, ours.dtype))
    elif isinstance(ours, list):
        assert ours == [text.decode() for text in theirs]
    else:
        assert ours == (theirs.decode() if isinstance(theirs, bytes) else theirs)


def test_what_a_model_takes_and_gives_is_checked() -> None:
    file = read_model_file(trained("lda", 3), source="mine.onnx")
    outputs: dict[str, tuple[int, ...]] = {"probabilities": (3,), "novelty": ()}
    check_graph(file, n_features=N_FEATURES, outputs=outputs, source="mine.onnx")
    for n_features, wrong in (
        (N_FEATURES + 1, outputs),
        (N_FEATURES, {**outputs, "probabilities": (4,)}),
        (N_FEATURES, {"probabilities": (3,)}),
        (N_FEATURES, {**outputs, "novelty": (3,)}),
    ):
        with pytest.raises(ModelError, match=r"mine\.onnx: its graph does not fit its card"):
            check_graph(file, n_features=n_features, outputs=wrong, source="mine.onnx")


# --- numbers and lists in bytes --------------------------------------------------------------

FIELDS = {
    1: Field("integer", Kind.INTEGER),
    2: Field("number", Kind.NUMBER),
    3: Field("text", Kind.TEXT),
    4: Field("bytes", Kind.BYTES),
    5: Field("integers", Kind.INTEGERS),
    6: Field("numbers", Kind.NUMBERS),
    7: Field("texts", Kind.TEXTS),
    8: Field("a secret door", Kind.REFUSED),
    16: Field("far integers", Kind.INTEGERS),
    17: Field("far numbers", Kind.NUMBERS),
}


def read(content: bytes) -> dict[str, Any]:
    return read_message(content, (0, len(content)), FIELDS, Budget())


def varint(number: int) -> bytes:
    number %= 2**64
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


INTEGERS = [0, 1, 127, 128, 300, 2**31, 2**62, 2**63 - 1, -1, -(2**63)]


@pytest.mark.parametrize("number", INTEGERS)
def test_integers(number: int) -> None:
    assert read(b"\x08" + varint(number)) == {"integer": number}


def test_lists_of_integers_packed_and_not() -> None:
    packed = b"".join(map(varint, INTEGERS))
    expected = np.array(INTEGERS)
    single = b"".join(b"\x28" + varint(i) for i in INTEGERS)
    far = b"".join(b"\x80\x01" + varint(i) for i in INTEGERS)
    for content in (b"\x2a" + varint(len(packed)) + packed, single):
        np.testing.assert_array_equal(read(content)["integers"], expected)
    np.testing.assert_array_equal(read(far)["far integers"], expected)


def test_lists_of_numbers_packed_and_not() -> None:
    numbers: NDArray[np.float32] = np.array([0, -1.5, 3e38, np.inf, 1e-40], np.float32)
    packed = numbers.tobytes()
    single = b"".join(b"\x35" + number.tobytes() for number in numbers)
    far = b"".join(b"\x8d\x01" + number.tobytes() for number in numbers)
    np.testing.assert_array_equal(read(b"\x32" + varint(20) + packed)["numbers"], numbers)
    np.testing.assert_array_equal(read(single)["numbers"], numbers)
    np.testing.assert_array_equal(read(far)["far numbers"], numbers)
    assert read(b"\x15" + numbers[1].tobytes()) == {"number": -1.5}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x08", "cut short or damaged at byte 1"),
        (b"\x08" + b"\x80" * 11 + b"\x01", "a number of more than ten bytes"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "a number of more than 64 bits"),
        (b"\x2a\x0a" + b"\xff" * 9 + b"\x02", "an integer of more than 64 bits"),
        (b"\x2a\x0b" + b"\xff" * 10 + b"\x01", "an integer of more than 64 bits"),
        (b"\x2a\x01\xff", "a list of integers ends in the middle of one"),
        (b"\x28" + b"\xff" * 10 + b"\x01", "cut short or damaged at byte 0"),
        (b"\x32\x03abc", "a list of numbers ends in the middle of one"),
        (b"\x35abc", "cut short or damaged at byte 0"),
        (b"\x15abc", "cut short or damaged at byte 1"),
        (b"\x22\x05abcd", "cut short or damaged: 5 bytes promised at byte 1"),
        (b"\x22" + varint(2**63), "cut short or damaged"),
        (b"\x08\x01\x08\x02", "integer is there twice"),
        (b"\x28\x01\x08\x02\x28\x03", "integers is there twice"),
        (b"\x35abcd\x32\x04abcd", "numbers is there twice"),
        (b"\x0a\x01a", "integer has the wire type 2"),
        (b"\x18\x01", "text has the wire type 0"),
        (b"\x0b\x0c", "integer has the wire type 3"),
        (b"\x42\x00", "has a secret door, which no model of Generify has"),
        (b"\x48\x01", "there is no field 9"),
        (b"\x00\x01", "there is no field 0"),
        (b"\x88\x00\x01", "an overlong tag at byte 0"),
        (b"\x88\x80\x80\x80\x80\x01\x01", "no tag at byte 0"),
        (b"\x1a\x02\xff\xfe", "a name at byte 2 is no text"),
        (b"\x1a" + varint(300) + b"x" * 300, "a name of 300 bytes, more than 256"),
        (b"\x3a\x00" * 1_000_001, "more parts than any model needs"),
        (b"\x2a" + varint(2**22 + 1) + bytes(2**22 + 1), "longer lists of integers"),
    ],
)  # fmt: skip
def test_what_is_no_message(content: bytes, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        read(content)


def test_all_lists_together_are_bounded() -> None:
    content = b"\x2a\x05" + bytes(5) + b"\x82\x01\x05" + bytes(5)
    assert len(read_message(content, (0, 15), FIELDS, Budget(list_bytes=10))) == 2
    with pytest.raises(Refusal, match="longer lists of integers"):
        read_message(content, (0, 15), FIELDS, Budget(list_bytes=9))


# --- operators: what they may cost, and what onnxruntime would not survive --------------------


def graph_of(
    *nodes: Any, constants: dict[str, Any] | None = None, dims: tuple[Any, ...] = (None, 4)
) -> Graph:
    tensors = [numpy_helper.from_array(np.array(v), k) for k, v in (constants or {}).items()]
    last = nodes[-1].output[0]
    graph = helper.make_graph(
        list(nodes),
        "by hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, None)],
        tensors,
    )
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 1)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=8)
    return read_onnx(model.SerializeToString()).graph


def follow(graph: Graph, shape: tuple[int, ...] = (3, 4)) -> tuple[Value, ...]:
    return evaluate(graph, (Value(shape, FLOAT),), Cost())


def ml(operator: str, inputs: list[str], outputs: list[str], **settings: Any) -> Any:
    return helper.make_node(operator, inputs, outputs, domain="ai.onnx.ml", **settings)


def test_doubling_ends_before_memory_does() -> None:
    nodes = [
        helper.make_node("Concat", [f"x{i}" if i else "x"] * 2, [f"x{i + 1}"], axis=1)
        for i in range(40)
    ]
    with pytest.raises(Refusal, match="needs more memory than any model of genres"):
        follow(graph_of(*nodes))


def test_a_product_of_long_lists_ends_before_memory_does() -> None:
    long = np.zeros((20_000, 1), np.float32)
    add = helper.make_node("Add", ["a", "b"], ["c"])
    graph = graph_of(add, constants={"a": long, "b": long.T})
    with pytest.raises(Refusal, match="needs more memory than any model of genres"):
        follow(graph)


def test_much_work_on_little_memory_ends_too() -> None:
    square = np.zeros((2000, 2000), np.float32)
    multiply = helper.make_node("MatMul", ["a", "a"], ["b"])
    follow(graph_of(multiply, constants={"a": square}))
    wide = np.zeros((1, 2**23), np.float32)
    tall = helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0])
    narrow = helper.make_node("MatMul", ["w", "t"], ["b"])
    follow(graph_of(tall, narrow, constants={"w": wide}))
    nodes = [helper.make_node("MatMul", ["a", "a"], [f"b{i}"]) for i in range(2)]
    with pytest.raises(Refusal, match="needs more time than any model of genres"):
        follow(graph_of(*nodes, constants={"a": square}))


ONE = np.array([1])
TREE: dict[str, Any] = {
    "nodes_nodeids": [0, 1, 2],
    "nodes_treeids": [0, 0, 0],
    "nodes_featureids": [3, 0, 0],
    "nodes_values": [0.5, 0.0, 0.0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
    "class_treeids": [0, 0],
    "class_nodeids": [1, 2],
    "class_ids": [0, 1],
    "class_weights": [1.0, 1.0],
    "classlabels_int64s": [0, 1],
}
MACHINE: dict[str, Any] = {
    "classlabels_ints": [0, 1],
    "coefficients": [1.0, -1.0],
    "kernel_params": [0.1, 0.0, 3.0],
    "kernel_type": "RBF",
    "rho": [0.0],
    "support_vectors": [0.0] * 8,
    "vectors_per_class": [1, 1],
}
LINEAR: dict[str, Any] = {
    "classlabels_ints": [0, 1],
    "coefficients": [0.0] * 8,
    "intercepts": [0.0, 0.0],
}


def tree(**changes: Any) -> Graph:
    return graph_of(ml("TreeEnsembleClassifier", ["x"], ["l", "y"], **{**TREE, **changes}))


def machine(**changes: Any) -> Graph:
    return graph_of(ml("SVMClassifier", ["x"], ["l", "y"], **{**MACHINE, **changes}))


def linear(**changes: Any) -> Graph:
    return graph_of(ml("LinearClassifier", ["x"], ["l", "y"], **{**LINEAR, **changes}))


def columns(places: Any) -> Graph:
    return graph_of(ml("ArrayFeatureExtractor", ["x", "i"], ["y"]), constants={"i": places})


def test_the_classifiers_below_are_sound_before_they_are_spoilt() -> None:
    for graph in (tree(), machine(), linear(), columns([0, 3])):
        assert follow(graph)


def two(operator: str, inputs: list[str], constants: dict[str, Any], **settings: Any) -> Graph:
    return graph_of(helper.make_node(operator, inputs, ["y"], **settings), constants=constants)


def zeros(*shape: int) -> NDArray[np.float32]:
    return np.zeros(shape, np.float32)


SPOILT: dict[str, tuple[Graph, str]] = {
    "a feature beyond the last": (tree(nodes_featureids=[4, 0, 0]), "a feature beyond 4"),
    "a feature before the first": (tree(nodes_featureids=[-1, 0, 0]), "a feature beyond 4"),
    "a tree in a circle": (tree(nodes_truenodeids=[0, 0, 0]), "no parent or two"),
    "a tree that meets itself": (tree(nodes_truenodeids=[2, 0, 0]), "no parent or two"),
    "a branch to nowhere": (tree(nodes_falsenodeids=[7, 0, 0]), "no parent or two"),
    "nodes of several trees": (tree(nodes_treeids=[0, 0, 1]), "those of one tree"),
    "nodes out of order": (tree(nodes_nodeids=[0, 2, 1]), "those of one tree"),
    "another comparison": (tree(nodes_modes=["BRANCH_GT", "LEAF", "LEAF"]), "compare by <="),
    "a class beyond the last": (tree(class_ids=[0, 2]), "a class is not of a leaf"),
    "a class of a branch": (tree(class_nodeids=[0, 2]), "a class is not of a leaf"),
    "a class of no node": (tree(class_nodeids=[1, 3]), "a class is not of a leaf"),
    "lists that differ": (tree(nodes_values=[0.5, 0.0]), "lists of nodes differ"),
    "classes that differ": (tree(class_weights=[1.0]), "lists of classes differ"),
    "numbers for integers": (tree(nodes_nodeids=[0.0, 1.0, 2.0]), "should be a list of int64"),
    "one class": (tree(classlabels_int64s=[0], class_ids=[0, 0]), "it names 1 classes"),
    "too few vectors": (machine(support_vectors=[0.0] * 7), "do not fit 2 classes"),
    "too few coefficients": (machine(coefficients=[1.0]), "do not fit 2 classes"),
    "vectors that are not there": (machine(vectors_per_class=[2, 1]), "do not fit 2 classes"),
    "fewer than no vectors": (machine(vectors_per_class=[3, -1]), "do not fit 2 classes"),
    "no bias": (machine(rho=[0.0, 0.0]), "do not fit 2 classes"),
    "no parameters": (machine(kernel_params=[0.1]), "do not fit 2 classes"),
    "too few weights": (linear(coefficients=[0.0] * 7), "2 times 4 coefficients"),
    "too few intercepts": (linear(intercepts=[0.0]), "2 times 4 coefficients"),
    "a column beyond the last": (columns([4]), "a place is outside of 4"),
    "a column before the first": (columns([-1]), "a place is outside of 4"),
    "no column": (columns(zeros(1)), "places should be int64"),
    "a column that is computed": (
        graph_of(
            helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT64),
            ml("ArrayFeatureExtractor", ["x", "i"], ["y"]),
        ),
        "a place is outside of 4",
    ),
    "a place in too short a list": (
        graph_of(
            helper.make_node("ArgMax", ["x"], ["i"], axis=1),
            ml("ArrayFeatureExtractor", ["c", "i"], ["y"]),
            constants={"c": zeros(3)},
        ),
        "a place is outside of 3",
    ),
    "a place in what is computed": (
        graph_of(
            helper.make_node("ArgMax", ["x"], ["i"], axis=1),
            ml("ArrayFeatureExtractor", ["x", "i"], ["y"]),
        ),
        "a place is outside of 4",
    ),
    "integers divided": (two("Div", ["a", "a"], {"a": ONE}), "it cannot take int64"),
    "kinds that differ": (two("Add", ["x", "a"], {"a": ONE}), "it cannot take float and int64"),
    "shapes that differ": (two("Add", ["x", "a"], {"a": zeros(3)}), "3 and 4 do not go together"),
    "a product of what does not fit": (
        two("MatMul", ["x", "a"], {"a": zeros(3, 4)}), "cannot be multiplied",
    ),
    "a product of a list": (two("MatMul", ["x", "a"], {"a": zeros(4)}), "cannot be multiplied"),
    "an axis too far": (two("ReduceSum", ["x", "a"], {"a": np.array([2])}), "no axis 2 among 2"),
    "no axes": (two("ReduceSum", ["x"], {}), "it has 1 inputs"),
    "axes that are computed": (two("ReduceSum", ["x", "x"], {}), "a constant list of int64"),
    "too many of the best": (two("TopK", ["x", "a"], {"a": np.array([5])}), "cannot choose"),
    "none of the best": (two("TopK", ["x", "a"], {"a": np.array([0])}), "cannot choose"),
    "a place too far": (two("Gather", ["x", "a"], {"a": np.array([4])}, axis=1), "outside of 4"),
    "a shape that does not fit": (
        two("Reshape", ["x", "a"], {"a": np.array([5, -1])}), "12 elements do not fill",
    ),
    "a shape of nothing": (two("Reshape", ["x", "a"], {"a": np.array([0, 4])}), "is no shape"),
    "a shape left open twice": (
        two("Reshape", ["x", "a"], {"a": np.array([-1, -1])}), "is no shape",
    ),
    "another order of axes": (two("Transpose", ["x"], {}, perm=[0, 0]), "no order of 2 axes"),
    "an axis that is more than 1": (two("Squeeze", ["x", "a"], {"a": ONE}), "is not 1"),
    "an axis twice": (two("Unsqueeze", ["x", "a"], {"a": np.array([1, 1])}), "named twice"),
    "an axis too many": (
        two("Unsqueeze", ["x", "a"], {"a": np.arange(7)}), "values of 9 dimensions",
    ),
    "lists of other lengths": (
        two("Concat", ["x", "a"], {"a": zeros(2, 4)}, axis=1), "shapes do not go together",
    ),
    "a cast to text": (two("Cast", ["x"], {}, to=TensorProto.STRING), "element type 8"),
    "another setting": (two("ArgMax", ["x"], {}, select_last_index=1), "'select_last_index'"),
    "a setting of another kind": (two("ArgMax", ["x"], {}, axis=1.5), "axis should be an integer"),
    "a norm": (graph_of(ml("Normalizer", ["x"], ["y"], norm="L9")), "there is no such norm"),
    "a scale": (
        graph_of(ml("Scaler", ["x"], ["y"], offset=[0.0], scale=[1.0] * 3)), "have 4 numbers",
    ),
    "too many inputs": (two("Exp", ["x", "x"], {}), "it has 2 inputs"),
    "a value before it is known": (two("Exp", ["z"], {}), "before it is known, 'z'"),
    "one name twice": (
        graph_of(*[helper.make_node("Exp", ["x"], ["y"]) for _ in range(2)]), "one name, 'y'",
    ),
    "an output too many": (
        graph_of(helper.make_node("Exp", ["x"], ["y", "z"])), "Exp with 2 outputs",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("graph", "why"), SPOILT.values(), ids=SPOILT)
def test_what_cannot_be_run(graph: Graph, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        follow(graph)


def test_a_deep_tree_is_refused() -> None:
    depth = 1001
    n_nodes = 2 * depth + 1
    numbers = np.arange(n_nodes)
    branch = numbers % 2 == 0
    branch[-1] = False
    chain = tree(
        nodes_nodeids=numbers,
        nodes_treeids=0 * numbers,
        nodes_featureids=0 * numbers,
        nodes_values=0.0 * numbers,
        nodes_modes=["BRANCH_LEQ" if b else "LEAF" for b in branch],
        nodes_truenodeids=np.where(branch, numbers + 1, 0),
        nodes_falsenodeids=np.where(branch, numbers + 2, 0),
        class_nodeids=[1, 3],
    )
    with pytest.raises(Refusal, match="more than 1,000 levels"):
        follow(chain)


def scan(body_nodes: list[Any], rows: NDArray[np.float32], **settings: Any) -> Graph:
    body = helper.make_graph(
        body_nodes,
        "body",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("s", "r")],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("s2", "o")],
    )
    settings = {"num_scan_inputs": 1, "body": body, **settings}
    node = helper.make_node("Scan", ["x", "rows"], ["final", "y"], **settings)
    return graph_of(node, constants={"rows": rows})


def shape_of_output(graph: Graph, name: str) -> tuple[int, ...]:
    (output,) = graph.outputs
    renamed = dataclasses.replace(graph, outputs=(dataclasses.replace(output, name=name),))
    (value,) = follow(renamed)
    return value.shape


KEEP = helper.make_node("Identity", ["s"], ["s2"])


def test_a_loop_over_rows() -> None:
    graph = scan([KEEP, helper.make_node("Sub", ["s", "r"], ["o"])], zeros(6, 4))
    assert shape_of_output(graph, "y") == (6, 3, 4)


@pytest.mark.parametrize(
    ("graph", "why"),
    [
        (scan([helper.make_node("Exp", ["r"], ["s2"]), helper.make_node("Exp", ["s"], ["o"])],
              zeros(6, 4)), "its state should stay as it is"),
        (scan([KEEP, helper.make_node("Sub", ["s", "r"], ["o"])], zeros(2**23, 1)),
         "needs more (time|memory)"),
        (scan([KEEP, helper.make_node("Sub", ["s", "x"], ["o"])], zeros(6, 4)),
         "before it is known, 'x'"),
        (scan([KEEP, helper.make_node("Sub", ["s", "r"], ["o"])], zeros(6, 4), num_scan_inputs=2),
         "through the rows of one constant"),
        (scan([KEEP, helper.make_node("Sub", ["s", "r"], ["o"])], zeros(6, 4),
              scan_input_axes=[1]), "'scan_input_axes'"),
    ],
    ids=["a state that changes", "too many rows", "what is outside", "two lists", "settings"],
)  # fmt: skip
def test_loops_that_are_refused(graph: Graph, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        follow(graph)
