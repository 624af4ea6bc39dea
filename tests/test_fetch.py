"""Fetching datasets from a local server that cuts, stalls, lies and sends the wrong thing."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faulty_server import FaultyServer, Served, faulty_server
from generify.datasets import DatasetFacts, Download
from generify.datasets.archives import fresh_folder
from generify.datasets.destination import locked_workplace
from generify.datasets.download import DownloadError, Patience, Step, download_file
from generify.datasets.fetch import Fetched, fetch_dataset
from generify.errors import DatasetError
from test_archives import MALICIOUS, PACKERS, files_of

CLIPS = {
    f"genres/{genre}/{genre}.{number:05}.au": np.random.default_rng([number, len(genre)]).bytes(
        30_000
    )
    for genre in ("blues", "jazz", "metal")
    for number in range(4)
}
ARCHIVE = PACKERS["gzip"](CLIPS)
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
QUICK = Patience(n_attempts=3, connect_timeout=20, read_timeout=20, backoff=0)
HASTY = replace(QUICK, n_attempts=2, read_timeout=0.7)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as running:
        yield running


def toy(*downloads: Download | str, **changes: object) -> DatasetFacts:
    known = tuple(
        Download(d, len(ARCHIVE), {"sha256": SHA256}) if isinstance(d, str) else d
        for d in downloads
    )
    facts = DatasetFacts(
        name="toy",
        title="A toy collection",
        summary="3 genres, 4 clips each",
        citation="A. Uthor, 2001",
        licence="none",
        homepage="http://example.org",
        genres=("blues", "jazz", "metal"),
        n_tracks=12,
        downloads=known,
        layout="genres/<genre>/<genre>.NNNNN.au",
        short_title="Toy",
    )
    return replace(facts, **changes)


def fetch(facts: DatasetFacts, folder: Path, **options: object) -> Fetched:
    return fetch_dataset(facts, folder, **{"patience": QUICK, **options})


def assert_whole(folder: Path) -> None:
    found = files_of(folder)
    del found[".generify-fetch.json"]
    assert found == CLIPS


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestWell:
    def test_from_address_to_folder(self, server, tmp_path):
        served = Served(ARCHIVE)
        steps: list[Step] = []
        fetched = fetch(
            toy(server.serve("/toy.tar.gz", served)), tmp_path / "a/toy", progress=steps.append
        )
        assert_whole(tmp_path / "a/toy")
        assert fetched == Fetched(tmp_path / "a/toy", 12, 12 * 30_000)
        assert left_in(tmp_path / "a") == ["toy"]
        assert served.n_sent == len(ARCHIVE)
        assert list(dict.fromkeys(step.what for step in steps)) == [
            "downloading toy.tar.gz from 127.0.0.1",
            "checking toy.tar.gz",
            "unpacking toy.tar.gz",
        ]
        for what in {step.what for step in steps}:
            done = [step.n_done for step in steps if step.what == what]
            assert done == sorted(done)
            assert {step.n_all for step in steps if step.what == what} == {len(ARCHIVE)}
        downloaded = [step.n_done for step in steps if step.what.startswith("downloading")]
        assert (downloaded[0], downloaded[-1]) == (0, len(ARCHIVE))

    def test_the_receipt_says_where_it_came_from(self, server, tmp_path):
        url = server.serve("/toy.tar.gz", Served(ARCHIVE))
        fetch(toy(url), tmp_path / "toy")
        receipt = json.loads((tmp_path / "toy/.generify-fetch.json").read_text())
        assert (receipt["dataset"], receipt["n_files"], receipt["sources"]) == ("toy", 12, [url])

    @pytest.mark.parametrize("packer", PACKERS)
    def test_every_format(self, packer, server, tmp_path):
        data = PACKERS[packer](CLIPS)
        url = server.serve("/archive", Served(data))
        for checksums in ({}, {"md5": hashlib.md5(data).hexdigest()}):
            shutil.rmtree(tmp_path / "toy", ignore_errors=True)
            fetch(toy(Download(url, len(data), checksums)), tmp_path / "toy")
            assert_whole(tmp_path / "toy")

    def test_parts_are_all_needed_and_mirrors_are_not(self, server, tmp_path):
        audio, metadata = Served(ARCHIVE), Served(PACKERS["zip"]({"meta/tracks.csv": b"a,b\n"}))
        facts = toy(
            Download(server.serve("/audio.tar.gz", audio), part="audio"),
            Download(server.serve("/other/audio.tar.gz", Served(b"")), part="audio"),
            Download(server.serve("/meta.zip", metadata), part="metadata"),
        )
        fetched = fetch(facts, tmp_path / "toy")
        assert fetched.n_files == 13
        assert (tmp_path / "toy/meta/tracks.csv").read_bytes() == b"a,b\n"

    def test_redirects_and_names_with_spaces(self, server, tmp_path):
        served = Served(ARCHIVE, cuts=[50_000])
        there = server.serve("/far/away.tar.gz", served)
        first = server.serve("/from", Served(b"", redirect="/to?x=1"))
        server.serve("/to?x=1", Served(b"", redirect=there))
        fetch(toy(first), tmp_path / "my toy")
        assert_whole(tmp_path / "my toy")
        assert served.n_sent == len(ARCHIVE)

    def test_what_is_packed_on_the_way_is_not_unpacked(self, server, tmp_path):
        """Some servers call the gzip of a .tar.gz an encoding of the transfer."""
        served = Served(ARCHIVE, encoding="gzip")
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert served.asked[0]["Accept-Encoding"] == "identity"
        assert_whole(tmp_path / "toy")

    def test_a_server_that_tells_no_length(self, server, tmp_path):
        served = Served(ARCHIVE, tells_length=False)
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert_whole(tmp_path / "toy")

    @pytest.mark.parametrize("keep", [True, False])
    def test_the_archive_is_kept_or_not(self, keep, server, tmp_path):
        url = server.serve("/toy%20one.tar.gz", Served(ARCHIVE))
        fetched = fetch(toy(url), tmp_path / "toy", keep=keep)
        archive = tmp_path / "toy one.tar.gz"
        assert fetched.archives == ((archive,) if keep else ())
        assert left_in(tmp_path) == (["toy", archive.name] if keep else ["toy"])
        assert not keep or archive.read_bytes() == ARCHIVE

    def test_keeping_overwrites_nothing(self, server, tmp_path):
        served = Served(ARCHIVE)
        (tmp_path / "toy.tar.gz").write_text("mine")
        with pytest.raises(DatasetError, match="would take its place") as caught:
            fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy", keep=True)
        assert "--from" in caught.value.hint
        assert (served.n_sent, left_in(tmp_path)) == (0, ["toy.tar.gz"])


class TestResume:
    def test_after_cuts_only_the_rest_is_asked_for(self, server, tmp_path):
        served = Served(ARCHIVE, cuts=[100_000, 50_000, 1, 70_000])
        steps: list[Step] = []
        url = server.serve("/toy.tar.gz", served)
        fetch(toy(url), tmp_path / "toy", progress=steps.append)
        assert_whole(tmp_path / "toy")
        assert served.n_sent == len(ARCHIVE)
        starts = [int(headers["Range"][6:-1]) for headers in served.asked[1:]]
        assert starts == [100_000, 150_000, 150_001, 220_001]
        assert {headers["If-Range"] for headers in served.asked[1:]} == {'"one"'}
        said = [step.what for step in steps if "again" in step.what]
        assert said[0] == "127.0.0.1: the connection was cut; trying again"

    def test_as_long_as_something_comes_it_goes_on(self, server, tmp_path):
        served = Served(ARCHIVE, cuts=[len(ARCHIVE) // 20] * 19)
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert (served.n_sent, len(served.asked)) == (len(ARCHIVE), 20)

    def test_a_stall_is_a_cut(self, server, tmp_path):
        served = Served(ARCHIVE, stalls=[123_457])
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy", patience=HASTY)
        assert_whole(tmp_path / "toy")
        assert served.n_sent == len(ARCHIVE)

    def test_in_a_later_run(self, server, tmp_path):
        served = Served(ARCHIVE, cuts=[100_000, 0, 0, 0])
        facts = toy(server.serve("/toy.tar.gz", served))
        with pytest.raises(DatasetError, match=r"toy.tar.gz cannot be had from") as caught:
            fetch(facts, tmp_path / "toy")
        assert "1 MB are kept in" in caught.value.hint
        assert left_in(tmp_path) == [".toy.fetch"]
        fetch(facts, tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert served.n_sent == len(ARCHIVE)
        assert left_in(tmp_path) == ["toy"]

    def test_a_date_does_where_there_is_no_tag(self, server, tmp_path):
        date = "Wed, 21 Oct 2015 07:28:00 GMT"
        for tag in (None, 'W/"weak"'):
            served = Served(ARCHIVE, tag=tag, date=date, cuts=[100_000])
            fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / f"toy{tag is None}")
            assert served.asked[1]["If-Range"] == date
            assert served.n_sent == len(ARCHIVE)

    def test_with_neither_tag_nor_date(self, server, tmp_path):
        served = Served(ARCHIVE, tag=None, cuts=[100_000])
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert "If-Range" not in served.asked[1]
        assert served.n_sent == len(ARCHIVE)

    def test_a_server_without_ranges_begins_anew(self, server, tmp_path):
        served = Served(ARCHIVE, ranges=False, cuts=[100_000])
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert served.n_sent == 100_000 + len(ARCHIVE)

    def test_a_server_without_ranges_that_always_cuts_ends(self, server, tmp_path):
        served = Served(ARCHIVE, ranges=False, cuts=[100_000] * 10)
        with pytest.raises(DatasetError, match="the connection was cut"):
            fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert len(served.asked) == 1 + QUICK.n_attempts

    def test_a_server_that_gives_another_range_than_asked_for(self, server, tmp_path):
        served = Served(ARCHIVE, wrong_start=True, cuts=[100_000])
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert [headers.get("Range") for headers in served.asked] == [None, "bytes=100000-", None]

    @pytest.mark.parametrize("tag", ['"two"', None])
    def test_a_file_that_changed_is_got_anew(self, tag, server, tmp_path):
        old = Served(gzip.compress(bytes(range(256)) * 1000, 0), cuts=[100_000, 0, 0, 0])
        url = server.serve("/toy.tar.gz", old)
        with pytest.raises(DatasetError, match="cut"):
            fetch(toy(url), tmp_path / "toy")
        new = Served(ARCHIVE, tag=tag)
        server.serve("/toy.tar.gz", new)
        fetch(toy(url), tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert new.n_sent == len(ARCHIVE)

    def test_a_server_that_does_not_know_if_range(self, server, tmp_path):
        """It answers with the rest of another file; tag or size give it away."""
        old = Served(bytes(len(ARCHIVE)), tag='"old"', cuts=[100_000, 0, 0, 0])
        url = server.serve("/toy.tar.gz", old)
        with pytest.raises(DatasetError, match="cut"):
            fetch(toy(url), tmp_path / "toy")
        new = Served(ARCHIVE, tag='"new"')
        new.date = '"old"'  # so that the condition holds
        server.serve("/toy.tar.gz", new)
        fetch(toy(url), tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert "Range" not in new.asked[-1]

    def test_a_file_of_another_size_without_a_tag(self, server, tmp_path):
        old = Served(bytes(2 * len(ARCHIVE)), tag=None, cuts=[100_000, 0, 0, 0])
        url = server.serve("/toy.tar.gz", old)
        with pytest.raises(DatasetError, match="cut"):
            fetch(toy(url), tmp_path / "toy")
        new = Served(ARCHIVE, tag=None)
        server.serve("/toy.tar.gz", new)
        fetch(toy(url), tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert [headers.get("Range") for headers in new.asked] == ["bytes=100000-", None]

    def test_a_file_that_became_shorter(self, server, tmp_path):
        old = Served(bytes(2 * len(ARCHIVE)), tag=None, cuts=[len(ARCHIVE) + 5000, 0, 0, 0])
        url = server.serve("/toy.tar.gz", old)
        with pytest.raises(DatasetError, match="cut"):
            fetch(toy(url), tmp_path / "toy")
        server.serve("/toy.tar.gz", Served(ARCHIVE, tag=None))
        fetch(toy(url), tmp_path / "toy")
        assert_whole(tmp_path / "toy")

    @pytest.mark.parametrize("note", ["", "{", "[]", '{"url": "http://other/"}'])
    def test_a_part_of_unknown_origin_is_not_used(self, note, server, tmp_path):
        path = tmp_path / "toy.tar.gz"
        path.with_name("toy.tar.gz.part").write_bytes(b"rubbish")
        path.with_name("toy.tar.gz.json").write_text(note)
        url = server.serve("/toy.tar.gz", Served(ARCHIVE, tag=None))
        download_file(url, path, patience=QUICK)
        assert path.read_bytes() == ARCHIVE
        assert left_in(tmp_path) == ["toy.tar.gz"]

    def test_all_there_but_its_name(self, server, tmp_path):
        """Killed between the last byte and the renaming."""
        served = Served(ARCHIVE, cuts=[len(ARCHIVE) - 1, 0, 0, 0])
        url, path = server.serve("/toy.tar.gz", served), tmp_path / "toy.tar.gz"
        with pytest.raises(DownloadError, match="cut"):
            download_file(url, path, patience=QUICK)
        with path.with_name("toy.tar.gz.part").open("ab") as part:
            part.write(ARCHIVE[-1:])
        n_asked = len(served.asked)
        download_file(url, path, patience=QUICK)
        assert path.read_bytes() == ARCHIVE
        assert len(served.asked) == n_asked


class TestTheWrongThing:
    def test_404_and_the_next_mirror(self, server, tmp_path):
        served = Served(ARCHIVE)
        facts = toy(f"{server.url}/gone.tar.gz", server.serve("/toy.tar.gz", served))
        fetched = fetch(facts, tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert fetched.warnings == ("skipped 127.0.0.1: 404 Not Found",)

    def test_no_mirror_left(self, server, tmp_path):
        facts = toy(f"{server.url}/gone.tar.gz", f"{server.url}/also.tar.gz")
        with pytest.raises(
            DatasetError,
            match=r"^gone\.tar\.gz cannot be had from 127\.0\.0\.1: 404 Not Found; "
            r"127\.0\.0\.1: 404 Not Found\n",
        ) as caught:
            fetch(facts, tmp_path / "toy")
        assert "--from FILE" in caught.value.hint
        assert left_in(tmp_path) == []

    @pytest.mark.parametrize("status", [401, 403, 410, 451, 204, 299])
    def test_a_status_that_will_not_change_is_asked_once(self, status, server, tmp_path):
        served = Served(ARCHIVE, statuses=[status] * 5)
        with pytest.raises(DatasetError, match=str(status)):
            fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert len(served.asked) == 1

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_a_status_that_may_change_is_asked_again(self, status, server, tmp_path):
        served = Served(ARCHIVE, statuses=[status] * 2)
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert len(served.asked) == 3

    def test_pauses_grow_and_the_server_may_ask_for_more(self, server, tmp_path, monkeypatch):
        pauses: list[float] = []
        monkeypatch.setattr(time, "sleep", pauses.append)
        patience = Patience(n_attempts=5, max_pause=60)
        served = Served(ARCHIVE, statuses=[503] * 4)
        url = server.serve("/toy.tar.gz", served)
        download_file(url, tmp_path / "a", patience=patience)
        assert pauses == [0, 2, 4, 8]
        for asked, pause in (("7", 7), ("100000", 60), ("soon", 0), ("9" * 400, 60)):
            pauses.clear()
            served.statuses, served.retry_after = [503], asked
            steps: list[Step] = []
            download_file(url, tmp_path / f"b{pause}", patience=patience, progress=steps.append)
            assert pauses == [pause]
            (tmp_path / f"b{pause}").unlink()
        assert "503 Service Unavailable; trying again in 60 s" in steps[0].what

    def test_a_web_page(self, server, tmp_path):
        page = b"<!DOCTYPE html><html><body>Please log in</body></html>"
        told = Served(page, content_type="text/html; charset=utf-8")
        untold = Served(page)
        facts = toy(server.serve("/a.tar.gz", told), server.serve("/b.tar.gz", untold))
        with pytest.raises(DatasetError, match=r"a web page came instead.*b.tar.gz is a web page"):
            fetch(facts, tmp_path / "toy")
        assert left_in(tmp_path) == []

    def test_a_web_page_does_not_take_the_place_of_what_has_come(self, server, tmp_path):
        served = Served(ARCHIVE, cuts=[100_000, 0, 0, 0])
        url = server.serve("/toy.tar.gz", served)
        facts = toy(url)
        with pytest.raises(DatasetError, match="cut"):
            fetch(facts, tmp_path / "toy")
        page = Served(b"<html>busy</html>", tag=None, content_type="text/html")
        server.serve("/toy.tar.gz", page)
        with pytest.raises(DatasetError, match="a web page"):
            fetch(facts, tmp_path / "toy")
        server.serve("/toy.tar.gz", served)
        fetch(facts, tmp_path / "toy")
        assert served.n_sent == len(ARCHIVE)

    def test_circles(self, server, tmp_path):
        url = server.serve("/toy.tar.gz", Served(b"", redirect="/toy.tar.gz"))
        with pytest.raises(DatasetError, match="it redirects in circles"):
            fetch(toy(url), tmp_path / "toy")

    @pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://example.org/x", "http://["])
    def test_a_redirect_out_of_the_web(self, to, server, tmp_path):
        url = server.serve("/toy.tar.gz", Served(b"", redirect=to))
        with pytest.raises(DatasetError, match="cannot be had"):
            fetch(toy(url), tmp_path / "toy")
        assert left_in(tmp_path) == []

    def test_a_length_too_short(self, server, tmp_path):
        served = Served(ARCHIVE, claims=1000)
        with pytest.raises(
            DatasetError, match=r"not what was published: it has 1,000 bytes instead of 3"
        ):
            fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert left_in(tmp_path) == []

    def test_a_length_too_long(self, server, tmp_path):
        """After the end nothing comes; asked for the rest, the server says that there is none."""
        served = Served(ARCHIVE, claims=len(ARCHIVE) + 5000)
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert served.n_sent == len(ARCHIVE)

    def test_a_length_that_is_no_number(self, server, tmp_path):
        served = Served(ARCHIVE, claims=-5)
        fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert_whole(tmp_path / "toy")

    def test_flipped_bits(self, server, tmp_path):
        flipped = bytearray(ARCHIVE)
        flipped[1000] ^= 1
        served = Served(bytes(flipped))
        digest = hashlib.sha256(flipped).hexdigest()
        facts = toy(server.serve("/toy.tar.gz", served))
        with pytest.raises(
            DatasetError, match=f"its sha256 is {digest[:12]}… instead of {SHA256[:12]}…"
        ):
            fetch(facts, tmp_path / "toy")
        assert left_in(tmp_path) == []
        server.serve("/toy.tar.gz", Served(ARCHIVE))
        fetch(facts, tmp_path / "toy")
        assert_whole(tmp_path / "toy")

    @pytest.mark.parametrize("checksums", [{}, {"sha256": SHA256}])
    @pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
    @pytest.mark.parametrize("n_good", [0, 1])  # its head is read first, to tell what it is
    def test_a_disk_that_cannot_be_read_for_a_moment_costs_no_download(
        self, n_good, number, checksums, server, tmp_path, monkeypatch
    ):
        served = Served(ARCHIVE)
        facts = toy(Download(server.serve("/toy.tar.gz", served), None, checksums))
        real = Path.open
        n_opened: list[int] = []

        class Unreadable(io.BytesIO):
            def read(self, *_: object) -> bytes:
                raise OSError(number, os.strerror(number))

            readinto = read

        def unreadable(path: Path, mode: str = "r", *rest: object, **options: object) -> object:
            if path.name != "toy.tar.gz" or mode != "rb":
                return real(path, mode, *rest, **options)
            n_opened.append(1)
            return real(path, mode) if len(n_opened) <= n_good else Unreadable(ARCHIVE)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", unreadable)
            with pytest.raises(DatasetError, match=os.strerror(number)) as caught:
                fetch(facts, tmp_path / "toy")
        assert "cannot be had from" not in str(caught.value)
        assert "cannot write" not in str(caught.value)
        fetch(facts, tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert served.n_sent == len(ARCHIVE)

    def test_the_strongest_checksum_decides(self, server, tmp_path):
        right = {name: hashlib.new(name, ARCHIVE).hexdigest() for name in ("md5", "sha1", "sha256")}
        url = server.serve("/toy.tar.gz", Served(ARCHIVE))
        fetch(toy(Download(url, checksums={**right, "md5": "0" * 32})), tmp_path / "a")
        for wrong in ("sha256", "sha1"):
            sums = {name: "0" for name in right if name <= wrong} | {"md5": right["md5"]}
            with pytest.raises(DatasetError, match=f"its {wrong} is"):
                fetch(toy(Download(url, checksums=sums)), tmp_path / "b")

    @pytest.mark.parametrize("packer", PACKERS)
    def test_damage_without_a_checksum(self, packer, server, tmp_path):
        data = PACKERS[packer](CLIPS)
        mirrors = (
            Download(server.serve("/cut", Served(data[: len(data) // 2]))),
            Download(server.serve("/whole", Served(data))),
        )
        fetched = fetch(toy(*mirrors), tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert "skipped 127.0.0.1: cut is damaged or cut" in fetched.warnings[0]

    def test_another_size_without_a_checksum_is_a_warning(self, server, tmp_path):
        url = server.serve("/toy.tar.gz", Served(ARCHIVE))
        n_bytes = len(ARCHIVE)
        fetched = fetch(toy(Download(url, n_bytes + 7)), tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert fetched.warnings == (
            f"toy.tar.gz may be another edition, it has {n_bytes:,} bytes instead of "
            f"{n_bytes + 7:,}: verify tells what is in it",
        )

    @pytest.mark.parametrize("kind", MALICIOUS)
    @pytest.mark.parametrize("checked", [True, False])
    def test_malicious_archives(self, kind, checked, server, tmp_path):
        data = MALICIOUS[kind][0]()
        sums = {"sha256": hashlib.sha256(data).hexdigest()} if checked else {}
        (tmp_path / "here").mkdir()
        url = server.serve("/toy", Served(data))
        with pytest.raises(DatasetError, match=r"toy is (not safe|damaged)"):
            fetch(toy(Download(url, len(data), sums)), tmp_path / "here/toy")
        assert not (tmp_path / "here/toy").exists()
        assert left_in(tmp_path) == ["here"]
        # What was checked and is unsafe all the same stays, as it would be the same again.
        outside = {path.split("/")[1] for path in files_of(tmp_path)}
        assert outside <= {".toy.fetch"}

    def test_an_archive_of_nothing(self, server, tmp_path):
        url = server.serve("/toy.zip", Served(PACKERS["zip"]({})))
        with pytest.raises(DatasetError, match=r"there are no files in toy\.zip"):
            fetch(toy(Download(url)), tmp_path / "toy")
        assert not (tmp_path / "toy").exists()


class TestNoNetwork:
    def test_nobody_listens(self, tmp_path):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/toy.tar.gz"
        with pytest.raises(DatasetError, match=r"it cannot be reached \(Connection refused\)"):
            fetch(toy(url), tmp_path / "toy")
        assert left_in(tmp_path) == []

    def test_no_name(self, tmp_path, monkeypatch):
        def fail(*arguments: object, **options: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        pauses: list[float] = []
        monkeypatch.setattr(time, "sleep", pauses.append)
        monkeypatch.setattr(socket, "getaddrinfo", fail)
        told = "its name cannot be found; is there a network?"
        facts = toy("https://nowhere.example/toy.tar.gz", "https://no.example/toy.tar.gz")
        with pytest.raises(DatasetError) as caught:
            fetch_dataset(facts, tmp_path / "toy")
        assert f"from nowhere.example: {told}; no.example: {told}" in str(caught.value)
        assert pauses == []

    def test_a_network_that_is_lost_on_the_way_is_waited_for(self, server, tmp_path, monkeypatch):
        """The name is found, half of the file comes, then no name is found twice."""
        find, asked, pauses = socket.getaddrinfo, [], []

        def fail_later(*arguments: object, **options: object) -> object:
            asked.append(arguments)
            if len(asked) in (2, 3):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return find(*arguments, **options)

        monkeypatch.setattr(time, "sleep", pauses.append)
        monkeypatch.setattr(socket, "getaddrinfo", fail_later)
        facts = toy(server.serve("/toy.tar.gz", Served(ARCHIVE, cuts=[len(ARCHIVE) // 2])))
        fetch_dataset(facts, tmp_path / "toy")
        assert pauses == [0, 0, 2]
        assert_whole(tmp_path / "toy")

    def test_no_answer(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/toy.tar.gz"
            with pytest.raises(DatasetError, match=r"127\.0\.0\.1: it stopped sending"):
                fetch(toy(url), tmp_path / "toy", patience=HASTY)

    def test_hanging_up_without_an_answer(self, server, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/toy.tar.gz"
            listening.listen(0)
            patience = replace(QUICK, n_attempts=1)
            listening.shutdown(socket.SHUT_RDWR)
            with pytest.raises(DatasetError, match=r"cannot be reached|was cut"):
                fetch(toy(url), tmp_path / "toy", patience=patience)

    def test_no_encryption(self, server, tmp_path):
        url = server.serve("/toy.tar.gz", Served(ARCHIVE)).replace("http:", "https:")
        with pytest.raises(DatasetError, match="its certificate cannot be trusted"):
            fetch(toy(url), tmp_path / "toy")

    def test_an_address_that_was_dead_gets_one_attempt_and_comes_last(self, server, tmp_path):
        dead, alive = Served(ARCHIVE, statuses=[503] * 9), Served(ARCHIVE, statuses=[503] * 9)
        facts = toy(
            Download(server.serve("/dead.tar.gz", dead), works=False),
            Download(server.serve("/toy.tar.gz", alive)),
        )
        with pytest.raises(DatasetError, match=r"^toy\.tar\.gz cannot be had"):
            fetch(facts, tmp_path / "toy")
        assert (len(dead.asked), len(alive.asked)) == (1, QUICK.n_attempts)

    def test_without_requests(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "requests", None)
        with pytest.raises(ImportError, match="needs requests") as caught:
            fetch(toy("http://example.org/toy.tar.gz"), tmp_path / "toy")
        assert "generify[datasets]" in caught.value.hint
        assert left_in(tmp_path) == []


class TestGiven:
    @pytest.fixture
    def archive(self, tmp_path: Path) -> Path:
        path = tmp_path / "downloads" / "my archive (1).zip"
        path.parent.mkdir()
        path.write_bytes(PACKERS["zip"](CLIPS))
        return path

    def test_where_it_takes_an_account(self, archive, tmp_path, monkeypatch):
        facts = toy(Download("https://kaggle.example/toy", account="log in and click Download"))
        with pytest.raises(DatasetError, match="cannot be downloaded without an account") as caught:
            fetch(facts, tmp_path / "toy")
        assert caught.value.hint == (
            "log in and click Download; then: generify datasets fetch toy --from FILE"
        )
        assert left_in(tmp_path) == ["downloads"]
        monkeypatch.setitem(sys.modules, "requests", None)  # not needed
        fetched = fetch(facts, tmp_path / "toy", archives=[archive], keep=True)
        assert_whole(tmp_path / "toy")
        assert archive.exists()
        assert (fetched.warnings, fetched.archives) == ((), ())
        assert left_in(tmp_path) == ["downloads", "toy"]

    def test_what_takes_an_account_is_no_mirror(self, server, tmp_path):
        facts = toy(
            Download("https://kaggle.example/toy", account="log in"),
            server.serve("/toy.tar.gz", Served(ARCHIVE)),
        )
        fetch(facts, tmp_path / "toy")
        assert_whole(tmp_path / "toy")

    def test_another_edition_is_taken_with_a_warning(self, archive, tmp_path):
        n_bytes = archive.stat().st_size
        fetched = fetch(toy("http://x.example/toy.tar.gz"), tmp_path / "toy", archives=[archive])
        assert_whole(tmp_path / "toy")
        assert fetched.warnings == (
            f"my archive (1).zip may be another edition, it has {n_bytes:,} bytes instead of "
            f"{len(ARCHIVE):,}: verify tells what is in it",
        )

    @pytest.mark.parametrize("data", [ARCHIVE, PACKERS["zip"](CLIPS)])
    def test_one_of_the_known_editions_is_taken_silently(self, data, archive, tmp_path):
        archive.write_bytes(data)
        facts = toy(
            Download("http://x.example/a.zip", n_bytes=len(PACKERS["zip"](CLIPS))),
            "http://x.example/b.tar.gz",
        )
        assert fetch(facts, tmp_path / "toy", archives=[archive]).warnings == ()

    def test_a_damaged_one_is_refused_and_left_where_it_is(self, archive, tmp_path):
        archive.write_bytes(archive.read_bytes()[:-5000])
        with pytest.raises(DatasetError, match="is damaged or cut"):
            fetch(toy("http://x.example/a"), tmp_path / "toy", archives=[archive])
        assert archive.exists()
        assert left_in(tmp_path) == ["downloads"]

    def test_of_several_parts_each_is_told_by_its_name(self, archive, server, tmp_path):
        meta = archive.with_name("meta.zip")
        meta.write_bytes(PACKERS["zip"]({"meta/tracks.csv": b"x"}))
        facts = toy(
            Download(server.serve("/audio.tar.gz", Served(ARCHIVE)), part="audio"),
            Download("http://x.example/meta.zip", part="metadata"),
        )
        assert fetch(facts, tmp_path / "toy", archives=[meta]).n_files == 13
        with pytest.raises(DatasetError, match=r"my archive \(1\)\.zip is no archive of A") as bad:
            fetch(facts, tmp_path / "b", archives=[archive])
        assert bad.value.hint == "its archives are called audio.tar.gz, meta.zip"

    def test_one_too_many(self, archive, tmp_path):
        with pytest.raises(DatasetError, match="is one too many of A toy"):
            fetch(toy("http://x.example/a"), tmp_path / "toy", archives=[archive, archive])

    def test_no_file(self, archive, tmp_path):
        for path, what in (
            (archive.parent, "is a folder"),
            (tmp_path / "no", "does not exist"),
            (Path(os.devnull), "is no file"),
        ):
            with pytest.raises(DatasetError, match=f"{what}; a downloaded archive was expected"):
                fetch(toy("http://x.example/a"), tmp_path / "toy", archives=[path])

    def test_nobody_offers_it(self, tmp_path):
        with pytest.raises(DatasetError, match="nobody offers A toy collection"):
            fetch(toy(), tmp_path / "toy")


class TestTheFolder:
    def test_complete_already(self, server, tmp_path):
        served = Served(ARCHIVE)
        facts = toy(server.serve("/toy.tar.gz", served))
        fetch(facts, tmp_path / "toy")
        (tmp_path / "toy/mine.txt").write_text("added since")
        again = fetch(facts, tmp_path / "toy")
        assert (again.is_new, again.n_files) == (False, 13)
        assert served.n_sent == len(ARCHIVE)

    @pytest.fixture
    def killed(self, server, tmp_path, monkeypatch) -> DatasetFacts:
        """A dataset whose run was killed when only its workplace was still to be removed."""
        facts = toy(server.serve("/toy.tar.gz", Served(ARCHIVE)))
        with monkeypatch.context() as patch:
            patch.setattr("generify.datasets.fetch._remove_but_lock", lambda work: None)
            fetch(facts, tmp_path / "toy")
        assert left_in(tmp_path) == [".toy.fetch", "toy"]
        return facts

    @pytest.mark.parametrize("keep", [True, False])
    def test_complete_but_killed_before_it_tidied_up(self, keep, killed, tmp_path):
        again = fetch(killed, tmp_path / "toy", keep=keep)
        archive = tmp_path / "toy.tar.gz"
        assert (again.is_new, again.n_files) == (False, 12)
        assert again.archives == ((archive,) if keep else ())
        assert left_in(tmp_path) == (["toy", archive.name] if keep else ["toy"])
        assert not keep or archive.read_bytes() == ARCHIVE
        assert_whole(tmp_path / "toy")

    def test_tidying_up_overwrites_nothing(self, killed, tmp_path):
        (tmp_path / "toy.tar.gz").write_text("mine")
        with pytest.raises(DatasetError, match="would take its place"):
            fetch(killed, tmp_path / "toy", keep=True)
        assert (tmp_path / "toy.tar.gz").read_text() == "mine"
        fetch(killed, tmp_path / "toy")
        assert left_in(tmp_path) == ["toy", "toy.tar.gz"]

    @pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS])
    def test_a_file_system_that_knows_no_locks(self, error, server, tmp_path, monkeypatch, recwarn):
        fcntl = pytest.importorskip("fcntl")

        def refuse(fd, how):
            raise OSError(error, os.strerror(error))

        monkeypatch.setattr(fcntl, "flock", refuse)
        assert fetch(toy(server.serve("/toy.tar.gz", Served(ARCHIVE))), tmp_path / "toy").is_new
        assert left_in(tmp_path) == ["toy"]

    def test_another_run_tidies_up_itself(self, killed, tmp_path):
        with (
            locked_workplace(tmp_path / ".toy.fetch", "toy"),
            pytest.raises(DatasetError, match="is being fetched into this place already"),
        ):
            fetch(killed, tmp_path / "toy")

    def test_what_a_killed_run_left_may_not_be_ours_to_remove(self, killed, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        assert not fetch(killed, tmp_path / "toy").is_new
        assert left_in(tmp_path) == [".toy.fetch", "toy"]

    def test_files_lost_since(self, server, tmp_path):
        facts = toy(server.serve("/toy.tar.gz", Served(ARCHIVE)))
        fetch(facts, tmp_path / "toy")
        (tmp_path / "toy/genres/blues/blues.00000.au").unlink()
        with pytest.raises(DatasetError, match="has lost files: 11 of 12 are left") as caught:
            fetch(facts, tmp_path / "toy")
        assert "generify datasets verify" in caught.value.hint

    def test_another_dataset(self, server, tmp_path):
        facts = toy(server.serve("/toy.tar.gz", Served(ARCHIVE)))
        fetch(facts, tmp_path / "toy")
        with pytest.raises(DatasetError, match="holds toy, not gtzan"):
            fetch(replace(facts, name="gtzan"), tmp_path / "toy")

    @pytest.mark.parametrize("receipt", [None, "", "{}", "[]", '{"dataset": 5, "n_files": "x"}'])
    def test_something_else_in_it(self, receipt, server, tmp_path):
        served = Served(ARCHIVE)
        (tmp_path / "toy").mkdir()
        (tmp_path / "toy/thesis.txt").write_text("precious")
        if receipt is not None:
            (tmp_path / "toy/.generify-fetch.json").write_text(receipt)
        before = files_of(tmp_path)
        with pytest.raises(DatasetError, match="is not empty, and nothing is fetched into it"):
            fetch(toy(server.serve("/toy.tar.gz", served)), tmp_path / "toy")
        assert (files_of(tmp_path), served.n_sent) == (before, 0)

    def test_an_empty_folder_and_a_link_to_one(self, server, tmp_path):
        facts = toy(server.serve("/toy.tar.gz", Served(ARCHIVE)))
        (tmp_path / "empty").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "empty")
        fetch(facts, tmp_path / "link")
        assert_whole(tmp_path / "empty")

    def test_the_folder_one_is_in(self, server, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(DatasetError, match="is the folder you are in") as caught:
            fetch(toy("http://x.example/a"), Path())
        assert caught.value.hint.endswith(f"-o {tmp_path / 'toy'}")

    def test_a_file_in_its_place(self, tmp_path):
        (tmp_path / "toy").touch()
        with pytest.raises(DatasetError, match="toy is a file; a folder was expected"):
            fetch(toy("http://x.example/a"), tmp_path / "toy")
        with pytest.raises(DatasetError, match=r"toy.*Not a directory"):
            fetch(toy("http://x.example/a"), tmp_path / "toy/below")

    def test_no_permission(self, tmp_path, monkeypatch):
        real = Path.mkdir

        def mkdir(path: Path, *arguments: object, **options: object) -> None:
            if path.name == ".toy.fetch":
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            real(path, *arguments, **options)

        monkeypatch.setattr(Path, "mkdir", mkdir)
        with pytest.raises(
            DatasetError, match=r"cannot write into .*: Permission denied"
        ) as caught:
            fetch(toy("http://x.example/a"), tmp_path / "toy")
        assert "may write to" in caught.value.hint

    @pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder nobody can write")
    def test_a_file_system_that_cannot_be_written(self):
        with pytest.raises(DatasetError, match="cannot write into /proc"):
            fetch(toy("http://x.example/a"), Path("/proc/toy"))

    def test_two_at_once(self, server, tmp_path):
        served = Served(ARCHIVE)
        facts = toy(server.serve("/toy.tar.gz", served))
        refused: list[str] = []

        def again(step: Step) -> None:
            if not refused:
                with pytest.raises(
                    DatasetError, match="is being fetched into this place already"
                ) as caught:
                    fetch(facts, tmp_path / "toy")
                refused.append(str(caught.value))

        fetch(facts, tmp_path / "toy", progress=again)
        assert len(refused) == 1
        assert_whole(tmp_path / "toy")
        assert left_in(tmp_path) == ["toy"]


class TestRoom:
    @pytest.fixture
    def free(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """How much room the disk has."""
        room = [10**12]
        usage = shutil.disk_usage
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=room[0]))
        return room

    def test_too_little_for_archive_and_files(self, free, server, tmp_path):
        served = Served(ARCHIVE)
        facts = toy(server.serve("/toy.tar.gz", served))
        free[0] = 2 * len(ARCHIVE) - 1
        with pytest.raises(DatasetError, match="has 1 MB free, and at least 1 MB are needed"):
            fetch(facts, tmp_path / "toy")
        assert (served.asked, left_in(tmp_path)) == ([], [])
        free[0] += 1
        fetch(facts, tmp_path / "toy")

    def test_what_has_come_counts(self, free, server, tmp_path):
        served = Served(ARCHIVE, cuts=[100_000, 0, 0, 0])
        facts = toy(server.serve("/toy.tar.gz", served))
        with pytest.raises(DatasetError, match="cut"):
            fetch(facts, tmp_path / "toy")
        free[0] = 2 * len(ARCHIVE) - 100_000
        fetch(facts, tmp_path / "toy")
        assert_whole(tmp_path / "toy")

    def test_a_file_larger_than_it_was_said_to_be(self, free, server, tmp_path):
        served = Served(ARCHIVE)
        free[0] = len(ARCHIVE) - 1
        with pytest.raises(DatasetError, match="has 1 MB free"):
            fetch(toy(Download(server.serve("/toy.tar.gz", served), 1000)), tmp_path / "toy")
        assert left_in(tmp_path) == []

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_disk_that_gets_full(self, server, tmp_path):
        url, path = server.serve("/toy.tar.gz", Served(ARCHIVE)), tmp_path / "toy.tar.gz"
        (tmp_path / "toy.tar.gz.part").symlink_to("/dev/full")
        (tmp_path / "toy.tar.gz.json").write_text(json.dumps({"url": url}))
        with pytest.raises(DatasetError, match=r"cannot write .*part: No space left") as caught:
            download_file(url, path, patience=QUICK)
        assert not isinstance(caught.value, DownloadError)
        assert "the same command then goes on" in caught.value.hint
        assert not path.exists()

    def test_a_disk_that_gets_full_while_unpacking(self, server, tmp_path, monkeypatch):
        served = Served(ARCHIVE)
        facts = toy(server.serve("/toy.tar.gz", served))

        def full(*arguments: object, **options: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr("generify.datasets.archives._write", full)
            with pytest.raises(DatasetError, match="No space left") as caught:
                fetch(facts, tmp_path / "toy")
        assert "1 MB are kept in" in caught.value.hint
        assert not (tmp_path / "toy").exists()
        fetch(facts, tmp_path / "toy")
        assert_whole(tmp_path / "toy")
        assert served.n_sent == len(ARCHIVE)


SCRIPT = """
import sys
from generify.datasets import DatasetFacts, Download
from generify.datasets.fetch import fetch_dataset
url, folder, n_bytes, sha256 = sys.argv[1:]
facts = DatasetFacts("toy", "", "", "", "", "", (), 12,
                     (Download(url, int(n_bytes), {"sha256": sha256}),), "", short_title="Toy")
print(fetch_dataset(facts, folder, progress=lambda step: print(step.what, flush=True)))
"""


def wait_for(what: object) -> None:
    for _ in range(2000):
        if what():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen in 20 s")


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
class TestStopped:
    def start(self, url: str, folder: Path) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", SCRIPT, url, str(folder), str(len(ARCHIVE)), SHA256]
        return subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def test_while_downloading(self, number, server, tmp_path):
        n_first = 200_000
        served = Served(ARCHIVE, stalls=[n_first])
        url = server.serve("/toy.tar.gz", served)
        with self.start(url, tmp_path / "toy") as running:
            wait_for(lambda: sum(p.stat().st_size for p in tmp_path.rglob("*.part")) == n_first)
            running.send_signal(number)
        assert not (tmp_path / "toy").exists()
        with self.start(url, tmp_path / "toy") as again:
            assert again.wait(60) == 0
        assert_whole(tmp_path / "toy")
        assert served.n_sent == len(ARCHIVE)
        assert served.asked[1]["Range"] == f"bytes={n_first}-"
        assert left_in(tmp_path) == ["toy"]

    def test_while_unpacking(self, number, server, tmp_path, monkeypatch):
        served = Served(ARCHIVE)
        url = server.serve("/toy.tar.gz", served)
        slow = SCRIPT.replace(
            "url, folder", "from generify.datasets import archives\n"
            "import time\nreal = archives._write\n"
            "def write(*a):\n    time.sleep(0.2)\n    return real(*a)\n"
            "archives._write = write\nurl, folder", 1,
        )  # fmt: skip
        monkeypatch.setattr(sys.modules[__name__], "SCRIPT", slow)
        with self.start(url, tmp_path / "toy") as running:
            wait_for(lambda: len(list(tmp_path.rglob("unpacked/**/*.au"))) > 2)
            running.send_signal(number)
        assert not (tmp_path / "toy").exists()
        monkeypatch.undo()
        monkeypatch.setenv("NO_PROXY", "*")
        with self.start(url, tmp_path / "toy") as again:
            assert again.wait(60) == 0
        assert_whole(tmp_path / "toy")
        assert served.n_sent == len(ARCHIVE)
        assert left_in(tmp_path) == ["toy"]


def test_fresh_folder_is_what_fetch_uses(server, tmp_path, monkeypatch):
    """Nothing is under the final name until all is."""
    seen: list[bool] = []
    facts = toy(server.serve("/toy.tar.gz", Served(ARCHIVE)))
    fetch(facts, tmp_path / "toy", progress=lambda step: seen.append((tmp_path / "toy").exists()))
    assert seen
    assert not any(seen)
    assert fresh_folder.__module__ == "generify.datasets.archives"
