"""What is known of a published dataset before a single file of it is read.

Only facts: who made it, under what terms, where it is, what is wrong with it. How its folders are
read is in the module of the dataset.

In it: :class:`Download`, :class:`DatasetFacts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["DatasetFacts", "Download"]

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Download:
    """One place a dataset can be, or once could be, had from.

    Attributes
    ----------
    url : str
        Address of the archive.
    n_bytes : int or None
        Size of the archive; None when unknown.
    checksums : mapping of str to str
        Algorithm (``"md5"``, ``"sha1"``, ``"sha256"``) → hexadecimal digest; empty when none is
        published.
    works : bool
        Whether the address was answering when these facts were written.
    note : str
        What to know before using it.
    account : str
        How to get it by hand where that takes an account; empty where anybody can have it.
    part : str
        Which part of the dataset it is, such as ``"audio"`` or ``"metadata"``. Downloads of the
        same part are mirrors of each other; of different parts all are needed.
    """

    url: str
    n_bytes: int | None = None
    checksums: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    works: bool = True
    note: str = ""
    account: str = ""
    part: str = ""


@dataclass(frozen=True)
class DatasetFacts:
    """Facts about one published dataset.

    Attributes
    ----------
    name : str
        Short name, as in ``generify datasets NAME``.
    title : str
        Full name.
    summary : str
        What it holds, one line.
    citation : str
        The publication to cite for the audio.
    licence : str
        Terms of use, in plain words.
    homepage : str
        Where its makers describe it.
    genres : tuple of str
        In the order used by its publications.
    n_tracks : int
        Tracks in the complete dataset.
    downloads : tuple of Download
        Where it can be had, best first.
    layout : str
        How its files lie once unpacked.
    splits : mapping of str to str
        Name → what the published split means, in plain words.
    sources : tuple of str
        Publications behind the splits, artists and faults.
    faults : mapping of str to str
        Track → what is wrong with it.
    duplicates : tuple of (str, str)
        Pairs of tracks that are known to be the same recording.
    notes : tuple of str
        What to know before trusting a figure measured on it, one line each.
    short_title : str
        What a sentence calls it.
    """

    name: str
    title: str
    summary: str
    citation: str
    licence: str
    homepage: str
    genres: tuple[str, ...]
    n_tracks: int
    downloads: tuple[Download, ...]
    layout: str
    splits: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    sources: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    duplicates: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    short_title: str = field(kw_only=True)
