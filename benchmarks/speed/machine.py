"""What the figures were taken on: machine, versions, date and commit.

In it: :func:`describe_machine`, :func:`describe_versions`, :func:`describe_commit`.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from speed.environments import ENVIRONMENTS, MissingEnvironmentError

ROOT = Path(__file__).resolve().parents[2]


def describe_machine() -> dict[str, Any]:
    """Describe the machine.

    Returns
    -------
    dict
        ``system``, ``processor``, ``cores``, ``memory_gb``, ``caches`` and ``load``: how many
        processes wanted a core before the suite began.
    """
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(_memory_bytes() / 2**30, 1),
        "caches": _caches(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    wanted = ("model name", "cpu family", "model\t")
    found = {
        line.split(":")[0].strip(): line.split(":")[1].strip() for line in lines if ":" in line
    }
    family = ", ".join(f"{k.strip()} {found[k.strip()]}" for k in wanted[1:] if k.strip() in found)
    return f"{found.get('model name', 'unknown')} ({family})"


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _caches() -> dict[str, str]:
    folder = Path("/sys/devices/system/cpu/cpu0/cache")
    found = {}
    for cache in sorted(folder.glob("index*")):
        level, kind, size = ((cache / n).read_text().strip() for n in ("level", "type", "size"))
        found[f"L{level} {kind.lower()}"] = size
    return found


def describe_versions(environments: Path) -> dict[str, dict[str, str]]:
    """Give the versions in each environment that is there.

    Parameters
    ----------
    environments : Path
        Folder of the environments.

    Returns
    -------
    dict of str to dict
        Version by package, by environment.
    """
    found = {}
    for name, environment in ENVIRONMENTS.items():
        try:
            environment.make(environments, offline=True)
            found[name] = environment.versions(environments)
        except MissingEnvironmentError:
            continue
    return found


def describe_commit() -> str:
    """Give the commit that is measured, and whether files differ; empty outside a checkout."""
    commit = _git("rev-parse", "--short", "HEAD")
    return f"{commit} with changes" if _git("status", "--porcelain", "src") else commit


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()
