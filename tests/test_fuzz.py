"""Damaged files: none ends the program, hangs, takes too much memory or goes without an answer.

Here 500 songs and some of everything else, each time the same; ``make fuzz`` damages more.
"""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
import soundfile

from fuzz.cases import fuzz_data
from fuzz.mutations import mutate, parts, with_checksums
from fuzz.seeds import SECONDS, encode, make_seeds, sound
from fuzz.songs import Plan, fuzz_songs
from fuzz.targets import TARGETS
from generify.audio import load_audio
from generify.cache import FeatureCache, make_key
from generify.datasets.manifest import read_manifest
from generify.decoders import PyavDecoder
from generify.errors import DatasetError
from generify.results import ResultsError, read_song_results
from generify.scan.journal import Journal
from generify.table import load_table

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="measures with /proc and signals")


@pytest.fixture(scope="module")
def seeds() -> dict[str, bytes]:
    return make_seeds()


def test_damaged_songs_are_answered_or_fail_by_name() -> None:
    report = fuzz_songs(Plan(count=500, seed=1, budget=600, n_processes=2))
    assert report.findings == []
    assert report.total.n_files == 500
    assert report.total.n_answered > 150  # else the damage says nothing of decoders
    assert report.total.failed["AudioDecodeError"] > 100


@pytest.mark.parametrize("name", TARGETS)
def test_other_damaged_files_are_read_or_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuzz.cases.TARGETS", {name: TARGETS[name]})
    outcome = fuzz_data(40, seed=3)[name]
    assert outcome.findings == []
    assert outcome.n_files == 40
    assert outcome.n_read + outcome.refused.total() == 40


# ------------------------------------------------------------------ the tools themselves


def test_seeds_are_whole(seeds: dict[str, bytes], tmp_path: Path) -> None:
    assert len(seeds) >= 40
    for name, content in seeds.items():
        path = tmp_path / name
        path.write_bytes(content)
        audio = load_audio(path)
        assert audio.duration == pytest.approx(SECONDS, abs=0.12), name
        assert audio.warnings == (), name


def test_seeds_are_the_same_each_time(seeds: dict[str, bytes]) -> None:
    """Encoders draw numbers for streams, and note the time; the same seed must give the same."""
    again = make_seeds()
    assert [name for name in seeds if again[name] != seeds[name]] == []
    wav = seeds["wav-float"]
    peak = wav.index(b"PEAK")
    assert wav[peak + 12 : peak + 16] == bytes(4)


def test_parts_lie_within_the_file(seeds: dict[str, bytes]) -> None:
    for name, content in seeds.items():
        found = parts(content)
        assert found, name
        for part in found:
            assert 0 <= part.start <= part.end <= len(content), name
            for at, size, _ in part.numbers:
                assert 0 <= at <= at + size <= len(content), name


def test_damage_follows_from_the_seed(seeds: dict[str, bytes]) -> None:
    content = seeds["m4a"]
    once = [mutate(content, random.Random(f"{i}")) for i in range(50)]
    assert once == [mutate(content, random.Random(f"{i}")) for i in range(50)]
    assert len({data for data, _ in once}) > 45


def test_checksums_of_pages_are_those_of_the_encoder() -> None:
    vorbis = io.BytesIO()
    soundfile.write(vorbis, sound(rate=48000), 48000, format="OGG", subtype="VORBIS")
    encoded = [encode(sound(rate=48000), codec, "ogg", 48000) for codec in ("flac", "libopus")]
    for song in (vorbis.getvalue(), *encoded):
        assert with_checksums(song) == song
        spoilt = song[:22] + b"\0\0\0\0" + song[26:]
        assert spoilt != song
        assert with_checksums(spoilt) == song


# ------------------------------------------------------------------ what was found


class Stubborn:
    """A demuxer that cannot be moved, not even back."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def seek(self, target: int, **_: object) -> None:
        self.asked.append(target)
        raise av.error.PermissionError(1, "Operation not permitted")


def test_a_demuxer_that_cannot_be_moved() -> None:
    """Met with damaged M4A, Opus and FLAC files that claim to be long."""
    stream = SimpleNamespace(time_base=Fraction(1, 1000), start_time=None)
    stubborn = Stubborn()
    PyavDecoder._seek(stubborn, stream, 10.0)
    assert stubborn.asked == [10_000, 0]


class Late:
    """A demuxer that meets a stream which it did not see at the beginning."""

    def __init__(self) -> None:
        self.n_asked = 0

    def demux(self, _: object) -> Iterator[str]:
        self.n_asked += 1
        if self.n_asked == 1:
            yield "first"
            raise IndexError("list index out of range")  # PyAV 18.1
        yield "second"


def test_a_stream_that_begins_late() -> None:
    """Met with a damaged FLV file."""
    faults: list[str] = []
    assert list(PyavDecoder()._packets(Late(), None, faults)) == ["first", "second"]
    assert faults == ["list index out of range"]


@pytest.mark.parametrize("suffix", [".json", ".ndjson"])
def test_results_of_lists_in_lists(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"deep{suffix}"
    path.write_text("[" * 100_000)
    with pytest.raises(ResultsError, match=r"holds no results of Generify: .*maximum recursion"):
        list(read_song_results(path))


def test_a_journal_of_lists_in_lists(tmp_path: Path) -> None:
    path = tmp_path / "deep.part"
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(ResultsError, match="is no journal of a scan"):
        Journal(path)


def test_a_cache_entry_of_lists_in_lists(tmp_path: Path) -> None:
    import hashlib

    key = make_key("deep")
    path = tmp_path / key[:2] / f"{key[2:]}.entry"
    path.parent.mkdir()
    notes = b"[" * 100_000
    body = len(notes).to_bytes(4, "big") + notes
    path.write_bytes(hashlib.blake2b(body, digest_size=16).digest() + body)
    assert FeatureCache(tmp_path).get(key) is None


def test_a_table_whose_names_are_no_text(tmp_path: Path) -> None:
    target = TARGETS["feature table"]
    (content,) = target.seeds(tmp_path)
    path = tmp_path / "spoilt.parquet"
    at = content.index(b"jazz/0")
    path.write_bytes(content[:at] + b"ja\x80z/0" + content[at + 6 :])
    with pytest.raises(DatasetError, match=r"spoilt\.parquet"):
        load_table(path)


def test_a_table_with_a_column_twice(tmp_path: Path) -> None:
    from pyarrow import parquet

    (content,) = TARGETS["feature table"].seeds(tmp_path)
    path = tmp_path / "twice.parquet"
    path.write_bytes(content)
    table = parquet.read_table(path)
    parquet.write_table(table.append_column("genre", table["genre"]), path)
    with pytest.raises(DatasetError, match=r"twice\.parquet has more than one column genre"):
        load_table(path)


def test_a_manifest_with_a_path_too_long(tmp_path: Path) -> None:
    path = tmp_path / "songs.csv"
    path.write_text("path,genre\n" + "x" * 5000 + ",jazz\n")
    with pytest.raises(DatasetError, match=r"has no usable row; .*File name too long"):
        read_manifest(path)
