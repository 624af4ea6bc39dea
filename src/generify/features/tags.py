"""What a music tagger hears: fifty tags for every 3 s, and how strong each is over a song.

The tagger is :class:`generify.features.tagger.Tagger`. In it: the extractors :class:`Tags` and
:class:`Embedding`, and :func:`tag_statistics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generify.audio import resample
from generify.errors import ParameterError
from generify.excerpts import Excerpts
from generify.features.base import Extractor, ParameterValue
from generify.features.tagger import (
    FRAMES_PER_SECOND,
    N_EMBEDDING,
    N_WINDOW_FRAMES,
    SAMPLE_RATE,
    TAG_NAMES,
    WINDOW_HOP,
    Tagger,
    mel_windows,
)

__all__ = ["Embedding", "Tags", "tag_statistics"]

Floats = NDArray[np.float32]

# Down to 0.1 accuracy is level; the means as they are (1) and their log-odds lose one to three
# points in cross-validation.
_EXPONENT = 0.2

_SPAN_HOP = 3.0  # seconds from window to window in a timeline, so that its spans share windows


def tag_statistics(tags: NDArray[np.floating]) -> Floats:
    """Summarise the tags of a song's windows: the fifth root of each tag's mean.

    Parameters
    ----------
    tags : ndarray of float, shape (n_windows, 50)
        Tags of each window, at least one, between 0 and 1.

    Returns
    -------
    ndarray of float32, shape (50,)
        ``m ** 0.2`` of each tag's mean ``m``, between 0 and 1.

    Raises
    ------
    ParameterError
        When there is no window, or not fifty tags in each.

    Notes
    -----
    Most tags are near 0, where a ratio tells more than a difference, but not much more: the root
    stands between the means and their logarithms (the power transform of Box and Cox), and linear
    discriminant analysis does best there; ``benchmarks/recipes.py`` measures it.

    References
    ----------
    .. [1] G. E. P. Box and D. R. Cox, "An analysis of transformations", Journal of the Royal
       Statistical Society B 26(2), 1964.

    Examples
    --------
    >>> import numpy as np
    >>> tag_statistics(np.tile([[0.0], [0.0], [0.0], [0.125]], 50))[:2].tolist()
    [0.5, 0.5]
    """
    if tags.ndim != 2 or tags.shape[1] != len(TAG_NAMES) or not len(tags):
        raise ParameterError(
            f"tags must have shape (n_windows, {len(TAG_NAMES)}) with at least one window, "
            f"got {tags.shape}"
        )
    roots: Floats = (tags.mean(axis=0, dtype=np.float64) ** _EXPONENT).astype(np.float32)
    return roots


class Tags(Extractor):
    """Fifty music tags, as roots of their means over the windows of a song.

    Parameters
    ----------
    window_hop : int
        Frames of 16 ms from one window's start to the next.
    n_threads : int
        Windows that are run at the same time; it does not change the numbers.

    Raises
    ------
    ParameterError
        When a parameter is below 1.
    """

    name = "tags"
    version = 2
    summary = "50 music tags as MSD_musicnn hears them: the most accurate"

    def __init__(self, *, window_hop: int = WINDOW_HOP, n_threads: int = 1) -> None:
        self._window_hop = _checked_hop(window_hop)
        self._tagger = Tagger(n_threads)

    @property
    def parameters(self) -> Mapping[str, ParameterValue]:
        """Everything that changes the numbers, by name."""
        return _parameters(self._window_hop)

    @property
    def columns(self) -> tuple[str, ...]:
        """``tags.root.00`` to ``tags.root.49``, in the order of :data:`TAG_NAMES`."""
        return tuple(f"{self.name}.root.{i:02d}" for i in range(len(TAG_NAMES)))

    def extract(self, excerpts: Excerpts) -> Floats:
        """Compute the vector of one song.

        Parameters
        ----------
        excerpts : Excerpts
            The heard stretches.

        Returns
        -------
        ndarray of float32, shape (50,)
            :func:`tag_statistics` over the windows of all stretches together.
        """
        return tag_statistics(self.tags_of(excerpts))

    def tags_of(self, excerpts: Excerpts) -> Floats:
        """Tag every window of a song; computed once for each song.

        Parameters
        ----------
        excerpts : Excerpts
            The heard stretches.

        Returns
        -------
        ndarray of float32, shape (n_windows, 50)
            In the order of :data:`TAG_NAMES`, stretch by stretch.
        """
        return excerpts.remember(
            f"tags every {self._window_hop} frames",
            lambda: np.concatenate([self.window_tags(s) for s in excerpts.at(SAMPLE_RATE)]),
        )

    def extract_spans(
        self, samples: Floats, sample_rate: int, spans: Sequence[tuple[int, int]]
    ) -> Floats:
        """Compute the vectors of several spans of one stretch; each window is tagged once.

        Parameters
        ----------
        samples : ndarray of float32, shape (n_samples,)
            Mono samples.
        sample_rate : int
            Their rate in Hz.
        spans : sequence of (int, int)
            First sample and the one behind the last of each span, at least a second apart.

        Returns
        -------
        ndarray of float32, shape (n_spans, n_features)
            :func:`tag_statistics` over windows that start every 3 s from the span's beginning.
        """
        mel = mel_windows(resample(samples, sample_rate, SAMPLE_RATE), window_hop=1)
        starts = [_span_windows(a / sample_rate, b / sample_rate, len(mel)) for a, b in spans]
        wanted = sorted({start for some in starts for start in some})
        tags = dict(zip(wanted, self._tagger.tags(mel[wanted]), strict=True))
        return np.stack([tag_statistics(np.stack([tags[i] for i in some])) for some in starts])

    def window_tags(self, samples: Floats) -> Floats:
        """Tag every window of a stretch.

        Parameters
        ----------
        samples : ndarray of float32, shape (n_samples,)
            Mono samples at :data:`SAMPLE_RATE`.

        Returns
        -------
        ndarray of float32, shape (n_windows, 50)
            In the order of :data:`TAG_NAMES`.

        Raises
        ------
        ParameterError
            When samples are empty or not one-dimensional.
        """
        return self._tagger.tags(mel_windows(samples, self._window_hop))


def _span_windows(start: float, end: float, n_windows: int) -> list[int]:
    """List the windows of a span that is given in seconds; at least one."""
    last = end - N_WINDOW_FRAMES / FRAMES_PER_SECOND
    seconds = np.arange(start, max(last, start) + 1e-6, _SPAN_HOP)
    frames = np.rint(seconds * FRAMES_PER_SECOND).astype(int)
    return [int(frame) for frame in np.minimum(frames, n_windows - 1)]


class Embedding(Extractor):
    """What the tagger knows before it names tags: 753 channels, pooled two ways.

    Worth a trial where genres are far from what its tags name; it needs more examples than
    :class:`Tags`.

    Parameters
    ----------
    window_hop : int
        Frames of 16 ms from one window's start to the next.
    n_threads : int
        Windows that are run at the same time; it does not change the numbers.

    Raises
    ------
    ParameterError
        When a parameter is below 1.
    """

    name = "embedding"
    version = 1
    summary = "1,506 inner values of MSD_musicnn, for genres that its tags do not name"

    def __init__(self, *, window_hop: int = WINDOW_HOP, n_threads: int = 1) -> None:
        self._window_hop = _checked_hop(window_hop)
        self._tagger = Tagger(n_threads)

    @property
    def parameters(self) -> Mapping[str, ParameterValue]:
        """Everything that changes the numbers, by name."""
        return _parameters(self._window_hop)

    @property
    def columns(self) -> tuple[str, ...]:
        """``embedding.mean_pool.000`` to ``embedding.max_pool.752``."""
        return tuple(
            f"{self.name}.{pool}.{i:03d}"
            for pool in ("mean_pool", "max_pool")
            for i in range(N_EMBEDDING)
        )

    def extract(self, excerpts: Excerpts) -> Floats:
        """Compute the vector of one song.

        Parameters
        ----------
        excerpts : Excerpts
            The heard stretches.

        Returns
        -------
        ndarray of float32, shape (1506,)
            Both pools, averaged over the windows of all stretches together.
        """
        pools = [
            np.concatenate(self._tagger.embeddings(mel_windows(samples, self._window_hop)), axis=1)
            for samples in excerpts.at(SAMPLE_RATE)
        ]
        vector: Floats = np.concatenate(pools).mean(axis=0)
        return vector


def _checked_hop(window_hop: int) -> int:
    if window_hop < 1:
        raise ParameterError(f"window_hop must be 1 frame or more, got {window_hop}")
    return window_hop


def _parameters(window_hop: int) -> Mapping[str, ParameterValue]:
    return {
        "backbone": "msd_musicnn",
        "sample_rate": SAMPLE_RATE,
        "window": N_WINDOW_FRAMES,
        "window_hop": window_hop,
    }
