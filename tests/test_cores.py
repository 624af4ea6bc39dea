"""How many cores there are for this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from generify.cores import n_cores, quota


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


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_what_a_container_gives(
    files: dict[str, str], expected: float | None, tmp_path: Path
) -> None:
    """Linux' control groups, version 2 and 1 (Documentation/admin-guide/cgroup-v2.rst)."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert quota(tmp_path) == expected


@pytest.mark.parametrize(("share", "expected"), [(1.5, 2), (0.2, 1), (16.0, 4)])
def test_no_more_than_the_container_gives_time_for(
    share: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr("generify.cores.quota", lambda: share)
    assert n_cores() == expected
