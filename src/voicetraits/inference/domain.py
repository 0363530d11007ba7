"""How far a clip lies from all that a model learnt from, by what the saved model itself keeps of its training clips."""

from dataclasses import dataclass

import numpy as np

from voicetraits.inference.answers import Refusal
from voicetraits.models.saved import SavedModel, level_range_db

#: Features that lie so many deviations from the mean are far off; a clip with more than this share of them is.
_FAR = ((3.0, 0.135), (4.0, 0.08))
#: So much less level range than nearly all training clips have, in dB, is more noise than the model has heard: their
#: noise would have to be twice as loud.
_NOISIER_DB = 6.0
#: A shorter stretch may hold no pause, in which noise would show.
_PAUSE_SECONDS = 2.0


@dataclass(frozen=True)
class Domain:
    """Mean and deviation of each feature over the training clips.

    Attributes:
        mean, scale: (features,); a scale of 1 where a feature never varied.
        names: of the features.
        level_range_db: what nearly all training clips have at least, see `models.saved.level_range_db`; None where the
            model does not say.
    """

    mean: np.ndarray
    scale: np.ndarray
    names: tuple[str, ...]
    level_range_db: float | None

    def standardised(self, row: np.ndarray) -> np.ndarray:
        """How far a clip, (features,), lies from the mean of each feature, in deviations; (features,)."""
        return (row - self.mean) / self.scale

    def refusal(self, row: np.ndarray, seconds: float) -> Refusal | None:
        """Why the model should not be asked of a clip, (features,), that lasts so many seconds; None where it should.

        Of the demo, 0.4 % of the clips of validation speakers lie outside, and 1 % of those of test speakers. These
        bounds were settled with all of them in sight, so what other corpora show (`bench.refusals`) counts more.
        """
        if seconds >= _PAUSE_SECONDS and self._is_noisier(row):
            return Refusal.TOO_NOISY
        distance = np.abs(self.standardised(row))
        is_far = any((distance > deviations).mean() > share for deviations, share in _FAR)
        return Refusal.OUT_OF_DOMAIN if is_far else None

    def _is_noisier(self, row: np.ndarray) -> bool:
        ranges_db = level_range_db(row[None], self.names)
        if ranges_db is None or self.level_range_db is None:
            return False
        return bool(ranges_db[0] < self.level_range_db - _NOISIER_DB)


def domain_of(model: SavedModel) -> Domain | None:
    """What a loaded model keeps: softmax its scaling, trees their data's statistics; nets nothing, so None."""
    if not hasattr(model.classifier, "training_statistics"):
        return None
    mean, deviation = model.classifier.training_statistics()
    scale = np.where(deviation > 0, deviation, 1.0)
    return Domain(mean, scale, model.config.feature_names, model.config.level_range_db)
