"""The house of docs/design.md: who may import whom, and how large things may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from generify.cli.app import COMMANDS

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "generify"

# From top to bottom; a module imports from rows below its own, and from its own package.
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(row.split())
    for row in (
        "__main__",
        "cli",
        "web",
        "cluster doctor",
        "workflow report scan tagging playlists history",
        "plots results agreement",
        "training prediction verification",
        "evaluation model extraction recipe duplicates",
        "table calibration model_card",
        "classifiers novelty datasets features cache",
        "music_check content inference excerpts mel_grid spectral_features tag_formats",
        "audio spectrum",
        "decoders endings",
        "containers atomic native_stderr child_processes graph_check decode_guard",
        "errors defaults cores lazy percent",
    )
)
HEAVY = ("sklearn", "scipy", "pandas", "matplotlib", "librosa", "skl2onnx", "pyarrow", "fastapi")
MAX_MODULE_LINES = 500
MAX_COMMAND_LINES = 120
MAX_FUNCTION_LINES = 60
MAX_POSITIONAL = 5

MODULES = sorted(PACKAGE.rglob("*.py"))


def _row(part: str) -> int:
    return next(i for i, row in enumerate(LAYERS) if part in row)


def _part(path: Path) -> str:
    """Name of the top-level module or package that a file belongs to."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """Top-level parts of generify that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("generify."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "generify":
            names = {alias.name for alias in node.names}
            found |= {name for name in names if (PACKAGE / f"{name}.py").exists()}
            found |= {name for name in names if (PACKAGE / name).is_dir()}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("generify.")}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downward(path: Path) -> None:
    part = _part(path)
    if part == "__init__":
        return
    upward = {name for name in _imports(path) - {part} if _row(name) <= _row(part)}
    assert not upward, f"{part} may not import {sorted(upward)}"


def test_every_module_has_a_place() -> None:
    parts = {_part(path) for path in MODULES} - {"__init__"}
    assert parts == set().union(*LAYERS)


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
