"""What is said of tracks that a split cannot divide, or not into as many folds as wished."""

from __future__ import annotations

import pytest

from generify.datasets import Track
from generify.datasets.splits import make_split
from generify.errors import DatasetError

NEITHER = "it cannot be both trained on and tested on"


def tracks_by(**artists: str) -> list[Track]:
    """One track for each letter, which is its artist and its album."""
    return [
        Track(f"{genre}/{number}", None, genre, letter, album=letter)
        for genre, letters in artists.items()
        for number, letter in enumerate(letters)
    ]


@pytest.mark.parametrize(("name", "how"), [("artist", "by one artist"), ("album", "of one album")])
def test_genres_of_one_artist_or_album(name: str, how: str) -> None:
    tracks = tracks_by(rock="ABCD", reggae="BBB", jazz="EE", blues="FFFF")
    with pytest.raises(DatasetError) as caught:
        make_split(name, tracks)
    assert caught.value.args[0] == (
        f'all 4 tracks of blues are {how}, so with the split "{name}" {NEITHER} '
        "(nor can jazz, reggae)"
    )
    assert caught.value.hint == (
        f"add songs of other {name}s, leave the genre out, or judge with --split random, "
        "which flatters"
    )


def test_a_genre_of_one_recording() -> None:
    with pytest.raises(DatasetError) as caught:
        make_split("random", tracks_by(rock="ABC", jazz="DE"), duplicates=[0, 1, 2, 7, 7])
    assert caught.value.args[0] == (
        f'all 2 tracks of jazz are one recording, so with the split "random" {NEITHER}'
    )
    assert caught.value.hint == "add other songs to it, or leave the genre out"


@pytest.mark.parametrize("name", ["artist", "random"])
def test_one_track_is_only_one_track(name: str) -> None:
    with pytest.raises(DatasetError, match="jazz has only one track, so it cannot be both"):
        make_split(name, tracks_by(rock="ABC", jazz="D"), duplicates=range(4))


def test_random_folds_are_as_many_as_the_scarcest_genre_has_tracks() -> None:
    split = make_split("random", tracks_by(rock="ABCD", jazz="EFG"))
    assert split.warnings == ("3 folds instead of 10: jazz has only 3 tracks",)


def test_as_many_artists_as_tracks_of_a_genre() -> None:
    split = make_split("artist", tracks_by(rock="AAABCD", jazz="YYYZZZ"))
    assert split.warnings[0].endswith("folds instead of 10: there are only 6 artists")


def test_the_scarcest_genre_is_named_where_no_number_keeps_from_more_folds() -> None:
    # four artists and four tracks of a genre would do, were they not tied as they are
    pairs = zip("ababbccacb", "0110023212", strict=True)
    tracks = [Track(str(number), None, *pair) for number, pair in enumerate(pairs)]
    split = make_split("artist", tracks, n_folds=4)
    assert split.warnings == ("3 folds instead of 4: a has only 3 artists",)
