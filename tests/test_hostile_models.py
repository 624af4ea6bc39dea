"""Model files made to harm: each is refused with a reason, in bounded time and memory.

They are loaded by a child process that may take half a gigabyte more than an honest model needs.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from generify.model_card import CARD_KEY
from test_graph_check import fitted
from test_model import CARD, N_FEATURES, build

LOADING = Path(__file__).with_name("hostile_loading.py")
MODELS = Path(__file__).resolve().parents[1] / "src" / "generify" / "models"
TIME_LIMIT = 300
NOT_LOADED = r" is not a model that can be loaded: it "

if sys.platform != "linux":
    pytest.skip("the limit on memory is that of Linux", allow_module_level=True)


def changed(change: Callable[[Any], object]) -> bytes:
    """The honest model by hand, changed by one hand more."""
    model = onnx.load_from_string(build())
    change(model)
    content: bytes = model.SerializeToString()
    return content


def card(**values: Any) -> bytes:
    plain = {**json.loads(CARD.to_json()), **values}
    return build(json.dumps(plain))


def external(location: str, name: str = "stolen") -> Any:
    tensor = TensorProto(
        name=name, data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL
    )
    for key, value in (("location", location), ("length", "8")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def with_tensor(tensor: Any) -> bytes:
    return changed(lambda model: model.graph.initializer.append(tensor))


def with_node(*arguments: Any, **settings: Any) -> bytes:
    node = helper.make_node(*arguments, **settings)
    return changed(lambda model: model.graph.node.insert(0, node))


def with_weights(**fields: Any) -> bytes:
    """With a tensor that says one thing of itself and holds another."""
    return with_tensor(TensorProto(name="odd", **{"data_type": TensorProto.FLOAT, **fields}))


def body(*nodes: Any, tensors: tuple[Any, ...] = ()) -> Any:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("s", "r")]
    return helper.make_graph(list(nodes), "body", values, values[:1], list(tensors))


def in_a_body() -> bytes:
    keep = helper.make_node("Identity", ["s"], ["s2"])
    inside = body(keep, tensors=(external("weights.bin"),))
    return with_node("Scan", ["features", "weights"], ["a", "b"], body=inside, num_scan_inputs=1)


def for_ever() -> bytes:
    condition = helper.make_node("Identity", ["go"], ["go_on"])
    values = {
        name: helper.make_tensor_value_info(name, kind, [])
        for name, kind in (("i", 7), ("go", 9), ("go_on", 9))
    }
    loop = helper.make_graph([condition], "loop", [values["i"], values["go"]], [values["go_on"]])
    return with_node("Loop", ["", "yes"], [], body=loop)


def sparse() -> Any:
    return helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "values"),
        numpy_helper.from_array(np.zeros(1, np.int64), "indices"),
        [2**40],
    )


def functions(model: Any) -> None:
    opsets = [helper.make_opsetid("", 18)]
    node = helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(helper.make_function("mine", "F", ["x"], ["y"], [node], opsets))


def many_nodes(model: Any) -> None:
    nodes = [helper.make_node("Exp", ["features"], [f"n{i}"]) for i in range(20_001)]
    model.graph.node.extend(nodes)


def chain(operator: str, n_nodes: int, **settings: Any) -> bytes:
    def add(model: Any) -> None:
        for i in range(n_nodes):
            name = f"n{i}" if i else "features"
            node = helper.make_node(operator, [name, name], [f"n{i + 1}"], **settings)
            model.graph.node.append(node)

    return changed(add)


def outer_product() -> bytes:
    def add(model: Any) -> None:
        tall = np.ones((50_000, 1), np.float32)
        for name, value in (("tall", tall), ("wide", tall.T)):
            model.graph.initializer.append(numpy_helper.from_array(value, name))
        model.graph.node.append(helper.make_node("Add", ["tall", "wide"], ["all"]))

    return changed(add)


def divided_by_zero() -> bytes:
    """It ends a process in which onnxruntime 1.20 computes it, already while loading."""

    def add(model: Any) -> None:
        for name in ("one", "none"):
            value = numpy_helper.from_array(np.array([int(name == "one")]), name)
            model.graph.initializer.append(value)
        model.graph.node.append(helper.make_node("Div", ["one", "none"], ["end"]))

    return changed(add)


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def nested(depth: int) -> bytes:
    """Graphs within attributes of nodes within graphs."""
    content = b""
    for _ in range(depth):
        attribute = message(6, content) + varint(20 << 3) + b"\x05"
        content = message(1, message(5, attribute))
    return b"\x08\x08" + message(7, content)


def both_formats() -> bytes:
    """Onnxruntime takes bytes with these letters for its own format, which nobody has checked."""
    return b"\x12\x06xxORTM" + build()


def twice(name: str) -> bytes:
    return with_tensor(numpy_helper.from_array(np.ones((N_FEATURES, 3), np.float32), name))


def noise(n_bytes: int) -> bytes:
    return np.random.default_rng(0).bytes(n_bytes)


ELSEWHERE = "has a tensor kept in another file, which no model of Generify has"
NINES = f'"random_state": {"9" * 10**6}'
DEEP = "[" * 20_000 + "]" * 20_000
CARD_UNREADABLE = r"\.onnx: the model card cannot be read"

HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    # other files
    "external beside": (lambda: with_tensor(external("weights.bin")), ELSEWHERE),
    "external above": (lambda: with_tensor(external("../../../../etc/passwd")), ELSEWHERE),
    "external absolute": (lambda: with_tensor(external("/etc/passwd")), ELSEWHERE),
    "external in a body": (in_a_body, ELSEWHERE),
    "external in an attribute": (
        lambda: with_node("Constant", [], ["c"], value=external("weights.bin")),
        "has a tensor in an attribute",
    ),
    "external without saying so": (
        lambda: with_weights(dims=[1], raw_data=bytes(4), external_data=[
            onnx.StringStringEntryProto(key="location", value="weights.bin")]), ELSEWHERE,
    ),
    "sparse tensor": (
        lambda: changed(lambda m: m.graph.sparse_initializer.append(sparse())),
        "has sparse tensors",
    ),
    "sparse attribute": (
        lambda: with_node("Constant", [], ["c"], sparse_value=sparse()), "has sparse tensors",
    ),
    # tensors that are not what they say
    "huge and empty": (lambda: with_weights(dims=[2**40]), "without data of its type"),
    "huge with little": (
        lambda: with_weights(dims=[2**30, 2**30], raw_data=bytes(8)),
        "a tensor of 1,152,921,504,606,846,976 elements and 2 values",
    ),
    "beyond all numbers": (lambda: with_weights(dims=[2**62] * 4, raw_data=bytes(8)), "2 values"),
    "less than nothing": (lambda: with_weights(dims=[-1, -2], raw_data=bytes(8)), "proper shape"),
    "of no size": (lambda: with_weights(dims=[0], raw_data=b""), "proper shape"),
    "too many dimensions": (lambda: with_weights(dims=[1] * 9, raw_data=bytes(4)), "proper shape"),
    "half a number": (lambda: with_weights(dims=[2], raw_data=bytes(7)), "middle of a number"),
    "more than promised": (lambda: with_weights(dims=[2], raw_data=bytes(12)), "and 3 values"),
    "two contents": (
        lambda: with_weights(dims=[1], raw_data=bytes(4), float_data=[1.0]), "data of its type",
    ),
    "integers as numbers": (lambda: with_weights(dims=[1], int64_data=[1]), "data of its type"),
    "text": (
        lambda: with_weights(dims=[1], data_type=TensorProto.STRING, string_data=[b"x"]),
        "a tensor of text",
    ),
    "doubles": (
        lambda: with_weights(dims=[1], data_type=TensorProto.DOUBLE, raw_data=bytes(8)),
        "element type 11",
    ),
    "two of a name": (lambda: twice("weights"), "two tensors of one name"),
    "a constant as input": (lambda: twice("features"), "two values one name, 'features'"),
    # operators
    "endless loop": (for_ever, "uses the operator 'Loop'"),
    "if": (
        lambda: with_node("If", ["x"], ["c"], then_branch=body(), else_branch=body()),
        "uses the operator 'If'",
    ),
    **{
        operator: (
            lambda operator=operator: with_node(operator, ["features"], ["c"]),  # type: ignore[misc]
            f"uses the operator '{operator}', which no model of Generify has",
        )
        for operator in ("ConstantOfShape", "Expand", "Range", "Tile", "Resize", "RandomNormal",
                         "StringNormalizer", "SequenceEmpty", "Einsum", "Conv", "Pad", "Upsample")
    },
    "another domain": (
        lambda: with_node("Run", ["features"], ["c"], domain="com.example"),
        "uses the operator 'com.example.Run'",
    ),
    "another domain imported": (
        lambda: changed(lambda m: m.opset_import.append(helper.make_opsetid("com.microsoft", 1))),
        "needs operators of the domain 'com.microsoft'",
    ),
    "functions": (lambda: changed(functions), "has functions of its own"),
    "training": (
        lambda: changed(lambda m: m.training_info.add()), "has instructions for training",
    ),
    "a later opset": (
        lambda: changed(lambda m: setattr(m.opset_import[0], "version", 25)),
        "needs version 25 of ONNX's operators, not 18",
    ),
    "a later format": (
        lambda: changed(lambda m: setattr(m, "ir_version", 99)), "of ONNX's IR version 99",
    ),
    "too many operations": (lambda: changed(many_nodes), "has more than 20,000 operations"),
    "doubling": (lambda: chain("Concat", 60, axis=1), "needs more memory than any model"),
    "outer product": (outer_product, "needs more memory than any model"),
    "division by zero": (divided_by_zero, "Div that cannot be run: it cannot take int64"),
    "a long name": (
        lambda: with_node("x" * 10_000, ["features"], ["c"]), "a name of 10,000 bytes",
    ),
    "no output": (
        lambda: changed(lambda m: m.graph.node.pop()), "before it is known, 'probabilities'",
    ),
    # cards
    "no JSON": (lambda: build("{'a': 1}"), CARD_UNREADABLE + ": it is no JSON"),
    "no text": (lambda: build("\0\1\2"), CARD_UNREADABLE + ": it is no JSON"),
    "deep": (lambda: build(f'{{"format": 1, "metrics": {DEEP}}}'), "it is nested too deeply"),
    "no format": (lambda: build("{}"), CARD_UNREADABLE + ": it lacks 'format'"),
    "a list": (lambda: build("[]"), CARD_UNREADABLE + ": it is no JSON object"),
    "deeper": (lambda: build("[" * 10**6), "more than 50,000 lists and mappings"),
    "100 MB": (lambda: build(" " * 10**8), "the model card has 100,000,000 bytes"),
    "NaN": (lambda: card(novelty_threshold=float("nan")), "it holds the number NaN"),
    "Infinity": (
        lambda: build(CARD.to_json().replace('"temperature": 1.0', '"temperature": 1e999')),
        "it holds the number 1e999",
    ),
    "a long number": (
        lambda: card(random_state=10**100), "it holds an integer of more than 64 bits",
    ),
    "a longer number": (
        lambda: build(CARD.to_json().replace('"random_state": 0', NINES)),
        CARD_UNREADABLE,
    ),
    "text for a number": (lambda: card(temperature="1"), "temperature cannot be right"),
    "no temperature": (lambda: card(temperature=0), "temperature cannot be right"),
    "text for a threshold": (lambda: card(novelty_threshold="1"), "its novelty_threshold"),
    "text for a share": (
        lambda: card(metrics={"accuracy": "x", "low": 0, "high": 1}), "its accuracy cannot",
    ),
    "a share of 1e300": (lambda: card(metrics={"accuracy": 1e300}), "its accuracy cannot"),
    "counts that are none": (
        lambda: card(n_tracks=dict.fromkeys(CARD.genres, "x")), "its n_tracks cannot be right",
    ),
    "other genres counted": (lambda: card(n_tracks={"polka": 3}), "its n_tracks cannot be right"),
    "a short confusion": (lambda: card(metrics={"confusion": [[1]]}), "its confusion cannot"),
    "odd scores": (lambda: card(metrics={"scores": [{"genre": "x"}]}), "its scores cannot"),
    "genres twice": (lambda: card(genres=["rock"] * 3), "1 to 2,000 genres, each once"),
    "genres of nothing": (lambda: card(genres=["rock", " ", "jazz"]), "1 to 2,000 genres"),
    "no genres": (lambda: card(genres=[]), "1 to 2,000 genres"),
    "a million genres": (
        lambda: card(genres=[str(i) for i in range(10**6)]), "1 to 2,000 genres, each once",
    ),
    "a long genre": (lambda: card(genres=["rock", "blues", "j" * 201]), "1 to 2,000 genres"),
    "colours for the terminal": (lambda: card(name="\x1b[31mred"), "characters that are no text"),
    "a bell": (lambda: build(CARD.to_json().replace("toy", "t\\u0007y")), "that are no text"),
    "right to left": (lambda: card(licence="a\u202eb"), "characters that are no text"),
    "half a character": (
        lambda: build(CARD.to_json().replace("toy", "\\ud800")), "characters that are no text",
    ),
    "a card twice": (
        lambda: changed(lambda m: m.metadata_props.append(m.metadata_props[0])), "metadata twice",
    ),
    "a threshold without a score": (
        lambda: card(novelty_threshold=1.0), "graph does not fit its card",
    ),
    "more genres than answers": (
        lambda: card(genres=[*"abcd"], n_tracks=dict.fromkeys("abcd", 1)), "does not fit its card",
    ),
    "other features": (
        lambda: build(dataclasses.replace(CARD, extractor=dataclasses.replace(
            CARD.extractor, name="vggish")).to_json()), "there is no extractor 'vggish'",
    ),
    "weights that are no numbers": (
        lambda: build(weights=np.full((N_FEATURES, 3), np.nan, np.float32)),
        "answers with what are no probabilities",
    ),
    # bytes
    "nothing": (lambda: b"", NOT_LOADED + "is no ONNX file"),
    "zeros": (lambda: bytes(10**6), NOT_LOADED + "is damaged"),
    "noise": (lambda: noise(10**6), NOT_LOADED + "is damaged"),
    "a page": (lambda: b"<!doctype html><html></html>", " is a web page, no model"),
    "compressed": (lambda: gzip.compress(build()), r" is an archive \(gzip\), no model"),
    "cut short": (lambda: build()[:-100], NOT_LOADED + "is cut short"),
    "with a tail": (lambda: build() + b"\x00", NOT_LOADED + "is damaged"),
    "nested": (lambda: nested(10_000), NOT_LOADED + "has loops within loops"),
    "groups": (lambda: b"\x0b" * 10**6, NOT_LOADED + "is damaged"),
    "a length beyond the end": (
        lambda: b"\x08\x08" + b"\x3a" + varint(2**62) + b"x", "4,611,686,018,427,387,904 bytes",
    ),
    "a length without end": (lambda: b"\x3a" + b"\xff" * 11, "a number of more than ten bytes"),
    "a number without end": (lambda: b"\x08" + b"\x80" * 10**7, "more than ten bytes"),
    "two graphs": (lambda: build() + message(7, b""), "graph is there twice"),
    "two million nodes": (
        lambda: b"\x08\x08" + message(7, message(1, b"") * 2_000_000), "more parts than any model",
    ),
    "ten million integers": (
        lambda: b"\x08\x08" + message(7, message(5, message(1, bytes(10**7)))),
        "longer lists of integers",
    ),
    "single numbers": (
        lambda: b"\x08\x08" + message(7, message(1, message(5, b"\x3dabcd\x40\x01" * 700_000))),
        "floats is there twice",
    ),
    "both formats": (both_formats, ""),
}  # fmt: skip

OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a gigabyte of nothing": (
        lambda path: truncated(path, 2**30), "has 1,073,741,824 bytes, a model at most 268,435,456",
    ),
    "200 MB of nothing": (lambda path: truncated(path, 2 * 10**8), NOT_LOADED + "is damaged"),
    "a pipe": (os.mkfifo, "is a device or a pipe, not a file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is a device or a pipe, not a file"),
    "a folder": (lambda path: path.mkdir(), "cannot read the model .*: Is a directory"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot read the model"),
}  # fmt: skip


def truncated(path: Path, n_bytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(n_bytes)


def run_loading(*arguments: object) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(LOADING), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (lines[-1:], done.stderr[-2000:])
    assert done.stderr == ""
    return [line for line in lines if "name" in line]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "honest.onnx").write_bytes(build())
    for name, (make, _) in HOSTILE.items():
        (folder / f"{name}.onnx").write_bytes(make())
    for name, (put, _) in OTHERS.items():
        put(folder / f"{name}.onnx")
    found = run_loading("load", folder)
    for path in folder.iterdir():
        if path.is_file() and path.stat().st_size > 10**6:
            path.unlink()
    return {outcome["name"].removesuffix(".onnx"): outcome for outcome in found}


REASONS = {name: why for name, (_, why) in [*HOSTILE.items(), *OTHERS.items()]}
LOADS = ("both formats",)  # by their honest half, which was checked


@pytest.mark.parametrize("name", [name for name in REASONS if name not in LOADS])
def test_it_is_refused_with_a_reason(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    outcome = outcomes[name]
    assert "loaded" not in outcome
    with pytest.raises(AssertionError, match=REASONS[name]):
        raise AssertionError(outcome["message"])
    assert outcome["hint"]
    assert len(outcome["message"]) < 1000
    assert outcome["message"].isprintable()


def test_an_honest_file_is_loaded_by_the_same_process(outcomes: dict[str, dict[str, Any]]) -> None:
    assert outcomes["honest"]["loaded"]
    assert len(outcomes) == 1 + len(REASONS)


def test_a_file_of_two_formats_is_read_as_the_one_that_was_checked(
    outcomes: dict[str, dict[str, Any]],
) -> None:
    assert outcomes["both formats"]["loaded"]
    with pytest.raises(Exception, match="ORT"):  # so the trap was armed
        onnxruntime.InferenceSession(both_formats())


def test_onnxruntime_would_have_read_the_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.bin").write_bytes(np.array([3, 4], np.float32).tobytes())
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in "xy"]
    node = helper.make_node("Add", ["x", "stolen"], ["y"])
    graph = helper.make_graph([node], "g", values[:1], values[1:], [external("secret.bin")])
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    monkeypatch.chdir(tmp_path)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    (read,) = session.run(None, {"x": np.zeros(2, np.float32)})
    np.testing.assert_array_equal(read, [3, 4])


def test_no_mutation_ends_the_process(tmp_path: Path) -> None:
    """Every spoilt file answers or is refused; many bytes are weights, which may be anything."""
    files = [MODELS / "western.onnx", MODELS / "indian.onnx", tmp_path / "toy.onnx"]
    files[-1].write_bytes(build())
    for classifier in ("knn", "cart", "svm", "nb"):
        content = fitted(classifier, CARD.genres, N_FEATURES, {CARD_KEY: CARD.to_json()})
        files.append(tmp_path / f"{classifier}.onnx")
        files[-1].write_bytes(content)
    for outcome in run_loading("mutate", 80, *files):
        assert outcome["loaded"] + outcome["refused"] == 80
        assert outcome["refused"] > 20
