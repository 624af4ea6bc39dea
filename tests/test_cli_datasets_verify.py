"""``generify datasets verify`` and ``duplicates`` as a person sees them."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import Command
from generify.verification import Finding, VerificationReport

RATE = 8000


def song(seed: int, seconds: float = 10) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(RATE // 5) / RATE
    chords = rng.uniform(100, 3000, (round(seconds * 5), 4))
    notes = [np.exp(-5 * t) * np.sin(2 * np.pi * np.outer(c, t)).sum(0) for c in chords]
    return 0.1 * np.concatenate(notes) + 0.003 * rng.normal(size=len(notes) * len(t))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two genres of two songs, nothing wrong with them."""
    for seed, name in enumerate(("jazz/a", "jazz/b", "rock/c", "rock/d")):
        path = tmp_path / "songs" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, song(seed), RATE)
    return tmp_path / "songs"


class TestVerify:
    def test_nothing_wrong(self, command: Command, folder: Path):
        outcome = command("datasets", "verify", folder)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.splitlines() == [
            "songs: 4 songs heard, 40 s, most of 10 s",
            "nothing wrong was found",
        ]

    def test_a_table_of_findings(self, command: Command, folder: Path):
        (folder / "rock/e.wav").write_text("not yet\n", encoding="utf-8")
        shutil.copy(folder / "jazz/a.wav", folder / "jazz/f.wav")
        outcome = command("datasets", "verify", folder)
        assert outcome.code == 1
        rows = [line.split() for line in outcome.out.splitlines()]
        assert ["finding", "track", "what"] in rows
        assert ["misnamed", "rock/e", "is", "a", "text,", "no", "audio"] in rows
        assert ["duplicate", "jazz/f", "the", "same", "samples", "as", "jazz/a"] in rows
        assert outcome.out.splitlines()[-1] == "found: 1 misnamed, 1 duplicate"

    def test_what_the_decoders_said_is_for_programs(self, command: Command, folder: Path):
        (folder / "rock/e.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(30))
        outcome = command("datasets", "verify", folder)
        (row,) = [line for line in outcome.out.splitlines() if "rock/e" in line]
        assert row.split("rock/e")[1].strip() == "looks like WAV but cannot be decoded"
        (whole,) = json.loads(command("datasets", "verify", folder, "--format", "json").out)
        (found,) = whole["findings"]
        assert "cannot be decoded (soundfile: " in found["detail"]

    def test_a_part_of_a_published_dataset(self, command: Command, folder: Path):
        for number, name in enumerate(sorted(folder.rglob("*.wav"))):
            genre = name.parent.name
            name.rename(name.with_name(f"{genre}.{number:05d}.wav"))
        outcome = command("datasets", "verify", folder)
        assert (outcome.code, outcome.err) == (0, "")
        part = (
            "4 of 1,000 published tracks are here; not here: 98 jazz, 98 rock; all blues, "
            "classical, country, disco, hiphop, metal, pop, reggae"
        )
        assert outcome.out.splitlines() == [
            "GTZAN genre collection: 4 songs heard, 40 s, most of 10 s",
            part,
            "nothing wrong was found",
        ]
        lines = command("datasets", "verify", folder, "--format", "ndjson")
        assert (lines.code, lines.out, lines.err) == (0, "", f"{part}\n")

    @pytest.mark.parametrize(("n_missing", "rows"), [
        (50, [f"missing rock.000{n} rock" for n in range(50, 100)]),
        (51, ["missing 51 tracks rock"]),
    ])  # fmt: skip
    def test_many_missing_tracks_are_named_and_very_many_are_one_row(
        self, command: Command, tmp_path: Path, n_missing: int, rows: list[str], monkeypatch
    ):
        report = VerificationReport(
            "gtzan", "gtzan", "GTZAN genre collection", 1000, 1000 - n_missing,
            tuple(Finding("missing", f"rock.{n:05d}", detail="rock")
                  for n in range(100 - n_missing, 100)),
            {"rock": 100 - n_missing}, n_here=1000 - n_missing,
        )  # fmt: skip
        monkeypatch.setattr("generify.verification.verify_dataset", lambda *_, **__: report)
        outcome = command("datasets", "verify", tmp_path)
        assert outcome.code == 1
        lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
        assert lines[0].startswith("GTZAN genre collection, 1,000 tracks when complete: ")
        assert [line for line in lines if line.startswith("missing")] == rows

    def test_json_holds_all(self, command: Command, folder: Path):
        (folder / "rock/e.wav").write_text("not yet\n", encoding="utf-8")
        outcome = command("datasets", "verify", folder, "--format", "json")
        (report,) = json.loads(outcome.out)
        assert (report["n_files"], report["n_heard"]) == (5, 4)
        table = command("datasets", "verify", folder)
        assert table.out.startswith("songs: 4 of 5 songs heard, 40 s, most of 10 s\n")
        assert report["n_of_kind"] == {"misnamed": 1}
        assert report["findings"] == [
            {
                "kind": "misnamed",
                "track": "rock/e",
                "path": str(folder / "rock/e.wav"),
                "detail": "is a text, no audio",
                "known": "",
            }
        ]

    def test_csv_and_lines_of_json_hold_a_finding_each(self, command, folder, tmp_path):
        (folder / "rock/e.wav").touch()
        (folder / "rock/f.wav").write_text("not yet\n", encoding="utf-8")
        lines = command("datasets", "verify", folder, "--format", "ndjson").out.splitlines()
        output = tmp_path / "found.csv"
        outcome = command("datasets", "verify", folder, "-o", output)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err == f"wrote {output}: 2 findings\n"
        with output.open(encoding="utf-8", newline="") as stream:
            assert list(csv.DictReader(stream)) == [json.loads(line) for line in lines]

    def test_published_faults_are_told_apart(self, command: Command, tmp_path: Path):
        for n, name in enumerate(("reggae.00081", "reggae.00082", "reggae.00086")):
            path = tmp_path / "genres/reggae" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, song(n // 2), RATE)
        outcome = command("datasets", "verify", tmp_path, "--format", "json")
        (report,) = json.loads(outcome.out)
        assert report["n_of_kind"] == {"duplicate": 1, "fault": 1}
        assert (report["n_here"], report["is_part"]) == (3, True)
        assert report["n_missing_of_genre"]["reggae"] == 97
        known = [f["known"] for f in report["findings"]]
        assert known == ["a published pair", "mostly noise"]

    @pytest.mark.parametrize(("arguments", "code", "text"), [
        (["nowhere"], 2, "nowhere does not exist; a folder was expected"),
        ([".", "--dataset", "gtsan"], 2, "no dataset is called 'gtsan'"),
        ([".", "-o", "found.txt"], 2, "found.txt does not say how to write"),
        ([".", "-o", "no/found.csv"], 2, "there is no folder no"),
    ])  # fmt: skip
    def test_wrong_usage(self, command, folder, monkeypatch, arguments, code, text):
        monkeypatch.chdir(folder)
        outcome = command("datasets", "verify", *arguments)
        assert (outcome.code, outcome.out) == (code, "")
        assert text in outcome.err
        assert "Traceback" not in outcome.err

    def test_an_empty_folder(self, command: Command, tmp_path: Path):
        outcome = command("datasets", "verify", tmp_path)
        assert outcome.code == 2
        assert outcome.err.splitlines() == [
            f"error: no song in {tmp_path}",
            "hint: give a folder with audio in it",
        ]

    @pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
    def test_interrupted_it_ends_at_once_and_goes_on(self, tmp_path: Path, monkeypatch):
        cache = tmp_path / "cache"
        monkeypatch.setenv("GENERIFY_CACHE_DIR", str(cache))
        (tmp_path / "songs").mkdir()
        for number in range(60):
            soundfile.write(tmp_path / "songs" / f"{number}.wav", song(number % 7, 60), RATE)
            with (tmp_path / "songs" / f"{number}.wav").open("ab") as stream:
                stream.write(number.to_bytes(2, "big"))  # so that no two files are equal
        arguments = ["-m", "generify", "datasets", "verify", "-j", "1", tmp_path / "songs"]
        process = subprocess.Popen([sys.executable, *arguments], stderr=subprocess.PIPE)
        while len(list(cache.rglob("*.entry"))) < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        assert said.startswith(b"interrupted")
        assert 3 <= len(list(cache.rglob("*.entry"))) < 60


class TestDuplicates:
    def test_none(self, command: Command, folder: Path):
        outcome = command("datasets", "duplicates", folder)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out == "4 songs heard, none of them twice\n"

    @pytest.fixture
    def copies(self, folder: Path) -> Path:
        """One song three times, one of them an MP3 that begins two seconds later."""
        shutil.copy(folder / "rock/c.wav", folder / "jazz/again.wav")
        soundfile.write(folder / "rock/z.mp3", 0.4 * song(2)[2 * RATE :], RATE)
        return folder

    def test_a_table_of_pairs(self, command: Command, copies: Path):
        outcome = command("datasets", "duplicates", copies)
        assert (outcome.code, outcome.err) == (0, "")
        rows = [line.split() for line in outcome.out.splitlines()]
        assert ["1", "equal", "+0.0", "s", "jazz/again.wav", "rock/c.wav"] in rows
        (near,) = [row for row in rows if row[-1:] == ["rock/z.mp3"]]
        assert near[-4:] == ["+2.0", "s", "jazz/again.wav", "rock/z.mp3"]
        assert outcome.out.splitlines()[-1] == (
            "6 songs heard; 3 of them are 1 recording, in 2 pairs"
        )

    def test_as_csv(self, command: Command, copies: Path, tmp_path: Path):
        output = tmp_path / "pairs.csv"
        outcome = command("datasets", "duplicates", copies, "-o", output)
        assert outcome.err == f"wrote {output}: 2 pairs\n"
        with output.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [row["kind"] for row in rows] == ["exact", "near"]
        assert 0.3 < float(rows[1]["similarity"]) < 1
        assert float(rows[1]["offset"]) == pytest.approx(2, abs=0.1)

    def test_a_file_that_cannot_be_heard_is_named(self, command: Command, folder: Path):
        (folder / "rock/e.wav").write_text("not yet\n", encoding="utf-8")
        outcome = command("datasets", "duplicates", folder)
        assert outcome.code == 1
        said = f"not heard in full: {folder / 'rock/e.wav'}: is a text, no audio"
        assert outcome.err.startswith(said)
        assert outcome.out == "4 of 5 songs heard, none of them twice\n"


@pytest.mark.parametrize("name", ["verify", "duplicates"])
def test_help_ends_in_an_example(command: Command, name: str):
    outcome = command("datasets", name, "--help")
    assert outcome.out.rstrip().splitlines()[-1] == f"  Try: generify datasets {name} my-music"
