"""A C library that prints is kept quiet: the MP3 decoder inside libsndfile.

mpg123 writes to stderr about every damaged frame and libsndfile offers no switch. Pointing file
descriptor 2 elsewhere would also swallow what other threads print, a progress bar for one; so the C
variable ``stderr`` is exchanged, which Python does not use. Where a system has no such variable
(Windows) nothing is done. The variable belongs to the whole process, hence one shared object that
counts the threads inside.

In it: :func:`quiet_native_stderr`.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from contextlib import AbstractContextManager

__all__ = ["quiet_native_stderr"]


class _NativeStderr(AbstractContextManager[None]):
    """The C variable ``stderr``, exchanged while at least one thread is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._variable, self._shut = self._find()
        self._usual: int | None = None

    @staticmethod
    def _find() -> tuple[ctypes.c_void_p | None, int | None]:
        if os.name != "posix":
            return None, None
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        for name in ("stderr", "__stderrp"):  # Linux, macOS
            try:
                variable = ctypes.c_void_p.in_dll(libc, name)
            except ValueError:
                continue
            return variable, libc.fopen(os.devnull.encode(), b"w")
        return None, None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1 and self._variable is not None and self._shut:
                self._usual, self._variable.value = self._variable.value, self._shut

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._variable is not None and self._usual:
                self._variable.value = self._usual


@functools.cache
def quiet_native_stderr() -> AbstractContextManager[None]:
    """Keep the C library's stderr shut while libsndfile reads an MP3.

    Returns
    -------
    context manager
        One for the whole process; threads may share it.
    """
    return _NativeStderr()
