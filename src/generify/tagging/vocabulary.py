"""What genres are called in tags: MusicBrainz' names, and a person's own.

In it: :data:`MUSICBRAINZ_NAMES`, :func:`read_vocabulary`, :func:`name_in_tags`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from generify.errors import ParameterError
from generify.genre_names import letters_of

__all__ = ["MUSICBRAINZ_NAMES", "name_in_tags", "read_vocabulary"]

MUSICBRAINZ_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "blues": "blues",
        "classical": "classical",
        "country": "country",
        "disco": "disco",
        "hiphop": "hip hop",
        "jazz": "jazz",
        "metal": "metal",
        "pop": "pop",
        "reggae": "reggae",
        "rock": "rock",
        "bollypop": "filmi",
        "carnatic": "carnatic classical",
        "ghazal": "ghazal",
        # MusicBrainz has only narrower genres for these two, which would claim too much.
        "semiclassical": "semi-classical",
        "sufi": "sufi",
    }
)
"""Genres of the bundled models, as MusicBrainz' list of genres spells them."""

_EXAMPLE = 'one genre a line, as in hiphop = "Hip-Hop/Rap"'


def name_in_tags(genre: str, vocabulary: Mapping[str, str]) -> str:
    """Translate a model's genre.

    Parameters
    ----------
    genre : str
        As the model calls it.
    vocabulary : mapping of str to str
        Model's genre to name in tags; case, blanks and hyphens of the former do not count.

    Returns
    -------
    str
        Its name in tags; the vocabulary's, else MusicBrainz', else the genre itself.

    Examples
    --------
    >>> name_in_tags("hiphop", {}), name_in_tags("hiphop", {"Hip-Hop": "Rap"})
    ('hip hop', 'Rap')
    """
    own = {letters_of(key): name for key, name in vocabulary.items()}
    key = letters_of(genre)
    return own.get(key) or MUSICBRAINZ_NAMES.get(key, genre)


def read_vocabulary(path: str | Path) -> Mapping[str, str]:
    """Read a vocabulary of one's own.

    Parameters
    ----------
    path : str or Path
        A TOML file with a line such as ``hiphop = "Hip-Hop/Rap"`` for each genre.

    Returns
    -------
    mapping of str to str
        Model's genre to name in tags.

    Raises
    ------
    ParameterError
        When the file cannot be read, is no TOML, or holds anything but names.
    """
    import tomllib

    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        vocabulary = tomllib.loads(text)
    except OSError as err:
        raise ParameterError(f"cannot read {path}: {err.strerror or err}") from err
    except ValueError as err:  # not TOML, or not UTF-8
        raise ParameterError(f"{path} is not TOML: {err}", hint=_EXAMPLE) from err
    for genre, name in vocabulary.items():
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise ParameterError(
                f"{path}: the name of {genre} must be a text, got {name!r}", hint=_EXAMPLE
            )
    return {genre: name.strip() for genre, name in vocabulary.items()}
