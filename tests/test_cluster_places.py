"""Songs at addresses: found, fetched one ahead, and what is said where that fails."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from generify.cluster import places
from generify.cluster.places import fetch_ahead, find_places, open_place
from generify.errors import DatasetError, Failure, MissingExtraError, ParameterError
from generify.scan.finding import is_address
from generify.scan.listening import FileState

pytest.importorskip("fsspec", reason="fsspec (extra ray) is not installed")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for name in ("b.mp3", "a/2.flac", "a b.ogg", "a/.hidden.mp3", ".old/x.mp3", "cover.jpg"):
        (tmp_path / "library" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "library" / name).write_bytes(name.encode())
        os.utime(tmp_path / "library" / name, (1e9, 1e9))
    return tmp_path / "library"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/a.mp3", True),
        ("HTTPS://host/a.mp3", True),
        ("gs://bucket", True),
        ("C:\\music\\a.mp3", False),
        ("C://music", False),
        ("music/a.mp3", False),
        ("/music//a.mp3", False),
    ],
)
def test_addresses_and_paths(path: str, expected: bool) -> None:
    assert is_address(path) is expected


def test_a_folder_at_an_address(library: Path) -> None:
    found = find_places([f"file://{library}"])
    names = [address.removeprefix(f"file://{library}/") for address in found.addresses]
    assert names == ["a/2.flac", "a b.ogg", "b.mp3"]
    assert list(found.addresses.values()) == [
        FileState.of(str(library / name)) for name in ("a/2.flac", "a b.ogg", "b.mp3")
    ]
    assert found.on_disk.files == ()


def test_paths_and_addresses_together(library: Path) -> None:
    cover = f"file://{library}/cover.jpg"
    found = find_places([cover, library / "a", f"file://{library}/.old"])
    assert found.on_disk.files == (library / "a/2.flac",)
    assert list(found.addresses) == [cover, f"file://{library}/.old/x.mp3"]


def test_an_address_without_songs(library: Path) -> None:
    empty = f"file://{library}/none"
    with pytest.raises(ParameterError, match=f"no song in {empty}\n"):
        find_places([empty])
    (library / "none").mkdir()
    for given in ([empty, library], [library / "none", f"file://{library}"]):
        found = find_places(given)
        (failure,) = found.on_disk.failures
        assert failure.path == str(given[0])
        assert failure.message.startswith(f"{given[0]}: no song ")
        assert len(found.on_disk.files) + len(found.addresses) == 3


def test_what_was_searched_is_spelt_as_what_was_found(library: Path) -> None:
    given = [f"local://{library}/a/", library]
    found = find_places(given)
    assert found.searched == (str(library), f"file://{library}/a")
    assert list(found.addresses) == [f"file://{library}/a/2.flac"]


def test_names_at_an_address_that_are_no_text(library: Path) -> None:
    (library / os.fsdecode(b"a/\xff.mp3")).touch()
    found = find_places([f"file://{library}/a"])
    assert list(found.addresses) == [f"file://{library}/a/2.flac"]
    (failure,) = found.on_disk.failures
    assert failure.path == f"file://{library}/a/\\xff.mp3"


def test_an_address_that_cannot_be_listed(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_settings: object) -> None:
        raise RuntimeError("Unable to locate credentials")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.find", refuse)
    with pytest.raises(DatasetError, match=r"cannot list file://.*: Unable to locate credentials"):
        find_places([f"file://{library}"])


def test_what_reads_an_address_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_address: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    with pytest.raises(MissingExtraError, match="cannot be read: Install s3fs to access S3"):
        open_place("s3://bucket/song.mp3")


def test_a_scheme_that_nothing_knows() -> None:
    with pytest.raises(ParameterError, match="nope://x cannot be read: Protocol not known"):
        open_place("nope://x")


@pytest.mark.parametrize(
    ("info", "modified"),
    [
        ({"LastModified": "2024-05-01T10:00:00+02:00"}, "2024-05-01T08:00:00.000000Z"),
        ({"updated": "2024-05-01T10:00:00.25Z"}, "2024-05-01T10:00:00.250000Z"),
        ({"mtime": 86400.5}, "1970-01-02T00:00:00.500000Z"),
        ({"LastModified": "Wed, 01 May 2024 08:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_times_as_storages_give_them(info: dict[str, object], modified: str | None) -> None:
    assert places._state({"size": 5, **info}) == FileState(5, modified)


def test_songs_are_fetched_and_removed(library: Path) -> None:
    given = [f"file://{library}/b.mp3", str(library / "a b.ogg"), f"file://{library}/a/2.flac"]
    seen: list[Path] = []
    for song, file in fetch_ahead(given):
        assert isinstance(file, Path)
        assert file.read_bytes().decode() == song.removeprefix("file://").removeprefix(
            f"{library}/"
        )
        assert file.suffix == Path(song).suffix
        seen.append(file)
    assert [file.exists() for file in seen] == [False, True, False]


def test_the_next_song_is_fetched_meanwhile(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = {name: threading.Event() for name in ("b.mp3", "2.flac")}

    def download(song: str, file: Path) -> None:
        begun[Path(song).name].set()
        file.touch()

    monkeypatch.setattr(places, "_download", download)
    files = fetch_ahead([f"file://{library}/b.mp3", f"file://{library}/a/2.flac"])
    next(files)
    assert begun["2.flac"].wait(10)
    files.close()


def test_a_song_that_cannot_be_fetched(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    trials: list[str] = []

    def refuse(_self: object, path: str, _target: str) -> None:
        trials.append(Path(path).name)
        if len(trials) == 2:
            raise PermissionError(13, "Permission denied")
        raise RuntimeError("connection reset")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.get_file", refuse)
    addresses = [f"file://{library}/{name}" for name in ("b.mp3", "a/2.flac")]
    failures = [file for _, file in fetch_ahead(addresses)]
    assert trials == ["b.mp3", "b.mp3", "2.flac", "2.flac", "2.flac"]
    hint = "check the address and your permissions"
    assert failures == [
        Failure(a, "AudioDecodeError", f"{a}: cannot be fetched ({why}); {hint}")
        for a, why in zip(addresses, ("Permission denied", "connection reset"), strict=True)
    ]


def test_a_machine_that_cannot_read_an_address(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_address: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    with pytest.raises(MissingExtraError, match="Install s3fs to access S3"):
        list(fetch_ahead(["s3://bucket/song.mp3"]))  # not a failure of each song


def test_a_song_that_is_gone(library: Path) -> None:
    ((_, failure),) = fetch_ahead([f"file://{library}/gone.mp3"])
    assert isinstance(failure, Failure)
    assert failure.message.startswith(f"file://{library}/gone.mp3: no such file")


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Print nothing."""


@pytest.fixture
def web(library: Path) -> Iterator[str]:
    handler = partial(_Silent, directory=str(library))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_songs_on_the_web(web: str) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp (extra ray) is not installed")
    addresses = [f"{web}/b.mp3", f"{web}/gone.mp3?token=1"]
    assert find_places(addresses).addresses == dict.fromkeys(addresses, FileState())
    fetched = fetch_ahead(addresses)
    _, file = next(fetched)
    assert isinstance(file, Path)
    assert file.read_bytes() == b"b.mp3"
    _, failure = next(fetched)
    assert isinstance(failure, Failure)
    assert f"{addresses[1]}: no such file" in failure.message
    fetched.close()
