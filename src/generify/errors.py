"""What can go wrong, as exceptions and as values.

Every error a person can mend is a :class:`GenerifyError`: its message says what was given and
what was expected, its hint says what to do next. A file that fails among many is not raised but
kept as a :class:`Failure` beside the results of the others.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

__all__ = [
    "NO_MODEL_HINT",
    "AudioDecodeError",
    "CacheError",
    "DatasetError",
    "Failure",
    "GenerifyError",
    "HistoryError",
    "MissingExtraError",
    "ModelError",
    "NoModelError",
    "NothingThereError",
    "ParameterError",
]


NO_MODEL_HINT = "give a file written by `generify train`"
"""What to do about a file that is no model of Generify."""

# Of use to programs and to who looks for the cause, so it stays in messages.
_DECODERS_SAID = re.compile(r" \((soundfile|pyav): .*\)")


class GenerifyError(Exception):
    """An error with a cure.

    Parameters
    ----------
    message : str
        What was given and what was expected, one line.
    hint : str, optional
        What to do next, one line; empty when the message says it all.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # so that a traceback shows it too


class AudioDecodeError(GenerifyError):
    """A file that cannot be heard: unreadable, damaged, silent, too short, or not audio."""


class ParameterError(GenerifyError, ValueError):
    """An argument outside what the function takes."""


class DatasetError(GenerifyError):
    """A dataset, manifest, split or feature table that cannot be used as it is."""


class NothingThereError(DatasetError, ParameterError):
    """A path or name that leads to nothing of use, or not to what is needed: mistyped."""


class CacheError(GenerifyError):
    """A cache folder that cannot be written or read."""


class ModelError(GenerifyError):
    """A model that is missing, damaged, or made for another version of an extractor."""


class NoModelError(ModelError, ParameterError):
    """A model that there is not, neither as a file nor by name: mistyped."""


class HistoryError(GenerifyError):
    """A history database that cannot be reached or used."""


class MissingExtraError(GenerifyError, ImportError):
    """A part of Generify whose optional packages are not installed."""

    @classmethod
    def for_extra(cls, extra: str, package: str) -> MissingExtraError:
        """Say which extra brings a missing package.

        Parameters
        ----------
        extra : str
            Name of the extra, as in ``pip install 'generify[extra]'``.
        package : str
            The package that could not be imported.

        Returns
        -------
        MissingExtraError
            The error to raise.
        """
        return cls(
            f"this needs {package}, which is not installed",
            hint=f"pip install 'generify[{extra}]'",
        )


@dataclass(frozen=True)
class Failure:
    """One track that failed among others that did not.

    Attributes
    ----------
    path : str
        The file as it was given.
    error_type : str
        Name of the exception, for example ``"AudioDecodeError"``.
    message : str
        Why, one line, hint included.
    """

    path: str
    error_type: str
    message: str

    @property
    def why(self) -> str:
        """The message without the file that it begins with, and without what the decoders said."""
        # Not before the file is left out, whose name may be anything.
        return _DECODERS_SAID.sub("", self.message.removeprefix(f"{self.path}:").lstrip())

    def to_dict(self) -> dict[str, object]:
        """Give the failure as plain values, the same as the command's JSON.

        Returns
        -------
        dict
            ``path``, and ``error`` with ``type`` and ``message``.
        """
        return {"path": self.path, "error": {"type": self.error_type, "message": self.message}}

    @classmethod
    def from_error(cls, path: str | os.PathLike[str], error: Exception) -> Failure:
        """Turn an exception into a value.

        Parameters
        ----------
        path : str or path-like
            The file that failed.
        error : Exception
            What was raised for it.

        Returns
        -------
        Failure
            Path, type and one-line message.
        """
        message = " ".join(str(error).split()) or type(error).__name__
        hint = getattr(error, "hint", "")
        return cls(os.fspath(path), type(error).__name__, f"{message}; {hint}" if hint else message)
