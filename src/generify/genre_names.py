"""Genres however people spell them: "Hip-Hop", "hip hop" and "hiphop" are one.

In it: :func:`letters_of`, :func:`match_genre`, :func:`call_genre`, :func:`choose_genres`,
:func:`likely_meant`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

__all__ = ["call_genre", "choose_genres", "letters_of", "likely_meant", "match_genre"]


def letters_of(name: str) -> str:
    """Give what is left of a genre's name when case, blanks and hyphens do not count.

    Parameters
    ----------
    name : str
        As it is written.

    Returns
    -------
    str
        Letters and digits, in small letters.

    Examples
    --------
    >>> letters_of("Hip-Hop"), letters_of("hip hop")
    ('hiphop', 'hiphop')
    """
    return "".join(c for c in name.casefold() if c.isalnum())


def match_genre(name: str, genres: Iterable[str]) -> tuple[str, ...]:
    """Find the genres that a name means, however it is spelt.

    Parameters
    ----------
    name : str
        As a person or a folder has it.
    genres : iterable of str
        Those there are.

    Returns
    -------
    tuple of str
        The one of exactly this name; else all whose letters and digits are the same.

    Examples
    --------
    >>> match_genre("Hip-Hop", ["blues", "hiphop"]), match_genre("rap", ["hiphop"])
    (('hiphop',), ())
    """
    there = tuple(genres)
    if name in there:
        return (name,)
    letters = letters_of(name)
    return tuple(genre for genre in there if letters and letters_of(genre) == letters)


def call_genre(name: str, genres: Iterable[str]) -> str:
    """Call a genre as somebody else does, where only the spelling differs.

    Parameters
    ----------
    name : str
        As a person or a folder has it.
    genres : iterable of str
        The other's genres.

    Returns
    -------
    str
        The first of them that it means; its own name where it means none.

    Examples
    --------
    >>> call_genre("Hip-Hop", ["blues", "hiphop"]), call_genre("rap", ["hiphop"])
    ('hiphop', 'rap')
    """
    return (*match_genre(name, genres), name)[0]


def choose_genres(
    names: Iterable[str], genres: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose genres by names, however they are spelt.

    Parameters
    ----------
    names : iterable of str
        As a person gives them.
    genres : sequence of str
        Those there are.

    Returns
    -------
    chosen : tuple of str
        All that are meant, in the order of `genres`.
    missing : tuple of str
        Names that mean none of them.

    Examples
    --------
    >>> choose_genres(["Rock", "Hip-Hop", "rap"], ["hiphop", "jazz", "rock"])
    (('hiphop', 'rock'), ('rap',))
    """
    meant = {name: match_genre(name, genres) for name in names}
    wanted = {genre for found in meant.values() for genre in found}
    missing = tuple(name for name, found in meant.items() if not found)
    return tuple(genre for genre in genres if genre in wanted), missing


def likely_meant(key: str, genres: Mapping[str, str]) -> str:
    """Ask whether another genre was meant, to end a sentence about one that nobody knows.

    Parameters
    ----------
    key : str
        The genre, or the name of anything else, in the spelling of the keys.
    genres : mapping of str to str
        Names of those there are, by what they are compared by.

    Returns
    -------
    str
        Empty where none is alike.

    Examples
    --------
    >>> likely_meant("regae", {"reggae": "Reggae", "rock": "Rock"})
    '; did you mean Reggae?'
    >>> likely_meant("polka", {"reggae": "Reggae"})
    ''
    """
    close = get_close_matches(key, genres, n=1)
    return f"; did you mean {genres[close[0]]}?" if close else ""
