"""Many songs: find them, name each, keep the failures beside the answers.

In it: :func:`find_songs`, :func:`predict_songs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from generify.datasets.listing import list_files, may_be_audio
from generify.errors import Failure, GenerifyError, ModelError, ParameterError
from generify.model import GenreModel
from generify.prediction import Prediction, predict

__all__ = ["find_songs", "predict_songs"]


def find_songs(paths: Iterable[str | Path]) -> tuple[Path, ...]:
    """List the songs among files and below folders.

    Parameters
    ----------
    paths : iterable of str or Path
        Files are taken as they are given, folders are searched to the bottom.

    Returns
    -------
    tuple of Path
        In the order given, those of a folder sorted by name; each once.

    Raises
    ------
    ParameterError
        When there is no song at all.
    DatasetError
        When a folder cannot be read.
    """
    given = tuple(Path(path) for path in paths)
    found: dict[Path, None] = {}
    for path in given:
        if path.is_dir():
            names = (name for name in list_files(path).files if may_be_audio(name))
            found.update((path / name, None) for name in names)
        else:
            found[path] = None
    if not found:
        names_given = ", ".join(str(path) for path in given) or "nothing"
        raise ParameterError(
            f"no song in {names_given}", hint="give audio files, or folders of them"
        )
    return tuple(found)


def predict_songs(
    paths: Sequence[str | Path],
    model: GenreModel,
    *,
    timeline: bool = False,
    min_confidence: float = 0.0,
) -> Iterator[Prediction | Failure]:
    """Name the genre of many songs, one after the other.

    Parameters
    ----------
    paths : sequence of str or Path
        Audio files.
    model : GenreModel
        A loaded model.
    timeline : bool
        Whether to judge every few seconds of each song too.
    min_confidence : float
        Weaker answers, 0 to 1, are given as unknown.

    Yields
    ------
    Prediction or Failure
        One for each path, in order; a song that fails stops nothing.

    Raises
    ------
    ParameterError
        When ``min_confidence`` is not between 0 and 1.
    ModelError
        When the model cannot be used.
    """
    for path in paths:
        try:
            yield predict(path, model, timeline=timeline, min_confidence=min_confidence)
        except (ParameterError, ModelError):
            raise
        except GenerifyError as err:
            yield Failure.from_error(path, err)
