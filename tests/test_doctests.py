from __future__ import annotations

import doctest
import importlib
import pkgutil

import generify


def test_doctests_are_collected() -> None:
    names = [m.name for m in pkgutil.walk_packages(generify.__path__, "generify.")]
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [
        test
        for name in names
        if not name.startswith(("generify.cli", "generify.__main__"))
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(found) >= 15
