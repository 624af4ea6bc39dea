"""How the genres in a history are spelt, so that a correction is not kept as another genre.

In it: :func:`spell_genre`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from generify.history.schema import corrections, predictions
from generify.history.writing import fold

if TYPE_CHECKING:
    from generify.history.store import History

__all__ = ["spell_genre"]


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
    with history.database.reading() as connection:
        answered, corrected = (
            connection.scalars(sa.select(column).distinct().order_by(column)).all()
            for column in (predictions.c.genre, corrections.c.genre)
        )
    if genre in answered:
        return genre
    known = (name for name in (*answered, *models, *corrected) if name is not None)
    return next((name for name in known if fold(name) == fold(genre)), genre)
