"""The answers of a scan in the history, each once, however often the scan is interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generify.cli.checks import check_extra
from generify.cli.terminal import counted, print_error, say
from generify.errors import Failure, HistoryError

if TYPE_CHECKING:
    from generify.model import ModelCard
    from generify.scan import Scan

__all__ = ["check_extras", "keep_results"]


def check_extras(*, keep: bool, database: str | None, against_tags: bool) -> None:
    """Refuse to begin hours of work whose end cannot be reached."""
    if against_tags:
        check_extra("tags", "mutagen")
    if keep:
        from generify.history import open_history

        open_history(database).close()


def keep_results(scan: Scan, card: ModelCard, database: str | None) -> bool:
    """Keep what this scan heard, also before an interruption; tell whether it is kept."""
    from generify.history import open_history
    from generify.history.writing import answer_of

    if scan.complete:
        say("nothing was heard, so nothing is kept")
        return True
    answers = (
        answer_of(result.answer, result.recording)
        for result in scan.heard()
        if not isinstance(result.answer, Failure)
    )
    try:
        with open_history(database) as history:
            run = history.start_run("scan", card, key=scan.key)
            n_kept = history.add_answers(run, answers)
            say(f"kept {counted(n_kept, 'answer')} in {history.label}")
    except HistoryError as err:
        print_error(err)
        say("not all answers are kept; the same command again keeps them, and hears nothing twice")
        return False
    return True
