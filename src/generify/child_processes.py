"""How processes that listen to songs begin and end.

Libraries for arithmetic read their number of threads when they are loaded, and Ctrl-C reaches every
process of a terminal: both are settled at the moment a child is started. A child ends with its
parent, however that ends, so nothing goes on listening for nobody.

In it: for the parent :func:`one_thread_and_no_interrupt`, for the child
:func:`live_and_die_with_parent`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection, parent_process

from generify.cores import THREAD_VARIABLES

__all__ = ["live_and_die_with_parent", "one_thread_and_no_interrupt"]

_starting = threading.Lock()  # the environment belongs to the whole process


@contextmanager
def one_thread_and_no_interrupt() -> Iterator[None]:
    """Start a child that has one thread for its arithmetic, and that Ctrl-C does not reach.

    Yields
    ------
    None
        Processes started meanwhile inherit both; one thread of the parent at a time is let in.
        Ctrl-C is for the parent, who then ends its workers in order.
    """
    with _starting, _interrupts_later():
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
        can_block = hasattr(signal, "pthread_sigmask")
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_block else None
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
            if mask is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold Ctrl-C back: a child whose parent leaves it half started would complain.

    A blocked signal is not enough, as any thread that does not block it takes it, and Python then
    handles it in the main one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
        if came:
            signal.raise_signal(signal.SIGINT)


def live_and_die_with_parent() -> None:
    """Leave Ctrl-C to the parent, but end when it ends, however it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
