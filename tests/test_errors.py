"""Errors that a person can mend, and failures kept as values."""

from __future__ import annotations

import dataclasses
import pickle
import traceback
from pathlib import Path

import pytest

from generify import errors
from generify.errors import (
    AudioDecodeError,
    DatasetError,
    Failure,
    GenerifyError,
    MissingExtraError,
    ParameterError,
)

ERRORS = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_one_base_catches_all(error: type[GenerifyError]) -> None:
    with pytest.raises(GenerifyError, match="what was given") as caught:
        raise error("what was given", hint="what to do")
    assert caught.value.hint == "what to do"
    assert error("no hint").hint == ""


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_errors_pass_between_processes(error: type[GenerifyError]) -> None:
    copy = pickle.loads(pickle.dumps(error("what was given", hint="what to do")))
    assert (type(copy), str(copy), copy.hint) == (error, "what was given", "what to do")


def test_errors_are_what_python_expects() -> None:
    assert issubclass(ParameterError, ValueError)
    assert issubclass(MissingExtraError, ImportError)


def test_a_missing_extra_names_the_command() -> None:
    error = MissingExtraError.for_extra("train", "skl2onnx")
    assert str(error) == "this needs skl2onnx, which is not installed"
    assert traceback.format_exception_only(error)[-1] == "hint: pip install 'generify[train]'\n"
    assert error.hint == "pip install 'generify[train]'"


def test_a_failure_keeps_path_type_and_reason() -> None:
    failure = Failure.from_error("a.mp3", AudioDecodeError("a.mp3: is empty", hint="get it again"))
    assert failure == Failure("a.mp3", "AudioDecodeError", "a.mp3: is empty; get it again")


def test_a_failure_is_one_line() -> None:
    failure = Failure.from_error("a.mp3", DatasetError("two\n  lines\tand a tab"))
    assert failure.message == "two lines and a tab"


def test_a_failure_without_a_message_says_its_type() -> None:
    assert Failure.from_error("a.mp3", KeyError()).message == "KeyError"


def test_a_failure_takes_a_path_object() -> None:
    failure = Failure.from_error(Path("folder") / "a.mp3", ValueError("bad"))
    assert failure.path == str(Path("folder") / "a.mp3")


def test_a_failure_cannot_be_changed() -> None:
    failure = Failure("a.mp3", "ValueError", "bad")
    with pytest.raises(dataclasses.FrozenInstanceError):
        failure.message = "good"  # type: ignore[misc]
