"""How long a history of a million answers takes to search and to count.

::

    python benchmarks/history.py [--rows N] [--json]

Fills a history with made-up answers (800,000 songs, two models, ten genres, some unknown, over two
years) in an SQLite file, then asks what people ask. Each question is asked three times; the slowest
counts.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from generify.history import HistoryFilter, open_history, writing
from generify.history.schema import predictions, runs, songs
from generify.history.store import History
from generify.history.writing import Answer, path_key

N_ROWS = 1_000_000
N_MORE = 20_000
N_TIMES = 3
AT_ONCE = 20_000
GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae")
RARE = "rock"
STYLES = ("Mellow", "guitar", "instrumental", "slow", "beautiful")


@dataclass(frozen=True)
class Model:
    """What is kept of a model."""

    name: str
    version: str = "1"


def answers(model: Model, first: int, last: int) -> Iterator[Answer]:
    """Yield made-up answers on songs of some numbers."""
    draw = random.Random(f"{model.name} {first}")
    for number in range(first, last):
        path = f"/music/Artist {number // 120:04d}/Älbum {number // 12 % 10}/{number:07d} Song.mp3"
        genre = RARE if number % 5000 == 0 else draw.choice(GENRES)
        share = draw.uniform(0.3, 1)
        yield Answer(
            key=path_key(path),
            path=path,
            place=path_key(path),
            recording=f"{number:064x}",
            genre=None if draw.random() < 0.04 else genre,
            confidence=round(share, 6),
            duration=240.0,
            genres={g: round((1 - share) / 9, 6) for g in GENRES} | {genre: round(share, 6)},
            styles={style: round(draw.random(), 6) for style in STYLES},
        )


def fill(connection: sa.Connection, model: Model, n_rows: int) -> None:
    """Put answers in, all at once and past the program, dated over two years."""
    now = datetime.now(UTC)
    run = {"started": now, "command": "scan", "model": model.name, "model_version": model.version}
    connection.execute(sa.insert(runs).values(key=model.name, program_version="0", **run))
    run_id = connection.scalar(sa.select(runs.c.id).where(runs.c.key == model.name))
    known = connection.scalar(sa.select(sa.func.max(songs.c.id))) or 0
    step = timedelta(days=730) / n_rows
    for first in range(0, n_rows, AT_ONCE):
        made = list(answers(model, first, min(first + AT_ONCE, n_rows)))
        numbers = range(first + 1, first + 1 + len(made))
        new = [(number, a) for number, a in zip(numbers, made, strict=True) if number > known]
        if new:
            connection.execute(sa.insert(songs), [song_columns(*pair) for pair in new])
        rows = [
            {"run_id": run_id, "song_id": number, "predicted": now - number * step}
            | {"model": model.name, "model_version": model.version, "newest": True}
            | writing.answer_columns(answer)
            for number, answer in zip(numbers, made, strict=True)
        ]
        connection.execute(sa.insert(predictions), rows)


def song_columns(number: int, answer: Answer) -> dict[str, Any]:
    """Give a row of the table of songs."""
    place = {"path": answer.path, "path_key": answer.place, "duration": answer.duration}
    return {"id": number, "recording": answer.recording, **place}


def keep_more(history: History, n_rows: int) -> float:
    """Keep answers as a scan does, and give how many a second."""
    start = time.perf_counter()
    run = history.start_run("scan", Model("another"))
    history.add_answers(run, answers(Model("another"), 0, n_rows))
    return n_rows / (time.perf_counter() - start)


def questions(history: History) -> dict[str, Callable[[], object]]:
    """Name what is asked; a search is a page of twenty and the number of all."""
    month = datetime.now(UTC) - timedelta(days=400)

    def search(wanted: HistoryFilter, offset: int = 0) -> Callable[[], object]:
        return lambda: (history.search(wanted, offset=offset), history.count(wanted))

    return {
        "newest": search(HistoryFilter()),
        "page 500": search(HistoryFilter(), 10_000),
        "genre": search(HistoryFilter(genre="jazz")),
        "rare genre": search(HistoryFilter(genre=RARE)),
        "unknown": search(HistoryFilter(unknown=True)),
        "model": search(HistoryFilter(model="indian")),
        "a month": search(HistoryFilter(since=month, until=month + timedelta(days=30))),
        "genre, model, a month": search(
            HistoryFilter(None, "jazz", "indian", month, month + timedelta(days=30))
        ),
        "genre and model": search(HistoryFilter(genre="jazz", model="indian")),
        "name, one song": search(HistoryFilter(name="0123456 song")),
        "name, 120 songs": search(HistoryFilter(name="artist 0123")),
        "name, no song": search(HistoryFilter(name="there is none such")),
        "name, all songs": search(HistoryFilter(name="ÄLBUM")),
        "name and genre": search(HistoryFilter(name="artist 0123", genre="jazz")),
        "statistics": history.statistics,
        "statistics of a model": lambda: history.statistics(HistoryFilter(model="western")),
        "statistics of a month": lambda: history.statistics(
            HistoryFilter(since=month, until=month + timedelta(days=30))
        ),
        "statistics of a name": lambda: history.statistics(HistoryFilter(name="artist 0123")),
    }


def slowest(ask: Callable[[], object]) -> float:
    """Ask some times, and give the most seconds it took."""
    times = []
    for _ in range(N_TIMES):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return max(times)


def measure(file: Path, n_rows: int) -> dict[str, Any]:
    """Fill a history and ask."""
    n_songs = n_rows * 8 // 10
    with open_history(str(file)) as history:
        for model, n in ((Model("western"), n_songs), (Model("indian"), n_rows - n_songs)):
            history.database.write(partial(fill, model=model, n_rows=n))
        asked = {name: round(slowest(ask), 3) for name, ask in questions(history).items()}
        rate = keep_more(history, N_MORE)
    size = file.stat().st_size
    return {"kept_per_second": round(rate), "size_bytes": size, "seconds": asked}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Speed of a large history.")
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder) / "history.db", arguments.rows)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{arguments.rows:,} answers; {found['kept_per_second']:,} more kept a second")
    print(f"{found['size_bytes'] / 1e6:,.0f} MB")
    for name, seconds in found["seconds"].items():
        print(f"{name:24} {1000 * seconds:8,.0f} ms")


if __name__ == "__main__":
    main()
