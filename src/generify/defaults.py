"""What is chosen when nobody chooses; every default of more than one place lives here."""

from __future__ import annotations

__all__ = ["CLASSIFIER", "FEATURES", "MODEL", "N_FOLDS", "TAG_CONFIDENCE", "TIME_LIMIT", "TOP"]

MODEL = "western"
FEATURES = "tags+rhythm"
CLASSIFIER = "lda"
N_FOLDS = 10
TOP = 3  # genres shown for each song
TAG_CONFIDENCE = 0.6  # about nine of ten genres written are right (docs/decisions/0006-tags.md)
TIME_LIMIT = 300.0  # seconds for one song of a scan
