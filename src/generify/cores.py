"""How many processors there are for this process.

In it: :func:`n_cores`.
"""

from __future__ import annotations

import os

__all__ = ["n_cores"]


def n_cores() -> int:
    """Count the processor cores that this process may use.

    Returns
    -------
    int
        At least 1; in a container or job that is pinned to some cores, only those.
    """
    if hasattr(os, "sched_getaffinity"):  # macOS and Windows have none
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
