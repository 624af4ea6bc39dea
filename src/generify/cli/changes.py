"""Changes of tags as people see them in a terminal, and as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from generify.cli.answers import say_remarks
from generify.cli.formats import Format, emit
from generify.cli.terminal import (
    RowPrinter,
    counted,
    format_sure,
    go_on_unread,
    progress_bar,
    say,
    stdout_width,
)
from generify.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from generify.tagging import TagChange, TagOptions

__all__ = ["ChangeTable"]

_WIDEST_GENRES = 30  # names of a person's own may be of any length
_OTHERS_WIDTH = 12  # genres of any program; most are one, and longer ones go on in the next line
_WHY_WIDTH = 16
_LEAST_NAME = 12  # on a narrow terminal
_LONGEST_NAME = 40


class ChangeTable:
    """Prints each change as soon as it is known, and at the end what they amount to.

    Without options it is an undo. A dry run shows every song, else only what changed is shown;
    records are of every song.
    """

    def __init__(
        self,
        how: Format,
        options: TagOptions | None = None,
        *,
        journal: Path | None = None,
        dry_run: bool = False,
    ) -> None:
        self._how, self._options, self._is_dry = how, options, dry_run
        self._titles = ("now", "would be") if dry_run else ("was", "is now")
        self._journal = options.journal if options else journal
        self._begun = False

    def show(
        self,
        changes: Iterable[TagChange | Failure],
        files: Sequence[Path] = (),
        genres: Sequence[str] = (),
    ) -> None:
        """Print all, and end with what the failures amount to.

        Files, and genres that may be written, make the columns fit, where they are known before.
        """
        go_on_unread()  # a reader who has had enough must not leave half of the songs undone
        results: list[TagChange | Failure] = []
        rows = self._make_rows(files, genres)
        with progress_bar("tagging" if self._options else "bringing back") as progress:
            progress(0, len(files))
            for change in changes:
                results.append(change)
                self._show_one(change, rows)
                progress(len(results), len(files) or len(results))
        if self._how is not Format.TABLE:
            emit([result.to_dict() for result in results], self._how, _cells)
        self._say_summary(results)
        if any(isinstance(result, Failure) for result in results):
            raise typer.Exit(1)

    def _make_rows(self, files: Sequence[Path], genres: Sequence[str]) -> RowPrinter:
        from rich.cells import cell_len

        longest = max((cell_len(file.name) for file in files), default=_LONGEST_NAME)
        old, new = self._genre_widths(sorted(map(cell_len, genres), reverse=True))
        room = stdout_width() - old - new - _WHY_WIDTH - 9
        return RowPrinter((max(len("song"), min(longest, max(_LEAST_NAME, room))), old, new))

    def _genre_widths(self, lengths: Sequence[int]) -> tuple[int, int]:
        """Give the widths for the genres before and after, from how long the model's are."""
        most = lengths[: self._options.max_genres if self._options else 1]
        written = min(sum(most) + 2 * max(0, len(most) - 1), _WIDEST_GENRES)
        if not self._options:  # an undo
            return written, _OTHERS_WIDTH
        any_before = self._options.overwrite or self._is_dry
        old = _OTHERS_WIDTH if any_before else len(_listed(()))
        return old, max(written, len(self._titles[1]))

    def _show_one(self, change: TagChange | Failure, rows: RowPrinter) -> None:
        if isinstance(change, Failure):
            say_remarks(change)
            return
        if self._how is Format.TABLE and (change.changes or self._is_dry):
            if not self._begun:
                self._begun = True
                rows.head(("song", *self._titles, "why"))
            after = _listed(change.after) if change.changes else ""
            name = Path(change.path).name
            rows.row((name, _listed(change.before), after, _why(change)))
        for warning in change.warnings:
            say(f"warning: {change.path}: {warning}")

    def _say_summary(self, results: Iterable[TagChange | Failure]) -> None:
        counts = Counter(
            "failed" if isinstance(r, Failure) else "" if r.changes else str(r.reason)
            for r in results
        )
        n_changed, n_failed = counts.pop("", 0), counts.pop("failed", 0)
        done = "tagged" if self._options else "brought back"
        parts = [f"{counted(n_changed, 'song')} {'would be ' * self._is_dry}{done}"]
        if counts:
            reasons = ", ".join(f"{n} {reason}" for reason, n in counts.most_common())
            parts.append(f"{counts.total()} left alone ({reasons})")
        if n_failed:
            parts.append(f"{n_failed} failed")
        say(", ".join(parts))
        if n_failed and not (self._options or self._is_dry):
            self._say_kept()
        if n_changed and self._options and not self._is_dry:
            named = f" --journal {self._journal}" if self._journal else ""
            say(f"to take it back: generify tag --undo{named}")

    def _say_kept(self) -> None:
        """Tell what became of the journal of an undo that has failed in part."""
        from generify.tagging.journal import name_aside

        aside = name_aside(self._journal) if self._journal else None
        if aside not in (None, self._journal) and aside.exists():
            say(
                f"the rest cannot be brought back, so its journal is put aside: {aside}; --undo "
                "now reaches the runs before"
            )
            return
        say(
            f"the journal {self._journal} is kept: mend what failed and run the same command "
            "again, or remove the journal to give up"
        )


def _listed(genres: tuple[str, ...]) -> str:
    return ", ".join(genres) or "none"


def _why(change: TagChange) -> str:
    from generify.tagging import Reason

    if change.confidence is None or change.reason not in (Reason.SURE, Reason.NOT_SURE):
        return str(change.reason)
    sure = f"{format_sure(change.confidence)} sure"
    return sure if change.reason is Reason.SURE else f"only {sure}"


def _cells(record: Mapping[str, Any]) -> Mapping[str, Any]:
    names = ("path", "before", "after", "reason", "confidence", "written")
    cells = {name: record.get(name, "") for name in names}
    lists = {name: "; ".join(cells[name]) for name in ("before", "after")}
    return cells | lists | {"error": record.get("error", {}).get("message", "")}
