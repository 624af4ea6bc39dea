"""How a contender is asked to run once more, and says how long that took.

:func:`serve` prepares a task, says so, then runs it once for each line on standard input and
answers with a line of JSON: seconds, peak memory and, when the line says ``show``, the result. With
``--once`` before the task's name it runs it once and ends, for timings with start-up.

It needs nothing but Python 3.7, for the oldest environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, Callable, Dict  # noqa: UP035 - Python 3.7 has no others

Run = Callable[[], Any]
Task = Callable[..., Run]


def serve(tasks: Dict[str, Task]) -> None:  # noqa: UP006 - see above
    """Run one of some tasks, as the command line says.

    Parameters
    ----------
    tasks : dict of str to callable
        Each takes the command line's further arguments and returns what is timed: a callable
        without arguments, whose result is a flat sequence of numbers or None.
    """
    once = sys.argv[1] == "--once"
    name, *arguments = sys.argv[1 + once :]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # some libraries print
    run = tasks[name](*arguments)
    if once:
        run()
        return
    _say(answers, {"ready": name})
    for line in sys.stdin:
        begun = time.perf_counter()
        result = run()
        answer: dict[str, Any] = {"seconds": time.perf_counter() - begun, "peak_mb": _peak_mb()}
        if line.strip() == "show" and result is not None:
            answer["result"] = [float(value) for value in result]
        _say(answers, answer)


def _say(stream: Any, message: Any) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()


def _peak_mb() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
