"""Files that are written whole or not at all. In it: :func:`replacing`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generify.errors import GenerifyError

__all__ = ["replacing"]

TEMPORARY_PREFIX = ".generify-"
_PERMISSIONS = 0o644  # mkstemp's 0600 would make a shared result private


@contextmanager
def replacing(path: str | Path, error: type[GenerifyError] = GenerifyError) -> Iterator[Path]:
    """Give a temporary path beside a file, and put it in the file's place at the end.

    A reader sees the old file or the new one, never half of it, also when the program is killed.

    Parameters
    ----------
    path : str or Path
        The file to write.
    error : type of GenerifyError
        What to raise when it cannot be written.

    Yields
    ------
    Path
        Where to write; same folder and same suffix.

    Raises
    ------
    GenerifyError
        Of the given type, when the folder is missing, read-only or full. The target is then as it
        was before.
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(
            dir=target.parent, prefix=TEMPORARY_PREFIX, suffix=target.suffix
        )
        temporary = Path(name)
        with open(descriptor, "wb"):  # noqa: PTH123 - a descriptor, not a path
            pass
        yield temporary
        temporary.chmod(_PERMISSIONS)
        temporary.replace(target)
    except OSError as err:
        raise error(
            f"cannot write {target}: {err.strerror or err}",
            hint="choose a folder that exists and that you may write to",
        ) from err
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
