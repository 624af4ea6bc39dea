"""Write the versions of everything that development uses into ``requirements-dev.lock``.

::

    python tools/lock.py

To be run in a fresh environment that ``make test`` passed in. Listed is what ``generify[all]`` and
the group ``dev`` need here, and what that needs in turn; nothing that merely happens to be
installed. There are no hashes: wheels differ by system and Python, the versions need not.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-dev.lock"
HEAD = """\
# Versions that the tests passed with: `pip install -c requirements-dev.lock …`.
# Written by `python tools/lock.py`.
"""


def _group(groups: dict[str, Any], name: str) -> Iterator[str]:
    """Give the requirements of a dependency group and of those that it includes (PEP 735)."""
    for entry in groups[name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(groups, entry["include-group"])


def locked_versions(project: dict[str, Any]) -> dict[str, str]:
    """Follow the requirements of a project, all its extras and its group ``dev``.

    Parameters
    ----------
    project : dict
        What ``pyproject.toml`` holds.

    Returns
    -------
    dict
        Installed version of each package, by name, sorted.
    """
    name = canonicalize_name(project["project"]["name"])
    extras = project["project"]["optional-dependencies"]
    waiting = [*project["project"]["dependencies"], *_group(project["dependency-groups"], "dev")]
    waiting += extras["all"]
    versions: dict[str, str] = {}
    done: set[str] = set()
    oldest = oldest_python(project["project"]["requires-python"])
    while waiting:
        text = waiting.pop()
        if text in done:
            continue
        done.add(text)
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == name:
            waiting += [each for extra in requirement.extras for each in extras[extra]]
            continue
        found = metadata.distribution(requirement.name)
        # what does not run on the oldest is left to pip: a pin would shut it out
        if SpecifierSet(found.metadata["Requires-Python"] or "").contains(oldest):
            versions[canonicalize_name(requirement.name)] = found.version
        waiting += needed(found.requires or [], requirement.extras)
    return dict(sorted(versions.items()))


def oldest_python(required: str) -> str:
    """Give the oldest version of Python that a project runs on.

    Parameters
    ----------
    required : str
        What ``requires-python`` says; its lower end is told by ``>=``.

    Returns
    -------
    str
        The version.

    Examples
    --------
    >>> oldest_python(">=3.11"), oldest_python("<4,>=3.12.1")
    ('3.11', '3.12.1')
    """
    (oldest,) = (part.version for part in SpecifierSet(required) if part.operator == ">=")
    return oldest


def needed(requirements: list[str], extras: set[str]) -> list[str]:
    """Keep the requirements that count here: on this system, with these extras.

    Parameters
    ----------
    requirements : list of str
        Of a package.
    extras : set of str
        Those asked for.

    Returns
    -------
    list of str
        Without conditions.
    """
    kept = []
    for text in requirements:
        requirement = Requirement(text)
        marker, requirement.marker = requirement.marker, None
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            kept.append(str(requirement))
    return kept


def main() -> None:
    """Write the file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    try:
        versions = locked_versions(project)
    except metadata.PackageNotFoundError as err:
        sys.exit(f"{err.name} is not installed: run `make test` first")
    lines = [f"{name}=={version}\n" for name, version in versions.items()]
    LOCK.write_text(HEAD + "".join(lines), encoding="utf-8")
    print(f"wrote {LOCK.name}: {len(versions)} packages")


if __name__ == "__main__":
    main()
