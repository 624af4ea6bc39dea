"""A process that has imported what commands need, and forks one for each order on stdin."""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback


def begin(order: dict[str, str]) -> None:
    """Become the command: its folder, its streams."""
    os.chdir(order["folder"])
    for name, number in (("out", 1), ("err", 2)):
        file = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, number)
        os.close(file)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.argv = ["generify", *order["arguments"]]


def run() -> int:
    """Run the command and give its exit code."""
    from generify.cli import main

    try:
        main()
    except SystemExit as err:
        code = err.code
    except BaseException:  # what nobody caught would be shown
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code or 0)


if __name__ == "__main__":
    import importlib

    for name in (
        # onnxruntime is left out: its threads do not outlive a fork.
        *("av", "matplotlib.pyplot", "mutagen", "mutagen.id3", "mutagen.mp4", "numpy"),
        *("pyarrow.parquet", "requests", "rich.progress", "rich.table"),
        *("skl2onnx", "sklearn.naive_bayes", "soundfile", "soxr", "sqlalchemy"),
        "alembic.migration",
        *("alembic.operations", "alembic.script", "filelock", "jinja2", "generify.cli.app"),
        *("generify.workflow", "generify.training", "generify.report", "generify.history.store"),
        *("generify.scan", "generify.tagging", "generify.datasets.fetch"),
    ):
        importlib.import_module(name)

    gc.collect()
    gc.freeze()  # so that forks share what is there
    while line := sys.stdin.readline():
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            begin(order)
            exec(order["prelude"])
            os._exit(run())  # taking a hundred modules down would take most of the time
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
