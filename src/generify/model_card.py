"""The model card: what a model is, what it was trained on and how good it was found to be.

A card is JSON in the metadata of a model file, so it comes from whoever made the file. It is read
into text, numbers and lists of known kinds and sizes, or refused: other code may rely on them, and
print them.

In it: :class:`ModelCard`, :data:`MAX_GENRES`, :func:`read_card`, :func:`track_digest`,
:func:`describe_scarcity`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from generify.errors import NO_MODEL_HINT, ModelError
from generify.features.base import ExtractorSpec

__all__ = [
    "CARD_KEY",
    "MAX_GENRES",
    "MAYBE_SHARES",
    "SCORE_SHARES",
    "SHARES",
    "ModelCard",
    "describe_scarcity",
    "read_card",
    "track_digest",
]

CARD_KEY = "generify.card"
MAX_GENRES = 2000
SHARES = ("accuracy", "low", "high")
"""Metrics that are shares."""
MAYBE_SHARES = ("macro_f1", "macro_auc", "top3", "calibration_error")
"""Metrics that are shares, or None where they could not be measured."""
SCORE_SHARES = ("precision", "recall", "f1", "roc_auc")
"""Metrics of each genre that are shares, or None where they could not be measured."""
_FORMAT = 1
_MAX_BYTES = 16 * 2**20  # a million tracks trained on
_MAX_PARTS = 50_000  # lists and mappings: each takes a hundred times the place of its brackets
_MAX_GENRE_CHARACTERS = 200
_ENOUGH_TRACKS = 10  # of a genre; a start
_MOST_NAMED = 4
_MAX_INTEGER = 2**63
# Cards are shown on terminals, which obey such characters.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def track_digest(genre: str, track: str) -> str:
    """Name a track briefly, so that a card can say what a model was trained on.

    Parameters
    ----------
    genre, track : str
        Genre and name of the track, which are the same in another encoding or place.

    Returns
    -------
    str
        Eight hexadecimal digits.
    """
    return hashlib.sha256(f"{genre}/{track}".encode()).hexdigest()[:8]


def describe_scarcity(n_tracks: Mapping[str, int]) -> tuple[str, ...]:
    """Warn of genres that were learnt from too few tracks.

    Parameters
    ----------
    n_tracks : mapping of str to int
        Tracks per genre.

    Returns
    -------
    tuple of str
        One warning; none where every genre has ten tracks or more.

    Examples
    --------
    >>> describe_scarcity({"jazz": 12, "rock": 10})
    ()
    >>> describe_scarcity({"jazz": 4, "rock": 10})[0].partition(":")[0]
    'too few songs of jazz (4)'
    """
    few = [f"{genre} ({n})" for genre, n in n_tracks.items() if n < _ENOUGH_TRACKS]
    if not few:
        return ()
    named = ", ".join(few)
    if len(few) > _MOST_NAMED:
        shown = _MOST_NAMED - 1  # so that it is never one genre more
        named = f"{', '.join(few[:shown])} and {len(few) - shown} genres more"
    return (
        f"too few songs of {named}: neither the accuracy nor how sure the model "
        f"is can be relied on; {_ENOUGH_TRACKS} or more a genre are a start",
    )


@dataclass(frozen=True)
class ModelCard:
    """What a model is, what it was trained on and how good it was found to be.

    Attributes
    ----------
    name : str
        The model's name.
    version : str
        The model's version.
    genres : tuple of str
        Its genres, in the order of its output.
    extractor : ExtractorSpec
        What made the features it expects.
    classifier : str
        What kind of classifier it is.
    dataset : str
        Name of the training data.
    n_tracks : mapping of str to int
        Tracks per genre that it was fitted on.
    trained_on : tuple of str
        Digests of those tracks (see :func:`track_digest`).
    random_state : int
        Seed of all random choices.
    metrics : mapping
        What was measured: ``split``, ``split_meaning``, ``n_tracks``, ``n_train``, ``accuracy``
        with ``low`` and ``high`` (95 % interval), ``macro_f1``, ``macro_auc``, ``top3``,
        ``calibration_error``, ``scores`` of each genre, the ``confusion`` matrix (counts; row =
        true genre) and thinned ``roc_curves``.
    temperature : float
        Calibrates the probabilities; already folded into the graph.
    novelty_threshold : float or None
        Above this novelty a song is unknown; None where the model has no such output.
    licence, attribution, limits : str
        Terms of use of the model, whom to credit, and what it cannot do.
    date : str
        Day of training, ISO 8601.
    libraries : mapping of str to str
        Versions of the libraries that trained it.
    """

    name: str
    version: str
    genres: tuple[str, ...]
    extractor: ExtractorSpec
    classifier: str
    dataset: str
    n_tracks: Mapping[str, int]
    trained_on: tuple[str, ...] = ()
    random_state: int = 0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    novelty_threshold: float | None = None
    licence: str = ""
    attribution: str = ""
    limits: str = ""
    date: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What to know before the model is believed, one line each."""
        return describe_scarcity(self.n_tracks)

    @property
    def training(self) -> str:
        """What the model was trained on, in words, with the cautions."""
        described = f"{self.dataset}, {sum(self.n_tracks.values())} tracks"
        return "; ".join((described, *self.cautions))

    @property
    def unknown(self) -> str:
        """What the model gives no genre to, in words."""
        sounds = "noise, pure tones, speech and single sounds"
        if self.novelty_threshold is None:
            return f"{sounds} only, not music unlike its own"
        return f"{sounds}, and music unlike its own"

    def to_json(self) -> str:
        """Write the card as JSON.

        Returns
        -------
        str
            One JSON object, keys sorted.
        """
        return json.dumps(
            {"format": _FORMAT, **asdict(self)}, sort_keys=True, ensure_ascii=False, allow_nan=False
        )

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card.

        Parameters
        ----------
        text : str
            What :meth:`to_json` wrote.

        Returns
        -------
        ModelCard
            The card.

        Raises
        ------
        ModelError
            When the text is no card, one of a later format, or holds what no card may hold.
        """
        try:
            values = _parse(text)
            known = values.pop("format")
            if known != _FORMAT:
                raise ModelError(
                    f"the model card has format {known!r:.40}, this Generify reads {_FORMAT}",
                    hint="upgrade Generify",
                )
            names = {f.name for f in fields(cls)}
            values = {name: value for name, value in values.items() if name in names}
            _check_card(values)
            values["extractor"] = ExtractorSpec(**values["extractor"])
            for name in ("genres", "trained_on"):
                values[name] = tuple(values.get(name, ()))
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
            why = _reason(err)
            raise ModelError(f"the model card cannot be read: {why}", hint=NO_MODEL_HINT) from err


def read_card(metadata: Mapping[str, bytes | memoryview], *, source: str) -> ModelCard:
    """Read the card in the metadata of a model file.

    Parameters
    ----------
    metadata : mapping of str to bytes
        All of it.
    source : str
        Where it came from, for error messages.

    Returns
    -------
    ModelCard
        The card.

    Raises
    ------
    ModelError
        When there is none, or it cannot be read.
    """
    if CARD_KEY not in metadata:
        raise ModelError(f"{source} is an ONNX file without a model card", hint=NO_MODEL_HINT)
    written = metadata[CARD_KEY]
    try:
        if len(written) > _MAX_BYTES:
            raise ModelError(
                f"the model card has {len(written):,} bytes, one may have {_MAX_BYTES:,}",
                hint=NO_MODEL_HINT,
            )
        return ModelCard.from_json(bytes(written).decode())
    except UnicodeDecodeError as err:
        raise ModelError(
            f"{source}: the model card cannot be read: it is no text", hint=NO_MODEL_HINT
        ) from err
    except ModelError as err:
        raise ModelError(f"{source}: {err}", hint=err.hint) from err


class _UnfitCardError(ValueError):
    """A card whose text says something that it may not."""


def _reason(err: Exception) -> str:
    if isinstance(err, _UnfitCardError):
        return str(err)
    if isinstance(err, KeyError):
        return f"it lacks {err}"
    if isinstance(err, RecursionError):
        return "it is nested too deeply"
    if isinstance(err, UnicodeError):
        return "it holds characters that are no text"
    return "it is no JSON" if isinstance(err, ValueError) else "it is not what a card should be"


def _parse(text: str) -> dict[str, Any]:
    if text.count("[") + text.count("{") > _MAX_PARTS:
        raise _UnfitCardError(f"it has more than {_MAX_PARTS:,} lists and mappings")
    values: dict[str, Any] = json.loads(
        text, parse_float=_finite, parse_constant=_finite, parse_int=_integer
    )
    if not isinstance(values, dict):
        raise _UnfitCardError("it is no JSON object")
    plain = json.dumps(values, ensure_ascii=False)  # where only what is below a space is escaped
    if _CONTROL.search(plain.encode().decode()) or re.search(r"\\u00|\\[bfr]", plain):
        raise _UnfitCardError("it holds characters that are no text")
    return values


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _UnfitCardError(f"it holds the number {text:.20}")
    return number


def _integer(text: str) -> int:
    number = int(text)
    if abs(number) >= _MAX_INTEGER:
        raise _UnfitCardError("it holds an integer of more than 64 bits")
    return number


# --- what a card's JSON must hold, wherever it comes from ---------------------------------------

_TEXTS = (
    *("name", "version", "classifier", "dataset"),
    *("licence", "attribution", "limits", "date"),
)
_LISTS_OF_TEXT = ("genres", "trained_on")
_MAPPINGS = ("extractor", "n_tracks", "metrics", "libraries")
_SCORE = {"genre", "n_tracks", *SCORE_SHARES}
_CURVE = {"genre", "false_positive_rate", "true_positive_rate", "auc"}


def _check_card(values: Mapping[str, Any]) -> None:
    for names, kind in ((_TEXTS, str), (_LISTS_OF_TEXT, list), (_MAPPINGS, dict)):
        for name in names:
            _need(isinstance(values.get(name, kind()), kind), name)
    _need(bool(values["name"].strip()), "name")
    _check_genres(values["genres"])
    _need(all(isinstance(text, str) for text in values.get("trained_on", ())), "trained_on")
    extractor = values["extractor"]
    _need(isinstance(extractor["name"], str) and _is_count(extractor["version"]), "extractor")
    _need(isinstance(extractor.get("parameters", ""), str), "extractor")
    n_tracks = values["n_tracks"]
    _need(n_tracks.keys() == set(values["genres"]) and _are_counts(n_tracks.values()), "n_tracks")
    _need(all(isinstance(v, str) for v in values.get("libraries", {}).values()), "libraries")
    _need(isinstance(values.get("random_state", 0), int), "random_state")
    _need(_is_number(values.get("temperature", 1.0)) and values.get("temperature", 1) > 0,
          "temperature")  # fmt: skip
    threshold = values.get("novelty_threshold")
    _need(threshold is None or _is_number(threshold), "novelty_threshold")
    _check_metrics(values.get("metrics", {}), values["genres"])


def _need(fits: bool, what: str) -> None:
    if not fits:
        raise _UnfitCardError(f"its {what} cannot be right")


def _check_genres(genres: list[Any]) -> None:
    named = all(
        isinstance(g, str) and g.strip() and len(g) <= _MAX_GENRE_CHARACTERS for g in genres
    )
    if not genres or len(genres) > MAX_GENRES or not named or len(set(genres)) < len(genres):
        raise _UnfitCardError(f"it should name 1 to {MAX_GENRES:,} genres, each once")


def _check_metrics(metrics: Mapping[str, Any], genres: list[str]) -> None:
    for name, value in metrics.items():
        if name in SHARES:
            _need(_is_share(value), name)
        elif name in MAYBE_SHARES:
            _need(value is None or _is_share(value), name)
        elif name in ("n_tracks", "n_train"):
            _need(_is_count(value), name)
        elif name in ("split", "split_meaning"):
            _need(isinstance(value, str), name)
    for score in metrics.get("scores", ()):
        _need(score.keys() == _SCORE and isinstance(score["genre"], str), "scores")
        shares = [score[name] for name in SCORE_SHARES]
        _need(_is_count(score["n_tracks"]) and _are_shares_or_none(shares), "scores")
    confusion = metrics.get("confusion", [])
    _need(len(confusion) in (0, len(genres)), "confusion")
    _need(all(len(row) == len(genres) and _are_counts(row) for row in confusion), "confusion")
    for curve in metrics.get("roc_curves", ()):
        _need(curve.keys() == _CURVE and isinstance(curve["genre"], str), "roc_curves")
        across, up = curve["false_positive_rate"], curve["true_positive_rate"]
        _need(len(across) == len(up) and all(map(_is_share, (*across, *up))), "roc_curves")
        _need(_are_shares_or_none([curve["auc"]]), "roc_curves")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _are_shares_or_none(values: Any) -> bool:
    return all(value is None or _is_share(value) for value in values)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_counts(values: Any) -> bool:
    return all(map(_is_count, values))
