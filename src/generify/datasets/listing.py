"""Which files lie below a folder, and which of them are meant as audio, judged by name.

Hidden files, and what operating systems leave behind, are not listed. Links are followed; a folder
reached by two ways is listed once, by the shorter and unlinked way, so a link upward makes no loop.

In it: :class:`Listing`, :func:`list_files`, :func:`songs_of`; names that are no text:
:func:`is_text`, :func:`badly_named`; what is no song: :func:`no_song`; judging by name:
:func:`has_audio_suffix`, :func:`may_be_audio`, :func:`bare_name`, :func:`preference`,
:func:`names_apart`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from generify.audio import is_audio, probe_audio
from generify.errors import AudioDecodeError, DatasetError, Failure, NothingThereError

__all__ = [
    "Listing",
    "badly_named",
    "bare_name",
    "has_audio_suffix",
    "is_text",
    "list_files",
    "may_be_audio",
    "names_apart",
    "no_song",
    "preference",
    "songs_of",
]

# In order of preference where one track is there more than once.
_LOSSLESS = ".wav .flac .aiff .aif .aifc .au .snd .w64 .caf .wv .ape"
_LOSSY = ".ogg .oga .opus .m4a .mp3 .aac .mp2 .mp1 .wma .ac3 .mka .mpc"
_RANKED_SUFFIXES = tuple(f"{_LOSSLESS} {_LOSSY}".split())
_AUDIO_SUFFIXES = frozenset(_RANKED_SUFFIXES)

# Found beside music in real libraries; not even opened.
_OTHER = """
    txt md rst html htm pdf doc docx rtf nfo log lrc srt cue m3u m3u8 pls xspf sfv md5 sha1 sha256
    jpg jpeg png gif bmp webp tif tiff svg ico psd json jsonl yaml yml toml ini cfg xml csv tsv
    xls xlsx ods parquet feather pickle pkl npy npz h5 hdf5 mat jams lab beats arff onnx pt pth
    zip tar gz tgz bz2 xz 7z rar py ipynb sh bat url lnk db sqlite mid midi part tmp bak torrent
    exe dll
"""
_OTHER_SUFFIXES = frozenset(_OTHER.split())
_SYSTEM_NAMES = frozenset(
    {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
)


@dataclass(frozen=True)
class Listing:
    """The files below a folder.

    Attributes
    ----------
    root : Path
        The folder, as it was given.
    files : tuple of PurePosixPath
        Relative to the root, sorted; hidden files are left out.
    folders : tuple of str
        Names of the folders directly below the root, sorted.
    failures : tuple of Failure
        Folders that could not be read, names that are not text, empty folders named like a song.
    unread : tuple of Path
        Those of them below which there may be files: what could not be read or looked at.
    """

    root: Path
    files: tuple[PurePosixPath, ...]
    folders: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    unread: tuple[Path, ...] = ()


_Folder = tuple[bool, PurePosixPath]  # whether it is a link, and where it is


def list_files(root: str | os.PathLike[str], *, leave_out: Path | None = None) -> Listing:
    """List the files below a folder.

    Parameters
    ----------
    root : str or path-like
        The folder.
    leave_out : Path, optional
        A folder below the root that is not looked into.

    Returns
    -------
    Listing
        Regular files, and links that lead nowhere; sorted, so the order is the same everywhere.

    Raises
    ------
    NothingThereError
        When the root does not exist or is no folder.
    DatasetError
        When it cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise NothingThereError(f"{root} {what}; a folder was expected")
    files: list[PurePosixPath] = []
    failures: list[Failure] = []
    unread: list[Path] = []
    seen = {_identity(root)}
    if leave_out is not None and leave_out.is_dir():
        seen.add(_identity(leave_out))
    level = top = _list_one(root, PurePosixPath(), files, failures, unread)
    if root in unread:
        raise DatasetError(failures[0].message, hint="check the permissions of the folder")
    # Level by level, so that a link never takes a folder away from its own place further up.
    songlike: list[PurePosixPath] = []
    while level:
        songlike += (folder for _, folder in level if has_audio_suffix(folder))
        level.sort()
        unseen = _unseen(root, level, seen)
        listed = [_list_one(root, sub, files, failures, unread) for sub in unseen]
        level = [sub for subs in listed for sub in subs]
    parents = {parent for file in files for parent in file.parents} if songlike else set()
    failures += [_empty_folder(root / folder) for folder in songlike if folder not in parents]
    folders = tuple(sorted(folder.name for _, folder in top))
    return Listing(root, tuple(sorted(files)), folders, tuple(failures), tuple(unread))


def _unseen(
    root: Path, folders: list[_Folder], seen: set[tuple[int, int] | None]
) -> Iterator[PurePosixPath]:
    for _, folder in folders:
        identity = _identity(root / folder)
        if identity is None or identity not in seen:  # what nobody may look at is said when listed
            seen.add(identity)
            yield folder


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _list_one(
    root: Path,
    folder: PurePosixPath,
    files: list[PurePosixPath],
    failures: list[Failure],
    unread: list[Path],
) -> list[_Folder]:
    """Append the files of one folder, and give its folders."""
    try:
        with os.scandir(root / folder) as scanned:
            entries = [entry for entry in scanned if not _is_hidden(entry.name)]
    except OSError as err:
        why = DatasetError(f"{root / folder}: cannot read the folder ({err.strerror})")
        failures.append(Failure.from_error(root / folder, why))
        unread.append(root / folder)
        return []
    folders = []
    for entry in entries:
        if not is_text(entry.name):
            failures.append(badly_named(root / folder / entry.name))
            continue
        try:
            if entry.is_dir():
                folders.append((entry.is_symlink(), folder / entry.name))
            elif entry.is_file() or entry.is_symlink():
                files.append(folder / entry.name)
        except OSError as err:  # a link to where nobody may look, or to itself
            failures.append(_unseen_entry(root / folder / entry.name, err))
            unread.append(root / folder / entry.name)
    return folders


def _unseen_entry(path: Path, err: OSError) -> Failure:
    return Failure.from_error(path, DatasetError(f"{path}: cannot be looked at ({err.strerror})"))


def _empty_folder(folder: Path) -> Failure:
    error = DatasetError("an empty folder, though named like a song", hint="remove or rename it")
    return Failure.from_error(folder, error)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _SYSTEM_NAMES


def is_text(name: str) -> bool:
    """Tell whether a name is text, so that it can be printed and stored.

    Parameters
    ----------
    name : str
        Name or path of a file, as the system gives it.

    Returns
    -------
    bool
        False where its bytes are not valid UTF-8.
    """
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def badly_named(path: str | Path) -> Failure:
    """Report a file whose name is not text.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Failure
        Its path is escaped: the name itself could be neither printed nor stored.
    """
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    error = DatasetError("its name is not valid UTF-8", hint="rename it")
    return Failure.from_error(shown, error)


def has_audio_suffix(path: PurePath) -> bool:
    """Tell whether a name claims to be audio.

    Parameters
    ----------
    path : PurePath
        A file; only its name is looked at.

    Returns
    -------
    bool
        True for the suffixes of common audio formats, in any case.

    Examples
    --------
    >>> has_audio_suffix(PurePath("Song.MP3")), has_audio_suffix(PurePath("cover.jpg"))
    (True, False)
    """
    return path.suffix.lower() in _AUDIO_SUFFIXES


def bare_name(path: PurePath) -> str:
    """Give the name of a file without the suffix of its audio format.

    Parameters
    ----------
    path : PurePath
        A file; only its name is looked at.

    Returns
    -------
    str
        Its name; what follows a dot stays where it names no audio format.

    Examples
    --------
    >>> bare_name(PurePath("rock/Song.mp3")), bare_name(PurePath("rock/Mr. Smith"))
    ('Song', 'Mr. Smith')
    """
    return path.stem if has_audio_suffix(path) else path.name


def may_be_audio(path: PurePath) -> bool:
    """Tell whether a file is worth opening to see if it is audio.

    Parameters
    ----------
    path : PurePath
        A file; only its name is looked at.

    Returns
    -------
    bool
        False for what is plainly something else: texts, images, tables, archives.

    Examples
    --------
    >>> [may_be_audio(PurePath(name)) for name in ("song.mp3", "song", "song.xyz", "notes.txt")]
    [True, True, True, False]
    """
    return path.suffix.lower().removeprefix(".") not in _OTHER_SUFFIXES


def songs_of(listing: Listing) -> tuple[PurePosixPath, ...]:
    """Find the songs among files.

    Parameters
    ----------
    listing : Listing
        What lies below a folder.

    Returns
    -------
    tuple of PurePosixPath
        Those that are audio by their name, or by their content where the name says nothing; in
        the order of the listing.
    """
    return tuple(
        file
        for file in listing.files
        if has_audio_suffix(file) or (may_be_audio(file) and is_audio(listing.root / file))
    )


def no_song(path: Path) -> Failure:
    """Say why a file is no song, in the words that whoever would hear it has for that.

    Parameters
    ----------
    path : Path
        A file that :func:`generify.audio.is_audio` refuses.

    Returns
    -------
    Failure
        Of the file.
    """
    try:
        probe_audio(path)
    except AudioDecodeError as err:
        return Failure.from_error(path, err)
    error = AudioDecodeError("is not of a format in which songs are kept", hint="give a song")
    return Failure.from_error(path, error)


def names_apart(paths: Sequence[PurePath]) -> dict[PurePath, str]:
    """Name files as briefly as tells them apart.

    Parameters
    ----------
    paths : sequence of path
        Files, each once.

    Returns
    -------
    dict of path to str
        Their names; with the folders in which they differ where two have one name.

    Examples
    --------
    >>> list(names_apart([PurePath("music/A/01.ogg"), PurePath("music/B/01.ogg")]).values())
    ['A/01.ogg', 'B/01.ogg']
    """
    if len({path.name for path in paths}) == len(paths):
        return {path: path.name for path in paths}
    shared = os.path.commonpath([Path(path).parent.absolute() for path in paths])
    return {path: os.path.relpath(path, shared) for path in paths}


def preference(path: PurePath) -> tuple[int, str]:
    """Rank copies of one track in several formats; the lowest is the one to keep.

    Parameters
    ----------
    path : PurePath
        A file; only its name is looked at.

    Returns
    -------
    (int, str)
        Lossless formats come first, then lossy ones, then what claims to be no audio.

    Examples
    --------
    >>> min([PurePath("a.mp3"), PurePath("a.au"), PurePath("a.wav")], key=preference).name
    'a.wav'
    """
    suffix = path.suffix.lower()
    known = suffix in _AUDIO_SUFFIXES
    rank = _RANKED_SUFFIXES.index(suffix) if known else len(_RANKED_SUFFIXES)
    return rank, str(path)
