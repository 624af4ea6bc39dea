"""Packages whose names are imported when they are first used, so that nobody pays for the rest.

In it: :func:`names_from`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["names_from"]


def names_from(package: str, homes: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package (PEP 562).

    Parameters
    ----------
    package : str
        Name of the package.
    homes : mapping of str to tuple of str
        Names by the module of the package that defines them.

    Returns
    -------
    callable
        Takes a name and gives what bears it; raises AttributeError where no module defines it.

    Examples
    --------
    >>> names_from("json", {"decoder": ("JSONDecoder",)})("JSONDecoder")
    <class 'json.decoder.JSONDecoder'>
    """
    modules = {name: module for module, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return find
