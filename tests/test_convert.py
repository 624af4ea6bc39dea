"""Converting a folder to 16-bit WAV."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from generify.datasets import convert
from generify.datasets.convert import convert_folder
from generify.errors import DatasetError

RATE = 22050


def tone(n_channels: int = 1, seconds: float = 1.5) -> np.ndarray:
    phase = 2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE
    channels = [0.5 * np.sin(phase * (1 + i)) for i in range(n_channels)]
    return np.stack(channels, axis=1).squeeze()


def full_range() -> np.ndarray:
    return np.arange(-32768, 32768, dtype=np.int16)


def write(path: Path, samples: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, samples, RATE, **options)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(tmp_path / "source/rock/one.au", full_range(), subtype="PCM_16")
    write(tmp_path / "source/jazz/deep/two.flac", tone(2))
    write(tmp_path / "source/jazz/three.ogg", tone())
    (tmp_path / "source/jazz/notes.txt").write_text("no audio")
    return tmp_path / "source"


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


class TestWhatIsWritten:
    def test_structure_and_result(self, source, tmp_path):
        before = {p: p.read_bytes() for p in source.rglob("*") if p.is_file()}
        result = convert_folder(source, tmp_path / "new/target")
        expected = ["jazz/deep/two.wav", "jazz/three.wav", "rock/one.wav"]
        assert files(tmp_path / "new/target") == expected
        assert [Path(p) for p in result.converted] == [
            tmp_path / "new/target" / e for e in expected
        ]
        assert result.skipped == result.failures == result.warnings == ()
        assert {p: p.read_bytes() for p in source.rglob("*") if p.is_file()} == before

    @pytest.mark.parametrize(
        ("suffix", "fmt", "endian"),
        [(".au", "AU", "BIG"), (".au", "AU", "LITTLE"), (".flac", "FLAC", None),
         (".aiff", "AIFF", None), (".wav", "WAVEX", None)],
    )  # fmt: skip
    def test_16_bits_stay_bit_for_bit(self, tmp_path, suffix, fmt, endian):
        stereo = np.stack([full_range(), full_range()[::-1]], axis=1)
        write(tmp_path / f"a/x{suffix}", stereo, subtype="PCM_16", format=fmt, endian=endian)
        convert_folder(tmp_path / "a", tmp_path / "b")
        info = sf.info(tmp_path / "b/x.wav")
        assert (info.format, info.subtype, info.samplerate) == ("WAV", "PCM_16", RATE)
        assert np.array_equal(sf.read(tmp_path / "b/x.wav", dtype="int16")[0], stereo)

    @pytest.mark.parametrize("subtype", ["PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
    def test_more_than_16_bits_are_rounded(self, tmp_path, subtype):
        write(tmp_path / "a/x.wav", tone(2), subtype=subtype)
        convert_folder(tmp_path / "a", tmp_path / "b")
        samples, _ = sf.read(tmp_path / "b/x.wav")
        # Half a step of 16 bits, and one of 24 bits that the source has lost already.
        assert np.abs(samples - tone(2)).max() <= (0.5 + 1 / 256) / 32768

    def test_beyond_full_scale_is_clipped_not_wrapped(self, tmp_path):
        loud = np.array([2.0, 1.0, 0.5, -0.5, -1.0, -2.0] * RATE)
        write(tmp_path / "a/x.wav", loud, subtype="FLOAT")
        convert_folder(tmp_path / "a", tmp_path / "b")
        samples, _ = sf.read(tmp_path / "b/x.wav", dtype="int16")
        assert samples[:6].tolist() == [32767, 32767, 16384, -16384, -32768, -32768]

    def test_longer_than_one_block(self, tmp_path, monkeypatch):
        monkeypatch.setattr(convert, "_BLOCK", 1000)
        write(tmp_path / "a/x.au", full_range(), subtype="PCM_16")
        convert_folder(tmp_path / "a", tmp_path / "b")
        assert np.array_equal(sf.read(tmp_path / "b/x.wav", dtype="int16")[0], full_range())

    def test_silence_and_short_sounds_are_converted(self, tmp_path):
        write(tmp_path / "a/silent.flac", np.zeros(2 * RATE))
        write(tmp_path / "a/short.flac", tone(seconds=0.2))
        result = convert_folder(tmp_path / "a", tmp_path / "b")
        assert len(result.converted) == 2

    def test_mp3_keeps_its_length_and_channels(self, tmp_path):
        write(tmp_path / "a/x.mp3", tone(2, seconds=3.0))
        convert_folder(tmp_path / "a", tmp_path / "b")
        samples, rate = sf.read(tmp_path / "b/x.wav")
        assert samples.shape[1] == 2
        assert len(samples) / rate == pytest.approx(3.0, abs=0.1)
        middle = samples[RATE : 2 * RATE, 0]
        peak = np.argmax(np.abs(np.fft.rfft(middle)))
        assert peak == 440

    def test_names_with_dots_and_without_suffix(self, tmp_path):
        write(tmp_path / "a/Mr. Smith", tone(), format="FLAC")
        write(tmp_path / "a/blues.00000.au", tone())
        write(tmp_path / "a/LOUD.WAV", tone())
        convert_folder(tmp_path / "a", tmp_path / "b")
        assert files(tmp_path / "b") == ["LOUD.WAV", "Mr. Smith.wav", "blues.00000.wav"]

    def test_permissions_let_others_read(self, source, tmp_path):
        convert_folder(source, tmp_path / "target")
        assert (tmp_path / "target/rock/one.wav").stat().st_mode & 0o044 == 0o044

    @pytest.mark.data
    def test_real_clips(self, shared_data, tmp_path):
        source = shared_data / "gtzan/lossless"
        result = convert_folder(source, tmp_path)
        assert (len(result.converted), result.failures) == (28, ())
        for original in source.rglob("*.au"):
            samples, rate = sf.read(original, dtype="int16")
            wav = tmp_path / original.relative_to(source).with_suffix(".wav")
            ours, our_rate = sf.read(wav, dtype="int16")
            assert our_rate == rate == RATE
            assert np.array_equal(ours, samples)


class TestAgain:
    def test_what_is_done_is_skipped(self, source, tmp_path):
        first = convert_folder(source, tmp_path / "target")
        stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "target").rglob("*.wav")}
        again = convert_folder(source, tmp_path / "target")
        assert again.converted == ()
        assert again.skipped == first.converted
        assert {p: p.stat().st_mtime_ns for p in stamps} == stamps

    def test_a_newer_source_is_converted_again(self, source, tmp_path):
        convert_folder(source, tmp_path / "target")
        write(source / "rock/one.au", full_range()[::-1], subtype="PCM_16")
        later = time.time() + 10
        os.utime(source / "rock/one.au", (later, later))
        result = convert_folder(source, tmp_path / "target")
        assert [Path(p).name for p in result.converted] == ["one.wav"]
        samples, _ = sf.read(tmp_path / "target/rock/one.wav", dtype="int16")
        assert np.array_equal(samples, full_range()[::-1])

    def test_a_target_inside_the_source_is_not_its_own_source(self, source):
        convert_folder(source, source / "wav")
        again = convert_folder(source, source / "wav")
        assert (len(again.converted), len(again.skipped)) == (0, 3)
        assert files(source / "wav") == ["jazz/deep/two.wav", "jazz/three.wav", "rock/one.wav"]

    def test_beside_the_originals(self, source):
        first = convert_folder(source, source)
        assert len(first.converted) == 3
        assert (source / "rock/one.au").exists()
        again = convert_folder(source, source)
        assert (again.converted, again.failures) == ((), ())
        assert sorted(again.skipped) == sorted(first.converted)


class TestNothingIsOverwritten:
    def test_a_wav_that_would_replace_itself(self, tmp_path):
        done = write(tmp_path / "done.wav", full_range(), subtype="PCM_16")
        other = write(tmp_path / "fine.wav", tone(), subtype="PCM_24")
        before = done.read_bytes(), other.read_bytes()
        result = convert_folder(tmp_path, tmp_path)
        assert result.skipped == (str(done),)
        (failure,) = result.failures
        assert failure.path == str(other)
        assert failure.message == (
            "it is no 16-bit PCM WAV, and the converted file would take its place; "
            "choose another target folder"
        )
        assert (done.read_bytes(), other.read_bytes()) == before

    def test_an_older_wav_beside_the_original(self, tmp_path):
        old = write(tmp_path / "a.wav", tone(), subtype="PCM_16")
        write(tmp_path / "a.au", full_range(), subtype="PCM_16")
        os.utime(old, (1, 1))
        before = old.read_bytes()
        result = convert_folder(tmp_path, tmp_path)
        assert result.failures[0].path == str(tmp_path / "a.au")
        assert "older and would be overwritten; delete a.wav" in result.failures[0].message
        assert old.read_bytes() == before

    @pytest.mark.parametrize("other", ["a.mp3", "A.ogg"])
    def test_two_sources_of_one_name(self, tmp_path, other):
        write(tmp_path / "in/a.flac", tone())
        write(tmp_path / f"in/{other}", tone(seconds=3))
        for _ in range(2):
            result = convert_folder(tmp_path / "in", tmp_path / "out")
            assert len(result.converted) + len(result.skipped) == 1
            (failure,) = result.failures
            assert "another file of this folder becomes" in failure.message

    def test_the_lossless_one_wins(self, tmp_path):
        write(tmp_path / "in/a.mp3", tone(seconds=3))
        write(tmp_path / "in/a.wav", tone())
        result = convert_folder(tmp_path / "in", tmp_path / "out")
        assert [f.path for f in result.failures] == [str(tmp_path / "in/a.mp3")]

    def test_a_folder_in_the_way(self, source, tmp_path):
        (tmp_path / "target/rock/one.wav").mkdir(parents=True)
        result = convert_folder(source, tmp_path / "target")
        assert len(result.converted) == 2
        (failure,) = result.failures
        assert failure.path == str(source / "rock/one.au")
        assert "cannot write" in failure.message


class TestFailures:
    @pytest.mark.parametrize("content", [b"", b"these are words"])
    def test_false_audio_fails_alone(self, source, tmp_path, content):
        (source / "rock/fake.wav").write_bytes(content)
        result = convert_folder(source, tmp_path / "target")
        assert len(result.converted) == 3
        (failure,) = result.failures
        assert (failure.path, failure.error_type) == (
            str(source / "rock/fake.wav"),
            "AudioDecodeError",
        )

    def test_a_header_without_sound_fails_alone(self, source, tmp_path):
        write(source / "rock/none.wav", np.zeros(0))
        (source / "rock/broken.flac").write_bytes(b"fLaC" + bytes(100))
        result = convert_folder(source, tmp_path / "target")
        assert len(result.converted) == 3
        names = [Path(failure.path).name for failure in result.failures]
        assert names == ["broken.flac", "none.wav"]
        assert files(tmp_path / "target") == ["jazz/deep/two.wav", "jazz/three.wav", "rock/one.wav"]

    def test_samples_that_are_not_numbers(self, source, tmp_path):
        write(source / "rock/nan.wav", np.full(2 * RATE, np.nan), subtype="FLOAT")
        result = convert_folder(source, tmp_path / "target")
        assert "not numbers" in result.failures[0].message
        assert len(result.converted) == 3

    def test_a_damaged_mp3_gives_what_can_be_had_and_says_so(self, source, tmp_path):
        noise = np.random.default_rng(0).normal(scale=0.1, size=20 * RATE)
        song = write(source / "rock/cut.mp3", noise)
        whole = song.read_bytes()
        song.write_bytes(whole[: len(whole) // 2])
        result = convert_folder(source, tmp_path / "target")
        assert len(result.converted) == 4
        assert result.warnings
        assert all(str(song) in warning for warning in result.warnings)
        assert sf.info(tmp_path / "target/rock/cut.wav").duration == pytest.approx(10, abs=0.5)

    def test_a_cut_wav_gives_what_is_there_and_says_so(self, tmp_path):
        song = write(tmp_path / "in/cut.wav", tone(2, seconds=20))
        song.write_bytes(song.read_bytes()[: 44 + 10 * RATE * 4])
        result = convert_folder(tmp_path / "in", tmp_path / "out")
        (warning,) = result.warnings
        assert warning.startswith(f"{song}: 10.0 s of 20.0 s are in the file")
        samples, _ = sf.read(tmp_path / "out/cut.wav")
        assert np.abs(samples - tone(2, seconds=10)).max() < 1 / 32768

    def test_a_decoder_that_stops_early_is_not_believed(self, source, tmp_path, monkeypatch):
        def stops_early(original, temporary):
            Path(temporary).write_bytes(b"RIFF")
            return 0.4

        monkeypatch.setattr(convert, "_stream", stops_early)
        result = convert_folder(source, tmp_path / "target")
        assert sf.info(tmp_path / "target/jazz/deep/two.wav").duration == 1.5
        assert result.warnings == (f"{source / 'jazz/deep/two.flac'}: its 2 channels became one",)

    def test_longer_than_a_wav_can_hold(self, source, tmp_path, monkeypatch):
        monkeypatch.setattr(convert, "_LARGEST_WAV_BYTES", 2 * 60000)
        result = convert_folder(source, tmp_path / "target")
        assert [Path(f.path).name for f in result.failures] == ["two.flac", "one.au"]
        assert "longer than a WAV file can hold" in result.failures[0].message

    def test_no_audio(self, tmp_path):
        (tmp_path / "a").mkdir()
        with pytest.raises(DatasetError, match="holds no audio files"):
            convert_folder(tmp_path / "a", tmp_path / "b")
        assert not (tmp_path / "b").exists()

    def test_no_folder(self, tmp_path):
        with pytest.raises(DatasetError, match="does not exist; a folder was expected"):
            convert_folder(tmp_path / "a", tmp_path / "b")

    def test_a_target_that_cannot_be_made(self, source, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(DatasetError, match=r"cannot write into .*target: Not a dir") as caught:
            convert_folder(source, tmp_path / "file/target")
        assert "choose another target folder" in caught.value.hint

    def test_a_read_only_target(self, source, tmp_path, monkeypatch):
        def refuse(**_):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(convert.tempfile, "TemporaryFile", refuse)
        with pytest.raises(DatasetError, match=r"cannot write into .*target: Permission denied"):
            convert_folder(source, tmp_path / "target")

    def test_a_full_disk_ends_it(self, source, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(convert, "_stream", full)
        with pytest.raises(DatasetError, match=r"cannot write into .*: No space left") as caught:
            convert_folder(source, tmp_path / "target")
        assert "make room" in caught.value.hint
        assert files(tmp_path / "target") == []


class TestInterruption:
    def test_no_half_file_is_left(self, source, tmp_path, monkeypatch):
        def interrupted(original, temporary):
            Path(temporary).write_bytes(b"half")
            raise KeyboardInterrupt

        monkeypatch.setattr(convert, "_stream", interrupted)
        with pytest.raises(KeyboardInterrupt):
            convert_folder(source, tmp_path / "target")
        assert files(tmp_path / "target") == []

    def test_what_a_killed_run_left_is_removed(self, source, tmp_path):
        stale = tmp_path / "target/rock/.generify-abc.wav"
        fresh = tmp_path / "target/rock/.generify-def.wav"
        mine = tmp_path / "target/rock/.other.wav"
        stale.parent.mkdir(parents=True)
        for path in (stale, fresh, mine):
            path.write_bytes(b"half")
        for path in (stale, mine):
            os.utime(path, (time.time() - 3600,) * 2)
        convert_folder(source, tmp_path / "target")
        assert not stale.exists()
        # Another run may be writing to it at this moment.
        assert fresh.exists()
        assert mine.exists()

    def test_progress_counts_every_file(self, source, tmp_path):
        write(source / "jazz/three.mp3", tone())
        calls = []
        convert_folder(source, tmp_path / "t", progress=lambda done, n: calls.append((done, n)))
        assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
