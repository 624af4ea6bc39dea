"""Draw the pictures of ``docs/how-it-works.md`` from the example songs.

::

    python tools/draw_figures.py [--output FOLDER]

They are ``how-spectrogram.png``, ``how-mfcc.png``, ``how-tags.png`` and ``how-novelty.png``, in
``docs/images`` by default. What is drawn is what the program computes; the noise, the sine and the
clicks of the last picture are made here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generify.excerpts import Excerpts, load_excerpts
from generify.features import get_extractor
from generify.features.tagger import SAMPLE_RATE, TAG_NAMES, Tagger, mel_windows
from generify.mel_grid import GRID_SAMPLE_RATE, log_mel_grid
from generify.model import GenreModel, load_model
from generify.plots import plot_spectrograms, save_figure
from generify.plots.style import BLUE, GREY, SMALL, dress_axes, new_figure
from generify.spectrograms import load_spectrogram
from generify.spectrum import dct_basis, hz_to_mel, mel_to_hz

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float32]
ROOT = Path(__file__).resolve().parents[1]
SONGS = {name: ROOT / "examples" / name for name in ("war_of_freedom.mp3", "intro.mp3")}
N_MFCC = 13
N_MELS = 128
N_TAGS = 8  # the strongest of each song
MADE_SECONDS = 15.0


def draw_spectrograms() -> Figure:
    """Draw the mel spectrograms of the songs."""
    return plot_spectrograms([load_spectrogram(path, 25.0) for path in SONGS.values()])


def draw_mfcc() -> Figure:
    """Draw a song's mean spectrum, and what thirteen numbers keep of it."""
    figure = new_figure(
        8.5,
        3.2,
        title="Thirteen MFCC",
        subtitle="Mean mel spectrum of a song (grey), and the same put back from its first 13 "
        "cepstral coefficients (blue): the outline stays, the detail goes.",
    )
    basis = dct_basis(N_MFCC, N_MELS)
    ticks = np.searchsorted(_centres(), [250, 1000, 3000, 8000])
    for axes, (name, path) in zip(figure.subplots(1, 2, sharey=True), SONGS.items(), strict=True):
        dress_axes(axes)
        grid = log_mel_grid(load_excerpts(path).at(GRID_SAMPLE_RATE))
        mean = np.concatenate(grid.mels, axis=1).mean(axis=1)
        axes.plot(mean, color=GREY, linewidth=1.2)
        axes.plot(basis.T @ (basis @ mean), color=BLUE, linewidth=2)
        axes.set_title(name, fontsize=9.5)
        axes.set_xticks(ticks, ["250 Hz", "1 kHz", "3 kHz", "8 kHz"], fontsize=SMALL)
    figure.axes[0].set_ylabel("dB below the loudest", fontsize=9)
    return figure


def _centres() -> NDArray[np.float64]:
    """Give the middle of each mel band in Hz."""
    edges = np.linspace(0.0, float(hz_to_mel(GRID_SAMPLE_RATE / 2)), N_MELS + 2)
    return np.asarray(mel_to_hz(edges[1:-1]))


def draw_tags() -> Figure:
    """Draw the strongest tags of each song, window by window."""
    figure = new_figure(
        8.5,
        3.4,
        title="Tags",
        subtitle="What the network hears in every window of 3 s; the eight strongest of fifty, "
        "darker is stronger.",
    )
    tagger = Tagger()
    for axes, (name, path) in zip(figure.subplots(1, 2), SONGS.items(), strict=True):
        (samples,) = load_excerpts(path).at(SAMPLE_RATE)
        tags = tagger.tags(mel_windows(samples))
        strongest = np.argsort(tags.mean(axis=0))[::-1][:N_TAGS]
        dress_axes(axes, grid=False)
        image = axes.imshow(tags[:, strongest].T, aspect="auto", cmap="Blues", vmin=0, vmax=1)
        axes.set_yticks(range(N_TAGS), [TAG_NAMES[i] for i in strongest], fontsize=SMALL)
        axes.set_title(name, fontsize=9.5)
        axes.set_xlabel("window", fontsize=9)
    figure.colorbar(image, ax=figure.axes, pad=0.015).ax.tick_params(labelsize=SMALL)
    return figure


def made_sounds() -> Iterator[tuple[str, Excerpts]]:
    """Make sounds that are no songs."""
    rng = np.random.default_rng(0)
    n_samples = int(MADE_SECONDS * GRID_SAMPLE_RATE)
    t = np.arange(n_samples) / GRID_SAMPLE_RATE
    clicks = np.zeros(n_samples)
    clicks[:: GRID_SAMPLE_RATE // 2] = 0.9
    sounds: Mapping[str, NDArray[np.floating]] = {
        "white noise": 0.2 * rng.normal(size=n_samples),
        "sine of 440 Hz": 0.5 * np.sin(2 * np.pi * 440 * t),
        "clicks": clicks,
    }
    for name, samples in sounds.items():
        yield name, Excerpts.from_samples(samples.astype(np.float32), GRID_SAMPLE_RATE)


def draw_novelty() -> Figure:
    """Draw how far each example, and each made sound, is from everything the model knows."""
    model = load_model("western")
    scores = dict(_novelties(model))
    threshold = model.card.novelty_threshold
    assert threshold is not None
    figure = new_figure(
        7.5,
        0.36 * len(scores) + 0.6,
        title="Novelty",
        subtitle="Squared distance from the nearest genre of the model western, on a logarithmic "
        f"axis; right of the line (the model's threshold, {threshold:.0f}) a song is unknown.",
    )
    axes = figure.subplots()
    dress_axes(axes)
    names = list(scores)[::-1]
    axes.barh(names, [scores[name] for name in names], color=BLUE, height=0.6)
    axes.axvline(threshold, color=GREY, linestyle="--")
    axes.set_xscale("log")
    axes.set_xlim(left=10)
    axes.set_xticks([10, 30, 100, 300, 1000, 3000], ["10", "30", "100", "300", "1000", "3000"])
    return figure


def _novelties(model: GenreModel) -> Iterator[tuple[str, float]]:
    extractor = get_extractor(model.card.extractor.name)
    songs = (path for path in sorted((ROOT / "examples").iterdir()) if path.suffix != ".md")
    heard = ((path.name, load_excerpts(path)) for path in songs)
    for name, excerpts in (*heard, *made_sounds()):
        yield name, float(model.novelty(extractor.extract(excerpts)[np.newaxis])[0])


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description="Pictures of how it works.")
    parser.add_argument("--output", "-o", type=Path, default=ROOT / "docs" / "images")
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {
        "spectrogram": draw_spectrograms,
        "mfcc": draw_mfcc,
        "tags": draw_tags,
        "novelty": draw_novelty,
    }
    for name, draw in drawings.items():
        print(f"wrote {save_figure(draw(), folder / f'how-{name}.png').name}")


if __name__ == "__main__":
    main()
