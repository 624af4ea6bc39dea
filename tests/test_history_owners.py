"""A history whose answers belong to owners: nobody sees or removes what is another's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from databases import KINDS, Model, answer, fresh_database
from generify.history import History, HistoryFilter, open_history, searching
from generify.history import owners as owners_module
from generify.history.owners import AnswerCount, OwnedHistory

ALL = HistoryFilter()


@pytest.fixture(params=KINDS)
def owned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OwnedHistory]:
    with fresh_database(request.param, tmp_path) as url, open_history(url) as history:
        yield OwnedHistory(history, "serve")


def keep(owned: OwnedHistory, owner: str, number: int, genre: str = "jazz") -> str:
    """Keep an answer on a made-up recording, and give its name."""
    key = f"{owner[:1]}{genre[:1]}{number:030d}"
    owned.keep(owner, Model(), replace(answer(number, genre), key=key))
    return key


def keys(owned: OwnedHistory, owner: str, wanted: HistoryFilter = ALL) -> list[str]:
    total, found = owned.search(owner, wanted, limit=100)
    assert total == len(found)
    return [one.key for one in found]


def test_each_owner_sees_their_own(owned: OwnedHistory) -> None:
    first, second = keep(owned, "anna", 1), keep(owned, "anna", 2, "blues")
    other = keep(owned, "bo", 1)
    assert keys(owned, "anna") == [second, first]
    assert keys(owned, "bo") == [other]
    assert keys(owned, "ann") == keys(owned, "%") == keys(owned, "_nna") == []
    assert keys(owned, "anna", HistoryFilter(genre="blues")) == [second]
    assert keys(owned, "anna", HistoryFilter(name="0001")) == [first]
    found = owned.get("anna", first)
    assert found is not None
    assert (found.entry.path, found.entry.command) == ("/music/0001.mp3", "serve")
    assert owned.get("bo", first) is None
    assert [one.key for one in owned.export("anna", ALL)] == [first, second]


def test_what_others_keep_has_no_owner(owned: OwnedHistory) -> None:
    history: History = owned.history
    history.add_answers(history.start_run("scan", Model()), [answer(1)])
    assert keys(owned, "") == keys(owned, "anna") == []
    assert owned.remove("") == []
    assert history.count() == 1


def test_what_others_corrected_changes_nothing(owned: OwnedHistory) -> None:
    """A person who keeps their own history in the site's database corrects their own songs."""
    jazz, unknown = keep(owned, "anna", 1), "u" * 32
    owned.keep("anna", Model(), replace(answer(2, None), key=unknown))
    for number in (1, 2):
        owned.history.correct(f"/music/{number:04d}.mp3", "folk")
    assert keys(owned, "anna", HistoryFilter(genre="folk")) == []
    for wanted, kept, genre in (
        (HistoryFilter(genre="jazz"), jazz, "jazz"),
        (HistoryFilter(unknown=False), jazz, "jazz"),
        (HistoryFilter(unknown=True), unknown, None),
    ):
        assert keys(owned, "anna", wanted) == [kept]
        assert [one.key for one in owned.export("anna", wanted)] == [kept]
        assert [count.genre for count in owned.count("anna", wanted)] == [genre]


def test_a_song_with_several_answers_is_one_song(owned: OwnedHistory) -> None:
    for number, genre in ((1, "jazz"), (1, "blues"), (2, "jazz"), (3, "rock")):
        keep(owned, "anna", number, genre)
    keep(owned, "bo", 4)
    assert owned.count_songs("anna", ALL) == 3
    assert owned.count_songs("anna", HistoryFilter(genre="jazz")) == 2
    assert owned.count_songs("anna", HistoryFilter(name="0003")) == 1
    assert owned.count_songs("carl", ALL) == 0


def test_pages(owned: OwnedHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners_module, "_AT_ONCE", 2)
    monkeypatch.setattr(searching, "_CHUNK", 2)
    kept = [keep(owned, "anna", number) for number in range(5)]
    total, page = owned.search("anna", ALL, limit=2, offset=1)
    assert total == 5
    assert [one.key for one in page] == [kept[3], kept[2]]
    assert [one.key for one in owned.export("anna", ALL)] == kept
    assert sorted(owned.remove("anna")) == sorted(kept)
    assert owned.history.statistics().n_songs == 0


def test_every_answer_counts(owned: OwnedHistory) -> None:
    for number, genre in ((1, "jazz"), (1, "blues"), (2, "jazz")):
        keep(owned, "anna", number, genre)
    keep(owned, "bo", 3, "rock")
    assert owned.count("anna", ALL) == [
        AnswerCount("western", "jazz", 2, 0.5),
        AnswerCount("western", "blues", 1, 0.5),
    ]
    assert owned.count("anna", HistoryFilter(genre="rock")) == []


def test_removal_leaves_the_answer_before_as_the_last_word(owned: OwnedHistory) -> None:
    first, last = keep(owned, "anna", 1), keep(owned, "bo", 1, "blues")
    assert owned.remove("anna", last) == []
    assert owned.remove("bo", last) == [last]
    assert [c.genre for c in owned.history.statistics().genres] == ["jazz"]
    assert owned.remove("anna", first) == [first]
    assert owned.history.statistics().n_songs == 0
