"""Tracks through an extractor into a table: in parallel, cached, failures kept as values.

In it: :func:`extract_features`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from generify.cache import CacheEntry, FeatureCache, make_key
from generify.content import content_hash
from generify.datasets import Dataset, Track
from generify.errors import AudioDecodeError, DatasetError, Failure, ParameterError
from generify.excerpts import DEFAULT_PLAN, HEARING_VERSION, ExcerptPlan, load_excerpts
from generify.features import Extractor, get_extractor
from generify.progress import Progress
from generify.table import FeatureTable

__all__ = ["extract_features"]


def _extract_track(
    track: Track, extractor: Extractor, cache: FeatureCache | None, plan: ExcerptPlan
) -> CacheEntry:
    """Compute or look up one track: its vector, with duration and warnings as notes."""
    if track.path is None:
        raise DatasetError(f"{track.track} has no audio file")
    if cache is None:
        return _compute(track.path, extractor, plan)
    try:
        content = cache.identity(track.path, content_hash)
    except OSError as err:
        raise AudioDecodeError(f"{track.path}: cannot be read ({err.strerror or err})") from err
    spec = extractor.spec
    heard = content, HEARING_VERSION, plan
    key = make_key("features", *heard, spec.name, spec.version, spec.parameters)
    known = cache.get(key)
    if known is not None and known.array.shape == (len(extractor.columns),):
        return known
    entry = _compute(track.path, extractor, plan)
    cache.put(key, entry)
    return entry


def _compute(path: str, extractor: Extractor, plan: ExcerptPlan) -> CacheEntry:
    excerpts = load_excerpts(path, plan)
    notes = {"duration": excerpts.duration, "warnings": list(excerpts.warnings)}
    return CacheEntry(extractor.extract(excerpts), notes)


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Keep matrix products to one thread: further ones would spin on the cores of other tracks.

    On two cores, with two jobs, they made ``timbre`` take five times the processor time.
    """
    try:
        from threadpoolctl import threadpool_limits  # comes with scikit-learn
    except ModuleNotFoundError:
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits


def _run(
    tracks: Sequence[Track],
    job: Callable[[Track], CacheEntry],
    jobs: int,
    progress: Progress | None,
) -> list[CacheEntry | Failure]:
    """Run a job over tracks in threads; results in the order of the tracks."""
    results: list[CacheEntry | Failure | None] = [None] * len(tracks)
    pool = ThreadPoolExecutor(max_workers=jobs)
    try:
        numbers = {pool.submit(job, track): i for i, track in enumerate(tracks)}
        for n_done, future in enumerate(as_completed(numbers), start=1):
            i = numbers[future]
            results[i] = _result(future, tracks[i])
            if progress is not None:
                progress(n_done, len(tracks))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [result for result in results if result is not None]


def _result(future: Future[CacheEntry], track: Track) -> CacheEntry | Failure:
    try:
        return future.result()
    except (AudioDecodeError, DatasetError) as err:
        return Failure.from_error(track.path or track.track, err)


def extract_features(
    dataset: Dataset,
    extractor: Extractor | str,
    *,
    cache: FeatureCache | None = None,
    jobs: int = 1,
    plan: ExcerptPlan = DEFAULT_PLAN,
    progress: Progress | None = None,
) -> FeatureTable:
    """Compute the features of a dataset's tracks.

    Parameters
    ----------
    dataset : Dataset
        The tracks.
    extractor : Extractor or str
        What to compute, or its name.
    cache : FeatureCache, optional
        Where computed features are kept, so that an interrupted run goes on where it was.
    jobs : int
        Tracks worked on at the same time.
    plan : ExcerptPlan
        Which seconds of a song are heard.
    progress : callable, optional
        Called with the number of tracks done and of all tracks.

    Returns
    -------
    FeatureTable
        Rows in the order of the dataset, whatever the timing; tracks that failed are in
        ``failures``.

    Raises
    ------
    DatasetError
        When no track could be computed.
    CacheError
        When the cache cannot be written.
    ParameterError
        When ``jobs`` is not positive or there is no such extractor.
    """
    if jobs < 1:
        raise ParameterError(f"jobs must be 1 or more, got {jobs}")
    chosen = get_extractor(extractor) if isinstance(extractor, str) else extractor
    with _one_blas_thread():
        results = _run(
            dataset.tracks, lambda track: _extract_track(track, chosen, cache, plan), jobs, progress
        )
    if cache is not None:
        cache.prune()
    good = [i for i, result in enumerate(results) if isinstance(result, CacheEntry)]
    failures = tuple(result for result in results if isinstance(result, Failure))
    if not good:
        first = f", the first because {failures[0].message}" if failures else ""
        raise DatasetError(
            f"none of the {len(results)} tracks of {dataset.name} could be used{first}"
        )
    entries = [result for result in results if isinstance(result, CacheEntry)]
    tracks = tuple(dataset.tracks[i] for i in good)
    return FeatureTable(
        dataset=dataset.name,
        tracks=tracks,
        X=np.stack([entry.array for entry in entries]),
        columns=chosen.columns,
        extractor=chosen.spec,
        durations=tuple(float(entry.notes.get("duration", 0.0)) for entry in entries),
        failures=dataset.failures + failures,
        warnings=dataset.warnings + _track_warnings(tracks, entries),
        artists_from=dataset.artists_from,
        corrections=dataset.corrections,
    )


def _track_warnings(tracks: Sequence[Track], entries: Sequence[CacheEntry]) -> tuple[str, ...]:
    pairs = zip(tracks, entries, strict=True)
    return tuple(f"{track.track}: {w}" for track, entry in pairs for w in entry.notes["warnings"])
