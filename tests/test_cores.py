"""How many cores there are for this process."""

from __future__ import annotations

import os

import pytest

from generify.cores import n_cores


def test_only_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that is pinned to a few cores of a large machine."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    assert n_cores() == 2


@pytest.mark.parametrize(("count", "expected"), [(6, 6), (None, 1)])
def test_all_where_the_system_pins_nothing(
    count: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert n_cores() == expected
