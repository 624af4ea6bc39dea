"""GTZAN in every layout met in the wild, one clip broken: training and judging run, and say so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import RATE, SOUNDS, Command, Outcome
from generify.datasets.gtzan import published_tracks

SOUND_OF = dict(zip(("blues", "jazz", "rock"), SOUNDS.values(), strict=True))
BROKEN = "jazz.00054"
LAYOUTS = {
    "genres": (".au",),
    "genres_original": (".wav",),
    "Data/genres_original": (".wav",),
    "gtzan_genre/genres": (".wav", ".au", ".flac"),
}
# In the Kaggle copy the file is as long as the others and begins as they do, but holds no chunk
# that a decoder knows; a download that broke off leaves less.
BREAKS = {
    "no chunks": lambda suffix: _magic(suffix) + np.random.default_rng(0).bytes(200_000),
    "cut in the header": lambda suffix: _magic(suffix)[:14],
    "no audio at all": lambda suffix: b"gone" * 100,
}


def _magic(suffix: str) -> bytes:
    return b".snd" if suffix == ".au" else b"RIFF\x08\x33\x14\x00WAVE"


def make_copy(root: Path, suffixes: tuple[str, ...], broken: bytes) -> Path:
    """Write nine clips of each of three genres, of both published lists, and the broken one."""
    rng = np.random.default_rng(7)
    published = published_tracks()
    for genre, sound in SOUND_OF.items():
        (root / genre).mkdir(parents=True)
        names = {
            part: [t for t in published if t.startswith(genre) and published[t].split == part]
            for part in ("train", "test")
        }
        chosen = [t for t in (*names["train"][:6], *names["test"][-3:]) if t != BROKEN]
        for number, name in enumerate(chosen):
            suffix = suffixes[number % len(suffixes)]
            soundfile.write(root / genre / f"{name}{suffix}", sound(rng, 2.0), RATE)
    (root / "jazz" / f"{BROKEN}{suffixes[0]}").write_bytes(broken)
    return root


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.replace("/", "-"))
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of GTZAN in one of the layouts; the folder that a person would name."""
    suffixes = LAYOUTS[request.param]
    make_copy(tmp_path / request.param, suffixes, BREAKS["no chunks"](suffixes[0]))
    return tmp_path


RECIPE = ("--features", "mfcc", "--split", "fault-filtered")


def assert_left_out(outcome: Outcome) -> None:
    assert outcome.code == 1
    (line,) = [text for text in outcome.err.splitlines() if text.startswith("left out:")]
    assert f"{BROKEN}." in line
    assert "cannot be decoded" in line
    assert "Traceback" not in outcome.err


def test_train_and_evaluate_name_what_they_left_out(command: Command, layout: Path):
    model = layout / "model.onnx"
    assert_left_out(command("train", layout, "-o", model, "--hold-out", *RECIPE))
    assert model.is_file()
    judged = command("evaluate", model, layout)
    assert_left_out(judged)
    assert "9 tracks tested" in judged.out
    assert_left_out(command("evaluate", layout, *RECIPE))


def test_the_reports_list_it(command: Command, tmp_path: Path):
    make_copy(tmp_path / "genres_original", (".wav",), BREAKS["no chunks"](".wav"))
    reports = tmp_path / "trained", tmp_path / "judged"
    model = tmp_path / "model.onnx"
    command("train", tmp_path, "-o", model, *RECIPE, "--report", reports[0])
    command("evaluate", tmp_path, *RECIPE, "--report", reports[1])
    for report in reports:
        page = (report / "report.html").read_text(encoding="utf-8")
        assert "1 could not be used" in page
        assert f"{BROKEN}.wav" in page


@pytest.mark.parametrize("how", BREAKS)
def test_however_it_is_broken(command: Command, tmp_path: Path, how: str):
    make_copy(tmp_path / "genres", (".wav",), BREAKS[how](".wav"))
    outcome = command("evaluate", tmp_path, "--features", "mfcc", "--format", "json")
    assert outcome.code == 1
    (failure,) = json.loads(outcome.out)["experiment"]["failures"]
    assert Path(failure["path"]).name == f"{BROKEN}.wav"


def test_verify_says_the_same(command: Command, layout: Path):
    outcome = command("datasets", "verify", layout, "--format", "json")
    (report,) = json.loads(outcome.out)
    assert report["dataset"] == "gtzan"
    assert sum(report["n_missing_of_genre"].values()) == 1000 - 27 - 1
    found = [f for f in report["findings"] if f["kind"] != "duplicate"]
    (finding,) = found
    assert (finding["kind"], finding["track"]) == ("corrupt", BROKEN)
    assert finding["known"] == "corrupt in the common distribution: it cannot be decoded"


@pytest.mark.data
def test_real_clips(command: Command, shared_data: Path, tmp_path: Path):
    """The lossless clips as they were published, .au and .wav."""
    outcome = command("datasets", "verify", shared_data / "gtzan/lossless", "--format", "json")
    (report,) = json.loads(outcome.out)
    assert report["n_files"] == 28
    assert (report["n_here"], report["is_part"], report["n_of_kind"]) == (28, True, {})
    output = tmp_path / "table.parquet"
    folder = shared_data / "gtzan/lossless"
    extracted = command("extract", folder, "-o", output, "--features", "mfcc")
    assert (extracted.code, output.is_file()) == (0, True)
