"""A dataset's health: every planted fault is found, and nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from generify.audio import Audio
from generify.cache import FeatureCache
from generify.datasets.gtzan import published_tracks
from generify.duplicates import BLOCK_SAMPLES
from generify.errors import DatasetError, ParameterError
from generify.mel_grid import grid_frames
from generify.verification import Finding, find_duplicates, listening, verify_dataset
from generify.verification.inventory import take_inventory
from generify.verification.listening import Recording, in_parallel, listen

RATE = 22050
SECONDS = 12.0


def song(seed: int, seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    """Random chords, six a second, over a little noise: no two alike."""
    rng = np.random.default_rng(seed)
    t = np.arange(rate // 6) / rate
    notes = [
        np.exp(-6 * t) * sum(np.sin(2 * np.pi * 110 * 2 ** (n / 12) * t) for n in chord)
        for chord in rng.integers(0, 60, (round(seconds * 6), 5))
    ]
    samples = np.concatenate(notes)
    return 0.1 * samples + 0.005 * rng.normal(size=len(samples))


def write(path: Path, samples: np.ndarray, rate: int = RATE, fmt: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fmt = fmt or path.suffix[1:].upper()
    soundfile.write(path, samples, rate, format=fmt)
    return path


def copy_of(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / folder.name))


def named(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(finding.kind, finding.track) for finding in findings}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two genres of four songs, nothing wrong with them; never to be changed."""
    root = tmp_path_factory.mktemp("sound") / "songs"
    for seed in range(8):
        write(root / ("jazz" if seed < 4 else "rock") / f"song{seed}.wav", song(seed))
    return root


@pytest.fixture(scope="module")
def gtzan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two genres of three clips named as in GTZAN; never to be changed."""
    root = tmp_path_factory.mktemp("gtzan") / "genres"
    for seed in range(6):
        genre = "blues" if seed < 3 else "rock"
        write(root / genre / f"{genre}.{seed:05d}.wav", song(seed))
    return root


class TestListening:
    def test_what_is_heard(self, folder):
        heard = listen(folder / "jazz/song0.wav")
        assert heard.digest == hashlib.sha256((folder / "jazz/song0.wav").read_bytes()).hexdigest()
        assert (heard.format, heard.complaint) == ("WAV", "")
        assert heard.duration == pytest.approx(SECONDS)
        assert heard.peak == pytest.approx(np.abs(song(0)).max(), abs=1e-4)
        assert (heard.silent, heard.clipped) == (0, 0)

    def test_lossless_copies_have_equal_samples(self, folder, tmp_path):
        samples, rate = soundfile.read(folder / "jazz/song0.wav", dtype="int16")
        flac = write(tmp_path / "a.flac", samples, rate)
        au = write(tmp_path / "a.au", samples, rate)
        digests = {listen(path).samples for path in (flac, au, folder / "jazz/song0.wav")}
        assert len(digests) == 1
        samples[len(samples) // 2] += 1
        assert listen(write(tmp_path / "b.wav", samples, rate)).samples not in digests

    def test_a_long_song_is_heard_block_by_block_as_at_once(self, tmp_path, monkeypatch):
        path = write(tmp_path / "long.wav", song(0, 130))
        by_blocks = listen(path)
        monkeypatch.setattr(listening, "_BLOCK_SECONDS", 1e6)
        at_once = listen(path)
        assert by_blocks.duration == at_once.duration == pytest.approx(130)
        assert len(by_blocks.words) == pytest.approx(len(at_once.words), abs=1)
        n_words = min(len(by_blocks.words), len(at_once.words))
        assert np.mean(by_blocks.words[:n_words] == at_once.words[:n_words]) > 0.95

    def test_a_long_song_takes_no_more_memory(self, tmp_path, monkeypatch):
        """400 minutes, whose spectra alone would fill 41 MB."""
        path = write(tmp_path / "a.wav", song(0, 2))
        minute = Audio(song(0, 2).astype(np.float32), RATE, 60.0)
        n_frames = len(grid_frames(BLOCK_SAMPLES))
        bands = np.random.default_rng(0).random((33, n_frames), np.float32)
        monkeypatch.setattr(listening, "_blocks", lambda path, duration: [minute] * 400)
        monkeypatch.setattr(listening, "_bands", lambda samples: bands)
        tracemalloc.start()
        heard = listen(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(heard.words) == 400 * n_frames
        assert peak - heard.words.nbytes < 15e6

    def test_shares_of_silence_and_of_full_scale(self, tmp_path):
        samples = np.zeros(10 * RATE)
        samples[: 3 * RATE] = 0.5 * np.sin(np.arange(3 * RATE))
        samples[RATE // 2 : RATE] = 1.0
        heard = listen(write(tmp_path / "a.wav", samples))
        assert heard.silent == pytest.approx(0.7)
        assert heard.clipped == pytest.approx(0.05, abs=1e-4)

    def test_an_offset_is_silence(self, tmp_path):
        assert listen(write(tmp_path / "a.wav", np.full(5 * RATE, 0.3))).silent == 1

    @pytest.mark.parametrize("seconds", [0.01, 0.5, 1.0, 1.05, 60.0 + 0.05, 120.1])
    def test_any_length(self, tmp_path, seconds):
        heard = listen(write(tmp_path / "a.wav", song(0, 121)[: round(seconds * RATE)]))
        assert heard.complaint == ""
        assert heard.duration == pytest.approx(seconds, abs=0.1)

    def test_the_cache_remembers(self, folder, tmp_path, monkeypatch):
        cache = FeatureCache(tmp_path / "cache")
        fresh = listen(folder / "jazz/song0.wav", cache)
        monkeypatch.setattr(listening, "load_audio", None)
        known = listen(folder / "jazz/song0.wav", cache)
        assert known == fresh
        assert known.words.tolist() == fresh.words.tolist()

    def test_the_cache_notices_a_header_damaged_in_place(self, tmp_path):
        # The sound is still the same, byte for byte, and so are size and time.
        cache = FeatureCache(tmp_path / "cache")
        path = write(tmp_path / "a.flac", song(0))
        assert listen(path, cache).complaint == ""
        status = path.stat()
        content = bytearray(path.read_bytes())
        content[8:26] = bytes(18)
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert listen(path, cache).complaint != ""

    def test_a_complaint_names_no_path(self, tmp_path):
        first = tmp_path / "here/a.wav"
        first.parent.mkdir()
        first.write_bytes(b"RIFF" + bytes(100))
        assert str(tmp_path) not in listen(first).complaint

    def test_what_is_not_there(self, tmp_path):
        assert listen(tmp_path / "no.wav") == Recording(
            complaint="cannot be read: No such file or directory"
        )


class TestParallel:
    def test_in_order(self):
        assert list(in_parallel(lambda n: n * n, range(50), 4)) == [n * n for n in range(50)]

    def test_few_are_waiting(self):
        items = iter(range(1000))
        results = in_parallel(lambda n: n, items, 2)
        next(results)
        assert next(items) < 20
        results.close()

    def test_an_error_ends_it_and_its_threads(self):
        before = threading.active_count()
        with pytest.raises(ZeroDivisionError):
            list(in_parallel(lambda n: 1 // n, [1, 0, 2], 2))
        assert threading.active_count() == before

    def test_a_thread_for_each_core_that_is_for_us(self, monkeypatch):
        n_threads: list[int] = []
        monkeypatch.setattr(listening, "n_cores", lambda: 3)
        real = listening.ThreadPoolExecutor

        def pool(max_workers: int) -> object:
            n_threads.append(max_workers)
            return real(max_workers=max_workers)

        monkeypatch.setattr(listening, "ThreadPoolExecutor", pool)
        assert list(in_parallel(abs, [-1, -2])) == [1, 2]
        assert list(in_parallel(abs, [-1, -2], 2)) == [1, 2]
        assert n_threads == [3, 2]

    def test_negative(self):
        with pytest.raises(ParameterError, match="jobs must be 0 or more, got -1"):
            next(in_parallel(abs, [1], -1))


def corrupt_header(root: Path) -> None:
    path = root / "jazz/song1.wav"
    path.write_bytes(b"\x00\xff" * 22 + path.read_bytes()[44:])


def cut(root: Path) -> None:
    path = root / "jazz/song1.wav"
    path.write_bytes(path.read_bytes()[:200_000])


def cut_without_promise(root: Path) -> None:
    write(root / "jazz/song1.wav", song(1)[: 7 * RATE])


def silence(root: Path) -> None:
    write(root / "jazz/song1.wav", np.zeros(round(SECONDS * RATE)))


def half_silent(root: Path) -> None:
    samples = song(1)
    samples[len(samples) // 2 :] = 0
    write(root / "jazz/song1.wav", samples)


def clip(root: Path) -> None:
    write(root / "jazz/song1.wav", np.clip(10 * song(1), -1, 1))


def text(root: Path) -> None:
    (root / "jazz/song9.wav").write_text("see the archive\n", encoding="utf-8")


def web_page(root: Path) -> None:
    (root / "jazz/song9.mp3").write_text("<!DOCTYPE html><p>Not found", encoding="utf-8")


def empty(root: Path) -> None:
    (root / "jazz/song9.wav").touch()


def wrong_suffix(root: Path) -> None:
    write(root / "rock/song9.wav", song(9), fmt="FLAC")


def not_numbers(root: Path) -> None:
    soundfile.write(root / "jazz/song9.wav", np.full(RATE * 12, np.nan), RATE, subtype="FLOAT")


def wrong_genre(root: Path) -> None:
    write(root / "rock/jazz.00007.wav", song(9))


def loose(root: Path) -> None:
    write(root / "song9.wav", song(9))


def second_file(root: Path) -> None:
    write(root / "jazz/song1.mp3", song(1))


def equal_copy(root: Path) -> None:
    shutil.copy(root / "jazz/song1.wav", root / "rock/zz.wav")


def lossless_copy(root: Path) -> None:
    samples, rate = soundfile.read(root / "jazz/song1.wav", dtype="int16")
    write(root / "rock/zz.flac", samples, rate)


def mp3_copy(root: Path) -> None:
    write(root / "rock/zz.mp3", 0.5 * song(1))


def excerpt(root: Path) -> None:
    write(root / "rock/zz.wav", np.concatenate([song(1)[4 * RATE :], song(50, 4)]))


PLANTED: dict[Callable[[Path], None], tuple[str, str, str]] = {
    corrupt_header: ("corrupt", "jazz/song1", "is not an audio file that can be decoded"),
    cut: ("corrupt", "jazz/song1", "4.5 s of 12.0 s are in the file"),
    cut_without_promise: ("short", "jazz/song1", "7.0 s, where 12 s are usual"),
    silence: ("silent", "jazz/song1", "all of it is below -80 dBFS"),
    half_silent: ("silent", "jazz/song1", "50 % of it is below -80 dBFS"),
    clip: ("clipped", "jazz/song1", "% of its samples are at full scale"),
    text: ("misnamed", "jazz/song9", "is a text, no audio"),
    web_page: ("misnamed", "jazz/song9", "is a web page, no audio"),
    empty: ("corrupt", "jazz/song9", "is empty"),
    wrong_suffix: ("misnamed", "rock/song9", "is FLAC by its content, .wav by its name"),
    not_numbers: ("corrupt", "jazz/song9", "samples that are not numbers"),
    wrong_genre: ("misnamed", "rock/jazz.00007", "its name says jazz, its folder says rock"),
    loose: ("extra", "song9", "beside the genre folders, in no genre"),
    second_file: ("extra", "jazz/song1", "song1.wav is the one that is used"),
    equal_copy: ("duplicate", "rock/zz", "the same samples as jazz/song1, which is called jazz"),
    lossless_copy: ("duplicate", "rock/zz", "the same samples as jazz/song1"),
    mp3_copy: ("duplicate", "rock/zz", "% like jazz/song1, which is called jazz"),
    excerpt: ("duplicate", "rock/zz", "% like jazz/song1, from 4.0 s later on"),
}


class TestFolders:
    def test_nothing_wrong(self, folder):
        report = verify_dataset(folder)
        assert report.findings == ()
        assert (report.n_files, report.n_unknown, report.n_expected) == (8, 0, None)
        assert report.duration == pytest.approx(8 * SECONDS)
        assert report.usual == pytest.approx(SECONDS)
        assert dict(report.n_of_genre) == {"jazz": 4, "rock": 4}

    @pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
    def test_a_planted_fault_is_found_and_nothing_else(self, folder, tmp_path, plant):
        root = copy_of(folder, tmp_path)
        plant(root)
        kind, track, detail = PLANTED[plant]
        (finding,) = verify_dataset(root).findings
        assert (finding.kind, finding.track) == (kind, track)
        assert detail in finding.detail
        assert Path(finding.path).is_file()

    def test_all_at_once_with_and_without_cache(self, folder, tmp_path):
        root = copy_of(folder, tmp_path)
        for plant in (text, wrong_genre, loose, clip, web_page):
            plant(root)
        cache = FeatureCache(tmp_path / "cache")
        fresh = verify_dataset(root, jobs=3)
        assert verify_dataset(root, cache=cache, jobs=1) == fresh
        assert verify_dataset(root, cache=cache) == fresh
        assert [finding.kind for finding in fresh.findings] == [
            *("extra", "extra", "misnamed", "misnamed", "misnamed", "clipped", "duplicate"),
        ]

    @pytest.mark.skipif(os.name != "posix", reason="such names and links are of POSIX")
    def test_what_is_no_song_at_all(self, folder, tmp_path):
        root = copy_of(folder, tmp_path)
        (root / "jazz/empty.mp3").mkdir()
        (root / "rock/gone.wav").symlink_to(root / "nowhere.wav")
        shutil.copy(root / "rock/song7.wav", os.fsencode(root) + b"/rock/caf\xe9.wav")
        (root / "rock/cover.jpg").write_bytes(b"\xff\xd8")
        found = {(f.kind, f.track): f.detail for f in verify_dataset(root).findings}
        assert {key: detail.split(";")[0] for key, detail in found.items()} == {
            ("corrupt", "empty.mp3"): "an empty folder, though named like a song",
            ("corrupt", "rock/gone"): "cannot be read: No such file or directory",
            ("misnamed", "caf\\xe9.wav"): "its name is not valid UTF-8",
        }

    def test_lengths_that_differ_are_not_short(self, tmp_path):
        for n, seconds in enumerate((4, 7, 30, 100, 55, 2.5)):
            write(tmp_path / "music/jazz" / f"{n}.wav", song(n, seconds))
        (finding,) = verify_dataset(tmp_path / "music").findings
        assert finding.detail == "2.5 s, too little to tell a genre"

    def test_songs_without_genres_are_no_extras(self, tmp_path):
        for n in range(2):
            write(tmp_path / "music" / f"{n}.wav", song(n))
        assert verify_dataset(tmp_path / "music").findings == ()

    def test_an_interrupted_run_goes_on(self, folder, tmp_path, monkeypatch):
        cache = FeatureCache(tmp_path / "cache")

        def stop(n_done: int, n_all: int) -> None:
            if n_done == 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            verify_dataset(folder, cache=cache, jobs=1, progress=stop)
        n_heard = cache.info().n_entries
        assert 4 <= n_heard <= 8
        heard: list[Path] = []
        hear = listening._hear
        monkeypatch.setattr(listening, "_hear", lambda p, d: heard.append(p) or hear(p, d))
        verify_dataset(folder, cache=cache)
        assert len(heard) == 8 - n_heard

    def test_progress(self, folder):
        calls: list[tuple[int, int]] = []
        verify_dataset(folder, progress=lambda *call: calls.append(call))
        assert calls == [(n, 8) for n in range(1, 9)]

    def test_what_cannot_be_looked_at(self, tmp_path):
        with pytest.raises(DatasetError, match="no song in"):
            verify_dataset(tmp_path)
        with pytest.raises(DatasetError, match="does not exist; a folder was expected"):
            verify_dataset(tmp_path / "no")
        write(tmp_path / "a.wav", song(0))
        with pytest.raises(DatasetError, match="no dataset is called 'gtsan'"):
            verify_dataset(tmp_path, "gtsan")


class TestChecksums:
    @pytest.mark.parametrize(("name", "algorithm"), [
        ("checksums", "sha1"), ("MD5SUMS", "md5"), ("songs.sha256", "sha256"),
    ])  # fmt: skip
    def test_a_changed_and_a_missing_file(self, folder, tmp_path, name, algorithm):
        root = copy_of(folder, tmp_path)
        lines = [
            f"{hashlib.new(algorithm, path.read_bytes()).hexdigest()}  {path.relative_to(root)}"
            for path in sorted(root.rglob("*.wav"))
        ]
        (root / name).write_text("\n".join(["# made by hand", *lines]), encoding="utf-8")
        assert verify_dataset(root).findings == ()
        (root / "rock/song7.wav").unlink()
        path = root / "jazz/song0.wav"
        content = bytearray(path.read_bytes())
        content[5000:5002] = struct.pack("<h", 77)
        path.write_bytes(content)
        missing, changed = verify_dataset(root).findings
        assert (missing.kind, missing.track) == ("missing", "rock/song7")
        assert missing.detail == f"listed in {name}"
        assert (changed.kind, changed.path) == ("corrupt", str(path))
        assert changed.detail.startswith(f"its {algorithm} is ")
        assert changed.detail.endswith(f"as {name} says")

    def test_a_list_of_another_kind_is_passed_over(self, folder, tmp_path):
        root = copy_of(folder, tmp_path)
        (root / "checksums").write_text("zz  jazz/song0.wav\n\x00\n" + "ab" * 25 + "  x.wav")
        assert verify_dataset(root).findings == ()


class TestGtzan:
    def test_a_part_is_recognised_and_lacks_nothing(self, gtzan):
        report = verify_dataset(gtzan)
        assert (report.dataset, report.n_expected, report.n_files) == ("gtzan", 1000, 6)
        assert (report.findings, report.is_part, report.n_here) == ((), True, 6)
        assert report.n_missing_of_genre["blues"] == 97
        assert report.n_missing_of_genre["jazz"] == 100
        assert sum(report.n_missing_of_genre.values()) == 994

    @pytest.mark.parametrize("inside", [True, False])
    def test_one_genre_of_it_is_recognised(self, gtzan, inside, monkeypatch):
        monkeypatch.chdir(gtzan / "rock")
        for name in (None, "gtzan"):
            report = verify_dataset("." if inside else gtzan / "rock", name)
            assert (report.dataset, report.n_here, report.findings) == ("gtzan", 3, ())
            assert report.n_of_genre["rock"] == 3

    def test_a_few_that_are_missing_from_all_are_named(self, tmp_path):
        for track in sorted(published_tracks())[:-3]:
            path = tmp_path / track.partition(".")[0] / f"{track}.wav"
            path.parent.mkdir(exist_ok=True)
            path.touch()
        inventory = take_inventory(tmp_path)
        missing = [f"rock.000{n}" for n in (97, 98, 99)]
        assert [finding.track for finding in inventory.findings] == missing
        assert (inventory.is_part, inventory.n_here) == (False, 997)
        assert inventory.n_missing_of_genre == {"rock": 3}

    @pytest.mark.parametrize(("n_here", "is_part"), [(899, True), (900, False)])
    def test_where_a_part_begins(self, tmp_path, n_here, is_part):
        for track in sorted(published_tracks())[:n_here]:
            path = tmp_path / track.partition(".")[0] / f"{track}.wav"
            path.parent.mkdir(exist_ok=True)
            path.touch()
        inventory = take_inventory(tmp_path)
        assert inventory.is_part == is_part
        assert len(inventory.findings) == (0 if is_part else 100)

    @pytest.mark.parametrize(
        ("n_here", "details"), [(300, []), (690, ["690 of the 698 tracks of ballroom are here"])]
    )
    def test_of_a_dataset_whose_names_nobody_has_listed(self, tmp_path, n_here, details):
        (tmp_path / "Waltz").mkdir()
        for n in range(n_here):
            (tmp_path / f"Waltz/Media-{n:06d}.wav").touch()
        inventory = take_inventory(tmp_path)
        assert (inventory.name, inventory.n_here) == ("ballroom", n_here)
        assert [finding.detail for finding in inventory.findings] == details
        assert inventory.n_missing_of_genre == {}

    def test_a_renamed_folder_is_told(self, gtzan, tmp_path):
        root = copy_of(gtzan, tmp_path)
        (root / "rock").rename(root / "rok")
        report = verify_dataset(root)
        misnamed = [finding for finding in report.findings if finding.kind == "misnamed"]
        assert [finding.track for finding in misnamed] == ["rock.00003", "rock.00004", "rock.00005"]
        assert misnamed[0].detail == "its name says rock, its folder says rok"
        assert report.n_of_kind == {"misnamed": 3}

    def test_a_clip_in_another_folder_is_told(self, gtzan, tmp_path):
        root = copy_of(gtzan, tmp_path)
        (root / "rock/rock.00003.wav").rename(root / "blues/rock.00003.wav")
        report = verify_dataset(root)
        assert ("misnamed", "rock.00003") in named(report.findings)
        assert report.n_of_kind == {"misnamed": 1}

    def test_strangers_are_extra(self, gtzan, tmp_path):
        root = copy_of(gtzan, tmp_path)
        write(root / "rock/my song.wav", song(9))
        report = verify_dataset(root)
        assert ("extra", "rock/my song") in named(report.findings)
        assert (report.n_of_kind, report.n_here) == ({"extra": 1}, 6)

    def test_published_faults_are_known(self, gtzan, tmp_path):
        root = copy_of(gtzan, tmp_path)
        (root / "jazz").mkdir()
        (root / "jazz/jazz.00054.wav").write_bytes(b"\xff\x00" * 5000)
        write(root / "reggae/reggae.00086.wav", song(20))
        write(root / "reggae/reggae.00081.wav", song(21))
        write(root / "reggae/reggae.00082.wav", song(21))
        report = verify_dataset(root)
        found = {(f.kind, f.track): f.known for f in report.findings}
        assert found == {
            ("corrupt", "jazz.00054"): "corrupt in the common distribution: it cannot be decoded",
            ("duplicate", "reggae.00082"): "a published pair",
            ("fault", "reggae.00086"): "mostly noise",
        }
        assert report.n_unknown == 0

    def test_two_layouts_in_one_folder(self, gtzan, tmp_path):
        root = tmp_path / "both"
        shutil.copytree(gtzan, root / "genres")
        shutil.copytree(gtzan, root / "genres_original")
        report = verify_dataset(root)
        assert (report.n_of_kind, report.n_here) == ({"extra": 6}, 6)

    def test_it_can_be_named(self, tmp_path, gtzan):
        root = tmp_path / "some"
        for n, path in enumerate(sorted(gtzan.rglob("*.wav"))[:2]):
            (root / "blues").mkdir(parents=True, exist_ok=True)
            shutil.copy(path, root / "blues" / path.name)
            write(root / "own" / f"{n}.wav", song(30 + n))
            write(root / "own" / f"{n}{n}.wav", song(40 + n))
        assert verify_dataset(root).dataset == ""
        report = verify_dataset(root, "gtzan")
        assert (report.n_of_kind, report.n_here) == ({"extra": 4}, 2)


class TestDuplicates:
    def test_none(self, folder):
        report = find_duplicates(folder)
        assert (report.doubles, report.failures, len(report.songs)) == ((), (), 8)
        assert len(set(report.groups)) == 8

    def test_groups(self, folder, tmp_path):
        root = copy_of(folder, tmp_path)
        for plant in (equal_copy, text, half_silent):
            plant(root)
        write(root / "more/deep/one.mp3", 0.3 * song(2))
        shutil.copy(root / "jazz/song2.wav", root / "another.wav")
        report = find_duplicates(root)
        groups = {}
        for name, group in zip(report.songs, report.groups, strict=True):
            groups.setdefault(group, set()).add(name)
        assert [names for names in groups.values() if len(names) > 1] == [
            {"another.wav", "jazz/song2.wav", "more/deep/one.mp3"},
            {"jazz/song1.wav", "rock/zz.wav"},
        ]
        first, *_ = report.records()
        assert first == {
            "group": 1, "kind": "exact", "similarity": 1.0, "offset": 0.0,
            "first": "another.wav", "second": "jazz/song2.wav",
        }  # fmt: skip
        (failure,) = report.failures
        assert failure.path == str(root / "jazz/song9.wav")

    def test_silent_songs_are_no_duplicates(self, tmp_path):
        for name in ("a", "b"):
            write(tmp_path / f"{name}.wav", np.zeros(10 * RATE))
        assert find_duplicates(tmp_path).doubles == ()


@pytest.mark.data
class TestRealClips:
    """Done on clips of GTZAN: what is planted is found, and nothing else."""

    GENRES = ("blues", "jazz", "metal", "rock")

    @pytest.fixture
    def clips(self, shared_data, tmp_path) -> Path:
        root = tmp_path / "gtzan"
        for genre in self.GENRES:
            (root / genre).mkdir(parents=True)
            for number in (0, 1, 2):
                name = f"{genre}/{genre}.{number:05d}.ogg"
                shutil.copy(shared_data / "gtzan/audio" / name, root / name)
        return root

    def test_planted_faults(self, clips, tmp_path):
        cache = FeatureCache(tmp_path / "cache")
        clean = verify_dataset(clips, cache=cache)
        assert (clean.findings, clean.n_here) == ((), 12)
        path = clips / "blues/blues.00000.ogg"
        path.write_bytes(bytes(300) + path.read_bytes()[300:])
        path = clips / "blues/blues.00001.ogg"  # behind the first page: codec tables
        path.write_bytes(path.read_bytes()[:120] + bytes(400) + path.read_bytes()[520:])
        path = clips / "jazz/jazz.00001.ogg"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # without its last page
        samples, rate = soundfile.read(clips / "jazz/jazz.00000.ogg")
        write(clips / "jazz/jazz.00000.ogg", samples[: 10 * rate], rate)
        write(clips / "jazz/jazz.00002.ogg", np.zeros(30 * RATE))
        samples, rate = soundfile.read(clips / "rock/rock.00001.ogg")
        write(clips / "blues/blues.00099.mp3", samples, rate)
        (clips / "metal").rename(clips / "metl")
        (clips / "jazz/jazz.00099.wav").write_text("moved to another address\n")
        found = verify_dataset(clips, cache=cache)
        assert named(found.findings) == {
            ("corrupt", "blues.00000"),
            ("corrupt", "blues.00001"),
            ("corrupt", "jazz.00001"),
            ("short", "jazz.00000"),
            ("silent", "jazz.00002"),
            ("duplicate", "rock.00001"),
            ("misnamed", "metal.00000"),
            ("misnamed", "metal.00001"),
            ("misnamed", "metal.00002"),
            ("misnamed", "jazz.00099"),
        }
        assert (found.n_here, found.n_missing_of_genre["blues"]) == (14, 96)

    def test_known_replicas(self, shared_data, tmp_path):
        for name in ("jazz.00033", "jazz.00034", "jazz.00051", "jazz.00053", "jazz.00052"):
            shutil.copy(shared_data / "gtzan/audio/jazz" / f"{name}.ogg", tmp_path)
        pairs = [(r["first"][:10], r["second"][:10]) for r in find_duplicates(tmp_path).records()]
        assert pairs == [("jazz.00033", "jazz.00051"), ("jazz.00034", "jazz.00053")]
