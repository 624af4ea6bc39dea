"""Feature extractors: what a classifier gets to know about a song.

In it: :func:`get_extractor` and :func:`list_extractors` over the registry; the contract is
:class:`generify.features.base.Extractor`.
"""

from __future__ import annotations

from generify.errors import ParameterError
from generify.features.base import Extractor, ExtractorSpec
from generify.features.mfcc import Mfcc
from generify.features.timbre import Timbre

__all__ = ["Extractor", "ExtractorSpec", "get_extractor", "list_extractors"]

_EXTRACTORS: dict[str, type[Extractor]] = {
    extractor.name: extractor for extractor in (Mfcc, Timbre)
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
    ('mfcc', 'timbre')
    """
    return tuple(_EXTRACTORS)


def get_extractor(name: str) -> Extractor:
    """Make an extractor by name.

    Parameters
    ----------
    name : str
        One of :func:`list_extractors`.

    Returns
    -------
    Extractor
        A new extractor.

    Raises
    ------
    ParameterError
        When there is none of that name.
    """
    try:
        return _EXTRACTORS[name]()
    except KeyError:
        raise ParameterError(
            f"there is no extractor {name!r}; there are {', '.join(_EXTRACTORS)}"
        ) from None
