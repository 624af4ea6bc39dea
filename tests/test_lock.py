"""The locked development environment: complete, within what the project allows, and portable."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

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
