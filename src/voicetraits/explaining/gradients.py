"""Where a net looks: Grad-CAM and integrated gradients on its time-frequency input.

Both explain the score of a class, its centred logit: the log of its probability less the mean of the logs of all.
"""

import os

import numpy as np

from voicetraits.errors import ModelError
from voicetraits.native_output import held_back

os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's own keras.json says
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # notes on CUDA that nobody need act on
with held_back():
    import keras
    import tensorflow as tf

#: Names of a net's inputs; a net whose clips differ in length has both. In the mask 1 is a frame, 0 is padding.
_CLIP, _MASK = "clip", "mask"


def probabilities(model: keras.Model, clips: np.ndarray) -> np.ndarray:
    """Clips of one length, (n, …) -> (n, classes)."""
    return model(_inputs(model, tf.convert_to_tensor(clips)), training=False).numpy()


def scores(model: keras.Model, clips: np.ndarray, label: int) -> np.ndarray:
    """Centred logit of a class, (n, frames, bands) -> (n,)."""
    return centred_logit(probabilities(model, clips), label)


def centred_logit(probabilities: np.ndarray, label: int) -> np.ndarray:
    """Of a class, (n, classes) -> (n,)."""
    return _score(tf.convert_to_tensor(probabilities), label).numpy()


class GradCam:
    """Grad-CAM (Selvaraju et al. 2017) at the last layer that still has time, and bands if any layer has them.

    The channels of that layer, weighted by the mean gradient of the class's score, summed, negative ones cut off, and
    stretched to the size of the clip.

    Attributes:
        layer: the layer's name.
    """

    def __init__(self, model: keras.Model) -> None:
        layer = last_layer_with_time(model)
        self.layer = layer.name
        self._both = keras.Model(model.inputs, [layer.output, model.output])

    def __call__(self, clip: np.ndarray, label: int) -> np.ndarray:
        """Heat of each cell, not negative; the same in all bands where the layer has none.

        Args:
            clip: (frames, bands) float32.
            label: index of the class.

        Returns:
            (frames, bands).
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            clips = tf.convert_to_tensor(clip[None])
            tape.watch(clips)
            activations, probabilities = self._both(_inputs(self._both, clips), training=False)
            score = _score(probabilities, label)
        gradients = tape.gradient(score, activations)
        axes = list(range(1, len(activations.shape) - 1))
        channel_weights = tf.reduce_mean(gradients, axis=axes, keepdims=True)
        seen = tf.nn.relu(tf.reduce_sum(channel_weights * activations, axis=-1))  # (1, time) or (1, time, bands)
        image = seen[..., None] if len(axes) == 2 else seen[..., None, None]
        return tf.image.resize(image, clip.shape).numpy()[0, :, :, 0]


def integrated_gradients(
    model: keras.Model, clip: np.ndarray, label: int, *, baseline: np.ndarray, steps: int
) -> np.ndarray:
    """Integrated gradients (Sundararajan et al. 2017): the path from `baseline` to the clip, by the midpoint rule.

    Args:
        clip: (frames, bands) float32.
        label: index of the class.
        baseline: (bands,) level of each band where there is nothing to see.
        steps: points on the path.

    Returns:
        (frames, bands), what each cell adds; the sum is the clip's score less that of the baseline, but for the error
        of the rule.
    """
    step = ((np.arange(steps) + 0.5) / steps).astype(np.float32)[:, None, None]
    path = tf.convert_to_tensor(baseline + step * (clip - baseline), tf.float32)  # (steps, frames, bands)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(path)
        score = _score(model(_inputs(model, path), training=False), label)
    return (clip - baseline) * tape.gradient(score, path).numpy().mean(axis=0)


def last_layer_with_time(model: keras.Model) -> keras.Layer:
    """The last layer with axes for time and bands, else for time, through which everything from the clip passes.

    A layer beside the main path, such as one that scores frames for a pooling, does not count.

    Raises:
        ModelError: there is none.
    """
    inputs, output = _clip_input(model), model.outputs[0]
    for axes in (4, 3):  # batch, time, bands, channels; batch, time, channels
        for layer in reversed(model.layers):
            if isinstance(layer, keras.layers.InputLayer) or not isinstance(layer.output, keras.KerasTensor):
                continue
            if len(layer.output.shape) == axes and not _reaches(output, inputs, without=layer):
                return layer
    raise ModelError(f"the net {model.name!r} has no layer with a time axis, so there is nothing to show over time")


def _reaches(tensor: keras.KerasTensor, source: keras.KerasTensor, *, without: keras.Layer) -> bool:
    """Whether a path leads back from `tensor` to `source` that does not pass through the layer `without`."""
    waiting, seen = [tensor], set()
    while waiting:
        operation = waiting.pop()._keras_history.operation
        if operation is without or operation in seen:
            continue
        seen.add(operation)
        if operation is source._keras_history.operation:
            return True
        if not isinstance(operation, keras.layers.InputLayer):
            waiting += keras.tree.flatten(operation.input)
    return False


def _clip_input(model: keras.Model) -> keras.KerasTensor:
    return next((one for one in model.inputs if one.name == _CLIP), model.inputs[0])


def _inputs(model: keras.Model, clips: tf.Tensor) -> tf.Tensor | dict[str, tf.Tensor]:
    """What the net takes for whole clips of one length."""
    if len(model.inputs) == 1:
        return clips
    mask = next(one for one in model.inputs if one.name == _MASK)
    return {_CLIP: clips, _MASK: tf.ones(tf.shape(clips)[:2], mask.dtype)}


def _score(probabilities: tf.Tensor, label: int) -> tf.Tensor:
    # The smallest positive number of float32: a probability of 0 has no logarithm.
    logs = tf.math.log(tf.maximum(probabilities, 1e-37))
    return logs[:, label] - tf.reduce_mean(logs, axis=1)
