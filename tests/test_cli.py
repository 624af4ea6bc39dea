"""The command as a whole: help, streams, exit codes, what is imported, how it is stopped."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import soundfile
from typer.testing import CliRunner

import generify
from conftest import RATE, Command
from generify import defaults
from generify.classifiers import list_classifiers
from generify.cli import app
from generify.cli.app import build_app
from generify.datasets.splits import list_splits
from generify.features import list_extractors
from generify.model import list_models
from generify.spectrograms import load_spectrogram

typer_main = pytest.importorskip("typer.main")

HEAVY = ("sklearn", "scipy", "pandas", "matplotlib", "pyarrow", "librosa", "onnx", "jinja2")


def _commands() -> list[tuple[str, ...]]:
    """Every command and group, found from the root, so that none is forgotten."""
    found: list[tuple[str, ...]] = []

    def walk(node: object, path: tuple[str, ...]) -> None:
        found.append(path)
        for name, child in getattr(node, "commands", {}).items():
            walk(child, (*path, name))

    walk(typer_main.get_command(build_app()), ())
    return found


COMMANDS = _commands()


def names(path: tuple[str, ...]) -> str:
    return " ".join(path) or "generify"


def script(*arguments: object, before: str = "") -> list[str]:
    """Give the command in a Python of its own, which runs some code before."""
    code = f"{before}\nfrom generify.cli import main\nmain()"
    return [sys.executable, "-c", code, *map(str, arguments)]


def test_commands_are_found() -> None:
    found = {path[0] for path in COMMANDS if path}
    assert {"predict", "train", "evaluate", "compare", "extract", "convert"} < found
    assert {("models", "info"), ("cache", "clear")} < set(COMMANDS)


def test_commands_are_listed_as_they_say_themselves() -> None:
    def listed(commands: Sequence[str]) -> str:
        return CliRunner().invoke(build_app(commands), ["--help"]).output

    assert "doctor" in listed([])
    assert listed([]) == listed(list(app.COMMANDS))


def test_an_extension_that_swallows_an_interrupt_ends_the_command(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(**_: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except SystemExit:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr(app, "build_app", lambda _: load)
    done = command("predict", "song.mp3")
    assert (done.code, done.out, done.err) == (130, "", "interrupted\n")


@pytest.mark.parametrize("path", COMMANDS, ids=names)
def test_help_ends_in_an_example(path: tuple[str, ...], command: Command) -> None:
    shown = command(*path, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("Usage: generify")
    assert re.fullmatch(rf"  Try: generify {' '.join(path)}.*", shown.out.rstrip().splitlines()[-1])
    assert max(map(len, shown.out.splitlines())) <= 80


def _example(path: tuple[str, ...], command: Command) -> list[str]:
    last = command(*path, "--help").out.rstrip().splitlines()[-1]
    return shlex.split(last.removeprefix("  Try: generify "))


def _write_old_history(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("CREATE TABLE genre_finder (file TEXT, genre TEXT)")
        old.execute("INSERT INTO genre_finder VALUES ('raga.mp3', 'carnatic')")


# one needs the network, the other runs until it is stopped; both have tests of their own
OFFLINE = [path for path in COMMANDS if path not in {("datasets", "fetch"), ("serve",)}]


@pytest.mark.parametrize("path", OFFLINE, ids=names)
def test_the_example_works(
    path: tuple[str, ...],
    command: Command,
    music: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a folder that holds what the examples name."""
    example = _example(path, command)
    samples, _ = soundfile.read(music / "tones/tones0.wav")
    soundfile.write(tmp_path / "song.mp3", samples, RATE)
    shutil.copytree(music / "tones", tmp_path / "genres/tones")
    for genre, sound in zip(("jazz", "metal", "rock"), ("tones", "noise", "clicks"), strict=True):
        shutil.copytree(music / sound, tmp_path / "my-music" / genre)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("GENERIFY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GENERIFY_DATABASE_URL", f"sqlite:///{tmp_path / 'history.db'}")
    assert command("predict", "song.mp3", "--keep", "-o", "results.ndjson").code == 0
    _write_old_history(tmp_path / "old.db")
    if path == ("tag",):
        assert command("tag", "song.mp3").code == 0
    done = command(*example, *(("--yes",) if path == ("history", "clear") else ()))
    # faults found are told by the exit code, and three seconds of sound are one
    assert done.code == (1 if path == ("datasets", "verify") else 0), done.err
    if "-o" in example:
        assert Path(example[example.index("-o") + 1]).exists()
    if "--report" in example:
        assert list(Path(example[example.index("--report") + 1]).glob("*.html"))


def test_the_list_of_commands_is_not_cut(command: Command) -> None:
    shown = command("--help").out
    assert "..." not in shown.replace("[ARGS]...", "")


REGISTERED = {
    "--features": list_extractors(),
    "--classifier": list_classifiers(),
    "--split": list_splits(),
    "--by": list_splits(),
}


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *((name, "--features") for name in ("train", "evaluate", "compare", "extract")),
        *((name, "--classifier") for name in ("train", "evaluate")),
        *((name, "--split") for name in ("train", "evaluate", "compare")),
        ("datasets split", "--by"),
    ],
)
def test_help_names_what_is_registered(name: str, option: str) -> None:
    """By hand, because the registries would import NumPy for every ``--help``."""
    node: Any = typer_main.get_command(build_app())
    for word in name.split():
        node = node.commands[word]
    (found,) = [parameter for parameter in node.params if option in parameter.opts]
    known = REGISTERED[option]
    assert [k for k in known if not re.search(rf"(?<![\w+]){k}(?![\w+])", found.help)] == []


def test_help_counts_the_classifiers(command: Command) -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    assert f"the {words[len(list_classifiers()) - 1]} classifiers" in command("compare", "-h").out


DEFAULTS = [
    (("predict",), "model", defaults.MODEL),
    (
        ("predict",),
        "min_confidence",
        inspect.signature(generify.predict).parameters["min_confidence"].default,
    ),
    (
        ("spectrogram",),
        "seconds",
        inspect.signature(load_spectrogram).parameters["seconds"].default,
    ),
    *(((name,), "features", defaults.FEATURES) for name in ("train", "evaluate", "compare")),
    (("extract",), "features", defaults.FEATURES),
    (("train",), "classifier", defaults.CLASSIFIER),
    (("evaluate",), "classifier", defaults.CLASSIFIER),
]


@pytest.mark.parametrize(("path", "parameter", "value"), DEFAULTS)
def test_defaults_are_the_library_s(
    path: tuple[str, ...], parameter: str, value: object, command: Command
) -> None:
    node = typer_main.get_command(build_app())
    for name in path:
        node = node.commands[name]
    (found,) = [p for p in node.params if p.name == parameter]
    assert found.default == value
    assert f"[default: {value}" in " ".join(command(*path, "--help").out.split())


def test_the_genres_shown_unless_a_number_is_given(command: Command) -> None:
    assert f"[default: {defaults.TOP}, and none" in " ".join(command("predict", "-h").out.split())


def test_the_version(command: Command) -> None:
    assert command("--version").out == f"generify {generify.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Usage: generify"),
        (("prdict", "x"), "Did you mean 'predict'?"),
        (("help",), "\nhint: generify --help\n"),
        (("help", "scan"), "\nhint: generify scan --help\n"),
        ((__file__, "-o", "a b.csv"), f"\nhint: generify predict {__file__} -o 'a b.csv'\n"),
        (("predict",), "Missing argument"),
        (("predict", "--top", "0", "x"), "--top"),
        (("predict", "--min-confidence", "7", "x"), "--min-confidence"),
        (("predict", "--format", "xml", "x"), "--format"),
        (("train", "x"), "Missing option '--output' / '-o'. Try: generify train my-music -o mine"),
        (("train", "x", "-o", "y", "--jobs", "-1"), "--jobs"),
        (("evaluate", "a", "b", "c"), "expected [MODEL] DATASET, got 3 arguments"),
        (("models",), "Usage: generify models"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, command: Command) -> None:
    done = command(*arguments)
    assert done.code == 2
    assert said in done.out + done.err
    assert "Traceback" not in done.err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    (tmp_path / "song.mp3").touch()
    for where in (("--debug", "predict"), ("predict", "--debug")):
        done = subprocess.run(
            script(*where, tmp_path / "song.mp3", "--model", "nope"), capture_output=True, text=True
        )
        assert done.returncode == 2  # as without
        assert "Traceback" in done.stderr
        assert "ModelError: there is no model nope" in done.stderr


def test_an_error_is_one_line_and_a_hint(tmp_path: Path, command: Command) -> None:
    (tmp_path / "song.mp3").touch()
    done = command("predict", tmp_path / "song.mp3", "--model", "nope")
    assert done.code == 2
    assert done.out == ""
    assert done.err.splitlines() == [
        f"error: there is no model nope (bundled: {', '.join(list_models())})",
        "hint: give a model file, or one of these",
    ]


BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
"""


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("sklearn", ("train", "{music}", "-o", "m.onnx")),
        ("skl2onnx", ("train", "{music}", "-o", "m.onnx")),
        ("sklearn", ("evaluate", "{music}")),
        ("sklearn", ("compare", "{music}")),
        ("jinja2", ("train", "{music}", "-o", "m.onnx", "--report", "r")),
        ("matplotlib", ("compare", "{music}", "--report", "r")),
        ("pyarrow", ("extract", "{music}", "-o", "t.parquet")),
        ("matplotlib", ("spectrogram", "{music}/tones/tones0.wav", "-o", "s.png")),
        ("matplotlib", ("predict", "{music}/tones/tones0.wav", "--plot", "p")),
    ],
)
def test_a_missing_extra(
    missing: str, arguments: tuple[str, ...], music: Path, tmp_path: Path
) -> None:
    """Said before any listening, with the command that brings it."""
    given = [argument.format(music=music) for argument in arguments]
    done = subprocess.run(
        script(*given, before=BLOCK.format(names=(missing,))),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    package = {"sklearn": "scikit-learn"}.get(missing, missing)
    assert done.stderr.splitlines() == [
        f"error: this needs {package}, which is not installed",
        "hint: pip install 'generify[train]'",
    ]
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_predict_works_without_any_extra(music: Path) -> None:
    """And so never imports what a plain install has not got."""
    done = subprocess.run(
        script(
            "predict", music / "tones/tones0.wav", "--timeline", before=BLOCK.format(names=HEAVY)
        ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "tones0.wav" in done.stdout


def test_predict_imports_nothing_heavy(music: Path) -> None:
    shown = "import atexit\natexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    done = subprocess.run(
        script("predict", music / "tones/tones0.wav", before=f"import sys\n{shown}"),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "generify" in loaded
    assert loaded & set(HEAVY) == set()


def test_a_full_disk_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            script("models", "list", "--format", "json"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    error, hint = done.stderr.splitlines()
    assert (done.returncode, error) == (1, "error: No space left on device")
    assert hint.startswith("hint: make room on that disk")


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
def test_a_reader_that_has_had_enough(form: str, music: Path, model_file: Path) -> None:
    """As in ``generify predict … | head -0``."""
    with subprocess.Popen(
        script("predict", music, "--model", model_file, "--format", form),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_names_that_the_terminal_cannot_show(music: Path, tmp_path: Path, model_file: Path) -> None:
    song = tmp_path / "ümläut 東京.wav"
    shutil.copy(music / "tones/tones0.wav", song)
    done = subprocess.run(
        script("predict", song, tmp_path / "ä.mp3", "--model", model_file),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 1
    assert r"\xfcml\xe4ut" in done.stdout
    assert r"\xe4.mp3: no such file" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has names that are not text")
@pytest.mark.parametrize("to_file", [True, False])
def test_a_name_that_is_not_text(
    to_file: bool, music: Path, tmp_path: Path, model_file: Path
) -> None:
    song = os.fsencode(tmp_path) + b"/w\xff.wav"
    try:
        Path(os.fsdecode(song)).write_bytes((music / "tones/tones0.wav").read_bytes())
    except OSError:
        pytest.skip("this file system takes no such names")
    output = ("-o", tmp_path / "out.json") if to_file else ("--format", "json")
    done = subprocess.run(
        [
            *script("predict", "--model", model_file, *output),
            song,
        ],
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out.json").read_bytes() if to_file else done.stdout
    assert json.loads(text)[0]["path"].endswith("w\udcff.wav")


SLOW = """
import time
from generify import excerpts
import generify.prediction
real = excerpts.load_excerpts
def slow(*arguments):
    time.sleep(0.1)
    return real(*arguments)
generify.prediction.load_excerpts = slow
"""


def interrupt(command_line: list[str], ready: Path | None = None) -> tuple[int, str, str]:
    """Press Ctrl-C once the command has begun to work."""
    process = subprocess.Popen(
        command_line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = process.stdout.readline() if ready is None else ""
    while ready is not None and not ready.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return process.returncode, first + out, err


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("form", ["table", "ndjson"])
def test_an_interrupt_keeps_what_was_printed(form: str, music: Path, model_file: Path) -> None:
    arguments = ("predict", music, "--model", model_file, "--format", form)
    code, out, err = interrupt(script(*arguments, before=SLOW))
    assert (code, err) == (130, "interrupted\n")
    lines = out.splitlines()
    assert 0 < len(lines) < 24
    if form == "ndjson":
        assert [json.loads(line)["genre"] for line in lines] == ["clicks"] * len(lines)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupt_leaves_no_half_written_answers(
    music: Path, model_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "answers/out.json"
    output.parent.mkdir()
    ready = tmp_path / "ready"
    before = SLOW.replace("time.sleep(0.1)", f"time.sleep(0.1); open({str(ready)!r}, 'w')")
    arguments = ("predict", music, "--model", model_file, "-o", output)
    code, out, err = interrupt(script(*arguments, before=before), ready)
    assert (code, out, err) == (130, "", "interrupted\n")
    assert list(output.parent.iterdir()) == []
