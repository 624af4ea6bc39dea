"""The house of docs/design.md: who may import whom, and how large things may grow."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

from generify.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "generify"
GRAPH = run_path(str(ROOT / "tools" / "import_graph.py"))
LAYERS = [frozenset(row) for row in GRAPH["read_rows"]()]
"""From top to bottom; a module imports from rows below its own, and from its own package."""

NOT_IN_THE_HOUSE = {"__main__.py", "__pycache__", "py.typed", "report_templates"}
HEAVY = ("sklearn", "scipy", "pandas", "matplotlib", "librosa", "skl2onnx", "pyarrow", "fastapi")
MAX_MODULE_LINES = 500
MAX_COMMAND_LINES = 120
MAX_FUNCTION_LINES = 60
MAX_POSITIONAL = 5

MODULES = sorted(PACKAGE.rglob("*.py"))


def _row(part: str) -> int:
    return next(i for i, row in enumerate(LAYERS) if part in row)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downward(path: Path) -> None:
    part = GRAPH["part_of"](path)
    if part == "__init__":
        return
    upward = {name for name in GRAPH["imports_of"](path) - {part} if _row(name) <= _row(part)}
    assert not upward, f"{part} may not import {sorted(upward)}"


def test_every_module_has_a_place() -> None:
    parts = {GRAPH["part_of"](path) for path in MODULES} - {"__init__"}
    assert parts == set().union(*LAYERS)
    assert sum(map(len, LAYERS)) == len(parts)


def test_the_design_names_every_part() -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    house = design.partition("src/generify/\n")[2].partition("```")[0]
    named = re.findall(r"^  (\w+(?:\.py|/))  ?", house, flags=re.M)
    there = [path for path in PACKAGE.iterdir() if path.name not in NOT_IN_THE_HOUSE]
    assert sorted(named) == sorted(f"{p.name}/" if p.is_dir() else p.name for p in there)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_MODULE_LINES
    if "def register(app" in text:
        assert text.count("\n") <= MAX_COMMAND_LINES


def _functions() -> list[tuple[str, ast.FunctionDef]]:
    return [
        (f"{path.relative_to(PACKAGE)}:{node.name}", node)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]


def _body_lines(node: ast.FunctionDef) -> int:
    docstring = ast.get_docstring(node, clean=False)
    n_docstring = docstring.count("\n") + 1 if docstring is not None else 0
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1 - n_docstring


def test_functions_stay_short() -> None:
    lengths = {name: _body_lines(node) for name, node in _functions()}
    assert not {name for name, n in lengths.items() if n > MAX_FUNCTION_LINES}
    ordered = sorted(lengths.values())
    assert ordered[len(ordered) // 2] <= 10
    assert ordered[len(ordered) * 9 // 10] <= 30


def test_few_positional_parameters() -> None:
    many = {
        name
        for name, node in _functions()
        if len([a for a in node.args.args if a.arg not in ("self", "cls")]) > MAX_POSITIONAL
        and not name.startswith("cli/")  # typer reads options from plain parameters
    }
    assert not many


def _imported(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(' '.join(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def _modules_after(code: str) -> set[str]:
    return {name.split(".")[0] for name in _imported(code)}


def test_prediction_path_is_light() -> None:
    code = "import generify.prediction, generify.scan, generify.audio, generify.features"
    assert not _modules_after(code) & set(HEAVY)


def test_naming_a_song_needs_no_masked_arrays() -> None:
    song = Path(__file__).resolve().parents[1] / "examples" / "intro.mp3"
    loaded = _imported(f"import generify; generify.predict({str(song)!r})")
    assert "onnxruntime" in loaded
    assert "numpy.ma" not in loaded  # medians and quantiles of numpy's import it: 9 ms


def test_the_command_starts_light() -> None:
    loaded = _modules_after("from generify.cli.app import build_app; build_app()")
    assert not loaded & {*HEAVY, "numpy", "soundfile", "av", "onnxruntime"}


def test_the_list_of_commands_needs_none_of_them() -> None:
    commands = {f"generify.cli.{name}" for name in COMMANDS}
    start = "from generify.cli.app import build_app"
    assert not _imported(f"{start}; build_app([])") & commands
    assert _imported(f"{start}; build_app(['predict'])") & commands == {"generify.cli.predict"}


def test_the_package_imports_nothing_heavy() -> None:
    assert not _modules_after("import generify") & {*HEAVY, "numpy", "soundfile", "av"}
