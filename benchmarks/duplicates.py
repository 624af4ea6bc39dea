"""How well duplicates are found: GTZAN's mel table against the published pairs and titles.

``exact_duplicates.txt`` names 14 pairs of identical clips, ``artists.csv`` the artist and title of
nearly all clips (Sturm 2012, who counts 50 exact replicas and 22 excerpts of one recording)::

    python benchmarks/duplicates.py DATA
    python benchmarks/duplicates.py DATA --copies    # what copies may suffer and still be found
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from generify.audio import load_audio, resample
from generify.datasets.folding import merge_groups
from generify.duplicates import (
    FingerprintStore,
    Match,
    Words,
    band_powers,
    find_matches,
    fingerprint,
)
from generify.verification.listening import listen

Titles = Mapping[str, tuple[str, str]]
Floats = NDArray[np.float32]

# Every 25th clip that there is audio of.
COPIED = 25


def read_table(path: Path) -> dict[str, Words]:
    """Read the fingerprints of all clips from their mel table."""
    with np.load(path) as archive:
        columns = [archive[name] for name in ("tracks", "mel_u8", "floor_db")]
    return {
        str(name): fingerprint(
            band_powers(10 ** (np.float32(floor) * (1 - mel.astype(np.float32) / 255) / 10))
        )
        for name, mel, floor in zip(*columns, strict=True)
    }


def find_among(prints: Iterable[Words]) -> tuple[Match, ...]:
    """Find the matches among fingerprints."""
    with FingerprintStore() as store:
        for words in prints:
            store.add(words)
        return find_matches(store)


def encode(samples: Floats, rate: int, folder: Path, *, codec: str, bit_rate: int) -> Path:
    """Write a copy with one of FFmpeg's codecs."""
    import av

    suffix, wanted = {"libopus": (".opus", 48000), "aac": (".m4a", rate)}.get(codec, (".mp3", rate))
    path = folder / f"copy{suffix}"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=wanted)
        stream.bit_rate, stream.layout = bit_rate, "mono"
        whole = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        whole.sample_rate = rate
        resampler = av.AudioResampler(stream.codec_context.format.name, "mono", wanted)
        for frame in (*resampler.resample(whole), *resampler.resample(None), None):
            container.mux(stream.encode(frame))
    return path


def write(samples: NDArray[np.floating], rate: int, folder: Path) -> Path:
    """Write a copy as WAV."""
    soundfile.write(folder / "copy.wav", samples, rate)
    return folder / "copy.wav"


def with_noise(samples: Floats, db: float) -> Floats:
    """Add white noise, so many dB below the music."""
    noise = np.random.default_rng(0).normal(size=len(samples)) * np.sqrt(np.mean(samples**2))
    noisy: Floats = (samples + 10 ** (-db / 20) * noise).astype(np.float32) / 2
    return noisy


def in_band(samples: Floats, rate: int, low: float, high: float) -> Floats:
    """Keep only a band of frequencies, in Hz."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


Copy = Callable[[Floats, int, Path], Path]
COPIES: Mapping[str, Copy] = {
    "MP3 128 kbit/s": partial(encode, codec="libmp3lame", bit_rate=128_000),
    "MP3 32 kbit/s": partial(encode, codec="libmp3lame", bit_rate=32_000),
    "AAC 48 kbit/s": partial(encode, codec="aac", bit_rate=48_000),
    "Opus 24 kbit/s": partial(encode, codec="libopus", bit_rate=24_000),
    "8 kHz": lambda x, rate, to: write(resample(x, rate, 8000), 8000, to),
    "16 kHz, 40 dB quieter": lambda x, rate, to: write(resample(x, rate, 16000) / 100, 16000, to),
    "noise at -20 dB": lambda x, rate, to: write(with_noise(x, 20), rate, to),
    "noise at -10 dB": lambda x, rate, to: write(with_noise(x, 10), rate, to),
    "only 300 to 3400 Hz": lambda x, rate, to: write(in_band(x, rate, 300, 3400), rate, to),
    "four times too loud": lambda x, rate, to: write(np.clip(4 * x, -1, 1), rate, to),
    "10 s from 5.03 s on": lambda x, rate, to: write(
        x[round(5.03 * rate) : round(15.03 * rate)], rate, to
    ),
    "6 s from 3.33 s on": lambda x, rate, to: write(
        x[round(3.33 * rate) : round(9.33 * rate)], rate, to
    ),
    "1 % faster": lambda x, rate, to: write(resample(x, 101, 100), rate, to),
    "2 % faster": lambda x, rate, to: write(resample(x, 51, 50), rate, to),
}


def measure_copies(table: Mapping[str, Words], audio: Path) -> None:
    """Look up copies of clips of all kinds, heard from audio, among the clips of the table."""
    names = list(table)
    known = {frozenset((names[m.first], names[m.second])) for m in find_among(table.values())}
    songs = sorted(audio.glob("*/*.ogg"))[::COPIED]
    for kind, make in COPIES.items():
        heard = [_copy(song, make) for song in songs]
        found = [
            (names[m.first], songs[m.second - len(names)].stem, m.similarity)
            for m in find_among((*table.values(), *heard))
            if m.first < len(names) <= m.second
        ]
        right = [similarity for name, song, similarity in found if name == song]
        wrong = [p for p in found if p[0] != p[1] and frozenset(p[:2]) not in known]
        print(
            f"{kind:22} {len(right)} of {len(songs)} found, similarity {np.median(right):.2f} "
            f"(least {min(right):.2f}), {len(wrong)} false"
        )


def _copy(song: Path, make: Copy) -> Words:
    audio = load_audio(song)
    with tempfile.TemporaryDirectory() as folder:
        return listen(make(audio.samples, audio.sample_rate, Path(folder))).words


def read_titles(path: Path) -> Titles:
    """Read artist and title of each clip, in lower case."""
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            row["track"]: (row["artist"].strip().lower(), row["title"].strip().lower())
            for row in csv.DictReader(stream)
        }


def describe(pair: tuple[str, str], titles: Titles) -> str:
    """Say what the titles make of a pair."""
    (artist, title), (other_artist, other_title) = (titles[name] for name in pair)
    if not artist or not title or not other_artist or not other_title:
        return "title unknown"
    if artist != other_artist:
        return f"other artist: {artist} / {other_artist}"
    return "" if title == other_title else f"other title: {title} / {other_title}"


def main() -> None:
    """Print what was found, and what was not."""
    parser = argparse.ArgumentParser(description="Duplicates among the clips of GTZAN.")
    parser.add_argument("data", type=Path, help="folder with mel128.npz, artists.csv and the pairs")
    parser.add_argument("--all", action="store_true", help="print every pair")
    parser.add_argument("--copies", action="store_true", help="re-encode clips and look them up")
    arguments = parser.parse_args()
    start = time.perf_counter()
    table = read_table(arguments.data / "mel128.npz")
    names = list(table)
    if arguments.copies:
        measure_copies(table, arguments.data / "audio")
        return
    matches = find_among(table.values())
    seconds = time.perf_counter() - start
    titles = read_titles(arguments.data / "artists.csv")
    lines = (arguments.data / "exact_duplicates.txt").read_text(encoding="utf-8").splitlines()
    published = {frozenset(line.split()) for line in lines if line.strip()}
    report(names, matches, published, titles)
    print(f"{len(names)} clips in {seconds:.1f} s")
    if arguments.all:
        print_pairs(names, matches, titles)


def report(
    names: Sequence[str],
    matches: Sequence[Match],
    published: set[frozenset[str]],
    titles: Titles,
) -> None:
    """Print the counts."""
    pairs = [(names[match.first], names[match.second]) for match in matches]
    found = {frozenset(pair) for pair in pairs}
    further = [pair for pair in pairs if frozenset(pair) not in published]
    doubts = [(pair, why) for pair in further if (why := describe(pair, titles))]
    numbers = merge_groups(len(names), [(match.first, match.second) for match in matches])
    sizes = np.bincount(numbers)
    print(f"published pairs found: {len(published & found)} of {len(published)}")
    print(f"further pairs: {len(further)}, of one artist and title: {len(further) - len(doubts)}")
    for pair, why in doubts:
        print(f"  {' '.join(pair)}: {why}")
    print(f"{int(sizes[sizes > 1].sum())} clips in {int((sizes > 1).sum())} groups")


def print_pairs(names: Sequence[str], matches: Sequence[Match], titles: Titles) -> None:
    """Print every pair, the most alike first."""
    for match in sorted(matches, key=lambda match: -match.similarity):
        pair = names[match.first], names[match.second]
        figures = f"{match.similarity:.3f} {match.offset:+7.2f} s {match.overlap:5.1f} s"
        print(f"{pair[0]:16} {pair[1]:16} {figures}  {describe(pair, titles)}")


if __name__ == "__main__":
    main()
