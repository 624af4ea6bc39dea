"""Playlists: what is in them, where their paths lead, and which names they cannot hold."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conftest import Command
from generify.errors import Failure
from generify.playlists import PlaylistError, write_playlists
from generify.prediction import GenreProbability, Prediction

posix = pytest.mark.skipif(os.name != "posix", reason="names that other systems do not allow")


def answer(path: Path | str, genre: str | None = "jazz", duration: float = 61.7) -> Prediction:
    return Prediction(
        path=str(path),
        model="western",
        genre=genre,
        confidence=0.8,
        unknown=genre is None,
        genres=(GenreProbability("jazz", 0.8), GenreProbability("rock", 0.2)),
        duration=duration,
        analysed=30.0,
    )


def song(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def entries(playlist: Path) -> list[str]:
    """Read the songs of a playlist as a player does: what is no comment, from where it lies."""
    lines = playlist.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


def test_one_for_each_genre(tmp_path: Path) -> None:
    names = ("b/Zoë.mp3", "b/Äpfel.mp3", "a/1.mp3")
    songs = [song(tmp_path / "music" / name) for name in names]
    rock = song(tmp_path / "music/rock.flac")
    answers = [*(answer(path) for path in songs), answer(rock, "rock", duration=0.0)]
    made = write_playlists(answers, tmp_path / "lists")
    assert [(p.genre, p.path.name, p.n_songs) for p in made.written] == [
        ("jazz", "jazz.m3u8", 3),
        ("rock", "rock.m3u8", 1),
    ]
    assert made.failures == ()
    assert (tmp_path / "lists/jazz.m3u8").read_bytes().decode() == (
        "#EXTM3U\n#PLAYLIST:jazz\n"
        "#EXTINF:62,1\n../music/a/1.mp3\n"
        "#EXTINF:62,Zoë\n../music/b/Zoë.mp3\n"
        "#EXTINF:62,Äpfel\n../music/b/Äpfel.mp3\n"
    )
    text = (tmp_path / "lists/rock.m3u8").read_text(encoding="utf-8")
    assert text.endswith("#EXTINF:-1,rock\n../music/rock.flac\n")
    assert {path.name for path in (tmp_path / "lists").iterdir()} == {"jazz.m3u8", "rock.m3u8"}


def test_paths_lead_to_the_songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also relative ones, from within the folder, and through links."""
    target = song(tmp_path / "real/music/song.mp3")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/lists").mkdir()
    (tmp_path / "lists").symlink_to(tmp_path / "elsewhere/lists")
    monkeypatch.chdir(tmp_path / "real")
    for given in ("music/song.mp3", "../link/music/song.mp3", str(target)):
        made = write_playlists([answer(given)], tmp_path / "lists")
        (line,) = entries(made.written[0].path)
        assert not Path(line).is_absolute()
        assert (tmp_path / "lists" / line).samefile(target)


def test_each_song_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = song(tmp_path / "song.mp3")
    monkeypatch.chdir(tmp_path)
    made = write_playlists([answer(path), answer("song.mp3"), answer(path)], tmp_path)
    assert [p.n_songs for p in made.written] == [1]


def test_unknown_songs(tmp_path: Path) -> None:
    paths = [song(tmp_path / name) for name in ("a.mp3", "b.mp3")]
    answers = [answer(paths[0], None), answer(paths[1])]
    made = write_playlists(answers, tmp_path / "without")
    assert ([p.genre for p in made.written], made.n_unknown) == (["jazz"], 1)
    made = write_playlists(answers, tmp_path / "with", unknown=True)
    assert ([p.path.name for p in made.written], made.n_unknown) == (
        ["jazz.m3u8", "unknown.m3u8"],
        0,
    )


@posix
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("#1.mp3", "./#1.mp3"),
        (" blank.mp3", "./ blank.mp3"),
        ("http:x.mp3", "./http:x.mp3"),
        ("100% & ü.mp3", "100% & ü.mp3"),
    ],
)
def test_names_that_look_like_something_else(tmp_path: Path, name: str, line: str) -> None:
    made = write_playlists([answer(song(tmp_path / name))], tmp_path)
    text = made.written[0].path.read_text(encoding="utf-8")
    assert text.endswith(f"\n{line}\n")


@posix
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("two\nlines.mp3", "a name with a line break or a blank at its end"),
        ("two\rlines.mp3", "a name with a line break"),
        ("two\u2028lines.mp3", "a name with a line break"),
        ("blank.mp3 ", "a name with a line break or a blank at its end"),
        (os.fsdecode(b"latin-\xe4.mp3"), "its name is not valid UTF-8; rename it"),
    ],
)
def test_names_that_cannot_be_written(tmp_path: Path, name: str, says: str) -> None:
    good = song(tmp_path / "good.mp3")
    made = write_playlists([answer(song(tmp_path / name)), answer(good)], tmp_path)
    assert [p.n_songs for p in made.written] == [1]
    (failure,) = made.failures
    assert says in failure.message
    assert failure.message.isprintable()


def test_songs_that_are_gone_and_failures(tmp_path: Path) -> None:
    failed = Failure("x.mp3", "AudioDecodeError", "broken")
    made = write_playlists([failed, answer(tmp_path / "gone.mp3")], tmp_path)
    assert made.written == ()
    (gone,) = made.failures
    assert "gone.mp3: is not there; run this where the songs were scanned from" in gone.message
    assert made.n_failed == 1


def test_genres_that_are_no_file_names(tmp_path: Path) -> None:
    genres = ("Hip-Hop/Rap", "Hip-Hop_Rap", "hip-hop_rap", "..", 'a"b\n?', "ж" * 300)
    answers = [answer(song(tmp_path / f"{i}.mp3"), genre) for i, genre in enumerate(genres)]
    made = write_playlists(answers, tmp_path / "lists")
    names = {p.genre: p.path.name for p in made.written}
    assert names["Hip-Hop/Rap"] == "Hip-Hop_Rap.m3u8"
    assert names["Hip-Hop_Rap"] == "Hip-Hop_Rap 2.m3u8"
    assert names["hip-hop_rap"] == "hip-hop_rap 3.m3u8"
    assert names[".."] == "_.m3u8"
    assert names['a"b\n?'] == "a_b__.m3u8"
    assert len(list((tmp_path / "lists").iterdir())) == len(genres)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlaylistError, match=r"cannot make the folder .*file"):
        write_playlists([], tmp_path / "file")


# --- the command ------------------------------------------------------------------------------


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.ndjson"
    answers = [
        answer(song(tmp_path / "music/a.mp3")),
        answer(song(tmp_path / "music/b.mp3"), "rock"),
        answer(song(tmp_path / "music/c.mp3"), None),
    ]
    path.write_text("".join(json.dumps(a.to_dict()) + "\n" for a in answers), encoding="utf-8")
    return path


def test_command(results: Path, tmp_path: Path, command: Command) -> None:
    done = command("playlist", results, "-o", tmp_path / "lists")
    assert done.code == 0
    assert [line.split()[-2:] for line in done.out.splitlines() if "m3u8" in line] == [
        ["jazz", "1"],
        ["rock", "1"],
    ]
    assert done.err == "1 unknown song left out; --unknown gives a playlist of them\n"
    assert entries(tmp_path / "lists/jazz.m3u8") == ["../music/a.mp3"]
    assert command("playlist", results, "-o", tmp_path / "lists", "--unknown").err == ""
    assert entries(tmp_path / "lists/unknown.m3u8") == ["../music/c.mp3"]


def test_songs_that_failed_in_the_scan_are_no_failure_here(
    results: Path, tmp_path: Path, command: Command
) -> None:
    failed = Failure("text.mp3", "AudioDecodeError", "text.mp3: is a text, no audio")
    with results.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(failed.to_dict()) + "\n")
    done = command("playlist", results, "-o", tmp_path / "lists", "--unknown")
    assert done.code == 0
    assert done.err == "1 song failed in the scan and is in no playlist\n"


def test_command_with_failures(results: Path, tmp_path: Path, command: Command) -> None:
    (tmp_path / "music/a.mp3").unlink()
    done = command("playlist", results, "-o", tmp_path / "lists")
    assert done.code == 1
    assert "left out: " in done.err
    assert "a.mp3: is not there" in done.err
    assert not (tmp_path / "lists/jazz.m3u8").exists()


def test_command_without_songs(tmp_path: Path, command: Command) -> None:
    (tmp_path / "results.json").write_text("[]")
    done = command("playlist", tmp_path / "results.json", "-o", tmp_path / "lists")
    assert (done.code, done.out) == (0, "")
    assert done.err == "no playlist: no song has a genre\n"


def test_command_of_songs_that_were_not_scanned(tmp_path: Path, command: Command) -> None:
    (tmp_path / "my music").mkdir()
    done = command("playlist", tmp_path / "my music", "-o", tmp_path / "lists")
    assert done.code == 2
    assert done.err == (
        f"error: {tmp_path / 'my music'} is no file; a file of results was expected\n"
        f"hint: scan it first: generify scan '{tmp_path / 'my music'}' -o songs.parquet\n"
    )


def test_command_that_cannot_write(results: Path, command: Command) -> None:
    done = command("playlist", results, "-o", results)
    assert done.code == 2
    assert "is a file, a folder was expected" in done.err
