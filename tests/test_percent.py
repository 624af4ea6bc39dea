"""Shares as people read them."""

from __future__ import annotations

import pytest

from generify.percent import format_percent


@pytest.mark.parametrize(
    ("n", "n_all", "shown"),
    [
        (0, 200, "0 %"),
        (1, 200, "< 1 %"),  # exactly half a percent, which rounds to none
        (1, 201, "< 1 %"),
        (2, 200, "1 %"),
        (198, 200, "99 %"),
        (199, 200, "> 99 %"),
        (200, 200, "100 %"),
    ],
)
def test_some_are_never_none_nor_all(n: int, n_all: int, shown: str) -> None:
    assert format_percent(n / n_all) == shown
