"""Which engine a scan gets, and what is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from generify.cli.scan_cluster import Engine, choose_engine
from generify.errors import MissingExtraError, ParameterError
from generify.scan import open_scan


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
def all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generify.cli.scan_cluster.check_extra", lambda *_: None)


def test_this_machine(folder: str) -> None:
    assert choose_engine(Engine.LOCAL, None, [folder], f"{folder}/out.csv") is open_scan


@pytest.mark.parametrize(
    ("address", "path", "output", "what"),
    [
        ("auto", "music", "out.csv", "--address"),
        (None, "s3://bucket/songs", "out.csv", "s3://bucket/songs"),
        (None, "music", "gs://bucket/genres/", "gs://bucket/genres/"),
    ],
)
def test_what_only_a_cluster_can_do(address: str | None, path: str, output: str, what: str) -> None:
    with pytest.raises(ParameterError, match=f"{what} needs --engine ray") as caught:
        choose_engine(Engine.LOCAL, address, ["music", path], output)
    assert caught.value.hint == "add --engine ray"


def test_a_cluster(folder: str, all_installed: None) -> None:
    opener = choose_engine(Engine.RAY, "auto", ["s3://b/c"], f"{folder}/out.csv")
    assert opener.keywords == {"address": "auto"}  # type: ignore[attr-defined]
    choose_engine(Engine.RAY, None, ["music"], f"{folder}/genres/")
    choose_engine(Engine.RAY, None, ["music"], "s3://bucket/genres/")


def test_outputs_that_cannot_be_written(folder: str, all_installed: None) -> None:
    with pytest.raises(ParameterError, match="there is no folder"):
        choose_engine(Engine.RAY, None, ["music"], f"{folder}/missing/out.csv")
    Path(folder, "file").touch()
    with pytest.raises(ParameterError, match="is a file, a folder was expected"):
        choose_engine(Engine.RAY, None, ["music"], f"{folder}/file/genres/")
    with pytest.raises(ParameterError, match="does not say how") as caught:
        choose_engine(Engine.RAY, None, ["music"], f"{folder}/genres")
    assert caught.value.hint.endswith("or .db; or in / for a folder")


def test_without_ray(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generify.cli.checks.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="this needs ray, which is not installed") as caught:
        choose_engine(Engine.RAY, None, ["music"], f"{folder}/out.csv")
    assert caught.value.hint == "pip install 'generify[ray]'"
