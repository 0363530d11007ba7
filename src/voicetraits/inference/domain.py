"""How far a clip lies from all that a model learnt from, by what the saved model itself keeps of its training clips."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voicetraits.models.saved import Config
from voicetraits.native_output import held_back

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

    def is_far(self, row: np.ndarray) -> bool:
        """Whether a clip, (features,), lies outside. About one clip in a hundred of test speakers does."""
        distance = np.abs(row - self.mean) / self.scale
        return any((distance > deviations).mean() > share for deviations, share in _FAR)


def domain_of(folder: Path, config: Config) -> Domain | None:
    """What a saved model keeps: softmax its scaling, trees their data's statistics; nets nothing, so None."""
    if config.model == "softmax":
        with open(folder / "scaling.csv", encoding="utf-8") as file:
            table = np.genfromtxt(file, delimiter=",", skip_header=1, usecols=(1, 2))  # feature, mean, scale
        return Domain(table[:, 0], table[:, 1])
    if config.model == "tfdf":
        import ydf

        with held_back():
            columns = ydf.load_model(str(folder / "forest")).data_spec().columns
        kept = {column.name: column.numerical for column in columns}
        scale = np.array([kept[name].standard_deviation for name in config.feature_names])
        return Domain(np.array([kept[name].mean for name in config.feature_names]), np.where(scale > 0, scale, 1.0))
    return None
