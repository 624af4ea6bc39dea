"""The plugin for beets: real imports into a real library, by the command that a person types."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from conftest import RATE, Outcome
from generify import defaults
from generify.model import GenreModel
from song_files import NAMES, genres_by_mutagen, make_songs

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("beets") is None, reason="beets is not installed"
)

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "war_of_freedom.mp3"
Beet = Callable[..., Outcome]


@pytest.fixture
def beet(tmp_path: Path, music_model: GenreModel) -> Beet:
    """Run ``beet`` with a library of its own; keywords are the plugin's options, from then on."""
    music_model.save(tmp_path / "toy.onnx")
    options: dict[str, Any] = {"model": "toy.onnx"}  # relative to the configuration

    def run(*arguments: object, beets: dict[str, Any] | None = None, **own: object) -> Outcome:
        options.update(own)
        config = {
            "directory": str(tmp_path / "library"),
            "library": str(tmp_path / "library.db"),
            "plugins": ["generify"],
            "ui": {"color": False},
            "generify": options,
            "paths": {"default": "$title", "singleton": "$title"},
            **(beets or {}),
        }
        (tmp_path / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        done = subprocess.run(
            [sys.executable, "-m", "beets", *map(str, arguments)],
            env={**os.environ, "BEETSDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def songs(music: Path, tmp_path: Path) -> Path:
    """Two songs without a genre, and one of Jazz that sounds like clicks."""
    folder = tmp_path / "songs"
    folder.mkdir()
    add_song(folder / "a.flac", music / "tones/tones0.wav")
    add_song(folder / "b.flac", music / "noise/noise0.wav")
    add_song(folder / "c.flac", music / "clicks/clicks0.wav", genre="Jazz")
    return folder


def add_song(path: Path, source: Path, **tags: str) -> None:
    from mutagen.flac import FLAC

    samples, rate = soundfile.read(source)
    soundfile.write(path, samples, rate)
    audio = FLAC(path)
    audio.update({"title": path.stem, "artist": "somebody", "album": "something", **tags})
    audio.save()


def genres(beet: Beet) -> dict[str, str]:
    done = beet("ls", "-f", "$title=$genres")
    assert (done.code, done.err) == (0, "")
    return dict(line.split("=") for line in done.out.splitlines())


def state_of(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_import_sets_genres_in_library_and_files(beet: Beet, songs: Path, tmp_path: Path) -> None:
    before = state_of(songs)
    done = beet("import", "-qA", songs)
    assert done.code == 0
    assert "generify" not in done.err
    assert genres(beet) == {"a": "Tones", "b": "Noise", "c": "Jazz"}
    for name, genre in {"a": "Tones", "b": "Noise", "c": "Jazz"}.items():
        assert genres_by_mutagen(tmp_path / "library" / f"{name}.flac") == [genre]
    assert state_of(songs) == before


def test_every_format(beet: Beet, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    make_songs(folder)
    anything = dict.fromkeys(("clicks", "noise", "tones"), "Sound")
    done = beet("import", "-qAC", folder, min_confidence=0, map=anything)
    assert (done.code, done.err) == (0, f"{folder}\n")
    assert beet("ls", "-f", "$genres").out.split() == ["Sound"] * len(NAMES)
    for name in NAMES:
        assert genres_by_mutagen(folder / name) == ["Sound"], name


def test_what_cannot_be_heard_stops_nothing(beet: Beet, songs: Path) -> None:
    soundfile.write(songs / "0.flac", np.zeros(2 * RATE), RATE)
    add_song(songs / "d.flac", songs / "0.flac", genre="Silence")  # not listened to
    (songs / "1.mp3").write_text("words")
    done = beet("import", "-qA", songs)
    assert done.code == 0
    assert [line for line in done.err.splitlines() if line.startswith("generify: ")] == [
        f"generify: {songs / '0.flac'}: is silent (its peak is below -80 dBFS); check the recording"
    ]
    assert genres(beet) == {"": "", "a": "Tones", "b": "Noise", "c": "Jazz", "d": "Silence"}


def test_pretend_then_generify_then_force(beet: Beet, songs: Path, tmp_path: Path) -> None:
    beet("import", "-qA", songs, auto=False)
    library = tmp_path / "library"
    unset = {"a": "", "b": "", "c": "Jazz"}
    assert genres(beet) == unset
    before = state_of(library)

    done = beet("generify", "-p")
    assert done.code == 0
    assert "somebody - something - a\n  genres:\n    + Tones\n" in done.out
    assert done.err == "generify: 2 would get a genre, 1 had a genre\n"
    assert genres(beet) == unset
    assert state_of(library) == before

    done = beet("generify", "title:a")
    assert done.err == "generify: 1 got a genre\n"
    assert genres(beet) == {**unset, "a": "Tones"}
    assert genres_by_mutagen(library / "a.flac") == ["Tones"]

    done = beet("generify")
    assert done.err == "generify: 2 had a genre, 1 got a genre\n"
    assert genres(beet) == {"a": "Tones", "b": "Noise", "c": "Jazz"}

    done = beet("generify", "-f")
    assert "- Jazz\n    + Clicks\n" in done.out
    assert done.err == "generify: 2 already so, 1 got a genre\n"
    assert genres_by_mutagen(library / "c.flac") == ["Clicks"]
    assert beet("generify", "title:z").err == "generify: no song matches\n"


def test_albums_get_the_genre_of_most_songs(beet: Beet, songs: Path, music: Path) -> None:
    (songs / "c.flac").unlink()
    add_song(songs / "d.flac", music / "noise/noise1.wav")
    beet("import", "-qA", songs)
    assert beet("ls", "-a", "-f", "$album=$genres").out == "something=Noise\n"
    assert genres(beet) == {"a": "Tones", "b": "Noise", "d": "Noise"}


def test_options(beet: Beet, songs: Path) -> None:
    beet("import", "-qA", songs, auto=False)
    done = beet("generify", min_confidence=1)
    assert "generify: somebody - something - a: not sure enough, left as it is\n" in done.err
    assert genres(beet)["a"] == ""
    beet("generify", "title:a", min_confidence=0.6, title_case=False)
    assert genres(beet)["a"] == "tones"
    beet("generify", "-f", title_case=True, map={"Tones": "R&B/eAsy"})
    assert genres(beet) == {"a": "R&B/eAsy", "b": "Noise", "c": "Clicks"}
    beet("generify", "title:a", force=True, map={})
    assert genres(beet)["a"] == "Tones"
    assert beet("generify", "-F", "title:a").err == "generify: 1 had a genre\n"


def test_files_stay_where_beets_may_not_write(beet: Beet, songs: Path) -> None:
    before = state_of(songs)
    beet("import", "-qACs", songs, beets={"import": {"write": False}})
    assert genres(beet) == {"a": "Tones", "b": "Noise", "c": "Jazz"}
    assert state_of(songs) == before


def test_paths_may_hold_the_genre(beet: Beet, songs: Path, tmp_path: Path) -> None:
    beet("import", "-qAs", songs, beets={"paths": {"singleton": "$genres/$title"}})
    found = {str(p.relative_to(tmp_path / "library")) for p in tmp_path.glob("library/*/*")}
    assert found == {"Tones/a.flac", "Noise/b.flac", "Jazz/c.flac"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "westen"}, "error: generify: there is no model westen (bundled: "),
        ({"min_confidence": 2}, "error: generify: min_confidence must lie between 0 and 1, got 2"),
        ({"count": 0}, "error: generify: max_genres must be 1 or more, got 0"),
        ({"map": ["tones"]}, "configuration error: generify.map"),
    ],
)
def test_a_wrong_configuration_imports_nothing(
    options: dict[str, Any], message: str, beet: Beet, songs: Path, tmp_path: Path
) -> None:
    done = beet("import", "-qA", songs, **options)
    assert done.code == 1
    assert message in done.err
    assert "Traceback" not in done.err
    assert genres(beet) == {}
    assert not (tmp_path / "library").exists()


def test_bundled_model_and_unknown_songs(beet: Beet, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    shutil.copy(EXAMPLE, folder)
    noise = 0.1 * np.random.default_rng(1).normal(size=10 * RATE)
    soundfile.write(folder / "noise.flac", noise, RATE)
    beet("import", "-qA", folder, auto=False, model="western")
    done = beet("generify")
    assert ": unknown, left as it is\n" in done.err
    assert genres(beet) == {"": "", "War of Freedom (excerpt)": "Metal"}
    done = beet("generify", "--model", "nothing.onnx")
    assert done.code == 1
    assert re.match(r"error: generify: there is no model \S*nothing\.onnx ", done.err)


def test_every_option_is_documented_with_its_default(beet: Beet) -> None:
    import yaml

    beet("ls", model=defaults.MODEL)  # a first run prints what it does to the new library
    options = yaml.safe_load(beet("config", "--defaults").out)["generify"]
    block = (ROOT / "docs/beets.md").read_text(encoding="utf-8").split("```yaml\n")[2]
    assert yaml.safe_load(block.split("```")[0])["generify"] == options
