"""A trained net with its layers and weights, as Keras has it: for what ONNX Runtime cannot do, such as gradients."""

from pathlib import Path

import keras

from voicetraits.errors import ModelError

ARCHITECTURE, WEIGHTS = "architecture.json", "net.weights.h5"


def restore_net(folder: Path) -> keras.Model:
    """The net in a model's folder, from its architecture and weights alone, without the module that built it.

    Raises:
        ModelError: it cannot be restored.
    """
    try:
        model = keras.models.model_from_json((folder / ARCHITECTURE).read_text(encoding="utf-8"))
        model.load_weights(folder / WEIGHTS)
    # Damage shows in many ways: AttributeError and TypeError are those of JSON that holds something else.
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"the net in {folder} cannot be restored: {reason}; make it again with `dvc repro`") from None
    return model


def is_net(folder: Path) -> bool:
    """Whether a model's folder holds a net."""
    return (folder / ARCHITECTURE).exists()
