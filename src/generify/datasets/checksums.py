"""Whether an archive is what was published.

A published checksum decides. Where there is none, or the archive comes from elsewhere, it is read
to its end, which finds damage but no forgery, and its size is compared.

In it: :func:`judge_archive`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from generify.content import file_digest
from generify.datasets.archives import UnfitArchiveError, archive_format, examine_archive
from generify.datasets.facts import Download
from generify.progress import Progress

__all__ = ["judge_archive"]

_STRONGEST_FIRST = ("sha512", "sha256", "sha1", "md5")
_SHOWN_DIGITS = 12


def judge_archive(
    path: Path,
    published: Sequence[Download],
    *,
    must_match: bool,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Check an archive before it is unpacked.

    Parameters
    ----------
    path : Path
        The archive.
    published : sequence of Download
        What is known of it; of mirrors with different archives, one has to fit.
    must_match : bool
        Whether another checksum than a published one is an error; it is a doubt otherwise.
    progress : callable, optional
        Called with (bytes read, bytes in all).

    Returns
    -------
    tuple of str
        What is doubtful about it; empty when it is exactly what was published, as far as that is
        known.

    Raises
    ------
    UnfitArchiveError
        When it is no archive, is damaged or unsafe, or has to match and does not.
    DatasetError
        When it cannot be read.
    OSError
        When it cannot be read while its checksum is made.
    """
    archive_format(path)
    differences = [_difference(path, download, progress) for download in published]
    if "" in differences:
        return ()
    wrong = [text for text in differences if text]
    if wrong and must_match:
        raise UnfitArchiveError(f"what came is not what was published: {wrong[0]}")
    examine_archive(path, progress=progress)
    unchecked = [
        download for download, text in zip(published, differences, strict=True) if not text
    ]
    doubt = _unlike_size(path, unchecked) if unchecked else "".join(wrong[:1])
    if not doubt:
        return ()
    return (f"{path.name} may be another edition, {doubt}: verify tells what is in it",)


def _difference(path: Path, download: Download, progress: Progress | None) -> str | None:
    """Compare with a published checksum: "" when equal, None when there is none."""
    name = next((name for name in _STRONGEST_FIRST if name in download.checksums), None)
    if name is None:
        return None
    expected = download.checksums[name].lower()
    digest = file_digest(path, name, progress=progress)
    if digest == expected:
        return ""
    of_another_size = _unlike_size(path, (download,))
    digits = f"{digest[:_SHOWN_DIGITS]}… instead of {expected[:_SHOWN_DIGITS]}…"
    return of_another_size or f"its {name} is {digits}"


def _unlike_size(path: Path, published: Sequence[Download]) -> str:
    n_bytes = path.stat().st_size
    sizes = [download.n_bytes for download in published if download.n_bytes is not None]
    if not sizes or n_bytes in sizes:
        return ""
    return f"it has {n_bytes:,} bytes instead of {sizes[0]:,}"
