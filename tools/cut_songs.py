"""Cut the example songs into a folder to try training on: two genres, twenty clips each.

::

    python tools/cut_songs.py FOLDER

FOLDER gets ``metal/`` and ``electronic/``, clips of 2.5 s as WAV, and ``songs.csv``, a manifest
that says which song each clip is from. It shows how training goes; the figures mean little, as the
clips of a genre are from two songs.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import soundfile

from generify.audio import load_audio

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
GENRES = {
    "metal": ("war_of_freedom.mp3", "escape_from_chaosland.ogg"),
    "electronic": ("intro.mp3", "upbeat.m4a"),
}
N_CLIPS = 10  # of each song


def cut(song: Path, folder: Path) -> list[Path]:
    """Cut a song into clips of equal length, and name them after it."""
    audio = load_audio(song, 22050)
    paths = []
    for number, samples in enumerate(np.array_split(audio.samples, N_CLIPS)):
        paths.append(folder / f"{song.stem}-{number}.wav")
        soundfile.write(paths[-1], samples, audio.sample_rate)
    return paths


def main() -> None:
    """Cut all songs."""
    parser = argparse.ArgumentParser(description="A folder of genre folders from the examples.")
    parser.add_argument("folder", type=Path, help="folder to make")
    root: Path = parser.parse_args().folder
    rows = []
    for genre, songs in GENRES.items():
        (root / genre).mkdir(parents=True, exist_ok=True)
        for song in songs:
            clips = cut(EXAMPLES / song, root / genre)
            rows += [(clip.relative_to(root).as_posix(), genre, song) for clip in clips]
    with (root / "songs.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "genre", "album"), *rows])
    print(f"wrote {len(rows)} clips of {len(GENRES)} genres and songs.csv to {root}")


if __name__ == "__main__":
    main()
