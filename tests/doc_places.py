"""The folder that a page's blocks are run in. In it: :func:`assert_page_holds`."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from doc_blocks import READ, ROOT, RUN, Block, commands, difference, read_blocks

SITE = "http://127.0.0.1:8000"
TIMEOUT = 300
N_SONGS = 5  # a genre: few folds, so that training is quick
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Place:
    """The folder that a page's blocks run in."""

    folder: Path
    environment: dict[str, str]
    site: str | None
    printed: str = ""

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a program, both its streams as one."""
        if self.site:
            command = [part.replace(SITE, self.site) for part in command]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
        printed = _COLOUR.sub("", done.stdout)
        self.printed = printed.replace(self.site, SITE) if self.site else printed
        return done


def _environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONUNBUFFERED": "1",  # so that both streams come in order
        "NO_COLOR": "1",
        "GENERIFY_DATABASE_URL": f"sqlite:///{home}/history.db",
        "GENERIFY_STATE_DIR": str(home / ".state"),
    }


def _furnish(folder: Path, music: Path) -> None:
    """Put there what the pages say is there."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(ROOT / "examples", folder / "Music")
    for genre, sound in zip(("jazz", "metal", "rock"), ("tones", "noise", "clicks"), strict=True):
        (folder / "my-music" / genre).mkdir(parents=True)
        for number in range(N_SONGS):
            shutil.copy(music / sound / f"{sound}{number}.wav", folder / "my-music" / genre)
    shutil.copy(ROOT / "examples" / "intro.mp3", folder / "song.mp3")
    for name in ("tools", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)


def _copy_repository(folder: Path) -> None:
    """Put a copy of the repository there, for recipes that change it."""
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("src", "tests", "tools", "benchmarks"):
        if (folder / name).is_symlink():
            (folder / name).unlink()
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "docs").mkdir(exist_ok=True)
    shutil.copy(ROOT / "docs" / "design.md", folder / "docs")


def assert_page_holds(page: Path, folder: Path, music: Path) -> None:
    """Run the blocks of a page in a folder made for it, with a site where the page wants one.

    Each must do, print and end as the page says.

    ``music`` is the fixture of that name.
    """
    blocks = [b for b in read_blocks(page) if b.is_code and "not run" not in b.marks]
    environment = _environment(folder)
    _furnish(folder, music)
    if any(block.marks.get("file", "").startswith("src") for block in blocks):
        _copy_repository(folder)
        environment["PYTHONPATH"] = str(folder / "src")
    with ExitStack() as stack:
        site = None
        if any(SITE in block.text and block.language in RUN for block in blocks):
            from web_site import running_site

            site = stack.enter_context(running_site(folder / "site", long_seconds=600.0)).url
        place = Place(folder, environment, site)
        for block in blocks:
            _try(block, place)


def _try(block: Block, place: Place) -> None:
    if "file" in block.marks:
        path = place.folder / block.marks["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text + "\n", encoding="utf-8")
    elif "edit" in block.marks:
        _apply(block, place)
    elif "prints" in block.marks:
        tolerance = float(block.marks.get("numbers", 0))
        wanted = [" ".join(line.split()) for line in block.text.splitlines() if line.strip()]
        assert not (wrong := difference(wanted, place.printed, tolerance)), f"{block}\n{wrong}"
    elif block.language == "console":
        _run_session(block, place)
    elif block.language in RUN:
        words = {"bash": ["bash", "-euc"], "python": [sys.executable, "-c"]}[block.language]
        done = place.run([*words, block.text])
        assert done.returncode == int(block.marks.get("exits", 0)), f"{block}\n{done.stdout}"
    elif block.language in READ:
        _read(block)


def _run_session(block: Block, place: Place) -> None:
    session = commands(block)
    for number, (command, wanted) in enumerate(session):
        done = place.run(["bash", "-c", command])
        last = number == len(session) - 1
        code = int(block.marks.get("exits", 0)) if last else 0
        assert done.returncode == code, f"{block}: {command}\n{done.stdout}"
        wrong = difference(wanted, place.printed, float(block.marks.get("numbers", 0)))
        assert not wrong, f"{block}: {command}\n{wrong}\n\nin all:\n{place.printed}"


def _apply(block: Block, place: Place) -> None:
    """Change a file as a diff block shows: lines without hunks, found by what they are."""
    lines = block.text.splitlines()
    path = place.folder / lines[0].removeprefix("--- ").strip()
    text = path.read_text(encoding="utf-8")
    for hunk in re.split(r"^@@.*\n?", "\n".join(lines[1:]) + "\n", flags=re.M):
        body = hunk.splitlines()
        if not body:
            continue
        before = "".join(line[1:] + "\n" for line in body if not line.startswith("+"))
        after = "".join(line[1:] + "\n" for line in body if not line.startswith("-"))
        assert text.count(before) == 1, f"{block}: these lines are not once in {path}\n{before}"
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")


def _read(block: Block) -> None:
    if block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "ini":
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read_string(block.text)
    else:
        yaml = pytest.importorskip("yaml", reason="PyYAML comes with the docs group")
        assert yaml.safe_load(block.text) is not None
