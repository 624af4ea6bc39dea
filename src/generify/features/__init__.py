"""Feature extractors: what a classifier gets to know about a song.

Any of them may be joined: ``tags+timbre`` is the vector of the one behind that of the other.

In it: :func:`get_extractor` and :func:`list_extractors` over the registry; the contract is
:class:`generify.features.base.Extractor`.
"""

from __future__ import annotations

from generify.errors import ParameterError
from generify.features.base import Extractor, ExtractorSpec
from generify.features.classic import Classic
from generify.features.joined import SEPARATOR, Joined
from generify.features.mfcc import Mfcc
from generify.features.rhythm import Rhythm
from generify.features.tags import Embedding, Tags
from generify.features.timbre import Timbre
from generify.genre_names import likely_meant

__all__ = ["Extractor", "ExtractorSpec", "get_extractor", "list_extractors"]

_EXTRACTORS: dict[str, type[Extractor]] = {
    extractor.name: extractor for extractor in (Mfcc, Timbre, Rhythm, Tags, Embedding, Classic)
}


def list_extractors() -> tuple[str, ...]:
    """Names of all extractors.

    Returns
    -------
    tuple of str
        In order of registration.

    Examples
    --------
    >>> list_extractors()
    ('mfcc', 'timbre', 'rhythm', 'tags', 'embedding', 'classic')
    """
    return tuple(_EXTRACTORS)


def get_extractor(name: str) -> Extractor:
    """Make an extractor by name.

    Parameters
    ----------
    name : str
        One of :func:`list_extractors`, or several with ``+`` between.

    Returns
    -------
    Extractor
        A new extractor.

    Raises
    ------
    ParameterError
        When there is none of that name, or those joined share columns.

    Examples
    --------
    >>> get_extractor("tags+timbre").columns[0]
    'tags.root.00'
    """
    names = name.split(SEPARATOR)
    unknown = [part for part in names if part not in _EXTRACTORS]
    if unknown:
        meant = likely_meant(unknown[0], {known: known for known in _EXTRACTORS})
        raise ParameterError(
            f"there is no extractor {unknown[0]!r}; there are {', '.join(_EXTRACTORS)}{meant}",
            hint=f"join several with {SEPARATOR}, as in tags{SEPARATOR}timbre",
        )
    parts = [_EXTRACTORS[part]() for part in names]
    return parts[0] if len(parts) == 1 else Joined(parts)
