"""What a saved model wants to see of the clips."""

from pathlib import Path

from voicetraits.features.table import FeatureTable
from voicetraits.models.saved import Config
from voicetraits.net_inputs import NetInputs, front_end_of, prepare
from voicetraits.parallel import Workers
from voicetraits.store import Store


def inputs_of(
    config: Config, *, features: FeatureTable, audio: Path, store: Store, workers: Workers | int | None
) -> FeatureTable | NetInputs:
    """The functionals; for a net, what its front end makes of the audio, with the settings that are saved with it."""
    if config.runtime is None:
        return features
    (front_end,) = config.feature_names
    return prepare(audio, front_end_of(front_end, config.feature_params), store=store, workers=workers)
