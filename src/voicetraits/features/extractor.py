"""Turns a clip into one row of features and a log-mel matrix."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field, Strict
from threadpoolctl import ThreadpoolController

from voicetraits.errors import DataError, ParameterError
from voicetraits.features import cepstrum, frames, pitch, spectrum, voice
from voicetraits.features.analyser import Analyser
from voicetraits.features.analysis import Analysis
from voicetraits.features.feature import Feature
from voicetraits.features.short_time import hann_window
from voicetraits.features.statistics import Statistic
from voicetraits.params import section

SAMPLE_RATE_HZ = 16_000
#: Resampling overshoots full scale a little; more than this is another scale, such as that of int16.
_FLOAT_PEAK = 2.0
#: A list as well as a tuple: what JSON and YAML hold of a setting makes it again.
_Statistics = Annotated[tuple[Statistic, ...], Strict(False)]


@section
class FeaturizeParams:
    """The section `featurize` of params.yaml."""

    # From a spectrum in which the lowest octave band has a bin, to a frame that is still short beside a clip.
    frame_seconds: Annotated[float, Field(ge=0.005, le=0.25)]
    hop_seconds: Annotated[float, Field(ge=0.001, le=1)]
    pre_emphasis: Annotated[float, Field(ge=0, lt=1)]
    mel_bands: Annotated[int, Field(ge=4, le=256)]
    mfcc: Annotated[int, Field(ge=2, le=100)]
    mfcc_statistics: _Statistics
    mfcc_delta_statistics: _Statistics
    log_mel_statistics: _Statistics
    contrast_statistics: _Statistics
    voice_range_hz: Annotated[float, Field(ge=50, le=8000)]
    f0_min_hz: Annotated[float, Field(ge=20, le=1000)]
    f0_max_hz: Annotated[float, Field(ge=40, le=2000)]
    f0_frame_seconds: Annotated[float, Field(gt=0, le=1)]
    # The cepstrum needs 5 kHz. Of any other number resampling takes blocks of many seconds, which are gigabytes.
    formant_ceiling_hz: Annotated[float, Field(ge=5000, le=8000, multiple_of=50)]

    def __post_init__(self) -> None:
        for matrix in ("mfcc", "mfcc_delta", "log_mel", "contrast"):
            chosen = getattr(self, key := f"{matrix}_statistics")
            if twice := [statistic for statistic in chosen if chosen.count(statistic) > 1]:
                raise ParameterError(f"params.yaml: `featurize.{key}` names {twice[0]} twice; allowed: each once")
        if self.mfcc > self.mel_bands:
            raise ParameterError(f"params.yaml: `featurize.mfcc` is {self.mfcc}; allowed: up to featurize.mel_bands")
        if self.f0_min_hz >= self.f0_max_hz:
            raise ParameterError(f"params.yaml: `featurize.f0_min_hz` is {self.f0_min_hz}; allowed: below f0_max_hz")
        if self.f0_frame_seconds * self.f0_min_hz < 2:
            shortest = 2 / self.f0_min_hz
            raise ParameterError(
                f"params.yaml: `featurize.f0_frame_seconds` is {self.f0_frame_seconds}; "
                f"allowed: {shortest:.4f} or more, two periods of f0_min_hz"
            )

    @property
    def frame_length(self) -> int:
        """In samples, even: centred frames of any even length are equally many."""
        return 2 * round(self.frame_seconds * SAMPLE_RATE_HZ / 2)

    @property
    def f0_frame_length(self) -> int:
        """In samples, even as well."""
        return 2 * round(self.f0_frame_seconds * SAMPLE_RATE_HZ / 2)

    @property
    def hop_length(self) -> int:
        """In samples."""
        return round(self.hop_seconds * SAMPLE_RATE_HZ)

    @property
    def n_fft(self) -> int:
        """The frame length's next power of two."""
        return 1 << (self.frame_length - 1).bit_length()


class Family(NamedTuple):
    """Features that one module computes from the shared analysis of a clip.

    Attributes:
        name: the module's.
        features: what each of them is.
        compute: (Analysis) → (len(features),) float64, finite for every clip, silence too.
    """

    name: str
    features: list[Feature]
    compute: Callable[[Analysis], np.ndarray]


class FeatureExtractor:
    """Extracts the whole feature set with one setting; made once, used for many clips.

    Attributes:
        params: the setting.
        analyse: makes an `Analysis` of (n,) float32 samples.
        families: compute the features from it.
        features: what is known of each column, in order.
        names: the columns' names, in order.
    """

    def __init__(self, params: FeaturizeParams) -> None:
        self.params = params
        self.analyse = Analyser(
            sample_rate_hz=SAMPLE_RATE_HZ,
            frame_length=params.frame_length,
            hop_length=params.hop_length,
            n_fft=params.n_fft,
            mel_bands=params.mel_bands,
            pre_emphasis=params.pre_emphasis,
            f0_min_hz=params.f0_min_hz,
            f0_max_hz=params.f0_max_hz,
            f0_frame_length=params.f0_frame_length,
        )
        self.families = _families(params)
        self._blas = ThreadpoolController()
        self.features: tuple[Feature, ...] = tuple(feature for family in self.families for feature in family.features)
        self.names: tuple[str, ...] = tuple(feature.name for feature in self.features)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """One row of features: see `extract`."""
        return self.extract(samples)[0]

    def extract(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All features of one clip.

        Args:
            samples: (n,) mono at 16 kHz, int16 or float in −1 … 1.

        Returns:
            the row, (len(names),) float32, always finite, and the log-mel spectrum in dB, (frames, mel_bands) float16.

        Raises:
            DataError: not one channel of int16 or float, shorter than a frame, not finite, or far beyond −1 … 1.
        """
        y = _as_float(samples, self.params.frame_length)
        # Several threads of BLAS would sum in another order: the same row on any number of cores.
        with self._blas.limit(limits=1, user_api="blas"):
            analysis = self.analyse(y)
            row = np.concatenate([family.compute(analysis) for family in self.families])
        return row.astype(np.float32), analysis.log_mel_db.astype(np.float16)


def _families(p: FeaturizeParams) -> tuple[Family, ...]:
    """All families, in the order of the columns."""
    ranges_hz = {"spectrum": (0, SAMPLE_RATE_HZ / 2), "voice_range": (0, p.voice_range_hz)}
    cepstral = {
        "mfcc_statistics": p.mfcc_statistics,
        "mfcc_delta_statistics": p.mfcc_delta_statistics,
        "log_mel_statistics": p.log_mel_statistics,
    }
    transform = cepstrum.cosine_transform(p.mfcc, p.mel_bands)
    return (
        Family(
            "spectrum",
            [feature for prefix, (low, high) in ranges_hz.items() for feature in spectrum.describe(prefix, low, high)],
            partial(spectrum.utterance_statistics, ranges_hz=tuple(ranges_hz.values())),
        ),
        Family(
            "frames",
            frames.describe(p.contrast_statistics),
            partial(frames.frame_statistics, contrast_statistics=p.contrast_statistics),
        ),
        Family(
            "cepstrum",
            cepstrum.describe(mfcc=p.mfcc, mel_bands=p.mel_bands, **cepstral),
            partial(cepstrum.cepstral_statistics, transform=transform, **cepstral),
        ),
        Family("pitch", pitch.describe(), pitch.pitch_statistics),
        Family("voice", voice.describe(), partial(_voice_features, _voice_extractor(p))),
    )


def _voice_extractor(p: FeaturizeParams) -> voice.VoiceFeatures:
    return voice.VoiceFeatures(
        sample_rate_hz=SAMPLE_RATE_HZ,
        hop_length=p.hop_length,
        n_fft=p.n_fft,
        window_energy=float(np.square(hann_window(p.frame_length)).sum()),
        formant_ceiling_hz=p.formant_ceiling_hz,
    )


def _voice_features(extractor: voice.VoiceFeatures, analysis: Analysis) -> np.ndarray:
    return extractor(analysis.samples, analysis.power, analysis.f0_hz)


def _as_float(samples: np.ndarray, at_least: int) -> np.ndarray:
    if samples.ndim != 1 or len(samples) < at_least:
        raise DataError(
            f"a clip has shape {samples.shape}; allowed: one channel, {at_least} samples or more, which is a frame"
        )
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / 32768
    if not np.issubdtype(samples.dtype, np.floating):
        raise DataError(f"a clip holds samples of type {samples.dtype}; allowed: int16 or float")
    if not np.isfinite(samples).all():
        raise DataError("a clip holds samples that are not finite numbers")
    if (peak := np.abs(samples).max()) > _FLOAT_PEAK:
        raise DataError(f"a clip of float samples has a peak of {peak:g}; allowed: −1 to 1, full scale of any format")
    return samples.astype(np.float32)
