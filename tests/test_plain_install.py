"""The command in a plain install: what needs an extra says which, and nothing shows a traceback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

from generify.cli.app import COMMANDS, build_app
from generify.model import GenreModel

typer_main = pytest.importorskip("typer.main")


class Answer(NamedTuple):
    code: int | str | None
    out: str
    err: str
    written: list[str]


_NAME = re.compile(r"[\w.-]+")
_TOOLS = frozenset({"coverage", "pip", "setuptools"})  # nothing of Generify's imports these

# Finders find nothing of what is blocked, as if it were not there, nor that it is installed; each
# line runs in its folder, and writes as into a file.
RUN_ALL = """
import contextlib, io, json, os, sys
from importlib.metadata import DistributionFinder
blocked, plain, lines = json.load(sys.stdin)
def spell(name):
    return name.lower().replace("_", "-")
class Plain(DistributionFinder):
    finders = sys.meta_path[:]
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            return None
        specs = (finder.find_spec(name, path, target) for finder in self.finders)
        return next((spec for spec in specs if spec is not None), None)
    def find_distributions(self, context=DistributionFinder.Context()):
        for finder in self.finders:
            for found in getattr(finder, "find_distributions", lambda _: ())(context):
                if spell(found.metadata["Name"]) in plain:
                    yield found
sys.meta_path[:] = [Plain()]
import traceback
from generify.cli import main
done = {}
for line, (folder, arguments) in lines.items():
    os.chdir(folder)
    sys.argv = ["generify", *arguments]
    err, out = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        try:
            code = main()
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            code = traceback.format_exc()
    done[line] = (code, *(file.detach().getvalue().decode() for file in (out, err)))
json.dump(done, sys.stdout)
"""

# Every command, with what it is given, and the extra that it asks for; none where it just works.
NEEDS: dict[str, tuple[str, str]] = {
    "predict {song}": ("", ""),
    "predict {song} --keep": ("history", "sqlalchemy"),
    "predict {song} --plot pictures": ("train", "matplotlib"),
    "scan {music}/tones -o results.csv --model {given}/toy.onnx": ("", ""),
    "scan {music}/tones -o results.parquet": ("train", "pyarrow"),
    "scan {music}/tones -o results.csv --keep": ("history", "sqlalchemy"),
    "scan {music}/tones -o results.csv --against-tags": ("tags", "mutagen"),
    "scan {music}/tones -o results.csv --engine ray": ("ray", "ray"),
    "tag {song} --dry-run": ("tags", "mutagen"),
    "playlist {given}/answers.ndjson -o Playlists": ("", ""),
    "history search": ("history", "sqlalchemy"),
    "history stats": ("history", "sqlalchemy"),
    "history clear --yes": ("history", "sqlalchemy"),
    "history export": ("history", "sqlalchemy"),
    "history import {given}/old.db": ("history", "sqlalchemy"),
    "correct {song} tones": ("history", "sqlalchemy"),
    "train {music} -o m.onnx": ("train", "scikit-learn"),
    "evaluate {music}": ("train", "scikit-learn"),
    "compare {music}": ("train", "scikit-learn"),
    "datasets list": ("", ""),
    "datasets info gtzan": ("", ""),
    "datasets fetch gtzan -o gtzan": ("datasets", "requests"),
    "datasets verify {music}": ("", ""),
    "datasets duplicates {music}/tones": ("", ""),
    "datasets split {music} --by random -o split.csv": ("train", "scikit-learn"),
    "extract {music} -o t.parquet": ("train", "pyarrow"),
    "convert {music}/tones -o wav": ("", ""),
    "serve": ("web", "fastapi"),
    "spectrogram {song} -o s.png": ("train", "matplotlib"),
    "models list": ("", ""),
    "models info western": ("", ""),
    "models export western -o m.onnx": ("", ""),
    "cache info": ("", ""),
    "cache clear": ("", ""),
    "doctor": ("", ""),
}
# What ends with another exit code than 0 even where all is installed.
EXPECTED = {"datasets verify {music}": 1}  # songs of less than 3 s


def _commands() -> Iterator[str]:
    """Every command that does something, found from the root, so that none is forgotten."""

    def walk(node: object, path: tuple[str, ...]) -> Iterator[str]:
        below = getattr(node, "commands", {})
        if not below:
            yield " ".join(path)
        for name, child in below.items():
            yield from walk(child, (*path, name))

    return walk(typer_main.get_command(build_app()), ())


def _plain_packages() -> set[str]:
    """Names of the packages that come without any extra, and all that these need."""
    known: set[str] = set()
    waiting = ["generify"]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in known:
            continue
        known.add(name)
        try:
            required = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:
            continue  # for another system or version of Python
        waiting += [_NAME.findall(text)[0] for text in required if "extra ==" not in text]
    return known


@pytest.fixture(scope="module")
def blocked() -> frozenset[str]:
    """Modules that are here, for development, and are in no plain install."""
    plain = _plain_packages() | _TOOLS
    return frozenset(
        module
        for module, packages in metadata.packages_distributions().items()
        if not plain.intersection(name.lower().replace("_", "-") for name in packages)
    )


@pytest.fixture(scope="module")
def answers(
    blocked: frozenset[str],
    music: Path,
    music_model: GenreModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Answer]:
    """Exit code, what was said, and what was written, of each line."""
    given = tmp_path_factory.mktemp("given")
    music_model.save(given / "toy.onnx")
    (given / "old.db").touch()
    (given / "answers.ndjson").write_text("")
    values = {"music": music, "song": music / "tones/tones0.wav", "given": given}
    lines = {
        line: (str(tmp_path_factory.mktemp("run")), line.format(**values).split()) for line in NEEDS
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL],
        input=json.dumps((sorted(blocked), sorted(_plain_packages()), lines)),
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        line: Answer(code, out, err, [path.name for path in Path(lines[line][0]).iterdir()])
        for line, (code, out, err) in json.loads(done.stdout).items()
    }


def test_every_command_is_tried() -> None:
    tried = {
        name for name in _commands() if any(f"{line} ".startswith(f"{name} ") for line in NEEDS)
    }
    assert tried == {*_commands()}
    assert len(tried) > len(COMMANDS)


def test_what_is_blocked(blocked: frozenset[str]) -> None:
    assert {"sklearn", "requests", "urllib3", "mutagen", "sqlalchemy", "pyarrow"} <= blocked
    assert not blocked & {"numpy", "soundfile", "av", "onnxruntime", "rich", "typer"}


@pytest.mark.parametrize("line", NEEDS)
def test_a_plain_install(line: str, answers: Mapping[str, Answer]) -> None:
    extra, package = NEEDS[line]
    done = answers[line]
    if not extra:
        assert "is not installed" not in done.err
        assert done.code == EXPECTED.get(line, 0), done
        return
    assert done.err.splitlines() == [
        f"error: this needs {package}, which is not installed",
        f"hint: pip install 'generify[{extra}]'",
    ], done.code
    assert done.code == 2
    assert done.written == []


def test_doctor_finds_no_extra(answers: Mapping[str, Answer]) -> None:
    extras = set(metadata.metadata("generify").get_all("Provides-Extra") or ()) - {"all"}
    found = re.findall(r"not installed: (\w+), for", answers["doctor"].out)
    assert found == sorted(extras)
