"""What schemathesis must know of the API and cannot guess: what a song is.

Loaded by schemathesis itself, which may be installed elsewhere: nothing of Generify is imported.
"""

from __future__ import annotations

import io
import math
import struct
import wave

import schemathesis
from hypothesis import strategies

RATE = 8000


def make_wav(seconds: float, pitch: float) -> bytes:
    """Give a tone as a WAV file."""
    angle = 2 * math.pi * pitch / RATE
    values = (round(9000 * math.sin(angle * i)) for i in range(round(seconds * RATE)))
    content = io.BytesIO()
    with wave.open(content, "wb") as song:
        song.setparams((1, 2, RATE, 0, "NONE", ""))
        song.writeframes(b"".join(struct.pack("<h", value) for value in values))
    return content.getvalue()


schemathesis.openapi.format(
    "binary",
    strategies.builds(make_wav, strategies.floats(1.0, 2.0), strategies.floats(100.0, 2000.0)),
)


@schemathesis.hook
def filter_query(context: schemathesis.HookContext, query: dict[str, object] | None) -> bool:
    """Leave out lists of one value where none is meant: in an address they are that value."""
    return not any(isinstance(v, list | tuple) and len(v) < 2 for v in (query or {}).values())
