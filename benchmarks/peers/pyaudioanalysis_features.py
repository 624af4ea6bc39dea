"""pyAudioAnalysis: its reader, and its 68 short-term features."""

from __future__ import annotations

from peers.clock import Run, Task, serve


def decode(path: str) -> Run:
    """Decode a file and mix it to mono; no resampling."""
    from pyAudioAnalysis import audioBasicIO  # type: ignore[import-not-found]

    def run() -> None:
        _, samples = audioBasicIO.read_audio_file(path)
        audioBasicIO.stereo_to_mono(samples)

    return run


def features(clip: str) -> Run:
    """Thirteen MFCC, chroma, centroid, spread, flux, rolloff … of frames of 50 ms, and deltas."""
    from pyAudioAnalysis import ShortTermFeatures, audioBasicIO

    rate, samples = audioBasicIO.read_audio_file(clip)
    samples = audioBasicIO.stereo_to_mono(samples)

    def run() -> None:
        ShortTermFeatures.feature_extraction(samples, rate, int(0.05 * rate), int(0.025 * rate))

    return run


TASKS: dict[str, Task] = {"decode": decode, "features": features}

if __name__ == "__main__":
    serve(TASKS)
