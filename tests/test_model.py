"""Model files: what is in them comes back, what is odd is refused, and nothing in them runs."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from generify import model as model_module
from generify.datasets import dataset_facts
from generify.errors import NO_MODEL_HINT, ModelError, ParameterError
from generify.features import ExtractorSpec, get_extractor
from generify.graph_check import ROWS_AT_ONCE
from generify.model import GenreModel, export_model, list_models, load_model
from generify.model_card import CARD_KEY, ModelCard, track_digest

N_FEATURES = len(get_extractor("mfcc").columns)

# neither sorted nor in the order in which anything would meet them
CARD = ModelCard(
    name="toy",
    version="1",
    genres=("rock", "blues", "jazz"),
    extractor=get_extractor("mfcc").spec,
    classifier="by hand",
    dataset="made",
    n_tracks={"rock": 2, "blues": 3, "jazz": 4},
    trained_on=(track_digest("rock", "a"),),
    metrics={"accuracy": 0.5, "split": "artist"},
    attribution="Ærlig & Søn",
)


def build(
    card: str | None = CARD.to_json(),
    *,
    weights: NDArray[np.float32] | None = None,
    names: tuple[str, str] = ("features", "probabilities"),
) -> bytes:
    """A linear model by hand; without weights feature i speaks for genre i."""
    matrix = np.eye(N_FEATURES, 3, dtype=np.float32) if weights is None else weights
    nodes = [
        helper.make_node("MatMul", [names[0], "weights"], ["scores"]),
        helper.make_node("Softmax", ["scores"], [names[1]], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "by hand",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, [None, matrix.shape[0]])],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, [None, matrix.shape[1]])],
        [numpy_helper.from_array(matrix, "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    if card is not None:
        entry = made.metadata_props.add()
        entry.key, entry.value = CARD_KEY, card
    content: bytes = made.SerializeToString()
    return content


def integers() -> bytes:
    """The same with an output that is declared to be of integers."""
    made = onnx.load_from_string(build())
    made.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    content: bytes = made.SerializeToString()
    return content


@pytest.fixture
def model() -> GenreModel:
    return GenreModel.from_bytes(build(), source="toy.onnx")


def features(genre_number: int, strength: float = 8.0) -> NDArray[np.float32]:
    X = np.zeros((1, N_FEATURES), dtype=np.float32)
    X[0, genre_number] = strength
    return X


def test_a_card_comes_back() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_a_card_is_readable_json() -> None:
    plain = json.loads(CARD.to_json())
    assert plain["format"] == 1
    assert plain["genres"] == ["rock", "blues", "jazz"]
    assert plain["extractor"] == dataclasses.asdict(CARD.extractor)
    assert "Ærlig & Søn" in CARD.to_json()


def test_a_card_with_more_than_is_known_is_read() -> None:
    plain = {**json.loads(CARD.to_json()), "mood": "blue"}
    assert ModelCard.from_json(json.dumps(plain)) == CARD


def test_a_card_of_a_later_format() -> None:
    plain = {**json.loads(CARD.to_json()), "format": 2}
    with pytest.raises(ModelError, match="the model card has format 2, this Generify reads 1"):
        ModelCard.from_json(json.dumps(plain))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in json.loads(CARD.to_json()).items() if key != name}


ODD_CARDS: dict[str, str] = {
    "empty": "",
    "no JSON": "__import__('os').system('true')",
    "a list": "[]",
    "a number": "1",
    "null": "null",
    "deep": "[" * 100_000,
    "no format": json.dumps(without("format")),
    "no genres": json.dumps(without("genres")),
    "no extractor": json.dumps(without("extractor")),
    **{
        f"{name} = {value!r}": json.dumps({**without(name), name: value})
        for name, value in (
            ("name", 5),
            ("name", None),
            ("genres", "abc"),
            ("genres", []),
            ("genres", None),
            ("genres", ["jazz", "jazz", "rock"]),
            ("genres", [1, 2, 3]),
            ("trained_on", "abc"),
            ("trained_on", [1]),
            ("metrics", [1]),
            ("metrics", "good"),
            ("n_tracks", [1, 2, 3]),
            ("extractor", "mfcc"),
            ("extractor", {"name": "mfcc"}),
            ("extractor", {"name": ["mfcc"], "version": 1, "parameters": "{}"}),
            ("extractor", {"name": "mfcc", "version": 1, "parameters": "{}", "code": "x"}),
            ("date", 2024),
            ("licence", {"a": 1}),
        )
    },
}


@pytest.mark.parametrize("text", ODD_CARDS.values(), ids=ODD_CARDS)
def test_odd_cards_are_refused(text: str) -> None:
    with pytest.raises(ModelError, match="the model card cannot be read") as caught:
        ModelCard.from_json(text)
    assert caught.value.hint == NO_MODEL_HINT


def test_the_refusal_of_a_card_names_the_file() -> None:
    with pytest.raises(ModelError, match=r"mine\.onnx: the model card cannot be read"):
        GenreModel.from_bytes(build("{}"), source="mine.onnx")


def test_an_onnx_file_without_a_card() -> None:
    with pytest.raises(ModelError, match=r"net\.onnx is an ONNX file without a model card"):
        GenreModel.from_bytes(build(None), source="net.onnx")


@pytest.mark.parametrize(
    "graph",
    [
        build(weights=np.zeros((N_FEATURES, 4), np.float32)),
        build(weights=np.zeros((N_FEATURES + 1, 3), np.float32)),
        build(names=("X", "probabilities")),
        build(names=("features", "y")),
        integers(),
    ],
    ids=["more genres", "more features", "other input", "other output", "other numbers"],
)
def test_a_graph_that_does_not_fit_its_card(graph: bytes) -> None:
    with pytest.raises(
        ModelError,
        match=r"odd\.onnx: its graph does not fit its card, by which it turns 13 features into "
        r"probabilities \(3\)",
    ):
        GenreModel.from_bytes(graph, source="odd.onnx")


@pytest.mark.parametrize(
    ("version", "parameters", "ending"),
    [
        (1, '{"n_mfcc": 20}', "mfcc v1 with other parameters"),
        (99, CARD.extractor.parameters, "mfcc v1"),
        (99, "{}", "mfcc v1"),
    ],
)
def test_what_differs_about_the_extractor(version: int, parameters: str, ending: str) -> None:
    spec = ExtractorSpec("mfcc", version, parameters)
    card = dataclasses.replace(CARD, extractor=spec)
    with pytest.raises(ModelError) as caught:
        GenreModel.from_bytes(build(card.to_json()), source="old.onnx")
    assert str(caught.value) == (
        f"old.onnx was trained on features mfcc v{version}, this Generify computes {ending}"
    )
    assert caught.value.hint == "train it again with `generify train`"


def test_an_extractor_that_nobody_knows() -> None:
    card = dataclasses.replace(CARD, extractor=ExtractorSpec("vggish", 1))
    with pytest.raises(
        ModelError, match=r"new\.onnx: there is no extractor 'vggish'; there are mfcc"
    ) as caught:
        GenreModel.from_bytes(build(card.to_json()), source="new.onnx")
    assert caught.value.hint == "upgrade Generify"


@pytest.mark.parametrize("number", range(3))
def test_probabilities_are_in_the_order_of_the_card(model: GenreModel, number: int) -> None:
    # the predecessors' mistake: an index mapped onto genres in another order
    probabilities = model.predict_proba(features(number))[0]
    assert model.genres == ("rock", "blues", "jazz")
    assert probabilities.argmax() == number
    # softmax of (8, 0, 0)
    assert probabilities[number] == pytest.approx(np.exp(8) / (np.exp(8) + 2), rel=1e-5)


def test_rows_sum_to_one_and_are_independent(model: GenreModel) -> None:
    X = np.random.default_rng(0).normal(size=(20, N_FEATURES)).astype(np.float32)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (20, 3)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X[3:4])[0], probabilities[3], rtol=1e-5)


def test_features_in_other_layouts_of_memory(model: GenreModel) -> None:
    X = np.random.default_rng(0).normal(size=(N_FEATURES, 5))
    np.testing.assert_array_equal(
        model.predict_proba(X.T.astype(np.float32)),
        model.predict_proba(np.ascontiguousarray(X.T, dtype=np.float32)),
    )
    assert model.predict_proba(X.T).dtype == np.float32


@pytest.mark.parametrize("shape", [(N_FEATURES,), (2, 12), (1, 2, N_FEATURES)])
def test_features_of_another_shape(model: GenreModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match=r"expected features of shape \(n_tracks, 13\), got"):
        model.predict_proba(np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_no_numbers(model: GenreModel, bad: float) -> None:
    with pytest.raises(ParameterError) as caught:
        model.predict_proba(features(0, bad))
    assert str(caught.value) == "features hold NaN or infinity"


def test_a_model_that_answers_nonsense() -> None:
    graph = build(weights=np.full((N_FEATURES, 3), np.nan, np.float32))
    with pytest.raises(ModelError) as caught:
        GenreModel.from_bytes(graph, source="broken.onnx")
    wanted = "broken.onnx: the model toy answers with what are no probabilities"
    assert str(caught.value) == wanted
    assert caught.value.hint == "train it again"


def test_a_model_whose_novelty_is_no_number() -> None:
    made = onnx.load_from_string(build(dataclasses.replace(CARD, novelty_threshold=1.0).to_json()))
    made.graph.initializer.append(numpy_helper.from_array(np.array([1]), "axis"))
    made.graph.node.extend(
        [
            helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=0),
            helper.make_node("Log", ["sum"], ["novelty"]),  # of nothing
        ]
    )
    made.graph.output.append(helper.make_tensor_value_info("novelty", TensorProto.FLOAT, [None]))
    with pytest.raises(ModelError) as caught:
        GenreModel.from_bytes(made.SerializeToString(), source="broken.onnx")
    assert str(caught.value) == "broken.onnx: the model toy answers with what is no novelty"
    assert caught.value.hint == "train it again"


def test_a_session_that_fails(model: GenreModel, monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        def run(self, *_: object) -> None:
            raise RuntimeError("out of something")

    monkeypatch.setitem(model.__dict__, "_session", Session())
    with pytest.raises(ModelError) as caught:
        model.predict_proba(features(0))
    assert str(caught.value) == "the model toy cannot be run"
    assert caught.value.hint == "train it again"


def test_many_rows_are_run_few_at_a_time(model: GenreModel) -> None:
    X = np.random.default_rng(0).normal(size=(2 * ROWS_AT_ONCE + 1, N_FEATURES))
    whole = model.predict_proba(X.astype(np.float32))
    assert whole.shape == (2 * ROWS_AT_ONCE + 1, 3)
    one_by_one = [model.predict_proba(row[np.newaxis].astype(np.float32))[0] for row in X]
    np.testing.assert_allclose(whole, one_by_one, rtol=1e-5)
    assert model.predict_proba(X[:0].astype(np.float32)).shape == (0, 3)


def test_a_model_made_without_reading_a_file_is_checked_when_it_is_run() -> None:
    made = onnx.load_from_string(build())
    made.graph.node[1].op_type = "Hardmax"
    model = GenreModel(CARD, made.SerializeToString())
    with pytest.raises(ModelError, match="uses the operator 'Hardmax'"):
        model.predict_proba(features(0))


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum")
def test_the_checksum_is_that_of_the_file(model: GenreModel, tmp_path: Path) -> None:
    model.save(tmp_path / "toy.onnx")
    command = ["sha256sum", str(tmp_path / "toy.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == model.checksum


def test_a_saved_model_comes_back(model: GenreModel, tmp_path: Path) -> None:
    path = tmp_path / "toy.onnx"
    path.write_text("an older file")
    model.save(path)
    assert path.read_bytes() == model.graph
    again = load_model(path)
    assert again == model
    assert load_model(str(path)) == model
    X = np.random.default_rng(0).normal(size=(5, N_FEATURES)).astype(np.float32)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_model_passes_between_processes(model: GenreModel) -> None:
    plain = GenreModel(model.card, model.graph)
    again = pickle.loads(pickle.dumps(plain))
    np.testing.assert_array_equal(
        again.predict_proba(features(1)), model.predict_proba(features(1))
    )


def test_saving_where_there_is_no_folder(model: GenreModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot write .*toy\.onnx: No such file or directory"):
        model.save(tmp_path / "missing" / "toy.onnx")


class Bomb:
    """What a predecessor's model file could hold: unpickling it writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.write_text, (self.target, "code was run")


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim.txt"
    bomb = pickle.dumps(Bomb(victim))
    path = tmp_path / "model.onnx"
    path.write_bytes(bomb)
    with pytest.raises(ModelError, match=r"model\.onnx is not a model that can be loaded"):
        load_model(path)
    assert not victim.exists()
    pickle.loads(bomb)
    assert victim.exists()  # so the trap was armed


@pytest.mark.parametrize("length", [0, 10, 100, -1])
def test_a_file_cut_short(model: GenreModel, tmp_path: Path, length: int) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model.graph[:length])
    with pytest.raises(ModelError, match=r"model\.onnx (is not a model|is an ONNX file without)"):
        load_model(path)


def test_no_cut_and_no_flipped_bit_raises_anything_else(model: GenreModel) -> None:
    rng = np.random.default_rng(0)
    n_refused = 0
    for _ in range(150):
        damaged = bytearray(model.graph)
        for position in rng.integers(len(damaged), size=3):
            damaged[position] ^= 1 << int(rng.integers(8))
        try:
            found = GenreModel.from_bytes(bytes(damaged), source="damaged.onnx")
            found.predict_proba(features(0))
        except ModelError:
            n_refused += 1
    assert n_refused > 30  # most of the file is weights and free text, where a bit changes no form


def test_names_of_bundled_models_may_have_capitals() -> None:
    assert load_model("Western") == load_model("western")


def test_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"there is no model .*missing\.onnx \(bundled: indian, western\)"
    ) as caught:
        load_model(tmp_path / "missing.onnx")
    assert caught.value.hint == "give a model file, or one of these"


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the model .*: Is a directory") as caught:
        load_model(tmp_path)
    assert caught.value.hint == NO_MODEL_HINT


def test_a_file_too_large_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "film.onnx"
    with path.open("wb") as file:
        file.truncate(300 * 2**20)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))
    with pytest.raises(
        ModelError, match=r"film\.onnx has 314,572,800 bytes, a model at most 268,435,456"
    ):
        load_model(path)


def test_digests_name_a_track_by_genre_and_name() -> None:
    assert track_digest("jazz", "A/01 Intro") != track_digest("jazz", "B/01 Intro")
    assert track_digest("jazz", "a") != track_digest("rock", "a")
    assert track_digest("jazz", "a") != track_digest("jazz", "b")
    assert len(track_digest("jazz", "a")) == 8


# ------------------------------------------------------------------ the bundled models


def bundled_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graph: bytes) -> None:
    """Stand in for the package's own folder of models."""
    (tmp_path / "package" / "models").mkdir(parents=True)
    (tmp_path / "package" / "models" / "toy.onnx").write_bytes(graph)
    (tmp_path / "package" / "models" / "README.md").write_text("not a model")
    monkeypatch.setattr(model_module.resources, "files", lambda name: tmp_path / "package")


def test_bundled_models_are_loaded_by_name(
    model: GenreModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled_folder(tmp_path, monkeypatch, model.graph)
    monkeypatch.chdir(tmp_path)
    assert list_models() == ("toy",)
    assert load_model("toy") == model
    (tmp_path / "toy").mkdir()  # a folder of that name, of songs perhaps, is not in the way
    assert load_model("toy") == model


def test_a_file_goes_before_a_name(
    model: GenreModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled_folder(tmp_path, monkeypatch, b"not this one")
    monkeypatch.chdir(tmp_path)
    model.save("toy")
    assert load_model("toy") == model


def test_a_misspelt_name_is_told_the_names(
    model: GenreModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled_folder(tmp_path, monkeypatch, model.graph)
    with pytest.raises(ModelError, match=r"there is no model toi \(bundled: toy\)") as caught:
        load_model("toi")
    assert caught.value.hint == "did you mean toy?"


def test_a_name_without_its_ending_is_told_the_file(
    model: GenreModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.save(tmp_path / "mine.onnx")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="there is no model mine ") as caught:
        load_model("mine")
    assert caught.value.hint == "did you mean mine.onnx?"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "a picture (JPEG)"),
        (b"\x89PNG\r\n\x1a\n\x00", "a picture (PNG)"),
        (b"my genres\n", "a text"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"PK\x03\x04\x14\x00", "an archive (ZIP)"),
    ],
)
def test_what_is_given_for_a_model(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "mine.onnx").write_bytes(head)
    with pytest.raises(ModelError, match=re.escape(f"mine.onnx is {kind}, no model")) as caught:
        load_model(tmp_path / "mine.onnx")
    assert caught.value.hint == NO_MODEL_HINT


def test_the_western_model_knows_the_gtzan_genres() -> None:
    assert "western" in list_models()
    assert load_model().card.name == "western"
    assert set(load_model("western").genres) == set(dataset_facts("gtzan").genres)


def test_every_bundled_model_says_what_it_is() -> None:
    assert list_models()
    for name in list_models():
        bundled = load_model(name)
        card = bundled.card
        assert card.name == name
        assert set(card.n_tracks) == set(card.genres)
        assert len(card.trained_on) == sum(card.n_tracks.values())
        assert card.licence
        assert card.attribution
        assert card.date
        assert card.libraries
        assert card.metrics["split"]
        assert card.metrics["low"] < card.metrics["accuracy"] < card.metrics["high"]
        X = np.zeros((2, len(bundled.extractor.columns)), dtype=np.float32)
        np.testing.assert_allclose(bundled.predict_proba(X).sum(axis=1), 1, atol=1e-5)


def test_a_card_is_written_in_one_order_whatever_made_it() -> None:
    keys = list(json.loads(CARD.to_json()))
    assert keys == sorted(keys)
    assert list(json.loads(CARD.to_json())["n_tracks"]) == ["blues", "jazz", "rock"]


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_card_with_a_figure_that_json_has_no_word_for(figure: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dataclasses.replace(CARD, metrics={"accuracy": figure}).to_json()


def test_exporting_to_a_file(model: GenreModel, tmp_path: Path) -> None:
    model.save(tmp_path / "toy.onnx")
    target = tmp_path / "copy.onnx"
    target.write_text("an older file")
    assert export_model(tmp_path / "toy.onnx", target) == target
    assert target.read_bytes() == model.graph


def test_exporting_to_a_folder_keeps_the_name_of_the_file(
    model: GenreModel, tmp_path: Path
) -> None:
    renamed = dataclasses.replace(CARD, name="../elsewhere")
    (tmp_path / "mine.onnx").write_bytes(build(renamed.to_json()))
    (tmp_path / "out").mkdir()
    target = export_model(str(tmp_path / "mine.onnx"), str(tmp_path / "out"))
    assert target == tmp_path / "out" / "mine.onnx"
    assert target.read_bytes() == build(renamed.to_json())
    assert export_model("western", tmp_path / "out") == tmp_path / "out" / "western.onnx"


def test_what_is_no_model_is_not_exported(tmp_path: Path) -> None:
    (tmp_path / "song.onnx").write_bytes(b"la la la")
    with pytest.raises(ModelError, match=r"song\.onnx is a text, no model"):
        export_model(tmp_path / "song.onnx", tmp_path / "copy.onnx")
    assert not (tmp_path / "copy.onnx").exists()


# ------------------------------------------------------------------ answers, to the letter


class Answering:
    """Stand in for a session whose graph answers with given numbers."""

    def __init__(self, *rows: list[float]) -> None:
        self.rows = np.array(rows, dtype=np.float32)

    def run(self, *_: object) -> list[NDArray[np.float32]]:
        return [self.rows]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([2.0, 6.0, 0.0], [0.25, 0.75, 0.0]),
        ([-1.0, 1.0, 3.0], [0.0, 0.25, 0.75]),
        ([0.0, 0.0, 1e-3], [0.0, 0.0, 1.0]),
    ],
)
def test_probabilities_are_made_to_sum_to_one(
    model: GenreModel, monkeypatch: pytest.MonkeyPatch, raw: list[float], expected: list[float]
) -> None:
    monkeypatch.setitem(model.__dict__, "_session", Answering(raw, [1.0, 0.0, 0.0]))
    X = np.zeros((2, N_FEATURES), dtype=np.float32)
    np.testing.assert_allclose(model.predict_proba(X), [expected, [1, 0, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    "raw", [[0.0, 0.0, 0.0], [-1.0, -2.0, -3.0], [np.inf, 0.0, 0.0], [np.nan, 1.0, 1.0]]
)
def test_what_are_no_probabilities(
    model: GenreModel, monkeypatch: pytest.MonkeyPatch, raw: list[float]
) -> None:
    monkeypatch.setitem(model.__dict__, "_session", Answering([0.2, 0.3, 0.5], raw))
    with pytest.raises(ModelError) as caught:
        model.predict_proba(np.zeros((2, N_FEATURES), dtype=np.float32))
    assert str(caught.value) == "the model toy answers with what are no probabilities"
    assert caught.value.hint == "train it again"


def test_what_is_no_novelty(model: GenreModel, monkeypatch: pytest.MonkeyPatch) -> None:
    gated = GenreModel(dataclasses.replace(CARD, novelty_threshold=1.0), model.graph)
    monkeypatch.setitem(gated.__dict__, "_session", Answering([np.inf]))
    with pytest.raises(ModelError) as caught:
        gated.novelty(features(0))
    assert str(caught.value) == "the model toy answers with what is no novelty"
    assert caught.value.hint == "train it again"


def test_the_novelty_of_a_model_that_knows_none(model: GenreModel) -> None:
    found = model.novelty(np.zeros((3, N_FEATURES), dtype=np.float32))
    assert found.tolist() == [0, 0, 0]
    assert found.dtype == np.float32


def test_a_model_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sources: list[str] = []
    really = model_module.open_session

    def count(graph: bytes, *, source: str) -> object:
        sources.append(source)
        return really(graph, source=source)

    monkeypatch.setattr(model_module, "open_session", count)
    GenreModel.from_bytes(build(), source="mine.onnx").predict_proba(features(0))
    assert sources == ["mine.onnx"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_no_model(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path / "pipe")
    assert str(caught.value) == f"{tmp_path / 'pipe'} is a device or a pipe, not a file"
    assert caught.value.hint == NO_MODEL_HINT


def test_as_large_as_a_model_may_be(
    model: GenreModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.save(tmp_path / "toy.onnx")
    monkeypatch.setattr(model_module, "MAX_MODEL_BYTES", len(model.graph))
    assert load_model(tmp_path / "toy.onnx") == model
    monkeypatch.setattr(model_module, "MAX_MODEL_BYTES", len(model.graph) - 1)
    with pytest.raises(ModelError, match="bytes, a model at most") as caught:
        load_model(tmp_path / "toy.onnx")
    assert caught.value.hint == NO_MODEL_HINT
