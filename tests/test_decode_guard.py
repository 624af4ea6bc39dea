"""Limits of processes that decode: too much memory, output and time costs one song."""

from __future__ import annotations

import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import soundfile

from generify.audio import load_audio, probe_audio
from generify.decode_guard import SONG_MEMORY_BYTES
from generify.errors import AudioDecodeError, Failure
from generify.model import GenreModel
from generify.prediction import Prediction
from generify.results import SongResult
from generify.scan.listening import listen
from generify.scan.workers import WorkerSetup, listen_in_processes

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits memory")


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@linux
def test_memory_beyond_the_limit_is_refused() -> None:
    done = run(
        """
        import numpy as np
        from generify.decode_guard import limit_this_process
        limit_this_process(song_bytes=100_000_000)
        few = np.ones(8_000_000)  # 64 MB
        try:
            np.ones(20_000_000)
        except MemoryError:
            print("refused")
        """
    )
    assert done.stdout == "refused\n"


@linux
def test_a_mapped_file_is_no_memory(tmp_path: Path) -> None:
    """A recording of gigabytes is walked through by mapping it."""
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(3 * SONG_MEMORY_BYTES)
    done = run(
        """
        import mmap, sys
        from generify.decode_guard import limit_this_process
        limit_this_process()
        with open(sys.argv[1], "rb") as stream:
            print(len(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)))
        """,
        path,
    )
    assert done.stdout == f"{3 * SONG_MEMORY_BYTES}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no files")
def test_nothing_is_written_or_said(tmp_path: Path) -> None:
    done = run(
        """
        import os, sys
        from generify.decode_guard import limit_this_process
        limit_this_process()
        os.write(2, b"a C library's remark")
        try:
            with open(sys.argv[1], "wb") as stream:
                stream.write(b"x")
        except OSError as err:
            print(err.strerror)
        """,
        tmp_path / "file",
    )
    assert done.stdout == "File too large\n"
    assert done.stderr == ""
    assert (tmp_path / "file").stat().st_size == 0


def _greedy(folder: Path) -> Path:
    """Give a small file that is heard whole: a minute at the highest rate of FLAC, all silence."""
    path = folder / "greedy.flac"
    samples = np.zeros(655_350 * 59, dtype=np.int16)
    samples[::65_535] = 20_000
    soundfile.write(path, samples, 655_350)
    return path


@linux
def test_a_song_that_needs_too_much_memory_costs_itself_alone(
    music: Path, music_model: GenreModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            from pathlib import Path
            import generify.scan.workers as workers
            from generify.decode_guard import limit_this_process

            workers.limit_this_process = lambda: limit_this_process(song_bytes=200_000_000)

            if __name__ == "__main__":
                graph, *songs = sys.argv[1:]
                setup = workers.WorkerSetup(Path(graph).read_bytes(), "toy")
                for heard in workers.listen_in_processes(songs, setup, jobs=1, time_limit=60):
                    answer = heard.answer
                    print(type(answer).__name__, getattr(answer, "message", answer.path))
            """
        )
    )
    model = tmp_path / "toy.onnx"
    music_model.save(model)
    good = music / "tones/tones0.wav"
    greedy = _greedy(tmp_path)
    command = [sys.executable, str(script), str(model), str(good), str(greedy), str(good)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, second, third = done.stdout.splitlines()
    assert first == third == f"Prediction {good}"
    assert second.startswith(f"Failure {greedy}: ")
    assert "memory" in second


def test_honest_songs_stay_far_below_the_limit(
    music_model: GenreModel, tmp_path: Path, music: Path
) -> None:
    """The most that is heard at once: a minute of eight channels at 192 kHz."""
    path = tmp_path / "eight.flac"
    one = np.random.default_rng(0).normal(0, 0.1, 192_000 * 5).astype(np.float32)
    with soundfile.SoundFile(path, "w", 192_000, 8) as stream:
        for _ in range(11):
            stream.write(np.repeat(one[:, np.newaxis], 8, axis=1))
    setup = WorkerSetup(music_model.graph, "toy")
    (heard,) = listen_in_processes([str(path)], setup, jobs=1, time_limit=300)
    assert isinstance(heard, SongResult)
    assert isinstance(heard.answer, Prediction)
    assert heard.answer.analysed == pytest.approx(55)


def _wav_head(rate: int, n_channels: int, n_bytes: int) -> bytes:
    align = 2 * n_channels
    fmt = struct.pack("<HHIIHH", 1, n_channels, rate, rate * align & 0xFFFFFFFF, align & 65535, 16)
    head = b"RIFF" + struct.pack("<I", n_bytes + 36) + b"WAVEfmt \x10\0\0\0" + fmt
    return head + b"data" + struct.pack("<I", n_bytes)


def test_a_sample_rate_that_nothing_has(tmp_path: Path) -> None:
    path = tmp_path / "rate.wav"
    path.write_bytes(_wav_head(10**9, 1, 10_000) + bytes(10_000))
    with pytest.raises(
        AudioDecodeError, match=r"states a sample rate of 1,000,000,000 Hz, at most 1,500,000 Hz"
    ):
        probe_audio(path)


def test_many_channels_are_read_in_small_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block of 255 channels would else be 1 GB."""
    path = tmp_path / "many.wav"
    samples = 0.1 * np.random.default_rng(0).normal(size=(8000, 255))
    soundfile.write(path, samples, 8000)
    asked: list[int] = []
    read = soundfile.SoundFile.read

    def noted(self: soundfile.SoundFile, frames: int, *rest: object, **more: object) -> object:
        asked.append(frames)
        return read(self, frames, *rest, **more)

    monkeypatch.setattr("generify.decoders._BLOCK_FRAMES", 100_000)
    monkeypatch.setattr(soundfile.SoundFile, "read", noted)
    heard = load_audio(path)
    assert max(asked) <= 2 * 100_000 // 255
    np.testing.assert_allclose(heard.samples, samples.mean(axis=1), atol=1e-4)


def test_no_more_is_decoded_than_the_header_states(tmp_path: Path) -> None:
    """Hours may lie behind a header that states seconds; a second more is for rounding."""
    from fuzz.seeds import encode, sound

    data = bytearray(encode(sound(10.0), "aac", "ipod", 16000))
    for box in (b"mvhd", b"mdhd", b"tkhd"):
        where = data.index(box) + (24 if box == b"tkhd" else 20)
        stated = int.from_bytes(data[where : where + 4], "big")
        data[where : where + 4] = (stated // 5).to_bytes(4, "big")
    path = tmp_path / "more.m4a"
    path.write_bytes(data)
    assert probe_audio(path).duration == pytest.approx(2.0, abs=0.1)
    heard = load_audio(path)
    assert 1.9 <= len(heard.samples) / heard.sample_rate <= 3.1


def test_a_failure_says_what_to_do(
    music: Path, music_model: GenreModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("generify.scan.listening.predict", run_out)
    song = str(music / "tones/tones0.wav")
    heard = listen(song, music_model)
    assert isinstance(heard, SongResult)
    assert heard.answer == Failure(
        song,
        "AudioDecodeError",
        f"{song}: needs more memory than a song may take; "
        "cut it, or lower its sample rate or number of channels",
    )
