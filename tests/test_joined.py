from __future__ import annotations

import numpy as np
import pytest

from generify.errors import ParameterError
from generify.excerpts import Excerpts
from generify.features import get_extractor

RATE = 22050
SAMPLES = np.random.default_rng(0).normal(0, 0.1, 8 * RATE).astype(np.float32)


def test_vectors_stand_one_behind_the_other() -> None:
    excerpts = Excerpts.from_samples(SAMPLES, RATE)
    both = get_extractor("tags+rhythm").extract(excerpts)
    parts = [get_extractor(name).extract(excerpts) for name in ("tags", "rhythm")]
    np.testing.assert_array_equal(both, np.concatenate(parts))


def test_rhythm_is_a_part_of_timbre() -> None:
    excerpts = Excerpts.from_samples(SAMPLES, RATE)
    timbre, rhythm = get_extractor("timbre"), get_extractor("rhythm")
    whole = dict(zip(timbre.columns, timbre.extract(excerpts).tolist(), strict=True))
    part = dict(zip(rhythm.columns, rhythm.extract(excerpts).tolist(), strict=True))
    assert part == {name: whole[name] for name in part}


def test_spans_stand_side_by_side() -> None:
    spans = [(0, 4 * RATE), (2 * RATE, 8 * RATE)]
    both = get_extractor("mfcc+rhythm").extract_spans(SAMPLES, RATE, spans)
    first = get_extractor("mfcc").extract_spans(SAMPLES, RATE, spans)
    np.testing.assert_array_equal(both[:, : first.shape[1]], first)
    alone = get_extractor("mfcc").extract(Excerpts.from_samples(SAMPLES[: 4 * RATE], RATE))
    np.testing.assert_array_equal(first[0], alone)


def test_parts_make_the_spec() -> None:
    assert get_extractor("tags+rhythm").spec != get_extractor("rhythm+tags").spec
    assert '"tags.version"' in get_extractor("tags+rhythm").spec.parameters


@pytest.mark.parametrize("name", ["mfcc+timbre", "rhythm+timbre", "tags+tags"])
def test_shared_columns_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="without a column in common"):
        get_extractor(name)


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(ParameterError, match="there is no extractor 'rythm'"):
        get_extractor("tags+rythm")
