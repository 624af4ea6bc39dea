"""What people give in the place of songs is named by its first bytes."""

from __future__ import annotations

import pytest

from generify.other_kinds import name_other_kind

HIDDEN = [chr(code) for code in range(32) if chr(code) not in "\t\n\f\r"]


@pytest.mark.parametrize(
    "blank", [" ", "\n", "\t", "\u00a0", "\u3000", "\u2028", "\u200b", "\ufeff"]
)
def test_blanks_of_all_kinds_are_of_a_text(blank: str) -> None:
    assert name_other_kind(f"two{blank}words".encode()) == "a text"
    assert name_other_kind(f"<!DOCTYPE html><p>two{blank}words".encode()) == "a web page"


@pytest.mark.parametrize(
    "head", ["<html>", "\ufeff<HTML>", "\ufeff\n <!doctype html>", " \u00a0<html>"]
)
def test_a_web_page_may_begin_with_a_mark_and_blanks(head: str) -> None:
    assert name_other_kind(head.encode()) == "a web page"


@pytest.mark.parametrize("letter", [*HIDDEN, "\x7f", "\x85", "\x9f", "\ue000", "\U000e0080"])
def test_what_holds_control_characters_is_no_text(letter: str) -> None:
    assert name_other_kind(f"two{letter}words".encode()) == ""


def test_a_letter_may_be_cut_by_the_end_of_what_was_read() -> None:
    assert name_other_kind(b"a" + "\u3000".encode() * 400) == "a text"
