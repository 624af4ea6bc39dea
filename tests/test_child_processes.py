"""How processes that listen begin and end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from generify.child_processes import one_thread_and_no_interrupt


@pytest.fixture
def other_thread() -> Iterator[None]:
    """Let a thread live that does not block signals, so that it takes those that others block."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    yield
    done.set()
    thread.join()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C count, also where tests run in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("other_thread", "interruptible")
def test_ctrl_c_waits_until_a_child_is_started() -> None:
    def start_children() -> None:
        with one_thread_and_no_interrupt():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            reached.append("whole")
        reached.append("too far")

    reached: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        start_children()
    assert reached == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_start_children_too() -> None:
    def start() -> None:
        with one_thread_and_no_interrupt():
            found.append(os.environ["OMP_NUM_THREADS"])

    found: list[str] = []
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert found == ["1"]
