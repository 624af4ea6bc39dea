"""The feature cache: what was put in comes out, whatever happens to the files in between."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from generify.atomic import TEMPORARY_PREFIX
from generify.cache import CacheEntry, FeatureCache, default_folder, make_key
from generify.errors import CacheError

KEY = make_key("features", "song", 1)
ENTRY = CacheEntry(np.array([1.5, -0.0, 1e-38, 3e38], dtype=np.float32), {"duration": 30.0})


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache")


def only_file(cache: FeatureCache) -> Path:
    (path,) = (path for path in cache.folder.rglob("*") if path.is_file())
    return path


def sign(body: bytes) -> bytes:
    """What a file would hold whose digest is right, so that only its layout is wrong."""
    return hashlib.blake2b(body, digest_size=16).digest() + body


def test_an_entry_comes_back_bit_for_bit(cache: FeatureCache) -> None:
    cache.put(KEY, ENTRY)
    found = cache.get(KEY)
    assert found is not None
    assert found.array.tobytes() == ENTRY.array.tobytes()
    assert found.array.dtype == np.float32
    assert found.notes == {"duration": 30.0}


def test_an_array_from_the_cache_may_be_written_to(cache: FeatureCache) -> None:
    cache.put(KEY, ENTRY)
    found = cache.get(KEY)
    assert found is not None
    found.array[0] = 7
    again = cache.get(KEY)
    assert again is not None
    assert (found.array[0], again.array[0]) == (7, 1.5)  # what is written stays with the writer


def test_what_was_never_put_is_missing(cache: FeatureCache) -> None:
    assert cache.get(KEY) is None
    assert not cache.folder.exists()


def test_the_last_entry_counts(cache: FeatureCache) -> None:
    cache.put(KEY, ENTRY)
    cache.put(KEY, CacheEntry(np.zeros(2, dtype=np.float32)))
    found = cache.get(KEY)
    assert found is not None
    assert found.array.tolist() == [0, 0]
    assert cache.info().n_entries == 1


def test_keys_tell_parts_apart() -> None:
    keys = {make_key(*parts) for parts in [("a", "b"), ("ab",), ("b", "a"), ("a", "b", ""), ()]}
    assert len(keys) == 5
    assert all(len(key) == 64 for key in keys)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut in the digest": lambda content: content[:7],
    "cut after the digest": lambda content: content[:16],
    "cut in the values": lambda content: content[:-3],
    "longer": lambda content: content + b"\0\0\0\0",
    "flipped bit in the digest": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "flipped bit in the values": lambda content: content[:-1] + bytes([content[-1] ^ 64]),
    "text": lambda content: b'{"duration": 30.0}',
    "zeros": lambda content: bytes(len(content)),
    "signed nonsense for JSON": lambda content: sign(b"\0\0\0\3{,}\0\0\0\0"),
    "signed bytes for text": lambda content: sign(b"\0\0\0\2\xff\xfe\0\0\0\0"),
    "signed with half a value": lambda content: sign(b"\0\0\0\2{}\0\0\0"),
    "signed nothing": lambda content: sign(b""),
}


def test_untouched_entries_are_believed(cache: FeatureCache) -> None:
    # the frame around the damage below: the same rewriting without damage is harmless
    cache.put(KEY, ENTRY)
    content = only_file(cache).read_bytes()
    assert content == sign(content[16:])
    only_file(cache).write_bytes(content)
    assert cache.get(KEY) is not None


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_entries_are_missing(cache: FeatureCache, damage: Callable[[bytes], bytes]) -> None:
    cache.put(KEY, ENTRY)
    path = only_file(cache)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(KEY) is None
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) is not None


def test_every_flipped_byte_is_noticed(cache: FeatureCache) -> None:
    cache.put(KEY, ENTRY)
    path = only_file(cache)
    content = path.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        assert cache.get(KEY) is None, position


def test_a_folder_in_the_place_of_an_entry_is_missing(cache: FeatureCache) -> None:
    cache.put(KEY, ENTRY)
    path = only_file(cache)
    path.unlink()
    path.mkdir()
    assert cache.get(KEY) is None


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = FeatureCache(tmp_path / "file")
    assert cache.get(KEY) is None
    with pytest.raises(CacheError, match=r"the cache folder .*file cannot be written: ") as caught:
        cache.put(KEY, ENTRY)
    assert caught.value.hint == "set GENERIFY_CACHE_DIR to a folder that can, or give --no-cache"
    assert caught.value.__cause__ is not None


def test_a_folder_that_may_only_be_read(
    cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.put(KEY, ENTRY)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("generify.cache.os.utime", refuse)
    monkeypatch.setattr("generify.cache.Path.mkdir", refuse)
    assert cache.get(KEY) is not None  # reading needs no permission to write
    with pytest.raises(
        CacheError, match=r"the cache folder .* cannot be written: .*Permission denied"
    ):
        cache.put(KEY, ENTRY)


def test_identity_reads_a_file_once(cache: FeatureCache, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    song.write_bytes(b"one")
    read: list[str] = []

    def compute(path: str | Path) -> str:
        read.append(str(path))
        return Path(path).read_text()

    assert cache.identity(song, compute) == "one"
    assert cache.identity(str(song), compute) == "one"
    assert len(read) == 1
    song.write_bytes(b"other")
    assert cache.identity(song, compute) == "other"
    assert len(read) == 2
    song.write_bytes(b"third")
    os.utime(song, ns=(1, 1))
    assert cache.identity(song, compute) == "third"
    assert len(read) == 3


def test_a_damaged_identity_is_computed_again(cache: FeatureCache, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    song.write_bytes(b"one")
    cache.identity(song, lambda path: "right")
    path = only_file(cache)
    path.write_bytes(path.read_bytes().replace(b"right", b"wrong"))
    assert cache.identity(song, lambda path: "again") == "again"


def test_identity_of_a_missing_file(cache: FeatureCache, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cache.identity(tmp_path / "missing.wav", lambda path: "never")


def test_info_counts(cache: FeatureCache) -> None:
    assert cache.info().n_entries == 0
    for number in range(3):
        cache.put(make_key(number), ENTRY)
    info = cache.info()
    sizes = [path.stat().st_size for path in cache.folder.rglob("*.entry")]
    assert (info.n_entries, info.size_bytes) == (3, sum(sizes))
    assert (info.folder, info.limit_bytes) == (cache.folder, cache.limit_bytes)


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    keys = [make_key(number) for number in range(4)]
    for age, key in enumerate(keys):
        cache.put(key, ENTRY)
        path = max(tmp_path.rglob("*.entry"), key=lambda path: path.stat().st_mtime_ns)
        os.utime(path, ns=(age, age))
    assert cache.get(keys[0]) is not None  # used again just now, so the second is the oldest
    cache.limit_bytes = 2 * cache.info().size_bytes // 4
    assert cache.prune() == 2
    assert [cache.get(key) is not None for key in keys] == [True, False, False, True]
    assert cache.prune() == 0


def test_clear_removes_entries_and_nothing_else(cache: FeatureCache) -> None:
    cache.put(KEY, ENTRY)
    (cache.folder / "mine.txt").write_text("kept")
    (cache.folder / KEY[:2] / "mine.txt").write_text("kept")
    assert cache.clear() == 1
    assert cache.get(KEY) is None
    assert len(list(cache.folder.rglob("mine.txt"))) == 2
    assert cache.clear() == 0


def test_clear_of_a_folder_that_is_not_there(cache: FeatureCache) -> None:
    assert cache.clear() == 0


def test_clear_that_is_refused(cache: FeatureCache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put(KEY, ENTRY)

    def refuse(_path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(CacheError, match=r"the cache folder .* cannot be cleared: Permission"):
        cache.clear()


def test_an_entry_being_written_is_left_alone(cache: FeatureCache) -> None:
    cache.put(KEY, ENTRY)
    folder = only_file(cache).parent
    being_written = folder / f"{TEMPORARY_PREFIX}now.entry"
    being_written.write_bytes(b"half")
    abandoned = folder / f"{TEMPORARY_PREFIX}old.entry"
    abandoned.write_bytes(b"half")
    last_week = time.time() - 7 * 86400
    os.utime(abandoned, (last_week, last_week))
    assert cache.info().n_entries == 2
    assert cache.clear() == 2
    assert being_written.exists()
    assert not abandoned.exists()


def test_the_default_folder_may_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(tmp_path))
    assert default_folder() == tmp_path
    assert FeatureCache().folder == tmp_path
    monkeypatch.delenv("GENERIFY_CACHE_DIR")
    assert "generify" in str(default_folder())
    assert default_folder() != tmp_path


SHARE = """
import json, sys
import numpy as np
from generify.cache import CacheEntry, FeatureCache, make_key
cache, me = FeatureCache(sys.argv[1]), int(sys.argv[2])
wrong = hits = 0
for turn in range(300):
    number = (turn * (7 if me else 11)) % 20
    found = cache.get(make_key(number))
    if found is not None:
        hits += 1
        wrong += found.array.tolist() != [number] * 50 or found.notes["number"] != number
    array = np.full(50, number, dtype=np.float32)
    cache.put(make_key(number), CacheEntry(array, {"number": number, "me": me}))
    if turn % 50 == 49:
        cache.clear() if me else cache.prune()
print(json.dumps([wrong, hits]))
"""


def test_two_processes_share_a_cache(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", SHARE, str(tmp_path), me] for me in "01"]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    for out, _ in said:
        wrong, hits = json.loads(out)
        assert wrong == 0
        assert hits > 0
    cache = FeatureCache(tmp_path)
    assert all(
        (found := cache.get(make_key(number))) is None or found.array[0] == number
        for number in range(20)
    )
    assert not list(tmp_path.rglob(f"{TEMPORARY_PREFIX}*"))
