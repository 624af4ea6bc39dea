"""Files that are written whole or not at all. In it: :func:`replacing`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from generify.errors import GenerifyError

__all__ = ["replacing"]

TEMPORARY_PREFIX = ".generify-"
_RANDOM_BYTES = 6


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
    # Named before it is made: an interrupt between the two would leave a file nobody knows of.
    name = f"{TEMPORARY_PREFIX}{secrets.token_hex(_RANDOM_BYTES)}{target.suffix}"
    temporary = target.parent / name
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        temporary.replace(target)
    except OSError as err:
        raise error(
            f"cannot write {target}: {err.strerror or err}",
            hint="choose a folder that exists and that you may write to",
        ) from err
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
