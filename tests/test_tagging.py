"""Tagging: which songs, how carefully, and back again to the last byte."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import generify.tagging.replacement
import generify.tagging.writing
from generify.audio import load_audio
from generify.cache import FeatureCache
from generify.content import content_hash
from generify.errors import Failure, ParameterError
from generify.prediction import GenreProbability, Prediction
from generify.results import SongResult
from generify.tagging import (
    MUSICBRAINZ_NAMES,
    Reason,
    TagChange,
    TagError,
    TagOptions,
    default_folder,
    read_genres,
    read_vocabulary,
    tag_files,
    tag_results,
    tag_songs,
    undo,
)
from generify.tagging.delta import apply_delta, make_delta
from generify.tagging.replacement import remove_abandoned
from song_files import NAMES, make_songs

pytest.importorskip("mutagen")

posix = pytest.mark.skipif(os.name != "posix", reason="modes, owners, links and signals")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep journals out of the user's own folder."""
    monkeypatch.setenv("GENERIFY_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    make_songs(folder)
    return folder


@pytest.fixture
def songs(originals: Path, tmp_path: Path) -> Path:
    """A song of every format."""
    return Path(shutil.copytree(originals, tmp_path / "songs"))


@pytest.fixture
def song(songs: Path) -> Path:
    return songs / "v24.mp3"


def answer(path: Path | str, *genres: str, sure: float = 0.9, unknown: bool = False) -> Prediction:
    """Say of a song what a model might say; each further genre takes half of what is left."""
    names = genres or ("hiphop",)
    shares, left = [sure], 1 - sure
    for _ in names[1:]:
        shares.append(left / 2)
        left /= 2
    return Prediction(
        path=str(path),
        model="western",
        genre=None if unknown else names[0],
        confidence=sure,
        unknown=unknown,
        genres=tuple(GenreProbability(*pair) for pair in zip(names, shares, strict=True)),
        duration=2.0,
        analysed=2.0,
    )


def tag(*answers: Prediction | Failure, **options: object) -> list[TagChange | Failure]:
    return list(tag_songs(answers, TagOptions(**options)))  # type: ignore[arg-type]


def bytes_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def journals() -> list[Path]:
    return sorted(default_folder().glob("*")) if default_folder().exists() else []


def undo_everything() -> None:
    for _ in [journal for journal in journals() if b"\n" in journal.read_bytes()]:
        assert not [result for result in undo() if isinstance(result, Failure)]
    with pytest.raises(TagError, match="nothing to undo"):
        list(undo())


# --- there and back ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(name: str, songs: Path) -> None:
    path = songs / name
    before, status = bytes_of(songs), path.stat()
    sound, recording = load_audio(str(path)).samples, content_hash(path)
    (change,) = tag(answer(path, "hiphop", "jazz", sure=0.6), max_genres=2)
    assert change == TagChange(
        str(path), (), ("hip hop", "jazz"), Reason.SURE, confidence=0.6, written=True
    )
    assert read_genres(path) == ("hip hop", "jazz")
    assert content_hash(path) == recording
    assert (load_audio(str(path)).samples == sound).all()
    assert path.stat().st_mode == status.st_mode
    after = bytes_of(songs)
    assert {key for key in after if after[key] != before.get(key)} == {name}
    (journal,) = journals()
    assert journal.stat().st_size < 4000
    (back,) = undo()
    assert back == TagChange(str(path), ("hip hop", "jazz"), (), Reason.BROUGHT_BACK, written=True)
    assert bytes_of(songs) == before
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert journals() == []


def test_a_big_cover_is_not_kept_twice(song: Path) -> None:
    from mutagen.id3 import APIC, ID3

    tags = ID3(song)
    picture = np.random.default_rng(1).bytes(400_000)
    tags.add(APIC(encoding=0, mime="image/png", type=3, desc="", data=picture))
    tags.save(song)
    before = song.read_bytes()
    tag(answer(song))
    assert ID3(song)["APIC:"].data == picture
    assert journals()[0].stat().st_size < 4000
    assert [r.reason for r in undo() if isinstance(r, TagChange)] == [Reason.BROUGHT_BACK]
    assert song.read_bytes() == before


def test_long_ogg_comments_renumber_all_pages(songs: Path) -> None:
    import mutagen

    path = songs / "song.ogg"
    audio = mutagen.File(path)
    audio["lyrics"] = ["la " * 21_700]  # a genre more, and it takes another page
    audio.save(padding=lambda info: 0)
    before, sound = path.read_bytes(), load_audio(str(path)).samples
    tag(answer(path, "a" * 9000))
    assert (load_audio(str(path)).samples == sound).all()
    tagged = path.read_bytes()
    assert tagged[tagged.rindex(b"OggS") :][18:22] != before[before.rindex(b"OggS") :][18:22]
    list(undo())
    assert path.read_bytes() == before


def test_undo_takes_back_run_after_run(songs: Path) -> None:
    states = [bytes_of(songs)]
    for genre in ("jazz", "rock"):
        tag(*(answer(songs / name, genre) for name in NAMES), overwrite=True)
        states.append(bytes_of(songs))
    for state in reversed(states[:-1]):
        assert [type(r) for r in undo()] == [TagChange] * len(NAMES)
        assert bytes_of(songs) == state
    with pytest.raises(TagError, match="nothing to undo: there is no journal in"):
        list(undo())


def test_one_journal_for_several_runs(song: Path, tmp_path: Path) -> None:
    before, journal = song.read_bytes(), tmp_path / "my.ndjson"
    for genre in ("jazz", "rock"):
        tag(answer(song, genre), overwrite=True, journal=journal)
    assert journals() == []
    assert [r.before for r in undo(journal) if isinstance(r, TagChange)] == [("rock",), ("jazz",)]
    assert song.read_bytes() == before
    assert not journal.exists()


# --- which songs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "options", "genres", "reason"),
    [
        ({"sure": 0.6}, {}, ("hip hop",), Reason.SURE),
        ({"sure": 0.599}, {}, (), Reason.NOT_SURE),
        ({"sure": 0.599}, {"min_confidence": 0.5}, ("hip hop",), Reason.SURE),
        ({"unknown": True}, {}, (), Reason.UNKNOWN),
        ({"unknown": True}, {"min_confidence": 0.0, "overwrite": True}, (), Reason.UNKNOWN),
    ],
)
def test_only_where_the_model_is_sure(
    song: Path,
    said: dict[str, float],
    options: dict[str, float],
    genres: tuple[str, ...],
    reason: Reason,
) -> None:
    before = song.read_bytes()
    (change,) = tag(answer(song, **said), **options)  # type: ignore[arg-type]
    assert isinstance(change, TagChange)
    assert (change.after, change.reason, change.written) == (genres, reason, bool(genres))
    assert read_genres(song) == genres
    assert (song.read_bytes() == before) == (not genres)
    assert len(journals()) == len(genres)


def test_a_genre_stays_unless_told(song: Path) -> None:
    tag(answer(song, "jazz"))
    (kept,) = tag(answer(song, "rock"))
    assert isinstance(kept, TagChange)
    assert (kept.after, kept.reason) == (("jazz",), Reason.HAS_GENRE)
    (changed,) = tag(answer(song, "rock"), overwrite=True)
    assert isinstance(changed, TagChange)
    assert (changed.before, changed.after) == (("jazz",), ("rock",))
    (again,) = tag(answer(song, "rock"), overwrite=True)
    assert isinstance(again, TagChange)
    assert (again.reason, again.written) == (Reason.ALREADY_SO, False)


@pytest.mark.parametrize(
    ("sure", "limit", "genres"),
    [
        (0.6, 1, ("rock",)),
        (0.6, 2, ("rock", "jazz")),
        (0.6, 9, ("rock", "jazz")),
        (0.4, 9, ("rock", "jazz")),
        (0.2, 9, ("rock", "jazz", "pop")),
        (0.9, 9, ("rock",)),
    ],
)
def test_further_genres_must_be_probable(
    song: Path, sure: float, limit: int, genres: tuple[str, ...]
) -> None:
    """The second genre has half of the rest, the third a quarter; 20 % is the least."""
    said = answer(song, "rock", "jazz", "pop", sure=sure)
    tag(said, max_genres=limit, min_confidence=0.0)
    assert read_genres(song) == genres


def test_options_out_of_range() -> None:
    with pytest.raises(ParameterError, match=r"min_confidence must lie between 0 and 1, got 1\.5"):
        TagOptions(min_confidence=1.5)
    with pytest.raises(ParameterError, match="max_genres must be 1 or more, got 0"):
        TagOptions(max_genres=0)


def test_dry_run_does_nothing(songs: Path) -> None:
    before = bytes_of(songs)
    changes = tag(*(answer(songs / name) for name in NAMES), dry_run=True)
    assert {(c.after, c.written) for c in changes if isinstance(c, TagChange)} == {
        (("hip hop",), False)
    }
    assert len(changes) == len(NAMES)
    assert bytes_of(songs) == before
    assert journals() == []


def test_songs_left_alone_are_not_listened_to(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def predict(path: Path, model: object) -> Prediction:
        asked.append(Path(path).name)
        return answer(path)

    monkeypatch.setattr("generify.prediction.predict", predict)
    tag(answer(songs / "song.flac", "jazz"))
    (songs / "text.mp3").write_text("words")
    names = ("song.flac", "text.mp3", "song.ogg")
    found = list(tag_files([songs / name for name in names], None))  # type: ignore[arg-type]
    assert asked == ["song.ogg"]
    assert [r.reason if isinstance(r, TagChange) else r.error_type for r in found] == [
        Reason.HAS_GENRE,
        "AudioDecodeError",
        Reason.SURE,
    ]


# --- names ------------------------------------------------------------------------------------


def test_every_genre_of_the_bundled_models_has_a_name() -> None:
    from generify.model import list_models, load_model

    genres = {genre for name in list_models() for genre in load_model(name).genres}
    assert genres <= set(MUSICBRAINZ_NAMES)


def test_own_names(song: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('# mine\n"Hip Hop" = "Hip-Hop/Rap"\njazz = "Jazz"\n', encoding="utf-8-sig")
    said = answer(song, "hiphop", "jazz", "metal", sure=0.2)
    tag(said, vocabulary=read_vocabulary(own), max_genres=3, min_confidence=0)
    assert read_genres(song) == ("Hip-Hop/Rap", "Jazz", "metal")


def test_two_genres_of_one_name_are_one(song: Path) -> None:
    said = answer(song, "rock", "metal", "pop", sure=0.2)
    tag(said, vocabulary={"metal": "rock"}, max_genres=2, min_confidence=0)
    assert read_genres(song) == ("rock", "pop")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jazz", r"own\.toml is not TOML: "),
        ("jazz = 3", "the name of jazz must be a text, got 3"),
        ('jazz = " "', "the name of jazz must be a text, got ' '"),
        ('jazz = "a\\nb"', "the name of jazz must be a text"),
        ("[jazz]\nname = 'x'", "the name of jazz must be a text"),
        ("jazz = '\udcff'", "is not TOML"),
    ],
)
def test_bad_vocabularies(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ParameterError, match=says) as caught:
        read_vocabulary(path)
    assert "Hip-Hop/Rap" in caught.value.hint


def test_missing_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"cannot read .*gone\.toml: No such file"):
        read_vocabulary(tmp_path / "gone.toml")


# --- what the file keeps ----------------------------------------------------------------------


@posix
def test_mode_owner_and_links(song: Path, tmp_path: Path) -> None:
    song.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(song, 12345, 23456)
    link = tmp_path / "link.mp3"
    link.symlink_to(song)
    status = song.stat()
    (change,) = tag(answer(link))
    assert isinstance(change, TagChange)
    assert (change.path, change.written) == (str(link), True)
    assert link.is_symlink()
    assert read_genres(song) == ("hip hop",)
    now = song.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (status.st_mode, status.st_uid, status.st_gid)
    list(undo())
    now = song.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (status.st_mode, status.st_uid, status.st_gid)


def test_extended_attributes(song: Path) -> None:
    if not hasattr(os, "setxattr"):
        pytest.skip("no extended attributes on this system")
    try:
        os.setxattr(song, "user.mood", b"calm")
    except OSError as err:
        pytest.skip(f"no extended attributes on this file system: {err}")
    tag(answer(song))
    assert os.getxattr(song, "user.mood") == b"calm"


@posix
def test_hard_links(song: Path, tmp_path: Path) -> None:
    other = tmp_path / "seeding.mp3"
    other.hardlink_to(song)
    before = song.read_bytes()
    (change,) = tag(answer(song))
    assert isinstance(change, TagChange)
    assert change.warnings == ("it has 1 more name (hard links), which keep the old tags",)
    assert other.read_bytes() == before != song.read_bytes()


# --- what goes wrong --------------------------------------------------------------------------


def spoilt_by(song: Path, spoil: Callable[[], object]) -> str:
    """Tag a song that something is wrong with and one that is well; give the first's failure."""
    spoil()
    good = song.with_name("song.flac")
    failure, change = tag(answer(song), answer(good))
    assert isinstance(change, TagChange)
    assert change.written
    assert isinstance(failure, Failure)
    assert failure.path == str(song)
    leftovers = [path.name for path in song.parent.iterdir() if path.name.startswith(".")]
    assert leftovers == []
    return failure.message


@posix
def test_read_only(song: Path) -> None:
    before = song.read_bytes()
    message = spoilt_by(song, lambda: song.chmod(0o444))
    assert message == f"{song}: is read-only; make it writable, as with chmod u+w"
    assert song.read_bytes() == before


@posix
@pytest.mark.parametrize("dry_run", [False, True])
def test_foreign_owned(song: Path, monkeypatch: pytest.MonkeyPatch, dry_run: bool) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: song.stat().st_uid + 1)
    (failure,) = tag(answer(song), dry_run=dry_run)
    assert isinstance(failure, Failure)
    assert "belongs to another user, whose it would not stay; run this as" in failure.message


@posix
def test_read_only_folder(song: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    song.parent.chmod(0o555)
    try:
        (failure,) = tag(answer(song))
    finally:
        song.parent.chmod(0o755)
    assert isinstance(failure, Failure)
    assert "its folder is read-only" in failure.message


def test_vanished(song: Path) -> None:
    assert "no such file" in spoilt_by(song, song.unlink)


def test_not_audio(song: Path) -> None:
    assert "is a text, no audio" in spoilt_by(song, lambda: song.write_text("words"))


def test_sound_without_tags_that_can_be_read(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the tags alone is told in their own words."""
    opus = songs / "song.opus"

    def unreadable(path: object) -> None:
        raise TagError(f"{path}: its tags cannot be read", hint="mend it with a tag editor")

    monkeypatch.setattr(generify.tagging.writing, "read_genres", unreadable)
    (failure,) = tag(answer(opus))
    assert isinstance(failure, Failure)
    assert (failure.error_type, failure.message) == (
        "TagError",
        f"{opus}: its tags cannot be read; mend it with a tag editor",
    )


def test_failures_are_passed_on(song: Path) -> None:
    failure = Failure("x.mp3", "AudioDecodeError", "broken")
    assert tag(failure, answer(song))[0] is failure


def test_disk_full(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, copy = song.read_bytes(), shutil.copyfileobj

    def fills_up(source: io.BufferedReader, target: io.BufferedRandom, length: int) -> None:
        if Path(str(source.name)).name == song.name:
            target.write(source.read(5000))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        copy(source, target, length)

    monkeypatch.setattr(shutil, "copyfileobj", fills_up)
    message = spoilt_by(song, lambda: None)
    assert message == (
        f"{song}: cannot be written (No space left on device); make room on that disk, then run "
        "the same command again"
    )
    assert song.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_full_disk_under_the_journal(song: Path) -> None:
    before = song.read_bytes()
    (failure,) = tag(answer(song), journal=Path("/dev/full"))
    assert isinstance(failure, Failure)
    assert "the journal /dev/full cannot be written (No space left on device)" in failure.message
    assert song.read_bytes() == before
    assert Path("/dev/full").exists()


def test_journal_that_cannot_be_begun(song: Path, state: Path) -> None:
    state.write_text("in the way")
    with pytest.raises(TagError, match=r"the journal .* cannot be written .*nothing was changed"):
        tag(answer(song))


def test_sound_that_would_change(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = generify.tagging.writing.write_genres

    def careless(path: Path, genres: Sequence[str]) -> None:
        write(path, genres)
        data = bytearray(path.read_bytes())
        data[-300] ^= 1
        path.write_bytes(data)

    before = song.read_bytes()
    monkeypatch.setattr(generify.tagging.writing, "write_genres", careless)
    (failure,) = tag(answer(song))
    assert isinstance(failure, Failure)
    assert "its sound cannot be told from its tags, so it is left as it is" in failure.message
    assert song.read_bytes() == before
    assert journals() == []


def test_errors_name_the_song_not_the_copy(song: Path) -> None:
    (failure,) = tag(answer(song, "17"))
    assert isinstance(failure, Failure)
    assert failure.message.startswith(f"{song}: the genre 17 cannot be kept in this format")


def test_another_program_at_the_same_song(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = generify.tagging.writing.write_genres

    def meanwhile(path: Path, genres: Sequence[str]) -> None:
        write(path, genres)
        write(song, ["metal"])

    monkeypatch.setattr(generify.tagging.writing, "write_genres", meanwhile)
    (failure,) = tag(answer(song))
    assert isinstance(failure, Failure)
    assert failure.message == f"{song}: another program changed it meanwhile"
    assert read_genres(song) == ("metal",)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_tagged_well_or_not_at_all(name: str, songs: Path) -> None:
    """Cut anywhere, or with bytes flipped in the head: whatever is written can be taken back."""
    path, rng = songs / name, random.Random(7)
    whole = path.read_bytes()
    for _ in range(12):
        data = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.5 else whole)
        for _ in range(3 * rng.randrange(3)):
            data[rng.randrange(min(len(data), 3000))] ^= rng.randrange(256)
        path.write_bytes(data)
        recording = content_hash(path)
        (result,) = tag(answer(path), overwrite=True)
        if isinstance(result, Failure):
            assert path.read_bytes() == data
            continue
        assert content_hash(path) == recording
        assert [type(r) for r in undo()] == [TagChange]
        assert path.read_bytes() == data


# --- undo that cannot -------------------------------------------------------------------------


def test_undo_leaves_what_was_changed_since(songs: Path) -> None:
    before = bytes_of(songs)
    names = ("song.flac", "song.ogg", "song.wav", "song.m4a")
    tag(*(answer(songs / name) for name in names))
    tagged = (songs / "song.ogg").read_bytes()
    (songs / "song.ogg").write_bytes(tagged + b"x")
    (songs / "song.wav").unlink()
    results = {Path(r.path).name: r for r in undo()}
    for name, says in (
        ("song.ogg", "was changed after it was tagged, so it is left as it is"),
        ("song.wav", "cannot be read (No such file or directory)"),
    ):
        failure = results[name]
        assert isinstance(failure, Failure)
        assert says in failure.message
    assert isinstance(results["song.flac"], TagChange)
    assert (songs / "song.ogg").read_bytes() == tagged + b"x"
    # What stands in the way is mended, and the rest follows.
    (songs / "song.ogg").write_bytes(tagged)
    shutil.copy(songs / "song.flac", songs / "song.wav")
    (songs / "song.wav").unlink()
    again = {Path(r.path).name: r for r in undo()}
    assert {n: r.reason for n, r in again.items() if isinstance(r, TagChange)} == {
        "song.flac": Reason.AS_BEFORE,
        "song.m4a": Reason.AS_BEFORE,
        "song.ogg": Reason.BROUGHT_BACK,
    }
    del before["song.wav"]
    assert bytes_of(songs) == before
    assert len(journals()) == 1


@pytest.mark.parametrize("what", ["gone", "changed", "damaged"])
def test_a_run_that_cannot_be_brought_back_whole_hides_no_other(what: str, songs: Path) -> None:
    before = bytes_of(songs)
    tag(answer(songs / "song.m4a"))
    tag(answer(songs / "song.ogg"), answer(songs / "song.wav"))
    tagged = (songs / "song.ogg").read_bytes()
    if what == "gone":
        (songs / "song.ogg").unlink()
    elif what == "changed":
        (songs / "song.ogg").write_bytes(b"another")
    else:
        latest = journals()[-1]
        latest.write_bytes(b"{}\n" + latest.read_bytes().split(b"\n", 1)[1])
    assert sorted(type(r).__name__ for r in undo(dry_run=True)) == ["Failure", "TagChange"]
    assert len([path for path in journals() if path.name.endswith(".aside.ndjson")]) == 0
    assert sorted(type(r).__name__ for r in undo()) == ["Failure", "TagChange"]
    assert [type(r) for r in undo()] == [TagChange]  # the run before
    (aside,) = journals()
    assert aside.name.endswith(".aside.ndjson")
    # It stays, and whatever comes back can be undone by it.
    (songs / "song.ogg").write_bytes(tagged)
    failed = [r for r in undo() if isinstance(r, Failure)]
    assert len(failed) == len(journals()) == (what == "damaged")
    after = bytes_of(songs)
    assert [name for name in before if after[name] != before[name]] == ["song.ogg"] * len(failed)


def test_a_run_that_can_be_gone_on_with_stays_the_latest(song: Path) -> None:
    tag(answer(song))
    (journal,) = journals()
    mode = song.stat().st_mode
    song.chmod(0o444)
    (failure,) = undo()
    assert isinstance(failure, Failure)
    assert "is read-only; make it writable" in failure.message
    assert journals() == [journal]
    song.chmod(mode)
    assert [type(r) for r in undo()] == [TagChange]
    assert journals() == []


def test_journal_with_a_damaged_line(songs: Path) -> None:
    names = ("song.flac", "song.ogg", "song.wav")
    before = bytes_of(songs)
    tag(*(answer(songs / name) for name in names))
    (journal,) = journals()
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[1][:80] + b"\n" + lines[2])
    results = list(undo(journal))
    assert isinstance(results[1], Failure)
    assert "line 2 of the journal is damaged" in results[1].message
    assert {n for n, h in bytes_of(songs).items() if h != before[n]} == {"song.ogg"}


def test_journal_with_wrong_bytes(song: Path) -> None:
    tag(answer(song))
    (journal,) = journals()
    record = json.loads(journal.read_text())
    record["pieces"][0][1] -= 1
    journal.write_text(json.dumps(record) + "\n")
    tagged = song.read_bytes()
    (failure,) = undo(journal)
    assert isinstance(failure, Failure)
    assert "the journal does not give its original bytes" in failure.message
    assert song.read_bytes() == tagged


def test_line_cut_by_a_kill(song: Path, tmp_path: Path) -> None:
    """Its file was not touched; the next run goes on after the last whole line."""
    journal, before = tmp_path / "journal", song.read_bytes()
    tag(answer(song, "jazz"), journal=journal)
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole[:100])
    tag(answer(song, "rock"), overwrite=True, journal=journal)
    assert journal.read_bytes().startswith(whole)
    assert journal.read_bytes().count(b"\n") == 2
    assert [type(r) for r in undo(journal)] == [TagChange] * 2
    assert song.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"words\n", b'{"version": 9}\n', b"\xff\n"])
def test_what_is_no_journal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal").write_bytes(content)
    with pytest.raises(TagError, match="is not a journal of generify tag"):
        list(undo(tmp_path / "journal"))


def test_journal_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(TagError, match=r"the journal .*gone cannot be read \(No such file"):
        list(undo(tmp_path / "gone"))


@pytest.mark.parametrize(
    "content",
    [
        b"no newline at the end",
        b"one line\nand half another",
        b'{"version": 1, "path": "a", "of": "another program"}\nhalf',
        b'{"version": 9',
        b"{",
        b"\n",
        b"\xff\xfe\x00",
    ],
)
@pytest.mark.parametrize("n_songs", [0, 1])
def test_foreign_files_are_no_journals(
    content: bytes, n_songs: int, song: Path, tmp_path: Path
) -> None:
    journal, before = tmp_path / "notes.txt", song.read_bytes()
    journal.write_bytes(content)
    with pytest.raises(TagError, match=r"notes\.txt is there and is not a journal") as caught:
        tag(*[answer(song)] * n_songs, journal=journal)
    assert caught.value.hint == "choose a new file with --journal FILE"
    assert (journal.read_bytes(), song.read_bytes()) == (content, before)


@pytest.mark.parametrize("n_bytes", [0, 60, -1])
def test_journal_of_a_run_killed_at_its_first_line(
    n_bytes: int, song: Path, tmp_path: Path
) -> None:
    journal, before = tmp_path / "journal", song.read_bytes()
    tag(answer(song, "jazz"), journal=journal)
    journal.write_bytes(journal.read_bytes()[:n_bytes])
    song.write_bytes(before)
    tag(answer(song, "rock"), journal=journal)
    assert [r.reason for r in undo(journal) if isinstance(r, TagChange)] == [Reason.BROUGHT_BACK]
    assert song.read_bytes() == before
    assert not journal.exists()


@pytest.mark.parametrize("own", [False, True])
def test_one_run_at_a_time_has_a_journal(own: bool, songs: Path, tmp_path: Path) -> None:
    before, journal = bytes_of(songs), tmp_path / "uv" if own else None
    (tmp_path / "uv.lock").write_text("another program's")
    first, second, third = (songs / name for name in ("song.flac", "song.ogg", "song.wav"))
    tagging = tag_songs([answer(first), answer(second)], TagOptions(journal=journal))
    next(tagging)
    with pytest.raises(TagError, match="is still tagging") as caught:
        list(undo(journal))
    assert "wait until it has ended" in caught.value.hint
    assert read_genres(first)
    if own:
        (failure,) = tag(answer(third), journal=journal)
        assert isinstance(failure, Failure)
        assert "is still tagging" in failure.message
    assert len(list(tagging)) == 1
    assert [type(r) for r in undo(journal)] == [TagChange] * 2
    assert bytes_of(songs) == before
    assert journals() == []
    assert {p.name for p in tmp_path.iterdir()} <= {"songs", "state", "uv.lock"}


def test_no_run_adds_to_a_journal_that_is_being_undone(songs: Path, tmp_path: Path) -> None:
    journal, names = tmp_path / "journal", ("song.flac", "song.ogg")
    tag(*(answer(songs / name) for name in names), journal=journal)
    undoing = undo(journal)
    next(undoing)
    (failure,) = tag(answer(songs / "song.wav"), journal=journal)
    assert isinstance(failure, Failure)
    assert "or being undone; wait until it has ended" in failure.message
    undoing.close()
    assert [type(r) for r in undo(journal)] == [TagChange] * 2


def test_undo_again_after_several_runs_into_one_journal(songs: Path, tmp_path: Path) -> None:
    """A file that was brought back over two steps is no failure when undo is tried again."""
    journal, before = tmp_path / "journal", bytes_of(songs)
    names = ("song.flac", "song.ogg")
    for genre in ("jazz", "rock"):
        tag(*(answer(songs / name, genre) for name in names), overwrite=True, journal=journal)
    tagged = (songs / "song.ogg").read_bytes()
    (songs / "song.ogg").write_bytes(tagged + b"x")
    assert [type(r) for r in undo(journal)] == [Failure, TagChange] * 2
    (songs / "song.ogg").write_bytes(tagged)
    again = [(Path(r.path).name, r.reason) for r in undo(journal) if isinstance(r, TagChange)]
    assert again == [
        ("song.ogg", Reason.BROUGHT_BACK),
        ("song.flac", Reason.AS_BEFORE),
        ("song.ogg", Reason.BROUGHT_BACK),
        ("song.flac", Reason.AS_BEFORE),
    ]
    assert bytes_of(songs) == before
    assert not journal.exists()


def test_undo_stops_where_another_program_wrote_between(song: Path, tmp_path: Path) -> None:
    """What it wrote is before a later step, but not before the earlier ones."""
    journal = tmp_path / "journal"
    tag(answer(song, "jazz"), journal=journal)
    generify.tagging.writing.write_genres(song, ["polka"])
    between = song.read_bytes()
    tag(answer(song, "rock"), overwrite=True, journal=journal)
    for _ in range(2):
        assert [type(r) for r in undo(journal)] == [TagChange, Failure]
        assert song.read_bytes() == between


# --- results of a scan ------------------------------------------------------------------------


@pytest.mark.parametrize("dry_run", [False, True])
def test_another_recording_took_the_path(dry_run: bool, songs: Path) -> None:
    path, other = songs / "song.wav", songs / "song.flac"
    scanned = SongResult(answer(path, "jazz"), recording=content_hash(path))
    generify.tagging.writing.write_genres(path, ["polka"])  # tags are no other recording
    options = TagOptions(overwrite=True, dry_run=dry_run)
    (change,) = tag_results([scanned], options)
    assert isinstance(change, TagChange)
    assert change.changes
    shutil.copy(other, path)
    before = path.read_bytes()
    (failure,) = tag_results([scanned], options)
    assert failure == Failure(
        str(path),
        "TagError",
        f"{path}: is another recording than the one scanned; scan again with --changed",
    )
    assert path.read_bytes() == before
    (change,) = tag_results([SongResult(answer(path, "jazz"))], options)  # nobody knows
    assert isinstance(change, TagChange)


# --- killed -----------------------------------------------------------------------------------

N_KILLS = int(os.environ.get("GENERIFY_TEST_KILLS", "15"))
RUN = """
import sys
from pathlib import Path
from types import SimpleNamespace
from generify.tagging import TagOptions, tag_songs, undo
import mutagen.asf, mutagen.flac, mutagen.id3, mutagen.mp4, mutagen.oggvorbis, mutagen.wave
genre, files = sys.argv[1], [str(path) for path in sorted(Path(sys.argv[2]).glob("[!.]*"))]
# a Prediction would load numpy
said = dict(genre=genre, confidence=1.0, unknown=False, warnings=())
genres = [SimpleNamespace(genre=genre, probability=1.0)]
answers = (SimpleNamespace(path=file, genres=genres, **said) for file in files)
print("ready", flush=True)
for result in tag_songs(answers, TagOptions(overwrite=True)) if genre != "undo" else undo():
    print(result, flush=True)
"""


def run(folder: Path, genre: str, *, kill_after: float | None = None) -> float:
    """Tag all songs, or undo, in a process of its own; give the seconds that it took."""
    command = [sys.executable, "-c", RUN, genre, str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
        start = time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
        _, complaints = process.communicate()
        assert kill_after is not None or not complaints
    return time.monotonic() - start


@posix
def test_killed_at_any_moment(songs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    for number in range(2):
        for name in NAMES:
            shutil.copy(songs / name, folder / f"{number}{name}")
    originals, n_songs = bytes_of(folder), len(NAMES) * 2
    recordings = {path.name: content_hash(path) for path in folder.iterdir()}
    seconds = run(folder, "first")
    assert {read_genres(path) for path in folder.iterdir()} == {("first",)}
    rng, written = random.Random(3), [0] * N_KILLS
    for number in range(N_KILLS):
        before = bytes_of(folder)
        run(folder, f"run {number}", kill_after=rng.uniform(0, seconds))
        left = [path for path in folder.iterdir() if path.name.startswith(".")]
        assert len(left) <= 1
        for path in folder.glob("[!.]*"):
            changed = hashlib.sha256(path.read_bytes()).hexdigest() != before[path.name]
            assert content_hash(path) == recordings[path.name]
            assert (read_genres(path) == (f"run {number}",)) == changed
            written[number] += changed
    assert 0 < sum(written) < n_songs * N_KILLS  # some were stopped in the middle
    for _ in range(3):
        run(folder, "undo", kill_after=rng.uniform(0, seconds))
    undo_everything()
    assert bytes_of(folder) == originals


# Where the process is killed, and what it has done there by then.
STEPS = {
    "copy half written": (
        "replacement.shutil.copyfileobj",
        "a[1].write(a[0].read(9000)); a[1].flush()",
    ),
    "copied": ("replacement.WorkingCopy.take_over_attributes", ""),
    "tagged": ("writing.content_hash", ""),
    "before its line": ("journal._append_line", ""),
    "line half written": ("journal._append_line", "a[0].write(a[1][:99])"),
    "before its turn": ("replacement.WorkingCopy.take_place", ""),
    "in its place": ("replacement.sync_folder", ""),
}
KILLED = """
import os, signal, sys
from generify.tagging import journal, replacement, writing
def killed(*a, **options):
    exec(sys.argv[4])
    os.kill(os.getpid(), signal.SIGKILL)
module, *owners, name = sys.argv[3].split(".")
owner = globals()[module]
for part in owners:
    owner = getattr(owner, part)
setattr(owner, name, killed)
"""


@posix
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step(step: str, songs: Path) -> None:
    """The old song or the new one is there, and the next run leaves nothing else."""
    before, first = bytes_of(songs), songs / min(NAMES)
    recording = content_hash(first)
    command = [sys.executable, "-c", KILLED + RUN, "jazz", str(songs), *STEPS[step]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = bytes_of(songs)
    changed = {name for name in before if left[name] != before[name]}
    assert changed == ({first.name} if step == "in its place" else set())
    assert read_genres(first) == (("jazz",) if changed else ())
    assert content_hash(first) == recording
    assert len(left) - len(before) == (step != "in its place")
    tag(*(answer(songs / name, "rock") for name in NAMES), overwrite=True)
    assert set(bytes_of(songs)) == set(before)
    undo_everything()
    assert bytes_of(songs) == before


@posix
def test_only_abandoned_copies_are_removed(song: Path) -> None:
    import fcntl

    prefix = generify.tagging.replacement._PREFIX
    abandoned, held = (song.with_name(f"{prefix}{name}") for name in ("abandoned", "held"))
    other = song.with_name(".hidden")
    for path in (abandoned, held, other):
        path.write_bytes(b"half a song")
    with held.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        remove_abandoned(song.parent)
        tag(answer(song))
    assert (abandoned.exists(), held.exists(), other.exists()) == (False, True, True)


@posix
def test_interrupted_like_ctrl_c(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise SystemExit(130)

    before = bytes_of(song.parent)
    monkeypatch.setattr(generify.tagging.writing, "write_genres", interrupt)
    with pytest.raises(SystemExit):
        tag(answer(song))
    assert bytes_of(song.parent) == before
    assert journals() == []
    assert signal.SIGINT  # which the command turns into SystemExit


# --- the cache --------------------------------------------------------------------------------


def test_tagged_songs_are_not_listened_to_again(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import generify.extraction
    from generify.datasets import Dataset, Track
    from generify.extraction import extract_features

    tracks = tuple(Track(track=name, path=str(songs / name), genre="x") for name in NAMES)
    dataset, cache = Dataset("songs", tracks, ("x",)), FeatureCache(tmp_path / "cache")
    before = extract_features(dataset, "mfcc", cache=cache)
    tag(*(answer(songs / name) for name in NAMES))

    def fail(*_: object) -> None:
        raise AssertionError("listened to again")

    monkeypatch.setattr(generify.extraction, "load_excerpts", fail)
    after = extract_features(dataset, "mfcc", cache=cache)
    np.testing.assert_array_equal(before.X, after.X)
    # The index knows the new size and time by now: nothing is even hashed again.
    monkeypatch.setattr(generify.extraction, "content_hash", fail)
    np.testing.assert_array_equal(extract_features(dataset, "mfcc", cache=cache).X, before.X)


# --- deltas -----------------------------------------------------------------------------------


def edited(data: bytes, rng: random.Random) -> bytes:
    """Insert, delete, move and overwrite here and there."""
    parts = bytearray(data)
    for _ in range(rng.randrange(6)):
        at, length = rng.randrange(len(parts) + 1), rng.randrange(9000)
        match rng.randrange(4):
            case 0:
                parts[at:at] = rng.randbytes(length)
            case 1:
                del parts[at : at + length]
            case 2:
                parts[at : at + 8] = rng.randbytes(8)
            case 3:
                cut = parts[at : at + length]
                del parts[at : at + length]
                parts[len(parts) // 3 : len(parts) // 3] = cut
    return bytes(parts)


def test_deltas_give_any_file_back() -> None:
    rng = random.Random(11)
    for number in range(60):
        block = rng.randbytes(60_000) if number % 2 else bytes(rng.randrange(90_000))
        old = block + rng.randbytes(rng.randrange(200_000)) + b"ab" * rng.randrange(9000)
        new = edited(old, rng)
        delta, out = make_delta(io.BytesIO(old), io.BytesIO(new)), io.BytesIO()
        apply_delta(delta, io.BytesIO(new), out)
        assert out.getvalue() == old


@pytest.mark.parametrize(
    ("old", "new", "n_literal"),
    [
        (b"", b"", 0),
        (b"", b"abc", 0),
        (b"abc", b"", 3),
        (bytes(range(256)) * 900, bytes(range(256)) * 900, 0),
        (b"x" * 300, b"y" * 300, 300),
    ],
)
def test_deltas_at_the_edges(old: bytes, new: bytes, n_literal: int) -> None:
    delta, out = make_delta(io.BytesIO(old), io.BytesIO(new)), io.BytesIO()
    apply_delta(delta, io.BytesIO(new), out)
    assert out.getvalue() == old
    assert len(delta.literal) == n_literal


def test_deltas_find_what_moved() -> None:
    """A picture shifted by a few bytes between padding and sound that did not move."""
    rng = random.Random(2)
    head, picture, sound = rng.randbytes(200), rng.randbytes(500_000), rng.randbytes(300_000)
    old = head + picture + bytes(2000) + sound
    new = head + b"a genre more" + picture + bytes(1988) + sound
    delta, out = make_delta(io.BytesIO(old), io.BytesIO(new)), io.BytesIO()
    apply_delta(delta, io.BytesIO(new), out)
    assert out.getvalue() == old
    assert len(delta.literal) < 3000
