"""What a process that decodes songs may take: the limits that hold where a decoder does not.

Decoders are C libraries that read what strangers wrote. A process that hears many songs one after
the other, for a scan or for the site, therefore sets limits on itself, after its model is loaded
and before the first song: a song that needs more fails alone, with a `MemoryError` or with the
process, which its parent replaces. Time is limited by the parent, who also ends what hangs; how
long a sound may become is limited in :mod:`generify.audio`, for every caller.

Windows has none of these limits and macOS keeps none on memory; there the time limit remains. Why
a single prediction has no process of its own: ``docs/decisions/0012-decode-guard.md``.

In it: :data:`SONG_MEMORY_BYTES`, :func:`limit_this_process`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["SONG_MEMORY_BYTES", "limit_this_process"]

# The most that any honest file took beside a loaded model is 0.3 GB: a minute of 8 channels at
# 192 kHz, of which 0.1 GB are FFmpeg and the tagger (docs/decisions/0012-decode-guard.md).
SONG_MEMORY_BYTES = 2**30
"""Memory that one song may take on top of what its process holds already."""


def limit_this_process(
    *, song_bytes: int = SONG_MEMORY_BYTES, address_space_bytes: int = 0
) -> None:
    """Bound what songs may cost from here on, as far as the system can.

    Parameters
    ----------
    song_bytes : int
        Memory that may be added to what the process holds now; 0 for no limit.
    address_space_bytes : int
        All that the process may map, files and libraries included; 0 for no limit.

    Notes
    -----
    The process can write no file and leaves no core dump any more, and what C libraries print about
    damaged files goes nowhere. None of this can be taken back.

    What counts as memory is what only this process has and may write to (``RLIMIT_DATA``): a limit
    on the address space would refuse a recording of 2 GB that is merely mapped, and counts the
    reserves that threads never touch.
    """
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0}
    held = _held_bytes()
    if song_bytes and held:
        limits[resource.RLIMIT_DATA] = held + song_bytes
    if address_space_bytes:
        limits[resource.RLIMIT_AS] = address_space_bytes
    for which, limit in limits.items():
        with suppress(OSError, ValueError):  # macOS takes none of the address space
            resource.setrlimit(which, (limit, limit))


def _held_bytes() -> int:
    """Memory that only this process has; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmData:")]
    return 1024 * int(sizes[0]) if sizes else 0
