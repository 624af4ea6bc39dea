"""The other published datasets: Indian, FMA and Ballroom, and folders that are half one of them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from generify.datasets import (
    KNOWN,
    Dataset,
    Track,
    base,
    dataset_facts,
    known_dataset,
    list_datasets,
    load_dataset,
)
from generify.datasets.listing import list_files
from generify.datasets.splits import make_split
from generify.errors import DatasetError, ParameterError
from generify.model import load_model
from generify.model_card import track_digest
from generify.verification.inventory import take_inventory


def write_songs(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, np.zeros(400, dtype=np.float32), 8000)
    return root


def ids(dataset: Dataset) -> list[str]:
    return [track.track for track in dataset.tracks]


class TestNames:
    def test_all_are_listed(self):
        assert list_datasets() == (
            *("gtzan", "indian", "fma-small", "fma-medium", "fma-large", "fma-full"),
            "ballroom",
        )

    @pytest.mark.parametrize("name", ["fma-small", "FMA_small", "Fma-Small"])
    def test_names_are_taken_as_people_write_them(self, name):
        assert known_dataset(name).facts is dataset_facts("fma-small")

    @pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.facts.name)
    def test_parts_of_a_download_are_named_and_each_has_an_archive_or_an_account(self, known):
        parts = {download.part for download in known.facts.downloads}
        assert parts in ({""}, {"metadata", "audio"})
        for download in known.facts.downloads:
            is_archive = download.url.endswith((".zip", ".tar.gz"))
            assert is_archive != bool(download.account)


class TestIndian:
    SONGS = ("bollypop/bp01", "ghazal/gz36", "ghazal/gz37", "semiclassical/scl100", "sufi/su07")

    @pytest.mark.parametrize("root", ["", "genrenew/", "genrenew/genrenew/"])
    @pytest.mark.parametrize("suffix", [".mp3", ".wav"])
    def test_layouts_and_formats(self, tmp_path, root, suffix):
        write_songs(tmp_path, *(f"{root}{song}{suffix}" for song in self.SONGS))
        dataset = load_dataset(tmp_path)
        assert (dataset.name, dataset.facts) == (tmp_path.name, dataset_facts("indian"))
        assert dataset.warnings == (
            f"{tmp_path.name} looks like part of the Indian set (5 of 500 clips): "
            "its published facts are used",
        )
        assert ids(dataset) == [f"{song}.mp3" for song in self.SONGS]
        assert dataset.genres == ("bollypop", "ghazal", "semiclassical", "sufi")
        assert dataset.tracks[0].genre == "bollypop"
        assert dataset.failures == ()
        assert len(dataset.missing) == 495

    @pytest.mark.parametrize(
        "song", ["sufi/bp01", "sufi/su101", "sufi/su1", "sufi/su001a", "folk/su01"]
    )
    def test_other_names_are_strangers(self, tmp_path, song):
        write_songs(tmp_path, *(f"{s}.wav" for s in self.SONGS))
        found = known_dataset("indian").track_of(Path(f"{song}.mp3"))
        assert found is None

    def test_tracks_are_named_as_the_bundled_model_names_them(self):
        card = load_model("indian").card
        known = known_dataset("indian")
        tracks = [
            known.track_of(Path(f"{genre}/{prefix}{number:02d}.wav"))
            for prefix, genre in (
                *(("bp", "bollypop"), ("ca", "carnatic"), ("gz", "ghazal")),
                *(("scl", "semiclassical"), ("su", "sufi")),
            )
            for number in range(1, 101)
        ]
        assert all(tracks)
        seen = {track_digest(t.genre, t.track) for t in tracks if t}
        assert set(card.trained_on) <= seen

    @pytest.mark.data
    def test_the_one_real_song(self, shared_data):
        table = shared_data / "indian/librosa_features.csv"
        with table.open(encoding="utf-8", newline="") as stream:
            named = {row["track"]: row["label"] for row in csv.DictReader(stream)}
        known = known_dataset("indian")
        ours = {name: known.track_of(Path(name)) for name in named}
        assert {name: t and (t.track, t.genre) for name, t in ours.items()} == {
            name: (name, genre) for name, genre in named.items()
        }

    def test_its_duplicates_are_its_tracks(self):
        known = known_dataset("indian")
        for pair in known.facts.duplicates:
            for name in pair:
                track = known.track_of(Path(name))
                assert track is not None
                assert track.track == name


class TestBallroom:
    CLIPS = (
        "ChaChaCha/Albums-Latin_Jam-04",
        "Rumba-American/Albums-Cafe_Paradiso-09",
        "Rumba-International/Media-105615",
        "VienneseWaltz/Albums-Ballroom_Classics4-11",
        "Waltz/Media-105901",
    )

    @pytest.mark.parametrize("root", ["", "BallroomData/", "ballroom/audio/"])
    def test_layouts(self, tmp_path, root):
        write_songs(tmp_path, *(f"{root}{clip}.wav" for clip in self.CLIPS))
        dataset = load_dataset(tmp_path)
        assert (dataset.name, dataset.facts) == (tmp_path.name, dataset_facts("ballroom"))
        assert dataset.n_tracks_of == {"ChaChaCha": 1, "Rumba": 2, "VienneseWaltz": 1, "Waltz": 1}
        by_id = {track.track: track for track in dataset.tracks}
        assert by_id["Albums-Latin_Jam-04"].album == "Latin_Jam"
        assert by_id["Albums-Ballroom_Classics4-11"].album == "Ballroom_Classics4"
        assert by_id["Media-105901"].album is None
        assert dataset.failures == ()

    def test_a_stranger_fails_alone(self, tmp_path):
        write_songs(tmp_path, *(f"{clip}.wav" for clip in self.CLIPS), "else/where/mine.wav")
        (failure,) = known_dataset("ballroom").read(list_files(tmp_path)).failures
        assert failure.path == str(tmp_path / "else/where/mine.wav")
        assert "not placed and named as in ballroom; expected BallroomData/" in failure.message

    def test_songs_of_ones_own_among_a_part_of_it_are_used(self, tmp_path):
        own = ("Waltz/mine.wav", "Rumba-American/live/mine.wav")
        write_songs(tmp_path, *(f"{clip}.wav" for clip in self.CLIPS), *own)
        dataset = load_dataset(tmp_path)
        genre_of = {track.track: track.genre for track in dataset.tracks}
        assert genre_of["Waltz/mine"] == "Waltz"
        assert genre_of["Rumba-American/live/mine"] == "Rumba"
        assert dataset.failures == ()
        assert "songs beside those of Ballroom, used too: 2" in dataset.warnings

    def test_a_dance_of_ones_own_beside_them_is_not_lost(self, tmp_path):
        write_songs(tmp_path, *(f"{clip}.wav" for clip in self.CLIPS), "Salsa/mine.wav")
        dataset = load_dataset(tmp_path)
        assert dataset.facts is None
        assert "Salsa" in dataset.genres

    def test_published_pairs_are_named_as_its_clips(self):
        pairs = dataset_facts("ballroom").duplicates
        assert len(pairs) == 13
        names = [name for pair in pairs for name in pair]
        assert len(set(names)) == 26
        assert all(re.fullmatch(r"Albums-\w+-\d\d|Media-\d{6}", name) for name in names)


HEADER = (
    ("", "track_id"),
    ("album", "id"),
    ("album", "title"),
    ("artist", "bio"),
    ("artist", "id"),
    ("artist", "name"),
    ("set", "split"),
    ("set", "subset"),
    ("track", "genre_top"),
    ("track", "title"),
)


def row(
    number: int,
    genre: str = "Rock",
    *,
    subset: str = "small",
    split: str = "training",
    artist: tuple[int, str] = (1, "AWOL"),
    album: tuple[int, str] = (1, "Way of Life"),
    bio: str = "",
) -> list[str]:
    named = (str(album[0]), album[1], bio, str(artist[0]), artist[1])
    return [str(number), *named, split, subset, genre, f"song {number}"]


def table(*rows: list[str], header: tuple[tuple[str, str], ...] = HEADER) -> str:
    """As in fma_metadata: two lines of names, one with the name of the index, then the tracks."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([group for group, _ in header])
    writer.writerow(["", *(name for _, name in header[1:])])
    writer.writerow(["track_id", *("" for _ in header[1:])])
    writer.writerows(rows)
    return buffer.getvalue()


ROWS = (
    row(2, "Hip-Hop", split="training", artist=(1, "AWOL"), album=(1, "Live")),
    row(5, "Rock", split="validation", artist=(2, "Kurt"), album=(2, "Live")),
    row(10, "Pop", split="test", artist=(3, "awol "), album=(3, "Constant Hitmaker")),
    row(140, "Folk", subset="medium", split="training", artist=(4, ""), album=(4, "")),
    row(155999, "", subset="large", split="training"),
)


class TestFma:
    @pytest.fixture(autouse=True)
    def whole(self, monkeypatch):
        """Take a few clips for all of FMA: the tables here name five."""
        monkeypatch.setattr(base, "_NEARLY_WHOLE", 0)

    @pytest.fixture
    def fma(self, tmp_path: Path) -> Path:
        write_songs(
            tmp_path,
            *(f"fma_small/000/{n:06d}.mp3" for n in (2, 5, 10)),
        )
        return self.put(tmp_path, table(*ROWS))

    def put(self, root: Path, text: str | bytes) -> Path:
        (root / "fma_metadata").mkdir(exist_ok=True)
        data = text if isinstance(text, bytes) else text.encode()
        (root / "fma_metadata/tracks.csv").write_bytes(data)
        return root

    def test_genres_splits_artists_and_albums_come_from_the_table(self, fma):
        dataset = load_dataset(fma)
        assert dataset.name == "fma-small"
        assert dataset.facts is dataset_facts("fma-small")
        assert dataset.genres == ("Hip-Hop", "Pop", "Rock")
        path = str(fma / "fma_small/000/000002.mp3")
        assert dataset.tracks[0] == Track("000002", path, "Hip-Hop", "AWOL", "train", "Live")
        assert [track.split for track in dataset.tracks] == ["train", "valid", "test"]
        assert dataset.failures == dataset.missing == ()
        assert dataset.warnings == ()

    @pytest.mark.parametrize("n_others", [0, 1000], ids=["table cut", "table"])
    def test_a_small_part_of_it_keeps_the_name_of_its_folder(self, fma, n_others, monkeypatch):
        monkeypatch.setattr(base, "_NEARLY_WHOLE", 0.9)
        self.put(fma, table(*ROWS, *(row(n) for n in range(1000, 1000 + n_others))))
        dataset = load_dataset(fma)
        assert (dataset.name, dataset.facts) == (fma.name, dataset_facts("fma-small"))
        assert dataset.warnings == (
            f"{fma.name} looks like part of FMA small (3 of 8,000 clips): "
            "its published artists are used",
        )
        inventory = take_inventory(fma)
        assert (inventory.name, inventory.n_here, inventory.is_part) == ("fma-small", 3, True)

    def test_names_that_two_bear_are_told_apart(self, fma):
        tracks = load_dataset(fma).tracks
        assert [track.artist for track in tracks] == ["AWOL", "Kurt", "awol (3)"]
        assert [track.album for track in tracks] == ["Live", "Live (2)", "Constant Hitmaker"]

    def test_the_official_split(self, fma):
        tracks = load_dataset(write_songs(fma, "fma_small/000/000007.mp3")).tracks
        with pytest.raises(DatasetError, match="the official split trains on no Pop"):
            make_split("official", tracks)
        with pytest.raises(ParameterError, match="no published split 'fault-filtered', only off"):
            known_dataset("fma-small").published_split("fault-filtered", tracks)

    @pytest.mark.parametrize("place", ["fma_metadata/", "", "fma_small/"])
    def test_where_the_metadata_may_lie(self, fma, place):
        (fma / "fma_metadata/tracks.csv").replace(fma / f"{place}tracks.csv")
        assert len(load_dataset(fma / "fma_small").tracks) == 3
        assert len(load_dataset(fma).tracks) == 3

    def test_without_metadata(self, fma):
        (fma / "fma_metadata/tracks.csv").unlink()
        with pytest.raises(DatasetError, match="holds songs of FMA but not their genres") as err:
            load_dataset(fma / "fma_small")
        assert err.value.hint.startswith("unpack fma_metadata.zip beside the songs")

    @pytest.mark.parametrize(
        ("folder", "numbers", "name"),
        [
            ("fma_small", (2, 5), "fma-small"),
            ("fma-medium", (2, 5), "fma-medium"),
            ("FMA_large", (2, 5), "fma-large"),
            ("fma_full", (2, 5), "fma-full"),
            ("songs", (2, 5), "fma-small"),
            ("songs", (2, 5, 140), "fma-medium"),
            ("songs", (2, 5, 140, 155999), "fma-large"),
        ],
    )
    def test_which_of_the_four_it_is(self, tmp_path, folder, numbers, name):
        songs = (f"{folder}/{n // 1000:03d}/{n:06d}.mp3" for n in numbers)
        root = self.put(write_songs(tmp_path, *songs), table(*ROWS))
        assert load_dataset(root).name == name
        assert load_dataset(root / folder).name == name

    def test_rows_without_a_file(self, fma):
        (fma / "fma_small/000/000005.mp3").unlink()
        dataset = load_dataset(fma)
        assert dataset.missing == ("000005",)
        assert dataset.warnings[0] == (
            "1 of the 8000 tracks of fma-small are not here, such as 000005"
        )

    def test_files_without_a_row(self, fma):
        write_songs(fma, "fma_small/000/000003.mp3")
        (failure,) = load_dataset(fma).failures
        assert failure.path == str(fma / "fma_small/000/000003.mp3")
        assert failure.message == f"it has no row in {fma / 'fma_metadata/tracks.csv'}"

    def test_metadata_of_other_files(self, fma):
        self.put(fma, table(row(7), row(8), row(2)))
        with pytest.raises(
            DatasetError, match="is not the metadata of these files: 2 of 3 have no row"
        ):
            load_dataset(fma)

    def test_tracks_without_a_top_genre_are_left_out_in_one_line(self, fma):
        write_songs(fma, "fma_small/155/155999.mp3")
        dataset = load_dataset(fma)
        assert len(dataset.tracks) == 3
        assert dataset.failures == ()
        assert dataset.warnings[0] == (
            "1 tracks have no single top genre, such as 155999; they are left out"
        )

    def test_a_stranger_among_them(self, fma):
        write_songs(fma, "fma_small/000/mine.mp3")
        (failure,) = load_dataset(fma).failures
        assert "not placed and named as in fma-small" in failure.message

    def test_cells_of_several_lines_and_longer_than_csv_allows(self, fma):
        csv.field_size_limit(1 << 17)  # the default, whatever ran before
        biography = 'He said "hi",\n' * 20_000
        self.put(fma, table(row(2, bio=biography), row(5, "Pop"), row(10)))
        assert len(load_dataset(fma).tracks) == 3
        assert csv.field_size_limit() == 1 << 17

    def test_fewer_columns_are_enough(self, fma):
        needed = tuple(pair for pair in HEADER if pair[0] in ("", "set") or pair[1] == "genre_top")
        rows = ([str(n), "training", "small", genre] for n, genre in ((2, "Pop"), (5, "Rock")))
        self.put(fma, table(*rows, header=needed))
        assert [track.artist for track in load_dataset(fma).tracks] == [None, None]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", r"it has no column \(track, genre_top\) and no column \(set, split\)"),
            ("<html>\nNot found\n", r"it has no column \(track, genre_top\)"),
            (table(), "it holds no track"),
            (table(*ROWS)[:-30], "line 8 has . cells instead of 10"),
            (table(*ROWS).replace("140", "x", 1), "behind line 7: .*'x'"),
            (table(*ROWS).replace("medium", "huge"), "unknown subset 'huge'"),
            (table(*ROWS).replace("Kurt", "\udcff").encode("utf-8", "surrogateescape"), "decode"),
        ],
        ids=["empty", "html", "no rows", "cut", "no number", "no subset", "not utf-8"],
    )
    def test_damaged_metadata(self, fma, text, why):
        self.put(fma, text)
        with pytest.raises(DatasetError, match=rf"tracks\.csv is damaged: .*{why}") as caught:
            load_dataset(fma)
        assert caught.value.hint == "remove it and unpack fma_metadata.zip again"

    def test_metadata_that_cannot_be_read(self, fma):
        (fma / "fma_metadata/tracks.csv").unlink()
        (fma / "fma_metadata/tracks.csv").mkdir()
        with pytest.raises(DatasetError, match="but not their genres"):
            load_dataset(fma)

    def test_facts(self):
        small, medium, large, full = (
            dataset_facts(f"fma-{s}") for s in ("small", "medium", "large", "full")
        )
        assert [len(f.genres) for f in (small, medium, large, full)] == [8, 16, 16, 16]
        assert set(small.genres) < set(medium.genres)
        assert (len(small.faults), len(medium.faults), len(full.faults)) == (6, 21, 0)
        assert small.faults["099134"] == "holds no sound"
        assert small.downloads[0] is large.downloads[0]  # the metadata

    def test_clips_count_once_whatever_copies_there_are(self, fma):
        write_songs(fma, "fma_large/000/000002.mp3", "fma_large/000/000005.mp3")
        dataset = load_dataset(fma)
        assert dataset.name == "fma-large"
        assert ids(dataset) == ["000002", "000005", "000010"]


GTZAN = ("genres/blues/blues.00029", "genres/jazz/jazz.00001", "genres/rock/rock.00099")


class TestMixtures:
    @pytest.mark.parametrize(
        ("others", "part"),
        [
            (("ballroom/Jive/Media-103901", "ballroom/Waltz/Media-105901"), "gtzan"),
            (("fma_small/000/000002", "fma_small/000/000005"), "gtzan"),
            (("mine/blues/a", "mine/soul/b", "mine/soul/c", "mine/soul/d"), "gtzan"),
        ],
        ids=["ballroom", "fma", "ones own"],
    )
    def test_half_one_layout_half_another(self, tmp_path, others, part):
        write_songs(tmp_path, *(f"{name}.wav" for name in (*GTZAN, *others)))
        with pytest.raises(DatasetError, match=f"is part {part}, part something else") as caught:
            load_dataset(tmp_path)
        assert f"3 songs are placed and named as in {part}" in str(caught.value)
        assert f"{len(others)} are not (such as {others[0]}.wav)" in str(caught.value)
        assert caught.value.hint == (
            f"give a folder that holds one dataset, such as {tmp_path / 'genres'}"
        )
        assert load_dataset(tmp_path / "genres").facts is dataset_facts(part)

    def test_fma_is_told_where_it_lies_flat(self, tmp_path):
        write_songs(tmp_path, "000/000002.mp3", "000/000005.mp3", "jazz/a.wav", "rock/b.wav")
        with pytest.raises(DatasetError, match="is part fma, part something else"):
            load_dataset(tmp_path)

    def test_a_few_strays_are_left_out_by_name(self, tmp_path):
        clips = [f"genres/blues/blues.{n:05d}.wav" for n in range(15)]
        write_songs(tmp_path, *clips, "genres/jazz/jazz.00001.wav", "mine/a/song.wav")
        dataset = load_dataset(tmp_path)
        assert (dataset.facts, len(dataset.tracks)) == (dataset_facts("gtzan"), 16)
        assert [Path(f.path).name for f in dataset.failures] == ["song.wav"]

    def test_a_few_clips_among_ones_own_songs(self, tmp_path):
        mine = [f"{'ab'[n % 2]}/{n}.wav" for n in range(20)]
        write_songs(tmp_path, *mine, "a/copied/blues/blues.00001.wav")
        dataset = load_dataset(tmp_path)
        assert dataset.facts is None
        assert Counter(track.genre for track in dataset.tracks) == {"a": 11, "b": 10}


class TestGenericReaders:
    """What Emotify and its like are: numbered songs in genre folders, with a table beside."""

    def test_a_set_of_numbered_songs_in_folders(self, tmp_path):
        genres = ("classical", "rock", "electronic", "pop")
        write_songs(tmp_path, *(f"{g}/{n}.mp3" for g in genres for n in (1, 2, 100)))
        (tmp_path / "data.csv").write_text("track id, genre, amazement\n1,classical,0\n")
        dataset = load_dataset(tmp_path)
        assert dataset.facts is None
        assert dataset.genres == ("classical", "electronic", "pop", "rock")
        assert len(dataset.tracks) == 12
        assert dataset.failures == dataset.warnings == ()
