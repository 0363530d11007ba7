"""The only way from sound to answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from voicetraits.audio import SAMPLE_RATE_HZ, centred
from voicetraits.errors import ModelError
from voicetraits.features.analysis import Analysis
from voicetraits.features.extractor import FeatureExtractor, FeaturizeParams
from voicetraits.inference.answers import Prediction, Refusal
from voicetraits.inference.domain import domain_of
from voicetraits.inference.explaining import Explanation, explain, require_features
from voicetraits.inference.hearing import Ear, Hearing
from voicetraits.inference.loading import ModelIdentity, find_models, identity_of
from voicetraits.inference.occlusion import Occlusion, occlude
from voicetraits.inference.sound import Sound, blocks_of
from voicetraits.inference.summing import Heard, answer_of, segments_of
from voicetraits.inference.tidying import tidied
from voicetraits.inference.windows import Window, cut
from voicetraits.models import saved
from voicetraits.models.saved import SavedModel

#: A sound up to this is one clip, as in training; a longer one is judged window by window, and seen in pictures up to
#: here.
LONGEST_CLIP_SECONDS = 60.0
WINDOW_SECONDS = 4.0
_WINDOWS_AT_A_TIME = 64
#: How the gate listens where the model does not see functionals: params.yaml's own setting.
_SETTING = {
    "frame_seconds": 0.025, "hop_seconds": 0.01, "pre_emphasis": 0.97, "mel_bands": 64, "mfcc": 20,
    "mfcc_statistics": (), "mfcc_delta_statistics": (), "log_mel_statistics": (), "contrast_statistics": (),
    "voice_range_hz": 280.0, "f0_min_hz": 60.0, "f0_max_hz": 400.0, "f0_frame_seconds": 0.064,
    "formant_ceiling_hz": 5500.0,
}  # fmt: skip


@dataclass(frozen=True)
class LookedAt:
    """What there is to see of a sound.

    Attributes:
        samples: (n,) int16 at 16 kHz; of a longer sound the first LONGEST_CLIP_SECONDS.
        duration_seconds: of the whole sound.
        analysis: frames of the samples.
        windows: what was heard in windows that overlap.
        occlusions: by target, where nets that see frames and bands listen.
    """

    samples: np.ndarray
    duration_seconds: float
    analysis: Analysis
    windows: Sequence[Heard]
    occlusions: Mapping[str, Occlusion]


@dataclass(frozen=True)
class _Listened:
    """What is heard in a stretch; by target what its model sees of it, or why it is not asked."""

    hearing: Hearing
    seen: Mapping[str, np.ndarray]
    refusals: Mapping[str, Refusal]
    row: np.ndarray | None


class Predictor:
    """Answers for all targets of a kind of model; made once, used for many sounds.

    Args:
        model_dir: a saved model (`data/models/tfdf/gender/final`), or a folder with one or several targets
            (`data/models/tfdf`).

    Attributes:
        models: the saved models by target, as evaluate scores them.
        identities: which they are, by target.

    Raises:
        ModelError: there is no model, or one is damaged.
    """

    def __init__(self, model_dir: Path | str) -> None:
        folders = find_models(Path(model_dir))
        self.models: dict[str, SavedModel] = {target: saved.load(folder) for target, folder in folders.items()}
        self.identities: dict[str, ModelIdentity] = {
            target: identity_of(folders[target], model.config) for target, model in self.models.items()
        }
        settings = [model.config.feature_params for model in self.models.values() if _sees_functionals(model)]
        if any(setting != settings[0] for setting in settings):
            raise ModelError(f"{model_dir}: the models of its targets learnt from different features; name one of them")
        self._extractor = FeatureExtractor(FeaturizeParams(**(settings[0] if settings else _SETTING)))
        self._domains = {target: domain_of(model) for target, model in self.models.items()}
        self._ear = Ear()
        self._blas = ThreadpoolController()

    def __call__(self, sound: Sound, *, segments: bool = False) -> Prediction:
        """Answer on one sound.

        Args:
            sound: a path, bytes, an open file, or (samples, rate in Hz), samples (n,) or (n, channels); anything that
                libsndfile reads, at any rate.
            segments: whether to answer by stretches of time as well.

        Raises:
            DataError: it cannot be read.
        """
        return self.with_features(sound, segments=segments)[0]

    def with_features(self, sound: Sound, *, segments: bool = False) -> tuple[Prediction, np.ndarray]:
        """Answer on one sound, and say on which features; args and errors as of a call.

        Returns:
            answers, and the functionals of each stretch in which a voice is, (stretches, features) float32; of none
            where no model sees functionals.
        """
        blocks = blocks_of(sound)
        head, is_all = _head(blocks, round(LONGEST_CLIP_SECONDS * SAMPLE_RATE_HZ))
        if is_all:
            clip = self._judge([Window(0, np.concatenate(head))])
            windows = list(self._windows(iter(head))) if segments else clip
        else:
            clip = windows = list(self._windows(chain(head, blocks)))
        rows = [window.row for window in clip if window.row is not None]
        prediction = Prediction(
            clip[-1].end_seconds,
            {target: answer_of(target, clip, self.models, self.identities) for target in self.models},
            {target: segments_of(target, windows, self.models, self.identities) for target in self.models}
            if segments
            else {},
        )
        return prediction, np.array(rows, np.float32).reshape(len(rows), len(self._extractor.names))

    def shifts(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """How far a sound lies from each model's training clips: the mean of its stretches, in their deviations.

        Args:
            rows: (stretches, features), as `with_features` gives them.

        Returns:
            by target, (features,) float32; of none without stretches, and of no model that keeps no statistics.
        """
        if not len(rows):
            return {}
        mean = rows.mean(axis=0, dtype=np.float64)
        return {
            target: domain.standardised(mean).astype(np.float32)
            for target, domain in self._domains.items()
            if domain is not None
        }

    def explain(self, sound: Sound, *, most: int = 8) -> dict[str, Explanation]:
        """Which features moved each answer most, by target; nothing of a target that gets no probabilities.

        Args:
            most: how many to name.

        Raises:
            DataError: it cannot be read.
            ModelError: a model does not see features.
        """
        rows: dict[str, list[np.ndarray]] = {}
        for window in self._whole_or_cut(blocks_of(sound)):
            for target, seen in self._listen(window).seen.items():
                rows.setdefault(target, []).append(seen if _sees_functionals(self.models[target]) else np.empty(0))
        return {
            target: explain(
                target, self.models[target], self._domains[target], self._extractor.features, np.array(own), most=most
            )
            for target, own in rows.items()
        }

    def require_explainable(self) -> None:
        """Check that all models see features, as `explain` needs. Raises ModelError."""
        for target, model in self.models.items():
            require_features(target, model, self._domains[target])

    def over_time(self, sound: Sound, *, window_seconds: float, hop_seconds: float) -> LookedAt:
        """The begin of a sound, up to LONGEST_CLIP_SECONDS, looked at closely.

        Args:
            window_seconds, hop_seconds: of the windows that are answered.

        Raises:
            DataError: it cannot be read.
        """
        blocks = blocks_of(sound)
        head, _ = _head(blocks, round(LONGEST_CLIP_SECONDS * SAMPLE_RATE_HZ))
        duration_seconds = sum(map(len, chain(head, blocks))) / SAMPLE_RATE_HZ
        samples = centred(np.concatenate(head)[: round(LONGEST_CLIP_SECONDS * SAMPLE_RATE_HZ)])
        frame_length = self._extractor.params.frame_length
        samples = np.pad(samples, (0, max(0, frame_length - len(samples))))
        length, hop = round(window_seconds * SAMPLE_RATE_HZ), round(hop_seconds * SAMPLE_RATE_HZ)
        starts = range(0, max(1, len(samples) - length + hop), hop)
        windows = self._judge([Window(start, samples[start : start + length]) for start in starts])
        as_float = samples.astype(np.float32) / 32768
        occlusions = {
            target: occlude(partial(self.models[target].predict_raw, names=(front_end.name,)), front_end(as_float))
            for target, front_end in self._front_ends.items()
            if getattr(front_end, "has_bands", False) and any(target in window.stated for window in windows)
        }
        return LookedAt(samples, duration_seconds, self._extractor.analyse(as_float), windows, occlusions)

    def stream(self, sound: Sound) -> Iterator[Heard]:
        """What is heard window by window, while the sound is read; memory does not grow with its length.

        A sound up to LONGEST_CLIP_SECONDS is one window. What a call answers is summed up from these.
        """
        return self._heard(self._whole_or_cut(blocks_of(sound)))

    def _whole_or_cut(self, blocks: Iterator[np.ndarray]) -> Iterator[Window]:
        """A clip as it is, a longer sound in windows."""
        head, is_all = _head(blocks, round(LONGEST_CLIP_SECONDS * SAMPLE_RATE_HZ))
        if is_all:
            return iter([Window(0, np.concatenate(head))])
        return cut(chain(head, blocks), round(WINDOW_SECONDS * SAMPLE_RATE_HZ))

    def _windows(self, blocks: Iterator[np.ndarray]) -> Iterator[Heard]:
        return self._heard(cut(blocks, round(WINDOW_SECONDS * SAMPLE_RATE_HZ)))

    def _heard(self, windows: Iterator[Window]) -> Iterator[Heard]:
        while some := list(islice(windows, _WINDOWS_AT_A_TIME)):
            yield from self._judge(some)

    def _judge(self, windows: Sequence[Window]) -> list[Heard]:
        """What is heard in some stretches, and what the models state of those in which a voice is."""
        # Several threads of BLAS would sum in another order: the same numbers on any number of cores.
        with self._blas.limit(limits=1, user_api="blas"):
            listened = [self._listen(window) for window in windows]
            stated = {target: self._ask(target, [one.seen.get(target) for one in listened]) for target in self.models}
        return [
            Heard(
                window.start / SAMPLE_RATE_HZ,
                window.end / SAMPLE_RATE_HZ,
                one.hearing,
                {target: own[place] for target, own in stated.items() if own[place] is not None},
                one.refusals,
                one.row,
            )
            for place, (window, one) in enumerate(zip(windows, listened, strict=True))
        ]

    def _listen(self, window: Window) -> _Listened:
        """What is heard in a stretch, and what the models see of it: of what is left when it is tidied."""
        seconds = len(window.samples) / SAMPLE_RATE_HZ
        samples = tidied(window.samples)
        if len(samples) < self._extractor.params.frame_length:
            return _Listened(Hearing(seconds, 0.0, 0.0, None, Refusal.TOO_SHORT), {}, {}, None)
        samples = samples.astype(np.float32) / 32768
        analysis = self._extractor.analyse(samples)
        hearing = replace(self._ear.hear(analysis), seconds=seconds)
        if hearing.refusal:
            return _Listened(hearing, {}, {}, None)
        row, refusals = None, {}
        seen = {target: front_end(samples) for target, front_end in self._front_ends.items()}
        if len(seen) < len(self.models):
            row = self._functionals(analysis)
            for target in [target for target in self.models if target not in seen]:
                domain = self._domains[target]
                refusal = domain.refusal(row, len(samples) / SAMPLE_RATE_HZ) if domain else None
                if refusal:
                    refusals[target] = refusal
                else:
                    seen[target] = row
        return _Listened(hearing, seen, refusals, row)

    def _ask(self, target: str, seen: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
        """Raw probabilities, (classes,), of each stretch of which the model sees anything."""
        model = self.models[target]
        places = [place for place, one in enumerate(seen) if one is not None]
        stated: list[np.ndarray | None] = [None] * len(seen)
        if places:
            chosen = [seen[place] for place in places]
            # All at a time: trees take longer to be asked than to answer.
            if _sees_functionals(model):
                raw = model.predict_raw(np.stack(chosen), names=self._extractor.names)
            else:
                raw = model.predict_raw(chosen, names=model.config.feature_names)
            for place, own in zip(places, raw, strict=True):
                stated[place] = own
        return stated

    def _functionals(self, analysis: Analysis) -> np.ndarray:
        """(features,) float32, as the extractor makes them."""
        return np.concatenate([family.compute(analysis) for family in self._extractor.families]).astype(np.float32)

    @cached_property
    def _front_ends(self) -> dict[str, Any]:
        """What makes the input of each net, by target."""
        return {
            target: import_module(f"voicetraits.front_ends.{model.config.feature_names[0]}").FrontEnd(
                **model.config.feature_params
            )
            for target, model in self.models.items()
            if not _sees_functionals(model)
        }


def _sees_functionals(model: SavedModel) -> bool:
    return model.config.runtime is None


def _head(blocks: Iterator[np.ndarray], length: int) -> tuple[list[np.ndarray], bool]:
    """The first blocks, up to more than `length` samples, and whether these are all."""
    head, count = [], 0
    for block in blocks:
        head.append(block)
        count += len(block)
        if count > length:
            return head, False
    return head, True
