"""The predecessor's way: scipy reads the WAV, python_speech_features gives MFCC, one by one.

As written it computed every file's MFCC three times; here once.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from peers.clock import Run, Task, serve


def decode(path: str) -> Run:
    """Read a WAV file; no resampling."""
    from scipy.io import wavfile

    def run() -> None:
        wavfile.read(path)

    return run


def mfcc(clip: str) -> Run:
    """Thirteen MFCC of every frame of 25 ms, one each 10 ms."""
    from python_speech_features import mfcc as compute  # type: ignore[import-not-found]
    from scipy.io import wavfile

    rate, samples = wavfile.read(clip)

    def run() -> None:
        compute(samples, rate, nfft=1024)

    return run


def mfcc_table(folder: str, table: str) -> Run:
    """Write the mean MFCC, over the middle 80 %, of every file below a folder as CSV."""

    def run() -> None:
        from python_speech_features import mfcc as compute
        from scipy.io import wavfile

        rows: list[list[Any]] = []
        for file in sorted(Path(folder).rglob("*.wav")):
            rate, samples = wavfile.read(file)
            ceps = compute(samples, rate, nfft=1024)
            middle = ceps[len(ceps) // 10 : -len(ceps) // 10]
            rows.append([file.name, file.parent.name, *middle.mean(axis=0)])
        with Path(table).open("w", newline="") as out:
            csv.writer(out).writerows(rows)

    return run


TASKS: dict[str, Task] = {"decode": decode, "mfcc": mfcc, "mfcc_table": mfcc_table}

if __name__ == "__main__":
    serve(TASKS)
