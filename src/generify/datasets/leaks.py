"""What a split leaks: how many test tracks have a near relation among those trained on.

In it: :func:`inspect_split`, :class:`Leaks`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from generify.datasets.base import Track
from generify.datasets.folding import count_shared
from generify.datasets.splits import Split, check_split, group_key

__all__ = ["Leaks", "inspect_split"]


@dataclass(frozen=True)
class Leaks:
    """How many test tracks of a split have a near relation among those trained on.

    Attributes
    ----------
    split : str
        Name of the split.
    n_folds : int
        Its folds; a track that is tested on in several is counted in each.
    n_tested : int
        Test tracks of all folds together.
    n_shared_artist, n_shared_album : int or None
        Test tracks whose artist, or album, is also trained on; None when none is known.
    n_shared_recording : int
        Test tracks of which another copy is trained on.
    n_unknown_artist, n_unknown_album : int
        Test tracks whose artist, or album, is not known: a shared one cannot be seen.
    """

    split: str
    n_folds: int
    n_tested: int
    n_shared_artist: int | None
    n_shared_album: int | None
    n_shared_recording: int
    n_unknown_artist: int
    n_unknown_album: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing that is known is on both sides."""
        return not (self.n_shared_artist or self.n_shared_album or self.n_shared_recording)

    def to_dict(self) -> dict[str, Any]:
        """Give the counts as plain values.

        Returns
        -------
        dict
            Named as the attributes.
        """
        return asdict(self)

    def warnings(self) -> Iterator[str]:
        """Say in plain words what weakens a figure measured on this split.

        Yields
        ------
        str
            One line each; none for a split without known leaks whose artists are all known.
        """
        of = f"of {self.n_tested} test tracks"
        if self.n_shared_artist:
            yield f"{self.n_shared_artist} {of} are by artists who are also trained on"
        if self.n_shared_recording:
            yield f"{self.n_shared_recording} {of} have a copy that is also trained on"
        if not self.is_clean:
            yield "an accuracy measured on it flatters"
        if self.n_shared_artist is None:
            yield (
                "no artist is known, so the same artists may well be on both sides: expect an "
                "accuracy measured on it to flatter"
            )
        elif self.n_unknown_artist:
            yield (
                f"{self.n_unknown_artist} {of} have no known artist; whether theirs "
                "is also trained on, nobody can tell"
            )


def inspect_split(
    split: Split, tracks: Sequence[Track], duplicates: Sequence[int] | None = None
) -> Leaks:
    """Count what is on both sides of a split.

    Parameters
    ----------
    split : Split
        A split of these tracks.
    tracks : sequence of Track
        The tracks it was made for.
    duplicates : sequence of int, optional
        A number per track, equal for copies of one recording.

    Returns
    -------
    Leaks
        Counts over all folds.
    """
    tested = [row for fold in split.folds for row in fold.test.tolist()]
    unknown = Counter(
        by for row in tested for by in ("artist", "album") if group_key(by, tracks[row]) is None
    )

    def n_shared(by: str) -> int | None:
        known = any(group_key(by, track) for track in tracks)
        return sum(check_split(split, tracks, by)) if known else None

    copies = [] if duplicates is None else list(duplicates)
    return Leaks(
        split=split.name,
        n_folds=len(split.folds),
        n_tested=len(tested),
        n_shared_artist=n_shared("artist"),
        n_shared_album=n_shared("album"),
        n_shared_recording=sum(count_shared(split.folds, copies.__getitem__)) if copies else 0,
        n_unknown_artist=unknown["artist"],
        n_unknown_album=unknown["album"],
    )
