"""How well songs and sounds of no known genre are told: refused unknowns against refused songs.

::

    python benchmarks/novelty.py DATA [--sounds FOLDER] [--json]

Known are the clips of GTZAN's training list, each judged by a model that heard neither it nor its
artist. Unknown are: each genre in turn, judged by models of the other nine; noise, tones, clicks
and chirps made here; speech, where espeak-ng is installed; and the sounds of FOLDER, a folder for
each kind. The novelty of a song is its squared Mahalanobis distance from the nearest genre; sounds
are refused by it or by the signal check. The second table is that check alone, which needs no
model: flatness and tonality of the spectrum, and the share of frames with little energy.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.audio import is_audio, load_audio
from generify.errors import AudioDecodeError
from generify.excerpts import Excerpts, load_excerpts
from generify.features import get_extractor
from generify.music_check import describe_non_music, flatness_and_tonality, low_energy_share
from generify.novelty import fit_novelty, novelty_columns
from generify.recipe import split_table
from generify.table import FeatureTable
from gtzan_tables import make_table, read_clips

Floats = NDArray[np.float64]
Sounds = dict[str, list[NDArray[np.float32]]]

FEATURES = "tags+rhythm"
REFUSED = (0.01, 0.02, 0.03, 0.04, 0.05, 0.10)
N_FOLDS = 10
SEEDS = (0, 1, 2)

SOUND_RATE = 22050
SECONDS = 12
MEASURES = ("flatness", "tonality", "low energy")
TONES = (60, 110, 220, 440, 1000, 2000, 3500, 6000, 9000)

# languages that espeak-ng reads with several of its voices
SPOKEN = {
    "en-gb": "The weather tomorrow will be cloudy with some rain in the north. In the afternoon "
    "the wind turns to the west and the sun comes out for a few hours, until it gets dark.",
    "de": "Der Zug nach Hamburg fährt heute von Gleis sieben ab. In der Mitte des Zuges finden Sie "
    "das Restaurant, wo es Kaffee, Kuchen und warme Speisen gibt, auch am späten Abend noch.",
    "fr-fr": "Le conseil municipal se réunit ce soir pour parler du nouveau pont. Plusieurs "
    "habitants ont demandé des explications sur le coût et sur la durée des travaux.",
    "es": "La biblioteca abre todos los días a las nueve de la mañana. Los estudiantes pueden "
    "llevarse hasta cinco libros durante tres semanas, y también revistas y periódicos.",
    "it": "La ricetta è molto semplice. Prendete quattro uova, due etti di farina e un poco di "
    "latte, mescolate con calma e lasciate riposare per mezz'ora in un luogo fresco.",
    "ru": "Сегодня утром в городе открылась новая выставка. Художники из разных стран показали "
    "свои картины, а вечером состоялась встреча с посетителями.",
    "hi": "आज सुबह से शहर में बारिश हो रही है। लोग छाता लेकर बाहर निकल रहे हैं और सड़कों पर पानी "
    "भर गया है। मौसम विभाग ने कहा है कि कल भी बारिश होगी।",
}
VOICES = ("", "+f2", "+m3")


def known_scores(table: FeatureTable, X: Floats, seed: int) -> Floats:
    """Score every row by a model that was fitted without it and its artist."""
    scores = np.empty(len(X))
    split = split_table(table, "artist", n_folds=N_FOLDS, random_state=seed)
    for fold in split.folds:
        fitted = fit_novelty(X[fold.train], table.y[fold.train], novelty_columns(table.columns))
        scores[fold.test] = fitted.score(X[fold.test])
    return scores


def held_out_scores(table: FeatureTable, X: Floats, genre: int) -> tuple[Floats, Floats]:
    """Score known rows as above, and those of a genre that the models did not hear."""
    known = np.flatnonzero(table.y != genre)
    of_nine = table.choose(known.tolist())
    whole = fit_novelty(X[known], table.y[known], novelty_columns(table.columns))
    return known_scores(of_nine, X[known], SEEDS[0]), whole.score(X[table.y == genre])


def refusals(
    known: Floats,
    unknown: Floats,
    shares: Sequence[float] = REFUSED,
    told: NDArray[np.bool_] | None = None,
) -> list[float]:
    """Share of the unknown that is refused when these shares of the known are.

    Those that the signal check has told are refused whatever their novelty.
    """
    thresholds = np.quantile(known, 1 - np.array(shares))
    told = np.zeros(len(unknown), dtype=np.bool_) if told is None else told
    return [round(float(((unknown > limit) | told).mean()), 3) for limit in thresholds]


def _coloured(rng: np.random.Generator, slope: float, low: float = 20, high: float = 11025) -> Any:
    n_samples = SECONDS * SOUND_RATE
    hertz = np.fft.rfftfreq(n_samples, 1 / SOUND_RATE)
    spectrum = np.fft.rfft(rng.normal(size=n_samples)) * np.maximum(hertz, 20) ** (-slope / 2)
    noise = np.fft.irfft(np.where((hertz >= low) & (hertz <= high), spectrum, 0), n_samples)
    return 0.1 * noise / noise.std()


def _chirps(rng: np.random.Generator) -> Any:
    """Phrases of short whistles that glide and warble, as birds make them."""
    song = rng.normal(0, 0.001, SECONDS * SOUND_RATE)
    start = 0.2
    while start < SECONDS - 2:
        n_samples = int(rng.uniform(0.04, 0.25) * SOUND_RATE)
        t = np.arange(n_samples) / SOUND_RATE
        glide, warble = rng.uniform(-8000, 8000), rng.uniform(0, 3)
        turns = rng.uniform(2000, 6000) * t + glide * t**2
        whistle = np.hanning(n_samples) * np.sin(2 * np.pi * turns + warble * np.sin(188 * t))
        for _ in range(rng.integers(1, 6)):
            first = int(start * SOUND_RATE)
            song[first : first + n_samples] += 0.4 * whistle[: len(song) - first]
            start += 1.3 * n_samples / SOUND_RATE
        start += rng.uniform(0.2, 1.2)
    return song


def make_sounds(random_state: int = 0) -> Sounds:
    """Make noise, tones, clicks and chirps at 22.05 kHz, 12 s each."""
    rng = np.random.default_rng(random_state)
    t = np.arange(SECONDS * SOUND_RATE) / SOUND_RATE
    sines = {hertz: 0.3 * np.sin(2 * np.pi * hertz * t) for hertz in TONES}
    clicks = [np.where(np.arange(len(t)) % (SOUND_RATE // rate), 0, 0.9) for rate in (1, 2, 5, 10)]
    chord = 0.1 * sum(np.sin(2 * np.pi * hertz * t) for hertz in (261.6, 329.6, 392))
    bands = [(100, 500), (500, 2000), (2000, 8000)]
    made = {
        "white noise": [_coloured(rng, 0) for _ in range(5)],
        "pink noise": [_coloured(rng, 1) for _ in range(5)],
        "brown noise": [_coloured(rng, 2) for _ in range(5)],
        "band noise": [_coloured(rng, 0, low, high) for low, high in bands],
        "pure tones": list(sines.values()),
        "other tones": [*(0.5 * np.sign(s) for s in sines.values()), chord, sines[440] * (t % 1)],
        "clicks": clicks,
        "chirps": [_chirps(rng) for _ in range(10)],
    }
    return {kind: [np.asarray(s, dtype=np.float32) for s in of] for kind, of in made.items()}


def make_speech() -> Sounds:
    """Let espeak-ng read in several languages and voices; nothing where it is not installed."""
    program = shutil.which("espeak-ng")
    if program is None:
        print("espeak-ng is not installed: speech is left out", file=sys.stderr)
        return {}
    spoken = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        for language, text in SPOKEN.items():
            for voice in VOICES:
                subprocess.run([program, "-v", language + voice, "-w", path, text], check=True)
                spoken.append(load_audio(path, sample_rate=SOUND_RATE).samples)
    return {"speech": spoken}


def _audio_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and is_audio(path))


def _heard(path: Path) -> NDArray[np.float32]:
    return np.concatenate(load_excerpts(path).at(SOUND_RATE))


def read_sounds(folder: Path) -> Sounds:
    """Read the sounds of every folder in a folder; those that cannot be heard are named."""
    sounds: Sounds = {}
    for path in _audio_files(folder):
        try:
            samples = _heard(path)
        except AudioDecodeError as err:
            print(err, file=sys.stderr)
            continue
        sounds.setdefault(path.relative_to(folder).parts[0], []).append(samples)
    return sounds


def sound_features(sounds: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Compute the features of sounds."""
    extractor = get_extractor(FEATURES)
    return np.stack([extractor.extract(Excerpts.from_samples(s, SOUND_RATE)) for s in sounds])


def is_told(sounds: list[NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Say which sounds the signal check refuses."""
    return np.array([bool(describe_non_music([samples])) for samples in sounds])


def measure_novelty(
    data: Path,
    sounds: Mapping[str, list[NDArray[np.float32]]],
    shares: Sequence[float] = REFUSED,
) -> Iterator[Any]:
    """Yield a row for each kind of unknown: how much of it is refused at each threshold."""
    every = make_table(FEATURES, read_clips(data))
    table = every.choose([i for i, track in enumerate(every.tracks) if track.split == "train"])
    X = table.X.astype(float)
    known = np.concatenate([known_scores(table, X, seed) for seed in SEEDS])
    thresholds = np.quantile(known, 1 - np.array(shares)).round(1).tolist()
    yield {"kind": "threshold", "n": len(X), "refused": thresholds}
    held_out = [held_out_scores(table, X, genre) for genre in range(len(table.genres))]
    rows: list[Any] = [
        {
            "kind": f"no {genre} known",
            "n": len(unknown),
            "refused": refusals(of_nine, unknown, shares),
        }
        for genre, (of_nine, unknown) in zip(table.genres, held_out, strict=True)
    ]
    yield from rows
    mean = np.mean([row["refused"] for row in rows], axis=0).round(3).tolist()
    yield {"kind": "held-out genre, mean", "n": len(X), "refused": mean}
    novelty = fit_novelty(X, table.y, novelty_columns(table.columns))
    for kind, of_kind in sounds.items():
        scores = novelty.score(sound_features(of_kind))
        refused = refusals(known, scores, shares, is_told(of_kind))
        yield {"kind": kind, "n": len(scores), "refused": refused}


def measure_signal(data: Path, sounds: Mapping[str, list[NDArray[np.float32]]]) -> Iterator[Any]:
    """Yield a row for songs and for each kind of sound: what the signal check makes of it."""
    songs = [_heard(path) for path in _audio_files(data / "audio")]
    for kind, of_kind in {"songs": songs, **sounds}.items():
        if of_kind:
            measures = np.array([(*flatness_and_tonality(s), low_energy_share(s)) for s in of_kind])
            spans = np.stack([measures.min(axis=0), measures.max(axis=0)], axis=1).round(4)
            yield {
                "kind": kind,
                "n": len(of_kind),
                **dict(zip(MEASURES, spans.tolist(), strict=True)),
                "refused": round(float(is_told(of_kind).mean()), 3),
            }


def print_rows(novelty: list[Any], signal: list[Any]) -> None:
    """Print both tables."""
    print(f"{'known songs refused':24} {'n':>4} " + " ".join(f"{100 * r:5.0f} %" for r in REFUSED))
    for row in novelty:
        is_share = row["kind"] != "threshold"
        cells = [f"{100 * v:5.0f} %" if is_share else f"{v:7.1f}" for v in row["refused"]]
        print(f"{row['kind']:24} {row['n']:4} " + " ".join(cells))
    heads = " ".join(f"{name:>16}" for name in MEASURES)
    print(f"\n{'signal check':24} {'n':>4} {heads}  refused")
    for row in signal:
        spans = ("{:.3f} to {:.3f}".format(*row[name]) for name in MEASURES)
        print(
            f"{row['kind']:24} {row['n']:4} "
            + " ".join(f"{span:>16}" for span in spans)
            + f"  {100 * row['refused']:5.0f} %"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Refused unknowns against refused songs.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz, the taggrams and audio/")
    parser.add_argument("--sounds", type=Path, help="folder with a folder for each kind of sound")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    sounds = {**make_sounds(), **make_speech()}
    if arguments.sounds:
        sounds |= read_sounds(arguments.sounds)
    novelty = list(measure_novelty(arguments.data, sounds))
    signal = list(measure_signal(arguments.data, sounds))
    if arguments.json:
        print(json.dumps({"refused": REFUSED, "novelty": novelty, "signal": signal}, indent=2))
    else:
        print_rows(novelty, signal)


if __name__ == "__main__":
    main()
