"""What a net's own module, `models/<net>.py`, offers to the trainer: its params, front end and layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from voicetraits.front_ends.front_end import FrontEnd

if TYPE_CHECKING:
    import keras

#: Names of a net's inputs. `mask` is there where time is ragged: 1 for a frame, 0 for padding behind the clip's end.
CLIP, MASK = "clip", "mask"
#: A `BatchNormalization(name=STANDARDISE, center=False, scale=False, trainable=False)` gets its mean and variance from
#: the training clips before training starts. (Not `Normalization`: ONNX export makes inputs of its constants.)
STANDARDISE = "standardise"


@dataclass(frozen=True)
class Phase:
    """A part of training, for nets that do not learn all layers from the first epoch on.

    Attributes:
        epochs: how many.
        lr_factor: by which the learning rate is multiplied.
        trainable: names of the layers that learn; None for all.
    """

    epochs: int
    lr_factor: float = 1.0
    trainable: Sequence[str] | None = None


class NetModule(Protocol):
    """A net: one small module with `Params` (made by `section`), and these functions.

    `net.<net>` of params.yaml holds the keys of `Params`, and any keys of `net.common` that this net has otherwise.

    Two more functions are optional. `phases(params) -> Sequence[Phase]` says how training goes in parts;
    `net.common.epochs` then does not count. `initialise(model, params) -> None` sets other weights than random ones
    before training.
    """

    Params: type

    def front_end(self, params: Any) -> FrontEnd:
        """What the net sees of a clip."""

    def build(self, params: Any, shape: tuple[int | None, ...], classes: int) -> "keras.Model":
        """The layers, with random weights: a functional model, all its layers named.

        It has built-in layers and keras.ops only, so that its architecture restores it without this module.

        Args:
            shape: of the front end. With time ragged, (None, …), a net has the inputs `clip` (time, …) and `mask`
                (time,); if its input `clip` has no time, (…), each row of the clip is an example of its own in
                training, and a clip's probability is the mean over its rows. With a fixed shape there is the input
                `clip` alone.

        Returns:
            probabilities (classes,) of a clip; they do not change with the padding that `mask` tells.
        """
