"""Genres in the tags of single files: every format, checked with mutagen alone and with ffprobe."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from generify.audio import load_audio
from generify.content import content_hash
from generify.errors import MissingExtraError
from generify.tag_formats import TagError, read_artist, read_genres, write_genres
from song_files import NAMES, TITLE, genres_by_mutagen, id3v1, make_songs, title_by_mutagen

mutagen = pytest.importorskip("mutagen")

TWO = ("hip hop", "Ärger / «Rap»")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    make_songs(folder)
    return folder


@pytest.fixture
def song(originals: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the song that the test names, an MP3 by default."""
    return Path(shutil.copy(originals / getattr(request, "param", "v24.mp3"), tmp_path))


# FFmpeg looks into a WAV's ID3 chunk only in some cases.
SEEN_BY_FFMPEG = [name for name in NAMES if not name.endswith(".wav")]
every_format = pytest.mark.parametrize("song", NAMES, indirect=True)


def first_genre_by_ffprobe(path: Path) -> str | None:
    entries = "format_tags:stream_tags"
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", entries, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    tags = [found["format"].get("tags", {}), *(s.get("tags", {}) for s in found["streams"])]
    named = [value for t in tags for key, value in t.items() if key.lower() == "genre"]
    return str(named[0]) if named else None


@every_format
def test_round_trip(song: Path) -> None:
    sound, recording = load_audio(str(song)).samples, content_hash(song)
    assert read_genres(song) == ()
    write_genres(song, TWO)
    assert read_genres(str(song)) == TWO
    assert tuple(genres_by_mutagen(song)) == TWO
    assert title_by_mutagen(song) == TITLE if song.stem not in ("bare", "old") else True
    assert content_hash(song) == recording
    assert (load_audio(str(song)).samples == sound).all()


@pytest.mark.parametrize("song", SEEN_BY_FFMPEG, indirect=True)
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_ffprobe_sees_the_first(song: Path) -> None:
    write_genres(song, TWO)
    seen = first_genre_by_ffprobe(song)
    assert seen is not None
    assert seen.split(";")[0] == TWO[0]


@pytest.mark.parametrize("song", SEEN_BY_FFMPEG, indirect=True)
def test_pyav_sees_the_first(song: Path) -> None:
    """The same reader as ffprobe's, which is there wherever Generify is."""
    import av

    write_genres(song, TWO)
    with av.open(str(song)) as opened:
        tags = {**opened.streams.audio[0].metadata, **opened.metadata}
    seen = {key.lower(): value for key, value in tags.items()}["genre"]
    assert seen.split(";")[0] == TWO[0]


@every_format
def test_overwriting_leaves_one_genre(song: Path) -> None:
    write_genres(song, TWO)
    write_genres(song, ["jazz"])
    assert genres_by_mutagen(song) == ["jazz"]


@pytest.mark.parametrize(("song", "version"), [("v23.mp3", 3), ("v24.mp3", 4)], indirect=["song"])
def test_id3_version_stays(song: Path, version: int) -> None:
    from mutagen.id3 import ID3

    write_genres(song, TWO)
    assert song.read_bytes()[3] == version
    tags = ID3(song, translate=False)
    assert tags.version[:2] == (2, version)
    assert ("TYER" in tags) == (version == 3)


@pytest.mark.parametrize("song", ["bare.mp3", "old.mp3"], indirect=True)
def test_a_new_id3_tag_is_2_4(song: Path) -> None:
    write_genres(song, TWO)
    assert song.read_bytes()[:4] == b"ID3\x04"


def test_id3v2_2_becomes_2_3(song: Path, originals: Path) -> None:
    from mutagen.id3 import ID3

    def frame(name: bytes, content: bytes) -> bytes:
        return name + len(content).to_bytes(3, "big") + content

    frames = frame(b"TT2", b"\0Title") + frame(b"TYE", b"\x001999")
    tag = b"ID3\x02\0\0" + bytes([0, 0, 0, len(frames)]) + frames
    song.write_bytes(tag + (originals / "bare.mp3").read_bytes())
    write_genres(song, ["jazz"])
    assert song.read_bytes()[3] == 3
    tags = ID3(song, translate=False)
    assert {name: str(frame) for name, frame in tags.items()} == {
        "TIT2": "Title",
        "TYER": "1999",
        "TCON": "jazz",
    }


def test_id3v2_3_ends_its_first_value_with_nul(song: Path, originals: Path) -> None:
    """As the standard has it, a reader without lists stops there; no "/" joins two genres."""
    shutil.copy(originals / "v23.mp3", song)
    write_genres(song, ["jazz", "rock"])
    assert b"\0\0\0jazz\0rock" in song.read_bytes()


@pytest.mark.parametrize(("genre", "number"), [("hip hop", 7), ("jazz", 8), ("filmi", 255)])
def test_id3v1_keeps_all_but_its_genre(song: Path, genre: str, number: int) -> None:
    """Its title may differ from the other tag's; numbers are those of ID3v1's list."""
    song.write_bytes(song.read_bytes() + id3v1(b"Another title", 17))
    write_genres(song, [genre])
    assert song.read_bytes()[-128:] == id3v1(b"Another title", number)
    assert title_by_mutagen(song) == TITLE


def big_picture(song: Path) -> bytes:
    from mutagen.id3 import APIC, COMM, ID3, POPM, TXXX

    picture = bytes(range(256)) * 1200
    tags = ID3(song)
    tags.add(APIC(encoding=0, mime="image/png", type=3, desc="", data=picture))
    tags.add(APIC(encoding=3, mime="image/jpeg", type=4, desc="back", data=picture[7:]))
    tags.add(COMM(encoding=1, lang="eng", desc="x", text=["multi", "ple"]))
    tags.add(TXXX(encoding=3, desc="MOOD", text=["a/b", "c"]))
    tags.add(POPM(email="me", rating=196, count=3))
    tags.save(song)
    return picture


def test_covers_and_all_other_frames_stay(song: Path) -> None:
    from mutagen.id3 import ID3

    picture = big_picture(song)
    before = {key: repr(frame) for key, frame in ID3(song).items()}
    write_genres(song, ["jazz"])
    after = ID3(song)
    assert after["APIC:"].data == picture
    assert {key: repr(frame) for key, frame in after.items() if key != "TCON"} == before


@pytest.mark.parametrize("song", ["song.flac"], indirect=True)
def test_pictures_of_flac_stay(song: Path) -> None:
    from mutagen.flac import FLAC, Picture

    audio = FLAC(song)
    picture = Picture()
    picture.data, picture.mime = bytes(range(256)) * 500, "image/png"
    audio.add_picture(picture)
    audio.save()
    write_genres(song, ["jazz"])
    assert [p.data for p in FLAC(song).pictures] == [picture.data]


def test_refuses_to_lose_other_tags(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mutagen.id3 import ID3

    save = ID3.save

    def forgetful(self: ID3, *args: object, **options: object) -> None:
        self.delall("TIT2")
        save(self, *args, **options)

    monkeypatch.setattr(ID3, "save", forgetful)
    with pytest.raises(TagError, match=r"v24\.mp3: other tags would change too"):
        write_genres(song, ["jazz"])


@pytest.mark.parametrize("genre", ["17", "(17)", "((x"])
def test_genres_that_id3_reads_as_numbers(song: Path, genre: str) -> None:
    with pytest.raises(TagError, match="cannot be kept in this format"):
        write_genres(song, [genre])


@pytest.mark.parametrize("song", ["bare.mp3"], indirect=True)
class TestElsewhere:
    """A genre that only another kind of tag names is a genre all the same."""

    def test_id3v1(self, song: Path) -> None:
        song.write_bytes(song.read_bytes() + id3v1(b"x", 8))
        assert read_genres(song) == ("Jazz",)

    def test_id3v1_beside_id3v2(self, song: Path, originals: Path) -> None:
        song.write_bytes((originals / "v24.mp3").read_bytes() + id3v1(b"x", 8))
        assert read_genres(song) == ("Jazz",)
        write_genres(song, ["rock"])
        assert read_genres(song) == ("rock",)

    def test_ape(self, song: Path) -> None:
        from mutagen.apev2 import APEv2

        tags = APEv2()
        tags["Genre"] = ["Jazz", "Blues"]
        tags.save(song)
        assert read_genres(song) == ("Jazz", "Blues")

    def test_wav_list(self, song: Path, originals: Path) -> None:
        data = bytearray((originals / "song.wav").read_bytes())
        info = b"INFO" + b"INAM\x04\0\0\0abc\0" + b"IGNR\x05\0\0\0Jazz\0\0"
        data += b"LIST" + len(info).to_bytes(4, "little") + info
        data[4:8] = (len(data) - 8).to_bytes(4, "little")
        song.write_bytes(data)
        assert read_genres(song) == ("Jazz",)


@pytest.mark.parametrize(
    ("text", "genres"),
    [
        (["(17)(8)"], ("Rock", "Jazz")),
        (["17"], ("Rock",)),
        (["  "], ()),
        (["a", "a", "b"], ("a", "b")),
    ],
)
def test_old_ways_to_name_genres(song: Path, text: list[str], genres: tuple[str, ...]) -> None:
    from mutagen.id3 import ID3, TCON

    tags = ID3(song)
    tags.add(TCON(encoding=0, text=text))
    tags.save(song)
    assert read_genres(song) == genres


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("text.mp3", b"words", "is not an audio file that is known; genres are kept in MP3, FLAC"),
        ("empty.flac", b"", "is not an audio file that is known"),
        ("song.wv", b"wvpk" + bytes(100), "holds WAVPACK; genres are kept in"),
        ("head.flac", b"fLaC", "its tags cannot be read"),
        ("head.ogg", b"OggS\0\x02" + bytes(21) + b"\x01vorbis" + bytes(40), "cannot be read"),
    ],
)
def test_files_that_have_no_tags(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TagError, match=says):
        read_genres(tmp_path / name)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(TagError, match=r"gone\.mp3: cannot be read \(No such file"):
        read_genres(tmp_path / "gone.mp3")
    with pytest.raises(TagError, match=r"cannot be read \(Is a directory"):
        read_genres(tmp_path)


def test_content_decides(originals: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(originals / "song.m4a", tmp_path / "wrong.mp3"))
    write_genres(path, ["jazz"])
    assert mutagen.mp4.MP4(path)["\xa9gen"] == ["jazz"]


def test_ogg_flac(tmp_path: Path) -> None:
    path = tmp_path / "flac.ogg"
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format="ogg") as out:
        stream = out.add_stream("flac", rate=22050, layout="mono", format="s16")
        for start in range(0, 44100, 4410):
            samples = (9000 * np.sin(np.arange(start, start + 4410) / 9)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 22050, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    write_genres(path, TWO)
    assert read_genres(path) == TWO


def test_without_mutagen(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "mutagen"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with pytest.raises(MissingExtraError, match="this needs mutagen") as caught:
        read_genres(song)
    assert caught.value.hint == "pip install 'generify[tags]'"
    with pytest.raises(MissingExtraError, match="this needs mutagen"):
        read_artist(song)


def name_artists(song: Path, artists: list[str]) -> None:
    """Write artists with mutagen alone."""
    if song.suffix in (".mp3", ".wav", ".aiff"):
        from mutagen.id3 import ID3, TPE1, TPE2

        audio = ID3() if song.name == "bare.mp3" else mutagen.File(song).tags
        audio = ID3() if audio is None else audio
        audio.add(TPE1(encoding=3, text=artists))
        audio.add(TPE2(encoding=3, text=["Various Artists"]))
        audio.save(song)
        return
    audio = mutagen.File(song)
    artist, album = {".m4a": ("\xa9ART", "aART"), ".wma": ("Author", "WM/AlbumArtist")}.get(
        song.suffix, ("artist", "albumartist")
    )
    audio[artist], audio[album] = artists, ["Various Artists"]
    audio.save()


@every_format
def test_the_first_artist_is_read(song: Path) -> None:
    assert read_artist(song) is None
    name_artists(song, [" Björk ", "Tricky"])
    assert read_artist(song) == "Björk"


def test_the_artist_of_what_is_no_audio(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("words")
    with pytest.raises(TagError, match=r"a\.mp3: is not an audio file that is known"):
        read_artist(tmp_path / "a.mp3")
