"""Softmax (multinomial logistic) regression on standardised features.

    features (n, f) -> standardise, clip to ±5 -> dense (f, c), L2 -> softmax -> probabilities (n, c)

Adam on the mean cross-entropy, early stopping on the validation speakers, best weights kept. f · c + c parameters.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.metrics import recall_score

from voicetraits.errors import ParameterError
from voicetraits.files import write_csv
from voicetraits.models.rows import Balance, Rows, balance_train, balance_validation
from voicetraits.models.saved import Log
from voicetraits.native_output import held_back
from voicetraits.params import section

os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's own keras.json says
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # notes on CUDA that nobody need act on
with held_back():
    import keras
    import tensorflow as tf

_WEIGHTS, _SCALING = "softmax.weights.h5", "scaling.csv"
#: Standardised features beyond this are outliers; unclipped, a single one can decide a clip.
_CLIP = 5.0


@section
class Params:
    """The section `train` of params.yaml."""

    lr: Annotated[float, Field(gt=0)]
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    l2: Annotated[float, Field(ge=0)]
    patience: Annotated[int, Field(ge=1)]
    balance: Balance


class Model:
    """Softmax regression: see the module."""

    versions = ("keras", "numpy", "tensorflow")
    curves = ("loss/train", "loss/val", "uar/train", "uar/val")

    def __init__(self, *, classes: int, feature_names: Sequence[str]) -> None:
        self._classes = classes
        self._feature_names = tuple(feature_names)
        self._network = _network(len(feature_names), classes)
        self._mean = np.zeros(len(feature_names))
        self._scale = np.ones(len(feature_names))

    def fit(self, train: Rows, validation: Rows, *, params: Params, seed: int, log: Log) -> None:
        """Learn; logs loss and UAR of both sides after each epoch."""
        _make_deterministic(seed)
        self._mean = train.features.mean(axis=0, dtype=np.float64)
        scale = train.features.std(axis=0, dtype=np.float64)
        self._scale = np.where(scale > 0, scale, 1.0)
        network = _network(len(self._feature_names), self._classes, params.l2)
        train = balance_train(train, params.balance, np.random.default_rng(seed))
        validation = balance_validation(validation, params.balance)
        network.compile(keras.optimizers.Adam(params.lr), "sparse_categorical_crossentropy")
        stop = keras.callbacks.EarlyStopping("val_loss", patience=params.patience, restore_best_weights=True)
        x, x_val = self._standardise(train.features), self._standardise(validation.features)
        network.fit(
            x,
            train.labels,
            sample_weight=train.weights,
            validation_data=(x_val, validation.labels, validation.weights),
            epochs=params.epochs,
            batch_size=params.batch_size,
            callbacks=[stop, _Logger(log, {"train": (x, train.labels), "val": (x_val, validation.labels)})],
            verbose=0,
        )
        # Ours has no optimizer, whose state would be saved with the weights.
        self._network.set_weights(network.get_weights())

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 -> (n, classes) float64."""
        probabilities = self._network(self._standardise(features)).numpy().astype(np.float64)
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def importances(self) -> np.ndarray:
        """Mean absolute weight of each standardised feature over the classes, (features,)."""
        return np.abs(self._network.get_weights()[0]).mean(axis=1)

    def contributions(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each feature adds to the centred logits: weight × standardised value, which is 0 for the mean clip.

        Returns:
            contributions (n, features, classes) and the base (classes,), the logits of the mean clip: exact.
        """
        weights, bias = (values.astype(np.float64) for values in self._network.get_weights())
        weights, bias = weights - weights.mean(axis=1, keepdims=True), bias - bias.mean()
        return self._standardise(features)[:, :, None] * weights, bias

    def save(self, folder: Path) -> None:
        """Write the weights and the scaling."""
        self._network.save_weights(folder / _WEIGHTS)
        scaling = pd.DataFrame({"feature": self._feature_names, "mean": self._mean, "scale": self._scale})
        write_csv(scaling, folder / _SCALING)

    @classmethod
    def load(cls, folder: Path, *, classes: int, feature_names: Sequence[str]) -> Self:
        """Read what `save` wrote."""
        scaling = pd.read_csv(folder / _SCALING)
        if tuple(scaling["feature"]) != tuple(feature_names):
            raise ValueError(f"{_SCALING} names other features than config.yaml")
        model = cls(classes=classes, feature_names=feature_names)
        model._network.load_weights(folder / _WEIGHTS)
        model._mean, model._scale = scaling["mean"].to_numpy(), scaling["scale"].to_numpy()
        return model

    def _standardise(self, features: np.ndarray) -> np.ndarray:
        return np.clip((features - self._mean) / self._scale, -_CLIP, _CLIP).astype(np.float32)


def _network(features: int, classes: int, l2: float = 0.0) -> keras.Model:
    dense = keras.layers.Dense(
        classes, activation="softmax", kernel_regularizer=keras.regularizers.L2(l2), name="softmax"
    )
    # Named, since the name goes into the saved file, and by itself it would count the networks made before.
    return keras.Sequential([keras.Input((features,)), dense], name="softmax_regression")


def _make_deterministic(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


class _Logger(keras.callbacks.Callback):
    """Hands loss and UAR of both sides to `log` after each epoch."""

    def __init__(self, log: Log, sides: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        super().__init__()
        self._log, self._sides = log, sides

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = {"loss/train": logs["loss"], "loss/val": logs["val_loss"]}
        if not np.isfinite(list(figures.values())).all():
            raise ParameterError("params.yaml: `train.lr` or `train.l2` is too large: the loss grew beyond all numbers")
        for side, (x, labels) in self._sides.items():
            predicted = self.model(x).numpy().argmax(axis=1)
            # Over the classes that occur: a small validation side may lack one.
            figures[f"uar/{side}"] = recall_score(labels, predicted, labels=np.unique(labels), average="macro")
        self._log(epoch, figures)
