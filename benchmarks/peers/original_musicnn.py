"""The original musicnn, on TensorFlow 1 and Python 3.7."""

from __future__ import annotations

from typing import Any

from peers.clock import Run, Task, serve


def tag_file(path: str, seconds_apart: str) -> Run:
    """Tag a file: windows of 3 s, that many seconds apart, or one after the other for 3."""
    hop = float(seconds_apart)

    def run() -> Any:
        from musicnn.extractor import extractor  # type: ignore[import-not-found]

        overlap = False if hop == 3 else hop  # what it calls an overlap is a hop
        taggram, _ = extractor(
            path, model="MSD_musicnn", input_overlap=overlap, extract_features=False
        )
        return taggram.ravel()

    return run


TASKS: dict[str, Task] = {"tag_file": tag_file}

if __name__ == "__main__":
    serve(TASKS)
