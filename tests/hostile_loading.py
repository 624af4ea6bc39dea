"""Load model files in a process of its own, with little memory; say of each what came of it.

Run by ``test_hostile_models.py``::

    python hostile_loading.py load FOLDER
    python hostile_loading.py mutate N_MUTATIONS FILE ...

One line of JSON a file goes to stdout, before and after it is loaded, so that a crash has a name.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np

from generify.errors import ModelError
from generify.model import GenreModel, load_model

MORE_MEMORY = 512 * 2**20


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def limit_memory() -> None:
    """Leave little more memory than is taken once a model has been loaded and run."""
    answer(load_model("indian"))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def answer(model: GenreModel) -> None:
    """Ask a model about two songs."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, len(model.extractor.columns))).astype(np.float32)
    model.predict_proba(X)
    model.novelty(X)


def load(paths: list[Path]) -> None:
    for path in paths:
        say(begun=path.name)
        try:
            answer(load_model(path))
        except ModelError as err:
            say(name=path.name, message=str(err), hint=err.hint)
        else:
            say(name=path.name, loaded=True)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, change, repeat or drop bytes, half of them near the ends, where names stand."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        near = int(rng.choice([len(data), 1500]))
        at = int(rng.integers(min(near, len(data))))
        at = at if rng.random() < 0.5 else len(data) - 1 - at
        n_bytes = int(rng.integers(1, 9))
        piece = bytes(data[at : at + n_bytes])
        match int(rng.integers(5)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))
            case 2:
                data[at:at] = piece
            case 3:
                del data[at : at + n_bytes]
            case 4:
                data[at : at + n_bytes] = rng.bytes(len(piece))
    return bytes(data)


def mutate(n_mutations: int, paths: list[Path]) -> None:
    for path in paths:
        content, counts = path.read_bytes(), {"loaded": 0, "refused": 0}
        for seed in range(n_mutations):
            say(begun=f"{path.name} {seed}")
            spoilt = mutated(content, np.random.default_rng(seed))
            try:
                answer(GenreModel.from_bytes(spoilt, source=path.name))
                counts["loaded"] += 1
            except ModelError:
                counts["refused"] += 1
        say(name=path.name, **counts)


if __name__ == "__main__":
    limit_memory()
    what, *arguments = sys.argv[1:]
    if what == "load":
        load(sorted(Path(arguments[0]).iterdir()))
    else:
        mutate(int(arguments[0]), [Path(argument) for argument in arguments[1:]])
