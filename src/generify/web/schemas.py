"""The shapes of the API's JSON, for its documentation and to hold the answers to it.

In it: one model a kind of object; their fields say what they hold.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "FilterParameters",
    "Health",
    "Job",
    "Model",
    "ModelList",
    "PageParameters",
    "Prediction",
    "PredictionPage",
    "Problem",
    "Removed",
    "Statistics",
]

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FilterParameters(_Closed):
    """Which answers of the history are wanted."""

    name: str | None = Field(None, max_length=200, description="part of the song's name")
    genre: str | None = Field(None, max_length=100, description="the genre that was answered")
    model: str | None = Field(None, max_length=100, description="name of the model")
    unknown: bool | None = Field(None, description="songs without a genre, or with one")


class PageParameters(FilterParameters):
    """Which answers, and how many of them."""

    limit: int = Field(20, ge=1, le=100, description="how many at most")
    offset: int = Field(0, ge=0, le=1_000_000_000, description="how many newer ones to leave out")


class ExportParameters(FilterParameters):
    """Which answers, and how they are written."""

    format: Literal["json", "ndjson", "csv"] = Field("json", description="how they are written")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:generify:not-audio",
                "title": "The song cannot be heard",
                "status": 422,
                "detail": "notes.mp3: is not an audio file that can be decoded",
                "hint": "if it plays elsewhere, convert it to WAV or FLAC",
            }
        }
    )
    type: str = Field(description="which kind of problem, a URN")
    title: str = Field(description="the kind in a few words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what happened, one sentence")
    hint: str = Field(description="what to do next; may be empty")
    errors: list[dict[str, str]] | None = Field(None, description="what is wrong with which value")


class GenreProbability(BaseModel):
    """A genre and how probable it is."""

    genre: str
    probability: Share


class StyleScore(BaseModel):
    """A free tag and its score."""

    style: str
    score: Share


class TimelineSegment(BaseModel):
    """The genre of a few seconds."""

    start: Seconds
    end: Seconds
    genre: str
    probability: Share


class Waveform(BaseModel):
    """A song's loudness over time."""

    peaks: list[Share] = Field(description="largest magnitudes, evenly spread over the song")


class Spectrogram(BaseModel):
    """The mel spectrogram as a picture: time to the right, frequency upwards."""

    href: str = Field(description="where the PNG is")
    width: int
    height: int
    low_hz: float
    high_hz: float


class Prediction(BaseModel):
    """What a model says of a song."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "9f0c6c1e2b5d4f0e8a7b6c5d4e3f2a1b",
                "when": "2026-01-31T20:15:00+00:00",
                "path": "song.mp3",
                "model": "western",
                "model_version": "1",
                "genre": "jazz",
                "confidence": 0.83,
                "unknown": False,
                "genres": [
                    {"genre": "jazz", "probability": 0.83},
                    {"genre": "blues", "probability": 0.17},
                ],
                "styles": [{"style": "Mellow", "score": 0.41}],
                "duration": 241.3,
                "analysed": 30.0,
                "warnings": [],
                "links": {
                    "self": "/api/v1/predictions/9f0c6c1e2b5d4f0e8a7b6c5d4e3f2a1b",
                    "model": "/api/v1/models/western",
                },
            }
        }
    )
    id: str
    when: str = Field(description="ISO 8601, UTC")
    path: str = Field(description="the file's name as the client gave it, cleaned")
    model: str
    model_version: str
    genre: str | None = Field(description="null exactly when unknown")
    confidence: Share | None = Field(description="probability of the most probable genre")
    unknown: bool
    genres: list[GenreProbability] = Field(description="all, the most probable first")
    styles: list[StyleScore]
    duration: Seconds | None
    analysed: Seconds | None = Field(None, description="seconds that were heard")
    warnings: list[str] | None = Field(None, description="what was odd about the file")
    timeline: list[TimelineSegment] | None = Field(None, description="silent seconds are left out")
    waveform: Waveform | None = None
    spectrogram: Spectrogram | None = None
    links: dict[str, str]


class PredictionPage(BaseModel):
    """Answers of the history, the newest first."""

    items: list[Prediction]
    total: int
    limit: int
    offset: int
    links: dict[str, str | None] = Field(description="self, next and previous")


class GenreCount(BaseModel):
    """How many answers were of a genre."""

    model: str
    genre: str | None = Field(description="null for unknown")
    n_predictions: int
    share: Share = Field(description="of the model's answers")
    confidence: Share | None = Field(description="mean")


class Statistics(BaseModel):
    """What the history amounts to."""

    n_predictions: int
    n_unknown: int
    genres: list[GenreCount]


class Removed(BaseModel):
    """How many answers were removed."""

    removed: int


class Job(BaseModel):
    """A song on its way."""

    id: str
    state: Literal["queued", "running", "done", "failed"]
    progress: Share
    position: int | None = Field(description="songs before it, while it is queued")
    path: str = Field(description="the file's name")
    prediction: Prediction | None
    problem: Problem | None
    links: dict[str, str]


class ModelLinks(BaseModel):
    """Where more about a model is."""

    self: str
    figures: dict[str, str]


class Model(BaseModel):
    """A model's card."""

    name: str
    version: str
    genres: list[str] = Field(description="in the model's order")
    features: str
    classifier: str
    dataset: str
    n_tracks: dict[str, int]
    metrics: dict[str, Any]
    temperature: float
    novelty_threshold: float | None
    licence: str
    attribution: str
    limits: str
    date: str
    figures: list[str]
    links: ModelLinks


class ModelList(BaseModel):
    """The models that are served."""

    items: list[Model]


class Health(BaseModel):
    """That the server lives."""

    status: Literal["ok"]
    version: str
    workers: int
    queued: int
