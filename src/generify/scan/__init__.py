"""Many songs: find them, name each, keep the failures beside the answers.

For a few songs :func:`find_songs` and :func:`predict_songs` are all it takes. A whole library is
scanned into a file with :func:`open_scan`: in several processes, each song once, interrupted and
gone on with at will.

In it: :mod:`~generify.scan.finding`, :mod:`~generify.scan.listening`,
:mod:`~generify.scan.scanning` and, behind the last, :mod:`~generify.scan.workers`,
:mod:`~generify.scan.journal`, :mod:`~generify.scan.going_on` and :mod:`~generify.scan.summary`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from generify.lazy import names_from

if TYPE_CHECKING:
    from generify.scan.finding import FoundSongs, find_songs
    from generify.scan.listening import predict_songs
    from generify.scan.scanning import Redo, Scan, ScanSettings, open_scan
    from generify.scan.summary import FailureGroup, ScanSummary
    from generify.scan.workers import WorkerError

__all__ = [
    "FailureGroup",
    "FoundSongs",
    "Redo",
    "Scan",
    "ScanSettings",
    "ScanSummary",
    "WorkerError",
    "find_songs",
    "open_scan",
    "predict_songs",
]

__getattr__ = names_from(
    __name__,
    {
        "finding": ("FoundSongs", "find_songs"),
        "listening": ("predict_songs",),
        "scanning": ("Redo", "Scan", "ScanSettings", "open_scan"),
        "summary": ("FailureGroup", "ScanSummary"),
        "workers": ("WorkerError",),
    },
)
