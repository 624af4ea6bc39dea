"""FMA, the Free Music Archive: four sets of one collection, from 8,000 clips to 106,574 songs.

The audio is named by number alone (``000/000002.mp3``); genre, artist, album and official split of
a track are in ``tracks.csv``, which comes in ``fma_metadata.zip`` and is looked for below the
folder and beside it. The four sets contain one another. Which of them a folder is, its name tells
(``fma_small``, …), or else the smallest set that holds all its tracks.

A track has one of sixteen top genres or, in the two large sets, often none; those are left out.
Artists and albums of one name are told apart by their number.

In it: :data:`FMA`.

References
----------
M. Defferrard, K. Benzi, P. Vandergheynst and X. Bresson, "FMA: A dataset for music analysis",
ISMIR, 2017.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from generify.datasets.base import Dataset, KnownDataset, Track, genres_here, name_copy, read_clips
from generify.datasets.facts import DatasetFacts, Download
from generify.datasets.listing import Listing
from generify.errors import DatasetError, Failure, ParameterError

__all__ = ["FMA"]

_BASE = "https://os.unil.cloud.switch.ch/fma/"
_SMALL_GENRES = (
    *("Electronic", "Experimental", "Folk", "Hip-Hop"),
    *("Instrumental", "International", "Pop", "Rock"),
)
_GENRES = (
    *("Blues", "Classical", "Country", "Easy Listening", "Electronic", "Experimental", "Folk"),
    *("Hip-Hop", "Instrumental", "International", "Jazz", "Old-Time / Historic", "Pop", "Rock"),
    *("Soul-RnB", "Spoken"),
)
# Seconds that the clips called too short in the FMA wiki hold.
_SHORT_SMALL = MappingProxyType(
    {"098565": 1.6, "098567": 0.5, "098569": 1.5, "099134": 0, "108925": 0, "133297": 0}
)
_SHORT = MappingProxyType(
    {
        **_SHORT_SMALL,
        **dict.fromkeys(("001486", "005574", "065753", "080391", "098558", "098559"), 0),
        **dict.fromkeys(("098560", "098571", "105247", "126981", "127336", "143992"), 0),
        **{"098566": 6.2, "098568": 6.6, "108924": 27.4},
    }
)
_NO_TOP_GENRE = "about half of the tracks have no single top genre and are left out"

_METADATA = Download(
    f"{_BASE}fma_metadata.zip",
    n_bytes=358_412_441,
    checksums=MappingProxyType({"sha1": "f0df49ffe5f2a6008d7dc83c6915b31835dfe733"}),
    part="metadata",
)


def _download(subset: str, n_bytes: int | None, sha1: str, note: str = "") -> Download:
    checksums = MappingProxyType({"sha1": sha1})
    return Download(f"{_BASE}fma_{subset}.zip", n_bytes, checksums, note=note, part="audio")


def _facts(
    download: Download,
    holds: str,
    n_tracks: int,
    genres: tuple[str, ...] = _GENRES,
    *,
    short: Mapping[str, float] = MappingProxyType({}),
    notes: tuple[str, ...] = (),
) -> DatasetFacts:
    folder = PurePosixPath(download.url).stem
    subset = folder.removeprefix("fma_")
    return DatasetFacts(
        name=f"fma-{subset}",
        title=f"Free Music Archive (FMA), {subset}",
        short_title=f"FMA {subset}",
        summary=holds,
        citation=(
            "M. Defferrard, K. Benzi, P. Vandergheynst and X. Bresson, "
            '"FMA: A dataset for music analysis", ISMIR, 2017'
        ),
        licence="metadata CC BY 4.0; each song under the licence its artist chose, most of them "
        "Creative Commons",
        homepage="https://github.com/mdeff/fma",
        genres=genres,
        n_tracks=n_tracks,
        downloads=(_METADATA, download),
        layout=f"{folder}/NNN/NNNNNN.mp3, with fma_metadata/tracks.csv below the folder or beside",
        splits=MappingProxyType(
            {
                "official": "the published split of FMA (80 % train, 10 % valid, 10 % test): "
                "genres spread evenly, no artist on two sides"
            }
        ),
        sources=("https://github.com/mdeff/fma/wiki (clips shorter than 30 s)",),
        faults=MappingProxyType(
            {
                track: f"holds {seconds:g} s instead of 30" if seconds else "holds no sound"
                for track, seconds in sorted(short.items())
            }
        ),
        notes=notes,
    )


_FACTS = (
    _facts(
        _download("small", 7_679_594_875, "ade154f733639d52e35e32f5593efe5be76c6d70"),
        "8 genres, 1,000 clips of 30 s each, MP3",
        8_000,
        _SMALL_GENRES,
        short=_SHORT_SMALL,
    ),
    _facts(
        _download("medium", None, "c67b69ea232021025fca9231fc1c7c1a063ab50b", "about 24 GB"),
        "16 genres of unequal size, 25,000 clips of 30 s, MP3",
        25_000,
        short=_SHORT,
    ),
    _facts(
        _download("large", 100_306_112_191, "497109f4dd721066b5ce5e5f250ec604dc78939e"),
        "16 top genres of unequal size, 106,574 clips of 30 s, MP3",
        106_574,
        short=_SHORT,
        notes=(_NO_TOP_GENRE,),
    ),
    _facts(
        _download("full", None, "0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab", "about 944 GB"),
        "16 top genres of unequal size, 106,574 whole songs, MP3",
        106_574,
        notes=(_NO_TOP_GENRE,),
    ),
)
_SUBSETS = ("small", "medium", "large", "full")
_NUMBER = re.compile(r"\d{6}", re.ASCII)
_FOLDER = re.compile(r"fma[_-](small|medium|large|full)", re.ASCII | re.IGNORECASE)

_TABLE = "tracks.csv"
_PARTS = MappingProxyType({"training": "train", "validation": "valid", "test": "test"})
_NEEDED = (("track", "genre_top"), ("set", "split"), ("set", "subset"))
_NAMES = (("artist", "name"), ("artist", "id"), ("album", "title"), ("album", "id"))
# Some artists' biographies are longer than the 128 KiB that the csv module allows a cell.
_LONGEST_CELL = 1 << 24


@dataclass(frozen=True)
class _Row:
    """What ``tracks.csv`` says of one track."""

    track: Track
    subset: str


@dataclass
class _Metadata:
    """What ``tracks.csv`` says of the tracks at hand, and the subsets of the others."""

    here: dict[str, _Row]
    elsewhere: dict[str, str]


def _track_of(file: PurePosixPath) -> Track | None:
    stem = file.stem
    if _NUMBER.fullmatch(stem) is None or file.parent.name != stem[:3]:
        return None
    return Track(stem, None, "")


def _published_split(name: str, tracks: Sequence[Track]) -> Mapping[str, str | None] | None:
    if name != "official":
        raise ParameterError(f"FMA has no published split {name!r}, only official")
    ours = all(_NUMBER.fullmatch(track.track) for track in tracks)
    if not ours or not any(track.split in _PARTS.values() for track in tracks):
        return None
    return {track.track: track.split for track in tracks}


def _read(listing: Listing) -> Dataset:
    found = read_clips(listing, _FACTS[0], _track_of)
    table = _find_table(listing)
    metadata = _read_table(table, {track.track for track in found.tracks})
    _refuse_other_metadata(found, metadata, table)
    facts = _FACTS[_SUBSETS.index(_subset(listing, found, metadata))]
    described = [(track, metadata.here.get(track.track)) for track in found.tracks]
    tracks = tuple(
        replace(row.track, path=track.path) for track, row in described if row and row.track.genre
    )
    unknown = DatasetError(f"it has no row in {table}")
    failures = [Failure.from_error(str(track.path), unknown) for track, row in described if not row]
    missing = tuple(sorted(_of_subset(metadata.elsewhere, facts)))
    nameless = sorted({t.track for t, row in described if row and not row.track.genre})
    name, part = name_copy(listing, facts, tracks, len(metadata.here))
    return Dataset(
        name,
        tracks,
        genres_here(listing, facts, tracks),
        found.failures + tuple(failures),
        facts,
        warnings=(*part, *_warnings(facts, () if part else missing, nameless)),
        missing=missing,
    )


def _warnings(
    facts: DatasetFacts, missing: Sequence[str], nameless: Sequence[str]
) -> Iterator[str]:
    if missing:
        yield (
            f"{len(missing)} of the {facts.n_tracks} tracks of {facts.name} are not here, "
            f"such as {missing[0]}"
        )
    if nameless:
        yield (
            f"{len(nameless)} tracks have no single top genre, such as {nameless[0]}; "
            "they are left out"
        )


def _refuse_other_metadata(found: Dataset, metadata: _Metadata, table: Path) -> None:
    n_here = len({track.track for track in found.tracks})
    n_without = n_here - len(metadata.here)
    if 2 * n_without > n_here:
        raise DatasetError(
            f"{table} is not the metadata of these files: "
            f"{n_without} of {n_here} have no row in it",
            hint=_again(),
        )


def _subset(listing: Listing, found: Dataset, metadata: _Metadata) -> str:
    """Tell which of the four sets a folder is: by its name, else by what it holds."""
    root = listing.root.resolve()
    # Only what is above NNN/NNNNNN.mp3; and of the root no more than its own name.
    above = {Path(str(track.path)).parent.parent for track in found.tracks}
    inside = (f.relative_to(listing.root).parts for f in above if f.is_relative_to(listing.root))
    names = {root.name, *(part for parts in inside for part in parts)}
    named = [match[1].lower() for name in names if (match := _FOLDER.fullmatch(name))]
    held = [row.subset for row in metadata.here.values()]
    return max(named or held, key=_SUBSETS.index, default="small")


def _of_subset(subsets: Mapping[str, str], facts: DatasetFacts) -> Iterator[str]:
    limit = _SUBSETS.index(facts.name.removeprefix("fma-"))
    return (track for track, subset in subsets.items() if _SUBSETS.index(subset) <= limit)


def _find_table(listing: Listing) -> Path:
    root = listing.root.resolve()
    below = [listing.root / file for file in listing.files if file.name == _TABLE]
    beside = [
        folder / place
        for folder in (root.parent, root.parent.parent)
        for place in (f"fma_metadata/{_TABLE}", _TABLE)
    ]
    for path in (*below, *beside):
        if path.is_file():
            return path
    raise DatasetError(
        f"{listing.root} holds songs of FMA but not their genres: "
        f"there is no fma_metadata/{_TABLE} in it or beside it",
        hint="unpack fma_metadata.zip beside the songs (generify datasets fetch fma-small "
        "brings both)",
    )


def _again() -> str:
    return "remove it and unpack fma_metadata.zip again"


def _damaged(path: Path, why: str) -> DatasetError:
    return DatasetError(f"{path} is damaged: {why}", hint=_again())


def _read_table(path: Path, wanted: set[str]) -> _Metadata:
    metadata = _Metadata({}, {})
    line = 0
    try:
        with _long_cells(), path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            columns, width = _header(reader, path)
            artists: dict[str, str] = {}
            albums: dict[str, str] = {}
            for cells in reader:
                line = reader.line_num
                if not cells or cells[0] == "track_id":
                    continue
                if len(cells) != width:
                    raise _damaged(path, f"line {line} has {len(cells)} cells instead of {width}")
                row = _row(cells, columns, artists, albums)
                if row.track.track in wanted:
                    metadata.here[row.track.track] = row
                else:
                    metadata.elsewhere[row.track.track] = row.subset
    except OSError as err:
        raise DatasetError(f"cannot read {path}: {err.strerror or err}") from err
    except (csv.Error, ValueError) as err:
        raise _damaged(path, f"behind line {line}: {err}") from err
    if not metadata.here and not metadata.elsewhere:
        raise _damaged(path, "it holds no track")
    return metadata


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


Columns = Mapping[tuple[str, str], int]


def _header(reader: Iterator[list[str]], path: Path) -> tuple[Columns, int]:
    first, second = next(reader, []), next(reader, [])
    places = {pair: column for column, pair in enumerate(zip(first, second, strict=False))}
    lacking = [f"({', '.join(pair)})" for pair in _NEEDED if pair not in places]
    if lacking:
        raise _damaged(path, f"it has no column {' and no column '.join(lacking)}")
    return {pair: places[pair] for pair in (*_NEEDED, *_NAMES) if pair in places}, len(first)


def _row(
    cells: list[str], columns: Columns, artists: dict[str, str], albums: dict[str, str]
) -> _Row:
    cell = {pair: cells[column].strip() for pair, column in columns.items()}
    subset = cell["set", "subset"]
    if subset not in _SUBSETS:
        raise ValueError(f"unknown subset {subset!r}")
    track = Track(
        track=f"{int(cells[0]):06d}",
        path=None,
        genre=cell["track", "genre_top"],
        artist=_unlike(cell.get(("artist", "name")), cell.get(("artist", "id"), ""), artists),
        split=_PARTS.get(cell["set", "split"]),
        album=_unlike(cell.get(("album", "title")), cell.get(("album", "id"), ""), albums),
    )
    return _Row(track, subset)


def _unlike(name: str | None, number: str, owners: dict[str, str]) -> str | None:
    """Give a name that no other number bears."""
    if not name:
        return number or None
    first = owners.setdefault(" ".join(name.split()).casefold(), number)
    return name if first == number else f"{name} ({number})"


FMA = tuple(KnownDataset(facts, _track_of, _read, _published_split) for facts in _FACTS)
