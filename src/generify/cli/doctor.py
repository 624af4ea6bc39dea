"""``generify doctor``: whether everything works, and what to mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from generify.cli.formats import Format, emit
from generify.cli.options import FormatOption
from generify.cli.terminal import RowPrinter, counted, say

if TYPE_CHECKING:
    from generify.doctor import Diagnosis

__all__ = ["doctor", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Try: generify doctor")(doctor)


def doctor(how: FormatOption = Format.TABLE) -> None:
    """Look whether everything works, and say what to mend."""
    from generify.doctor import State, examine

    findings = _shown() if how is Format.TABLE else list(examine())
    if how is not Format.TABLE:
        emit([finding.to_dict() for finding in findings], how, dict)
    n_wrong = sum(finding.state is not State.OK for finding in findings)
    say(f"{counted(n_wrong, 'thing')} to mend" if n_wrong else "all is well")
    if n_wrong:
        raise typer.Exit(1)


def _shown() -> Sequence[Diagnosis]:
    """Print each finding as soon as it is known, what to do about it below."""
    from generify.doctor import CHECKS, State, examine

    rows = RowPrinter((max(map(len, State)), max(map(len, CHECKS))))
    styles = {State.OK: "", State.WARNING: "yellow", State.ERROR: "red"}
    findings = []
    for finding in examine():
        findings.append(finding)
        rows.row((finding.state, finding.what, finding.message), style=styles[finding.state])
        if finding.cure:
            rows.row(("", "", f"mend it: {finding.cure}"))
    return findings
