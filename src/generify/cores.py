"""How many processors there are for this process.

In it: :data:`THREAD_VARIABLES`, :func:`n_cores`, :func:`quota`.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["THREAD_VARIABLES", "n_cores", "quota"]

_CONTROL_GROUPS = Path("/sys/fs/cgroup")

THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    "VECLIB_MAXIMUM_THREADS",
)
"""Where libraries for arithmetic look for their number of threads, when they are loaded."""


def n_cores() -> int:
    """Count the processor cores that this process may use.

    Returns
    -------
    int
        At least 1; in a container or job that is pinned to some cores, or given the time of some,
        only those.
    """
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(n, math.ceil(quota() or n))


def quota(folder: Path = _CONTROL_GROUPS) -> float | None:
    """Tell how many cores' time a container gives to all its processes together.

    Parameters
    ----------
    folder : Path
        Where Linux shows the limits of the container that this is.

    Returns
    -------
    float or None
        Cores, also parts of one; None where there is no limit, or none that can be seen.
    """
    with suppress(OSError, ValueError):
        limit, period = (folder / "cpu.max").read_text().split()
        return _share(limit, period)
    with suppress(OSError, ValueError):
        return _share(*((folder / "cpu" / f"cpu.cfs_{n}_us").read_text()
                        for n in ("quota", "period")))  # fmt: skip
    return None


def _share(limit: str, period: str) -> float | None:
    no_limit = limit.strip() in ("max", "-1")
    return None if no_limit else max(int(limit) / max(int(period), 1), 0.01)
