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
                "detail": "notes.mp3: is a text, no audio",
                "hint": "if it plays elsewhere, convert it to WAV or FLAC",
            }
        }
    )
    type: str = Field(description="which kind of problem, a URN")
    title: str = Field(description="the kind in a few words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what happened, one sentence")
    hint: str = Field(description="what to do next; may be empty")
    why: str | None = Field(
        None, description="of a song: `detail` without its name and what the decoders said"
    )
    errors: list[dict[str, str]] | None = Field(None, description="what is wrong with which value")


class GenreProbability(BaseModel):
    """A genre and how probable it is."""

    genre: str = Field(description="its name")
    probability: Share = Field(description="those of all genres add up to 1")


class StyleScore(BaseModel):
    """A free tag and its score."""

    style: str = Field(description="the tag, for example `Mellow`")
    score: Share = Field(description="stands alone: scores do not add up to 1")


class TimelineSegment(BaseModel):
    """The genre of a few seconds."""

    start: Seconds = Field(description="seconds from the song's beginning")
    end: Seconds = Field(description="seconds from the song's beginning")
    genre: str = Field(description="the most probable one")
    probability: Share = Field(description="of that genre")


class Waveform(BaseModel):
    """A song's loudness over time."""

    peaks: list[Share] = Field(description="largest magnitudes, evenly spread over the song")


class Spectrogram(BaseModel):
    """The mel spectrogram as a picture: time to the right, frequency upwards."""

    href: str = Field(description="where the PNG is")
    width: int = Field(description="pixels")
    height: int = Field(description="pixels")
    low_hz: float = Field(description="frequency at the bottom")
    high_hz: float = Field(description="frequency at the top")


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
                "doubt": "",
                "links": {
                    "self": "/api/v1/predictions/9f0c6c1e2b5d4f0e8a7b6c5d4e3f2a1b",
                    "model": "/api/v1/models/western",
                },
            }
        }
    )
    id: str = Field(description="its name in the history")
    when: str = Field(description="ISO 8601, UTC")
    path: str = Field(description="the file's name as the client gave it, cleaned")
    model: str = Field(description="who answered")
    model_version: str = Field(description="of that model")
    genre: str | None = Field(description="null exactly when unknown")
    confidence: Share | None = Field(description="probability of the most probable genre")
    unknown: bool = Field(description="no genre is given")
    genres: list[GenreProbability] = Field(description="all, the most probable first")
    styles: list[StyleScore] = Field(description="the five strongest free tags")
    duration: Seconds | None = Field(description="seconds of the song")
    analysed: Seconds | None = Field(None, description="seconds that were heard")
    warnings: list[str] | None = Field(None, description="what was odd about the file")
    doubt: str | None = Field(
        None, description="why it is unknown whatever `genres` says, which means nothing then"
    )
    timeline: list[TimelineSegment] | None = Field(None, description="silent seconds are left out")
    waveform: Waveform | None = Field(None, description="comes with the timeline")
    spectrogram: Spectrogram | None = Field(None, description="comes with the timeline")
    links: dict[str, str] = Field(description="to itself, as far as it is kept, and to its model")


class PredictionPage(BaseModel):
    """Answers of the history, the newest first."""

    items: list[Prediction] = Field(description="those of this page")
    total: int = Field(description="how many there are on all pages")
    limit: int = Field(description="as it was asked")
    offset: int = Field(description="as it was asked")
    links: dict[str, str | None] = Field(description="self, next and previous")


class GenreCount(BaseModel):
    """How many answers were of a genre."""

    model: str = Field(description="who answered")
    genre: str | None = Field(description="null for unknown")
    n_predictions: int = Field(description="how many answers")
    share: Share = Field(description="of the model's answers")
    confidence: Share | None = Field(description="mean")


class Statistics(BaseModel):
    """What the history amounts to."""

    n_songs: int = Field(description="how many songs")
    n_predictions: int = Field(description="how many answers; a song may have several")
    n_unknown: int = Field(description="how many of them were unknown")
    genres: list[GenreCount] = Field(description="by model and genre")


class Removed(BaseModel):
    """How many answers were removed."""

    removed: int = Field(description="how many")


class Job(BaseModel):
    """A song on its way."""

    id: str = Field(description="its name, for as long as it is kept")
    state: Literal["queued", "running", "done", "failed"] = Field(description="how far it is")
    progress: Share = Field(description="the share that is heard")
    position: int | None = Field(description="songs before it, while it is queued")
    path: str = Field(description="the file's name")
    prediction: Prediction | None = Field(description="the answer, once it is done")
    problem: Problem | None = Field(description="what went wrong, where it failed")
    links: dict[str, str] = Field(description="`self`, and `events` that tell how far it is")


class ModelLinks(BaseModel):
    """Where more about a model is."""

    self: str = Field(description="its card")
    figures: dict[str, str] = Field(description="its figures, by their names")


class Model(BaseModel):
    """A model's card."""

    name: str = Field(description="by which it is asked")
    version: str = Field(description="of the model")
    genres: list[str] = Field(description="in the model's order")
    features: str = Field(description="what it hears")
    classifier: str = Field(description="what tells genres apart")
    dataset: str = Field(description="what it was trained on")
    n_tracks: dict[str, int] = Field(description="how many tracks of each genre")
    metrics: dict[str, Any] = Field(description="how good it is, and the split that says so")
    temperature: float = Field(description="by which its confidence was mended")
    novelty_threshold: float | None = Field(description="songs further away are unknown")
    licence: str = Field(description="of the model")
    attribution: str = Field(description="whose data and work are in it")
    limits: str = Field(description="what not to expect of it")
    date: str = Field(description="when it was made")
    figures: list[str] = Field(description="which figures there are of it")
    links: ModelLinks = Field(description="where more about it is")


class ModelList(BaseModel):
    """The models that are served."""

    items: list[Model] = Field(description="the first is asked where nobody chooses")


class Health(BaseModel):
    """That the server lives."""

    status: Literal["ok"] = Field(description="no other is ever given")
    version: str = Field(description="of Generify")
    workers: int = Field(description="processes that hear songs")
    queued: int = Field(description="songs that wait for them")
