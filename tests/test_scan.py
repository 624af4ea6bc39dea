"""Many songs: found once each, named one after the other, failures beside the answers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from generify.errors import DatasetError, Failure, ModelError, ParameterError
from generify.model import GenreModel
from generify.prediction import Prediction, predict
from generify.results import SongResult
from generify.scan import find_songs, predict_songs
from generify.scan.finding import check_any_there
from generify.scan.summary import Tally


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    for name in ("b.mp3", "a/2.flac", "a/1.ogg", "a/deep/er/3.wav", "cover.jpg", "a/.hidden.mp3"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"not looked into")
    return root


def test_folders_are_searched_to_the_bottom(library: Path) -> None:
    names = [path.relative_to(library).as_posix() for path in find_songs([library]).files]
    assert names == ["a/1.ogg", "a/2.flac", "a/deep/er/3.wav", "b.mp3"]


def test_files_keep_the_order_in_which_they_are_given(library: Path) -> None:
    given = [str(library / "b.mp3"), library / "a", "missing.mp3", library / "cover.jpg"]
    names = [path.name for path in find_songs(given).files]
    assert names == ["b.mp3", "1.ogg", "2.flac", "3.wav", "missing.mp3", "cover.jpg"]


def test_every_song_is_found_once(library: Path) -> None:
    songs = find_songs([library / "b.mp3", library, library / "a", str(library / "b.mp3")]).files
    assert len(songs) == len(set(songs)) == 4


def test_a_song_given_in_several_ways_is_found_once(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library)
    given = ["a", "./a", library / "a", f"../{library.name}/a", "b.mp3", library / "b.mp3"]
    names = [str(path) for path in find_songs(given).files]
    assert names == ["a/1.ogg", "a/2.flac", "a/deep/er/3.wav", "b.mp3"]
    # ".." leads out of what a link leads to: another file than the text of the path says
    (library / "link").symlink_to(library / "a/deep")
    (library / "1.ogg").write_bytes((library / "a/1.ogg").read_bytes())
    names = [str(path) for path in find_songs(["1.ogg", "link/../1.ogg", "a/1.ogg"]).files]
    assert names == ["1.ogg", "link/../1.ogg"]


def test_a_folder_without_songs(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(ParameterError, match=f"no song in {tmp_path}") as caught:
        find_songs([tmp_path])
    assert caught.value.hint == "give audio files, or folders of them"


def test_only_addresses_are_called_so() -> None:
    given = [Path("gone.mp3"), Path("https://example.com/a.mp3")]  # a Path leaves one slash
    with pytest.raises(ParameterError, match=r"^URLs are not read: https://example\.com/a\.mp3\n"):
        check_any_there(find_songs(given))
    with pytest.raises(ParameterError, match=r"^there is no file or folder gone\.mp3\n"):
        check_any_there(find_songs(given[:1]))


def test_why_no_song_is_found_in_a_folder(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "inner":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    (library / "outer/inner").mkdir(parents=True)
    monkeypatch.setattr("generify.datasets.listing.os.scandir", refuse)
    given = f"{library}/outer/"
    with pytest.raises(ParameterError, match=r"no song in .*inner: cannot read .*Permission"):
        find_songs([given])
    (library / "outer/inner").rmdir()
    with pytest.raises(ParameterError, match=f"no song in {library}/outer\n"):
        find_songs([given])


def test_a_folder_without_songs_among_others(library: Path, tmp_path: Path) -> None:
    empty = tmp_path / "x.wav"
    empty.mkdir()
    found = find_songs([empty, library / "b.mp3"])
    assert [path.name for path in found.files] == ["b.mp3"]
    assert found.failures == (
        Failure(
            str(empty),
            "DatasetError",
            f"{empty}: no song in this folder; give audio files, or folders of them",
        ),
    )


def test_an_empty_folder_named_like_a_song(library: Path) -> None:
    (library / "a/deep/x.mp3").mkdir()
    found = find_songs([library])
    assert len(found.files) == 4
    assert [failure.path for failure in found.failures] == [str(library / "a/deep/x.mp3")]


def test_a_name_that_says_nothing_is_looked_into(library: Path) -> None:
    (library / "Makefile").write_text("all:")
    soundfile.write(library / "song", np.zeros(8000), 8000, format="WAV")
    names = {path.name for path in find_songs([library]).files}
    assert "song" in names
    assert "Makefile" not in names


def test_nothing_given() -> None:
    with pytest.raises(ParameterError, match="no song in nothing"):
        find_songs([])


def test_a_folder_that_cannot_be_read(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("generify.datasets.listing.os.scandir", refuse)
    with pytest.raises(DatasetError, match=r"cannot read the folder \(Permission denied\)"):
        find_songs([library])


def test_songs_are_named_one_after_the_other(music: Path, music_model: GenreModel) -> None:
    songs = find_songs([music]).files
    results = list(predict_songs(songs, music_model))
    assert [result.path for result in results] == [str(song) for song in songs]
    assert results == [predict(song, music_model) for song in songs]
    right = sum(
        isinstance(result, Prediction) and result.genre == song.parent.name
        for result, song in zip(results, songs, strict=True)
    )
    assert right >= 22  # of 24 that the model was trained on


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "opus"])
def test_damage_is_counted(suffix: str, tmp_path: Path, music_model: GenreModel) -> None:
    """Whatever the format and whatever is found missing; a low sample rate is no damage."""
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    rate = 8000
    noise = np.random.default_rng(0).normal(scale=0.1, size=20 * rate)
    kind = {"opus": {"format": "OGG", "subtype": "OPUS"}}.get(suffix, {})
    soundfile.write(whole, noise, rate, **kind)
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    tally = Tally()
    for answer in predict_songs([whole, cut], music_model):
        assert not isinstance(answer, Failure)
        assert answer.warnings
        tally.add(SongResult(answer))
    assert tally.summary().damaged == (str(cut),)
    assert tally.summary().n_damaged == 1


def test_a_song_that_fails_stops_nothing(
    music: Path, music_model: GenreModel, tmp_path: Path
) -> None:
    good = music / "tones" / "tones0.wav"
    text = tmp_path / "text.mp3"
    text.write_text("words")
    soundfile.write(tmp_path / "silent.wav", np.zeros(44100), 22050)
    given = [text, good, tmp_path / "silent.wav", str(tmp_path / "missing.wav"), tmp_path, good]
    results = list(predict_songs(given, music_model))
    kinds = [type(result) for result in results]
    assert kinds == [Failure, Prediction, Failure, Failure, Failure, Prediction]
    assert [result.path for result in results] == [str(path) for path in given]
    failures = [result for result in results if isinstance(result, Failure)]
    assert {failure.error_type for failure in failures} == {"AudioDecodeError"}
    assert "is silent" in failures[1].message
    assert "no such file" in failures[2].message
    assert "is a folder" in failures[3].message


def test_answers_come_as_soon_as_they_are_there(
    music: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def listen(path: Path, model: GenreModel, **settings: object) -> Prediction:
        heard.append(str(path))
        return predict(path, model)

    monkeypatch.setattr("generify.scan.listening.predict", listen)
    results = predict_songs(find_songs([music]).files, music_model)
    assert heard == []
    next(results)
    assert len(heard) == 1


def test_settings_are_passed_on(music: Path, music_model: GenreModel) -> None:
    song = music / "tones" / "tones0.wav"
    (result,) = predict_songs([song], music_model, timeline=True, min_confidence=1.0)
    assert isinstance(result, Prediction)
    assert result.timeline
    assert result == predict(song, music_model, timeline=True, min_confidence=1.0)


def test_wrong_settings_are_no_failure_of_a_song(music: Path, music_model: GenreModel) -> None:
    songs = find_songs([music]).files
    with pytest.raises(ParameterError, match="min_confidence must lie between 0 and 1, got 2"):
        list(predict_songs(songs, music_model, min_confidence=2))


def test_a_broken_model_is_no_failure_of_a_song(
    music: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_settings: object) -> Prediction:
        raise ModelError("the model toy cannot be run")

    monkeypatch.setattr("generify.scan.listening.predict", refuse)
    with pytest.raises(ModelError, match="the model toy cannot be run"):
        list(predict_songs(find_songs([music]).files, music_model))
