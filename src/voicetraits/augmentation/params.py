"""The section `augment` of params.yaml."""

from typing import Annotated

from pydantic import AfterValidator, Field, Strict
from pydantic_core import PydanticCustomError

from voicetraits.classes import Target, each_once
from voicetraits.params import section

Share = Annotated[float, Field(ge=0, le=1)]


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise PydanticCustomError("rising", "two numbers, the smaller first")
    return pair


def _range(low: float, high: float) -> type:
    """Type of a range to draw from: two numbers within `low` … `high`, the smaller first."""
    bound = Annotated[float, Field(ge=low, le=high)]
    # A list as well as a tuple: what JSON and YAML hold of a setting makes it again.
    return Annotated[tuple[bound, bound], Strict(False), AfterValidator(_rising)]


@section
class PitchParams:
    """F0 moved, formants kept; `targets` are those whose nets learn from versions that are so moved."""

    share: Share
    semitones: _range(-12, 12)
    targets: Annotated[tuple[Target, ...], Strict(False), AfterValidator(each_once)]


@section
class TapeParams:
    """F0, formants and pace moved together, as by a tape that runs faster."""

    share: Share
    semitones: _range(-6, 6)


@section
class SpeedParams:
    """Pace changed, F0 and formants kept."""

    share: Share
    ratio: _range(0.5, 2)


@section
class RoomParams:
    """The response of a room."""

    share: Share
    rt60_seconds: _range(0.05, 3)
    direct_to_reverberant_db: _range(-20, 40)


@section
class NoiseParams:
    """Noise added."""

    share: Share
    snr_db: _range(-20, 60)
    exponent: _range(0, 2)


@section
class MicrophoneParams:
    """The response of a microphone, and the band that it hears."""

    share: Share
    octave_db: Annotated[float, Field(ge=0, le=24)]
    low_hz: _range(1, 1000)
    high_hz: _range(1000, 8000)


@section
class SamplingParams:
    """A recording at a lower rate."""

    share: Share
    rate_hz: _range(4000, 16000)


@section
class TelephoneParams:
    """A telephone line."""

    share: Share


@section
class GainParams:
    """Loudness."""

    share: Share
    db: _range(-40, 40)


@section
class MaskParams:
    """Stretches of time and of bands masked, on what a front end makes."""

    time_share: Share
    time_masks: Annotated[int, Field(ge=1, le=10)]
    time_seconds: Annotated[float, Field(ge=0, le=2)]
    band_share: Share
    band_masks: Annotated[int, Field(ge=1, le=10)]
    bands_share: Annotated[float, Field(ge=0, le=0.5)]


@section
class CropParams:
    """A random stretch of the clip."""

    share: Share
    seconds: _range(0.1, 60)


@section
class AugmentParams:
    """The whole section."""

    variants: Annotated[int, Field(ge=0, le=100)]
    pitch: PitchParams
    tape: TapeParams
    speed: SpeedParams
    room: RoomParams
    noise: NoiseParams
    microphone: MicrophoneParams
    sampling: SamplingParams
    telephone: TelephoneParams
    gain: GainParams
    mask: MaskParams
    crop: CropParams
