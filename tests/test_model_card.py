"""Model cards: every value that a card may not hold, and the outermost that it may."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from generify import model_card
from generify.errors import ModelError
from generify.features import ExtractorSpec
from generify.model_card import CARD_KEY, ModelCard, describe_scarcity, read_card, track_digest

GENRES = ("rock", "jazz")
SCORE = {
    **{"genre": "rock", "n_tracks": 2, "precision": 0.5, "recall": 1.0},
    **{"f1": 0.6667, "roc_auc": None},
}
CURVE = {
    **{"genre": "rock", "auc": 0.75},
    **{"false_positive_rate": [0, 0.5, 1], "true_positive_rate": [0, 1.0, 1]},
}
METRICS: dict[str, Any] = {
    **{"split": "artist", "split_meaning": "no artist on both sides", "n_tracks": 4, "n_train": 9},
    **{"accuracy": 0.75, "low": 0.3, "high": 0.95},
    **{"macro_f1": 0.7, "macro_auc": None, "top3": 1, "calibration_error": 0.0},
    **{"scores": [SCORE], "confusion": [[1, 1], [0, 2]], "roc_curves": [CURVE]},
}
CARD = ModelCard(
    name="toy",
    version="1.2",
    genres=GENRES,
    extractor=ExtractorSpec("mfcc", 1, "{}"),
    classifier="logreg",
    dataset="made",
    n_tracks={"rock": 4, "jazz": 5},
    trained_on=("0123abcd", "89ef4567"),
    random_state=7,
    metrics=METRICS,
    temperature=1.5,
    novelty_threshold=12.5,
    licence="CC0-1.0",
    attribution="Ærlig & Søn\n\tand others",
    limits="few songs",
    date="2026-11-23",
    libraries={"numpy": "2.0"},
)


def plain() -> dict[str, Any]:
    values: dict[str, Any] = json.loads(CARD.to_json())
    return values


def with_value(place: str, value: Any) -> str:
    """Write the card with another value at a dotted place; numbers count in lists."""
    values = plain()
    *way, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    inside: Any = values
    for part in way:
        inside = inside[part]
    inside[last] = value
    return json.dumps(values)


def refusal(text: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ModelCard.from_json(text)
    assert caught.value.hint is not None
    return caught.value


def test_a_full_card_comes_back() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_what_is_left_out_is_what_the_card_says_by_itself() -> None:
    needed = {"format", "name", "version", "genres", "extractor", "classifier", "dataset"}
    few = {name: value for name, value in plain().items() if name in {*needed, "n_tracks"}}
    few["extractor"] = {"name": "mfcc", "version": 1, "parameters": "{}"}
    assert ModelCard.from_json(json.dumps(few)) == ModelCard(
        **{"name": "toy", "version": "1.2", "genres": GENRES, "classifier": "logreg"},
        **{"extractor": ExtractorSpec("mfcc", 1, "{}"), "dataset": "made"},
        n_tracks={"rock": 4, "jazz": 5},
    )


@pytest.mark.parametrize("name", ["name", "genres", "extractor", "n_tracks", "format"])
def test_what_is_needed_is_missed_by_name(name: str) -> None:
    text = json.dumps({key: value for key, value in plain().items() if key != name})
    assert str(refusal(text)) == f"the model card cannot be read: it lacks '{name}'"


BAD_VALUES: dict[str, tuple[Any, ...]] = {
    "name": ("", " ", 5, None),
    "version": (1, None),
    "classifier": (["svm"],),
    "dataset": (None,),
    "licence": (1,),
    "attribution": ([],),
    "limits": ({},),
    "date": (2024,),
    "trained_on": ("abc", {"a": 1}, [1], ["a", None]),
    "extractor": ("mfcc", ["mfcc"]),
    "extractor.name": (1, None),
    "extractor.version": ("1", -1, 1.0, True, None),
    "extractor.parameters": ({}, None),
    "n_tracks": (
        *([4, 5], {"rock": 4}, {"rock": 4, "jazz": 5, "pop": 1}, {"rock": 4, "pop": 5}),
        *({"rock": 4, "jazz": -1}, {"rock": 4, "jazz": 5.0}, {"rock": True, "jazz": 5}),
    ),
    "libraries": ([], {"numpy": 2}, {"numpy": None}),
    "random_state": ("7", 7.5, None),
    "temperature": (0, -1, "1", None, True),
    "novelty_threshold": ("12", [1], True),
    "metrics": ([], "good"),
}


@pytest.mark.parametrize(
    ("place", "value"), [(place, value) for place, values in BAD_VALUES.items() for value in values]
)
def test_a_wrong_value_is_refused_by_name(place: str, value: object) -> None:
    found = refusal(with_value(place, value))
    name = place.partition(".")[0]
    assert str(found) == f"the model card cannot be read: its {name} cannot be right"
    assert found.hint == "give a file written by `generify train`"


BAD_METRICS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("accuracy", "low", "high"), (-0.1, 1.1, "1", None, True)),
    **dict.fromkeys(("macro_f1", "macro_auc", "top3", "calibration_error"), (-0.1, 1.1, "1", True)),
    **dict.fromkeys(("n_tracks", "n_train"), (-1, 1.5, "1", None, True)),
    **dict.fromkeys(("split", "split_meaning"), (1, None, [])),
    "scores.0.genre": (1, None),
    "scores.0.n_tracks": (-1, None, 1.5),
    **dict.fromkeys(
        [f"scores.0.{name}" for name in ("precision", "recall", "f1", "roc_auc")], (-0.1, 2, "1")
    ),
    "scores.0": ({}, {**SCORE, "mood": 1}, {k: v for k, v in SCORE.items() if k != "f1"}),
    "confusion": ([[1, 1]], [[1, 1], [0, 2], [0, 0]], [[1, 1], [0]], [[1, 1, 0], [0, 2, 0]]),
    "confusion.1": ([0, -1], [0, 1.5], [0, None], []),
    "roc_curves.0": ({}, {**CURVE, "x": 1}, {k: v for k, v in CURVE.items() if k != "auc"}),
    "roc_curves.0.genre": (1, None),
    "roc_curves.0.auc": (-1, 1.5, "1"),
    "roc_curves.0.false_positive_rate": ([0, 1], [0, 0.5, 1.5], [-0.5, 0, 1], [0, None, 1]),
    "roc_curves.0.true_positive_rate": ([0, 0, 1, 1], [0, 1, 2], [None, 0, 1]),
}


@pytest.mark.parametrize(
    ("place", "value"),
    [(place, value) for place, values in BAD_METRICS.items() for value in values],
)
def test_a_wrong_figure_is_refused_by_name(place: str, value: object) -> None:
    name = place.partition(".")[0]
    assert str(refusal(with_value(f"metrics.{place}", value))) == (
        f"the model card cannot be read: its {name} cannot be right"
    )


GOOD_VALUES: dict[str, tuple[Any, ...]] = {
    "metrics.accuracy": (0, 1, 0.0, 1.0),
    "metrics.macro_f1": (0, 1, None),
    "metrics.n_tracks": (0, 2**62),
    "metrics.scores": ([], [SCORE, SCORE]),
    "metrics.scores.0.roc_auc": (None, 0, 1),
    "metrics.confusion": ([],),
    "metrics.roc_curves": ([],),
    "metrics.roc_curves.0.auc": (None, 0, 1),
    "metrics.mood": ("blue", [1, {"a": None}]),
    "n_tracks.rock": (0,),
    "extractor.version": (0,),
    "temperature": (1e-9, 3),
    "novelty_threshold": (None, 0, -1.5, 3),
    "random_state": (-(2**63) + 1, 2**63 - 1),
    "trained_on": ([],),
    "libraries": ({},),
    "metrics": ({},),
    "version": ("",),
}


@pytest.mark.parametrize(
    ("place", "value"),
    [(place, value) for place, values in GOOD_VALUES.items() for value in values],
)
def test_the_outermost_values_are_read(place: str, value: object) -> None:
    text = with_value(place, value)
    again = json.loads(ModelCard.from_json(text).to_json())
    assert again == json.loads(text)


WRONG_GENRES = "it should name 1 to 2,000 genres, each once"


@pytest.mark.parametrize(
    "genres",
    [
        *([], ["rock", "rock"], ["rock", ""], ["rock", "  "], ["rock", None], ["rock", 1]),
        *(["rock", "j" * 201], [f"genre {i}" for i in range(2001)]),
    ],
    ids=["none", "twice", "empty", "blank", "null", "number", "too long", "too many"],
)
def test_genres_that_cannot_be_right(genres: list[Any]) -> None:
    assert str(refusal(with_value("genres", genres))).endswith(f": {WRONG_GENRES}")


@pytest.mark.parametrize(
    "genres", [["rock"], ["rock", "j" * 200], [f"genre {i}" for i in range(2000)]]
)
def test_as_many_and_as_long_genres_as_may_be(genres: list[str]) -> None:
    values = {**plain(), "genres": genres, "n_tracks": dict.fromkeys(genres, 1), "metrics": {}}
    assert ModelCard.from_json(json.dumps(values)).genres == tuple(genres)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is no JSON"),
        ("rock", "it is no JSON"),
        ("[]", "it is no JSON object"),
        ("3", "it is no JSON object"),
        ("[" * 40_000, "it is nested too deeply"),
        ("{" * 50_001, "it has more than 50,000 lists and mappings"),
        ("[{" * 25_001, "it has more than 50,000 lists and mappings"),
        ('{"a": NaN}', "it holds the number NaN"),
        ('{"a": -Infinity}', "it holds the number -Infinity"),
        ('{"a": 1e999}', "it holds the number 1e999"),
        ('{"a": 1' + "0" * 50 + ".5e999}", "it holds the number 1" + "0" * 19),
        (f'{{"a": {2**63}}}', "it holds an integer of more than 64 bits"),
        (f'{{"a": {-(2**63)}}}', "it holds an integer of more than 64 bits"),
        ('{"a": "\\u001b[2J"}', "it holds characters that are no text"),
        ('{"\\u009b": 1}', "it holds characters that are no text"),
        ('{"a": "\\u202e"}', "it holds characters that are no text"),
        ('{"a": "\\r"}', "it holds characters that are no text"),
        ('{"a": "\\b"}', "it holds characters that are no text"),
        ('{"a": "\\f"}', "it holds characters that are no text"),
        ('{"a": "\\u0000"}', "it holds characters that are no text"),
        ('{"a": "\\ud800"}', "it holds characters that are no text"),
    ],
)
def test_text_that_is_no_card(text: str, why: str) -> None:
    found = refusal(text)
    assert str(found) == f"the model card cannot be read: {why}"
    assert found.hint == "give a file written by `generify train`"


def test_values_of_the_wrong_shape() -> None:
    found = refusal(with_value("metrics.scores", [1]))
    assert str(found) == "the model card cannot be read: it is not what a card should be"


def test_as_many_lists_as_may_be() -> None:
    values = plain()
    n_parts = CARD.to_json().count("[") + CARD.to_json().count("{")
    values["metrics"]["more"] = [[] for _ in range(50_000 - n_parts - 1)]
    assert len(ModelCard.from_json(json.dumps(values)).metrics["more"]) == 50_000 - n_parts - 1
    values["metrics"]["more"].append([])
    assert "more than 50,000" in str(refusal(json.dumps(values)))


@pytest.mark.parametrize(
    ("known", "named"), [(2, "2"), ("1", "'1'"), (None, "None"), ("x" * 99, "'" + "x" * 39)]
)
def test_another_format_is_refused(known: object, named: str) -> None:
    found = refusal(with_value("format", known))
    assert str(found) == f"the model card has format {named}, this Generify reads 1"
    assert found.hint == "upgrade Generify"


def test_a_file_without_a_card() -> None:
    with pytest.raises(ModelError, match=r"^a\.onnx is an ONNX file without a model card\n") as err:
        read_card({"other": b"{}"}, source="a.onnx")
    assert err.value.hint == "give a file written by `generify train`"


def test_the_card_of_a_file() -> None:
    assert read_card({CARD_KEY: CARD.to_json().encode()}, source="a.onnx") == CARD
    assert read_card({CARD_KEY: memoryview(CARD.to_json().encode())}, source="a.onnx") == CARD


@pytest.mark.parametrize(
    ("written", "why", "hint"),
    [
        (b"\xff\xfe", "the model card cannot be read: it is no text", None),
        (b"{", "the model card cannot be read: it is no JSON", None),
        (
            b'{"format": 2}',
            "the model card has format 2, this Generify reads 1",
            "upgrade Generify",
        ),
    ],
)
def test_a_refusal_names_the_file(written: bytes, why: str, hint: str | None) -> None:
    with pytest.raises(ModelError) as caught:
        read_card({CARD_KEY: written}, source="a.onnx")
    assert str(caught.value) == f"a.onnx: {why}"
    assert caught.value.hint == (hint or "give a file written by `generify train`")


def test_a_card_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    written = CARD.to_json().encode()
    monkeypatch.setattr(model_card, "_MAX_BYTES", len(written))
    assert read_card({CARD_KEY: written}, source="a.onnx") == CARD
    with pytest.raises(ModelError) as caught:
        read_card({CARD_KEY: written + b" "}, source="a.onnx")
    assert str(caught.value) == (
        f"a.onnx: the model card has {len(written) + 1:,} bytes, one may have {len(written):,}"
    )
    assert caught.value.hint == "give a file written by `generify train`"


def test_a_digest_is_the_beginning_of_a_known_one() -> None:
    expected = hashlib.sha256("jazz/Ærlig/01".encode()).hexdigest()
    assert track_digest("jazz", "Ærlig/01") == expected[:8]


@pytest.mark.parametrize(
    ("n_tracks", "named"),
    [
        ({"jazz": 9, "rock": 10}, "jazz (9)"),
        ({"a": 1, "b": 2, "c": 3, "d": 4, "e": 10}, "a (1), b (2), c (3), d (4)"),
        ({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}, "a (1), b (2), c (3) and 2 genres more"),
    ],
)
def test_genres_of_few_songs_are_named(n_tracks: dict[str, int], named: str) -> None:
    (warning,) = describe_scarcity(n_tracks)
    assert warning == (
        f"too few songs of {named}: neither the accuracy nor how sure the model is can be relied "
        "on; 10 or more a genre are a start"
    )


def test_ten_songs_a_genre_are_enough() -> None:
    assert describe_scarcity({"jazz": 10, "rock": 900}) == ()
