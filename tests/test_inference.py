"""Opening ONNX graphs: what is refused, and how many threads a session takes."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from generify import inference
from generify.errors import ModelError
from generify.inference import open_session


def identity_graph() -> bytes:
    value = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"
    }
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "identity", [value["x"]], [value["y"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def test_a_graph_opens_on_one_processor_thread() -> None:
    session = open_session(identity_graph(), source="identity.onnx")
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert session.get_session_options().intra_op_num_threads == 1
    assert session.get_session_options().inter_op_num_threads == 1


def test_the_number_of_threads_may_be_chosen() -> None:
    session = open_session(identity_graph(), source="identity.onnx", n_threads=2)
    assert session.get_session_options().intra_op_num_threads == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", bytes(1000), b"\x80\x04K\x01.", identity_graph()[:-20]],
    ids=["empty", "text", "zeros", "pickle", "cut short"],
)
def test_what_is_no_model_is_refused(content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match=r"song\.mp3 is not a model that can be loaded") as caught:
        open_session(content, source="song.mp3")
    assert caught.value.hint == "give a file written by `generify train`"
    assert caught.value.__cause__ is not None
    assert capfd.readouterr() == ("", "")  # onnxruntime likes to print what it also raises


def test_an_operator_that_nobody_knows_is_refused() -> None:
    model = onnx.load_from_string(identity_graph())
    model.graph.node[0].op_type = "RunThis"
    with pytest.raises(ModelError, match=r"odd\.onnx is not a model that can be loaded"):
        open_session(model.SerializeToString(), source="odd.onnx")


def test_a_graph_that_reaches_for_other_files_is_refused() -> None:
    model = onnx.load_from_string(identity_graph())
    weights = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL
    )
    for key, value in (("location", "../../../../etc/passwd"), ("length", "8")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    model.graph.initializer.append(weights)
    model.graph.node[0].op_type = "Add"
    model.graph.node[0].input.append("w")
    with pytest.raises(ModelError, match=r"nosy\.onnx is not a model that can be loaded"):
        open_session(model.SerializeToString(), source="nosy.onnx")


def test_a_model_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "MAX_MODEL_BYTES", 1000)
    with pytest.raises(ModelError, match=r"big\.onnx has 2,000 bytes, a model at most 1,000"):
        open_session(bytes(2000), source="big.onnx")
