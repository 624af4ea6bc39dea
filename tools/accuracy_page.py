"""Write ``docs/accuracy.md`` from the bundled models' cards and from what the benchmarks measured.

::

    python tools/accuracy_page.py [--check]

``benchmarks/results/NAME.json`` is what ``python benchmarks/NAME.py DATA --json`` printed. With
``--check`` nothing is written; it fails when the page is not what cards and results say, or a
card's figure is not the benchmark's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from generated_pages import write_or_check
from generify import defaults
from generify.model import list_models, load_model

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "accuracy.md"
GTZAN_SPLITS = ("fault-filtered", "random")
Row = dict[str, Any]


def results(name: str) -> list[Row]:
    """Read what a benchmark printed."""
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def percent(share: float) -> str:
    """Give a share in percent with one decimal."""
    return f"{100 * share:.1f} %"


def interval(row: Mapping[str, Any]) -> str:
    """Give the 95 % interval of an accuracy."""
    return f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Give a Markdown table; all but the first column are aligned right."""
    rule = ["---", *["--:"] * (len(headers) - 1)]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (headers, rule, *rows))


def models() -> str:
    """Give the bundled models' own figures."""
    rows = []
    for name in list_models():
        card = load_model(name).card
        m = card.metrics
        right = (percent(m["accuracy"]), interval(m), percent(m["top3"]), m["macro_f1"])
        linked = f"[{name}](models/{name}.md)"
        rows.append((linked, m["split"], m["n_train"], m["n_tracks"], *right))
    headers = (
        "model",
        "split",
        "trained on",
        "tested",
        "right",
        "95 %",
        "in first three",
        "macro F1",
    )
    return table(headers, rows)


def gtzan() -> str:
    """Give each recipe on the strict and on the lenient split."""
    found = {(row["recipe"], row["split"]): row for row in results("gtzan")}
    names = [name for name, split in found if split == "random"]
    rows = []
    for name in names:
        strict, lenient = (found[name, split] for split in GTZAN_SPLITS)
        gap = f"{100 * (lenient['accuracy'] - strict['accuracy']):.0f}"
        shown = (percent(strict["accuracy"]), interval(strict), percent(lenient["accuracy"]), gap)
        rows.append((recipe(name), *shown))
    return table(("recipe", "fault-filtered", "95 %", "random 10-fold", "flattered by"), rows)


def recipe(name: str) -> str:
    """Name a recipe; the bundled model's is spelt out."""
    full = f"{defaults.FEATURES} + {defaults.CLASSIFIER} (`western`)"
    return full if name == "western" else name


def western() -> str:
    """Give the bundled model's recipe under other conditions."""
    rows = []
    for row in results("gtzan"):
        if row["recipe"] == "western" and "artists_low" in row:
            artists = f"{100 * row['artists_low']:.0f} to {100 * row['artists_high']:.0f}"
            figures = (percent(row["accuracy"]), interval(row), artists, percent(row["unknown"]))
            rows.append((row["split"], row["n_train"], row["n_test"], *figures))
    headers = ("condition", "trained on", "tested", "right", "95 %", "by artists", "unknown")
    return table(headers, rows)


def others() -> str:
    """Give simple recipes that others report, on the same clips."""
    rows = []
    for row in results("gtzan"):
        if "above_western_low" in row:
            low, high = 100 * row["above_western_low"], 100 * row["above_western_high"]
            rows.append((row["recipe"], percent(row["accuracy"]), f"{low:+.0f} to {high:+.0f}"))
    return table(("recipe", "right", "points above `western`, by artists"), rows)


def flattering() -> str:
    """Give the same recipes under five splits."""
    rows = results("flattering")
    names = list(dict.fromkeys(row["recipe"] for row in rows))
    found = {(row["recipe"], row["split"]): row for row in rows}
    splits = list(dict.fromkeys(row["split"] for row in rows))
    body = []
    for split in splits:
        right = (percent(found[name, split]["accuracy"]) for name in names)
        body.append((split, found[names[0], split]["n_rows"], *right))
    return table(("split", "rows tested", *names), body)


def few_shot() -> str:
    """Give accuracy after few songs a genre."""
    rows = results("few_shot")
    names = list(dict.fromkeys(row["recipe"] for row in rows))
    sizes = sorted({row["clips_per_genre"] for row in rows})
    found = {(row["recipe"], row["clips_per_genre"]): row for row in rows}
    body = [(name, *(_spread(found[name, size]) for size in sizes)) for name in names]
    return table(("recipe", *(f"{size} songs" for size in sizes)), body)


def _spread(row: Row) -> str:
    return f"{100 * row['accuracy']:.0f} ± {100 * row['deviation']:.0f} %"


def indian() -> str:
    """Give the Indian recipes."""
    rows = [
        (row["recipe"], row["split"], percent(row["accuracy"]), interval(row))
        for row in results("indian")
    ]
    return table(("recipe", "split", "right", "worst to best of ten"), rows)


def page() -> str:
    """Write the page."""
    return f"""# Accuracy

Generated by `python tools/accuracy_page.py` from the models' cards and `benchmarks/results`; do
not edit. No figure stands without the split that it was measured on. *95 %* is the Wilson
interval over clips.

## The bundled models

{models()}

Each model was then fitted on all its tracks; its figure is that of the split. `generify models
info NAME` shows the same.

## GTZAN: the split decides

`python benchmarks/gtzan.py DATA`. *Fault-filtered*: the published lists of Kereliuk, Sturm and
Larsen (2015), trained on the training list and tested once on the 290 test clips; no artist is on
two sides. *Random 10-fold* is what most people quote: clips of one artist, often of one album,
are on both sides.

{gtzan()}

The same two classifiers on the same features, divided in five ways (`python
benchmarks/flattering.py DATA`): the more of a test clip's relatives are trained on, the better
the figure, and the more flexible the classifier, the more it gains by that. [GTZAN,
honestly](tutorials/gtzan.md) goes through it.

{flattering()}

## The recipe of `western`

*By artists* is a bootstrap with artists as the unit: the 290 clips are by 124 artists, and an
artist's clips stand or fall together. *Unknown* counts test clips that would be refused, all of
them wrongly. Tables are published spectrograms and tags; audio is the part of the clips at hand,
heard by Generify itself.

{western()}

Simple recipes that others report, on the same clips and the same split:

{others()}

Some of them are level with `western` or above it on these 290 clips; by cross-validation on the
training list, where recipes were chosen, they are below it. [Decision
3](decisions/0003-western-recipe.md) tells the story.

## How few songs are enough

`python benchmarks/few_shot.py DATA`: clips drawn from GTZAN's training list, tested on the rest
of it without the artists that were trained on; mean and deviation of twenty draws, ten genres.

{few_shot()}

## Indian music

`python benchmarks/indian.py DATA`: 499 tracks, five genres. Albums and artists are unknown, so
random folds flatter; with ten neighbouring files kept together the same recipe falls by twenty
points.

{indian()}
"""


def check_cards() -> None:
    """Compare the card of the western model with the benchmark's result."""
    card = load_model(defaults.MODEL).card.metrics
    row = next(
        r for r in results("gtzan") if (r["recipe"], r["split"]) == ("western", "fault-filtered")
    )
    if abs(card["accuracy"] - row["accuracy"]) > 0.0001:
        sys.exit(
            f"the card says {card['accuracy']}, benchmarks/results/gtzan.json {row['accuracy']}"
        )


def main() -> None:
    """Write or check the page."""
    check_cards()
    write_or_check({PAGE: page()}, "Page about accuracy.")


if __name__ == "__main__":
    main()
