"""The page of the command: every help text, as a terminal of 80 columns shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["command_page", "help_texts"]

INTRODUCTION = """
Songs and folders come first, `-o` names what is written. stdout carries the result and nothing
else; progress and warnings go to stderr. `--format table|json|ndjson|csv` means the same
everywhere. Exit codes: 0 all done, 1 some songs failed (each is named with its reason) or the whole
job did, 2 wrong usage, 130 interrupted. `--debug`, anywhere on the line, shows the traceback of an
error.
"""


def help_texts() -> Iterator[tuple[str, str]]:
    """Yield each command as it is typed, and its help text."""
    import typer
    from typer.testing import CliRunner

    from generify.cli.app import build_app

    runner = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"})
    for words in _paths(typer.main.get_command(build_app()), ()):
        outcome = runner.invoke(
            build_app(), [*words, "--help"], prog_name="generify", terminal_width=80
        )
        yield " ".join(("generify", *words)), outcome.output.strip("\n")


def _paths(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield words
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from _paths(child, (*words, name))


def command_page(note: str) -> str:
    """Write the page.

    Parameters
    ----------
    note : str
        What stands below the title.

    Returns
    -------
    str
        Markdown.
    """
    parts = ["# Command", note.strip(), INTRODUCTION.strip()]
    for typed, text in help_texts():
        parts += [f"## {typed}", f"```text\n{_without_ends(text)}\n```"]
    return "\n\n".join(parts) + "\n"


def _without_ends(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())
