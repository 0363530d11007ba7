"""Layers that several nets share; all built in and named, so that a saved architecture needs none of these files."""

import keras

from voicetraits.models.net_module import CLIP, STANDARDISE

#: Share of the old value that the moving mean and variance keep at a step: a training of few clips has few steps.
MOMENTUM = 0.9


def clip_input(shape: tuple[int | None, ...]) -> keras.KerasTensor:
    """The input of a net: what the front end makes of a clip."""
    return keras.Input(shape, name=CLIP)


def standardise() -> keras.layers.Layer:
    """Subtracts the mean and divides by the deviation of each column over the training clips."""
    return keras.layers.BatchNormalization(center=False, scale=False, trainable=False, name=STANDARDISE)


def class_probabilities(x: keras.KerasTensor, classes: int, *, sigmoid: bool = False) -> keras.KerasTensor:
    """The last dense layer: (features,) → (classes,) by softmax; with `sigmoid` (1,), as some originals end."""
    if sigmoid:
        return keras.layers.Dense(1, activation="sigmoid", name="sigmoid")(x)
    return keras.layers.Dense(classes, activation="softmax", name="softmax")(x)


def convolution(filters: int, kernel: tuple[int, int], name: str, **others: object) -> keras.layers.Layer:
    """A convolution over an image, then the rectifier."""
    return keras.layers.Conv2D(filters, kernel, activation="relu", name=name, **others)


def batch_norm(name: str, **others: object) -> keras.layers.Layer:
    """Batch normalisation with moving means that follow quickly."""
    return keras.layers.BatchNormalization(momentum=MOMENTUM, name=name, **others)
