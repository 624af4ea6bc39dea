"""``generify datasets fetch`` as a person meets it, against a local server."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Command
from faulty_server import FaultyServer, Served, faulty_server
from generify.datasets import DatasetFacts, Download
from test_fetch import ARCHIVE, CLIPS, SHA256, left_in, toy


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as running:
        yield running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the person is in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def let_be_known(facts: DatasetFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generify.datasets.dataset_facts", lambda name: facts)


def rows(out: str) -> dict[str, str]:
    return dict(re.split(" {2,}", line.strip(), maxsplit=1) for line in out.splitlines())


def test_what_is_said_and_what_to_do_next(command: Command, server, here, monkeypatch):
    served = Served(ARCHIVE, cuts=[100_000])
    facts = toy(f"{server.url}/gone.tar.gz", server.serve("/toy.tar.gz", served))
    let_be_known(facts, monkeypatch)
    done = command("datasets", "fetch", "toy", "-o", "my toys")
    assert done.code == 0
    assert rows(done.out) == {
        "folder": "my toys",
        "files": "12 (360.0 kB)",
        "licence": "none",
        "cite": "A. Uthor, 2001",
        "next": "generify datasets verify 'my toys'",
    }
    assert done.err.splitlines() == [
        "downloading toy.tar.gz from 127.0.0.1",
        "127.0.0.1: the connection was cut; trying again",
        "downloading toy.tar.gz from 127.0.0.1",
        "checking toy.tar.gz",
        "unpacking toy.tar.gz",
        "warning: skipped 127.0.0.1: 404 Not Found",
    ]
    assert len(list((here / "my toys").rglob("*.au"))) == len(CLIPS)
    assert left_in(here) == ["my toys"]


def test_a_second_time_nothing_is_done(command: Command, server, here, monkeypatch):
    served = Served(ARCHIVE)
    let_be_known(toy(server.serve("/toy.tar.gz", served)), monkeypatch)
    first = command("datasets", "fetch", "toy")
    again = command("datasets", "fetch", "toy")
    assert again.code == 0
    assert again.err == "A toy collection is there already, nothing was fetched\n"
    assert again.out == first.out
    assert rows(again.out)["folder"] == "toy"
    assert served.n_sent == len(ARCHIVE)


def test_keep(command: Command, server, here, monkeypatch):
    let_be_known(toy(server.serve("/toy.tar.gz", Served(ARCHIVE))), monkeypatch)
    done = command("datasets", "fetch", "toy", "-o", "sets/toy", "--keep")
    assert rows(done.out)["archive"] == os.path.join("sets", "toy.tar.gz")  # noqa: PTH118
    assert (here / "sets/toy.tar.gz").read_bytes() == ARCHIVE


def test_an_account_and_from(command: Command, here, monkeypatch):
    let_be_known(toy(Download("http://x.example/toy", account="log in, press A")), monkeypatch)
    refused = command("datasets", "fetch", "toy")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.splitlines() == [
        "error: A toy collection cannot be downloaded without an account",
        "hint: log in, press A; then: generify datasets fetch toy --from FILE",
    ]
    (here / "archive.zip").write_bytes(ARCHIVE)
    done = command("datasets", "fetch", "toy", "--from", "archive.zip")
    assert (done.code, rows(done.out)["folder"]) == (0, "toy")
    assert left_in(here) == ["archive.zip", "toy"]


BAD = {
    "gone": (Served(b"", statuses=[404]), "cannot be had from 127.0.0.1: 404 Not Found"),
    "a page": (Served(b"<html>", content_type="text/html"), "a web page came instead of the"),
    "a page in disguise": (Served(b"<html>"), "toy.tar.gz is a web page, a .zip, .tar"),
    "cut": (Served(ARCHIVE[:-5000]), r"it has [\d,]+ bytes instead of"),
    "other bytes": (Served(bytes([ARCHIVE[0] + 0, *ARCHIVE[1:-1], 7])), "its sha256 is"),
    "circles": (Served(b"", redirect="/toy.tar.gz"), "it redirects in circles"),
}


@pytest.mark.parametrize("kind", BAD)
def test_each_bad_answer_is_one_line_and_a_hint(kind, command: Command, server, here, monkeypatch):
    served, match = BAD[kind]
    let_be_known(toy(server.serve("/toy.tar.gz", served)), monkeypatch)
    failed = command("datasets", "fetch", "toy")
    assert (failed.code, failed.out) == (1, "")
    said = [line for line in failed.err.splitlines() if not line.startswith(("downl", "check"))]
    assert [line.split(":")[0] for line in said] == ["error", "hint"]
    assert re.search(match, said[0])
    assert left_in(here) == []


def test_wrong_usage(command: Command, here):
    unknown = command("datasets", "fetch", "nothing")
    assert unknown.code == 2
    assert "error: no dataset is called 'nothing'" in unknown.err
    assert "hint: known datasets: gtzan" in unknown.err
    assert command("datasets", "fetch").code == 2
    missing = command("datasets", "fetch", "gtzan", "--from", "no.zip")
    assert missing.err.splitlines() == [
        "error: no.zip does not exist; a downloaded archive was expected",
        "hint: check the path",
    ]
    folder = command("datasets", "fetch", "gtzan", "--from", here)
    assert f"hint: a folder needs no fetching: generify datasets verify {here}" in folder.err
    (here / "gtzan").mkdir()
    (here / "gtzan/mine").touch()
    assert "gtzan is not empty, and nothing" in command("datasets", "fetch", "gtzan").err
    assert left_in(here) == ["gtzan"]


def test_help_ends_in_an_example(command: Command):
    shown = command("datasets", "fetch", "--help").out
    assert shown.rstrip().endswith("Try: generify datasets fetch gtzan -o gtzan")
    for option in ("--output", "--from", "--keep", "--no-keep"):
        assert option in shown


def test_requests_waits_until_it_is_needed():
    code = "import generify.cli.datasets_fetch, sys; print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


SCRIPT = f"""
import sys
import generify.datasets
from generify.cli import main
from generify.datasets import DatasetFacts, Download
download = Download(sys.argv.pop(), {len(ARCHIVE)}, {{"sha256": "{SHA256}"}})
facts = DatasetFacts("toy", "Toy", "", "", "", "", (), 12, (download,), "", short_title="Toy")
generify.datasets.dataset_facts = lambda name: facts
main()
"""


def arguments(url: str) -> list[str]:
    return [sys.executable, "-c", SCRIPT, "datasets", "fetch", "toy", url]


@pytest.mark.skipif(os.name != "posix", reason="terminals")
def test_a_terminal_shows_rate_and_time_left(server, here):
    import pty

    served = Served(ARCHIVE, cuts=[100_000])
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        arguments(server.serve("/toy.tar.gz", served)),
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
    ) as running:
        os.close(theirs)
        shown = b""
        # Linux ends a terminal that nobody holds any more with an error.
        while block := read_or_end(ours):
            shown += block
    os.close(ours)
    assert running.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    for what in ("downloading toy.tar.gz from 127.0.0.1", "unpacking toy.tar.gz"):
        assert re.search(rf"{re.escape(what)} .*/36\d\.\d kB .*\d:\d\d:\d\d|{what} .*-:--:--", text)


def read_or_end(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_stopped_and_run_again(number, code, server, here):
    served = Served(ARCHIVE, stalls=[150_000])
    url = server.serve("/toy.tar.gz", served)
    with subprocess.Popen(arguments(url), stderr=subprocess.PIPE, text=True) as running:
        for _ in range(2000):
            if sum(path.stat().st_size for path in here.rglob("*.part")) == 150_000:
                break
            time.sleep(0.01)
        running.send_signal(number)
        said = running.stderr.read() if running.stderr else ""
    assert running.returncode == code
    assert "Traceback" not in said
    assert ("interrupted" in said) == (number == signal.SIGINT)
    assert left_in(here) == [".toy.fetch"]
    again = subprocess.run(arguments(url), capture_output=True, text=True, check=True)
    assert "next      generify datasets verify toy" in again.stdout
    assert served.n_sent == len(ARCHIVE)
    assert left_in(here) == ["toy"]


def test_the_next_command_can_be_pasted(command: Command, server, here, monkeypatch):
    let_be_known(toy(server.serve("/toy.tar.gz", Served(ARCHIVE))), monkeypatch)
    name = "it's; rm -rf $HOME"
    done = command("datasets", "fetch", "toy", "-o", name)
    assert shlex.split(rows(done.out)["next"]) == ["generify", "datasets", "verify", name]
