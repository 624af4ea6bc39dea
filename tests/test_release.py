"""What a release promises before anything is built: versions, licences, extras, the wheel test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import generify

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
HEADINGS = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
RELEASES = [heading for heading in HEADINGS if heading.casefold() != "unreleased"]
WHEEL_TEST = ROOT / ".ci" / "wheel"
_TRIED = re.compile(r"^for version in ([\d. ]+);", re.MULTILINE)


def test_the_version_is_the_newest_in_the_changelog() -> None:
    assert RELEASES, "CHANGELOG.md should have a heading such as '## 0.1.0 - 2026-11-23'"
    assert RELEASES[0].split()[0] == generify.__version__


def test_unreleased_changes_stand_above_the_releases() -> None:
    assert [heading.casefold() for heading in HEADINGS[1:]].count("unreleased") == 0


def test_releases_are_dated_and_newest_first() -> None:
    parts = [re.fullmatch(r"(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)", heading) for heading in RELEASES]
    assert all(parts), RELEASES
    versions = [tuple(map(int, part[1].split("."))) for part in parts if part]
    assert versions == sorted(set(versions), reverse=True)
    dates = [date.fromisoformat(part[2]) for part in parts if part]
    assert dates == sorted(dates, reverse=True)


def test_the_version_is_written_once() -> None:
    assert "version" in PROJECT["dynamic"]
    assert "version" not in PROJECT


def test_the_licences_travel_with_the_package() -> None:
    assert PROJECT["license"] == "MIT"
    assert PROJECT["license-files"] == ["LICENSE", "NOTICE"]
    assert "MIT License" in (ROOT / "LICENSE").read_text("utf-8")
    notice = (ROOT / "NOTICE").read_text("utf-8")
    assert "musicnn" in notice  # whose weights are in the wheel
    assert "ISC" in notice


def test_the_classifiers_name_every_python_that_is_tried() -> None:
    named = {
        line.rpartition(" :: ")[2]
        for line in PROJECT["classifiers"]
        if re.search(r"Python :: 3\.\d+$", line)
    }
    (tried,) = _TRIED.findall(WHEEL_TEST.read_text("utf-8"))
    assert set(tried.split()) == named
    lowest = min(named, key=lambda version: int(version.partition(".")[2]))
    assert PROJECT["requires-python"] == f">={lowest}"


def test_the_classifiers_are_those_of_the_registry() -> None:
    classifiers = PROJECT["classifiers"]
    assert "Typing :: Typed" in classifiers
    assert (ROOT / "src/generify/py.typed").exists()
    # PEP 639: beside a licence that is an SPDX expression no classifier may name one
    assert not [line for line in classifiers if line.startswith("License ::")]


def test_every_extra_that_an_error_names_is_there() -> None:
    extras = set(PROJECT["optional-dependencies"])
    called = r'(?:MissingExtraError\.)?for_extra\(\s*"(\w+)"'
    named = {
        extra
        for path in (ROOT / "src").rglob("*.py")
        for extra in re.findall(called, path.read_text("utf-8"))
    }
    assert {"train", "tags", "history", "ray"} <= named
    assert named <= extras


def test_all_is_every_extra_but_those_it_leaves_out() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    within = re.fullmatch(r"generify\[(.+)\]", everything)
    assert within is not None
    assert set(within[1].split(",")) == set(extras) - {"all", "ray", "beets"}


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_the_wheel_test_can_be_started() -> None:
    assert os.access(WHEEL_TEST, os.X_OK)
    subprocess.run(["bash", "-n", str(WHEEL_TEST)], check=True)
