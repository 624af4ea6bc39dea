"""``generify models export``: copies that are whole, checked and where they were asked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from conftest import Command
from generify.errors import ModelError
from generify.model import GenreModel, export_model, list_models, load_model

MODELS = Path(__file__).resolve().parents[1] / "src" / "generify" / "models"


@pytest.mark.parametrize("name", list_models())
def test_a_copy_is_the_bundled_file(name: str, tmp_path: Path, command: Command) -> None:
    target = tmp_path / "my copy.onnx"
    done = command("models", "export", name, "-o", target)
    assert (done.code, done.out) == (0, "")
    assert target.read_bytes() == (MODELS / f"{name}.onnx").read_bytes()
    assert list(tmp_path.iterdir()) == [target]
    lines = done.err.splitlines()
    assert lines[0].startswith(f"wrote {target}: ")
    assert lines[1:] == [f"try it: generify predict --model '{target}' SONG"]
    shown = command("models", "info", target, "--format", "json")
    (record,) = json.loads(shown.out)
    assert record["name"] == name
    assert record["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert f"sha256        {record['sha256']}" in command("models", "info", name).out.splitlines()


def test_info_says_what_is_unknown(model_file: Path, command: Command) -> None:
    not_music = "noise, pure tones, speech and single sounds"
    own = command("models", "info", model_file).out.splitlines()
    assert f"unknown       {not_music} only, not music unlike its own" in own
    bundled = command("models", "info", "western").out.splitlines()
    assert f"unknown       {not_music}, and music unlike its own" in bundled


def test_into_a_folder(tmp_path: Path, command: Command) -> None:
    done = command("models", "export", "western", "-o", tmp_path)
    assert done.code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["western.onnx"]
    assert load_model(tmp_path / "western.onnx") == load_model("western")


def test_a_model_of_ones_own_keeps_its_file_name(
    music_model: GenreModel, tmp_path: Path, command: Command
) -> None:
    music_model.save(tmp_path / "v1.2 mine.onnx")
    (tmp_path / "folder").mkdir()
    done = command("models", "export", tmp_path / "v1.2 mine.onnx", "-o", tmp_path / "folder")
    assert done.code == 0
    # and not that of its card, which is "toy"
    assert (tmp_path / "folder" / "v1.2 mine.onnx").read_bytes() == music_model.graph


def test_an_older_file_is_replaced_also_by_itself(tmp_path: Path, command: Command) -> None:
    target = tmp_path / "western.onnx"
    target.write_text("older")
    assert command("models", "export", "western", "-o", target).code == 0
    assert command("models", "export", target, "-o", target).code == 0
    assert load_model(target) == load_model("western")


@pytest.mark.parametrize(
    ("model", "name", "code", "message", "hint"),
    [
        ("polka", "x.onnx", 2, "no model polka (bundled: indian, western)", "one of these"),
        ("words.onnx", "x.onnx", 1, "words.onnx is a text, no model", "train"),
        ("western", "x.bin", 2, "x.bin should end in .onnx", "write it as"),
        ("western", "none/x.onnx", 2, "there is no folder none", "make it first"),
    ],
)
def test_what_cannot_be_done(
    model: str,
    name: str,
    code: int,
    message: str,
    hint: str,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.onnx").write_text("words")
    done = command("models", "export", model, "-o", name)
    assert (done.code, done.out) == (code, "")
    error, advice = done.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert advice.startswith("hint: ")
    assert hint in advice
    assert [path.name for path in tmp_path.iterdir()] == ["words.onnx"]


def test_a_failed_copy_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "western.onnx"
    target.write_text("older")

    def fail(_path: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ModelError, match=r"cannot write .*western\.onnx: No space left on device"):
        export_model("western", target)
    assert target.read_text() == "older"
    assert list(tmp_path.iterdir()) == [target]


def test_the_library_tells_where_the_copy_is(tmp_path: Path) -> None:
    assert export_model("western", tmp_path) == tmp_path / "western.onnx"
    assert export_model("western", str(tmp_path / "a.onnx")) == tmp_path / "a.onnx"
