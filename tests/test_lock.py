"""The locked development environment: complete, within what the project allows, and portable."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.+!]*", line) for line in pins), pins
    return dict(line.split("==") for line in pins)


def test_every_requirement_is_locked_to_a_version_that_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    (everything,) = (Requirement(text) for text in extras["all"])
    parts = {part for extra in everything.extras for part in extras[extra]}
    groups = project["dependency-groups"]
    required = [*project["project"]["dependencies"], *groups["dev"], *groups["docs"], *parts]
    versions = locked()
    for text in required:
        if isinstance(text, dict):  # includes the group docs
            continue
        requirement = Requirement(text)
        if requirement.name != project["project"]["name"]:
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version, prereleases=True), text


def test_pins_are_for_the_oldest_python_that_the_project_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    lock = import_module("lock")
    pin = "numpy"
    project = {
        "name": "a",
        "requires-python": "<99,>=3.11",
        "optional-dependencies": {"all": []},
        "dependencies": [pin],
    }
    groups = {"dev": []}
    assert pin in lock.locked_versions({"project": project, "dependency-groups": groups})
    project["requires-python"] = ">=3.1"  # no numpy of today runs there
    assert lock.locked_versions({"project": project, "dependency-groups": groups}) == {}
