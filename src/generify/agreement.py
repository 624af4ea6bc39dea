"""What a model says against the genres that songs already carry in their tags.

Tags are written freely, a model knows a few genres: "Hip-Hop/Rap" and "rap" both mean *hiphop*,
"Classic Rock" is *rock*, "Blues Rock" may be either, "Techno" is none that the model could name. A
tag is read word by word (:func:`genres_meant`): a genre is meant where its name, or another name of
it, is among the words. A song agrees when the answer is among the genres that its tags mean; songs
whose tags mean none that the model knows can neither agree nor disagree.

In it: :func:`compare_with_tags`, :class:`Agreement`, :class:`TagRow`, :class:`Disagreement`,
:func:`genres_meant`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop

from generify.errors import Failure, GenerifyError, MissingExtraError
from generify.genre_names import letters_of
from generify.prediction import Prediction
from generify.tag_formats import read_genres

__all__ = ["Agreement", "Disagreement", "TagRow", "compare_with_tags", "genres_meant"]

_N_SHOWN = 20

# What people write for a genre besides its name; letters and digits only.
_OTHER_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("rap", "boombap"), "hiphop"),
    **dict.fromkeys(("classic", "baroque", "opera", "orchestral", "symphony"), "classical"),
    **dict.fromkeys(("klassik", "romantic", "chamber", "klassisch", "classique"), "classical"),
    **dict.fromkeys(("bebop", "bop", "swing", "dixieland"), "jazz"),
    **dict.fromkeys(("thrash", "deathcore", "metalcore", "grindcore"), "metal"),
    **dict.fromkeys(("ska", "rocksteady", "dancehall", "ragga"), "reggae"),
    **dict.fromkeys(("punk", "grunge", "rocknroll", "rockandroll", "rockabilly"), "rock"),
    **dict.fromkeys(("bluegrass", "honkytonk", "americana", "countrywestern"), "country"),
    **dict.fromkeys(("synthpop", "electropop", "britpop", "kpop", "jpop", "dancepop"), "pop"),
    **dict.fromkeys(("bollywood", "filmi", "hindifilm"), "bollypop"),
    **dict.fromkeys(("qawwali", "qawali"), "sufi"),
    **dict.fromkeys(("karnatak", "karnatic"), "carnatic"),
    **dict.fromkeys(("ghazals", "gazal"), "ghazal"),
    **{"rnb": "rb", "rb": "rnb"},
}
# "Classic Rock" is no classical music.
_NOT_BEFORE_OTHERS = frozenset({"classic", "romantic"})
# Rhythm and blues, R&B, is no blues.
_RHYTHM_AND_BLUES = re.compile(r"\brhythm (?:(?:and|n) )?blues\b")
_LONGEST_NAME = 4  # words; a tag that is a whole sentence must not take long


@dataclass(frozen=True)
class TagRow:
    """What a model said of the songs that carry one tag.

    Attributes
    ----------
    tag : str
        The tag as it is most often written.
    meant : tuple of str
        Genres of the model that it means; empty where it means none.
    heard : mapping of str to int
        Songs by the genre that the model gave, the most frequent first; unknown ones are left out.
    n_agreeing, n_unknown : int
        Songs whose genre is among those meant, and songs to which the model gave none.
    """

    tag: str
    meant: tuple[str, ...]
    heard: Mapping[str, int]
    n_agreeing: int
    n_unknown: int

    @property
    def n_songs(self) -> int:
        """Songs that carry the tag."""
        return sum(self.heard.values()) + self.n_unknown


@dataclass(frozen=True)
class Disagreement:
    """A song whose tags mean another genre than the model gave.

    Attributes
    ----------
    path : str
        The song.
    tags : tuple of str
        Genres in the file.
    genre : str
        The model's.
    confidence : float
        How sure it is.
    """

    path: str
    tags: tuple[str, ...]
    genre: str
    confidence: float


@dataclass(frozen=True)
class Agreement:
    """What a model says against the tags.

    Attributes
    ----------
    rows : tuple of TagRow
        One a tag, the most frequent first. A song with several tags is in the row of the first that
        means a genre of the model.
    n_agreeing, n_disagreeing : int
        Songs with a genre from the model and one that it knows in the tags.
    n_unknown : int
        Tagged songs to which the model gave no genre.
    n_foreign : int
        Songs whose tags mean no genre of the model.
    n_untagged : int
        Songs without a genre in their tags.
    n_unreadable : int
        Songs whose tags cannot be read.
    disagreements : tuple of Disagreement
        The surest first.
    """

    rows: tuple[TagRow, ...]
    n_agreeing: int
    n_disagreeing: int
    n_unknown: int
    n_foreign: int
    n_untagged: int
    n_unreadable: int
    disagreements: tuple[Disagreement, ...]

    @property
    def share(self) -> float | None:
        """Share of songs that agree, 0 to 1; None where none can be compared."""
        n_compared = self.n_agreeing + self.n_disagreeing
        return self.n_agreeing / n_compared if n_compared else None


def genres_meant(tag: str, genres: Iterable[str]) -> tuple[str, ...]:
    """Tell which of a model's genres a tag means.

    Parameters
    ----------
    tag : str
        A genre as people write it.
    genres : iterable of str
        The model's genres.

    Returns
    -------
    tuple of str
        In the model's order; several where the tag names several, none where it means none.

    Examples
    --------
    >>> western = ("blues", "classical", "hiphop", "metal", "rock")
    >>> genres_meant("Hip-Hop/Rap", western), genres_meant("Classic Rock", western)
    (('hiphop',), ('rock',))
    >>> genres_meant("Blues Rock", western), genres_meant("Techno", western)
    (('blues', 'rock'), ())
    """
    named = _names_in(tag)
    return tuple(genre for genre in genres if letters_of(genre) in named)


def _names_in(tag: str) -> set[str]:
    """All words of a tag and up to four neighbours joined, with the genres they stand for."""
    written = " ".join(letters_of(word) for word in re.split(r"[\s\W_]+", tag))
    words = _RHYTHM_AND_BLUES.sub("rnb", written).split()
    if len(words) > 1:
        words = [w for w in words[:-1] if w not in _NOT_BEFORE_OTHERS] + words[-1:]
    spans = range(len(words))
    runs = {"".join(words[i : j + 1]) for i in spans for j in spans[i : i + _LONGEST_NAME]}
    return runs | {_OTHER_NAMES[run] for run in runs if run in _OTHER_NAMES}


@dataclass
class _Row:
    """A row that is still being counted."""

    written: Counter[str] = field(default_factory=Counter)
    heard: Counter[str] = field(default_factory=Counter)
    meant: tuple[str, ...] = ()
    n_agreeing: int = 0
    n_unknown: int = 0

    def done(self) -> TagRow:
        heard = dict(sorted(self.heard.items(), key=lambda item: (-item[1], item[0])))
        written = min(self.written, key=lambda tag: (-self.written[tag], tag))
        return TagRow(written, self.meant, heard, self.n_agreeing, self.n_unknown)


class _Comparison:
    """Counts song by song."""

    def __init__(self, genres: Sequence[str], n_shown: int) -> None:
        self._genres, self._n_shown = genres, n_shown
        self._rows: dict[str, _Row] = {}
        self._counts: Counter[str] = Counter()
        self._surest: list[tuple[float, str, Disagreement]] = []

    def add(self, answer: Prediction, tags: tuple[str, ...]) -> None:
        meant = {tag: genres_meant(tag, self._genres) for tag in tags}
        chosen = next((tag for tag in tags if meant[tag]), tags[0])
        row = self._rows.setdefault(letters_of(chosen) or chosen, _Row())
        row.written[chosen] += 1
        row.meant = meant[chosen]
        allowed = {genre for genres in meant.values() for genre in genres}
        if answer.genre is None:
            row.n_unknown += 1
            self._counts["unknown"] += 1
            return
        row.heard[answer.genre] += 1
        row.n_agreeing += answer.genre in allowed
        kind = "agreeing" if answer.genre in allowed else "disagreeing" if allowed else "foreign"
        self._counts[kind] += 1
        if kind == "disagreeing":
            self._remember(Disagreement(answer.path, tags, answer.genre, answer.confidence))

    def count(self, kind: str) -> None:
        self._counts[kind] += 1

    def _remember(self, found: Disagreement) -> None:
        entry = (found.confidence, found.path, found)
        if len(self._surest) < self._n_shown:
            heappush(self._surest, entry)
        elif self._surest:
            heappushpop(self._surest, entry)

    def done(self) -> Agreement:
        rows = sorted((r.done() for r in self._rows.values()), key=lambda r: (-r.n_songs, r.tag))
        ranked = sorted(self._surest, key=lambda entry: (-entry[0], entry[1]))
        return Agreement(
            rows=tuple(rows),
            n_agreeing=self._counts["agreeing"],
            n_disagreeing=self._counts["disagreeing"],
            n_unknown=self._counts["unknown"],
            n_foreign=self._counts["foreign"],
            n_untagged=self._counts["untagged"],
            n_unreadable=self._counts["unreadable"],
            disagreements=tuple(found for _, _, found in ranked),
        )


def compare_with_tags(
    results: Iterable[Prediction | Failure],
    genres: Sequence[str],
    *,
    n_disagreements: int = _N_SHOWN,
    read: Callable[[str], tuple[str, ...]] = read_genres,
) -> Agreement:
    """Compare what a model said with the genres in the files.

    Parameters
    ----------
    results : iterable of Prediction or Failure
        What the model said; failures are passed over.
    genres : sequence of str
        All genres that the model knows.
    n_disagreements : int
        How many disagreements are kept, the surest.
    read : callable
        Gives the genres in a file.

    Returns
    -------
    Agreement
        Counts, and the disagreements to look at.

    Raises
    ------
    MissingExtraError
        When mutagen is not installed.
    """
    comparison = _Comparison(genres, n_disagreements)
    for answer in results:
        if isinstance(answer, Failure):
            continue
        try:
            tags = read(answer.path)
        except MissingExtraError:
            raise
        except GenerifyError:
            comparison.count("unreadable")
            continue
        if tags:
            comparison.add(answer, tags)
        else:
            comparison.count("untagged")
    return comparison.done()
