"""How the genres in a history are spelt, so that a correction is not kept as another genre.

In it: :class:`KnownGenres`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from generify.genre_names import likely_meant
from generify.history.schema import corrections, predictions
from generify.history.writing import fold

if TYPE_CHECKING:
    from generify.history.store import History

__all__ = ["KnownGenres"]


@dataclass(frozen=True)
class KnownGenres:
    """Genres by whose spelling a person's is judged.

    Attributes
    ----------
    answered : sequence of str
        Those that models answered.
    corrected : sequence of str
        Those that people gave.
    models : collection of str
        Further ones that models know.
    """

    answered: Sequence[str]
    corrected: Sequence[str] = ()
    models: Collection[str] = ()

    @classmethod
    def read(cls, history: History, models: Collection[str] = ()) -> KnownGenres:
        """Read the genres in a history.

        Parameters
        ----------
        history : History
            Its answers and corrections tell genres.
        models : collection of str
            Further genres that models know.

        Returns
        -------
        KnownGenres
            As they are now.

        Raises
        ------
        HistoryError
            When the database cannot be read.
        """
        with history.database.reading() as connection:
            answered, corrected = (
                connection.scalars(sa.select(column).distinct().order_by(column)).all()
                for column in (predictions.c.genre, corrections.c.genre)
            )
        return cls([name for name in answered if name is not None], corrected, models)

    def spell(self, genre: str) -> str:
        """Spell a genre as models do, or else as in earlier corrections.

        Parameters
        ----------
        genre : str
            As a person writes it.

        Returns
        -------
        str
            The known genre that is the same but for case; the genre itself where there is none, or
            where a model spells it so.

        Examples
        --------
        >>> KnownGenres(["Tones"], ["folk"], ["jazz"]).spell("TONES")
        'Tones'
        """
        genre = genre.strip()
        if genre in self.models or genre in self.answered:
            return genre
        return _find_alike(genre, (*self.answered, *self.models, *self.corrected))

    def spell_kept(self, genre: str) -> str:
        """Spell a genre as it is kept in the history, to look for it there.

        Parameters
        ----------
        genre : str
            As a person writes it.

        Returns
        -------
        str
            The genre itself where it is kept so; else the one that is the same but for case, first
            of those answered.

        Examples
        --------
        >>> KnownGenres(["metal"], ["Folk"], ["Metal"]).spell_kept("Metal")
        'metal'
        """
        kept = (*self.answered, *self.corrected)
        return genre if genre in kept else _find_alike(genre, kept)

    def doubt(self, genre: str) -> str:
        """Say of a genre that nobody knows what it may be a slip of the pen for.

        Parameters
        ----------
        genre : str
            As :meth:`spell` gave it.

        Returns
        -------
        str
            One line; empty where the genre is known, or blank, which is none.

        Examples
        --------
        >>> KnownGenres(["reggae"]).doubt("regae")
        'no model and no song in the history is of the genre regae; did you mean reggae?'
        """
        known = {fold(name): name for name in (*self.corrected, *self.answered, *self.models)}
        if not genre or fold(genre) in known:
            return ""
        meant = likely_meant(fold(genre), known)
        return f"no model and no song in the history is of the genre {genre}{meant}"


def _find_alike(genre: str, names: Iterable[str]) -> str:
    """Give the first name that is the same but for case; the genre itself where there is none."""
    return next((name for name in names if fold(name) == fold(genre.strip())), genre)
