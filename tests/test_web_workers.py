"""The site's worker processes: what cannot be seen from outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("fastapi")

from generify.web import workers
from generify.web.workers import WorkerPool


def test_a_pool_is_closed_while_its_process_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    beginning, goes_on = threading.Event(), threading.Event()

    @contextmanager
    def slowly() -> Iterator[None]:
        beginning.set()
        goes_on.wait(30)
        yield

    monkeypatch.setattr(workers, "one_thread_and_no_interrupt", slowly)
    setup: Any = None  # the process finds nothing to work with, and ends
    pool = WorkerPool(setup, n_workers=1, n_waiting=1, time_limit=1)
    pool.start()
    assert beginning.wait(30)
    threading.Timer(0.2, goes_on.set).start()
    pool.close(0)
    (keeper,) = pool._keepers
    assert not keeper.is_alive()


def test_no_song_is_handed_over_once_the_pool_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    setup: Any = None
    pool = WorkerPool(setup, n_workers=1, n_waiting=1, time_limit=1)
    (keeper,) = pool._keepers

    def ready_too_late() -> bool:
        keeper.give_up()
        return True

    monkeypatch.setattr(keeper, "_ready", ready_too_late)
    work: Any = None
    problem = keeper._attempt(work).problem
    assert problem is not None
    assert problem.code == "closing"
