"""How sure the model must be before its genre is written into a file.

::

    python benchmarks/tag_confidence.py DATA

The released recipe is fitted on GTZAN's training list and asked about its test list (Kereliuk,
Sturm and Larsen 2015): for each threshold, which share of the songs would be tagged, and how many
of the genres written would be right. Below, what the second genre is worth where the first is
written.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generify import defaults
from generify.novelty import fit_novelty, novelty_columns
from generify.recipe import fit_recipe, fit_table_novelty
from generify.tagging import TagOptions
from gtzan import part
from gtzan_tables import make_table, read_clips

THRESHOLDS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SECOND = (0.1, 0.15, 0.2, 0.3)


def ask(data: Path) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.bool_]]:
    """Give probabilities, true genres as numbers, and which songs are known, of the test list."""
    table = make_table(defaults.FEATURES, read_clips(data))
    train, test = part(table, "train"), part(table, "test")
    fitted = fit_recipe(train, np.arange(len(train.tracks)), defaults.CLASSIFIER)
    found = fit_table_novelty(train)
    assert found is not None
    novelty = fit_novelty(train.X, train.y, novelty_columns(train.columns)).score(test.X)
    y = np.array([train.genres.index(track.genre) for track in test.tracks])
    return fitted.predict_proba(test.X, len(train.genres)), y, novelty <= found.threshold


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    probabilities, y, known = ask(parser.parse_args().data)
    ranked = np.argsort(-probabilities, axis=1)
    sorted_ = np.take_along_axis(probabilities, ranked, axis=1)
    right = ranked[:, 0] == y
    print(f"{len(y)} songs\nsure   tagged   right")
    for threshold in THRESHOLDS:
        tagged = known & (sorted_[:, 0] >= threshold)
        print(f"{threshold:4.1f} {100 * tagged.mean():6.1f} % {100 * right[tagged].mean():6.1f} %")
    tagged = known & (sorted_[:, 0] >= TagOptions.min_confidence)
    print("second from   written   right, the first being wrong")
    for least in SECOND:
        two = tagged & (sorted_[:, 1] >= least)
        print(f"{least:11.2f} {two.sum():9d} {(ranked[two, 1] == y[two]).sum():9d}")


if __name__ == "__main__":
    main()
