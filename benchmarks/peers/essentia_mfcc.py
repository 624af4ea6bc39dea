"""essentia: MonoLoader, and MFCC frame by frame as its documentation shows."""

from __future__ import annotations

from typing import Any

from peers.clock import Run, Task, serve

RATE = 22050
N_FFT, HOP_LENGTH = 2048, 512


def decode(path: str) -> Run:
    """Decode a file to mono at 22.05 kHz."""
    from essentia.standard import MonoLoader  # type: ignore[import-not-found]

    def run() -> Any:
        samples = MonoLoader(filename=path, sampleRate=RATE)()
        return [len(samples) / RATE, float((samples**2).mean() ** 0.5)]

    return run


def mfcc(samples: str) -> Run:
    """Thirteen MFCC of every frame, the 128 mel bands on the way."""
    import numpy as np
    from essentia.standard import MFCC, FrameGenerator, Spectrum, Windowing

    audio = np.load(samples)
    window, spectrum = Windowing(type="hann"), Spectrum(size=N_FFT)
    compute = MFCC(
        inputSize=N_FFT // 2 + 1,
        sampleRate=RATE,
        numberBands=128,
        numberCoefficients=13,
        highFrequencyBound=RATE / 2,
    )

    def run() -> None:
        frames = FrameGenerator(audio, frameSize=N_FFT, hopSize=HOP_LENGTH)
        np.array([compute(spectrum(window(frame)))[1] for frame in frames])

    return run


TASKS: dict[str, Task] = {"decode": decode, "mfcc": mfcc}

if __name__ == "__main__":
    serve(TASKS)
