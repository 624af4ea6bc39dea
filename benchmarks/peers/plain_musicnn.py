"""The plain way to run the tagger's network: librosa's front end, onnxruntime, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peers.clock import Run, Task, serve

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 16000
N_WINDOW_FRAMES = 187


def tag_file(network: str, path: str, window_hop: str, n_threads: str) -> Run:
    """Tag a file: decoded, resampled to 16 kHz, log-mel, windows at a hop in frames."""
    tag = _tagger(network, int(window_hop), int(n_threads))
    return lambda: tag(_log_mel(path))


def tag_files(network: str, folder: str, window_hop: str, n_threads: str) -> Run:
    """Tag all files of a folder, one after the other."""
    from pathlib import Path

    tag = _tagger(network, int(window_hop), int(n_threads))

    def run() -> None:
        for path in sorted(Path(folder).iterdir()):
            tag(_log_mel(str(path)))

    return run


def tag_mel(network: str, mel: str, window_hop: str, n_threads: str) -> Run:
    """Tag a log-mel spectrum, shape (n_frames, 96), from a file of numpy's."""
    import numpy as np

    tag, frames = _tagger(network, int(window_hop), int(n_threads)), np.load(mel)
    return lambda: tag(frames)


def _log_mel(path: str) -> Any:
    import librosa
    import numpy as np

    samples = librosa.load(path, sr=RATE)[0]
    mel = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=512, hop_length=256, n_mels=96)
    return np.log10(10000 * mel + 1).T


def _tagger(network: str, window_hop: int, n_threads: int) -> Callable[[Any], Any]:
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])

    def tag(mel: Any) -> Any:
        starts = range(0, len(mel) - N_WINDOW_FRAMES + 1, window_hop)
        windows = (mel[start : start + N_WINDOW_FRAMES][np.newaxis] for start in starts)
        return np.concatenate([session.run(["tags"], {"mel": w})[0] for w in windows]).ravel()

    return tag


TASKS: dict[str, Task] = {"tag_file": tag_file, "tag_files": tag_files, "tag_mel": tag_mel}

if __name__ == "__main__":
    serve(TASKS)
