"""Generify tells the genre of a song.

The library in four calls::

    import generify

    generify.predict("song.mp3").genre                    # name a song's genre
    training = generify.train("my-music", "mine.onnx")    # learn from a folder of genre folders
    generify.evaluate("my-music", "western").accuracy     # judge a model on songs it has not seen
    generify.load_model("mine.onnx").genres               # look at a model

Everything is imported when first used, so ``import generify`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from generify.lazy import names_from

if TYPE_CHECKING:
    from generify.errors import Failure, GenerifyError
    from generify.evaluation import EvaluationReport
    from generify.model import GenreModel, ModelCard, list_models, load_model
    from generify.prediction import Prediction, predict
    from generify.training import Training
    from generify.workflow import Extraction, compare, evaluate, train

__version__ = "0.1.0"

__all__ = [
    "EvaluationReport",
    "Extraction",
    "Failure",
    "GenerifyError",
    "GenreModel",
    "ModelCard",
    "Prediction",
    "Training",
    "__version__",
    "compare",
    "evaluate",
    "list_models",
    "load_model",
    "predict",
    "train",
]

__getattr__ = names_from(
    __name__,
    {
        "errors": ("Failure", "GenerifyError"),
        "evaluation": ("EvaluationReport",),
        "model": ("GenreModel", "ModelCard", "list_models", "load_model"),
        "prediction": ("Prediction", "predict"),
        "training": ("Training",),
        "workflow": ("Extraction", "compare", "evaluate", "train"),
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
