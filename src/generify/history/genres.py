"""How the genres in a history are spelt, so that a correction is not kept as another genre.

In it: :func:`spell_genre`, :func:`doubt_genre`.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING

import sqlalchemy as sa

from generify.history.schema import corrections, predictions
from generify.history.writing import fold

if TYPE_CHECKING:
    from generify.history.store import History

__all__ = ["doubt_genre", "spell_genre"]


def spell_genre(history: History, genre: str, models: Collection[str] = ()) -> str:
    """Spell a genre as models do, or else as in earlier corrections.

    Parameters
    ----------
    history : History
        Its answers tell the genres of the models that were used.
    genre : str
        As a person writes it.
    models : collection of str
        Further genres that models know.

    Returns
    -------
    str
        The known genre that is the same but for case; the genre itself where there is none, or
        where a model spells it so.

    Raises
    ------
    HistoryError
        When the database cannot be read.
    """
    genre = genre.strip()
    if genre in models:
        return genre
    answered, corrected = _genres_in(history)
    if genre in answered:
        return genre
    known = (*answered, *models, *corrected)
    return next((name for name in known if fold(name) == fold(genre)), genre)


def doubt_genre(history: History, genre: str, models: Collection[str] = ()) -> str:
    """Say of a genre that nobody knows what it may be a slip of the pen for.

    Parameters
    ----------
    history : History
        Its answers and corrections tell genres.
    genre : str
        As :func:`spell_genre` gave it.
    models : collection of str
        Further genres that models know.

    Returns
    -------
    str
        One line; empty where the genre is known.

    Raises
    ------
    HistoryError
        When the database cannot be read.
    """
    answered, corrected = _genres_in(history)
    known = {fold(name): name for name in (*corrected, *answered, *models)}
    if fold(genre) in known:
        return ""
    close = get_close_matches(fold(genre), known, n=1)
    meant = f"; did you mean {known[close[0]]}?" if close else ""
    return f"no model and no song in the history is of the genre {genre}{meant}"


def _genres_in(history: History) -> tuple[list[str], list[str]]:
    """Give the genres that models answered, and those that people gave."""
    with history.database.reading() as connection:
        answered, corrected = (
            connection.scalars(sa.select(column).distinct().order_by(column)).all()
            for column in (predictions.c.genre, corrections.c.genre)
        )
    return [name for name in answered if name is not None], list(corrected)
