"""Reading datasets: folders, manifests, GTZAN in all its layouts, and the facts about it."""

from __future__ import annotations

import csv
import hashlib
import os
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import soundfile as sf

from generify.audio import load_audio
from generify.datasets import (
    KNOWN,
    Dataset,
    Track,
    dataset_facts,
    known_dataset,
    list_datasets,
    load_dataset,
)
from generify.datasets.gtzan import published_tracks
from generify.datasets.known import possible_names
from generify.datasets.listing import Listing, bare_name, list_files
from generify.datasets.splits import possible_splits
from generify.errors import (
    AudioDecodeError,
    DatasetError,
    Failure,
    NothingThereError,
    ParameterError,
)

SPLIT_SHA256 = {
    "train": "2b04966cef1486f1a7767b74271533fa23e220388db804a1937835e1fc4fa3fa",
    "valid": "f8fbee7c52397a0e0f3a91dc54fedecb2e27f5bdc9a9daeab8cb10d077e26956",
    "test": "09cafa6a89ce0a27f30ed250d56ecb4d03c22fffb5a693f96c7ae655ee02ac72",
}
FORMATS = {".wav": "WAV", ".au": "AU", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}


def write_song(path: Path, fmt: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fmt = fmt or FORMATS[path.suffix.lower()]
    sf.write(path, np.zeros(2205, dtype=np.float32), 22050, format=fmt)
    return path


def ids(dataset: Dataset) -> list[str]:
    return [track.track for track in dataset.tracks]


@pytest.fixture
def two_genres(tmp_path: Path) -> Path:
    for name in ("rock/One.wav", "rock/deep/er/Two.flac", "jazz/Three.mp3"):
        write_song(tmp_path / "music" / name)
    return tmp_path / "music"


class TestFacts:
    @pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.facts.name)
    def test_every_dataset_keeps_the_contract(self, known):
        facts = known.facts
        assert facts.name in list_datasets()
        assert dataset_facts(facts.name) is facts
        assert known_dataset(facts.name) is known
        for text in (facts.title, facts.summary, facts.citation, facts.licence, facts.layout):
            assert text == text.strip() != ""
        assert len(set(facts.genres)) == len(facts.genres) >= 2
        urls = [download.url for download in facts.downloads]
        assert all(url.startswith(("https://", "http://")) for url in urls)
        lengths = {"md5": 32, "sha1": 40, "sha256": 64}
        for download in facts.downloads:
            assert all(len(d) == lengths[a] for a, d in download.checksums.items())
        for name in facts.splits:
            lists = known.published_split(name, [])
            assert lists is None or set(lists.values()) <= {"train", "valid", "test", None}
            assert known.published_split(name, [Track("no such", None, "rock")]) is None

    def test_unknown_name_lists_the_known_ones(self):
        with pytest.raises(NothingThereError, match="no dataset is called 'gtzn'") as caught:
            dataset_facts("gtzn")
        assert "gtzan" in caught.value.hint

    def test_facts_cannot_be_changed(self):
        with pytest.raises(TypeError):
            dataset_facts("gtzan").faults["rock.00000"] = "too loud"


class TestGtzanFacts:
    @pytest.mark.parametrize("part", ["train", "valid", "test"])
    def test_lists_are_the_published_ones(self, part):
        lines = [
            f"{track.split('.')[0]}/{track}.wav\n"
            for track, published in published_tracks().items()
            if published.split == part
        ]
        assert hashlib.sha256("".join(lines).encode()).hexdigest() == SPLIT_SHA256[part]

    def test_counts(self):
        published = published_tracks()
        genres = Counter(track.split(".")[0] for track in published)
        assert list(genres) == list(dataset_facts("gtzan").genres)
        assert set(genres.values()) == {100}
        assert Counter(p.split for p in published.values()) == {
            "train": 443, "valid": 197, "test": 290, None: 70,
        }  # fmt: skip
        assert sum(p.artist is None for p in published.values()) == 81

    def test_no_artist_is_in_two_lists(self):
        lists: dict[str, set[str]] = {}
        for published in published_tracks().values():
            if published.artist and published.split:
                lists.setdefault(published.artist.casefold(), set()).add(published.split)
        assert lists["john lee hooker"] == {"valid"}
        assert all(len(parts) == 1 for parts in lists.values())

    def test_one_spelling_per_artist(self):
        artists = {p.artist for p in published_tracks().values() if p.artist}
        folded = {
            "".join(c for c in a.casefold().replace("&", "and") if c.isalnum()) for a in artists
        }
        assert len(folded) == len(artists)

    def test_no_duplicate_is_in_two_lists(self):
        published = published_tracks()
        pairs = dataset_facts("gtzan").duplicates
        assert len(pairs) == 14
        for pair in pairs:
            assert len({published[t].split for t in pair} - {None}) <= 1

    def test_the_table_cannot_be_changed(self):
        with pytest.raises(TypeError):
            published_tracks()["blues.00000"] = None

    def test_unknown_published_split(self):
        with pytest.raises(ParameterError, match="no published split 'random'"):
            known_dataset("gtzan").published_split("random", [])

    @pytest.mark.data
    def test_artists_and_duplicates_are_the_published_ones(self, shared_data):
        with (shared_data / "gtzan/artists.csv").open(encoding="utf-8", newline="") as table:
            theirs = {row["track"]: row["artist"] or None for row in csv.DictReader(table)}
        ours = {track: published.artist for track, published in published_tracks().items()}
        assert ours.keys() == theirs.keys()
        changed = {t: (theirs[t], ours[t]) for t in ours if theirs[t] != ours[t]}
        # Two artists are spelt in two ways there, which would make them four.
        assert changed == {
            "metal.00095": ("Rage Against the Machine", "Rage Against The Machine"),
            "disco.00056": ("Earth Wind and Fire", "Earth, Wind & Fire"),
            "disco.00059": ("Earth Wind and Fire", "Earth, Wind & Fire"),
        }
        pairs = (shared_data / "gtzan/exact_duplicates.txt").read_text().split("\n")
        assert [" ".join(p) for p in dataset_facts("gtzan").duplicates] == [p for p in pairs if p]


class TestGtzanLayouts:
    CLIPS = ("blues/blues.00029", "blues/blues.00030", "jazz/jazz.00001", "rock/rock.00099")

    @pytest.mark.parametrize("suffix", FORMATS)
    @pytest.mark.parametrize(
        "layout",
        [
            *("", "genres", "genres_original", "Data/genres_original", "a/b/c/d"),
            *("gtzan/genres", "gtzan_genre/genres"),  # torchaudio's root, mirdata's
        ],
    )
    def test_every_layout_and_format(self, tmp_path, layout, suffix):
        for clip in self.CLIPS:
            write_song(tmp_path / layout / f"{clip}{suffix}")
        dataset = load_dataset(tmp_path)
        assert dataset.name == tmp_path.name
        assert dataset.facts is dataset_facts("gtzan")
        assert ids(dataset) == ["blues.00029", "blues.00030", "jazz.00001", "rock.00099"]
        assert dataset.genres == ("blues", "jazz", "rock")
        path = str(tmp_path / layout / f"blues/blues.00029{suffix}")
        assert dataset.tracks[0] == Track("blues.00029", path, "blues", "Kelly Joe Phelps", "train")
        assert dataset.failures == ()

    def test_a_mix_of_formats_and_what_is_missing(self, tmp_path):
        for clip, suffix in zip(self.CLIPS, (".au", ".wav", ".au", ".flac"), strict=True):
            write_song(tmp_path / f"genres/{clip}{suffix}")
        dataset = load_dataset(tmp_path)
        assert ids(dataset) == ["blues.00029", "blues.00030", "jazz.00001", "rock.00099"]
        assert len(dataset.missing) == 996
        assert dataset.missing[0] == "blues.00000"
        assert "jazz.00001" not in dataset.missing

    def test_the_kaggle_copy_with_images_and_tables(self, tmp_path):
        for clip in self.CLIPS:
            write_song(tmp_path / f"Data/genres_original/{clip}.wav")
            image = tmp_path / f"Data/images_original/{clip.replace('.', '')}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(b"\x89PNG")
        (tmp_path / "Data/features_30_sec.csv").write_text("filename,length\n")
        dataset = load_dataset(tmp_path)
        assert (dataset.facts, len(dataset.tracks), dataset.failures) == (
            dataset_facts("gtzan"),
            4,
            (),
        )

    def test_the_corrupt_clip_fails_alone_and_a_song_of_ones_own_is_used(self, tmp_path):
        for clip in self.CLIPS:
            write_song(tmp_path / f"{clip}.wav")
        (tmp_path / "jazz/jazz.00054.wav").write_bytes(b"not a wav at all")
        write_song(tmp_path / "jazz/my own.wav")
        dataset = load_dataset(tmp_path)
        assert {Path(f.path).name: f.error_type for f in dataset.failures} == {
            "jazz.00054.wav": "AudioDecodeError",
        }
        own = Track("jazz/my own", str(tmp_path / "jazz/my own.wav"), "jazz")
        assert (len(dataset.tracks), own in dataset.tracks) == (5, True)
        assert "songs beside those of GTZAN, used too: 1" in dataset.warnings

    def test_with_songs_of_ones_own_no_published_list_counts(self, tmp_path):
        for clip in ("blues.00029", "blues.00031", "rock.00001", "rock.00002", "rock.00003"):
            write_song(tmp_path / clip.partition(".")[0] / f"{clip}.wav")
        write_song(tmp_path / "rock/mine.wav")
        tracks = load_dataset(tmp_path).tracks
        assert {track.split for track in tracks} == {None}
        assert possible_splits(tracks) == ("artist", "random")

    @pytest.mark.parametrize(("n_clips", "n_failures"), [(899, 0), (900, 1)])
    def test_nearly_the_whole_of_it_is_kept_pure(self, tmp_path, n_clips, n_failures):
        names = [f"{clip.partition('.')[0]}/{clip}" for clip in sorted(published_tracks())]
        files = [PurePosixPath(f"{name}.wav") for name in [*names[:n_clips], "blues/mine"]]
        found = known_dataset("gtzan").read(Listing(tmp_path / "mine", tuple(files), ()))
        assert len(found.failures) == n_failures
        assert len(found.tracks) == 900

    def test_copies_of_a_clip_count_once_lossless_first(self, tmp_path):
        for clip in self.CLIPS:
            write_song(tmp_path / f"a/{clip}.mp3")
        write_song(tmp_path / "b/jazz/jazz.00001.au")
        write_song(tmp_path / "b/jazz/jazz.00001.wav")
        dataset = load_dataset(tmp_path)
        assert ids(dataset) == ["blues.00029", "blues.00030", "jazz.00001", "rock.00099"]
        assert dataset.tracks[2].path == str(tmp_path / "b/jazz/jazz.00001.wav")
        assert dataset.warnings[1] == (
            "files of one name in several folders are taken for one track: jazz.00001.au, "
            "jazz.00001.mp3, jazz.00001.wav (jazz.00001.wav is used)"
        )

    def test_copies_of_equal_names_are_told_by_their_folders(self, tmp_path):
        for clip in self.CLIPS:
            write_song(tmp_path / f"a/{clip}.wav")
        write_song(tmp_path / "b/jazz/jazz.00001.wav")
        assert load_dataset(tmp_path).warnings[1] == (
            "files of one name in several folders are taken for one track: a/jazz/jazz.00001.wav, "
            "b/jazz/jazz.00001.wav (a/jazz/jazz.00001.wav is used)"
        )

    def test_a_small_part_of_it_keeps_the_name_of_its_folder(self, tmp_path):
        for clip in self.CLIPS:
            write_song(tmp_path / f"my-music/{clip}.wav")
        (tmp_path / "my-music/pop").mkdir()
        dataset = load_dataset(tmp_path / "my-music")
        assert dataset.name == "my-music"
        assert dataset.tracks[0].artist == "Kelly Joe Phelps"
        assert dataset.warnings == (
            "my-music looks like part of GTZAN (4 of 1,000 clips): its published artists are used",
            "genres without any audio, left out: pop",
        )

    @pytest.mark.parametrize(("n_clips", "name"), [(899, "mine"), (900, "gtzan")])
    def test_nearly_the_whole_of_it_is_called_gtzan(self, tmp_path, n_clips, name):
        clips = sorted(published_tracks())[:n_clips]
        files = tuple(PurePosixPath(clip.partition(".")[0], f"{clip}.wav") for clip in clips)
        found = known_dataset("gtzan").read(Listing(tmp_path / "mine", files, ()))
        assert (found.name, bool(found.warnings)) == (name, name == "mine")
        assert len(found.missing) == 1000 - n_clips

    def test_the_genres_asked_for_are_among_those_that_are_here(self, tmp_path):
        for clip in self.CLIPS:
            write_song(tmp_path / f"{clip}.wav")
        with pytest.raises(DatasetError, match="has no genre 'metal'") as caught:
            load_dataset(tmp_path, genres=["metal"])
        assert caught.value.hint == "it has: blues, jazz, rock"

    def test_a_genre_of_ones_own_beside_them_is_not_lost(self, tmp_path):
        for clip in self.CLIPS:
            write_song(tmp_path / f"{clip}.wav")
        write_song(tmp_path / "techno/techno.00001.wav")
        dataset = load_dataset(tmp_path)
        assert dataset.facts is None
        assert "techno" in dataset.genres

    def test_a_clip_in_the_folder_of_another_genre_is_left_out(self, tmp_path):
        for clip in (*self.CLIPS, "rock/blues.00001"):
            write_song(tmp_path / f"{clip}.wav")
        dataset = load_dataset(tmp_path)
        assert len(dataset.tracks) == 4
        (failure,) = dataset.failures
        assert failure.path == str(tmp_path / "rock/blues.00001.wav")

    def test_a_few_clips_among_ones_own_songs_are_not_gtzan(self, tmp_path):
        for name in ("blues/blues.00029", "blues/a", "rock/rock.00001", "rock/a", "rock/b"):
            write_song(tmp_path / f"{name}.wav")
        dataset = load_dataset(tmp_path)
        assert (dataset.facts, len(dataset.tracks)) == (None, 5)

    @pytest.mark.parametrize(
        "name",
        ["blues/rock.00001.wav", "blues/blues.0001.wav", "blues/blues.00100.wav", "blues/a.wav"],
    )
    def test_other_names_are_not_gtzan(self, tmp_path, name):
        write_song(tmp_path / name)
        write_song(tmp_path / "rock/song.wav")
        dataset = load_dataset(tmp_path)
        assert dataset.facts is None
        assert dataset.tracks[0].artist is None

    @pytest.mark.data
    def test_real_clips(self, shared_data):
        dataset = load_dataset(shared_data / "gtzan/audio")
        assert len(dataset.tracks) == 401
        assert dataset.n_tracks_of["classical"] == 100
        assert dataset.failures == ()
        assert dataset.warnings == (
            "audio looks like part of GTZAN (401 of 1,000 clips): its published artists are used",
        )
        lossless = load_dataset(shared_data / "gtzan/lossless")
        assert len(lossless.tracks) == 28
        both = load_dataset(shared_data / "gtzan")
        assert len(both.tracks) == 401
        assert sum("lossless" in str(track.path) for track in both.tracks) == 28


class TestFolders:
    def test_genres_tracks_and_ids(self, two_genres):
        dataset = load_dataset(two_genres)
        assert dataset.name == "music"
        assert dataset.genres == ("jazz", "rock")
        assert dataset.n_tracks_of == {"jazz": 1, "rock": 2}
        assert ids(dataset) == ["jazz/Three", "rock/One", "rock/deep/er/Two"]
        assert dataset.tracks[0].path == str(two_genres / "jazz/Three.mp3")
        assert dataset.facts is None
        assert dataset.failures == dataset.warnings == ()

    def test_str_and_path_give_the_same(self, two_genres):
        assert load_dataset(str(two_genres)) == load_dataset(two_genres)

    def test_what_is_not_meant_as_audio_is_ignored(self, two_genres):
        for name in ("cover.jpg", "notes.txt", "tags.json", "list.csv", ".hidden.mp3", "LICENSE"):
            (two_genres / "rock" / name).write_text("no audio")
        (two_genres / "rock/.git").mkdir()
        (two_genres / "rock/.git/x.mp3").write_text("no audio")
        (two_genres / "__MACOSX").mkdir()
        dataset = load_dataset(two_genres)
        assert len(dataset.tracks) == 3
        assert dataset.failures == dataset.warnings == ()

    @pytest.mark.parametrize(
        ("content", "why"), [(b"", "empty"), (b"these are words", "is a text, no audio")]
    )
    def test_false_audio_is_a_failure(self, two_genres, content, why):
        fake = two_genres / "rock/fake.MP3"
        fake.write_bytes(content)
        (failure,) = load_dataset(two_genres).failures
        assert failure.path == str(fake)
        assert failure.error_type == "AudioDecodeError"
        assert why in failure.message

    def test_a_broken_link_is_a_failure(self, two_genres):
        (two_genres / "rock/gone.mp3").symlink_to(two_genres / "nowhere.mp3")
        (failure,) = load_dataset(two_genres).failures
        assert failure.why == "no such file; check the path"

    def test_what_is_no_song_is_said_as_whoever_hears_it_says_it(self, two_genres):
        fake = two_genres / "rock/fake.mp3"
        for content in (b"", b"words", b"\x89PNG\r\n\x1a\n0000", bytes(range(256)) * 40):
            fake.write_bytes(content)
            (failure,) = load_dataset(two_genres).failures
            with pytest.raises(AudioDecodeError) as caught:
                load_audio(fake)
            assert failure == Failure.from_error(fake, caught.value)

    def test_audio_is_judged_by_content(self, two_genres):
        write_song(two_genres / "jazz/without suffix", "WAV")
        write_song(two_genres / "jazz/Mr. Smith", "FLAC")
        assert ids(load_dataset(two_genres))[:2] == ["jazz/Mr. Smith", "jazz/Three"]
        assert "jazz/without suffix" in ids(load_dataset(two_genres))

    def test_a_folder_named_like_a_song_is_no_song(self, two_genres):
        write_song(two_genres / "rock/album.wav/Inside.wav")
        assert "rock/album.wav/Inside" in ids(load_dataset(two_genres))
        assert "rock/album" not in ids(load_dataset(two_genres))

    def test_link_loops_end_and_nothing_changes_genre(self, two_genres):
        (two_genres / "jazz/up").symlink_to(two_genres)
        (two_genres / "jazz/self").symlink_to(two_genres / "jazz")
        (two_genres / "jazz/rocks").symlink_to(two_genres / "rock")
        assert ids(load_dataset(two_genres)) == ["jazz/Three", "rock/One", "rock/deep/er/Two"]

    def test_a_link_takes_nothing_from_the_folder_it_leads_to(self, two_genres):
        (two_genres / "all rock").symlink_to(two_genres / "rock")
        dataset = load_dataset(two_genres)
        assert dataset.n_tracks_of == {"jazz": 1, "rock": 2}
        assert dataset.warnings == ("genres without any audio, left out: all rock",)

    def test_links_to_folders_elsewhere_are_followed(self, two_genres, tmp_path):
        write_song(tmp_path / "disk/Far.wav")
        (two_genres / "pop").symlink_to(tmp_path / "disk")
        assert "pop/Far" in ids(load_dataset(two_genres))

    def test_a_pipe_is_not_waited_for(self, two_genres):
        os.mkfifo(two_genres / "rock/pipe.wav")
        dataset = load_dataset(two_genres)
        assert (len(dataset.tracks), dataset.failures) == (3, ())

    def test_an_unreadable_folder_is_a_failure(self, two_genres, monkeypatch):
        real = os.scandir

        def scandir(path):
            if Path(path).name == "deep":
                raise PermissionError(13, "Permission denied")
            return real(path)

        monkeypatch.setattr(os, "scandir", scandir)
        (failure,) = load_dataset(two_genres).failures
        assert failure.path == str(two_genres / "rock/deep")
        assert "Permission denied" in failure.message

    @pytest.mark.skipif(os.name != "posix", reason="such links are of POSIX")
    def test_a_link_to_itself_is_a_failure(self, two_genres):
        (two_genres / "rock/loop").symlink_to(two_genres / "rock/loop")
        dataset = load_dataset(two_genres)
        assert len(dataset.tracks) == 3
        (failure,) = dataset.failures
        assert failure.path == str(two_genres / "rock/loop")
        assert "cannot be looked at (Too many levels" in failure.message

    def test_folders_that_may_not_be_looked_at_are_failures_one_by_one(
        self, two_genres, monkeypatch
    ):
        (two_genres / "rock/other").mkdir()
        real_scandir, real_stat = os.scandir, Path.stat

        def refuse(real):
            def look(path, **how):
                if Path(path).parent.name == "rock" and not Path(path).suffix:
                    raise PermissionError(13, "Permission denied")
                return real(path, **how)

            return look

        monkeypatch.setattr(os, "scandir", refuse(real_scandir))
        monkeypatch.setattr(Path, "stat", refuse(real_stat))
        failures = list_files(two_genres).failures
        assert [Path(failure.path).name for failure in failures] == ["deep", "other"]

    def test_a_name_that_is_no_text_is_a_failure_that_can_be_printed(self, two_genres):
        try:
            Path(os.fsdecode(os.fsencode(two_genres / "rock") + b"/bad\xff.wav")).touch()
        except OSError:
            pytest.skip("this file system takes only valid names")
        (failure,) = load_dataset(two_genres).failures
        assert failure.path.endswith(r"bad\xff.wav")
        failure.path.encode("utf-8")

    def test_an_empty_genre_is_left_out_with_a_warning(self, two_genres):
        (two_genres / "pop").mkdir()
        (two_genres / "soul").mkdir()
        (two_genres / "soul/notes.txt").touch()
        dataset = load_dataset(two_genres)
        assert dataset.genres == ("jazz", "rock")
        assert dataset.warnings == ("genres without any audio, left out: pop, soul",)

    def test_songs_in_no_genre_are_counted(self, two_genres):
        write_song(two_genres / "loose.wav")
        dataset = load_dataset(two_genres)
        assert len(dataset.tracks) == 3
        assert dataset.warnings == ("songs beside the genre folders, in no genre, left out: 1",)

    def test_one_track_in_two_formats_counts_once(self, two_genres):
        write_song(two_genres / "rock/One.mp3")
        write_song(two_genres / "rock/One.au")
        dataset = load_dataset(two_genres)
        assert dataset.tracks[1].path == str(two_genres / "rock/One.wav")
        assert len(dataset.tracks) == 3
        assert dataset.warnings == (
            "files that differ only in their ending are taken for one track: One.au, One.mp3, "
            "One.wav (One.wav is used)",
        )

    def test_a_false_wav_does_not_displace_a_true_mp3(self, two_genres):
        (two_genres / "jazz/Three.wav").write_text("no audio")
        dataset = load_dataset(two_genres)
        assert dataset.tracks[0].path == str(two_genres / "jazz/Three.mp3")
        assert len(dataset.failures) == 1

    def test_no_genre_folders(self, tmp_path):
        write_song(tmp_path / "a.wav")
        with pytest.raises(NothingThereError, match="has no genre folders") as caught:
            load_dataset(tmp_path)
        assert "ROOT/jazz/*.mp3" in caught.value.hint

    def test_a_manifest_in_it_is_named(self, two_genres):
        assert load_dataset(two_genres).warnings == ()
        (two_genres / "levels.csv").write_text("path,genre\nrock/One.wav,rock\n")
        (two_genres / "rock/deep.csv").write_text("path,genre,artist\n")
        (two_genres / "binary.csv").write_bytes(bytes(range(256)))
        assert load_dataset(two_genres).warnings == ()
        (two_genres / "songs.csv").write_bytes(b'\xef\xbb\xbf"Path"; Genre ;album\r\n')
        assert load_dataset(two_genres).warnings == (
            f"{two_genres / 'songs.csv'} is there and was not read; give it in the place of the "
            "folder to use what it says of artists, albums and splits",
        )

    def test_one_genre_folder(self, tmp_path):
        write_song(tmp_path / "rock/a.wav")
        with pytest.raises(DatasetError, match="only one genre folder, 'rock'") as caught:
            load_dataset(tmp_path)
        assert "ROOT/jazz/*.mp3" in caught.value.hint

    def test_one_folder_too_high(self, two_genres):
        with pytest.raises(DatasetError, match="only one genre folder, 'music'") as caught:
            load_dataset(two_genres.parent)
        assert caught.value.hint == f"did you mean {two_genres}?"

    def test_audio_of_only_one_genre(self, tmp_path):
        write_song(tmp_path / "rock/a.wav")
        (tmp_path / "jazz").mkdir()
        (tmp_path / "jazz/b.wav").write_text("no audio")
        with pytest.raises(
            DatasetError, match=r"audio of only one genre, 'rock'; .*b\.wav: is a text, no"
        ):
            load_dataset(tmp_path)

    def test_a_manifest_of_only_one_genre(self, tmp_path):
        write_song(tmp_path / "rock/a.wav")
        (tmp_path / "man.csv").write_text("path,genre\nrock/a.wav,rock\n")
        with pytest.raises(DatasetError, match=r"man\.csv has audio of only one genre") as caught:
            load_dataset(tmp_path / "man.csv")
        assert caught.value.hint == "add rows of another genre to the manifest"

    def test_no_audio_at_all(self, tmp_path):
        (tmp_path / "rock").mkdir()
        (tmp_path / "jazz").mkdir()
        with pytest.raises(DatasetError, match="has no audio"):
            load_dataset(tmp_path)

    def test_neither_folder_nor_manifest(self, tmp_path):
        with pytest.raises(DatasetError, match="does not exist"):
            load_dataset(tmp_path / "nowhere")
        with pytest.raises(DatasetError, match="is no dataset"):
            load_dataset(write_song(tmp_path / "song.wav"))


class TestGenres:
    def test_narrowed_in_the_order_of_the_dataset(self, two_genres):
        write_song(two_genres / "pop/a.wav")
        dataset = load_dataset(two_genres, genres=["rock", "jazz"])
        assert dataset.genres == ("jazz", "rock")
        assert {track.genre for track in dataset.tracks} == {"jazz", "rock"}

    def test_one_genre_alone_may_be_asked_for(self, two_genres):
        assert load_dataset(two_genres, genres=["rock"]).genres == ("rock",)

    def test_other_genres_are_not_even_looked_into(self, two_genres):
        (two_genres / "rock/fake.wav").write_text("no audio")
        assert load_dataset(two_genres, genres=["jazz"]).failures == ()

    def test_genres_may_be_spelt_otherwise(self, two_genres):
        (two_genres / "rock").rename(two_genres / "Hip-Hop")
        assert load_dataset(two_genres, genres=["hip_hop", "JAZZ"]).genres == ("Hip-Hop", "jazz")

    def test_unknown_genre(self, two_genres):
        with pytest.raises(NothingThereError, match="music has no genre 'polka', 'ska'") as caught:
            load_dataset(two_genres, genres=["jazz", "polka", "ska"])
        assert caught.value.hint == "it has: jazz, rock"

    @pytest.mark.parametrize("genres", ["rock", [], ()])
    def test_not_a_sequence_of_names(self, two_genres, genres):
        with pytest.raises(ParameterError, match="genres must be a sequence of at least one name"):
            load_dataset(two_genres, genres=genres)


class TestNames:
    """A file is known again by whatever it was called when a model heard it."""

    @pytest.mark.parametrize(
        ("track", "path", "names"),
        [
            ("jazz/jazz.00001", "gt/jazz/jazz.00001.au", {"jazz.00001", "jazz/jazz.00001"}),
            ("jazz.00001", "gt/jazz/jazz.00001.au", {"jazz.00001", "jazz/jazz.00001"}),
            ("ghazal/gz36", "in/ghazal/gz36.ogg", {"ghazal/gz36", "ghazal/gz36.mp3"}),
            ("jazz/jazz.00001", None, {"jazz.00001", "jazz/jazz.00001"}),
            ("one", "music/rock/One.wav", {"one", "rock/One"}),
        ],
    )
    def test_possible_names(self, track, path, names):
        assert possible_names(Track(track, path, "jazz")) == names


class TestManifest:
    @pytest.fixture
    def write(self, two_genres):
        def write(text: str | bytes) -> Path:
            path = two_genres / "songs.csv"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            return path

        return write

    def test_all_columns(self, write, two_genres):
        path = write(
            "genre,path,artist,split,track,year,album\n"
            "Rock,rock/One.wav,The Ones,Train,one,1999,First\n"
            f"Jazz,{two_genres}/jazz/Three.mp3,,,,,\n"
        )
        dataset = load_dataset(path)
        assert dataset.name == "songs"
        assert dataset.genres == ("Jazz", "Rock")
        assert dataset.tracks == (
            Track("one", str(two_genres / "rock/One.wav"), "Rock", "The Ones", "train", "First"),
            Track(f"{two_genres}/jazz/Three", str(two_genres / "jazz/Three.mp3"), "Jazz"),
        )

    @pytest.mark.parametrize(
        "text",
        [
            b"path,genre\nrock/One.wav,rock\njazz/Three.mp3,jazz\n",
            b"\xef\xbb\xbfpath,genre\r\nrock/One.wav,rock\r\njazz/Three.mp3,jazz\r\n",
            b"Path ; GENRE\nrock/One.wav;rock\n\n ; \njazz/Three.mp3;jazz",
            b'path\tgenre\n"rock/One.wav"\t rock \njazz/Three.mp3\tjazz\n',
        ],
        ids=["plain", "bom and crlf", "semicolons and blank lines", "tabs and spaces"],
    )
    def test_ways_to_write_it(self, write, text):
        dataset = load_dataset(write(text))
        assert ids(dataset) == ["rock/One", "jazz/Three"]
        assert dataset.genres == ("jazz", "rock")
        assert dataset.failures == ()

    def test_a_fold_column_marks_as_the_split_column_does(self, write):
        rows = "rock/One.wav,rock,,1\njazz/Three.mp3,jazz,,02\nrock/deep/er/Two.flac,rock,Test,3\n"
        dataset = load_dataset(write("path,genre,split,fold\n" + rows))
        assert [track.split for track in dataset.tracks] == ["1", "2", "test"]

    def test_a_fold_that_is_no_number(self, write):
        rows = "rock/One.wav,rock,A\njazz/Three.mp3,jazz,1\nrock/deep/er/Two.flac,rock,-1\n"
        dataset = load_dataset(write("path,genre,fold\n" + rows), genres=["jazz"])
        assert [failure.message for failure in dataset.failures] == [
            "line 2: fold should be a whole number, got 'A'",
            "line 4: fold should be a whole number, got '-1'",
        ]

    def test_bad_rows_fail_alone_and_name_their_line(self, write):
        dataset = load_dataset(
            write(
                "path,genre\nrock/One.wav,rock\nrock/no.wav,rock\n,rock\njazz/Three.mp3,jazz\n"
                "rock/deep/er/Two.flac,\nrock/One.wav,jazz\nrock/deep,rock\n"
            )
        )
        assert ids(dataset) == ["rock/One", "jazz/Three"]
        messages = [failure.message for failure in dataset.failures]
        assert [m.split(":")[0] for m in messages] == [f"line {n}" for n in (3, 4, 6, 7, 8)]
        assert "no such file" in messages[0]
        assert messages[1:4] == [
            "line 4: no path",
            "line 6: no genre",
            "line 7: the file is in an earlier row, there as 'rock'",
        ]

    def test_content_is_looked_at(self, write, two_genres):
        (two_genres / "fake.wav").write_text("no audio")
        dataset = load_dataset(
            write("path,genre\nrock/One.wav,rock\njazz/Three.mp3,jazz\nfake.wav,jazz\n")
        )
        assert [f.path for f in dataset.failures] == [str(two_genres / "fake.wav")]

    def test_missing_columns(self, write):
        with pytest.raises(DatasetError, match="no column path; columns found: file, genre") as err:
            load_dataset(write("file,genre\na.wav,rock\n"))
        assert err.value.hint == (
            "expected columns: path, genre and, if known, artist, album, split, fold, track"
        )
        with pytest.raises(DatasetError, match=r"no column path and no column genre; .* none"):
            load_dataset(write(""))

    def test_doubled_column(self, write):
        with pytest.raises(DatasetError, match="more than one column genre"):
            load_dataset(write("path,genre,genre\nrock/One.wav,rock,jazz\n"))

    def test_no_usable_row(self, write):
        with pytest.raises(
            DatasetError, match=r"no usable row; first of 1 failures: line 2: no su"
        ):
            load_dataset(write("path,genre\nno.wav,rock\n"))
        with pytest.raises(DatasetError, match=r"no usable row(\n|$)"):
            load_dataset(write("path,genre\n"))

    def test_not_text(self, write):
        with pytest.raises(DatasetError, match="is not UTF-8 text") as caught:
            load_dataset(write("path,genre\nrock/Café.wav,rock\n".encode("latin-1")))
        assert "UTF-8" in caught.value.hint

    def test_not_csv(self, write):
        with pytest.raises(DatasetError, match=r"is no readable CSV: line 2: "):
            load_dataset(write("path,genre\n" + "x" * 200_000 + ",rock\n"))

    def test_one_id_for_two_songs(self, write):
        rows = "rock/One.wav,rock,a\nrock/deep/er/Two.flac,rock,a\njazz/Three.mp3,jazz,b\n"
        dataset = load_dataset(write("path,genre,track\n" + rows))
        (failure,) = dataset.failures
        assert failure.message == "line 3: the track 'a' is in an earlier row, as another song"

    def test_one_song_in_two_formats(self, write, two_genres):
        write_song(two_genres / "rock/One.mp3")
        write_song(two_genres / "jazz/Three.wav")
        rows = "rock/One.mp3,rock\nrock/One.wav,rock\njazz/Three.mp3,jazz\njazz/Three.wav,soul\n"
        dataset = load_dataset(write("path,genre\n" + rows))
        assert dataset.tracks[0].path == str(two_genres / "rock/One.wav")
        assert dataset.warnings == (
            "files that differ only in their ending are taken for one track: One.mp3, "
            "One.wav (One.wav is used)",
        )
        (failure,) = dataset.failures
        assert failure.message.startswith("line 5: the track 'jazz/Three' is in an earlier row")


class TestListing:
    def test_sorted_and_relative(self, two_genres):
        listing = list_files(two_genres)
        assert listing.files == tuple(
            PurePosixPath(p) for p in ("jazz/Three.mp3", "rock/One.wav", "rock/deep/er/Two.flac")
        )
        assert listing.folders == ("jazz", "rock")

    def test_a_folder_can_be_left_out(self, two_genres):
        listing = list_files(two_genres, leave_out=two_genres / "rock")
        assert [file.name for file in listing.files] == ["Three.mp3"]

    def test_not_a_folder(self, two_genres):
        with pytest.raises(DatasetError, match="does not exist; a folder was expected"):
            list_files(two_genres / "no")
        with pytest.raises(DatasetError, match="is a file; a folder was expected"):
            list_files(two_genres / "rock/One.wav")

    def test_unreadable_root(self, two_genres, monkeypatch):
        def scandir(path):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "scandir", scandir)
        with pytest.raises(
            DatasetError, match=r"music: cannot read the folder \(Permission denied\)"
        ):
            list_files(two_genres)

    @pytest.mark.parametrize(
        ("name", "bare"),
        [("a.mp3", "a"), ("a.b.WAV", "a.b"), ("blues.00001", "blues.00001"), (".mp3", ".mp3")],
    )
    def test_bare_name(self, name, bare):
        assert bare_name(PurePosixPath(name)) == bare
