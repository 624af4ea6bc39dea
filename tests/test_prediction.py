"""Song in, genre out: names and probabilities belong together, and a timeline covers its song."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from conftest import RATE, SOUNDS
from generify import prediction as prediction_module
from generify.audio import Audio, load_audio
from generify.errors import AudioDecodeError, ModelError, ParameterError
from generify.excerpts import ExcerptPlan
from generify.model import GenreModel, list_models, load_model
from generify.prediction import (
    GenreProbability,
    Prediction,
    StyleScore,
    TimelineSegment,
    predict,
    predict_timeline,
)


@pytest.fixture(scope="module")
def long_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 s of tones, 36 s of silence, then noise up to 157.5 s."""
    path = tmp_path_factory.mktemp("long") / "song.wav"
    rng = np.random.default_rng(1)
    parts = [
        SOUNDS["tones"](rng, 72.0),
        np.zeros(36 * RATE),
        SOUNDS["noise"](rng, 49.5),
    ]
    soundfile.write(path, np.concatenate(parts), RATE)
    return path


@pytest.fixture(scope="module")
def long_prediction(long_song: Path, music_model: GenreModel) -> Prediction:
    return predict(long_song, music_model, timeline=True)


def segments(prediction: Prediction) -> tuple[TimelineSegment, ...]:
    assert prediction.timeline is not None
    return prediction.timeline


class FixedModel:
    """Stands in for a model: known probabilities, genres in an order that nothing sorts to."""

    def __init__(self, model: GenreModel, probabilities: list[float]) -> None:
        self.genres = ("rock", "blues", "jazz")
        self.card = dataclasses.replace(model.card, genres=self.genres, name="fixed")
        self.extractor = model.extractor
        self.probabilities = probabilities

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(np.array(self.probabilities, dtype=np.float32), (len(X), 1))

    def novelty(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros(len(X), dtype=np.float32)


def fixed(
    monkeypatch: pytest.MonkeyPatch, model: GenreModel, probabilities: list[float]
) -> GenreModel:
    monkeypatch.setattr(prediction_module, "GenreModel", FixedModel)
    return FixedModel(model, probabilities)  # type: ignore[return-value]


@pytest.fixture
def song(music: Path) -> Path:
    return music / "tones" / "tones0.wav"


def test_every_sound_is_named(music: Path, music_model: GenreModel) -> None:
    for genre in SOUNDS:
        answers = [predict(path, music_model).genre for path in sorted((music / genre).iterdir())]
        assert answers.count(genre) >= 7


def test_a_model_without_a_threshold_does_not_name_noise(
    music_model: GenreModel, tmp_path: Path
) -> None:
    assert music_model.card.novelty_threshold is None
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * RATE)
    soundfile.write(tmp_path / "noise.wav", noise, RATE)
    answer = predict(tmp_path / "noise.wav", music_model)
    assert (answer.genre, answer.unknown) == (None, True)
    assert answer.doubt == "it sounds like noise, not like music"
    told = "it sounds like noise, not like music, so its percentages mean nothing here"
    assert answer.warnings == (told,)


def test_new_sounds_are_named(music_model: GenreModel, tmp_path: Path) -> None:
    rng = np.random.default_rng(99)
    for genre, sound in SOUNDS.items():
        soundfile.write(tmp_path / "new.flac", sound(rng, 10.0), RATE)
        assert predict(tmp_path / "new.flac", music_model).genre == genre


def test_probabilities_go_to_the_right_names_sorted(
    song: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fixed(monkeypatch, music_model, [0.3, 0.1, 0.6])
    result = predict(song, model, timeline=True)
    assert [(g.genre, round(g.probability, 5)) for g in result.genres] == [
        ("jazz", 0.6),
        ("rock", 0.3),
        ("blues", 0.1),
    ]
    assert (result.genre, result.model) == ("jazz", "fixed")
    assert result.confidence == pytest.approx(0.6)
    first = segments(result)[0]
    assert (first.genre, first.probability) == ("jazz", pytest.approx(0.6))
    assert [g.genre for g in first.genres] == ["rock", "blues", "jazz"]


def test_probabilities_are_sorted_and_sum_to_one(long_prediction: Prediction) -> None:
    values = [g.probability for g in long_prediction.genres]
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(1, abs=1e-6)
    assert {g.genre for g in long_prediction.genres} == set(SOUNDS)
    for segment in segments(long_prediction):
        assert sum(g.probability for g in segment.genres) == pytest.approx(1, abs=1e-6)
        assert segment.probability == max(g.probability for g in segment.genres)


def test_what_is_printed_alike_is_in_the_order_of_the_model(
    song: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The last digits differ with the number of threads, and so would the order.
    for probabilities in ([0.4, 0.2, 0.4000001], [0.4000001, 0.2, 0.4]):
        model = fixed(monkeypatch, music_model, probabilities)
        result = predict(song, model, timeline=True, min_confidence=0.4)
        assert [g.genre for g in result.genres] == ["rock", "jazz", "blues"]
        assert (result.genre, segments(result)[0].genre) == ("rock", "rock")


def test_styles_printed_alike_are_in_the_order_of_the_tags(
    song: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = np.linspace(0.1, 0.5, 50, dtype=np.float32)
    scores[[7, 9]] = 0.9, 0.90000004
    monkeypatch.setattr(prediction_module.Tags, "tags_of", lambda *_: scores[np.newaxis])
    styles = [style.style for style in predict(song, music_model).styles]
    assert styles == [prediction_module.TAG_NAMES[i] for i in (7, 9, 49, 48, 47)]


@pytest.mark.parametrize("min_confidence", [0.0, 0.5, 0.6, 0.61, 1.0])
def test_unknown_exactly_when_there_is_no_genre(
    song: Path,
    music_model: GenreModel,
    monkeypatch: pytest.MonkeyPatch,
    min_confidence: float,
) -> None:
    model = fixed(monkeypatch, music_model, [0.3, 0.1, 0.6])
    result = predict(song, model, min_confidence=min_confidence)
    assert result.unknown == (result.genre is None)
    assert result.unknown == (min_confidence > 0.6001)
    assert result.confidence == pytest.approx(0.6)
    assert result.genres[0].genre == "jazz"  # what it would have been is told all the same


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_confidence_out_of_range(song: Path, music_model: GenreModel, bad: float) -> None:
    with pytest.raises(ParameterError, match="min_confidence must lie between 0 and 1, got"):
        predict(song, music_model, min_confidence=bad)


def test_a_model_may_be_given_as_a_file(
    song: Path, music_model: GenreModel, tmp_path: Path
) -> None:
    path = tmp_path / "toy.onnx"
    music_model.save(path)
    expected = predict(song, music_model)
    assert predict(song, path) == expected
    assert predict(str(song), str(path)) == expected
    with pytest.raises(ModelError, match="there is no model polka"):
        predict(song, "polka")


def test_the_path_is_told_as_it_was_given(
    song: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(song.parent)
    assert predict(song.name, music_model).path == song.name
    assert predict(song, music_model).path == str(song)


def test_only_the_plan_is_heard(long_song: Path, music_model: GenreModel) -> None:
    result = predict(long_song, music_model)
    assert result.duration == pytest.approx(157.5)
    assert result.analysed == pytest.approx(30)
    assert result.timeline is None
    plan = ExcerptPlan(n_stretches=2, stretch=5.0)
    assert predict(long_song, music_model, plan=plan).analysed == pytest.approx(10)


def test_a_timeline_hears_everything(long_prediction: Prediction) -> None:
    assert long_prediction.analysed == long_prediction.duration


def test_a_song_that_cannot_be_heard(tmp_path: Path, music_model: GenreModel) -> None:
    with pytest.raises(AudioDecodeError, match="no such file"):
        predict(tmp_path / "missing.mp3", music_model)
    soundfile.write(tmp_path / "silent.wav", np.zeros(5 * RATE), RATE)
    with pytest.raises(AudioDecodeError, match="is silent"):
        predict(tmp_path / "silent.wav", music_model, timeline=True)


def test_warnings_are_passed_on(song: Path, tmp_path: Path, music_model: GenreModel) -> None:
    cut = tmp_path / "cut.wav"
    cut.write_bytes(song.read_bytes()[:-20_000])
    (warning,) = predict(cut, music_model).warnings
    assert "damaged or cut short" in warning
    assert predict(song, music_model).warnings == ()


# ------------------------------------------------------------------ the timeline


def test_a_timeline_covers_the_song_without_gaps(
    long_song: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        prediction_module, "is_silent", lambda _samples: False
    )  # so that nothing is left out
    found = tuple(predict_timeline(long_song, music_model, duration=157.5))
    assert found[0].start == 0
    assert found[-1].end == 157.5
    assert all(a.end == b.start for a, b in itertools.pairwise(found))
    assert {s.end - s.start for s in found[:-1]} == {3.0}
    assert 0 < found[-1].end - found[-1].start <= 3.0


@pytest.mark.parametrize(
    "seconds", [1.0, 2.9, 3.0, 3.1, 4.4, 4.6, 12.0, 30.013, 60.0, 60.4, 61.0, 62.0, 64.0]
)
def test_a_timeline_ends_with_its_song(
    seconds: float, music_model: GenreModel, tmp_path: Path
) -> None:
    samples = SOUNDS["noise"](np.random.default_rng(0), seconds)
    soundfile.write(tmp_path / "song.wav", samples, RATE)
    found = segments(predict(tmp_path / "song.wav", music_model, timeline=True))
    assert found[0].start == 0
    assert found[-1].end == pytest.approx(seconds, abs=1e-4)
    assert all(a.end == b.start for a, b in itertools.pairwise(found))
    assert [s.start for s in found] == [3.0 * i for i in range(len(found))]
    assert 1.5 <= found[-1].end - found[-1].start < 4.5 or seconds == 1.0


def test_silence_is_left_out_of_a_timeline(long_prediction: Prediction) -> None:
    # silence from 72 to 108 s; a slot hears 4.5 s on either side of itself
    starts = [segment.start for segment in segments(long_prediction)]
    assert not [start for start in starts if start >= 76.5 and start + 3 <= 103.5]
    assert {0.0, 69.0, 108.0, 156.0} <= set(starts)


def test_a_timeline_follows_the_song(long_prediction: Prediction) -> None:
    for segment in segments(long_prediction):
        if segment.end <= 65:
            assert segment.genre == "tones"
        elif segment.start >= 115:
            assert segment.genre == "noise"


def test_blocks_leave_no_trace_in_a_timeline(
    long_song: Path,
    music_model: GenreModel,
    long_prediction: Prediction,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prediction_module, "_BLOCK", 9.0)
    small_blocks = tuple(predict_timeline(long_song, music_model, duration=157.5))
    assert len(small_blocks) == len(segments(long_prediction))
    for ours, theirs in zip(small_blocks, segments(long_prediction), strict=True):
        assert (ours.start, ours.end, ours.genre) == (theirs.start, theirs.end, theirs.genre)
        assert ours.probability == pytest.approx(theirs.probability, abs=1e-3)


def test_a_timeline_never_holds_much_of_a_song(
    long_song: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def listen(path: str, *, start: float, duration: float, allow_silence: bool) -> Audio:
        asked.append(duration)
        return load_audio(path, start=start, duration=duration, allow_silence=allow_silence)

    monkeypatch.setattr(prediction_module, "load_audio", listen)
    n_segments = sum(1 for _ in predict_timeline(long_song, music_model, duration=157.5))
    assert n_segments > 30
    assert len(asked) == 3
    assert max(asked) <= 75


def test_a_timeline_comes_piece_by_piece(
    long_song: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks: list[float] = []

    def listen(path: str, *, start: float, duration: float, allow_silence: bool) -> Audio:
        blocks.append(start)
        return load_audio(path, start=start, duration=duration, allow_silence=allow_silence)

    monkeypatch.setattr(prediction_module, "load_audio", listen)
    next(predict_timeline(long_song, music_model, duration=157.5))
    assert blocks == [0.0]


# ------------------------------------------------------------------ JSON


def test_json_has_the_documented_form() -> None:
    result = Prediction(
        path="song.mp3",
        model="western",
        genre="jazz",
        confidence=0.83000001,
        unknown=False,
        genres=(GenreProbability("jazz", 0.83000001), GenreProbability("rock", 0.16999999)),
        duration=241.30000001,
        analysed=30.0,
        styles=(StyleScore("Mellow", 0.41),),
        timeline=(TimelineSegment(0.0, 3.0, "jazz", 0.79, (GenreProbability("jazz", 0.79),)),),
    )
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == {
        "path": "song.mp3",
        "model": "western",
        "genre": "jazz",
        "confidence": 0.83,
        "unknown": False,
        "genres": [
            {"genre": "jazz", "probability": 0.83},
            {"genre": "rock", "probability": 0.17},
        ],
        "styles": [{"style": "Mellow", "score": 0.41}],
        "timeline": [{"start": 0.0, "end": 3.0, "genre": "jazz", "probability": 0.79}],
        "duration": 241.3,
        "analysed": 30.0,
        "warnings": [],
        "doubt": "",
    }


def test_json_of_a_real_prediction(long_prediction: Prediction) -> None:
    plain = json.loads(json.dumps(long_prediction.to_dict(), allow_nan=False))
    assert plain["confidence"] == plain["genres"][0]["probability"]
    assert sum(g["probability"] for g in plain["genres"]) == pytest.approx(1, abs=1e-5)
    assert len(plain["timeline"]) == len(segments(long_prediction))
    assert all(set(s) == {"start", "end", "genre", "probability"} for s in plain["timeline"])


def test_passages_join_neighbours_of_one_genre() -> None:
    times = ((0, 3, "rock"), (3, 6, "rock"), (6, 9, "jazz"), (12, 15, "jazz"))
    times = (*times, (15.001, 16.001, "jazz"))  # the last slot of a song is as long as is left
    shares = (0.6, 0.8, 0.5, 0.4, 0.7)
    segments = [TimelineSegment(*time, share) for time, share in zip(times, shares, strict=True)]
    bare = Prediction("a.mp3", "made", "rock", 0.7, False, (), duration=18.0, analysed=9.0)
    assert bare.passages == ()
    whole = bare.with_timeline(segments)
    assert (whole.timeline, whole.analysed) == (tuple(segments), 18.0)
    found = [(p.start, p.end, p.genre, round(p.probability, 6)) for p in whole.passages]
    assert found == [(0, 6, "rock", 0.7), (6, 9, "jazz", 0.5), (12, 16.001, "jazz", 0.475)]


def test_a_segment_that_was_rounded_to_nothing_is_a_passage() -> None:
    bare = Prediction("a.mp3", "made", "rock", 0.7, False, (), duration=18.0, analysed=9.0)
    (passage,) = bare.with_timeline([TimelineSegment(18.0, 18.0, "rock", 0.6)]).passages
    assert passage == TimelineSegment(18.0, 18.0, "rock", pytest.approx(0.6))


def test_json_without_a_timeline_and_of_an_unknown_genre(
    song: Path, music_model: GenreModel
) -> None:
    result = predict(song, music_model, min_confidence=1.0)
    plain = result.to_dict()
    assert "timeline" not in plain
    assert plain["genre"] is None
    assert plain["unknown"] is True
    assert len(plain["genres"]) == 3


@pytest.mark.parametrize("given", [["a.mp3", "b.mp3"], None, 3])
def test_one_song_is_expected(given: object) -> None:
    named = type(given).__name__
    with pytest.raises(ParameterError, match=f"one song was expected, got a {named}") as err:
        predict(given)  # type: ignore[arg-type]
    assert "predict_songs" in err.value.hint


def test_a_folder_is_not_one_song(tmp_path: Path) -> None:
    with pytest.raises(AudioDecodeError, match="is a folder, not an audio file") as err:
        predict(tmp_path)
    assert "find_songs" in err.value.hint


# ------------------------------------------------------------------ the bundled models


@pytest.mark.parametrize("name", list_models())
def test_bundled_models_answer(song: Path, name: str) -> None:
    assert name in list_models()
    result = predict(song, name, timeline=True)
    assert result.model == name
    assert {g.genre for g in result.genres} == set(load_model(name).genres)
    assert result.unknown  # a chord of sines is no song
    assert result.doubt == f"it is unlike nearly all that {name} was trained on"
    assert result.warnings == (f"{result.doubt}, so its percentages mean nothing here",)
    assert segments(result)


@pytest.mark.data
def test_the_western_model_names_real_songs(shared_data: Path) -> None:
    gtzan = shared_data / "gtzan"
    model = load_model("western")
    names = (gtzan / "splits" / "test_filtered.txt").read_text(encoding="utf-8").split()
    paths = [gtzan / "audio" / name.rsplit(".", 1)[0] for name in names]
    there = [path.with_name(f"{path.name}.ogg") for path in paths]
    chosen = [path for path in there if path.exists()][::6]
    assert len(chosen) >= 15
    right = sum(predict(path, model).genre == path.parent.name for path in chosen)
    # chance is 0.1; the model has learnt these clips too, of which it names 0.92 rightly
    assert right / len(chosen) > 0.8


@pytest.mark.data
def test_other_encodings_of_a_clip_get_the_same_answer(shared_data: Path) -> None:
    gtzan = shared_data / "gtzan"
    model = load_model("western")
    pairs = [
        (original, gtzan / "audio" / original.parent.name / f"{original.stem}.ogg")
        for original in sorted((gtzan / "lossless").rglob("*.wav"))
    ]
    there = [pair for pair in pairs if pair[1].exists()][:5]
    assert len(there) == 5
    for original, encoded in there:
        wanted = {g.genre: g.probability for g in predict(original, model).genres}
        found = {g.genre: g.probability for g in predict(encoded, model).genres}
        assert max(abs(wanted[genre] - found[genre]) for genre in wanted) < 0.1
