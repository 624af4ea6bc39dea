"""What measured seconds say: medians, spread, ratios, and the lines that were asked for.

Pure arithmetic over the measurements of ``results.json``. In it: :func:`describe_sides`,
:class:`SideFigures`, :func:`judge`, :class:`Line`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Measured = Mapping[str, Mapping[str, Any]]

_MAX_TAG_ERROR = 1e-3


@dataclass(frozen=True)
class SideFigures:
    """What is said of a side.

    Attributes
    ----------
    name, command : str
        As in the table of cases, and what was run.
    seconds, fastest, slowest : float
        Median and extremes of its rounds.
    times, least, most : float
        How many times as long as the first side it takes: median and extremes of the rounds in
        which both ran.
    n_rounds : int
        How often it ran.
    peak_mb : float
        Peak memory.
    """

    name: str
    command: str
    seconds: float
    fastest: float
    slowest: float
    times: float
    least: float
    most: float
    n_rounds: int
    peak_mb: float


def describe_sides(case: Mapping[str, Any]) -> list[SideFigures]:
    """Sum up the sides of a case.

    Parameters
    ----------
    case : mapping
        As :func:`speed.running.run_case` gives it.

    Returns
    -------
    list of SideFigures
        In the order of the case.
    """
    return [_describe(side, case["sides"][0]["seconds"]) for side in case["sides"]]


def _describe(side: Mapping[str, Any], first: Sequence[float]) -> SideFigures:
    seconds = side["seconds"]
    ratios = [theirs / ours for theirs, ours in zip(seconds, first, strict=False)]
    return SideFigures(
        name=side["name"],
        command=side["command"],
        seconds=statistics.median(seconds),
        fastest=min(seconds),
        slowest=max(seconds),
        times=statistics.median(ratios),
        least=min(ratios),
        most=max(ratios),
        n_rounds=len(seconds),
        peak_mb=side["peak_mb"],
    )


@dataclass(frozen=True)
class Line:
    """A demand, and how it fell.

    Attributes
    ----------
    number : int
        Which of the seven it belongs to.
    asked : str
        What was asked.
    limit, measured : float
        Where the line lies and what was found; nan where nothing was.
    at_least : bool
        Whether more is better.
    unit : str
        Of both.
    """

    number: int
    asked: str
    limit: float
    measured: float | None
    at_least: bool
    unit: str

    @property
    def held(self) -> bool | None:
        """Whether it held; None where it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def judge(measured: Measured) -> list[Line]:
    """Hold the measurements against what was asked.

    Parameters
    ----------
    measured : mapping of str to mapping
        Cases by name.

    Returns
    -------
    list of Line
        In the order of the seven demands; several lines for some.
    """
    look = _Look(measured)
    return [
        *(_line(1, asked, *found) for asked, found in _features(look)),
        *(_line(2, asked, *found) for asked, found in _tables(look)),
        *(_line(3, asked, *found) for asked, found in _tags(look)),
        *(_line(4, asked, *found) for asked, found in _long_song(look)),
        *(_line(5, asked, *found) for asked, found in _start_up(look)),
        *(_line(6, asked, *found) for asked, found in _scanning(look)),
        _line(
            7, "train + evaluate on 1,000 cached tracks", 15.0, look.seconds("train"), "s", False
        ),
    ]


Found = tuple[float, float | None, str, bool]


def _line(
    number: int, asked: str, limit: float, measured: float | None, unit: str, at_least: bool
) -> Line:
    return Line(number, asked, limit, measured, at_least, unit)


class _Look:
    """The measurements, where what is missing is None."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured

    def side(self, case: str, name: str = "") -> SideFigures | None:
        """Give a side that begins with a name; the first by default."""
        if case not in self._measured:
            return None
        sides = describe_sides(self._measured[case])
        return next((side for side in sides if side.name.startswith(name)), None)

    def seconds(self, case: str, name: str = "") -> float | None:
        side = self.side(case, name)
        return side.seconds if side else None

    def times(self, case: str, name: str) -> float | None:
        side = self.side(case, name)
        return side.times if side else None

    def peak_mb(self, case: str, name: str = "") -> float | None:
        side = self.side(case, name)
        return side.peak_mb if side else None

    def inverse(self, value: float | None) -> float | None:
        return 1 / value if value else None

    def difference(self, case: str, name: str) -> float | None:
        found: float | None = self._measured.get(case, {}).get("differences", {}).get(name)
        return found

    def fastest_bound(self, case: str) -> float | None:
        """Give the share of the bound's speed that ours reaches: the fastest bare FFT."""
        if case not in self._measured:
            return None
        sides = describe_sides(self._measured[case])
        return min((s.times for s in sides if s.name.startswith("bare FFTs")), default=None)


def _features(look: _Look) -> list[tuple[str, Found]]:
    lines: list[tuple[str, Found]] = []
    for case, name in (("log-mel", "log-mel"), ("mfcc-13", "MFCC-13")):
        lines += [
            (f"{name} against librosa, one core", (2.4, look.times(case, "librosa"), "×", True)),
            (f"{name}: share of the bare FFTs' speed", (0.5, look.fastest_bound(case), "×", True)),
        ]
    return lines


def _tables(look: _Look) -> list[tuple[str, Found]]:
    return [
        ("MFCC table against librosa", (5.0, look.times("table-mfcc", "librosa"), "×", True)),
        (
            "MFCC table against the predecessor",
            (5.0, look.times("table-mfcc", "predecessor"), "×", True),
        ),
        ("timbre table against librosa", (20.0, look.times("table-timbre", "librosa"), "×", True)),
    ]


def _tags(look: _Look) -> list[tuple[str, Found]]:
    return [
        ("tags against plain, one thread", (2.0, look.times("tags-1", "plain"), "×", True)),
        ("tags against plain, two threads", (2.0, look.times("tags-2", "plain"), "×", True)),
        (
            "tags of the same windows, difference",
            (_MAX_TAG_ERROR, look.difference("tags-network", "plain"), "", False),
        ),
    ]


def _long_song(look: _Look) -> list[tuple[str, Found]]:
    warm, cold = "predict-warm-4min", "predict-cold-4min"
    return [
        ("4-minute MP3, warm, one core", (0.35, look.seconds(warm), "s", False)),
        ("4-minute MP3, cold, one core", (1.0, look.seconds(cold), "s", False)),
        (
            "the same against librosa.load + plain, warm",
            (5.0, look.times(warm, "plain"), "×", True),
        ),
        (
            "the same against librosa.load + plain, cold",
            (5.0, look.times(cold, "plain"), "×", True),
        ),
    ]


def _start_up(look: _Look) -> list[tuple[str, Found]]:
    cold = "predict-cold-30s"
    bare = look.times(cold, "python -c")
    typer = look.times("help", "python -c")
    return [
        ("cold predict against its two imports", (4.0, look.inverse(bare), "×", False)),
        ("`--help` against `import typer`", (2.0, look.inverse(typer), "×", False)),
        ("peak memory, cold predict of a clip", (220.0, look.peak_mb(cold), "MB", False)),
        (
            "peak memory, cold predict of 4 minutes",
            (220.0, look.peak_mb("predict-cold-4min"), "MB", False),
        ),
    ]


def _scanning(look: _Look) -> list[tuple[str, Found]]:
    return [
        ("scan with two jobs", (12.0, look.inverse(look.seconds("scan")), "songs/s", True)),
        *_growth(look, "growth-scan", ("30 songs", "120 songs")),
    ]


def _growth(look: _Look, case: str, sizes: tuple[str, str]) -> list[tuple[str, Found]]:
    """Linear in time, flat in memory: what one song costs in a large library over a small one."""
    small, large = (look.side(case, size) for size in sizes)
    ratio: Callable[[str], float | None] = lambda figure: (  # noqa: E731 - two figures, one rule
        getattr(large, figure) / getattr(small, figure) if small and large else None
    )
    where = f"{sizes[1]} against {sizes[0]}"
    return [
        (f"scan: time a song, {where}", (1.1, ratio("seconds"), "×", False)),
        (f"scan: peak memory, {where}", (1.1, ratio("peak_mb"), "×", False)),
    ]
