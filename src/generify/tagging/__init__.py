"""Genres into the tags of files: careful about which, careful about how, and never for good.

**Which.** Only files that name no genre, only when the model is sure, and unknown songs never;
:class:`TagOptions` loosens this. **How.** A copy beside the file is tagged, its sound is compared
with the original's, and it takes the file's place in one step, so that whatever happens the old
file or the new one is there. **Back.** A journal, written before each step, holds what is needed to
bring the original bytes back.

What stays: mode, owner, extended attributes, all other tags, the sound. What changes: the genre,
the time of change, and that a file with several names (hard links) is tagged under the given one.
A symbolic link stays one; the file it leads to is tagged.

In it: :func:`tag_songs`, :func:`tag_results`, :func:`tag_files`, :class:`TagOptions`,
:class:`TagChange`, :class:`Reason`, :func:`undo`, :func:`read_vocabulary`,
:data:`MUSICBRAINZ_NAMES`, :func:`default_folder`; single files are :mod:`generify.tag_formats`'
matter.
"""

from __future__ import annotations

from generify.tag_formats import TagError, read_genres
from generify.tagging.choice import Reason, TagChange, TagOptions
from generify.tagging.journal import default_folder
from generify.tagging.undoing import undo
from generify.tagging.vocabulary import MUSICBRAINZ_NAMES, read_vocabulary
from generify.tagging.writing import tag_files, tag_results, tag_songs

__all__ = [
    "MUSICBRAINZ_NAMES",
    "Reason",
    "TagChange",
    "TagError",
    "TagOptions",
    "default_folder",
    "read_genres",
    "read_vocabulary",
    "tag_files",
    "tag_results",
    "tag_songs",
    "undo",
]
