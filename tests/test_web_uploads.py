"""Songs on their way in: forms, names, lengths, and the folder that they lie in meanwhile."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from conftest import RATE
from generify.web.forms import FormError, FormReader, boundary_of
from generify.web.lengths import promised_seconds
from generify.web.uploads import UploadFolder, shown_name
from web_site import (
    PREDICTIONS,
    RunningSite,
    assert_problem,
    make_song,
    running_site,
    send,
)

# Forms


def _form(*parts: tuple[str, str | None, bytes]) -> bytes:
    """Write a form by hand, after RFC 7578; its boundary is ``b``."""
    lines = []
    for name, file_name, content in parts:
        shown = f'; filename="{file_name}"' if file_name is not None else ""
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'
        lines.append(head.encode() + content + b"\r\n")
    return b"".join(lines) + b"--b--\r\n"


def _read(form: bytes, block: int = 1 << 20) -> tuple[bytes, str, dict[str, str]]:
    stream = io.BytesIO()
    reader = FormReader(b"b", stream, known=("model", "timeline"), max_other_bytes=1000)
    for start in range(0, len(form), block):
        reader.feed(form[start : start + block])
    fields = reader.finish()
    return stream.getvalue(), reader.file_name, fields


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64, 1 << 20])
def test_a_form_is_read_however_it_is_cut(block: int) -> None:
    song = bytes(range(256)) + b"\r\n--c\r\n--\r\n-b--b\r"
    form = _form(("model", None, b"indian"), ("file", "a b.mp3", song), ("timeline", None, b"true"))
    read = _read(form, block)
    assert read == (song, "a b.mp3", {"model": "indian", "timeline": "true"})


def test_quotes_in_a_name_come_back() -> None:
    assert _read(_form(("file", "say %22hi%22.mp3", b"x")))[1] == 'say "hi".mp3'


@pytest.mark.parametrize(
    ("form", "match"),
    [
        (_form(("model", None, b"western")), "one song was expected in the field 'file', got none"),
        (_form(("file", "a", b"1"), ("file", "b", b"2")), "one song was expected .*got 2"),
        (_form(("file", "a", b"1"), ("colour", None, b"red")), "no field 'colour'"),
        (_form(("model", None, b"a"), ("model", None, b"b")), "'model' is there twice"),
        (_form(("file", "a", b"1"))[:-10], "cut on the way"),
        (b"--b\r\n", "cut on the way"),
        (b"", "cut on the way"),
        (b"no form at all", "does not keep to its format"),
        (_form(("model", None, b"x" * 2000)), "too much beside the song"),
        (_form(("file", "a" * 2000, b"x")), "too much beside the song"),
        (_form(("file", "a", b"1"), ("file", "b", b"2" * 2000)), "too much beside the song"),
    ],
)
def test_forms_that_cannot_be(form: bytes, match: str) -> None:
    with pytest.raises(FormError, match=match):
        _read(form)


def test_boundaries() -> None:
    assert boundary_of("multipart/form-data; boundary=xyz") == b"xyz"
    assert boundary_of('Multipart/Form-Data; charset=utf-8; boundary="x y"') == b"x y"
    for other in ("", "multipart/form-data", "application/json", "multipart/mixed; boundary=x"):
        assert boundary_of(other) is None


# Names


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("song.mp3", "song.mp3"),
        ("../../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\song.mp3", "song.mp3"),
        ("/abs/olute", "olute"),
        ("a\x00b\r\nc\x1b[31m.mp3", "abc[31m.mp3"),
        ("‮3pm.gnos", "3pm.gnos"),
        ("<script>alert(1)</script>.mp3", "script>.mp3"),
        ("Ελλάδα 日本.mp3", "Ελλάδα 日本.mp3"),
        ("x" * 500, "x" * 200),
        ("", "song"),
        ("../", "song"),
        ("  ", "song"),
    ],
)
def test_names_are_for_showing_only(given: str, shown: str) -> None:
    assert shown_name(given) == shown


# Lengths


@pytest.mark.parametrize(
    ("kind", "subtype", "whole"),
    [
        ("WAV", "PCM_16", True),
        ("WAV", "PCM_24", True),
        ("FLAC", None, True),
        ("MP3", None, True),  # LAME, which libsndfile holds, states the length
    ],
)
def test_the_length_is_known_from_the_beginning(
    tmp_path: Path, kind: str, subtype: str | None, whole: bool
) -> None:
    samples = 0.1 * np.random.default_rng(3).normal(size=(25 * RATE, 2))
    path = tmp_path / "song"
    soundfile.write(path, samples, RATE, format=kind, subtype=subtype)
    content = path.read_bytes()
    path.write_bytes(content[:65_536])
    assert promised_seconds(path) == pytest.approx(25, abs=0.1)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"fLaC", b"ID3", b"text", b"RIFF\0\0\0\0WAVE"])
def test_no_length_is_known_of_what_says_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "song").write_bytes(content)
    assert promised_seconds(tmp_path / "song") == 0
    assert promised_seconds(tmp_path / "missing") == 0


def test_a_stream_that_does_not_know_its_length_promises_nothing(tmp_path: Path) -> None:
    song = bytearray(make_song(1.0))
    place = song.index(b"data")
    song[place + 4 : place + 8] = b"\xff\xff\xff\xff"
    (tmp_path / "song").write_bytes(song)
    assert promised_seconds(tmp_path / "song") == 0


# The folder

_CRASH = """
import os, sys
from pathlib import Path
from generify.web.uploads import UploadFolder

folder = UploadFolder(Path(sys.argv[1]))
folder.new_file().write_bytes(b"a song")
os._exit(9)
"""


def test_what_a_crash_leaves_is_gone_at_the_next_start(tmp_path: Path) -> None:
    parent = tmp_path / "uploads"
    done = subprocess.run([sys.executable, "-c", _CRASH, str(parent)], check=False)
    assert done.returncode == 9
    assert sum(f.is_file() for f in parent.rglob("*")) == 2  # the song and the lock
    folder = UploadFolder(parent)
    assert list(parent.iterdir()) == [folder.path]
    folder.close()
    assert list(parent.iterdir()) == []


def test_the_folder_of_a_running_server_is_left_alone(tmp_path: Path) -> None:
    first = UploadFolder(tmp_path)
    song = first.new_file()
    song.write_bytes(b"a song")
    second = UploadFolder(tmp_path)
    assert song.exists()
    first.close()
    second.close()


def test_the_folder_is_private(tmp_path: Path) -> None:
    folder = UploadFolder(tmp_path / "uploads")
    assert folder.path.stat().st_mode & 0o077 == 0
    assert folder.path.parent.stat().st_mode & 0o077 == 0
    folder.close()


# Limits while a song arrives


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    limits = {"max_upload_bytes": 300_000, "header_timeout": 1.0}
    with running_site(tmp_path_factory.mktemp("site"), **limits) as site:
        yield site


@pytest.fixture
def visitor(served: RunningSite) -> Iterator[httpx.Client]:
    with served.visitor() as client:
        yield client
    served.settle()
    assert served.left_uploads() == []


def _endless(head: bytes, sent: list[int]) -> Iterator[bytes]:
    """Give a form whose song does not end, and count what was asked for."""
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + head
    for _ in range(2000):
        sent.append(65_536)
        yield bytes(65_536)


def test_a_song_is_cut_while_it_arrives(visitor: httpx.Client) -> None:
    sent: list[int] = []
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = visitor.post(PREDICTIONS, content=_endless(b"", sent), headers=headers)
    problem = assert_problem(answer, 413, "too-large")
    assert "0.3 MB" in problem["detail"]


def _drip(line: socket.socket) -> None:
    for _ in range(200):
        line.sendall(b"x")
        time.sleep(0.05)


def test_a_size_that_is_stated_is_refused_unread(
    visitor: httpx.Client, served: RunningSite
) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as line:
        line.sendall(
            f"POST {PREDICTIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode()
        )
        assert line.recv(65_536).startswith(b"HTTP/1.1 413 ")
        with pytest.raises(ConnectionError):  # the rest is not taken for ever
            _drip(line)


def test_a_length_that_is_stated_is_refused_while_it_arrives(visitor: httpx.Client) -> None:
    hour = bytearray(make_song(1.0))
    place = hour.index(b"data")
    hour[place + 4 : place + 8] = (3600 * RATE * 2).to_bytes(4, "little")
    sent: list[int] = []
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = visitor.post(PREDICTIONS, content=_endless(bytes(hour), sent), headers=headers)
    problem = assert_problem(answer, 413, "too-long")
    assert "60 minutes" in problem["detail"]


def test_a_length_that_is_not_stated_is_refused_before_it_is_heard(visitor: httpx.Client) -> None:
    song = make_song(70.0, kind="OGG")
    assert len(song) < 300_000
    assert_problem(send(visitor, song), 413, "too-long")


@pytest.mark.parametrize(
    ("fields", "match"),
    [({"timeline": "perhaps"}, "timeline should be true or false"), ({"tempo": "1"}, "'tempo'")],
)
def test_fields_are_checked(visitor: httpx.Client, fields: dict[str, str], match: str) -> None:
    problem = assert_problem(send(visitor, make_song(), **fields), 422, "invalid-request")
    assert match in problem["detail"]


def test_a_song_in_a_field_of_another_name(visitor: httpx.Client) -> None:
    """However long it is: the name is told, not that there is too much."""
    for song in (b"short", make_song(6.0)):
        answer = visitor.post(PREDICTIONS, files={"fil": ("a.wav", song)})
        problem = assert_problem(answer, 422, "invalid-request")
        assert problem["detail"] == "there is no field 'fil'"
        assert "-F file=@" in problem["hint"]


def test_fields_may_follow_the_song(visitor: httpx.Client) -> None:
    form = _form(("file", "a.wav", make_song()), ("model", None, b"indian"))
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = visitor.post(PREDICTIONS, content=form, headers=headers)
    assert answer.json()["model"] == "indian"
