"""The answers of a scan in the history, each once, however often the scan is interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generify.cli.checks import check_extra
from generify.cli.terminal import say

if TYPE_CHECKING:
    from generify.model import ModelCard
    from generify.scan import Scan

__all__ = ["check_extras", "keep_results"]


def check_extras(*, keep: bool, against_tags: bool) -> None:
    """Refuse to begin hours of work whose end cannot be reached."""
    if against_tags:
        check_extra("tags", "mutagen")
    if keep:
        from generify.history import open_history

        open_history().close()


def keep_results(scan: Scan, card: ModelCard) -> None:
    """Keep what this scan heard, also before an interruption."""
    from generify.history import open_history

    if scan.complete:
        say("nothing was heard, so nothing is kept")
        return
    with open_history() as history:
        run = history.start_run("scan", card, key=scan.key)
        n_kept = run.add(result.answer for result in scan.heard())
        say(f"kept {n_kept} answers in {history.label}")
