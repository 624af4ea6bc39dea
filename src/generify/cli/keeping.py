"""Answers on their way to the person, kept in the history as they pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from generify.cli.history_options import HISTORY_PLACES
from generify.cli.terminal import counted, print_error, say
from generify.errors import HistoryError

if TYPE_CHECKING:
    from generify.errors import Failure
    from generify.history import History, Run
    from generify.history.store import NamedModel
    from generify.prediction import Prediction

__all__ = ["KeepDatabaseOption", "KeepOption", "Keeper", "is_to_keep"]

KeepOption = Annotated[
    bool, typer.Option("--keep", help="Keep the answers in the history (generify history).")
]
KeepDatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help=f"Keep the answers in this history: {HISTORY_PLACES}",
        show_default=False,
    ),
]


def is_to_keep(keep: bool, database: str | None) -> bool:
    """Tell whether answers are to be kept: who names a database wants them in it."""
    return keep or database is not None


class Keeper:
    """Keeps answers one by one, so that nothing is lost when the program is stopped.

    A history that fails on the way stops no answer: it is said once, and at the end.
    """

    def __init__(self) -> None:
        self._history: History | None = None
        self._run: Run | None = None
        self._n_kept, self._failed = 0, False

    @classmethod
    def open(cls, wanted: bool, database: str | None, command: str, model: NamedModel) -> Keeper:
        """Open the history where answers are to be kept; errors come now, before any work."""
        keeper = cls()
        if wanted:
            from generify.history import open_history

            keeper._history = open_history(database)
            keeper._run = keeper._history.start_run(command, model)
        return keeper

    def keep(self, answers: Iterable[Prediction | Failure]) -> Iterator[Prediction | Failure]:
        """Pass answers on, each once it is kept."""
        for answer in answers:
            if self._run is not None and not self._failed:
                self._keep(self._run, answer)
            yield answer

    def _keep(self, run: Run, answer: Prediction | Failure) -> None:
        try:
            self._n_kept += run.add([answer])
        except HistoryError as err:
            self._failed = True
            print_error(err)
            say("the answers from here on are not kept")

    def finish(self) -> bool:
        """Close the history, say what was kept, and tell whether something was not."""
        if self._history is not None:
            say(f"kept {counted(self._n_kept, 'answer')} in {self._history.label}")
            self._history.close()
        return self._failed
