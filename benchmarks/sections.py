"""Parts of hand-written pages that a program writes: what lies between two marks.

``<!-- speed -->`` begins the section ``speed``, ``<!-- end speed -->`` ends it. In it:
:func:`with_section`.
"""

from __future__ import annotations

__all__ = ["with_section"]


def with_section(page: str, name: str, text: str) -> str:
    r"""Give a page with a new text in one of its sections.

    Parameters
    ----------
    page : str
        The whole page.
    name : str
        Of the section.
    text : str
        What is to stand in it.

    Returns
    -------
    str
        The whole page again.

    Raises
    ------
    ValueError
        When the page has no such section.

    Examples
    --------
    >>> with_section("<!-- speed -->\nold\n<!-- end speed -->\n", "speed", "new")
    '<!-- speed -->\nnew\n<!-- end speed -->\n'
    """
    begins, ends = f"<!-- {name} -->\n", f"<!-- end {name} -->\n"
    before, _, rest = page.partition(begins)
    _, found, after = rest.partition(ends)
    if not found:
        raise ValueError(f"the page has no section {name}")
    return f"{before}{begins}{text.rstrip()}\n{ends}{after}"
