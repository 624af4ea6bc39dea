"""What is found in a dataset, and the report of it.

In it: :class:`Finding`, :data:`KINDS`, :class:`VerificationReport`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["KINDS", "Finding", "VerificationReport"]

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "a track of the (nearly) whole published dataset, or of its checksum list, that "
        "is not here",
        "extra": "a song that is no track of the dataset, or a second file of one",
        "misnamed": "a song in the folder of another genre, or a file that is not what its name "
        "says",
        "corrupt": "a file that cannot be read or decoded to its end, or is not the published one",
        "short": "a song shorter than the others, or than 3 s",
        "silent": "a song that is silent for half of its seconds or more",
        "clipped": "a song with one sample in a hundred at full scale",
        "duplicate": "a song that is heard in another file too",
        "fault": "something published about a track that was not noticed in this copy",
    }
)
"""Kind of finding → what it means, in the order in which they are reported."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with one track of a dataset.

    Attributes
    ----------
    kind : str
        One of :data:`KINDS`.
    track : str
        Its id in the dataset, or its path below the folder without suffix.
    path : str
        The file; empty where there is none.
    detail : str
        What exactly, one line.
    known : str
        What was published about this fault; empty when nothing was.
    """

    kind: str
    track: str
    path: str = ""
    detail: str = ""
    known: str = ""


@dataclass(frozen=True)
class VerificationReport:
    """The health of a dataset.

    Attributes
    ----------
    root : str
        The folder, as it was given.
    dataset : str
        Name of the published dataset; empty for any other folder.
    title : str
        Its full name, or the folder's.
    n_expected : int or None
        Tracks of the complete published dataset.
    n_files : int
        All songs.
    findings : tuple of Finding
        In the order of :data:`KINDS`, then by track.
    n_of_genre : mapping of str to int
        Genre → songs found in it; of a published dataset in its order, all of them.
    duration : float
        Seconds that were heard.
    usual : float
        Length of most songs in seconds; 0 when they are of all lengths.
    n_here : int or None
        Tracks of the published dataset that are here.
    is_part : bool
        Whether less than nine in ten of its tracks are here: then it is taken for somebody's choice
        from it, and what is not here is counted instead of found missing.
    n_missing_of_genre : mapping of str to int
        Genre → tracks of the published dataset that are not here, where names tell their genres.
    n_heard : int
        Songs of which something could be heard.
    """

    root: str
    dataset: str
    title: str
    n_expected: int | None
    n_files: int
    findings: tuple[Finding, ...]
    n_of_genre: Mapping[str, int]
    duration: float = 0.0
    usual: float = 0.0
    n_here: int | None = None
    is_part: bool = False
    n_missing_of_genre: Mapping[str, int] = field(default_factory=dict)
    n_heard: int = 0

    @property
    def n_of_kind(self) -> dict[str, int]:
        """Kind → number of findings; only kinds that were found."""
        counts = Counter(finding.kind for finding in self.findings)
        return {kind: counts[kind] for kind in KINDS if counts[kind]}

    @property
    def n_unknown(self) -> int:
        """Number of findings that nobody has published before."""
        return sum(not finding.known for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values.

        Returns
        -------
        dict
            Ready for JSON.
        """
        return {
            "root": self.root,
            "dataset": self.dataset,
            "title": self.title,
            "n_expected": self.n_expected,
            "n_here": self.n_here,
            "is_part": self.is_part,
            "n_missing_of_genre": dict(self.n_missing_of_genre),
            "n_files": self.n_files,
            "n_heard": self.n_heard,
            "duration": round(self.duration, 1),
            "usual": round(self.usual, 2),
            "n_of_kind": self.n_of_kind,
            "n_of_genre": dict(self.n_of_genre),
            "findings": [asdict(finding) for finding in self.findings],
        }
