"""The whole way in one call: folders, tables and models give the same answers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from generify import workflow
from generify.cache import FeatureCache
from generify.errors import (
    CacheError,
    DatasetError,
    MissingExtraError,
    ModelError,
    ParameterError,
)
from generify.model import GenreModel, load_model
from generify.table import FeatureTable, save_table
from generify.training import evaluate_recipe
from generify.workflow import (
    Extraction,
    compare,
    evaluate,
    load_features,
    train,
)


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def table_file(music_table: FeatureTable, tmp_path: Path) -> Path:
    path = tmp_path / "music.parquet"
    save_table(music_table, path)
    return path


def copy_of(music: Path, folder: Path, n_tracks: int = 8) -> Path:
    for genre in sorted(music.iterdir()):
        (folder / genre.name).mkdir(parents=True)
        for song in sorted(genre.iterdir())[:n_tracks]:
            shutil.copy(song, folder / genre.name)
    return folder


def test_training_writes_a_model_that_knows_the_genres(music: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine.onnx"
    training = train(music, output, features="mfcc")
    model = load_model(output)
    assert model == training.model
    assert model.card.name == "mine"
    assert model.genres == ("clicks", "noise", "tones")
    assert training.report.accuracy > 0.9
    assert model.card.metrics["split"] == "random"


def test_training_without_an_output_writes_nothing(
    table_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert train(str(table_file), features="mfcc", classifier="nb").model.card.classifier == "nb"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("classifier", ["lda", "svm"])
def test_a_table_and_its_audio_give_the_same_model(
    music: Path, table_file: Path, music_table: FeatureTable, classifier: str
) -> None:
    heard = train(music, features="mfcc", classifier=classifier)
    read = train(table_file, features="mfcc", classifier=classifier)
    np.testing.assert_array_equal(
        heard.model.predict_proba(music_table.X), read.model.predict_proba(music_table.X)
    )
    assert heard.report == read.report
    assert heard.model.card == read.model.card


def test_evaluation_without_a_model_judges_the_recipe(
    music: Path, music_table: FeatureTable
) -> None:
    report = evaluate(music, features="mfcc", classifier="nb", split="random")
    assert report == evaluate_recipe(music_table, "nb", split="random")


def test_evaluation_of_a_model_uses_its_own_features(
    music_model: GenreModel, music: Path, tmp_path: Path
) -> None:
    music_model.save(tmp_path / "toy.onnx")
    folder = tmp_path / "others"
    for genre in music_model.genres:
        (folder / genre).mkdir(parents=True)
        for number, song in enumerate(sorted((music / genre).iterdir())[:3]):
            shutil.copy(song, folder / genre / f"other {number}.wav")
    for given in (music_model, tmp_path / "toy.onnx", str(tmp_path / "toy.onnx")):
        report = evaluate(folder, given)
        assert report.n_tracks == 9
        assert report.experiment.recipe == "model toy"
    with pytest.raises(DatasetError, match="toy was trained on all 24 of these tracks"):
        evaluate(music, music_model)


def test_comparison(table_file: Path) -> None:
    reports = compare(table_file, ["nb", "lda"], features="mfcc")
    assert [report.experiment.recipe for report in reports] == ["mfcc + nb", "mfcc + lda"]


def test_features_are_cached_unless_told_not_to(music: Path, cache_folder: Path) -> None:
    load_features(music, "mfcc", Extraction(use_cache=False, jobs=1))
    assert not cache_folder.exists()
    first = load_features(music, "mfcc", Extraction(jobs=1))
    assert FeatureCache().info().n_entries == 2 * 24  # identity and features of each
    assert load_features(music, "mfcc").X.tobytes() == first.X.tobytes()


def test_features_take_the_cores_that_are_for_us(
    music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    real = workflow.extract_features

    def extract(*arguments: object, jobs: int, **options: object) -> FeatureTable:
        taken.append(jobs)
        return real(*arguments, jobs=1, **options)

    monkeypatch.setattr(workflow, "n_cores", lambda: 3)
    monkeypatch.setattr(workflow, "extract_features", extract)
    for jobs in (0, 2):
        load_features(music, "mfcc", Extraction(jobs=jobs))
    assert taken == [3, 2]


def test_how_to_listen_is_passed_on(music: Path) -> None:
    said: list[tuple[int, int]] = []
    how = Extraction(genres=["tones", "noise"], progress=lambda *counts: said.append(counts))
    table = load_features(music, "mfcc", how)
    assert table.genres == ("noise", "tones")
    assert said[-1] == (16, 16)


def test_genres_of_a_table_can_be_chosen(table_file: Path) -> None:
    table = load_features(table_file, "mfcc", Extraction(genres=["tones", "noise"]))
    assert table.genres == ("noise", "tones")


def test_a_table_of_other_features(table_file: Path) -> None:
    with pytest.raises(
        ParameterError, match=r"music\.parquet holds the features mfcc, timbre were asked for"
    ) as caught:
        load_features(table_file, "timbre")
    assert caught.value.hint == "give --features mfcc"


def test_one_clip_a_genre(music: Path, tmp_path: Path) -> None:
    folder = copy_of(music, tmp_path / "few", n_tracks=1)
    with pytest.raises(
        DatasetError, match="few has only one usable track of clicks, noise, tones; each genre"
    ):
        train(folder, features="mfcc")


def nothing_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def hear(*_: object, **__: object) -> None:
        raise AssertionError("a song was heard")

    monkeypatch.setattr(workflow, "extract_features", hear)


@pytest.mark.parametrize("work", [train, evaluate, compare])
def test_what_cannot_be_judged_is_refused_before_any_song_is_heard(
    work: Callable[..., object], music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_heard(monkeypatch)
    with pytest.raises(DatasetError, match="an artist split needs artists, and no track has one"):
        work(music, split="artist")
    with pytest.raises(DatasetError, match="few has only one usable track of clicks"):
        work(copy_of(music, tmp_path / "few", n_tracks=1))


@pytest.mark.parametrize(
    ("work", "chosen"),
    [
        (train, {"classifier": "fine"}),
        (evaluate, {"classifier": "fine"}),
        (compare, {"classifiers": ["nb", "fine"]}),
    ],
)
def test_an_unknown_classifier_is_refused_before_any_song_is_heard(
    work: Callable[..., object],
    chosen: dict[str, object],
    music: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing_heard(monkeypatch)
    with pytest.raises(ParameterError, match="there is no classifier 'fine'; there are logreg"):
        work(music, **chosen)


@pytest.mark.parametrize(
    ("work", "module", "package"),
    [
        (train, "sklearn", "scikit-learn"),
        (train, "skl2onnx", "skl2onnx"),
        (evaluate, "sklearn", "scikit-learn"),
        (compare, "sklearn", "scikit-learn"),
    ],
)
def test_a_missing_package_is_told_before_any_song_is_heard(
    work: Callable[..., object],
    module: str,
    package: str,
    music: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, module, None)
    nothing_heard(monkeypatch)
    with pytest.raises(MissingExtraError, match=package):
        work(music)


def test_more_genres_than_a_model_holds_are_refused_before_any_song_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_heard(monkeypatch)
    song = tmp_path / "song.wav"
    soundfile.write(song, np.ones(100), 22050)
    rows = [f"{genre}.{n}.wav,{genre}" for genre in range(2001) for n in range(2)]
    for row in rows:
        (tmp_path / row.partition(",")[0]).hardlink_to(song)
    (tmp_path / "wide.csv").write_text("\n".join(["path,genre", *rows]))
    with pytest.raises(DatasetError, match="wide has 2,001 genres, a model can have 2,000") as e:
        train(tmp_path / "wide.csv")
    assert "are its folders artists" in e.value.hint


def test_one_good_clip_among_broken_ones(music: Path, tmp_path: Path) -> None:
    folder = copy_of(music, tmp_path / "broken", n_tracks=2)
    soundfile.write(folder / "tones" / "tones0.wav", np.zeros(44100), 22050)
    with pytest.raises(DatasetError, match="broken has only one usable track of tones; each genre"):
        train(folder, features="mfcc")


def test_broken_files_among_good_ones_are_told(music: Path, tmp_path: Path) -> None:
    folder = copy_of(music, tmp_path / "mixed", n_tracks=5)
    soundfile.write(folder / "tones" / "silent.wav", np.zeros(44100), 22050)
    (folder / "noise" / "text.wav").write_text("words")
    training = train(folder, tmp_path / "out.onnx", features="mfcc")
    failed = {Path(failure.path).name for failure in training.report.experiment.failures}
    assert failed == {"silent.wav", "text.wav"}
    assert training.model.card.n_tracks == {"clicks": 5, "noise": 5, "tones": 5}


def test_a_cache_that_cannot_be_written(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GENERIFY_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(CacheError, match=r"the cache folder .*file cannot be written: ") as caught:
        train(music, features="mfcc")
    assert "--no-cache" in caught.value.hint
    assert load_features(music, "mfcc", Extraction(use_cache=False)).failures == ()


def test_an_output_that_cannot_be_written(table_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot write .*mine\.onnx: No such file or directory"):
        train(table_file, tmp_path / "missing" / "mine.onnx", features="mfcc")
