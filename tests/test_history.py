"""The history on SQLite, MariaDB and PostgreSQL: kept, found, counted, removed, and never lost."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from databases import (
    KINDS,
    SERVERS,
    Model,
    Relay,
    answer,
    engine_of,
    fresh_database,
    keep,
    prediction,
)
from generify.content import content_hash
from generify.errors import (
    AudioDecodeError,
    Failure,
    HistoryError,
    MissingExtraError,
    ParameterError,
)
from generify.history import (
    Correction,
    HistoryFilter,
    corrected_tracks,
    database,
    import_predecessor,
    open_history,
    schema,
    searching,
    writing,
)
from generify.history.location import default_url, locate
from generify.history.store import History

SQLISH = "'; DROP TABLE generify_songs; -- \" \\ ) OR 1=1"


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_database(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def history(url: str) -> Iterator[History]:
    with open_history(url) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PAUSES", (0.0, 0.0))


def paths(history: History, **wanted: Any) -> list[str]:
    return [Path(e.path).name for e in history.search(HistoryFilter(**wanted), limit=1000)]


def test_what_goes_in_comes_out(history: History, music: Path) -> None:
    song = music / "tones/tones0.wav"
    before = datetime.now(UTC)
    run = history.start_run("scan --engine ray", Model("western", "2.1"))
    assert run.add([prediction(song, "jazz", 0.834567)]) == 1
    (entry,) = history.search()
    assert before <= entry.when <= datetime.now(UTC)
    assert (entry.path, entry.genre, entry.unknown) == (str(song), "jazz", False)
    assert entry.confidence == 0.834567
    assert (entry.model, entry.model_version, entry.command) == (
        "western",
        "2.1",
        "scan --engine ray",
    )
    assert entry.recording == content_hash(song)
    assert entry.duration == 241.3
    assert list(entry.genres) == ["jazz", "blues", "rock"]
    assert entry.genres["jazz"] == 0.834567
    assert entry.styles == {"Mellow": 0.41, "guitar": 0.3}
    assert list(history.export()) == [entry]


def test_as_json_it_reads_like_a_prediction(history: History) -> None:
    said = prediction("/music/a.mp3")
    keep(history, said)
    (entry,) = history.search()
    record, plain = entry.to_dict(), said.to_dict()
    for name in ("path", "model", "genre", "confidence", "unknown", "genres", "styles", "duration"):
        assert record[name] == plain[name]
    assert datetime.fromisoformat(record["when"]) == entry.when.replace(microsecond=0)


def test_failures_are_passed_over(history: History) -> None:
    failure = Failure("bad.mp3", "AudioDecodeError", "no audio")
    run = history.start_run("predict", Model())
    assert run.add([failure, prediction("/a.mp3"), failure]) == 1
    assert history.count() == 1


def test_nothing_is_kept_twice(history: History) -> None:
    run = history.start_run("scan", Model(), key="mine")
    assert run.add([prediction("/a.mp3"), prediction("/a.mp3"), prediction("/b.mp3")]) == 2
    again = history.start_run("scan", Model(), key="mine")
    assert again == run
    assert again.add([prediction("/a.mp3"), prediction("/c.mp3")]) == 1
    assert sorted(paths(history)) == ["a.mp3", "b.mp3", "c.mp3"]
    assert keep(history, prediction("/a.mp3")) == 1  # another run is another answer


def test_a_tagged_or_renamed_song_is_the_same(
    history: History, music: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first.wav"
    shutil.copy(music / "tones/tones0.wav", first)
    keep(history, prediction(first))
    with first.open("ab") as stream:  # a chunk of RIFF that holds no sound
        stream.write(b"LIST\x04\x00\x00\x00INFO")
    keep(history, prediction(first, "rock"))
    second = first.rename(tmp_path / "second.wav")
    keep(history, prediction(second, "blues"))
    assert history.statistics().n_songs == 1
    assert paths(history) == ["second.wav", "first.wav", "first.wav"]
    assert history.correct(second, "folk").path == str(second)
    assert {entry.corrected for entry in history.search()} == {"folk"}


def test_copies_of_a_song_are_all_found(history: History, music: Path, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        shutil.copy(music / "tones/tones0.wav", tmp_path / name)
    keep(history, prediction(tmp_path / "a.wav"), prediction(tmp_path / "b.wav"))
    assert sorted(paths(history)) == ["a.wav", "b.wav"]
    assert history.statistics().n_songs == 1
    assert [g.n_songs for g in history.statistics().genres] == [1]


def test_relative_paths_are_kept_in_full(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keep(history, prediction("a/../b.mp3"), prediction("s3://bucket/a/../c.mp3"))
    assert sorted(e.path for e in history.search()) == sorted(
        [str(tmp_path / "b.mp3"), "s3://bucket/a/../c.mp3"]
    )


@pytest.mark.parametrize(
    "name",
    ["n" * 300, "long/" * 800, "caf\udce9", "\U0001f3b5 song", "zero\0zero", "tab\tline\n", SQLISH],
    ids=["300", "4000", "bytes", "emoji", "zero", "tab", "sql"],
)
def test_odd_names(history: History, name: str) -> None:
    keep(history, prediction(f"/music/{name}.mp3"), prediction("/music/plain.mp3"))
    assert history.count() == 2
    shown = name.replace("\udce9", "\\xe9").replace("\0", "\\x00")
    (entry,) = history.search(HistoryFilter(name=shown.swapcase()))
    assert entry.path == f"/music/{shown}.mp3"
    assert keep(history, prediction(f"/music/{name}.mp3")) == 1
    assert history.statistics().n_songs == 2


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ÄPFEL", ["Äpfel 100%.mp3"]),
        ("äpfel", ["Äpfel 100%.mp3"]),
        ("A\u0308pfel", ["Äpfel 100%.mp3"]),
        ("100%", ["Äpfel 100%.mp3"]),
        ("a%b", []),
        ("a_b", ["a_b.mp3"]),
        ("STRASSE", ["Straße.mp3"]),
        ("/music/a", ["a_b.mp3", "axb.mp3"]),
        (SQLISH, []),
        ("", ["Straße.mp3", "a_b.mp3", "axb.mp3", "Äpfel 100%.mp3"]),
    ],
)
def test_search_by_name(history: History, name: str, found: list[str]) -> None:
    names = ("Äpfel 100%.mp3", "a_b.mp3", "axb.mp3", "Straße.mp3")
    keep(history, *(prediction(f"/music/{one}") for one in names))
    assert sorted(paths(history, name=name)) == found
    assert history.count(HistoryFilter(name=name)) == len(found)


def test_search_by_everything_else(history: History) -> None:
    keep(history, prediction("/a.mp3", "jazz"), prediction("/b.mp3", None))
    middle = datetime.now(UTC)
    keep(history, prediction("/c.mp3", "jazz"), prediction("/d.mp3", "rock"), model="mine")
    assert paths(history, genre="jazz") == ["c.mp3", "a.mp3"]
    assert paths(history, genre="Jazz") == []
    assert paths(history, genre=SQLISH) == []
    assert paths(history, model="mine") == ["d.mp3", "c.mp3"]
    assert paths(history, unknown=True) == ["b.mp3"]
    assert paths(history, unknown=False) == ["d.mp3", "c.mp3", "a.mp3"]
    assert paths(history, since=middle) == ["d.mp3", "c.mp3"]
    assert paths(history, until=middle) == ["b.mp3", "a.mp3"]
    assert paths(history, since=middle, genre="rock", model="mine", name="D") == ["d.mp3"]
    in_tokyo = middle.astimezone().astimezone(UTC) + timedelta(0)
    assert paths(history, since=in_tokyo) == ["d.mp3", "c.mp3"]


def test_pages_hold_every_entry_once(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    run = history.start_run("scan", Model())
    history.add_answers(run, (answer(n) for n in range(7)))
    pages = [history.search(limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    found = [Path(e.path).stem for page in pages for e in page]
    assert found == [f"{n:04d}" for n in reversed(range(7))]
    monkeypatch.setattr(searching, "_CHUNK", 3)
    assert [Path(e.path).stem for e in history.export()] == found[::-1]
    for limit, offset in ((0, 0), (1, -1)):
        with pytest.raises(ParameterError, match="a search needs a limit of 1 or more"):
            history.search(limit=limit, offset=offset)


def test_statistics_count_songs_by_their_newest_answer(history: History) -> None:
    songs = [f"/{n}.mp3" for n in range(4)]
    keep(history, *(prediction(song, "rock", 0.5) for song in songs))
    keep(history, *(prediction(song, "jazz", 0.9) for song in songs[:2]))
    keep(history, prediction(songs[2], None, 0.4))
    keep(history, prediction(songs[0], "sufi", 0.7), model="indian")
    found = history.statistics()
    assert (found.n_songs, found.n_predictions, found.n_runs, found.n_corrections) == (4, 8, 4, 0)
    counts = [(g.model, g.genre, g.n_songs, g.share) for g in found.genres]
    assert counts == [
        ("indian", "sufi", 1, 1.0),
        ("western", "jazz", 2, 0.5),
        ("western", None, 1, 0.25),
        ("western", "rock", 1, 0.25),
    ]
    assert [g.confidence for g in found.genres] == pytest.approx([0.7, 0.9, 0.4, 0.5])
    only = history.statistics(HistoryFilter(model="western", unknown=False)).genres
    assert [(g.genre, g.n_songs) for g in only] == [("jazz", 2), ("rock", 1)]
    assert only[0].share == pytest.approx(2 / 3)


def test_statistics_by_the_newest_answer_of_a_time(history: History) -> None:
    keep(history, prediction("/a.mp3", "rock"), prediction("/b.mp3", "rock"))
    keep(history, prediction("/a.mp3", "pop"))
    keep(history, prediction("/a.mp3", "sufi"), model="indian")
    middle = datetime.now(UTC)
    keep(history, prediction("/a.mp3", "jazz"), prediction("/c.mp3", "jazz"))

    def counts(**wanted: Any) -> list[tuple[str, str | None, int]]:
        found = history.statistics(HistoryFilter(**wanted)).genres
        return [(g.model, g.genre, g.n_songs) for g in found]

    indian = ("indian", "sufi", 1)
    before = [indian, ("western", "pop", 1), ("western", "rock", 1)]
    assert counts(until=middle) == before
    assert counts(until=middle, model="western") == before[1:]
    # A song that was heard anew is counted by what was said last, not by what is asked for.
    assert counts(until=middle, genre="rock") == [("western", "rock", 1)]
    assert counts(until=middle, genre="jazz") == counts(until=middle, unknown=True) == []
    assert counts(since=middle) == [("western", "jazz", 2)]
    assert counts(genre="pop") == []
    assert counts() == [indian, ("western", "jazz", 2), ("western", "rock", 1)]


def test_statistics_of_a_song_that_lies_in_two_places(
    history: History, music: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copies" / "copied.wav"
    copy.parent.mkdir()
    shutil.copy(music / "tones/tones0.wav", copy)
    keep(history, prediction(music / "tones/tones0.wav", "rock"))
    keep(history, prediction(copy, "jazz"))
    for name, genre in (("tones0", "rock"), ("copied", "jazz"), ("", "jazz")):
        found = history.statistics(HistoryFilter(name=name)).genres
        assert [(g.genre, g.n_songs) for g in found] == [(genre, 1)]


def test_an_entry_that_goes_while_it_is_looked_up(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a server, each of the two questions of a search sees what is there at that moment.
    keep(history, prediction("/a.mp3"), prediction("/b.mp3"))
    select_entries = searching.select_entries
    gone = min(history.database.engine.connect().scalars(sa.select(schema.predictions.c.id)))
    monkeypatch.setattr(
        searching,
        "select_entries",
        lambda *tests: select_entries(*tests, schema.predictions.c.id != gone),
    )
    assert paths(history) == ["b.mp3"]


def test_a_recording_that_is_known_is_not_read_again(
    history: History, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = music / "tones/tones0.wav"
    known = content_hash(song)
    monkeypatch.setattr(writing, "identify", None)
    run = history.start_run("scan", Model())
    assert history.add_answers(run, [writing.answer_of(prediction(song), known)]) == 1
    assert history.search()[0].recording == known


def test_an_empty_history(history: History) -> None:
    assert (history.search(), history.count(), list(history.export())) == ([], 0, [])
    assert history.statistics().genres == ()
    assert history.corrections() == ()
    assert history.clear() == 0


def test_clear(history: History, music: Path) -> None:
    kept = music / "tones/tones0.wav"
    history.correct(kept, "folk")
    keep(history, prediction("/old.mp3"))
    between = datetime.now(UTC)
    keep(history, prediction(kept), prediction("/new.mp3"))
    keep(history, prediction("/new.mp3", "sufi"), model="indian")
    assert history.clear(before=between) == 1
    assert paths(history) == ["new.mp3", "new.mp3", "tones0.wav"]
    assert history.statistics().n_songs == 2
    assert history.clear(model="indian") == 1
    assert history.clear() == 2
    assert [c.genre for c in history.corrections()] == ["folk"]
    assert history.clear(with_corrections=True) == 0
    found = history.statistics()
    assert (found.n_songs, found.n_predictions, found.n_runs, found.n_corrections) == (0, 0, 0, 0)


def test_a_run_outlives_a_clear(history: History) -> None:
    run = history.start_run("scan", Model())
    run.add([prediction("/a.mp3")])
    history.clear()
    assert run.add([prediction("/b.mp3")]) == 1


def test_corrections(history: History, music: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    shutil.copy(music / "tones/tones0.wav", song)
    keep(history, prediction(song, "rock"), prediction("/gone.mp3", "rock"))
    history.correct(song, " jazz ")
    kept = history.correct(str(song), "Folk")
    history.correct("/gone.mp3", "blues")
    assert kept.recording == content_hash(song)
    assert [(c.path, c.genre, c.recording) for c in history.corrections()] == [
        (str(song), "Folk", kept.recording),
        ("/gone.mp3", "blues", None),
    ]
    assert history.corrections()[0].when == kept.when
    by_path = {Path(e.path).name: e.corrected for e in history.search()}
    assert by_path == {"song.wav": "Folk", "gone.mp3": "blues"}
    assert history.search()[0].duration == 241.3
    moved = song.rename(tmp_path / "moved.wav")
    assert history.take_back(moved) is True
    assert history.take_back(moved) is False
    assert history.take_back("/gone.mp3") is True
    assert history.take_back("/never.mp3") is False


def test_a_song_corrected_before_it_was_heard_gets_its_length(
    history: History, music: Path, tmp_path: Path
) -> None:
    song = tmp_path / "song.wav"
    shutil.copy(music / "tones/tones0.wav", song)
    history.correct(song, "folk")
    keep(history, prediction(song))
    assert [entry.duration for entry in history.search()] == [241.3]


def test_a_song_that_is_gone_is_known_by_where_it_lay(
    history: History, music: Path, tmp_path: Path
) -> None:
    song = tmp_path / "song.wav"
    shutil.copy(music / "tones/tones0.wav", song)
    keep(history, prediction(song))
    recording = content_hash(song)
    song.unlink()
    assert history.correct(song, "folk").recording == recording
    assert history.statistics().n_songs == 1


def test_corrections_that_cannot_be(history: History, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"there is no file .*nix.mp3, and the history knows"):
        history.correct(tmp_path / "nix.mp3", "jazz")
    text = tmp_path / "text.mp3"
    text.write_text("words")
    with pytest.raises(AudioDecodeError, match="is not an audio file"):
        history.correct(text, "jazz")
    for genre in ("", "  ", "x" * 256):
        with pytest.raises(ParameterError, match="a genre has 1 to 255 characters"):
            history.correct(text, genre)
    for refused in (lambda: history.correct(tmp_path, "jazz"), lambda: history.take_back(tmp_path)):
        with pytest.raises(ParameterError, match=f"{tmp_path} is a folder, a song was expected"):
            refused()
    assert history.statistics().n_songs == 0


def test_corrections_become_tracks() -> None:
    when = datetime(2025, 1, 1, tzinfo=UTC)
    made = corrected_tracks(
        [Correction("/a/b.mp3", "jazz", when, "hash"), Correction("/gone.mp3", "rock", when)]
    )
    assert {key: (t.track, t.path, t.genre) for key, t in made.items()} == {
        "hash": ("jazz/b", "/a/b.mp3", "jazz")
    }


# Many at once, and a database that goes away


WRITER = """
import sys
from databases import Model, answer
from generify.history import open_history
url, number, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open_history(url) as history:
    run = history.start_run("scan", Model())
    for first in range(0, n, 10):
        order = range(first, first + 10) if number % 2 else reversed(range(first, first + 10))
        history.add_answers(run, [answer(i, f"genre {number}") for i in order])
"""


def test_eight_writers_lose_nothing(url: str) -> None:
    """Eight processes open a new history at once and write the same songs, forth and back."""
    n_writers, n_songs = 8, 60
    places = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, str(number), str(n_songs)],
            env={**os.environ, "PYTHONPATH": places},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(n_writers)
    ]
    errors = [writer.communicate(timeout=120)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * n_writers, "\n".join(errors)
    with open_history(url) as history:
        found = history.statistics()
        entries = list(history.export())
    assert (found.n_songs, found.n_predictions, found.n_runs) == (n_songs, 480, n_writers)
    assert len({(e.path, e.genre) for e in entries}) == n_songs * n_writers
    assert sum(g.n_songs for g in found.genres) == n_songs  # one newest answer a song


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_goes_away_and_comes_back(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PAUSES", (0.05,) * 100)
    with fresh_database(kind, tmp_path) as url:
        target = sa.make_url(url)
        relay = Relay(target.host or "", target.port or 0)
        with open_history(url.replace(f":{target.port}/", f":{relay.port}/")) as history:
            run = history.start_run("scan", Model())
            history.add_answers(run, [answer(0)])
            relay.cut()
            mending = threading.Timer(0.5, relay.mend)
            mending.start()
            history.add_answers(run, [answer(0), answer(1)])
            mending.join()
            assert sorted(paths(history)) == ["0000.mp3", "0001.mp3"]
            monkeypatch.setattr(database, "_PAUSES", (0.0,))
            relay.cut()
            with pytest.raises(HistoryError, match=f"{target.database} cannot be used: .+"):
                history.add_answers(run, [answer(2)])
            relay.mend()
            assert history.add_answers(run, [answer(1), answer(2)]) == 1
            assert len(paths(history)) == 3
        relay.cut()


@pytest.mark.parametrize("kind", SERVERS)
def test_the_line_is_cut_in_the_middle_of_a_write(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PAUSES", (0.05,) * 100)
    with fresh_database(kind, tmp_path) as url:
        target = sa.make_url(url)
        relay = Relay(target.host or "", target.port or 0)
        with open_history(url.replace(f":{target.port}/", f":{relay.port}/")) as history:
            run = history.start_run("scan", Model())
            really_keep, n_tries = writing.keep, []

            def cut_before_the_commit(*given: Any) -> int:
                n_new = really_keep(*given)
                n_tries.append(n_new)
                if len(n_tries) == 1:
                    relay.cut()
                    threading.Timer(0.2, relay.mend).start()
                return n_new

            monkeypatch.setattr(writing, "keep", cut_before_the_commit)
            history.add_answers(run, [answer(0), answer(1)])
            assert len(n_tries) == 2
            assert history.count() == 2
        relay.cut()


def test_a_commit_whose_answer_is_lost_is_not_done_twice(
    history: History, monkeypatch: pytest.MonkeyPatch, no_pauses: None
) -> None:
    run = history.start_run("scan", Model())
    dialect = history.database.engine.dialect
    really_commit, lost = dialect.do_commit, []
    words = {"sqlite": ("database is locked",), "mysql": (2013, "Lost connection")}

    def commit(connection: Any) -> None:
        really_commit(connection)
        if not lost:
            lost.append(connection)
            driver = dialect.loaded_dbapi
            raise driver.OperationalError(*words.get(dialect.name, ("the line is dead",)))

    monkeypatch.setattr(dialect, "do_commit", commit)
    history.add_answers(run, [answer(0), answer(1)])
    assert lost
    assert history.count() == 2


def test_a_file_that_goes_away_and_comes_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PAUSES", (0.05,) * 100)
    with open_history(str(file)) as history:
        run = history.start_run("scan", Model())
        history.add_answers(run, [answer(0)])
        away = file.rename(file.with_name("away"))
        coming = threading.Timer(0.3, lambda: away.rename(file))
        coming.start()
        history.add_answers(run, [answer(1)])
        coming.join()
        assert history.count() == 2
        file.rename(away)
        monkeypatch.setattr(database, "_PAUSES", (0.0,))
        with pytest.raises(HistoryError, match=r"history.db cannot be opened"):
            history.add_answers(run, [answer(2)])
        assert not file.exists()


def test_a_file_in_use(file: Path, monkeypatch: pytest.MonkeyPatch, no_pauses: None) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    with open_history(str(file)) as history:
        run = history.start_run("scan", Model())
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert history.count() == 0  # who writes stops nobody from reading
        with pytest.raises(HistoryError, match=r"history.db is in use by another program"):
            history.add_answers(run, [answer(0)])
        other.close()
        assert history.add_answers(run, [answer(0)]) == 1


# Files that are no history


def test_a_damaged_file(file: Path) -> None:
    with open_history(str(file)) as history:
        history.add_answers(history.start_run("scan", Model()), map(answer, range(500)))
    content = bytearray(file.read_bytes())
    content[100 : len(content) // 2] = b"\xff" * (len(content) // 2 - 100)
    file.write_bytes(content)
    with pytest.raises(HistoryError, match=r"history.db is damaged") as caught:
        open_history(str(file))
    assert ".recover" in caught.value.hint


@pytest.mark.parametrize("content", [b"path,genre\n" * 100, os.urandom(4096)])
def test_a_file_that_is_no_database(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(HistoryError, match=r"history.db is no history: it is not an SQLite"):
        open_history(str(file))
    assert file.read_bytes() == content


def test_an_empty_file_becomes_a_history(file: Path) -> None:
    file.touch()
    with open_history(str(file), create=False) as history:
        assert history.count() == 0


def test_the_database_of_another_program(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        for name in ("moz_places", "moz_a", "moz_b", "moz_c"):
            connection.execute(f"CREATE TABLE {name} (id)")
    connection.close()
    with pytest.raises(
        HistoryError,
        match=r"the database of another program; it holds the tables moz_a, moz_b, moz_c, …(\n|$)",
    ):
        open_history(str(file))


def test_other_tables_on_a_server_are_left_alone(url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("a file is ours or another's")
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE songs (title VARCHAR(20))"))
        connection.execute(sa.text("INSERT INTO songs VALUES ('mine')"))
    with open_history(url) as history:
        keep(history, prediction("/a.mp3"))
        history.clear(with_corrections=True)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT title FROM songs")) == "mine"


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="is a folder, a file was expected"):
        open_history(str(tmp_path))
    with pytest.raises(HistoryError, match="there is no folder"):
        open_history(str(tmp_path / "nix/history.db"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HistoryError, match="is no ordinary file"):
        open_history(str(tmp_path / "pipe"))
    (tmp_path / "text").touch()
    with pytest.raises(HistoryError, match=r"Not a directory|there is no folder"):
        open_history(str(tmp_path / "text/history.db"))
    with pytest.raises(HistoryError, match=r"there is no history .*typo.db yet"):
        open_history(str(tmp_path / "typo.db"), create=False)
    assert not (tmp_path / "typo.db").exists()


def test_a_file_that_may_only_be_read(file: Path) -> None:
    with open_history(str(file)) as history:
        keep(history, prediction("/a.mp3"))
    with open_history(f"sqlite:///{file}?mode=ro") as history:
        assert history.count() == 1
        with pytest.raises(HistoryError, match=r"history.db may only be read"):
            keep(history, prediction("/b.mp3"))


def test_a_full_disk(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_history(str(file)) as history:
        run = history.start_run("scan", Model())
        history.add_answers(run, map(answer, range(10)))
        really_open = database.Database._open_file

        def open_without_room(self: database.Database) -> sqlite3.Connection:
            connection = really_open(self)
            n_pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {n_pages}")
            return connection

        with monkeypatch.context() as patch:
            patch.setattr(database.Database, "_open_file", open_without_room)
            history.database.engine.dispose()
            full = open_history(str(file))
            with pytest.raises(HistoryError, match=r"there is no room for .*the disk is full"):
                full.add_answers(run, map(answer, range(10, 1000)))
            assert full.count() == 10
        assert history.add_answers(run, map(answer, range(1000))) == 990


# Where it lies


def test_by_default_it_lies_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENERIFY_DATABASE_URL", raising=False)
    assert Path(default_url()).name == "history.db"
    monkeypatch.setenv("GENERIFY_DATABASE_URL", f"sqlite:///{tmp_path}/mine.db")
    with open_history() as history:
        assert history.label == str(tmp_path / "mine.db")


def test_its_own_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENERIFY_DATABASE_URL", raising=False)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "a/b"))
    with open_history() as history:
        assert history.label == str(tmp_path / "a/b/history.db")


@pytest.mark.parametrize(
    ("given", "driver", "label"),
    [
        ("mysql://me:secret@host/music", "mysql+pymysql", "mysql://host/music"),
        ("mariadb://me:secret@host:33/music", "mysql+pymysql", "mysql://host:33/music"),
        ("mysql+pymysql://host/music", "mysql+pymysql", "mysql://host/music"),
        ("postgres://me:secret@host/m", "postgresql+psycopg", "postgresql://host/m"),
        ("postgresql://h/m?password=secret", "postgresql+psycopg", "postgresql://h/m"),
    ],
)
def test_urls(given: str, driver: str, label: str) -> None:
    found = locate(given)
    assert (found.url.drivername, found.label) == (driver, label)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("oracle://me:secret@host/music", "in a database of the kind 'oracle'"),
        ("://secret", "the database URL cannot be understood"),
        ("mysql://me:secret@host:port/music", "the database URL cannot be understood"),
        ("mysql://me:sec@secret@host/music", "the database URL has more than one @"),
        ("mysql://me:secret@host", "the database URL names no database"),
        ("sqlite://", "a history cannot be kept in memory"),
        ("sqlite:///:memory:", "a history cannot be kept in memory"),
    ],
)
def test_urls_that_cannot_be(given: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words) as caught:
        locate(given)
    assert "secret" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("kind", SERVERS)
def test_the_password_is_never_shown(kind: str, tmp_path: Path) -> None:
    with fresh_database(kind, tmp_path) as url:
        scheme, _, place = url.partition("://")
        place = place.partition("@")[2]
        host = sa.make_url(url).host or ""
        for given in (
            f"{scheme}://nobody:s3cr3t@{place}",
            f"{scheme}://nobody:s3cr3t@{host}:1/music",
        ):
            with pytest.raises(HistoryError, match="cannot be used: ") as caught:
                open_history(given)
            text = f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"
            assert "s3cr3t" not in text
        with open_history(url) as history:
            assert "@" not in repr(history)


@pytest.mark.parametrize(
    "given", ["mysql://me:s3cr3t@host/music", "postgresql://host/music?password=s3cr3t"]
)
def test_a_driver_that_tells_the_password_is_not_repeated(given: str) -> None:
    error = sa.exc.OperationalError("SELECT", {}, Exception("who is\n s3cr3t"))
    told = database.Database(locate(given)).explain(error)
    assert str(told).endswith("host/music cannot be used: who is ***")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    from generify import history as package
    from generify.history import location

    monkeypatch.setattr(location, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="this needs pymysql") as caught:
        locate("mysql://host/music")
    assert caught.value.hint == "pip install 'generify[mysql]'"
    monkeypatch.setattr(package, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="this needs sqlalchemy") as caught:
        open_history(str(file))
    assert caught.value.hint == "pip install 'generify[history]'"


def test_opening_needs_no_alembic_once_the_tables_are_there(file: Path) -> None:
    open_history(str(file)).close()
    code = (
        "import sys, generify.history as h; print('sqlalchemy' in sys.modules);"
        f"h.open_history({str(file)!r}).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


# The predecessor


def old_tables(url: str, names: tuple[str, ...] = ("eng_genre_finder", "genre_finder")) -> None:
    rows = {
        "eng_genre_finder": [
            ("Tum Hi Ho.mp3", "pop"),
            ("a'b.wav", "rock"),
            ("a'b.wav", "rock"),
            ("a'b.wav", "jazz"),
            (None, "jazz"),
            ("no genre.mp3", " "),
        ],
        "genre_finder": [("Tum Hi Ho.mp3", "bollypop")],
    }
    with engine_of(url).begin() as connection:
        for name in names:
            connection.execute(
                sa.text(f"CREATE TABLE {name} (file VARCHAR(200), genre VARCHAR(40))")
            )
            for file, genre in rows[name]:
                connection.execute(
                    sa.text(f"INSERT INTO {name} VALUES (:file, :genre)"),
                    {"file": file, "genre": genre},
                )


@pytest.fixture(params=KINDS)
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "old").mkdir()
    with fresh_database(request.param, tmp_path / "old") as made:
        yield made


def test_the_predecessor_is_imported(old_url: str, file: Path) -> None:
    old_tables(old_url)
    with open_history(str(file)) as history:
        western, indian = import_predecessor(history, old_url)
        assert (western.table, western.model) == ("eng_genre_finder", "predecessor-western")
        assert (western.n_rows, western.n_kept, western.n_skipped) == (6, 3, 2)
        assert (indian.model, indian.n_kept) == ("predecessor-indian", 1)
        found = history.search(HistoryFilter(name="tum hi", model="predecessor-western"))
        assert [(e.path, e.genre, e.confidence, e.recording, e.command) for e in found] == [
            ("Tum Hi Ho.mp3", "pop", None, None, "import")
        ]
        assert [
            (g.model, g.genre, g.n_songs, g.confidence) for g in history.statistics().genres
        ] == [
            ("predecessor-indian", "bollypop", 1, None),
            ("predecessor-western", "jazz", 1, None),
            ("predecessor-western", "pop", 1, None),
        ]
        again = import_predecessor(history, old_url)
        assert [table.n_kept for table in again] == [0, 0]
        assert history.count() == 4
    with engine_of(old_url).connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM eng_genre_finder")) == 6


def test_the_predecessor_beside_the_history(url: str) -> None:
    """Its tables may lie in the very database that the history is kept in."""
    if url.startswith("sqlite"):
        pytest.skip("a file of another program is refused")
    old_tables(url, ("genre_finder",))
    with open_history(url) as history:
        (indian,) = import_predecessor(history, url)
        assert (indian.n_kept, history.count()) == (1, 1)


def test_what_is_no_predecessor(file: Path, tmp_path: Path) -> None:
    with open_history(str(file)) as history:
        other = tmp_path / "other.db"
        with pytest.raises(HistoryError, match="there is no file"):
            import_predecessor(history, str(other))
        with sqlite3.connect(other) as connection:
            connection.execute("CREATE TABLE songs (file, genre)")
        with pytest.raises(HistoryError, match="has neither table of the predecessor, eng_genre"):
            import_predecessor(history, str(other))
        connection.execute("CREATE TABLE genre_finder (file, kind)")
        connection.close()
        with pytest.raises(HistoryError, match="has the columns file, kind, file and genre were"):
            import_predecessor(history, str(other))
        other.write_bytes(b"words" * 1000)
        with pytest.raises(HistoryError, match=re.escape(f"{other} is no history")):
            import_predecessor(history, str(other))
