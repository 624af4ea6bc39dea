"""GTZAN: ten genres, a hundred clips of 30 seconds each, the most used set of its field.

The facts, the artists and the fault-filtered lists are part of the program (``data/gtzan.csv``:
track, artist, split), so any copy of the audio is enough. A copy is told by its names,
``genre/genre.NNNNN.*``, in whatever audio format and below whatever folders: ``genres/`` (the
original and torchaudio's), ``gtzan_genre/genres/`` (mirdata's), ``Data/genres_original/``
(Kaggle's).

In it: :data:`GTZAN`, :class:`PublishedTrack`, :func:`published_tracks`.

References
----------
G. Tzanetakis and P. Cook, "Musical genre classification of audio signals", IEEE Transactions on
Speech and Audio Processing 10(5), 2002 (the audio).
B. L. Sturm, "An analysis of the GTZAN music genre dataset", ACM MIRUM, 2012 (artists, duplicates).
C. Kereliuk, B. L. Sturm and J. Larsen, "Deep learning and music adversaries", IEEE Transactions on
Multimedia 17(11), 2015 (fault-filtered lists).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from types import MappingProxyType

from generify.datasets.base import Dataset, KnownDataset, Track, read_clips
from generify.datasets.facts import DatasetFacts, Download
from generify.datasets.listing import Listing
from generify.errors import ParameterError

__all__ = ["GTZAN", "PublishedTrack", "published_tracks"]

_AUDIO = (
    'G. Tzanetakis and P. Cook, "Musical genre classification of audio signals", '
    "IEEE Transactions on Speech and Audio Processing 10(5), 2002"
)
_FAULTS = 'B. L. Sturm, "An analysis of the GTZAN music genre dataset", ACM MIRUM, 2012'
_LISTS = (
    'C. Kereliuk, B. L. Sturm and J. Larsen, "Deep learning and music adversaries", '
    "IEEE Transactions on Multimedia 17(11), 2015"
)

_GENRES = (
    *("blues", "classical", "country", "disco", "hiphop"),
    *("jazz", "metal", "pop", "reggae", "rock"),
)

_FACTS = DatasetFacts(
    name="gtzan",
    title="GTZAN genre collection",
    short_title="GTZAN",
    summary="10 Western genres, 100 clips of 30 s each, 22.05 kHz mono",
    citation=_AUDIO,
    licence="none stated; the music belongs to its owners and the set is shared for research",
    homepage="http://marsyas.info/downloads/datasets.html",
    genres=_GENRES,
    n_tracks=1000,
    downloads=(
        Download(
            "https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz",
            n_bytes=1_226_192_050,
            note="not the archive of the original checksums: check the files, not the archive",
        ),
        Download(
            "http://opihi.cs.uvic.ca/sound/genres.tar.gz",
            n_bytes=1_225_571_541,
            checksums=MappingProxyType(
                {
                    "md5": "5b3d6dddb579ab49814ab86dba69e7c7",
                    "sha256": "24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6",
                }
            ),
            works=False,
            note="the original, gone since 2022",
        ),
    ),
    layout="genres/<genre>/<genre>.NNNNN.au",
    splits=MappingProxyType(
        {
            "fault-filtered": "the published fault-filtered lists (443 train, 197 valid, "
            "290 test): duplicates and distorted clips left out, no artist on two sides"
        }
    ),
    sources=(_FAULTS, _LISTS),
    faults=MappingProxyType(
        {
            "jazz.00054": "corrupt in the common distribution: it cannot be decoded",
            "reggae.00086": "mostly noise",
        }
    ),
    duplicates=(
        ("disco.00098", "disco.00099"),
        ("hiphop.00039", "hiphop.00045"),
        ("hiphop.00076", "hiphop.00078"),
        ("metal.00034", "metal.00094"),
        ("metal.00040", "metal.00061"),
        ("metal.00041", "metal.00062"),
        ("metal.00042", "metal.00063"),
        ("metal.00043", "metal.00064"),
        ("metal.00044", "metal.00065"),
        ("metal.00045", "metal.00066"),
        ("metal.00058", "rock.00016"),
        ("pop.00054", "pop.00060"),
        ("pop.00067", "pop.00071"),
        ("reggae.00081", "reggae.00082"),
    ),
    notes=(
        "nobody has named the artists of 81 clips, so a grouping by artist treats each of them as "
        "an artist of its own",
        "Sturm doubts the genre of 106 clips and counts 50 exact replicas: nobody can honestly "
        "score 100 % on all 1000",
    ),
)

_NAME = re.compile(r"(?P<genre>[a-z]+)\.\d{5}", re.ASCII)


@dataclass(frozen=True)
class PublishedTrack:
    """What was published about one clip.

    Attributes
    ----------
    artist : str or None
        Who plays (Sturm 2012); None for the 81 that nobody has named.
    split : str or None
        Its fault-filtered list, ``"train"``, ``"valid"`` or ``"test"``; None when left out.
    """

    artist: str | None
    split: str | None


@cache
def published_tracks() -> Mapping[str, PublishedTrack]:
    """Give artist and fault-filtered list of every clip.

    Returns
    -------
    mapping of str to PublishedTrack
        Track, such as ``"blues.00029"``, → what was published; 1000 of them, sorted.

    Examples
    --------
    >>> published_tracks()["blues.00029"]
    PublishedTrack(artist='Kelly Joe Phelps', split='train')
    """
    table = resources.files("generify.datasets").joinpath("data", "gtzan.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return MappingProxyType(
        {r["track"]: PublishedTrack(r["artist"] or None, r["split"] or None) for r in rows}
    )


def _published_split(name: str, tracks: Sequence[Track]) -> Mapping[str, str | None] | None:
    if name not in _FACTS.splits:
        raise ParameterError(
            f"GTZAN has no published split {name!r}, only {', '.join(_FACTS.splits)}"
        )
    published = published_tracks()
    if not all(track.track in published for track in tracks):
        return None
    return {track: known.split for track, known in published.items()}


def _track_of(file: PurePosixPath) -> Track | None:
    match = _NAME.fullmatch(file.stem)
    known = published_tracks().get(file.stem)
    if match is None or known is None or file.parent.name != match["genre"]:
        return None
    return Track(file.stem, None, match["genre"], known.artist, known.split)


def _read(listing: Listing) -> Dataset:
    return read_clips(listing, _FACTS, _track_of, published_tracks())


GTZAN = KnownDataset(_FACTS, _track_of, _read, _published_split)
