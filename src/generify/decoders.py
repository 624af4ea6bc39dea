"""The two decoders: soundfile for what it can read, PyAV for everything else.

Both turn a file into mono float32 samples at its own rate and give back what they could decode,
with a complaint where something was wrong; which result to keep is decided in
:mod:`generify.audio`. soundfile comes first because it is faster and runs in threads; PyAV (104 MB
of FFmpeg) is imported only when it is needed, 70 ms.

In it: :class:`Stream`, :class:`Decoded`, :class:`RefusedError`, :class:`SoundfileDecoder`,
:class:`PyavDecoder`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from generify.containers import sniff_format
from generify.native_stderr import quiet_native_stderr

__all__ = [
    "Decoded",
    "Decoder",
    "NoSoundError",
    "PyavDecoder",
    "RefusedError",
    "SoundfileDecoder",
    "Stream",
]

# Of stereo; fewer of more channels. At 44.1 kHz 24 s and 8 MB: large enough to be fast, small
# enough to bound memory.
_BLOCK_FRAMES = 1 << 20
_ENDLESS = 1 << 60
_POINTERS = 8  # to channels, in a frame of FFmpeg's


class RefusedError(Exception):
    """A decoder could make nothing of a file; its message says why."""


class NoSoundError(RefusedError):
    """A film or picture without sound."""


@dataclass(frozen=True)
class Stream:
    """The sound in a file, undecoded.

    Attributes
    ----------
    duration : float
        Length in seconds, as far as the decoder knows.
    sample_rate : int
        In Hz.
    n_channels : int
        Number of channels.
    """

    duration: float
    sample_rate: int
    n_channels: int


@dataclass(frozen=True)
class Decoded:
    """What a decoder made of a stretch.

    Attributes
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Mean of the channels.
    sample_rate : int
        In Hz.
    complaint : str
        What the decoder ran into, empty when nothing.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    complaint: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


class Decoder(Protocol):
    """What both decoders do."""

    name: str

    def probe(self, path: Path) -> Stream:
        """Describe the sound in a file without decoding it.

        Parameters
        ----------
        path : Path
            The file.

        Returns
        -------
        Stream
            Its rate, channels and length.

        Raises
        ------
        RefusedError
            When this decoder cannot read the file.
        """

    def read(self, path: Path, start: float, duration: float | None) -> Decoded:
        """Decode a stretch, or as much of it as can be had.

        Parameters
        ----------
        path : Path
            The file.
        start : float
            Where it begins, in seconds.
        duration : float or None
            Its length in seconds; None stands for the rest.

        Returns
        -------
        Decoded
            Mono samples at the file's own rate.

        Raises
        ------
        RefusedError
            When this decoder can read nothing of it.
        """


class SoundfileDecoder:
    """The decoder libsndfile: WAV, AU, AIFF, FLAC, Ogg, Opus, MP3 and older formats."""

    name = "soundfile"

    def probe(self, path: Path) -> Stream:
        """Describe the sound in a file without decoding it.

        Parameters
        ----------
        path : Path
            An audio file.

        Returns
        -------
        Stream
            As the header states it.

        Raises
        ------
        RefusedError
            When libsndfile cannot open it.
        """
        with self._open(path) as sound:
            # None: a header that a pipe left unfinished. Endless: a chain of songs of two kinds.
            if not 0 < sound.frames < _ENDLESS:
                raise RefusedError("no length can be told")
            return Stream(sound.frames / sound.samplerate, sound.samplerate, sound.channels)

    def read(self, path: Path, start: float, duration: float | None) -> Decoded:
        """Decode a stretch, or as much of it as can be had.

        Parameters
        ----------
        path : Path
            An audio file.
        start : float
            Where to begin, in seconds.
        duration : float or None
            How much, in seconds; None for everything up to the end.

        Returns
        -------
        Decoded
            Possibly shorter than asked for.

        Raises
        ------
        RefusedError
            When libsndfile cannot open it.
        """
        with self._open(path) as sound:
            first = round(start * sound.samplerate)
            last = sound.frames
            if duration is not None:
                last = min(last, first + round(duration * sound.samplerate))
            blocks, complaint = self._read_blocks(sound, first, last)
            return Decoded(_joined(blocks), sound.samplerate, complaint)

    @staticmethod
    @contextmanager
    def _open(path: Path) -> Iterator[soundfile.SoundFile]:
        with quiet_native_stderr(), path.open("rb") as stream:
            try:
                # Of a file of unknown kind libsndfile would believe the name, so it gets none.
                sound = soundfile.SoundFile(_native_name(path) if sniff_format(path) else stream)
            except soundfile.LibsndfileError as err:
                raise RefusedError(_sndfile_reason(err)) from err
            except TypeError as err:  # soundfile takes a file named .raw for one without a header
                raise RefusedError(str(err)) from err
            with sound:
                yield sound

    @staticmethod
    def _read_blocks(
        sound: soundfile.SoundFile, first: int, last: int
    ) -> tuple[list[NDArray[np.float32]], str]:
        blocks: list[NDArray[np.float32]] = []
        if first >= last:
            return blocks, "ends before the stretch"
        try:
            while first < last:
                n_frames = max(1, 2 * _BLOCK_FRAMES // sound.channels)
                block = _read_block(sound, first, min(n_frames, last - first))
                if not len(block):
                    return blocks, "ends early"
                blocks.append(block)
                first += len(block)
        except soundfile.LibsndfileError as err:
            return blocks, _sndfile_reason(err)
        return blocks, ""


def _read_block(sound: soundfile.SoundFile, first: int, n_frames: int) -> NDArray[np.float32]:
    # A frame of an MP3 may lean on bits of many before it. Behind a seek libsndfile takes up too
    # few of them and gives up to 0.1 s of zeros, and soundfile seeks after every read: so half a
    # second more is decoded in the same read and thrown away.
    lead = min(first, sound.samplerate // 2) if sound.format == "MP3" else 0
    sound.seek(first - lead)
    # to float by libsndfile would take ten times as long
    kind = "int16" if sound.subtype == "PCM_16" else "float32"
    block = sound.read(lead + n_frames, kind, always_2d=True)[lead:]
    return _mean_of_channels(block, full_scale=2.0**15 if kind == "int16" else 1.0)


def _mean_of_channels(block: NDArray[Any], full_scale: float) -> NDArray[np.float32]:
    """Average the columns: one by one, as a mean along rows as short takes twenty times as long."""
    first, *others = block.T
    mono: NDArray[np.float32] = first.astype(np.float32)
    for channel in others:
        mono += channel
    mono *= np.float32(1 / (full_scale * block.shape[1]))
    return mono


def _native_name(path: Path) -> bytes | str:
    # As bytes a name need not be valid UTF-8; Windows has no such names and takes no bytes.
    return os.fsencode(path) if os.name == "posix" else str(path)


def _sndfile_reason(error: soundfile.LibsndfileError) -> str:
    reason: str = error.error_string.strip().rstrip(".")
    # What libsndfile says when its MP3 decoder gives up; the file is there, we have opened it.
    return "no valid frames" if reason.startswith("File does not exist") else reason


@dataclass(frozen=True)
class _Frame:
    """A decoded frame and its time in the song."""

    time: float
    sample_rate: int
    samples: NDArray[np.float32]


class PyavDecoder:
    """FFmpeg through PyAV: M4A, WMA, WebM, WavPack and all that libsndfile refuses."""

    name = "pyav"

    # Demuxers that follow references to other files or to the network (HLS, concat, DASH …) stay
    # shut: a song never needs them and an uploaded one must not reach out.
    _DEMUXERS = (
        "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,iff,matroska,webm,mov,mp4,m4a,"
        "3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,ogg,oma,rm,tak,truehd,tta,voc,w64,wav,wv"
    )
    # No length is stated, or FFmpeg guesses: from bit rates, or in Ogg it takes the last song's.
    _UNSTATED = frozenset(
        ("aac", "ac3", "eac3", "amr", "dts", "mp3", "mpegts", "mpeg", "ogg", "truehd")
    )
    # MP3 frames lean on the ten before them, AAC and Opus on two: a second covers all.
    _PREROLL = 1.0
    # How many unreadable places to step over before giving a file up.
    _MAX_FAULTS = 2000

    def probe(self, path: Path) -> Stream:
        """Describe the sound in a file without decoding it.

        Parameters
        ----------
        path : Path
            An audio file.

        Returns
        -------
        Stream
            As the header states it; packets are counted where it states no length.

        Raises
        ------
        RefusedError
            When FFmpeg cannot open it or finds no sound in it.
        """
        with self._open(path) as container:
            stream = self._audio_stream(container)
            duration = 0.0
            if container.format.name not in self._UNSTATED:
                duration = self._stated_duration(container, stream)
            duration = duration or self._counted_duration(container, stream)
            context = stream.codec_context
            return Stream(duration, context.sample_rate, context.channels)

    def read(self, path: Path, start: float, duration: float | None) -> Decoded:
        """Decode a stretch, or as much of it as can be had, stepping over damaged packets.

        Parameters
        ----------
        path : Path
            An audio file.
        start : float
            Where to begin, in seconds.
        duration : float or None
            How much, in seconds; None for everything up to the end.

        Returns
        -------
        Decoded
            Possibly shorter than asked for.

        Raises
        ------
        RefusedError
            When FFmpeg cannot open it or finds no sound in it.
        """
        with self._open(path) as container:
            stream = self._audio_stream(container)
            if start > self._PREROLL:
                self._seek(container, stream, start - self._PREROLL)
            faults: list[str] = []
            end = math.inf if duration is None else start + duration
            blocks, rate = _cut_out(self._frames(container, stream, faults), start, end)
            complaint = f"{len(faults)} damaged packets, the first: {faults[0]}" if faults else ""
            return Decoded(_joined(blocks), rate or stream.codec_context.sample_rate, complaint)

    def _open(self, path: Path) -> Any:
        import av

        try:
            return av.open(
                f"file:{path}",  # or a file named http:… would be fetched
                metadata_errors="ignore",
                options={"protocol_whitelist": "file", "format_whitelist": self._DEMUXERS},
            )
        except av.ArgumentError as err:
            raise RefusedError("not a format for sound") from err
        except (av.FFmpegError, ValueError, OSError) as err:
            raise RefusedError(getattr(err, "strerror", None) or str(err)) from err

    @staticmethod
    def _audio_stream(container: Any) -> Any:
        streams = container.streams.audio
        for stream in streams:
            if stream.codec_context is not None and stream.codec_context.sample_rate:
                return stream
        if streams:
            raise RefusedError("sound of an unknown kind")
        kinds = " and ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise NoSoundError(f"no audio stream, only {kinds}")

    @staticmethod
    def _stated_duration(container: Any, stream: Any) -> float:
        if stream.duration:
            return float(stream.duration * stream.time_base)
        return float(container.duration or 0) / 1e6

    def _counted_duration(self, container: Any, stream: Any) -> float:
        seconds = 0.0
        for packet in self._packets(container, stream, []):
            seconds += float((packet.duration or 0) * stream.time_base)
        return seconds

    @staticmethod
    def _seek(container: Any, stream: Any, seconds: float) -> None:
        import av

        target = int(seconds / stream.time_base) + (stream.start_time or 0)
        try:
            container.seek(target, stream=stream)
        except av.FFmpegError:
            with suppress(av.FFmpegError):  # else it is decoded from where the demuxer stands
                container.seek(0)

    def _packets(self, container: Any, stream: Any, faults: list[str]) -> Iterator[Any]:
        """Demux, going on behind places that cannot be read."""
        import av

        while len(faults) < self._MAX_FAULTS:
            try:
                yield from container.demux(stream)
            except av.EOFError:
                return
            except (av.FFmpegError, IndexError) as err:  # the latter: a stream that begins late
                faults.append(getattr(err, "strerror", str(err)))
            else:
                return

    def _frames(self, container: Any, stream: Any, faults: list[str]) -> Iterator[_Frame]:
        """Decode frame by frame, leaving out packets that cannot be decoded."""
        import av

        # The first sound of an MP3 or a broadcast has a time stamp above 0.
        origin, expected = stream.start_time or 0, 0.0
        for packet in self._packets(container, stream, faults):
            try:
                frames = [_readable(frame) for frame in packet.decode()]
            except av.FFmpegError as err:
                faults.append(err.strerror)
                continue
            for frame in frames:
                time = expected
                if frame.pts is not None:
                    time = float((frame.pts - origin) * frame.time_base)
                expected = time + frame.samples / frame.sample_rate
                yield _Frame(time, frame.sample_rate, _mono(frame))


def _cut_out(
    frames: Iterable[_Frame], start: float, end: float
) -> tuple[list[NDArray[np.float32]], int]:
    """Keep the samples from start to end, and say their rate.

    Only the first frame is trimmed by its time: time stamps of some containers are whole
    milliseconds, and trimming each frame by them would tear the sound.
    """
    blocks: list[NDArray[np.float32]] = []
    rate, taken, wanted = 0, 0, math.inf
    for frame in frames:
        if not rate:
            rate = frame.sample_rate
            wanted = math.inf if math.isinf(end) else round((end - start) * rate)
        if taken >= wanted or frame.time >= end + 0.01:
            break
        if frame.sample_rate != rate:  # a damaged header that happens to be a valid one
            continue
        first = 0 if blocks else max(0, round((start - frame.time) * rate))
        block = frame.samples[first:]
        if len(block):
            blocks.append(block[: int(min(len(block), wanted - taken))])
            taken += len(blocks[-1])
    return blocks, rate


def _readable(frame: Any) -> Any:
    """Interleave the channels where PyAV cannot give them one by one.

    It takes whatever lies behind the pointers to eight channels for further ones (18.1), and ends
    the process where that is none.
    """
    import av

    if not frame.format.is_planar or frame.layout.nb_channels < _POINTERS:
        return frame
    packed = av.AudioResampler(frame.format.packed, frame.layout, frame.sample_rate)
    (whole,) = packed.resample(frame)
    return whole


def _mono(frame: Any) -> NDArray[np.float32]:
    """Average a frame's channels, at full scale ±1."""
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(frame.samples, -1).T
    kind = data.dtype.kind
    mono: NDArray[Any] = data.mean(axis=0, dtype=np.float32 if kind == "f" else np.float64)
    if kind == "u":
        mono = (mono - 128) / 128
    elif kind == "i":
        mono = mono / 2.0 ** (8 * data.dtype.itemsize - 1)
    return mono.astype(np.float32, copy=False)


def _joined(blocks: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
