"""How far long work is, told by the one kind of callback there is. In it: :data:`Progress`."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress"]

Progress = Callable[[int, int], None]
"""Called with what is done and what there is in all: tracks, folds, bytes, as the caller says."""
