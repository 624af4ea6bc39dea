"""What is looked at before hours of work: outputs that can be written, packages, names."""

from __future__ import annotations

import errno
import tempfile
from importlib.util import find_spec
from pathlib import Path

from generify.atomic import cure_for
from generify.errors import GenerifyError, MissingExtraError, ParameterError

__all__ = ["check_extra", "check_folder", "check_output", "check_suffix"]

_PACKAGES = {"sklearn": "scikit-learn"}  # where a module is called otherwise than its package
_CHOOSE = "choose a folder that exists and that you may write to"


def check_output(path: Path | None) -> None:
    """Refuse a file that could not be written."""
    if path is None:
        return
    if path.is_dir():
        raise ParameterError(f"{path} is a folder, a file was expected", hint="add a file name")
    if not path.parent.exists():
        raise ParameterError(
            f"cannot write {path}: there is no folder {path.parent}", hint="make it first"
        )
    check_folder(path.parent)


def check_suffix(path: Path, *suffixes: str) -> None:
    """Refuse a name by which the file would not be known again."""
    if path.suffix.lower() not in suffixes:
        named, last = ", ".join(suffixes[:-1]), suffixes[-1]
        raise ParameterError(
            f"{path} should end in {named} or {last}" if named else f"{path} should end in {last}",
            hint=f"write it as {path.with_suffix(suffixes[0])}",
        )


def check_folder(folder: Path | None) -> None:
    """Refuse a folder that could not be made or written to, without making it."""
    if folder is None:
        return
    existing = next((p for p in (folder, *folder.absolute().parents) if p.exists()), Path())
    if not existing.is_dir():
        raise ParameterError(f"{existing} is a file, a folder was expected", hint=_CHOOSE)
    try:
        # Tried, not asked: root may write anywhere, except where the file system says no.
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as err:
        # A full or failing disk is nobody's wrong usage.
        kind = GenerifyError if err.errno in (errno.ENOSPC, errno.EIO) else ParameterError
        message = f"{existing} cannot be written to: {err.strerror or err}"
        raise kind(message, hint=cure_for(err, _CHOOSE)) from err


def check_extra(extra: str, *modules: str) -> None:
    """Refuse to begin without the modules that an extra brings."""
    for module in modules:
        try:
            found = find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise MissingExtraError.for_extra(extra, _PACKAGES.get(module, module))
