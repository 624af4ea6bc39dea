"""What encoding does to features, and what it is worth to allow for it.

::

    python benchmarks/encoding_shifts.py DATA [--jobs 2] [--write]

Up to twelve GTZAN clips of each genre from DATA/audio are encoded in the ways that people's songs
are, Ogg Vorbis, MP3, AAC and Opus, from many bits to few, and heard again. These clips are Ogg
Vorbis of 22.05 kHz already, so every way is a second encoding; the two that repeat codec and rate
move features most. None of the clips is on the test list, and none is one of those by which
``robustness.py`` measures agreement. How far the default features move is what ``--write`` keeps in
the package, for every classifier that allows for it.

Printed is what that is worth: by artist-grouped cross-validation of the training list, of that with
the clips of the validation list that have audio, and after a few clips of each genre as
``few_shot.py`` draws them. What is judged are the features of the published tables, and for clips
that were encoded these with the measured shifts added, by fits that know neither the artist nor
those shifts. Then the same without the two ways that repeat codec and rate, and their share of the
mean square of all shifts.

In it: :data:`ENCODINGS`, :func:`measure`, :func:`judge`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from few_shot import N_CLIPS as N_CLIPS_LEARNT
from few_shot import draws
from generify import defaults
from generify.audio import load_audio, resample
from generify.calibration import apply_temperature, fit_temperature
from generify.classifiers import TrainingPart, make_classifier
from generify.datasets import Track, load_dataset
from generify.encoding import standardise_scatter
from generify.excerpts import DEFAULT_PLAN, HEARING_VERSION, load_excerpts
from generify.extraction import extract_features
from generify.features import get_extractor
from generify.recipe import split_table
from generify.table import FeatureTable
from gtzan_tables import joined, make_table, read_clips
from recipes import valid_clips

Samples = NDArray[np.float32]
Encode = Callable[[Path, Samples, int], None]
Shifts = Mapping[str, NDArray[np.float32]]
Fold = tuple[list[int], list[int]]  # rows trained on, rows tested
Answer = tuple[int, NDArray[np.float64]]  # true genre, probabilities

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "src" / "generify" / "encoding" / "shifts.npz"
N_CLIPS = 12  # of each genre, at most
AGAIN = ("Ogg Vorbis q6", "Ogg Vorbis q3")  # codec and sample rate that the clips have already
SEEDS = range(5)
_BLOCK = 65536  # samples


def vorbis(path: Path, samples: Samples, rate: int, *, quality: int, at: int = 0) -> None:
    """Encode as Ogg Vorbis, at another sample rate if one is given."""
    level = 1 - quality / 10  # libsndfile counts the other way
    sound = resample(samples, rate, at) if at else samples
    with soundfile.SoundFile(
        path, "w", at or rate, 1, "VORBIS", format="OGG", compression_level=level
    ) as song:
        for start in range(0, len(sound), _BLOCK):  # libsndfile crashes on some minutes at once
            song.write(sound[start : start + _BLOCK])


def with_pyav(path: Path, samples: Samples, rate: int, *, codec: str, kbits: int, at: int) -> None:
    """Encode as stereo of two like channels, as players are given songs."""
    import av

    sound = resample(samples, rate, at)
    with av.open(str(path), "w", format=path.suffix[1:]) as out:
        stream = out.add_stream(codec, rate=at, layout="stereo")
        stream.bit_rate = 1000 * kbits
        frame = av.AudioFrame.from_ndarray(np.stack([sound, sound]), "fltp", "stereo")
        frame.sample_rate, frame.pts = at, 0
        size = stream.frame_size or 960
        resampler = av.AudioResampler(stream.format, "stereo", at, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


# at 22.05 kHz MP3 goes to 160 kbit/s only
_mp3 = partial(with_pyav, codec="libmp3lame", at=44100)
_aac = partial(with_pyav, codec="aac", at=44100)
_opus = partial(with_pyav, codec="libopus", at=48000)

ENCODINGS: Mapping[str, tuple[str, Encode]] = MappingProxyType(
    {
        "Ogg Vorbis q6": ("ogg", partial(vorbis, quality=6)),
        "Ogg Vorbis q3": ("ogg", partial(vorbis, quality=3)),
        "Ogg Vorbis q5, 44.1 kHz": ("ogg", partial(vorbis, quality=5, at=44100)),
        "Ogg Vorbis q2, 44.1 kHz": ("ogg", partial(vorbis, quality=2, at=44100)),
        "MP3 192 kbit/s": ("mp3", partial(_mp3, kbits=192)),
        "MP3 128 kbit/s": ("mp3", partial(_mp3, kbits=128)),
        "MP3 64 kbit/s": ("mp3", partial(_mp3, kbits=64)),
        "AAC 128 kbit/s": ("mp4", partial(_aac, kbits=128)),
        "AAC 64 kbit/s": ("mp4", partial(_aac, kbits=64)),
        "Opus 96 kbit/s": ("opus", partial(_opus, kbits=96)),
        "Opus 48 kbit/s": ("opus", partial(_opus, kbits=48)),
    }
)


def choose_clips(data: Path) -> list[Track]:
    """Choose the clips, spread over those there are."""
    agreed = {path.stem for path in (data / "lossless").glob("*/*.*")}
    if not agreed:
        sys.exit(f"{data} has no lossless/: the clips there must be left out")
    tracks = [
        track
        for track in load_dataset(data / "audio").tracks
        if track.split in ("train", "valid") and track.track not in agreed
    ]
    chosen = []
    for _, group in groupby(sorted(tracks, key=lambda t: t.track), key=lambda t: t.genre):
        clips = list(group)
        n_chosen = min(N_CLIPS, len(clips))
        chosen += [clips[i * len(clips) // n_chosen] for i in range(n_chosen)]
    return chosen


def measure(song: Path) -> NDArray[np.float32]:
    """Give the shifts of one clip, a row for each encoding."""
    audio = load_audio(song)
    plain = _vector(song)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for suffix, encode in ENCODINGS.values():
            path = Path(folder) / f"song.{suffix}"
            encode(path, audio.samples, audio.sample_rate)
            rows.append(_vector(path) - plain)
    return np.array(rows)


def _vector(song: Path) -> NDArray[np.float32]:
    return get_extractor(defaults.FEATURES).extract(load_excerpts(str(song), DEFAULT_PLAN))


def scatter_of(shifts: Shifts) -> NDArray[np.float64]:
    """Give the mean products of shifts, over all clips and encodings."""
    rows = np.concatenate(list(shifts.values())).astype(np.float64)
    scatter: NDArray[np.float64] = rows.T @ rows / len(rows)
    return scatter


def share_of(chosen: NDArray[np.bool_], shifts: Shifts) -> float:
    """Give the share of some encodings in the mean square of the shifts, over all columns."""
    squares = np.mean([rows.astype(np.float64) ** 2 for rows in shifts.values()], axis=0)
    return float((squares[chosen].sum(axis=0) / squares.sum(axis=0)).mean())


@dataclass(frozen=True)
class Judged:
    """How fits do on clips that they do not know.

    Attributes
    ----------
    n_clips : int
        How many of the clips that were encoded were judged, once or more often.
    every : float
        Share of all clips named right.
    plain, encoded : float
        Share named right of the clips that were encoded: before, and after.
    log_loss : float
        Mean negative logarithm of the true genre's probability, of encoded clips.
    changed : float
        Share of encodings that change the most probable genre.
    shift : float
        Root mean square of the largest change of a probability.
    """

    n_clips: int
    every: float
    plain: float
    encoded: float
    log_loss: float
    changed: float
    shift: float


def judge(table: FeatureTable, shifts: Shifts, folds: Iterable[Fold], *, allowed: bool) -> Judged:
    """Judge the default recipe over folds, with or without allowing for encoding."""
    every, before, now = [], [], []
    judged: set[str] = set()
    for trained, tested in folds:
        row_of = {table.tracks[row].track: row for row in tested}
        told = {name: rows for name, rows in shifts.items() if name not in row_of}
        fitted = _fit(table.X[trained], table.y[trained], told if allowed else {})
        answers = dict(zip(tested, fitted.predict_proba(table.X[tested]), strict=True))
        every += [(table.y[row], answer) for row, answer in answers.items()]
        judged |= row_of.keys() & shifts.keys()
        for name in row_of.keys() & shifts.keys():
            row = row_of[name]
            before += [(table.y[row], answers[row])] * len(shifts[name])
            encoded = fitted.predict_proba(table.X[row] + shifts[name])
            now += [(table.y[row], answer) for answer in encoded]
    temperature = fit_temperature(*_arrays(every))
    y, answers_now = _arrays(now)
    found = apply_temperature(answers_now, temperature)
    wanted = apply_temperature(_arrays(before)[1], temperature)
    return Judged(
        n_clips=len(judged),
        every=_share_right(every),
        plain=_share_right(before),
        encoded=_share_right(now),
        log_loss=float(-np.log(found[np.arange(len(y)), y]).mean()),
        changed=float((found.argmax(axis=1) != wanted.argmax(axis=1)).mean()),
        shift=float(np.sqrt((np.abs(found - wanted).max(axis=1) ** 2).mean())),
    )


def _fit(X: NDArray[np.float32], y: NDArray[np.intp], told: Shifts) -> Any:
    counts = np.bincount(y)
    nuisance = standardise_scatter(scatter_of(told), X) if told else None
    part = TrainingPart(len(y), int(counts.min()), len(counts), nuisance)
    return make_classifier(defaults.CLASSIFIER, part=part).fit(X, y)


def _arrays(answers: Sequence[Answer]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    genres, probabilities = zip(*answers, strict=True)
    return np.array(genres), np.array(probabilities)


def _share_right(answers: Sequence[Answer]) -> float:
    return float(np.mean([answer.argmax() == genre for genre, answer in answers]))


def by_artists(table: FeatureTable) -> list[Fold]:
    """Give the folds of cross-validation, over several seeds."""
    splits = [split_table(table, "artist", n_folds=10, random_state=seed) for seed in SEEDS]
    return [(fold.train.tolist(), fold.test.tolist()) for s in splits for fold in s.folds]


def print_judgement(data: Path, shifts: Shifts, jobs: int) -> None:
    """Print what it is worth to allow for encoding, after many songs and after few."""
    every = make_table(defaults.FEATURES, read_clips(data))
    train = every.choose([i for i, track in enumerate(every.tracks) if track.split == "train"])
    valid = extract_features(valid_clips(data), defaults.FEATURES, jobs=jobs)
    both = joined(train, valid)
    ways = {"train": (train, by_artists(train)), "train + valid": (both, by_artists(both))}
    ways |= {f"{n} clips a genre": (train, list(draws(train, n))) for n in N_CLIPS_LEARNT}
    print("| learnt from | encoded | all clips | before | after | log loss | changed | shift |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, (table, folds) in ways.items():
        without, with_it = (
            judge(table, shifts, folds, allowed=allowed) for allowed in (False, True)
        )
        cells = [
            f"{100 * getattr(without, share):.1f} → {100 * getattr(with_it, share):.1f} %"
            for share in ("every", "plain", "encoded", "changed")
        ]
        cells.insert(3, f"{without.log_loss:.3f} → {with_it.log_loss:.3f}")
        cells.append(f"{without.shift:.3f} → {with_it.shift:.3f}")
        print(f"| {name} | {without.n_clips} | {' | '.join(cells)} |")


def main() -> None:
    """Measure, keep, and print."""
    parser = argparse.ArgumentParser(description="How far features move when a clip is encoded.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz, audio/ and lossless/")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="keep the scatter in the package")
    given = parser.parse_args()
    clips = choose_clips(given.data)
    with ProcessPoolExecutor(given.jobs) as pool:
        found = list(pool.map(measure, [Path(str(clip.path)) for clip in clips]))
    shifts = dict(zip([clip.track for clip in clips], found, strict=True))
    if given.write:
        extractor = get_extractor(defaults.FEATURES)
        np.savez_compressed(
            KEPT,
            scatter=scatter_of(shifts).astype(np.float32),
            columns=extractor.columns,
            extractor=json.dumps(asdict(extractor.spec)),
            hearing=HEARING_VERSION,
        )
    print_judgement(given.data, shifts, given.jobs)
    again = np.array([name in AGAIN for name in ENCODINGS])
    print(f"\nWithout {' and '.join(AGAIN)}, {share_of(again, shifts):.0%} of the mean square:\n")
    others = {name: rows[~again] for name, rows in shifts.items()}
    print_judgement(given.data, others, given.jobs)


if __name__ == "__main__":
    main()
