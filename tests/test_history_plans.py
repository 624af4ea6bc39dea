"""How SQLite answers what is asked of a history: by what its indexes hold, not row by row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from databases import Model, answer
from generify.history import History, HistoryFilter, open_history

# Looked up for each song that a genre or a count is of, they would be most of the table.
LOOKED_UP = re.compile(
    r"^(SCAN|SEARCH) generify_predictions(?! USING (COVERING INDEX|INTEGER PRIMARY KEY))"
)
QUESTIONS: dict[str, Callable[[History], object]] = {
    "genre": lambda history: history.count(HistoryFilter(genre="jazz")),
    "unknown": lambda history: history.count(HistoryFilter(unknown=True)),
    "known": lambda history: history.count(HistoryFilter(unknown=False)),
    "page of a genre": lambda history: history.search(HistoryFilter(genre="jazz")),
    "name and genre": lambda history: history.count(HistoryFilter(name="a", genre="jazz")),
    "statistics": lambda history: history.statistics(),
    "of a model": lambda history: history.statistics(HistoryFilter(model="western")),
}


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(str(tmp_path / "history.db")) as opened:
        run = opened.start_run("scan", Model())
        opened.add_answers(run, [answer(n, ("jazz", "rock")[n % 2]) for n in range(20)])
        opened.correct("/music/0001.mp3", "jazz")
        yield opened


def plans(history: History, ask: Callable[[History], object]) -> list[str]:
    """Ask, and give the steps that SQLite took."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _k: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    sa.event.listen(history.database.engine, "before_cursor_execute", note)
    ask(history)
    sa.event.remove(history.database.engine, "before_cursor_execute", note)
    with history.database.engine.connect() as connection:
        return [
            row[3]
            for statement, values in asked
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_row_is_looked_up_that_an_index_tells_of(history: History, question: str) -> None:
    steps = plans(history, QUESTIONS[question])
    # Those of a song that was corrected, and whether a run has any.
    steps = [step for step in steps if "(song_id=?" not in step and "(run_id=?" not in step]
    assert [step for step in steps if LOOKED_UP.match(step)] == []


@pytest.mark.parametrize("wanted", [HistoryFilter(), HistoryFilter(model="western")])
def test_statistics_begin_with_the_corrections(history: History, wanted: HistoryFilter) -> None:
    """A thousand corrections would else be a thousand readings of all answers."""
    steps = plans(history, lambda history: history.statistics(wanted))
    (after,) = (
        steps[n + 1] for n, step in enumerate(steps[:-1])
        if step == "SCAN generify_corrections" and "predictions" in steps[n + 1]
    )  # fmt: skip
    assert "generify_predictions_song (song_id=?" in after


def test_statistics_count_corrected_songs_under_what_people_said(history: History) -> None:
    history.correct("/music/0003.mp3", "rock")  # as it was heard
    history.correct("/music/0005.mp3", "folk")
    counts = [
        (c.genre, c.n_songs, c.n_corrected, c.confidence) for c in history.statistics().genres
    ]
    assert counts == [("jazz", 11, 1, 0.5), ("rock", 8, 0, 0.5), ("folk", 1, 1, None)]
    for wanted, genres in (
        (HistoryFilter(genre="jazz"), ["jazz"]),
        (HistoryFilter(genre="folk"), ["folk"]),
        (HistoryFilter(unknown=True), []),
        (HistoryFilter(unknown=False, until=datetime.now(UTC)), ["jazz", "rock", "folk"]),
        (HistoryFilter(name="0005"), ["folk"]),
        (HistoryFilter(name="0005", genre="rock"), []),
    ):
        assert [c.genre for c in history.statistics(wanted).genres] == genres
