"""How far a clip lies from all that a model learnt from, by what the saved model itself keeps of its training clips."""

from dataclasses import dataclass

import numpy as np

from voicetraits.models.saved import Classifier

#: Features that lie so many deviations from the mean are far off; a clip with more than this share of them is.
_FAR = ((3.0, 0.135), (4.0, 0.08))


@dataclass(frozen=True)
class Domain:
    """Mean and deviation of each feature over the training clips.

    Attributes:
        mean, scale: (features,); a scale of 1 where a feature never varied.
    """

    mean: np.ndarray
    scale: np.ndarray

    def standardised(self, row: np.ndarray) -> np.ndarray:
        """How far a clip, (features,), lies from the mean of each feature, in deviations; (features,)."""
        return (row - self.mean) / self.scale

    def is_far(self, row: np.ndarray) -> bool:
        """Whether a clip, (features,), lies outside.

        Of the demo, 0.4 % of the clips of validation speakers do, and 1 % of those of test speakers. The bounds were
        settled with all of them in sight, so what other corpora show (`bench.refusals`) counts more.
        """
        distance = np.abs(self.standardised(row))
        return any((distance > deviations).mean() > share for deviations, share in _FAR)


def domain_of(classifier: Classifier) -> Domain | None:
    """What a loaded model keeps: softmax its scaling, trees their data's statistics; nets nothing, so None."""
    if not hasattr(classifier, "training_statistics"):
        return None
    mean, deviation = classifier.training_statistics()
    return Domain(mean, np.where(deviation > 0, deviation, 1.0))
