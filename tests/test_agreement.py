"""Answers against the genres in the files: what tags mean, and how it is counted."""

from __future__ import annotations

import pytest

from generify.agreement import Disagreement, _names_in, compare_with_tags, genres_meant
from generify.errors import Failure, MissingExtraError
from generify.prediction import GenreProbability, Prediction
from generify.tag_formats import TagError

WESTERN = (
    *("blues", "classical", "country", "disco", "hiphop"),
    *("jazz", "metal", "pop", "reggae", "rock"),
)


# How Discogs, MusicBrainz, iTunes and ID3 spell them.
@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("jazz", ["jazz"]),
        ("JAZZ", ["jazz"]),
        ("Hip-Hop", ["hiphop"]),
        ("hip hop", ["hiphop"]),
        ("HipHop", ["hiphop"]),
        ("Hip-Hop/Rap", ["hiphop"]),
        ("Rap", ["hiphop"]),
        ("Gangsta Rap", ["hiphop"]),
        ("Rock & Roll", ["rock"]),
        ("Classic Rock", ["rock"]),
        ("Classical", ["classical"]),
        ("Classic", ["classical"]),
        ("Romantic", ["classical"]),
        ("Heavy Metal", ["metal"]),
        ("Pop/Rock", ["pop", "rock"]),
        ("Blues Rock", ["blues", "rock"]),
        ("Reggae-Pop", ["pop", "reggae"]),
        ("Country & Western", ["country"]),
        ("Bluegrass", ["country"]),
        ("Synth-pop", ["pop"]),
        ("Hard_Rock", ["rock"]),
        ("Techno", []),
        ("Rockabilly", ["rock"]),
        ("Rocket", []),
        ("Popular", []),
        ("R&B", []),
        ("Rhythm and Blues", []),
        ("Rhythm & Blues", []),
        ("Contemporary Rhythm'n'Blues", []),
        ("Rhythm and Blues/Blues", ["blues"]),
        ("Electric Rhythm, Blues Guitar and Rock", ["rock"]),
        ("Rhythmic Blues", ["blues"]),
        ("", []),
        ("?!", []),
    ],
)
def test_what_tags_mean(tag: str, meant: list[str]) -> None:
    assert list(genres_meant(tag, WESTERN)) == meant


def test_a_model_s_own_spelling() -> None:
    assert genres_meant("drum and bass", ["Drum & Bass", "Hip-Hop"]) == ()
    assert genres_meant("drum & bass", ["Drum & Bass", "Hip-Hop"]) == ("Drum & Bass",)
    assert genres_meant("rap", ["Drum & Bass", "Hip-Hop"]) == ("Hip-Hop",)
    for tag in ("R&B", "RnB", "Rhythm and Blues"):
        assert genres_meant(tag, ["Blues", "R&B"]) == ("R&B",)
        assert genres_meant(tag, ["RnB", "Blues"]) == ("RnB",)


def test_a_whole_sentence_takes_no_longer_than_its_words() -> None:
    assert len(_names_in(" ".join(f"word{n}" for n in range(1000)))) < 4 * 1000
    assert genres_meant("word " * 1000 + "hip hop rock and roll", WESTERN) == ("hiphop", "rock")


def said(path: str, genre: str | None, confidence: float = 0.5) -> Prediction:
    genres = (GenreProbability(genre or "pop", confidence),)
    return Prediction(path, "western", genre, confidence, genre is None, genres, 30.0, 30.0)


TAGS = {
    "a": ("Jazz",),
    "b": ("jazz",),
    "c": ("Jazz",),
    "d": ("Blues Rock",),
    "e": ("Techno", "Rap"),
    "f": ("Techno",),
    "g": (),
    "i": ("Jazz",),
}
ANSWERS = (
    *(said("a", "jazz"), said("b", "blues", 0.6), said("c", "blues", 0.9), said("d", "rock")),
    *(said("e", "pop", 0.7), said("f", "disco"), said("g", "jazz"), said("h", "jazz")),
    *(said("i", None), Failure("j", "AudioDecodeError", "is empty")),
)


def tags_of(path: str) -> tuple[str, ...]:
    if path == "h":
        raise TagError("h: its tags are damaged")
    return TAGS[path]


def test_counts() -> None:
    found = compare_with_tags(ANSWERS, WESTERN, read=tags_of)
    assert (found.n_agreeing, found.n_disagreeing, found.share) == (2, 3, 0.4)
    assert (found.n_unknown, found.n_foreign) == (1, 1)
    assert (found.n_untagged, found.n_unreadable) == (1, 1)
    rows = {row.tag: row for row in found.rows}
    assert list(rows) == ["Jazz", "Blues Rock", "Rap", "Techno"]
    jazz = rows["Jazz"]
    assert (jazz.heard, jazz.meant) == ({"blues": 2, "jazz": 1}, ("jazz",))
    assert (jazz.n_songs, jazz.n_agreeing, jazz.n_unknown) == (4, 1, 1)
    assert (rows["Techno"].meant, rows["Techno"].heard) == ((), {"disco": 1})


def test_disagreements_the_surest_first() -> None:
    found = compare_with_tags(ANSWERS, WESTERN, read=tags_of).disagreements
    assert found == (
        Disagreement("c", ("Jazz",), "blues", 0.9),
        Disagreement("e", ("Techno", "Rap"), "pop", 0.7),
        Disagreement("b", ("jazz",), "blues", 0.6),
    )
    few = compare_with_tags(ANSWERS, WESTERN, read=tags_of, n_disagreements=2)
    assert few.disagreements == found[:2]
    none = compare_with_tags(ANSWERS, WESTERN, read=tags_of, n_disagreements=0)
    assert (none.disagreements, none.n_disagreeing) == ((), 3)


def test_nothing_to_compare() -> None:
    found = compare_with_tags([ANSWERS[6], ANSWERS[9]], WESTERN, read=tags_of)
    assert (found.share, found.rows, found.n_untagged) == (None, (), 1)


def test_a_missing_extra_is_no_song_s_fault() -> None:
    def refuse(path: str) -> tuple[str, ...]:
        raise MissingExtraError.for_extra("tags", "mutagen")

    with pytest.raises(MissingExtraError, match="mutagen"):
        compare_with_tags(ANSWERS, WESTERN, read=refuse)
