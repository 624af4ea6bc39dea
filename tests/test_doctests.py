"""The examples in docstrings are found and run: pytest collects what is counted here."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import generify

LEAST = 60
"""Docstrings with examples in the library; raise it as they grow."""
NAMES = sorted(
    found.name
    for found in pkgutil.walk_packages(generify.__path__, "generify.")
    if not found.name.startswith(("generify.cli", "generify.__main__"))
    and "migrations" not in found.name
)


def _examples(name: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    return [test for test in found if test.examples]


def test_there_are_many() -> None:
    assert sum(len(_examples(name)) for name in NAMES) >= LEAST


@pytest.mark.parametrize("name", NAMES)
def test_every_section_of_examples_holds_some(name: str) -> None:
    module = importlib.import_module(name)
    documented = doctest.DocTestFinder(exclude_empty=True).find(module)
    promised = {t.name for t in documented if "\nExamples\n--" in inspect.cleandoc(t.docstring)}
    assert promised <= {test.name for test in _examples(name)}


def test_pytest_is_told_to_run_them(pytestconfig: pytest.Config) -> None:
    assert "--doctest-modules" in pytestconfig.getini("addopts")
    assert "src/generify" in pytestconfig.getini("testpaths")
