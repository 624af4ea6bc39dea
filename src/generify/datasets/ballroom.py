"""Ballroom: eight dances, 698 clips of about 30 seconds, made for finding the tempo.

Told by its names, ``dance/Albums-NAME-NN.*`` and ``dance/Media-NNNNNN.*``, below whatever folders.
The archive parts the rumbas into three folders; they are one genre here, as in its publications.
The names of most clips tell the album that they come from.

In it: :data:`BALLROOM`.

References
----------
F. Gouyon, A. Klapuri, S. Dixon, M. Alonso, G. Tzanetakis, C. Uhle and P. Cano, "An experimental
comparison of audio tempo induction algorithms", IEEE Transactions on Audio, Speech, and Language
Processing 14(5), 2006 (the audio).
F. Krebs, S. Böck and G. Widmer, "Rhythmic pattern modeling for beat and downbeat tracking in
musical audio", ISMIR, 2013 (the annotations, which list the replicas found by B. L. Sturm).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from types import MappingProxyType

from generify.datasets.base import Dataset, KnownDataset, Track, no_published_split, read_clips
from generify.datasets.facts import DatasetFacts, Download
from generify.datasets.listing import Listing

__all__ = ["BALLROOM"]

_GENRES = (
    *("ChaChaCha", "Jive", "Quickstep", "Rumba"),
    *("Samba", "Tango", "VienneseWaltz", "Waltz"),
)
_NAME = re.compile(r"Albums-(?P<album>.+)-\d{2}|Media-\d{6}", re.ASCII)

_FACTS = DatasetFacts(
    name="ballroom",
    title="Ballroom",
    short_title="Ballroom",
    summary="8 ballroom dances, 698 clips of about 30 s",
    citation=(
        "F. Gouyon, A. Klapuri, S. Dixon, M. Alonso, G. Tzanetakis, C. Uhle and P. Cano, "
        '"An experimental comparison of audio tempo induction algorithms", IEEE Transactions on '
        "Audio, Speech, and Language Processing 14(5), 2006"
    ),
    licence="none stated; the music belongs to its owners and the set is shared for research",
    homepage="http://mtg.upf.edu/ismir2004/contest/tempoContest/node5.html",
    genres=_GENRES,
    n_tracks=698,
    downloads=(
        Download(
            "https://mtg.upf.edu/ismir2004/contest/tempoContest/data1.tar.gz",
            n_bytes=1_453_888_083,
            checksums=MappingProxyType({"md5": "2872a3e52070bc342a4510a95e2fa0b8"}),
        ),
    ),
    layout="BallroomData/<dance>/{Albums-NAME-NN,Media-NNNNNN}.wav",
    sources=(
        'F. Krebs, S. Böck and G. Widmer, "Rhythmic pattern modeling for beat and downbeat '
        'tracking in musical audio", ISMIR, 2013, with the replicas found by B. L. Sturm',
    ),
    faults=MappingProxyType(
        {
            "Albums-Fire-08": "the same clip as Albums-Fire-09, called another dance there",
            "Albums-Fire-09": "the same clip as Albums-Fire-08, called another dance there",
        }
    ),
    duplicates=(
        ("Albums-AnaBelen_Veneo-03", "Albums-AnaBelen_Veneo-15"),
        ("Albums-AnaBelen_Veneo-11", "Albums-Chrisanne2-12"),
        ("Albums-Ballroom_Magic-03", "Albums-Ballroom_Magic-18"),
        ("Albums-Fire-08", "Albums-Fire-09"),
        ("Albums-Latin_Jam-04", "Albums-Latin_Jam-13"),
        ("Albums-Latin_Jam-06", "Albums-Latin_Jam-15"),
        ("Albums-Latin_Jam-08", "Albums-Latin_Jam-14"),
        ("Albums-Latin_Jam2-02", "Albums-Latin_Jam2-14"),
        ("Albums-Latin_Jam2-05", "Albums-Latin_Jam2-13"),
        ("Albums-Latin_Jam2-07", "Albums-Latin_Jam2-15"),
        ("Albums-Latin_Jam3-02", "Media-103414"),
        ("Albums-Secret_Garden-01", "Media-104705"),
        ("Media-103402", "Media-103415"),
    ),
    notes=(
        "no artists are known; the album split goes by the album in a clip's name, which those "
        "called Media-NNNNNN lack",
        "a dance is first of all a tempo: what tells these genres apart may be the speed alone",
    ),
)


def _track_of(file: PurePosixPath) -> Track | None:
    match = _NAME.fullmatch(file.stem)
    dance = file.parent.name
    genre = "Rumba" if dance.startswith("Rumba-") else dance
    if match is None or genre not in _GENRES:
        return None
    return Track(file.stem, None, genre, album=match["album"])


def _read(listing: Listing) -> Dataset:
    return read_clips(listing, _FACTS, _track_of)


BALLROOM = KnownDataset(_FACTS, _track_of, _read, no_published_split)
