"""Genres are found however they are spelt."""

from __future__ import annotations

import pytest

from generify.genre_names import call_genre, choose_genres, letters_of, match_genre

GENRES = ("Hip Hop", "hip-hop", "jazz", "1980s", "---")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("hip-hop", ("hip-hop",)),  # exactly so, although another sounds alike
        ("HipHop", ("Hip Hop", "hip-hop")),
        ("JAZZ", ("jazz",)),
        ("1980'S", ("1980s",)),
        ("rap", ()),
        ("---", ("---",)),
        ("!!!", ()),  # no letters are no name, and not those of another
        ("", ()),
    ],
)
def test_a_name_means_genres(name: str, meant: tuple[str, ...]) -> None:
    assert match_genre(name, iter(GENRES)) == meant
    assert call_genre(name, GENRES) == (meant or (name,))[0]
    assert choose_genres([name], GENRES) == (meant, () if meant else (name,))


def test_letters_of_other_scripts_are_letters() -> None:
    assert letters_of("Straße-Ö ÇA 2") == "strasseöça2"


def test_genres_are_chosen_in_their_own_order() -> None:
    assert choose_genres(["x", "Jazz", "hip-hop", "y"], GENRES) == (("hip-hop", "jazz"), ("x", "y"))
