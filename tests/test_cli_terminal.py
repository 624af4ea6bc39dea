"""What a person sees: tables of one look, figures that promise no more than there is."""

from __future__ import annotations

import io
import sys

import pytest

from generify.cli.terminal import RowPrinter, describe, format_sure, print_table
from generify.errors import Failure


@pytest.mark.parametrize(
    ("path", "message", "line"),
    [
        ("e", "cannot be used", "e: cannot be used"),
        ("e", "e: no song in this folder", "e: no song in this folder"),
        ("no", "no song in this folder", "no: no song in this folder"),
        ("a.mp3", "another a.mp3: is empty", "a.mp3: another a.mp3: is empty"),
        (
            "a.mp3",
            "a.mp3: looks like MP3 but cannot be decoded (soundfile: x (y); pyav: z); get it again",
            "a.mp3: looks like MP3 but cannot be decoded; get it again",
        ),
        (
            "m (soundfile: x)/a.mp3",
            "m (soundfile: x)/a.mp3: is silent (its peak is low); check it",
            "m (soundfile: x)/a.mp3: is silent (its peak is low); check it",
        ),
    ],
)
def test_a_failure_names_its_file_once(path: str, message: str, line: str) -> None:
    assert describe(Failure(path, "DatasetError", message)) == line


@pytest.mark.parametrize(
    ("probability", "shown"),
    [
        (0.597, "59 %"),
        (0.6, "60 %"),
        (0.6 - 1e-9, "59 %"),
        (0.29, "29 %"),  # 100 times that is a little less than 29
        (0, "< 1 %"),  # nobody is sure of that
        (1, "> 99 %"),
        (0.9949, "99 %"),
        (0.995, "> 99 %"),
        (0.999999, "> 99 %"),
        (0.0099, "< 1 %"),
    ],
)
def test_sureness_is_cut(probability: float, shown: str) -> None:
    """A threshold that was not reached is not shown as reached."""
    assert format_sure(probability) == shown


class Terminal(io.StringIO):
    """A screen of 60 columns."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def test_a_rule_below_a_progress_bar_is_as_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar puts something in the place of stdout that has no encoding."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    rows = RowPrinter((5,))
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # what it puts there tells none either
    rows.head(("genre", "why"))
    assert "─────   ───" in sys.stdout.getvalue()


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        (0, ["metal.00001.ogg   Schwermetall, rock   sure enough to be written"]),
        (60, ["metal.00001.ogg   Schwermetall,   sure enough to be written", "rock"]),
        (40, ["metal.00   Schwermetall   sure enough to", "001.ogg    , rock         be written"]),
    ],
)
def test_words_are_broken_only_where_there_is_no_room(
    columns: int, wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell goes on at a blank; in a pipe it is in one piece."""
    screen = Terminal() if columns else io.StringIO()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = RowPrinter((8, 12))
    rows.row(("metal.00001.ogg", "Schwermetall, rock", "sure enough to be written"))
    shown = [line.strip() for line in screen.getvalue().splitlines()]
    assert shown[: len(wanted)] == wanted


@pytest.mark.parametrize(("encoding", "rule"), [("utf-8", "─"), ("ascii", "-")])
def test_both_kinds_of_tables_look_alike(
    encoding: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for stream in (io.BytesIO(), io.BytesIO()):
        out = io.TextIOWrapper(stream, encoding=encoding)
        monkeypatch.setattr(sys, "stdout", out)
        if shown:
            rows = RowPrinter((5, -6))
            rows.head(("genre", "tracks", "why"))
            rows.row(("metal", "12", "old"))
        else:
            print_table(("genre", ">tracks", "why"), [("metal", "12", "old")])
        out.flush()
        shown.append([line.rstrip() for line in stream.getvalue().decode().splitlines()])
    assert shown[1] == [
        "genre   tracks   why",
        f"{rule * 5}   {rule * 6}   {rule * 3}",
        "metal       12   old",
    ]
    assert shown[0] == shown[1]
