"""What is chosen when nobody chooses; every default of more than one place lives here."""

from __future__ import annotations

__all__ = ["CLASSIFIER", "FEATURES", "MODEL", "N_FOLDS", "TIME_LIMIT", "TOP"]

MODEL = "western"
FEATURES = "tags+rhythm"
CLASSIFIER = "lda"
N_FOLDS = 10
TOP = 3  # genres shown for each song
TIME_LIMIT = 300.0  # seconds for one song of a scan
