"""The genre in a file's tags, read and written in place by mutagen (extra ``tags``).

The artist is read too, and never written.
One file at a time and nothing around it: what may be written, and how a library survives a power
cut, is for :mod:`generify.tagging`, which lets :func:`write_genres` work on a copy.

The format is told by content, never by name. A genre lies in ``TCON`` of ID3 (MP3, AIFF and WAV),
``GENRE`` of Vorbis comments (FLAC, Ogg Vorbis, Opus, Speex), ``©gen`` of MP4 and ``WM/Genre`` of
WMA. Several genres are the format's own list. ID3v2.3, which has no list of free names, gets them
parted by NUL, as most programs do: a strict reader then shows the first, whereas "/" between them
would make one genre of two, and two of "Hip-Hop/Rap".

In it: :func:`read_genres`, :func:`write_genres`, :func:`read_artist`, :class:`TagError`,
:data:`WRITABLE_FORMATS`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from generify.atomic import cure_for
from generify.containers import iter_chunks, sniff_format
from generify.errors import GenerifyError, MissingExtraError
from generify.genre_names import letters_of

__all__ = [
    "WRITABLE_FORMATS",
    "TagError",
    "read_artist",
    "read_genres",
    "write_genres",
]

_MPEG = frozenset(("MP1", "MP2", "MP3"))
_OGG = frozenset(("OGG", "OPUS", "SPEEX"))
WRITABLE_FORMATS = _MPEG | _OGG | {"FLAC", "M4A", "MP4", "WMA", "AIFF", "WAV"}
"""Formats as :func:`generify.containers.sniff_format` names them."""

_ID3V1_BYTES = 128
_NO_ID3V1_GENRE = 255
# Padding and comments: all else in a FLAC's head must come through unchanged.
_FLAC_OWN_BLOCKS = (1, 4)


class TagError(GenerifyError):
    """Tags that cannot be read, written or brought back."""


class _Tagged(Protocol):
    """A file's tags, loaded."""

    def genres(self) -> list[str]: ...

    def artists(self) -> list[str]: ...

    def others(self) -> dict[str, str]:
        """Everything but the genre, as text that tells whether it changed."""
        ...

    def write(self, genres: Sequence[str]) -> None: ...


def read_genres(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read the genres in a file's tags.

    Parameters
    ----------
    path : str or path-like
        An audio file of one of :data:`WRITABLE_FORMATS`.

    Returns
    -------
    tuple of str
        In the file's order, each once, without blank ones; empty where the file names no genre.
        Where the main tag names none, an MP3's ID3v1 and APEv2 tags and a WAV's LIST chunk count.

    Raises
    ------
    TagError
        When the file cannot be read, is of another format, or its tags are damaged.
    MissingExtraError
        When mutagen is not installed.

    Examples
    --------
    >>> read_genres("song.mp3")  # doctest: +SKIP
    ('Hip-Hop', 'Jazz')
    """
    with _explained(path, "read"):
        fmt = _format_of(path)
        found = _names(_open(path, fmt).genres())
        return found or _names(_genres_elsewhere(path, fmt))


def read_artist(path: str | os.PathLike[str]) -> str | None:
    """Read who plays, by a file's tags.

    Parameters
    ----------
    path : str or path-like
        An audio file of one of :data:`WRITABLE_FORMATS`.

    Returns
    -------
    str or None
        The first artist that the main tag names (not that of the album, which may be a
        compilation); None where it names none.

    Raises
    ------
    TagError
        When the file cannot be read, is of another format, or its tags are damaged.
    MissingExtraError
        When mutagen is not installed.

    Examples
    --------
    >>> read_artist("song.mp3")  # doctest: +SKIP
    'Kelly Joe Phelps'
    """
    with _explained(path, "read"):
        return next(iter(_names(_open(path, _format_of(path)).artists())), None)


def write_genres(path: str | os.PathLike[str], genres: Sequence[str]) -> None:
    """Write genres into a file's tags, in place of those that it names.

    Parameters
    ----------
    path : str or path-like
        An audio file of one of :data:`WRITABLE_FORMATS`. Changed in place: a power cut in the
        middle leaves half a file, so give a copy.
    genres : sequence of str
        One or more names.

    Raises
    ------
    TagError
        When the file cannot be written, or would not hold these genres and its other tags as they
        were; the file is spoilt then.
    MissingExtraError
        When mutagen is not installed.

    Notes
    -----
    ID3v2.3 stays 2.3 and 2.4 stays 2.4; 2.2, which mutagen does not write, becomes 2.3; a new tag
    is 2.4. An ID3v1 tag keeps all but its genre.
    """
    with _explained(path, "written"):
        fmt = _format_of(path)
        tagged = _open(path, fmt)
        before = tagged.others()
        tagged.write(genres)
        after = _open(path, fmt)
        if after.others() != before:
            raise TagError(f"{path}: other tags would change too", hint="mend its tags first")
        if tuple(after.genres()) != tuple(genres):
            raise TagError(
                f"{path}: the genre {', '.join(genres)} cannot be kept in this format",
                hint="give it another name with a vocabulary of your own",
            )


@contextmanager
def _explained(path: str | os.PathLike[str], done: str) -> Iterator[None]:
    try:
        yield
    except GenerifyError:
        raise
    except ModuleNotFoundError as err:
        raise MissingExtraError.for_extra("tags", "mutagen") from err
    except OSError as err:
        reason = err.strerror or err
        message = f"{os.fspath(path)}: cannot be {done} ({reason})"
        raise TagError(message, hint=cure_for(err, "check that it is there and yours")) from err
    except Exception as err:  # on damaged files mutagen lets errors of all kinds through
        reason = str(err) or type(err).__name__
        raise TagError(
            f"{os.fspath(path)}: its tags cannot be {done} ({reason})",
            hint="the file is damaged or of a rare kind; mend it with a tag editor",
        ) from err


def _format_of(path: str | os.PathLike[str]) -> str:
    fmt = sniff_format(Path(path))
    if fmt in WRITABLE_FORMATS:
        return fmt
    what = f"holds {fmt}" if fmt else "is not an audio file that is known"
    raise TagError(
        f"{os.fspath(path)}: {what}; genres are kept in MP3, FLAC, Ogg, Opus, MP4, WMA, AIFF, WAV"
    )


def _names(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip() for value in values if value.strip()))


def _open(path: str | os.PathLike[str], fmt: str) -> _Tagged:
    name = os.fspath(path)
    if fmt in _MPEG:
        return _Id3(name)
    if fmt in ("AIFF", "WAV"):
        return _Id3Chunk(name, fmt)
    import mutagen
    from mutagen import asf, flac, mp4, oggflac, oggopus, oggspeex, oggvorbis

    if fmt in _OGG:
        kinds = [oggvorbis.OggVorbis, oggopus.OggOpus, oggflac.OggFLAC, oggspeex.OggSpeex]
        audio = mutagen.File(name, options=kinds)
        return _Keyed(audio, "genre", "artist")
    if fmt == "FLAC":
        return _Keyed(flac.FLAC(name), "genre", "artist")
    if fmt == "WMA":
        return _Keyed(asf.ASF(name), "WM/Genre", "Author")
    return _Keyed(mp4.MP4(name), "\xa9gen", "\xa9ART")


class _Keyed:
    """Tags that are a mapping from a key to a list of values."""

    def __init__(self, audio: Any, key: str, artist: str) -> None:
        self._audio, self._key, self._artist = audio, key, artist

    def genres(self) -> list[str]:
        return [str(value) for value in (self._audio.tags or {}).get(self._key, [])]

    def artists(self) -> list[str]:
        return [str(value) for value in (self._audio.tags or {}).get(self._artist, [])]

    def others(self) -> dict[str, str]:
        tags = self._audio.tags or {}
        own = self._key.lower()
        kept = {key: repr(tags[key]) for key in tags.keys() if key.lower() != own}  # noqa: SIM118
        blocks = getattr(self._audio, "metadata_blocks", ())  # pictures, cue sheets … of FLAC
        kept[""] = repr([b.write() for b in blocks if b.code not in _FLAC_OWN_BLOCKS])
        return kept

    def write(self, genres: Sequence[str]) -> None:
        self._audio[self._key] = list(genres)
        self._audio.save()


def _id3_genres(tags: Any) -> list[str]:
    frame = tags.get("TCON") if tags is not None else None
    return list(frame.genres) if frame is not None else []


def _id3_artists(tags: Any) -> list[str]:
    frame = tags.get("TPE1") if tags is not None else None
    return [str(text) for text in frame.text] if frame is not None else []


def _id3_others(tags: Any) -> dict[str, str]:
    """Give all frames but the genre; how a text is encoded does not count."""
    if tags is None:
        return {"": "[]"}
    frames = {key: re.sub(r"encoding=<[^>]*>", "", repr(f)) for key, f in tags.items()}
    frames.pop("TCON", None)
    return frames | {"": repr(sorted(tags.unknown_frames))}


def _set_id3_genres(tags: Any, genres: Sequence[str]) -> int:
    """Put the genres into loaded frames, and give the version to save them as."""
    from mutagen.id3 import TCON, Encoding

    version = 4 if tags.version >= (2, 4) or tags.version < (2, 0) else 3
    latin = all(genre.isascii() for genre in genres)
    wide = Encoding.UTF8 if version == 4 else Encoding.UTF16
    tags.setall("TCON", [TCON(encoding=Encoding.LATIN1 if latin else wide, text=list(genres))])
    return version


class _Id3:
    """ID3 in front of an MPEG stream, with an ID3v1 tag behind it or not."""

    def __init__(self, name: str) -> None:
        from mutagen.id3 import ID3, ID3NoHeaderError

        self._name = name
        try:
            # Beside an ID3v2 tag, an old ID3v1 tag must not be mixed into it.
            self._tags = ID3(name, translate=False, load_v1=False)
        except ID3NoHeaderError:
            try:
                self._tags = ID3(name, translate=False)
            except ID3NoHeaderError:
                self._tags = ID3()
        if self._tags.version[:2] == (2, 2):
            self._tags.update_to_v23()

    def genres(self) -> list[str]:
        return _id3_genres(self._tags)

    def artists(self) -> list[str]:
        return _id3_artists(self._tags)

    def others(self) -> dict[str, str]:
        return _id3_others(self._tags)

    def write(self, genres: Sequence[str]) -> None:
        old = _id3v1(self._name)
        version = _set_id3_genres(self._tags, genres)
        self._tags.save(self._name, v2_version=version, v23_sep=None)
        if old:  # mutagen makes it anew from the ID3v2 tag, which may say less
            with Path(self._name).open("r+b") as stream:
                stream.seek(-_ID3V1_BYTES, os.SEEK_END)
                stream.write(old[:-1] + bytes([_id3v1_number(genres[0])]))


class _Id3Chunk:
    """ID3 in a chunk of an AIFF or WAV file."""

    def __init__(self, name: str, fmt: str) -> None:
        from mutagen.aiff import AIFF
        from mutagen.wave import WAVE

        kind = AIFF if fmt == "AIFF" else WAVE
        self._audio = kind(name, translate=False, load_v1=False)
        if self._audio.tags is not None and self._audio.tags.version[:2] == (2, 2):
            self._audio.tags.update_to_v23()

    def genres(self) -> list[str]:
        return _id3_genres(self._audio.tags)

    def artists(self) -> list[str]:
        return _id3_artists(self._audio.tags)

    def others(self) -> dict[str, str]:
        return _id3_others(self._audio.tags)

    def write(self, genres: Sequence[str]) -> None:
        if self._audio.tags is None:
            self._audio.add_tags()
        version = _set_id3_genres(self._audio.tags, genres)
        self._audio.tags.save(self._audio.filename, v2_version=version, v23_sep=None)


def _genres_elsewhere(path: str | os.PathLike[str], fmt: str) -> list[str]:
    """Look where other programs keep a genre that the main tag does not name."""
    if fmt in _MPEG:
        return _genres_of_id3v1(path) or _genres_of_ape(path)
    return _genres_of_riff(path) if fmt == "WAV" else []


def _id3v1(path: str | os.PathLike[str]) -> bytes:
    with Path(path).open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _ID3V1_BYTES))
        tail = stream.read()
    return tail if len(tail) == _ID3V1_BYTES and tail.startswith(b"TAG") else b""


def _id3v1_number(genre: str) -> int:
    from mutagen.id3 import TCON

    known = {letters_of(name): number for number, name in enumerate(TCON.GENRES)}
    return known.get(letters_of(genre), _NO_ID3V1_GENRE)


def _genres_of_id3v1(path: str | os.PathLike[str]) -> list[str]:
    from mutagen.id3 import TCON

    number = (_id3v1(path) or bytes([_NO_ID3V1_GENRE]))[-1]
    return [TCON.GENRES[number]] if number < len(TCON.GENRES) else []


def _genres_of_ape(path: str | os.PathLike[str]) -> list[str]:
    from mutagen.apev2 import APENoHeaderError, APEv2

    try:
        return list(APEv2(os.fspath(path)).get("genre", []))
    except APENoHeaderError:
        return []


def _genres_of_riff(path: str | os.PathLike[str]) -> list[str]:
    """Find ``IGNR`` in the LIST chunk of a WAV file."""
    with Path(path).open("rb") as stream:
        for chunk in [c for c in iter_chunks(stream) if c.name == b"LIST"]:
            stream.seek(chunk.start)
            content = stream.read(min(chunk.length, 1 << 20))
            at = content.find(b"IGNR", 4)
            if content[:4] == b"INFO" and at > 0:
                length = int.from_bytes(content[at + 4 : at + 8], "little")
                return [content[at + 8 : at + 8 + length].split(b"\0")[0].decode("latin-1")]
    return []
