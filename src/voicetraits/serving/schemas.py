"""The bodies of the service's responses, as its OpenAPI page shows them."""

from pydantic import BaseModel, Field

from voicetraits.inference.answers import Refusal
from voicetraits.serving.problems import Kind


class Identity(BaseModel):
    """Which model it is that answers."""

    name: str
    version: str = Field(description="digest of all its files")
    training_data: str = Field(description="digest of the utterances and labels that it learnt from")
    dvc_lock: str | None = Field(description="digest of its project's dvc.lock")


class AnswerBody(BaseModel):
    """On a sound or a stretch of it: how a voice like this is labelled in the training data, not who somebody is."""

    target: str
    label: str | None = Field(description="null if refused")
    confidence: float | None = Field(ge=0, le=1, description="the label's calibrated probability")
    probabilities: dict[str, float] | None = Field(description="calibrated, by class")
    refusal: Refusal | None = Field(description="why there is no label")
    speech_share: float = Field(description="seconds with speech / all seconds")
    f0_median_hz: float | None = Field(description="median pitch; null without any")
    model: Identity


class SegmentBody(BaseModel):
    """A stretch of a sound with one answer."""

    start_seconds: float
    end_seconds: float
    answer: AnswerBody


class PredictionBody(BaseModel):
    """All answers on a sound."""

    duration_seconds: float
    answers: dict[str, AnswerBody] = Field(description="by target")
    segments: dict[str, list[SegmentBody]] = Field(description="by target, in time; empty if not asked for")


class TargetBody(BaseModel):
    """What one model of a kind tells."""

    classes: list[str]
    identity: Identity
    training_clips: dict[str, int] = Field(description="of each class; empty if not known")


class ModelBody(BaseModel):
    """A kind of model."""

    name: str
    is_default: bool
    targets: dict[str, TargetBody]


class ModelsBody(BaseModel):
    """All that may be asked."""

    models: list[ModelBody]
    corpus: str | None = Field(description="that the models learnt from; null if not known")
    is_synthetic: bool = Field(description="whether its voices are made by a program: then no score tells of people")


class HealthBody(BaseModel):
    """The server takes requests."""

    status: str = "ok"


class ErrorBody(BaseModel):
    """Why there is no answer."""

    error: Kind
    reason: str = Field(description="one line: what is wrong, what is allowed")
