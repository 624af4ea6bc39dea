"""What came out of a scan, counted.

In it: :class:`ScanSummary`, :class:`FailureGroup`, :class:`Tally`, which counts song by song.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from generify.endings import tells_of_damage
from generify.errors import Failure
from generify.results import SongResult

__all__ = ["FailureGroup", "ScanSummary", "Tally"]

_N_NAMED = 3


@dataclass(frozen=True)
class FailureGroup:
    """Songs that failed for one reason.

    Attributes
    ----------
    reason : str
        The reason, without what differs from song to song.
    n_songs : int
        How many there are.
    paths : tuple of str
        The first few.
    """

    reason: str
    n_songs: int
    paths: tuple[str, ...]


@dataclass(frozen=True)
class ScanSummary:
    """What came out of a scan.

    Attributes
    ----------
    n_songs : int
        Songs in the output, those that failed too.
    genres : mapping of str to int
        Songs of each genre, the most frequent first.
    n_unknown : int
        Songs without a genre.
    failures : tuple of FailureGroup
        Songs that failed by reason, the most frequent first.
    duration : float
        Seconds of music in all.
    n_damaged : int
        Songs of which a part is missing; their genres are counted as all others'.
    damaged : tuple of str
        Paths of the first few of them.
    """

    n_songs: int
    genres: Mapping[str, int]
    n_unknown: int
    failures: tuple[FailureGroup, ...]
    duration: float
    n_damaged: int = 0
    damaged: tuple[str, ...] = ()

    @property
    def n_failed(self) -> int:
        """Songs that failed."""
        return sum(group.n_songs for group in self.failures)


@dataclass
class Tally:
    """Counts results one by one; memory does not grow with their number.

    Attributes
    ----------
    n_songs, n_unknown, n_damaged : int
        Songs, songs without a genre, and songs of which a part is missing.
    duration : float
        Seconds of music.
    genres : Counter of str
        Songs of each genre.
    """

    n_songs: int = 0
    n_unknown: int = 0
    n_damaged: int = 0
    duration: float = 0.0
    genres: Counter[str] = field(default_factory=Counter)
    _reasons: Counter[str] = field(default_factory=Counter)
    _paths: dict[str, list[str]] = field(default_factory=dict)
    _damaged: list[str] = field(default_factory=list)

    def add(self, result: SongResult) -> SongResult:
        """Count a result.

        Parameters
        ----------
        result : SongResult
            The result.

        Returns
        -------
        SongResult
            The same.
        """
        answer = result.answer
        self.n_songs += 1
        if isinstance(answer, Failure):
            reason = _reason(answer)
            self._reasons[reason] += 1
            named = self._paths.setdefault(reason, [])
            if len(named) < _N_NAMED:
                named.append(answer.path)
            return result
        self.duration += answer.duration
        self.n_unknown += answer.unknown
        if answer.genre is not None:
            self.genres[answer.genre] += 1
        if any(map(tells_of_damage, answer.warnings)):
            self.n_damaged += 1
            if len(self._damaged) < _N_NAMED:
                self._damaged.append(answer.path)
        return result

    def summary(self) -> ScanSummary:
        """Give what was counted.

        Returns
        -------
        ScanSummary
            Genres and reasons that are as frequent are in the order of their names.
        """
        failures = tuple(
            FailureGroup(reason, n_songs, tuple(self._paths[reason]))
            for reason, n_songs in _ranked(self._reasons)
        )
        genres = dict(_ranked(self.genres))
        return ScanSummary(
            self.n_songs,
            genres,
            self.n_unknown,
            failures,
            self.duration,
            n_damaged=self.n_damaged,
            damaged=tuple(self._damaged),
        )


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _reason(failure: Failure) -> str:
    """Leave out of a message the file, what is in brackets, and the hint."""
    reason = re.split(r"[(;]", failure.why, maxsplit=1)[0]
    return re.sub(r"(?<![\w-])\d[\d.,]*", "…", reason).strip(" :,") or failure.error_type
