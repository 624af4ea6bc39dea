"""A folder of audio in any format → the same folder as 16-bit PCM WAV.

Sample rate and channels are kept, the folder structure too, and so are the originals; the samples
of a 16-bit source come out bit for bit. A file appears under its name only when it is complete,
what is converted already is skipped, and a file that fails does not stop the others.

In it: :func:`convert_folder`, :class:`ConvertResult`.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from generify.atomic import TEMPORARY_PREFIX, cure_for, replacing
from generify.audio import is_audio, load_audio, probe_audio
from generify.datasets.listing import (
    bare_name,
    has_audio_suffix,
    list_files,
    may_be_audio,
    no_song,
    preference,
)
from generify.errors import (
    AudioDecodeError,
    DatasetError,
    Failure,
    GenerifyError,
    NothingThereError,
)
from generify.native_stderr import quiet_native_stderr
from generify.progress import Progress

__all__ = ["ConvertResult", "convert_folder"]

# A file being written changes every few milliseconds; one untouched for a minute was abandoned.
_ABANDONED_AFTER = 60.0
_BLOCK = 1 << 18
# Decoders count a codec's padding differently; less than this is no loss.
_SHORTFALL = 0.1
# Sizes in a WAV header have 32 bits.
_LARGEST_WAV_BYTES = 2**32 - 64
# These concern every file to come, so there is no point in going on.
_TARGET_UNUSABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class ConvertResult:
    """What became of the files of a folder.

    Attributes
    ----------
    converted : tuple of str
        WAV files written.
    skipped : tuple of str
        WAV files that were there already, not older than their source.
    failures : tuple of Failure
        Sources that could not be converted, and why.
    warnings : tuple of str
        Sources of which something was lost, one line each.
    """

    converted: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()


def convert_folder(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> ConvertResult:
    """Convert all audio below a folder to 16-bit PCM WAV.

    Parameters
    ----------
    source : str or path-like
        Folder with audio, at any depth.
    target : str or path-like
        Folder to write to, made if need be; the same as `source` puts each WAV beside its original.
    progress : callable, optional
        Called with (files done, files in all) after each file.

    Returns
    -------
    ConvertResult
        What was converted, skipped, and what failed.

    Raises
    ------
    NothingThereError
        When the source does not exist, is no folder, or nothing in it may be audio.
    DatasetError
        When none of its songs can be read, or the target cannot be written or is full.

    Notes
    -----
    Memory does not grow with the length of a song, except for formats that only PyAV reads and for
    damaged files; those are decoded whole, and to mono. Interrupting leaves no partial file under a
    final name. Two runs may write to one target at once.
    """
    source, target = Path(source), Path(target)
    songs, failures = _find_songs(source, target)
    _prepare(target)
    taken: set[str] = set()
    results = [ConvertResult(failures=tuple(failures))]
    for n_done, song in enumerate(songs, start=1):
        results.append(_convert_one(source / song, target / _wav_name(song), taken))
        if progress is not None:
            progress(n_done, len(songs))
    return _together(results)


def _together(results: list[ConvertResult]) -> ConvertResult:
    return ConvertResult(
        tuple(path for result in results for path in result.converted),
        tuple(dict.fromkeys(path for result in results for path in result.skipped)),
        tuple(failure for result in results for failure in result.failures),
        tuple(warning for result in results for warning in result.warnings),
    )


def _convert_one(original: Path, final: Path, taken: set[str]) -> ConvertResult:
    try:
        if _is_done(original, final, taken):
            return ConvertResult(skipped=(str(final),))
        warnings = _convert(original, final)
    except GenerifyError as err:
        if isinstance(err.__cause__, OSError) and err.__cause__.errno in _TARGET_UNUSABLE:
            raise _unusable(final.parent, err.__cause__) from err
        return ConvertResult(failures=(Failure.from_error(original, err),))
    except OSError as err:
        message = f"{final} cannot be reached: {err.strerror}"
        error = DatasetError(message, hint=cure_for(err))
        return ConvertResult(failures=(Failure.from_error(original, error),))
    return ConvertResult(converted=(str(final),), warnings=tuple(warnings))


def _find_songs(source: Path, target: Path) -> tuple[list[PurePosixPath], list[Failure]]:
    """List the audio below a folder, best format first, and the failures of what only claims it."""
    inside = target.resolve().is_relative_to(source.resolve()) and not _is_same(source, target)
    listing = list_files(source, leave_out=target if inside else None)
    songs, failures = [], list(listing.failures)
    for file in filter(may_be_audio, listing.files):
        if is_audio(source / file):
            songs.append(file)
        elif has_audio_suffix(file):
            failures.append(no_song(source / file))
    if not songs:
        kind = DatasetError if failures else NothingThereError
        raise kind(f"{source} holds no audio files", hint="give a folder with songs below it")
    return sorted(songs, key=lambda song: (_wav_name(song), preference(song))), failures


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _wav_name(song: PurePosixPath) -> PurePosixPath:
    # A WAV keeps its name even as .WAV, or it would be copied beside itself.
    return song if song.suffix.lower() == ".wav" else song.with_name(f"{bare_name(song)}.wav")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise _unusable(folder, err) from err


def _prepare(target: Path) -> None:
    """Make the target, be sure it can be written, and remove what a killed run left there."""
    _make_folder(target)
    try:
        tempfile.TemporaryFile(dir=target, prefix=TEMPORARY_PREFIX).close()
        for temporary in target.rglob(f"{TEMPORARY_PREFIX}*.[wW][aA][vV]"):
            _remove_abandoned(temporary)
    except OSError as err:
        raise _unusable(target, err) from err


def _remove_abandoned(temporary: Path) -> None:
    with suppress(OSError):
        if time.time() - temporary.stat().st_mtime > _ABANDONED_AFTER:
            temporary.unlink()


def _unusable(target: Path, err: OSError) -> DatasetError:
    return DatasetError(
        f"cannot write into {target}: {err.strerror}",
        hint="choose another target folder, change its permissions, or make room",
    )


def _is_done(original: Path, final: Path, taken: set[str]) -> bool:
    """Tell whether a song needs no converting; claim its final name for it otherwise."""
    if _is_same(original, final):
        return _is_plain_wav(original)
    # Folded, because two names that differ in case are one file on macOS and Windows.
    name = str(final).casefold()
    if name in taken:
        raise DatasetError(
            f"another file of this folder becomes {final.name} already",
            hint="rename one of them, or keep only one",
        )
    taken.add(name)
    if not final.is_file():
        return False
    if final.stat().st_mtime_ns >= original.stat().st_mtime_ns:
        return True
    if _is_same(original.parent, final.parent):
        raise DatasetError(
            f"{final.name} beside it is older and would be overwritten",
            hint=f"delete {final.name} to convert again, or choose another target folder",
        )
    return False


def _is_plain_wav(path: Path) -> bool:
    import soundfile

    with suppress(soundfile.LibsndfileError):
        info = soundfile.info(os.fspath(path))
        if (info.format, info.subtype) in {("WAV", "PCM_16"), ("WAVEX", "PCM_16")}:
            return True
    raise DatasetError(
        "it is no 16-bit PCM WAV, and the converted file would take its place",
        hint="choose another target folder",
    )


def _convert(original: Path, final: Path) -> list[str]:
    """Write one file; return what was lost."""
    info = probe_audio(original)
    _make_folder(final.parent)
    with replacing(final, DatasetError) as temporary:
        seconds = _stream(original, temporary) if info.decoder == "soundfile" else 0.0
        if seconds and info.duration - seconds <= _SHORTFALL:
            lost = info.warnings
        else:
            lost = _write_decoded(original, temporary, info.n_channels)
    return [f"{original}: {what}" for what in lost]


def _stream(original: Path, temporary: Path) -> float:
    """Copy all channels block by block; return the seconds that soundfile gave, 0 on an error."""
    import soundfile

    n_written = 0
    try:
        with quiet_native_stderr(), soundfile.SoundFile(os.fspath(original)) as song:
            _check_size(song.frames * song.channels)
            with _wav(temporary) as wav:
                wav.setparams((song.channels, 2, song.samplerate, 0, "NONE", ""))
                while len(block := song.read(_BLOCK, dtype="float32", always_2d=True)):
                    wav.writeframesraw(_pcm(block))
                    n_written += len(block)
            return float(n_written / song.samplerate)
    except soundfile.LibsndfileError:
        return 0.0


def _write_decoded(original: Path, temporary: Path, n_channels: int) -> tuple[str, ...]:
    audio = load_audio(original, allow_silence=True)
    _check_size(len(audio.samples))
    with _wav(temporary) as wav:
        wav.setparams((1, 2, audio.sample_rate, 0, "NONE", ""))
        wav.writeframesraw(_pcm(audio.samples))
    mono = (f"its {n_channels} channels became one",) if n_channels > 1 else ()
    return (*audio.warnings, *mono)


@contextmanager
def _wav(path: Path) -> Iterator[wave.Wave_write]:
    # Given a path that cannot be opened, wave complains on stderr when it is thrown away.
    with path.open("wb") as stream, wave.open(stream, "wb") as wav:
        yield wav


def _check_size(n_samples: int) -> None:
    if 2 * n_samples > _LARGEST_WAV_BYTES:
        raise DatasetError("it is longer than a WAV file can hold (4 GiB)", hint="cut it in two")


def _pcm(samples: NDArray[np.float32]) -> bytes:
    """Quantise to 16 bits; exact for what was 16 bits before."""
    if not np.isfinite(samples).all():
        raise AudioDecodeError("it holds samples that are not numbers (NaN or infinite)")
    pcm: NDArray[np.int16] = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2")
    return pcm.tobytes()
