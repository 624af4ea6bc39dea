"""A dataset's health: every clip heard, everything wrong with it named.

In it: :func:`verify_dataset`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from generify.cache import FeatureCache
from generify.content import file_digest
from generify.datasets import DatasetFacts
from generify.duplicates import FingerprintStore
from generify.other_kinds import name_kind_of_file
from generify.progress import Progress
from generify.verification.doubles import Double, Doubles
from generify.verification.findings import KINDS, Finding, VerificationReport
from generify.verification.inventory import Inventory, Song, take_inventory
from generify.verification.listening import Recording, in_parallel, listen

__all__ = ["verify_dataset"]

_SILENT = 0.5
# The loudest master among GTZAN's clips has 0.4 % of its samples at full scale.
_CLIPPED = 0.01
# Where most clips are within 5 % of one length, that is how long a clip should be.
_ALIKE, _MOST = 0.05, 0.75
_SHORTEST = 3.0  # seconds: a window of the tagger
_HEARD_OFFSET = 0.5  # seconds; less is how codecs and cuts differ

# What files of a suffix may hold, in the words of generify.containers; others may hold anything.
_FORMATS = MappingProxyType(
    {
        ".wav": ("WAV", "W64"),
        **dict.fromkeys((".au", ".snd"), ("AU",)),
        **dict.fromkeys((".aif", ".aiff", ".aifc"), ("AIFF",)),
        **dict.fromkeys((".mp3", ".mp2", ".mp1"), ("MP3", "MP2", "MP1")),
        **dict.fromkeys((".ogg", ".oga", ".opus"), ("OGG", "OPUS", "SPEEX", "FLAC")),
        ".flac": ("FLAC", "OGG"),
        **dict.fromkeys((".m4a", ".aac"), ("M4A", "MP4", "MOV", "AAC")),
        ".wma": ("WMA",),
        ".ape": ("APE",),
        ".wv": ("WAVPACK",),
    }
)
_UNNOTICED = "not noticed in this copy"
_PUBLISHED_FAULTS = frozenset({"missing", "corrupt", "short", "silent", "clipped"})


def verify_dataset(
    root: str | Path,
    dataset: str | None = None,
    *,
    cache: FeatureCache | None = None,
    jobs: int = 0,
    progress: Progress | None = None,
) -> VerificationReport:
    """Hear every song of a dataset, and name everything that is wrong with it.

    Parameters
    ----------
    root : str or Path
        A folder of genre folders, or a copy of a published dataset.
    dataset : str, optional
        Name of the published dataset that it should be; recognised by default.
    cache : FeatureCache, optional
        Where to keep what was heard, so that an interrupted run goes on where it was.
    jobs : int
        Files worked on at the same time; 0 stands for one per core.
    progress : callable, optional
        Called with the number of songs heard and of all.

    Returns
    -------
    VerificationReport
        What was found.

    Raises
    ------
    NothingThereError
        When there is no such folder, or no song in it.
    DatasetError
        When it cannot be read, or no dataset has this name.
    CacheError
        When the cache cannot be written.
    ParameterError
        When ``jobs`` is negative.

    Notes
    -----
    Memory holds some hundred bytes a song; fingerprints wait on disk.
    """
    inventory = take_inventory(root, dataset)
    songs = inventory.songs
    findings = list(inventory.findings)
    durations: list[float] = []
    n_heard = 0
    with FingerprintStore() as store:
        doubles = Doubles(store)
        heard = in_parallel(lambda song: _listen(song, cache), songs, jobs)
        for song, (recording, forged) in zip(songs, heard, strict=True):
            faults = list(_judge(song, recording, forged))
            findings += faults
            doubles.add(recording)
            n_heard += bool(recording.samples)
            whole = not any(fault.kind == "corrupt" for fault in faults)
            durations.append(recording.duration if whole and recording.duration else np.nan)
            if progress is not None:
                progress(len(durations), len(songs))
        pairs = doubles.find()
    if cache is not None:
        cache.prune()
    usual = _usual(durations)
    findings += [*_short(songs, durations, usual), *_duplicates(songs, pairs, inventory.facts)]
    report = _report(root, inventory, findings)
    return replace(report, duration=float(np.nansum(durations)), usual=usual, n_heard=n_heard)


def _listen(song: Song, cache: FeatureCache | None) -> tuple[Recording, str]:
    """Hear a song, and tell how it differs from its published checksum."""
    recording = listen(song.path, cache)
    if song.checksum is None or not recording.digest:
        return recording, ""
    expected, algorithm = song.checksum.digest, song.checksum.algorithm
    digest = recording.digest if algorithm == "sha256" else file_digest(song.path, algorithm)
    if digest == expected:
        return recording, ""
    difference = f"{digest[:8]}… instead of {expected[:8]}…"
    return recording, f"its {algorithm} is {difference} as {song.checksum.source} says"


def _judge(song: Song, recording: Recording, forged: str) -> Iterator[Finding]:
    """Tell what is wrong with one song on its own."""

    def found(kind: str, detail: str) -> Finding:
        return Finding(kind, song.track, song.path, detail)

    if recording.complaint:
        kind = "" if recording.format else name_kind_of_file(song.path)
        fault = ("misnamed", f"is {kind}, no audio") if kind else ("corrupt", recording.complaint)
        yield found(*fault)
        return
    if forged:
        yield found("corrupt", forged)
    suffix = Path(song.path).suffix.lower()
    if recording.format and recording.format not in _FORMATS.get(suffix, (recording.format,)):
        yield found("misnamed", f"is {recording.format} by its content, {suffix} by its name")
    if recording.silent >= _SILENT:
        share = "all of it" if recording.silent == 1 else f"{100 * recording.silent:.0f} % of it"
        yield found("silent", f"{share} is below -80 dBFS")
    if recording.clipped >= _CLIPPED:
        yield found("clipped", f"{100 * recording.clipped:.1f} % of its samples are at full scale")


def _usual(durations: Sequence[float]) -> float:
    """Give the length that most clips have; 0 where they are of all lengths."""
    known = np.array([seconds for seconds in durations if not np.isnan(seconds)])
    if not len(known):
        return 0.0
    usual = float(np.median(known))
    return usual if np.mean(np.abs(known - usual) <= _ALIKE * usual) >= _MOST else 0.0


def _short(songs: Sequence[Song], durations: Sequence[float], usual: float) -> Iterator[Finding]:
    least = (1 - _ALIKE) * usual or _SHORTEST
    why = f"where {usual:.0f} s are usual" if usual else "too little to tell a genre"
    for song, seconds in zip(songs, durations, strict=True):
        if seconds < least:
            yield Finding("short", song.track, song.path, f"{seconds:.1f} s, {why}")


def _duplicates(
    songs: Sequence[Song], pairs: Sequence[Double], facts: DatasetFacts | None
) -> Iterator[Finding]:
    published = {frozenset(pair) for pair in facts.duplicates} if facts else set()
    for pair in pairs:
        first, second = songs[pair.first], songs[pair.second]
        if first.track == second.track:  # a further file of one track is said to be that
            continue
        known = "a published pair" if frozenset((first.track, second.track)) in published else ""
        detail = f"{_likeness(pair)} {first.track}{_apart(first, second, pair)}"
        yield Finding("duplicate", second.track, second.path, detail, known)


def _likeness(pair: Double) -> str:
    return "the same samples as" if pair.exact else f"{100 * pair.similarity:.0f} % like"


def _apart(first: Song, second: Song, pair: Double) -> str:
    moved = abs(pair.offset) >= _HEARD_OFFSET
    later = "later" if pair.offset > 0 else "earlier"
    where = f", from {abs(pair.offset):.1f} s {later} on" if moved else ""
    return where + (f", which is called {first.genre}" if first.genre != second.genre else "")


def _report(
    root: str | Path, inventory: Inventory, findings: Sequence[Finding]
) -> VerificationReport:
    facts, songs = inventory.facts, inventory.songs
    known = [_with_known(finding, facts) for finding in findings]
    named = {finding.track for finding in known}
    known += [
        Finding("fault", song.track, song.path, _UNNOTICED, facts.faults[song.track])
        for song in (songs if facts else ())
        if facts and song.track in facts.faults and song.track not in named
    ]
    order = {kind: number for number, kind in enumerate(KINDS)}
    known.sort(key=lambda finding: (order[finding.kind], finding.track, finding.path))
    extra = {finding.path for finding in known if finding.kind == "extra"}
    counts = Counter(song.genre for song in songs if song.path not in extra)
    return VerificationReport(
        root=str(root),
        dataset=facts.name if facts else "",
        title=facts.title if facts else inventory.name,
        n_expected=facts.n_tracks if facts else None,
        n_files=len(songs),
        findings=tuple(known),
        n_of_genre={genre: counts[genre] for genre in inventory.genres},
        n_here=inventory.n_here,
        is_part=inventory.is_part,
        n_missing_of_genre=inventory.n_missing_of_genre,
    )


def _with_known(finding: Finding, facts: DatasetFacts | None) -> Finding:
    """Add what was published about a track's fault."""
    if facts is None or finding.known or finding.kind not in _PUBLISHED_FAULTS:
        return finding
    return replace(finding, known=facts.faults.get(finding.track, ""))
