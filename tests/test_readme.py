"""The README does what it says: its sessions and its Python are run, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def _sessions() -> list[tuple[str, str]]:
    """Commands and what they are said to print."""
    parts = [part for block in _blocks("console") for part in re.split(r"^\$ ", block, flags=re.M)]
    pairs = (part.partition("\n") for part in parts if part.strip())
    return [(command, output) for command, _, output in pairs]


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def test_there_are_sessions_and_python() -> None:
    assert _sessions()
    assert _blocks("python")


@pytest.mark.parametrize(("command", "output"), _sessions())
def test_sessions_print_what_they_say(command: str, output: str) -> None:
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert _lines(done.stdout) == _lines(output)


@pytest.mark.parametrize("block", _blocks("python"))
def test_python_runs(block: str) -> None:
    command = [sys.executable, "-c", block]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    missing = [t for t in targets if not t.startswith("https://") and not (ROOT / t).exists()]
    assert not missing


def test_it_is_short() -> None:
    assert README.count("\n") <= 120
