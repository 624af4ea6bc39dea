"""Fonts for what the usual one cannot draw: names in any script.

Conventions: a letter is a character of a text; spaces need no font. Of the installed fonts those
that draw but a box for a letter do not count.

In it: :func:`spell_out`, :func:`lend_fonts`, :func:`quiet_fonts`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["lend_fonts", "quiet_fonts", "spell_out"]

_NO_LETTERS = ("Last Resort", "LastResort")  # fonts of boxes


@lru_cache(maxsize=2048)
def _letters_of(path: str) -> frozenset[int]:
    """Give the code points that a font file can draw; none where it cannot be read."""
    from matplotlib.font_manager import get_font

    try:
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def _missing(text: str, properties: Any = None) -> set[str]:
    """Find the letters of a text that its own font cannot draw."""
    from matplotlib.font_manager import FontProperties, findfont

    there = _letters_of(str(findfont(properties or FontProperties())))
    return {letter for letter in text if ord(letter) not in there and not letter.isspace()}


def _choose(letters: Collection[str]) -> tuple[list[str], set[str]]:
    """Choose installed fonts until every letter has one; give the letters that have none too."""
    from matplotlib.font_manager import fontManager

    families: list[str] = []
    left = set(letters)
    upright_first = sorted(
        fontManager.ttflist, key=lambda font: (font.style != "normal", font.name)
    )
    for font in upright_first:
        if not left:
            break
        if font.name.startswith(_NO_LETTERS):
            continue
        drawn = {letter for letter in left if ord(letter) in _letters_of(font.fname)}
        if drawn:
            families.append(font.name)
            left -= drawn
    return families, left


def spell_out(text: str) -> str:
    r"""Put escapes in the place of letters that no installed font can draw.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The same, but for letters that would be boxes.

    Examples
    --------
    >>> spell_out("Sigur Rós")
    'Sigur Rós'
    """
    if text.isascii():
        return text
    _, left = _choose(_missing(text))
    return "".join(
        letter.encode("ascii", "backslashreplace").decode("ascii") if letter in left else letter
        for letter in text
    )


def lend_fonts(figure: Figure) -> None:
    """Give every text of a figure the fonts for letters that its own font lacks.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Changed in place.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        words = text.get_text()
        if words.isascii():
            continue
        families, _ = _choose(_missing(words, text.get_fontproperties()))
        own = text.get_fontfamily()
        text.set_fontfamily([*own, *(family for family in families if family not in own)])


@contextmanager
def quiet_fonts() -> Iterator[None]:
    """Keep matplotlib from telling on the terminal that a font is not there in bold.

    Yields
    ------
    None
        While the block runs.
    """

    def is_news(record: logging.LogRecord) -> bool:
        return "font weight" not in record.getMessage()

    log = logging.getLogger("matplotlib.font_manager")
    log.addFilter(is_news)
    try:
        yield
    finally:
        log.removeFilter(is_news)
