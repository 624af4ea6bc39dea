"""Bad input, through the command: one clear line each, the rest is done, the right exit code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import RATE, Command, Outcome
from generify.classifiers import list_classifiers
from generify.datasets.splits import list_splits
from generify.features import list_extractors
from generify.model import GenreModel
from generify.plots.sound import MAX_PANELS
from generify.table import FeatureTable, load_table, save_table


@pytest.fixture(scope="module")
def model_file(music_model: GenreModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "toy.onnx"
    music_model.save(path)
    return path


@pytest.fixture(scope="module")
def table_file(music_table: FeatureTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "music.parquet"
    save_table(music_table, path)
    return path


@pytest.fixture
def dataset(music: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(music, tmp_path / "my müsic" / "all of it"))


def check_line(done: Outcome, start: str, *parts: str) -> None:
    """Make sure that one line, and only one, says all of this."""
    found = [line for line in done.err.splitlines() if line.startswith(start)]
    matching = [line for line in found if all(part in line for part in parts)]
    assert len(matching) == 1, done.err
    assert "Traceback" not in done.err


def check_refusal(done: Outcome, code: int, message: str, hint: str = "") -> None:
    """Make sure that there is an error, a hint, and nothing else."""
    assert done.code == code, done.err
    assert done.out == ""
    lines = done.err.splitlines()
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert [line.partition(": ")[0] for line in lines[1:]] == ["hint"] * len(lines[1:])
    assert len(lines) <= 2
    assert hint in (lines[1] if len(lines) > 1 else lines[0])


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero_bytes.wav": (lambda p: p.write_bytes(b""), "is empty (0 bytes)"),
    "text.mp3": (lambda p: p.write_text("words"), "is a text, no audio; give a song"),
    "folder.wav": (lambda p: p.mkdir(), "an empty folder"),
    "gone.mp3": (lambda p: p.symlink_to("nowhere.mp3"), "no such file"),
    "under_a_second.wav": (
        lambda p: soundfile.write(p, np.full(2000, 0.5), RATE),
        "only 0.09 s of sound",
    ),
    "silent.wav": (lambda p: soundfile.write(p, np.zeros(RATE * 2), RATE), "silent"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_among_good_ones(
    name: str, dataset: Path, tmp_path: Path, model_file: Path, command: Command
) -> None:
    make, why = BAD_FILES[name]
    path = dataset / "tones" / name
    make(path)
    output = tmp_path / "t.parquet"
    done = command("extract", dataset, "-f", "mfcc", "-o", output)
    assert done.code == 1
    check_line(done, "left out: ", str(path), why)
    assert len(load_table(output).tracks) == 24

    done = command("predict", dataset / "tones", "--model", model_file)
    assert done.code == 1
    check_line(done, "failed: ", str(path), why)
    assert "1 of 9 songs failed" in done.err
    assert sum(" tones " in line for line in done.out.splitlines()) == 8


def test_a_file_that_may_not_be_read(
    music: Path, model_file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the refusal is played."""

    def refuse(_path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("generify.audio.sniff_format", refuse)
    done = command("predict", music / "tones/tones0.wav", "--model", model_file)
    assert done.code == 1
    check_line(done, "failed: ", "tones0.wav: no permission to read it; change its permissions")


@pytest.mark.parametrize("name", ["x.wav", "müsic folder"])
def test_a_folder_without_songs(
    name: str, music: Path, tmp_path: Path, model_file: Path, command: Command
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    check_refusal(
        command("predict", folder, "--model", model_file),
        2,
        f"no song in {folder}",
        "give audio files, or folders of them",
    )
    done = command("predict", folder, music / "tones/tones0.wav", "--model", model_file)
    assert done.code == 1
    check_line(done, "failed: ", f"{folder}: no song in this folder")
    assert " tones " in done.out


def test_an_empty_genre(dataset: Path, tmp_path: Path, command: Command) -> None:
    (dataset / "polka").mkdir()
    done = command("train", dataset, "-f", "mfcc", "-c", "nb", "-o", tmp_path / "m.onnx")
    assert done.code == 0
    check_line(done, "warning: ", "genres without any audio, left out: polka")
    check_line(done, "wrote ", "3 genres")


def few(music: Path, root: Path, n_clips: int) -> Path:
    for genre in ("clicks", "noise", "tones"):
        (root / genre).mkdir(parents=True)
        for number in range(n_clips):
            shutil.copy(music / genre / f"{genre}{number}.wav", root / genre)
    return root


@pytest.mark.parametrize("name", ["train", "evaluate", "compare"])
def test_one_clip_a_genre(name: str, music: Path, tmp_path: Path, command: Command) -> None:
    root = few(music, tmp_path / "few", 1)
    output = ("-o", tmp_path / "m.onnx") if name == "train" else ()
    done = command(name, root, "-f", "mfcc", *output)
    check_refusal(done, 1, "only one usable track of clicks, noise, tones", "add tracks")
    assert not (tmp_path / "m.onnx").exists()


def test_one_clip_in_one_genre(dataset: Path, tmp_path: Path, command: Command) -> None:
    for number in range(1, 8):
        (dataset / f"noise/noise{number}.wav").unlink()
    options = ("-f", "mfcc", "-c", "nb", "-o", tmp_path / "m.onnx")
    done = command("train", dataset, *options)
    check_refusal(done, 1, "only one usable track of noise", "--genres")
    assert command("train", dataset, *options, "--genres", "tones,clicks").code == 0


@pytest.mark.parametrize("classifier", list_classifiers())
def test_two_clips_a_genre(classifier: str, music: Path, tmp_path: Path, command: Command) -> None:
    """Learned from or refused, but not with a traceback."""
    root = few(music, tmp_path / "few", 2)
    done = command("train", root, "-f", "mfcc", "-c", classifier, "-o", tmp_path / "m.onnx")
    assert done.code == (0 if (tmp_path / "m.onnx").exists() else 1)
    if done.code:
        check_refusal(done, 1, f"{classifier} cannot be fitted to", "add tracks")


NO_DATASETS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing": (lambda p: None, "does not exist", "folder of genre folders"),
    "file.txt": (lambda p: p.write_text("words"), "is no dataset", "one folder per genre"),
    "empty": (lambda p: p.mkdir(), "has no genre folders", "one folder per genre"),
    "silent": (lambda p: (p / "a").mkdir(parents=True), "only one genre folder", "one folder per"),
    "hollow": (
        lambda p: [(p / genre).mkdir(parents=True) for genre in "ab"],
        "has no audio",
        "one folder per genre",
    ),
    "empty.csv": (lambda p: p.write_text(""), "no column path and no column genre", "expected"),
    "rows.csv": (lambda p: p.write_text("path,genre\n"), "has no usable row", "expected columns"),
    "columns.csv": (lambda p: p.write_text("file,genre\na,b\n"), "has no column path", "expected"),
    "none.parquet": (lambda p: None, "cannot read", "generify extract"),
    "text.parquet": (lambda p: p.write_text("words"), "as a feature table", "generify extract"),
    "empty.parquet": (lambda p: p.write_bytes(b""), "as a feature table", "generify extract"),
}
NOTHING_THERE = ("missing", "empty", "hollow", "none.parquet")


@pytest.mark.parametrize("command_name", ["train", "evaluate"])
@pytest.mark.parametrize("name", NO_DATASETS)
def test_what_is_no_dataset(name: str, command_name: str, tmp_path: Path, command: Command) -> None:
    make, message, hint = NO_DATASETS[name]
    path = tmp_path / name
    make(path)
    output = ("-o", tmp_path / "m.onnx") if command_name == "train" else ()
    code = 2 if name in NOTHING_THERE else 1
    check_refusal(command(command_name, path, *output), code, message, hint)
    assert str(path) in command(command_name, path, *output).err


def test_a_table_with_missing_columns(table_file: Path, tmp_path: Path, command: Command) -> None:
    import pyarrow.parquet as parquet

    table = parquet.read_table(table_file)
    for dropped in ("genre", "mfcc.mean.03"):
        path = tmp_path / f"without {dropped}.parquet"
        parquet.write_table(table.drop_columns([dropped]), path)
        done = command("evaluate", path, "-f", "mfcc")
        check_refusal(done, 1, f"lacks 1 column(s): {dropped}", "generify extract")


def test_a_table_of_other_features(table_file: Path, command: Command) -> None:
    done = command("evaluate", table_file, "-f", "timbre")
    check_refusal(done, 2, "holds the features mfcc", "give --features mfcc")


NO_MODELS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing.onnx": (lambda p: None, "there is no model"),
    "folder.onnx": (lambda p: p.mkdir(), "Is a directory"),
    "empty.onnx": (lambda p: p.write_bytes(b""), "not a model that can be loaded"),
    "text.onnx": (lambda p: p.write_text("words"), "is a text, no model"),
}


@pytest.mark.parametrize("name", NO_MODELS)
def test_what_is_no_model(
    name: str, music: Path, table_file: Path, tmp_path: Path, command: Command
) -> None:
    make, message = NO_MODELS[name]
    path = tmp_path / name
    make(path)
    for arguments in (
        ("predict", music / "tones/tones0.wav", "--model", path),
        ("evaluate", path, table_file),
        ("models", "info", path),
    ):
        done = command(*arguments)
        code = 1 if path.exists() else 2  # mistyped
        check_refusal(done, code, message, "give a")
        assert str(path) in done.err


def test_a_model_cut_short(model_file: Path, music: Path, tmp_path: Path, command: Command) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(model_file.read_bytes()[:500])
    done = command("predict", music / "tones/tones0.wav", "--model", path)
    check_refusal(done, 1, "not a model that can be loaded", "generify train")


def test_a_genre_that_the_model_does_not_know(
    dataset: Path, model_file: Path, command: Command
) -> None:
    shutil.copytree(dataset / "tones", dataset / "polka")
    done = command("evaluate", model_file, dataset)
    check_refusal(done, 1, "the model does not know polka; it knows clicks, noise", "--genres")


@pytest.mark.parametrize("split", ["fault-filtered", "artist", "given"])
def test_a_split_that_does_not_fit(split: str, table_file: Path, command: Command) -> None:
    done = command("evaluate", table_file, "-f", "mfcc", "--split", split)
    check_refusal(done, 1, split, "splits possible here: random")


def test_a_genre_unknown_to_the_split(music: Path, tmp_path: Path, command: Command) -> None:
    """A genre of which the given lists train on nothing."""
    rows = ["path,genre,split"]
    for genre in ("clicks", "noise", "tones"):
        for number in range(8):
            part = "test" if genre == "tones" or number > 5 else "train"
            rows.append(f"{music / genre / f'{genre}{number}.wav'},{genre},{part}")
    manifest = tmp_path / "lists.csv"
    manifest.write_text("\n".join(rows), encoding="utf-8")
    done = command("evaluate", manifest, "-f", "mfcc", "--split", "given")
    check_refusal(done, 1, "the given split trains on no tones", "splits possible here")


@pytest.mark.parametrize("genres", ["polka", "tones,polka"])
def test_a_genre_that_the_dataset_has_not(genres: str, music: Path, command: Command) -> None:
    done = command("evaluate", music, "--genres", genres)
    check_refusal(done, 2, "has no genre 'polka'", "it has: clicks, noise, tones")


def test_no_genre_at_all(music: Path, command: Command) -> None:
    check_refusal(command("evaluate", music, "--genres", " , "), 2, "names no genre", "blues,jazz")


@pytest.mark.parametrize(
    ("option", "kind", "registered"),
    [
        ("--features", "extractor", list_extractors()),
        ("--classifier", "classifier", list_classifiers()),
        ("--split", "split", tuple(list_splits())),
    ],
)
def test_unknown_names_are_refused_before_anything_is_heard(
    option: str,
    kind: str,
    registered: tuple[str, ...],
    music: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("generify.workflow.load_features", lambda *_: pytest.fail("listened"))
    done = command("train", music, "-o", tmp_path / "m.onnx", option, "nope")
    check_refusal(done, 2, f"there is no {kind} 'nope'; there are {', '.join(registered)}")


OUTPUTS = (
    ("train", "{music}", "-o", "{bad}.onnx"),
    ("train", "{music}", "-o", "{good}.onnx", "--report", "{bad}"),
    ("evaluate", "{music}", "--report", "{bad}"),
    ("compare", "{music}", "--report", "{bad}"),
    ("extract", "{music}", "-o", "{bad}.parquet"),
    ("predict", "{music}", "-o", "{bad}.json"),
    ("predict", "{music}", "--plot", "{bad}"),
    ("spectrogram", "{music}/tones/tones0.wav", "-o", "{bad}.png"),
)


def outputs_refused_before_work(
    arguments: tuple[str, ...], bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch,
    **places: Path,
) -> Outcome:  # fmt: skip
    for work in ("generify.workflow.load_features", "generify.spectrograms.load_spectrogram",
                 "generify.scan.listening.predict"):  # fmt: skip
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("worked"))
    return command(*(argument.format(bad=bad, **places) for argument in arguments))


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
def test_an_output_below_a_file(
    arguments: tuple[str, ...],
    music: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("words")
    done = outputs_refused_before_work(arguments, tmp_path / "file/below", command, monkeypatch,
                                       music=music, good=tmp_path / "good")  # fmt: skip
    check_refusal(done, 2, f"{tmp_path / 'file'} is a file, a folder was expected", "choose")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
def test_an_output_where_nothing_can_be_written(
    arguments: tuple[str, ...],
    music: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even root may not: as on a read-only disk."""

    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("generify.cli.checks.tempfile.TemporaryFile", refuse)
    done = outputs_refused_before_work(arguments, tmp_path / "out", command, monkeypatch,
                                       music=music, good=tmp_path / "good")  # fmt: skip
    check_refusal(done, 2, f"{tmp_path} cannot be written to: Read-only file system", "choose")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="needs a folder where root may not write"
)
def test_an_output_in_a_read_only_folder(music: Path, command: Command) -> None:
    done = command("train", music, "-o", "/proc/m.onnx")
    check_refusal(done, 2, "/proc cannot be written to", "choose a folder")
    done = command("convert", music, "-o", "/proc/wav")
    check_refusal(done, 1, "cannot write into /proc/wav", "choose another target folder")


@pytest.mark.parametrize(
    "arguments", [a for a in OUTPUTS if "-o" in a and "{bad}" in a[3]], ids=" ".join
)
def test_an_output_in_a_missing_folder(
    arguments: tuple[str, ...],
    music: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = outputs_refused_before_work(arguments, tmp_path / "no/where", command, monkeypatch,
                                       music=music, good=tmp_path / "good")  # fmt: skip
    check_refusal(done, 2, f"there is no folder {tmp_path / 'no'}", "make it first")


def test_an_output_that_is_a_folder(music: Path, tmp_path: Path, command: Command) -> None:
    done = command("train", music, "-o", tmp_path)
    check_refusal(done, 2, "is a folder, a file was expected", "add a file name")


def test_a_table_by_a_name_that_would_not_be_known_again(
    music: Path, tmp_path: Path, command: Command
) -> None:
    done = command("extract", music, "-o", tmp_path / "t.csv")
    check_refusal(done, 2, "t.csv should end in .parquet", f"{tmp_path / 't.parquet'}")


def test_a_picture_of_an_unknown_kind(
    music: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generify.spectrograms.load_spectrogram", lambda *_: pytest.fail("heard"))
    done = command("spectrogram", music / "tones/tones0.wav", "-o", tmp_path / "s.doc")
    check_refusal(done, 2, "s.doc should end in .png, .svg or .pdf", f"{tmp_path / 's.png'}")


def test_more_songs_than_a_picture_holds(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generify.spectrograms.load_spectrogram", lambda *_: pytest.fail("heard"))
    for number in range(MAX_PANELS + 1):
        (tmp_path / f"{number}.wav").write_bytes(b"RIFF")
    done = command("spectrogram", tmp_path, "-o", tmp_path / "s.png")
    check_refusal(done, 2, "31 songs were given, a picture holds 30 at most", "name fewer of them")
    assert f"at most {MAX_PANELS}" in command("spectrogram", "--help").out


def test_convert_refuses_what_is_no_folder_of_songs(tmp_path: Path, command: Command) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("words")
    target = tmp_path / "target"
    for name, message in (
        ("empty", "holds no audio files"),
        ("file", "is a file; a folder was expected"),
        ("missing", "does not exist; a folder was expected"),
    ):
        check_refusal(command("convert", tmp_path / name, "-o", target), 2, message)
    assert not target.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *((name, words)
          for name in ("gone", "empty")
          for words in ("predict {}", "scan {} -o r.ndjson", "tag {}", "spectrogram {} -o p.png",
                        "train {} -o m.onnx", "evaluate {}", "compare {}",
                        "extract {} -o t.parquet", "convert {} -o wav", "datasets verify {}",
                        "datasets duplicates {}", "datasets split {}")),
        *(("gone.csv", words) for words in ("playlist {} -o lists", "tag --from {}",
                                            "correct --from {}", "train {} -o m.onnx")),
        ("gone.parquet", "evaluate {}"),
    ],
)  # fmt: skip
def test_where_nothing_is_is_wrong_usage(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = command(*words.format(name).split())
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert name in done.err.splitlines()[0]


def cache_entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.entry"))


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped"])
def test_a_damaged_cache_entry_is_computed_again(
    damage: str, dataset: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(tmp_path / "cache"))
    first, second = tmp_path / "1.parquet", tmp_path / "2.parquet"
    command("extract", dataset, "-f", "mfcc", "-o", first)
    for path in cache_entries(tmp_path / "cache"):
        content = path.read_bytes()
        flipped = content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]
        path.write_bytes({"empty": b"", "cut": content[:-2], "flipped": flipped}[damage])
    done = command("extract", dataset, "-f", "mfcc", "-o", second)
    assert done.code == 0
    assert second.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_cache_folder_that_cannot_be_written(
    name: str, music: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("words")
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(tmp_path / name))
    done = command("extract", music, "-f", "mfcc", "-o", tmp_path / "t.parquet")
    check_refusal(done, 1, f"the cache folder {tmp_path / name} cannot be written", "--no-cache")
    done = command("extract", music, "-f", "mfcc", "-o", tmp_path / "t.parquet", "--no-cache")
    assert done.code == 0


def test_paths_with_spaces_and_foreign_letters(
    dataset: Path, tmp_path: Path, command: Command
) -> None:
    """Through the whole way, outputs included."""
    (dataset / "tones").rename(dataset / "türkçe şarkı")
    (dataset / "noise/noise0.wav").rename(dataset / "noise/東京 [b]夜[b].wav")
    folder = tmp_path / "ça va – 東京"
    folder.mkdir()
    table, model = folder / "a tàble.parquet", folder / "mon modèle.onnx"
    assert command("extract", dataset, "-f", "mfcc", "-o", table).code == 0
    options = ("-f", "mfcc", "-c", "nb", "-o", model, "--report", folder / "r é")
    assert command("train", table, *options).code == 0
    assert (folder / "r é/report.html").is_file()
    wav = folder / "en wav"
    assert command("convert", dataset, "-o", wav).code == 0
    output, plots = folder / "réponses.json", folder / "p ü"
    songs = [wav / "türkçe şarkı/tones1.wav", wav / "noise/東京 [b]夜[b].wav"]
    done = command("predict", *songs, "--model", model, "-o", output, "--plot", plots)
    assert (done.code, done.out) == (0, "")
    records = json.loads(output.read_text(encoding="utf-8"))
    assert [record["genre"] for record in records] == ["türkçe şarkı", "noise"]
    assert [record["path"] for record in records] == [str(song) for song in songs]
    assert {path.name for path in plots.iterdir()} == {
        "tones1.timeline.png",
        "東京 [b]夜[b].timeline.png",
    }
    assert "東京 [b]夜[b].wav" in command("predict", songs[1], "--model", model).out


@pytest.mark.data
def test_real_clips_with_a_broken_one(shared_data: Path, tmp_path: Path, command: Command) -> None:
    clip = shared_data / "gtzan/audio/jazz/jazz.00001.ogg"
    broken = tmp_path / "broken.ogg"
    broken.write_bytes(clip.read_bytes()[:40_000])
    done = command("predict", clip, broken, "--format", "json")
    assert done.code == 0
    whole, half = json.loads(done.out)
    assert whole["warnings"] == []
    assert whole["genre"] == "jazz"
    assert half["analysed"] < whole["analysed"]
    assert half["warnings"] or half["duration"] == pytest.approx(half["analysed"], abs=0.2)
