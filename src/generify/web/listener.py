"""What a worker process does: hear a song, say what it is, within limits.

A song comes from a stranger and is decoded by C libraries, so the process that hears it has no
secrets, a limit on memory, and may write no file. What it says to the server is JSON, which can be
wrong but can run nothing there.

In it: :class:`Task`, :class:`WorkerSetup`, :func:`listen`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from multiprocessing import connection
from typing import Any

from generify.audio import probe_audio
from generify.child_processes import live_and_die_with_parent
from generify.content import content_hash
from generify.decode_guard import limit_this_process
from generify.errors import AudioDecodeError, GenerifyError
from generify.model import GenreModel
from generify.prediction import Prediction, TimelineSegment, predict, predict_timeline
from generify.web.sound import SoundPicture, draw_sound

__all__ = ["Task", "WorkerSetup", "listen"]

Say = Callable[[Mapping[str, Any]], None]

_CLOSED_PIPE = (EOFError, OSError)
_TASK_BYTES = 65_536
_SHARE_OF_GENRE = 0.1  # of the time that a song with a timeline takes
_SHARE_OF_TIMELINE = 0.8


@dataclass(frozen=True)
class Task:
    """A song to be heard.

    Attributes
    ----------
    path : str
        Where it lies.
    name : str
        What it is called in all that is said of it.
    model : str
        Name of the model.
    timeline : bool
        Whether the genre over time, the waveform and the spectrogram are wanted.
    max_seconds : float
        A longer song is refused.
    """

    path: str
    name: str
    model: str
    timeline: bool
    max_seconds: float

    def to_json(self) -> bytes:
        """Write the task for the pipe.

        Returns
        -------
        bytes
            JSON.
        """
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True)
class WorkerSetup:
    """What every worker needs.

    Attributes
    ----------
    graphs : mapping of str to bytes
        Name → file of each model.
    memory_limit_bytes : int
        Address space; 0 for no limit.
    """

    graphs: Mapping[str, bytes]
    memory_limit_bytes: int = 0


def listen(pipe: connection.Connection, setup: WorkerSetup) -> None:
    """Hear what comes through a pipe until it is closed: the whole life of a worker.

    Parameters
    ----------
    pipe : Connection
        Tasks in; progress, answers and problems out, as JSON.
    setup : WorkerSetup
        Models and limits.
    """
    live_and_die_with_parent()
    models = {
        name: GenreModel.from_bytes(graph, source=name) for name, graph in setup.graphs.items()
    }
    limit_this_process(song_bytes=0, address_space_bytes=setup.memory_limit_bytes)

    def say(what: Mapping[str, Any]) -> None:
        pipe.send_bytes(json.dumps(what).encode())

    with suppress(*_CLOSED_PIPE):
        say({"ready": True})
        while True:
            task = Task(**json.loads(pipe.recv_bytes(_TASK_BYTES)))
            say({"progress": 0.0})  # from here on it is the song's fault
            say(_outcome(task, models[task.model], say))


def _outcome(task: Task, model: GenreModel, say: Say) -> dict[str, Any]:
    try:
        return {"answer": _hear(task, model, say)}
    except AudioDecodeError as err:
        return _problem("not-audio", _named(str(err), task), err.hint)
    except _TooLongError as err:
        return {"too_long": err.seconds}
    except MemoryError:
        return _problem(
            "too-much-memory", f"{task.name}: needs more memory than a song may take", "cut it"
        )
    except GenerifyError as err:
        return _problem("internal", _named(str(err), task), err.hint)
    except OSError:
        raise
    except Exception as err:  # a decoder may raise anything at a damaged file
        what = f"{task.name}: cannot be heard ({type(err).__name__})"
        return _problem("not-audio", what, "it may be damaged; save it anew")


class _TooLongError(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _problem(code: str, detail: str, hint: str) -> dict[str, Any]:
    return {"problem": {"code": code, "detail": detail, "hint": hint}}


def _named(text: str, task: Task) -> str:
    """Put the song's name in the place of where it lies."""
    return " ".join(text.replace(task.path, task.name).split())


def _hear(task: Task, model: GenreModel, say: Say) -> dict[str, Any]:
    duration = probe_audio(task.path).duration
    if duration > task.max_seconds:
        raise _TooLongError(duration)
    say({"progress": 0.0, "duration": duration})
    prediction = predict(task.path, model)
    picture = None
    if task.timeline:
        prediction = _with_timeline(prediction, task, model, say)
        picture = _picture(draw_sound(task.path, prediction.duration))
    warnings = tuple(_named(warning, task) for warning in prediction.warnings)
    return {
        "prediction": replace(prediction, path=task.name, warnings=warnings).to_dict(),
        "model_version": model.card.version,
        "recording": content_hash(task.path),
        "picture": picture,
    }


def _with_timeline(prediction: Prediction, task: Task, model: GenreModel, say: Say) -> Prediction:
    """Judge every few seconds too, the same as ``predict(…, timeline=True)``, saying how far."""
    duration = prediction.duration

    def told() -> Iterator[TimelineSegment]:
        for segment in predict_timeline(task.path, model, duration=duration):
            done = _SHARE_OF_GENRE + _SHARE_OF_TIMELINE * segment.end / duration
            say({"progress": round(done, 3)})
            yield segment

    return prediction.with_timeline(told())


def _picture(drawn: SoundPicture) -> dict[str, Any]:
    return asdict(drawn) | {"png": base64.b64encode(drawn.png).decode("ascii")}
