"""Opening ONNX graphs: what is refused, and how many threads a session takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

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


def test_bytes_of_onnxruntimes_own_format_are_refused() -> None:
    # it takes bytes with these letters for its own format, in which nothing was checked
    with pytest.raises(ModelError, match=r"odd\.onnx is not a model that can be loaded"):
        open_session(b"\x18\x00\x00\x00ORTM" + bytes(1000), source="odd.onnx")
    both = b"\x12\x06xxORTM" + identity_graph()
    assert open_session(both, source="both.onnx").get_inputs()[0].name == "x"


@pytest.mark.parametrize(
    "code",
    [
        "from generify.inference import open_session as o; o(b'', source='')",
        "from generify.doctor import examine; list(examine())",
    ],
    ids=["models", "doctor"],
)
def test_onnxruntime_is_told_to_report_nothing_before_it_is_loaded(
    tmp_path: Path, code: str
) -> None:
    (tmp_path / "onnxruntime.py").write_text(
        "import os\nraise SystemExit('told ' + os.environ.get('ORT_DISABLE_TELEMETRY', 'nothing'))"
    )
    environment = {name: v for name, v in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "told 1\n"
