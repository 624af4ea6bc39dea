"""Everything else that Generify reads: each kind of file, how one is made, and who reads it.

A target's ``seeds`` are whole files; ``read`` takes a damaged one and must either work or raise a
:class:`~generify.errors.GenerifyError`. Damage follows the format where :mod:`fuzz.mutations`
cannot: a cell, a JSON value or a field of the protobuf is changed, a digest is made right again.

In it: :data:`TARGETS`, :class:`Target`.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.mutations import mutate
from generify.errors import GenerifyError

Seeds = Callable[[Path], list[bytes]]
Read = Callable[[Path], object]
Change = Callable[[bytes, random.Random], bytes]

_GENRES = ("jazz", "rock")


def _any_bytes(data: bytes, rng: random.Random) -> bytes:
    return mutate(data, rng)[0]


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes
    ----------
    seeds : callable
        Gives whole files; may use the folder.
    read : callable
        Reads a file as Generify does.
    suffix : str
        How its name ends.
    change : callable
        Damages it.
    surroundings : callable
        A context to read in; given the folder, gives what ``read`` is called with beside the path.
    """

    seeds: Seeds
    read: Callable[..., object]
    suffix: str
    change: Change = _any_bytes
    surroundings: Callable[[Path], Any] | None = None


# ------------------------------------------------------------------ damage


def _cells(data: bytes, rng: random.Random) -> bytes:
    """Change a cell or a line of a text, or some of its bytes."""
    if rng.random() < 0.4:
        return _any_bytes(data, rng)
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    cells = lines[at].split(b",")
    odd = (b"", b'"', b"\0", b"-1", b"1e999", b"nan", b"../../etc/passwd", b"x" * 200_000, b"\xff",
           b"[", b"=1+1", b"\r", "ü東".encode(), b"999999999999999999999")  # fmt: skip
    where = rng.randrange(len(cells))
    cells[where] = rng.choice((*odd, cells[rng.randrange(len(cells))]))
    lines[at] = b",".join(rng.choice((cells, cells[:-1], [*cells, b"more"], cells * 2)))
    return b"\n".join(rng.choice((lines, lines[::-1], lines + lines, lines[:at] + lines[at + 1 :])))


_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e308, 10**400, "", "x" * 100_000, [], {}, [[]], "../../etc/passwd"),
    *("\0", {"a": 1}, float("nan"), float("inf"), "9" * 5000, [1, 2, 3], "\ud800"),
)


def _values(data: bytes, rng: random.Random) -> bytes:
    """Change a value of one line of JSON, or of the whole, or some bytes."""
    if rng.random() < 0.3:
        return _any_bytes(data, rng)
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    try:
        value = json.loads(lines[at])
    except ValueError:
        return _any_bytes(data, rng)
    lines[at] = json.dumps(_changed(value, rng)).encode()
    if rng.random() < 0.05:
        lines[at] = b"[" * 100_000
    return b"\n".join(lines)


def _changed(value: Any, rng: random.Random) -> Any:
    """Replace a value somewhere inside; or take it away."""
    inside = list(value.items() if isinstance(value, dict) else ()) or (
        list(enumerate(value)) if isinstance(value, list) else []
    )
    if not inside or rng.random() < 0.2:
        return rng.choice(_ODD_VALUES)
    key, old = rng.choice(inside)
    if rng.random() < 0.2:
        return (
            {k: v for k, v in value.items() if k != key}
            if isinstance(value, dict)
            else value[:key] + value[key + 1 :]
        )
    new = _changed(old, rng)
    if isinstance(value, dict):
        return {**value, key: new}
    return [*value[:key], new, *value[key + 1 :]]


# ------------------------------------------------------------------ models


def _models(folder: Path) -> list[bytes]:
    from generify.model import load_model

    table, graphs = _table(), [load_model("indian").graph]
    with suppress(ImportError):  # else the bundled one is all
        from generify.training import train_model

        graphs += [train_model(table, how, n_folds=2).model.graph for how in ("logreg", "svm")]
    return graphs


def _read_model(path: Path) -> None:
    from generify.model import load_model

    model = load_model(path)
    model.predict_proba(np.ones((2, len(model.extractor.columns)), np.float32))
    model.novelty(np.ones((2, len(model.extractor.columns)), np.float32))


def _graph(data: bytes, rng: random.Random) -> bytes:
    """Change what the protobuf says, or its bytes."""
    import onnx

    if rng.random() < 0.5:
        return _any_bytes(data, rng)
    model = onnx.load_from_string(data)
    if rng.random() < 0.4:
        entry = rng.choice(model.metadata_props)
        entry.value = _values(entry.value.encode(), rng).decode(errors="replace")
        return bytes(model.SerializeToString())
    node = rng.choice(model.graph.node)
    tensors = list(model.graph.initializer) or [onnx.TensorProto()]
    tensor = rng.choice(tensors)
    rng.choice(
        (
            lambda: tensor.dims.append(rng.choice((0, -1, 2**40, 7))),
            lambda: setattr(tensor, "data_type", rng.randrange(25)),
            lambda: setattr(tensor, "raw_data", rng.randbytes(9)),
            lambda: setattr(tensor, "data_location", 1),
            lambda: setattr(node, "op_type", rng.choice(("Loop", "If", "Expand", "Tile", "Add"))),
            lambda: setattr(node, "domain", "some.where"),
            lambda: node.input.reverse(),
            lambda: node.output.append(node.input[0]),
            lambda: model.graph.node.remove(node),
            lambda: model.graph.node.append(node),
            lambda: setattr(model, "ir_version", rng.choice((0, 99, 2**40))),
        )
    )()
    return bytes(model.SerializeToString())


# ------------------------------------------------------------------ tables and lists


def _table() -> Any:
    from generify.datasets import Track
    from generify.features import get_extractor
    from generify.table import FeatureTable

    extractor, rng = get_extractor("mfcc"), np.random.default_rng(0)
    genres = [_GENRES[i % 2] for i in range(16)]
    X = rng.normal(size=(16, len(extractor.columns))) + 2 * np.arange(16)[:, np.newaxis] % 2
    tracks = tuple(
        Track(f"{genre}/{i}", None, genre, f"artist {i}", ("train", "valid", "test")[i % 3])
        for i, genre in enumerate(genres)
    )
    return FeatureTable(
        "made", tracks, X.astype(np.float32), extractor.columns, extractor.spec, (30.0,) * 16
    )


def _tables(folder: Path) -> list[bytes]:
    from generify.table import save_table

    save_table(_table(), folder / "table.parquet")
    return [(folder / "table.parquet").read_bytes()]


def _read_table(path: Path) -> None:
    from generify.table import load_table

    load_table(path)


def _parquet(data: bytes, rng: random.Random) -> bytes:
    """Change a column, its kind or the metadata with the library itself, or some bytes."""
    import pyarrow as pa
    from pyarrow import parquet

    if rng.random() < 0.5:
        return _any_bytes(data, rng)
    table = parquet.read_table(pa.BufferReader(data))
    name = rng.choice(table.column_names)
    at = table.column_names.index(name)
    values: tuple[Any, ...] = (None, "x", 2**62, [1.0], float("nan"), b"\xff\xfe", {"a": 1})
    metadata = dict(table.schema.metadata or {})
    for key in metadata:
        if rng.random() < 0.3:
            metadata[key] = _values(metadata[key], rng)
    table = rng.choice(
        (
            lambda: table.set_column(at, name, pa.array([rng.choice(values)] * len(table))),
            lambda: table.drop_columns([name]),
            lambda: table.slice(0, 0),
            lambda: table.append_column(name, table[name]),
            lambda: table.replace_schema_metadata(metadata),
            lambda: table.rename_columns(table.column_names[::-1]),
        )
    )()
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


def _manifests(folder: Path) -> list[bytes]:
    for i in range(24):
        (folder / f"{i}.wav").touch()
    rows = [f"{i}.wav,{_GENRES[i % 2]},artist {i},album" for i in range(12)]
    semicolons = [row.replace(",", ";") for row in ("path,genre,artist,album", *rows)]
    return ["\n".join(["path,genre,artist,album", *rows]).encode(), "\n".join(semicolons).encode()]


def _read_manifest(path: Path) -> None:
    from generify.datasets.manifest import read_manifest

    read_manifest(path)


def _split_lists(folder: Path) -> list[bytes]:
    _manifests(folder)  # for its songs
    parts = ("train", "valid", "test")
    rows = [f"{i}.wav,{_GENRES[i % 2]},{parts[i % 3]}" for i in range(24)]
    folds = [f"{i}.wav,{_GENRES[i % 2]},{i % 4}" for i in range(24)]
    return ["\n".join(["path,genre,split", *lines]).encode() for lines in (rows, folds)]


def _read_split_list(path: Path) -> None:
    from generify.datasets.manifest import read_manifest
    from generify.datasets.splits import make_split

    make_split("given", read_manifest(path).tracks)


# ------------------------------------------------------------------ what Generify keeps


def _cache_entries(folder: Path) -> list[bytes]:
    from generify.cache import CacheEntry, FeatureCache

    cache = FeatureCache(folder / "seeds")
    cache.put("ab" + "0" * 62, CacheEntry(np.ones(40, np.float32), {"identity": "x", "n": [1]}))
    return [path.read_bytes() for path in (folder / "seeds").rglob("*.entry")]


def _read_cache_entry(path: Path) -> None:
    from generify.cache import FeatureCache, make_key

    key = make_key("a song")
    entry = path.parent / "cache" / key[:2] / f"{key[2:]}.entry"
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_bytes(path.read_bytes())
    found = FeatureCache(path.parent / "cache").get(key)
    assert found is None or found.array.dtype == np.float32


def _entry(data: bytes, rng: random.Random) -> bytes:
    """Damage an entry; half of the time the digest is made right again."""
    digest = next(
        n for n in range(8, 65) if hashlib.blake2b(data[n:], digest_size=n).digest() == data[:n]
    )
    changed = _any_bytes(data, rng)
    if rng.random() < 0.5:
        return changed
    body = changed[digest:]
    return hashlib.blake2b(body, digest_size=digest).digest() + body


def _results() -> list[Any]:
    from generify.errors import Failure
    from generify.prediction import GenreProbability, Prediction, StyleScore
    from generify.results import SongResult

    genres = (GenreProbability("jazz", 0.7), GenreProbability("rock", 0.3))
    heard = Prediction(
        "a.mp3", "toy", "jazz", 0.7, False, genres, 30.0, 30.0, (StyleScore("Mellow", 0.4),),
        warnings=("odd",),
    )  # fmt: skip
    songs: list[Any] = [
        SongResult(replace(heard, path=f"{i}.mp3"), "1", "f" * 64, 9, "2026-01-01T00:00:00.000000Z")
        for i in range(4)
    ]
    return [*songs, SongResult(Failure("b.mp3", "AudioDecodeError", "b.mp3: is empty"))]


def _results_as(suffix: str) -> Seeds:
    def seeds(folder: Path) -> list[bytes]:
        from generify.results import write_song_results

        path = folder / f"results{suffix}"
        write_song_results(iter(_results()), path, _GENRES)
        return [path.read_bytes()]

    return seeds


def _read_results(path: Path) -> None:
    from generify.results import read_song_results

    for result in read_song_results(path):
        result.to_dict()


def _journals(folder: Path) -> list[bytes]:
    from generify.scan.journal import Journal, ScanKind

    path, kind = folder / "seed.part", ScanKind("toy", "1", "f" * 64, 0.0)
    with Journal.begin(path, kind, old=_results()[:2]) as journal:
        for result in _results():
            journal.append(result)
    return [path.read_bytes()]


def _read_journal(path: Path) -> None:
    from generify.scan.journal import Journal

    with Journal(path) as journal:
        for position in (*journal.heard.values(), *(old.position for old in journal.old.values())):
            journal.read(position).to_dict()


def _tag_journals(folder: Path) -> list[bytes]:
    from generify.tagging.delta import make_delta
    from generify.tagging.journal import Entry

    delta = make_delta(io.BytesIO(b"before" * 50), io.BytesIO(b"before" * 20 + b"after" * 30))
    entry = Entry("/music/a.mp3", ("Rock",), ("Jazz",), "0" * 64, "1" * 64, 10**18, delta)
    return [entry.to_line() * 3]


def _read_tag_journal(path: Path) -> None:
    from generify.tagging.journal import read_journal

    list(read_journal(path))


def _vocabularies(folder: Path) -> list[bytes]:
    return [b'# mine\nhiphop = "Hip-Hop/Rap"\n"jazz" = "Jazz"\nrock = "Rock"\n']


def _read_vocabulary(path: Path) -> None:
    from generify.tagging.vocabulary import read_vocabulary

    read_vocabulary(path)


def _settings(folder: Path) -> list[bytes]:
    return [b'port = 8080\nmodels = ["western"]\nmax_seconds = 60.5\nhistory = "off"\n']


def _read_settings(path: Path) -> None:
    from generify.web.settings import load_settings

    load_settings(path, environment={})


# ------------------------------------------------------------------ requests

_BOUNDARY = "generifyboundary"


def _bodies(folder: Path) -> list[bytes]:
    from fuzz.seeds import make_seeds

    seeds = make_seeds()
    return [_body(seeds["au-g721"], "song.au"), _body(seeds["wav-ima"], "söng.wav", timeline="1")]


def _body(song: bytes, name: str, **fields: str) -> bytes:
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    return "".join((*parts, head)).encode() + song + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _form(data: bytes, rng: random.Random) -> bytes:
    """Damage the form's own words, or anything."""
    if rng.random() < 0.3:
        return _any_bytes(data, rng)
    words = (b"form-data", b"filename", b"\r\n\r\n", _BOUNDARY.encode(), b"name=", b'"', b"; ")
    word = rng.choice(words)
    odd = (b"", b"\0", b"x" * 100_000, b"\r\n", b'"', b"filename*=UTF-8''%ff", word * 500, b"\xff")
    return data.replace(word, rng.choice(odd), rng.choice((1, 2, -1)))


@contextmanager
def _site(folder: Path) -> Iterator[Any]:
    from starlette.testclient import TestClient

    from generify.web.app import create_app
    from generify.web.settings import Settings

    settings = Settings(data_folder=str(folder / "site"), n_workers=1, time_limit=20.0)
    with TestClient(create_app(settings), raise_server_exceptions=True) as client:
        yield client


def _send(path: Path, client: Any) -> None:
    kinds = (f"multipart/form-data; boundary={_BOUNDARY}", "application/json", "audio/wav", "x")
    body = path.read_bytes()
    # what a client claims of the body follows from the body, to be the same when it is tried again
    kind = kinds[0] if len(body) % 10 else kinds[len(body) // 10 % len(kinds)]
    answer = client.post("/api/v1/predictions", content=body, headers={"Content-Type": kind})
    if answer.status_code not in (201, 202):
        assert answer.headers["content-type"] == "application/problem+json"
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
        raise GenerifyError(str(answer.status_code))


TARGETS: dict[str, Target] = {
    "model": Target(_models, _read_model, ".onnx", _graph),
    "feature table": Target(_tables, _read_table, ".parquet", _parquet),
    "manifest": Target(_manifests, _read_manifest, ".csv", _cells),
    "split list": Target(_split_lists, _read_split_list, ".csv", _cells),
    "cache entry": Target(_cache_entries, _read_cache_entry, ".entry", _entry),
    **{
        f"results {suffix}": Target(_results_as(suffix), _read_results, suffix, change)
        for suffix, change in (
            (".ndjson", _values),
            (".json", _values),
            (".csv", _cells),
            (".parquet", _parquet),
            (".db", _any_bytes),
        )
    },
    "scan journal": Target(_journals, _read_journal, ".part", _values),
    "tag journal": Target(_tag_journals, _read_tag_journal, ".jsonl", _values),
    "vocabulary": Target(_vocabularies, _read_vocabulary, ".toml", _cells),
    "settings": Target(_settings, _read_settings, ".toml", _cells),
    "request": Target(_bodies, _send, ".body", _form, _site),
}
