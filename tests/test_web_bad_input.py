"""What visitors send that is no song, or not as they should: each is told, and nothing stays.

After every test the server is asked for a genre by the next visitor, and gives it.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import struct
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from PIL import Image

from song_files import id3v1
from web_site import (
    PREDICTIONS,
    RunningSite,
    assert_problem,
    make_song,
    running_site,
    send,
)

_LIMITS = {
    **{"n_waiting": 3, "n_uploads": 50, "max_upload_bytes": 500_000, "time_limit": 20.0},
    **{"read_timeout": 1.0, "header_timeout": 1.0, "min_upload_rate": 100.0},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    with running_site(tmp_path_factory.mktemp("site"), **_LIMITS) as site:
        yield site


@pytest.fixture
def visitor(served: RunningSite) -> Iterator[httpx.Client]:
    """A visitor; afterwards the next one is served and nothing is left of this one's songs."""
    with served.visitor() as client:
        yield client
    served.settle()
    with served.visitor() as client:
        assert send(client, make_song()).status_code == 201
    assert served.left_uploads() == []


@pytest.fixture(scope="module")
def searcher(served: RunningSite) -> Iterator[httpx.Client]:
    """A visitor with a history of one song."""
    with served.visitor() as client:
        assert send(client, make_song(), "mine.wav").status_code == 201
        yield client


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("song.wav", make_song())
    return content.getvalue()


def _png() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (300, 300), "red").save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("empty.wav", lambda: b"", "is empty"),
        ("notes.mp3", lambda: b"these are only words\n" * 500, "is a text, no audio"),
        ("songs.zip", _zip, "is an archive (ZIP), no audio"),
        ("cover.png", _png, "is a picture (PNG), no audio"),
        ("noise.mp3", lambda: os.urandom(100_000), "audio"),
        ("head.wav", lambda: make_song()[:44], "head.wav"),
        ("head.flac", lambda: make_song(kind="FLAC")[:60], "head.flac"),
        ("short.wav", lambda: make_song(0.1), "short.wav"),
        ("silence.wav", lambda: make_song(2.0)[:44] + bytes(88_200), "silent"),
        ("bomb.wav", lambda: _promise_much(), "bomb.wav"),
    ],
)
def test_what_is_no_song(
    visitor: httpx.Client, name: str, content: Callable[[], bytes], match: str
) -> None:
    problem = assert_problem(send(visitor, content(), name), 422, "not-audio")
    assert match in problem["detail"]
    assert problem["detail"].startswith(name)
    assert "/" not in problem["detail"].split("(")[0]  # where it lay is nobody's business
    assert problem["hint"]
    assert problem["detail"].startswith(f"{name}: {problem['why'][:20]}")
    assert "soundfile" not in problem["why"]
    assert "pyav" not in problem["why"]


def _promise_much() -> bytes:
    """Write the head of a WAV of 4 GB with 65,535 channels, and nothing else."""
    fmt = struct.pack("<HHIIHH", 1, 65_535, 44_100, 4_000_000_000, 65_534, 16)
    head = b"RIFF" + struct.pack("<I", 0x7FFFFFF0) + b"WAVEfmt " + struct.pack("<I", 16) + fmt
    return head + b"data" + struct.pack("<I", 0x7FFFFF00) + bytes(1000)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG"])
def test_a_truncated_song_is_heard_as_far_as_it_goes(visitor: httpx.Client, kind: str) -> None:
    song = make_song(10.0, kind=kind)
    answer = send(visitor, song[: len(song) * 3 // 4], f"cut.{kind.lower()}")
    assert answer.status_code == 201
    assert 5 < answer.json()["analysed"] <= 8


def test_a_script_in_a_title_is_nothing(visitor: httpx.Client, served: RunningSite) -> None:
    name = "<script>alert('x')</script>.mp3"
    song = make_song(kind="MP3") + id3v1(b"<script>alert(1)</script>", 0)
    said = send(visitor, song, name).json()
    assert said["path"] == "script>.mp3"
    name = "<img src=x onerror=alert(1)>.mp3"
    assert send(visitor, song, name).json()["path"] == name  # text, as it was sent
    answer = visitor.get(PREDICTIONS)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "alert(1)</script>" not in answer.text
    for page in ("/", "/history"):
        assert "onerror=alert" not in visitor.get(page).text


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "a/b.wav\0.txt", "%2e%2e%2f"]
)
def test_path_tricks_lead_nowhere(visitor: httpx.Client, served: RunningSite, name: str) -> None:
    before = {f for f in served.folder.parent.rglob("*") if "timelines" not in f.parts}
    said = send(visitor, make_song(), name).json()
    assert "/" not in said["path"]
    assert "\\" not in said["path"]
    after = {f for f in served.folder.parent.rglob("*") if "timelines" not in f.parts}
    assert after == before


@pytest.mark.parametrize("model", ["polka", "../western", "/etc/passwd", "western.onnx", "%00"])
def test_models_are_known_by_name_only(visitor: httpx.Client, model: str) -> None:
    problem = assert_problem(send(visitor, make_song(), model=model), 422, "unknown-model")
    assert problem["hint"] == "the models here: western, indian"


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE generify_predictions; --", '" OR 1=1 --', "%' OR '1'='1", "\0", "\\"]
)
def test_a_search_is_never_sql(searcher: httpx.Client, text: str) -> None:
    for name in ("name", "genre", "model"):
        for path in ("", "/export", "/statistics"):
            answer = searcher.get(PREDICTIONS + path, params={name: text})
            assert answer.status_code == 200
            assert "mine.wav" not in answer.text
    assert searcher.get(PREDICTIONS).json()["total"] == 1


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "offset=-1", "limit=x", "colour=red", "unknown=7", "name=a&name=b",
     "offset=99999999999999999999", "name=" + "x" * 201],
)  # fmt: skip
def test_a_search_that_cannot_be(searcher: httpx.Client, query: str) -> None:
    problem = assert_problem(searcher.get(f"{PREDICTIONS}?{query}"), 422, "invalid-request")
    assert query.partition("=")[0] in problem["detail"]


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "audio/mpeg", "", "multipart/form-data"]
)
def test_a_wrong_content_type(visitor: httpx.Client, kind: str) -> None:
    answer = visitor.post(PREDICTIONS, content=make_song(), headers={"Content-Type": kind})
    assert_problem(answer, 415, "wrong-content-type")


def test_what_is_called_a_form_and_is_none(visitor: httpx.Client) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert_problem(
        visitor.post(PREDICTIONS, content=make_song(), headers=headers), 400, "bad-upload"
    )


def test_many_at_once_are_all_accounted_for(visitor: httpx.Client, served: RunningSite) -> None:
    song = make_song()
    at_once = httpx.Limits(max_connections=200)
    with served.visitor(limits=at_once) as client, ThreadPoolExecutor(200) as crowd:
        answers = list(crowd.map(lambda n: send(client, song, f"{n}.wav"), range(200)))
    counted = Counter(answer.status_code for answer in answers)
    assert counted.keys() == {201, 429}
    assert counted[201] >= 4  # one being heard, three waiting
    for answer in answers:
        if answer.status_code == 429:
            assert_problem(answer, 429, "busy")
            assert int(answer.headers["retry-after"]) >= 1


def _connect(served: RunningSite) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=30)


def _head(n_bytes: int) -> bytes:
    return (
        f"POST {PREDICTIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: {n_bytes}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    ).encode()


def test_a_client_that_hangs_up(visitor: httpx.Client, served: RunningSite) -> None:
    with _connect(served) as line:
        line.sendall(_head(400_000) + bytes(200_000))
        _wait(lambda: served.left_uploads() != [])
    _wait(lambda: served.left_uploads() == [])


def _wait(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _drip(line: socket.socket, what: bytes) -> bytes:
    """Send a byte now and then until the server has had enough; give its answer."""
    line.settimeout(0.05)
    for byte in what:
        try:
            line.sendall(bytes([byte]))
            answer = line.recv(65_536)
        except TimeoutError:
            continue
        except ConnectionError:
            return b""
        return answer
    raise AssertionError("the server is too patient")


def _read(line: socket.socket, answer: bytes = b"") -> bytes:
    """Read the rest of an answer whose body is a JSON object; all of it may have come already."""
    line.settimeout(30)
    while not answer.endswith(b"}"):
        block = line.recv(65_536)
        assert block
        answer += block
    return answer


def test_a_song_a_byte_at_a_time(visitor: httpx.Client, served: RunningSite) -> None:
    answer = b""
    for _ in range(3):  # a byte that crosses the answer resets the line, and the answer is lost
        with _connect(served) as line, suppress(AssertionError, ConnectionError):
            line.sendall(_head(10_000))
            answer = _read(line, _drip(line, bytes(1000)))
            break
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:generify:too-slow" in answer


def test_a_client_that_falls_silent(visitor: httpx.Client, served: RunningSite) -> None:
    with _connect(served) as line:
        line.sendall(_head(10_000))
        assert line.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_a_head_a_byte_at_a_time(visitor: httpx.Client, served: RunningSite) -> None:
    with _connect(served) as line:
        assert _drip(line, b"GET / HTTP/1.1\r\n" + b"X-Slow: 1\r\n" * 100) == b""


def test_a_second_head_a_byte_at_a_time(visitor: httpx.Client, served: RunningSite) -> None:
    with _connect(served) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert _read(line).startswith(b"HTTP/1.1 200 ")
        assert _drip(line, b"GET / HTTP/1.1\r\n" + b"X-Slow: 1\r\n" * 100) == b""


def test_who_still_sends_reads_why_it_was_refused(
    visitor: httpx.Client, served: RunningSite
) -> None:
    # As a proxy does: one request a connection. A reset would throw the answer away.
    head = _head(100_000_000).replace(b"Host: x", b"Host: x\r\nConnection: close")
    for _ in range(5):
        with _connect(served) as line:
            line.sendall(head)
            for _ in range(40):
                line.sendall(bytes(50_000))
                time.sleep(0.005)
            answer = _read(line)
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"urn:generify:too-large" in answer
            assert line.recv(1) == b""


def test_others_are_served_while_one_is_slow(visitor: httpx.Client, served: RunningSite) -> None:
    with _connect(served) as line:
        line.sendall(_head(10_000))
        assert send(visitor, make_song()).status_code == 201


def test_a_worker_that_is_killed_costs_one_song(visitor: httpx.Client, served: RunningSite) -> None:
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(send, visitor, make_song(10.0, seed=4), timeline="true")
        _wait(lambda: served.left_uploads() != [] and served.site.pool.n_open == 1)
        (process,) = served.site.pool.process_ids()
        os.kill(process, signal.SIGKILL)
        job = answer.result()
    if job.status_code == 202:
        served.settle()
        job = visitor.get(job.json()["links"]["self"])
        problem = job.json()["problem"]
    else:
        problem = assert_problem(job, 503, "worker-died")
        assert job.headers["retry-after"]
    assert problem["type"] == "urn:generify:worker-died"
    assert "song.wav" in problem["detail"]


def test_a_worker_that_is_killed_while_it_waits_costs_nothing(
    visitor: httpx.Client, served: RunningSite
) -> None:
    for process in served.site.pool.process_ids():
        os.kill(process, signal.SIGKILL)
    assert send(visitor, make_song()).status_code == 201


def test_a_song_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with running_site(tmp_path, time_limit=0.01) as site, site.visitor() as client:
        answer = send(client, make_song())
        problem = assert_problem(answer, 422, "took-too-long")
        assert "0.01 s" in problem["detail"]
        assert site.left_uploads() == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_song_that_needs_too_much_memory_fails_alone(tmp_path: Path) -> None:
    with running_site(tmp_path) as site, site.visitor() as client:
        assert send(client, make_song()).status_code == 201
        (process,) = site.site.pool.process_ids()
        status = Path(f"/proc/{process}/status").read_text()
    usual = 1024 * int(status.partition("VmPeak:")[2].split()[0])
    limits = {"memory_limit_bytes": usual + 60_000_000, "max_upload_bytes": 100_000_000}
    with running_site(tmp_path, long_seconds=100.0, **limits) as site, site.visitor() as client:
        answer = send(client, _much_sound(), "much.flac")
        assert answer.status_code in (422, 503), answer.text
        assert "memory" in answer.json()["detail"] or "died" in answer.json()["detail"]
        assert send(client, make_song()).status_code == 201
        assert site.left_uploads() == []


def _much_sound() -> bytes:
    """Give a small file that is heard whole: 45 MB of samples, and as much again resampled."""
    content = io.BytesIO()
    samples = np.zeros(192_000 * 59, dtype=np.int16)
    samples[::1000] = 20_000
    soundfile.write(content, samples, 192_000, format="FLAC")
    return content.getvalue()


def test_the_server_says_when_it_closes(tmp_path: Path) -> None:
    with running_site(tmp_path) as site, site.visitor() as client:
        closer = threading.Thread(target=site.site.pool.close, args=(5.0,))
        closer.start()
        closer.join()
        assert_problem(send(client, make_song()), 503, "closing")
