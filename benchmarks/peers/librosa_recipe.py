"""librosa and scikit-learn, as tutorials write it: load, one feature after the other."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from peers.clock import Run, Task, serve

RATE = 22050


def decode(path: str) -> Run:
    """Decode a file to mono at 22.05 kHz."""
    import librosa

    return lambda: _level(librosa.load(path)[0])


def log_mel(samples: str) -> Run:
    """Log-mel spectrum with the defaults."""
    import librosa
    import numpy as np

    y = np.load(samples)

    def run() -> Any:
        mel = librosa.feature.melspectrogram(y=y, sr=RATE)
        return librosa.power_to_db(mel).mean(axis=1)

    return run


def mfcc(samples: str) -> Run:
    """Thirteen MFCC of every frame."""
    import librosa
    import numpy as np

    y = np.load(samples)
    return lambda: librosa.feature.mfcc(y=y, sr=RATE, n_mfcc=13).mean(axis=1)


def classic(samples: str) -> Run:
    """Means and deviations of 20 MFCC and 12 pitch classes; centroid, rolloff, crossings, RMS."""
    import librosa
    import numpy as np

    y = np.load(samples)
    feature = librosa.feature

    def run() -> Any:
        singles = (
            feature.spectral_centroid(y=y, sr=RATE),
            feature.spectral_rolloff(y=y, sr=RATE),
            feature.zero_crossing_rate(y),
            feature.rms(y=y),
        )
        rows = (feature.mfcc(y=y, sr=RATE), feature.chroma_stft(y=y, sr=RATE))
        means = [np.mean(single) for single in singles]
        statistics = [f(row, axis=1) for row in rows for f in (np.mean, np.std)]
        return np.concatenate([means, *statistics])

    return run


def timbre_features(y: Any) -> Any:
    """Compute what `timbre` knows with the functions that librosa has for it, one by one.

    Envelope and its changes (MFCC, deltas, their correlation), contrast, rises of each band
    (onset strength of 16 bands), onsets, beats (tempogram) and modulation (Fourier tempogram).
    Percussiveness would need harmonic-percussive separation, 1.2 s more a clip: left out.
    """
    import librosa
    import numpy as np
    from librosa.onset import onset_strength, onset_strength_multi

    feature = librosa.feature
    mfcc = feature.mfcc(y=y, sr=RATE, n_mfcc=30)
    delta = feature.delta(mfcc)
    contrast = feature.spectral_contrast(y=y, sr=RATE)
    bands = onset_strength_multi(y=y, sr=RATE, channels=list(range(0, 129, 8)))
    onsets = onset_strength(y=y, sr=RATE)
    beats = feature.tempogram(y=y, sr=RATE)
    modulation = np.abs(feature.fourier_tempogram(y=y, sr=RATE))
    tempo = feature.tempo(y=y, sr=RATE)
    rows = (mfcc, contrast, bands, beats, modulation)
    statistics = [f(row, axis=1) for row in rows for f in (np.mean, np.std)]
    correlation = np.corrcoef(delta[:13])[np.triu_indices(13, 1)]
    return np.concatenate(
        [*statistics, delta.std(axis=1), correlation, [onsets.mean(), onsets.std()], tempo]
    )


def timbre(samples: str) -> Run:
    """Compute about as much as `timbre` does, from samples."""
    import numpy as np

    y = np.load(samples)

    def run() -> None:
        timbre_features(y)

    return run


def timbre_table(folder: str, n_tracks: str) -> Run:
    """Compute the same for the first files of a folder, decoding included."""
    import librosa

    files = sorted(Path(folder).rglob("*.wav"))[: int(n_tracks)]

    def run() -> None:
        for file in files:
            timbre_features(librosa.load(file)[0])

    return run


def mfcc_table(folder: str, table: str) -> Run:
    """Write the mean MFCC of every file below a folder as CSV, one file after the other."""

    def run() -> None:
        import librosa

        rows = []
        for file in sorted(Path(folder).rglob("*.wav")):
            y, sr = librosa.load(file)
            vector = librosa.feature.mfcc(y=y, sr=sr, n_mfcc=13).mean(axis=1)
            rows.append([file.name, file.parent.name, *vector])
        with Path(table).open("w", newline="") as out:
            csv.writer(out).writerows(rows)

    return run


def cross_validate(table: str) -> Run:
    """Scale, fit linear discriminants and judge them in ten folds; from a table in CSV."""

    def run() -> None:
        import numpy as np
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.model_selection import cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = np.loadtxt(table, delimiter=",", dtype=str)
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        recipe = make_pipeline(StandardScaler(), lda)
        X, y = rows[:, 1:].astype(float), rows[:, 0]
        cross_val_predict(recipe, X, y, cv=10)
        recipe.fit(X, y)

    return run


def _level(samples: Any) -> list[float]:
    return [len(samples) / RATE, float((samples**2).mean() ** 0.5)]


TASKS: dict[str, Task] = {
    "decode": decode,
    "log_mel": log_mel,
    "mfcc": mfcc,
    "classic": classic,
    "timbre": timbre,
    "timbre_table": timbre_table,
    "mfcc_table": mfcc_table,
    "cross_validate": cross_validate,
}

if __name__ == "__main__":
    serve(TASKS)
