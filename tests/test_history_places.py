"""A history that cannot be made where it should lie, or that is no longer whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from databases import keep, prediction
from generify.errors import HistoryError
from generify.history import open_history
from generify.history.examining import examine_history


def test_a_file_stands_where_the_folder_of_the_history_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "text" / "below" / "history.db"
    (tmp_path / "text").touch()
    monkeypatch.setenv("GENERIFY_DATABASE_URL", str(blocked))
    with pytest.raises(HistoryError, match=r"^cannot make .*history\.db: Not a dir") as told:
        open_history()
    assert told.value.hint == "choose a folder that exists and that you may write to"
    assert (tmp_path / "text").read_bytes() == b""


def test_the_folder_of_the_history_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a" / "b" / "history.db"
    monkeypatch.setenv("GENERIFY_DATABASE_URL", str(place))
    with open_history() as history:
        keep(history, prediction("/a.mp3"))
    assert place.is_file()


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    """Deep in the file, where what is read at opening is whole."""
    file = tmp_path / "history.db"
    with open_history(str(file)) as history:
        keep(history, *(prediction(f"/{number}.mp3") for number in range(400)))
    assert examine_history(str(file)) is not None
    content = bytearray(file.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 512] = b"\xff" * 512
    file.write_bytes(content)
    with pytest.raises(HistoryError, match=r"history\.db is damaged") as told:
        examine_history(str(file))
    assert told.value.hint.startswith("move it away or put back a copy")
