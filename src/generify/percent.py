"""Shares as people read them, the same on every screen and in every picture.

In it: :func:`format_percent` for shares that were counted, :func:`format_tenths` for figures that
are compared, :func:`format_unbroken` for the same on a page, :func:`format_sure` for probabilities.
"""

from __future__ import annotations

import math

__all__ = ["format_percent", "format_sure", "format_tenths", "format_unbroken"]


def format_percent(share: float) -> str:
    """Give a share as whole percent; what is nearly all or nothing does not become either.

    Parameters
    ----------
    share : float
        0 to 1.

    Returns
    -------
    str
        The percentage, rounded.

    Examples
    --------
    >>> format_percent(0.597), format_percent(0.9999), format_percent(0.001)
    ('60 %', '> 99 %', '< 1 %')
    """
    if 0.995 <= share < 1:
        return "> 99 %"
    return "< 1 %" if 0 < share <= 0.005 else f"{100 * share:.0f} %"


def format_tenths(share: float) -> str:
    """Give a share as percent with one digit behind the point.

    Parameters
    ----------
    share : float
        0 to 1.

    Returns
    -------
    str
        The percentage, rounded.

    Examples
    --------
    >>> format_tenths(0.8666)
    '86.7 %'
    """
    return f"{100 * share:.1f} %"


def format_unbroken(share: float) -> str:
    r"""Give a share as :func:`format_tenths` does, but so that no line ends inside it.

    Parameters
    ----------
    share : float
        0 to 1; NaN for what could not be measured.

    Returns
    -------
    str
        The percentage, rounded; a dash for NaN.

    Examples
    --------
    >>> format_unbroken(0.8666), format_unbroken(float("nan"))
    ('86.7\xa0%', '–')
    """
    return "–" if math.isnan(share) else format_tenths(share).replace(" ", "\N{NO-BREAK SPACE}")


def format_sure(probability: float) -> str:
    """Give how sure a model is as whole percent, cut and not rounded; never as all or nothing.

    59.7 % must not look like the 60 % that ``--min-confidence 0.6`` asks for, and no model is as
    sure as its digits say.

    Parameters
    ----------
    probability : float
        0 to 1.

    Returns
    -------
    str
        The percentage.

    Examples
    --------
    >>> format_sure(0.597), format_sure(0.6), format_sure(0.0099)
    ('59 %', '60 %', '< 1 %')
    """
    if probability < 0.01:
        return "< 1 %"
    if probability >= 0.995:
        return "> 99 %"
    whole = round(100 * probability)
    too_much = whole / 100 > probability and whole < 100
    return f"{whole - 1 if too_much else whole} %"
