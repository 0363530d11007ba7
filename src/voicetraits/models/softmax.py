"""Softmax (multinomial logistic) regression on standardised features.

    features (n, f) -> standardise, clip to ±5 -> dense (f, c), L2 -> softmax -> probabilities (n, c)

Adam on the mean cross-entropy, early stopping on the validation speakers, best weights kept. f · c + c parameters.
What was learnt predicts as a matrix product, in softmax_runtime.py, which loads it as well.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.metrics import recall_score

from voicetraits.errors import Diverged
from voicetraits.files import write_csv
from voicetraits.models import softmax_runtime
from voicetraits.models.rows import Balance, Rows, balance_train, balance_validation
from voicetraits.models.saved import Log
from voicetraits.native_output import held_back
from voicetraits.params import Count, section

os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's own keras.json says
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # notes on CUDA that nobody need act on
with held_back():
    import keras
    import tensorflow as tf


@section
class Params:
    """The section `train` of params.yaml."""

    lr: Annotated[float, Field(gt=0)]
    epochs: Count
    batch_size: Count
    l2: Annotated[float, Field(ge=0)]
    patience: Count
    balance: Balance


class Model:
    """Softmax regression: see the module."""

    versions = ("keras", "numpy", "tensorflow")
    curves = ("loss/train", "loss/val", "uar/train", "uar/val")

    def __init__(self, *, classes: int, feature_names: Sequence[str]) -> None:
        self._classes = classes
        self._feature_names = tuple(feature_names)
        self._network = _network(len(feature_names), classes)
        self._learnt: softmax_runtime.Model | None = None

    def fit(self, train: Rows, validation: Rows, *, params: Params, seed: int, log: Log) -> None:
        """Learn; logs loss and UAR of both sides after each epoch.

        Raises:
            Diverged: the loss is no number any more.
        """
        _make_deterministic(seed)
        mean = train.features.mean(axis=0, dtype=np.float64)
        scale = train.features.std(axis=0, dtype=np.float64)
        scale = np.where(scale > 0, scale, 1.0)
        network = _network(len(self._feature_names), self._classes, params.l2)
        train = balance_train(train, params.balance, np.random.default_rng(seed))
        validation = balance_validation(validation, params.balance)
        network.compile(keras.optimizers.Adam(params.lr), "sparse_categorical_crossentropy")
        stop = keras.callbacks.EarlyStopping("val_loss", patience=params.patience, restore_best_weights=True)
        x, x_val = (softmax_runtime.standardise(side.features, mean, scale) for side in (train, validation))
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
        weights, bias = network.get_weights()
        self._learnt = softmax_runtime.Model(weights=weights, bias=bias, mean=mean, scale=scale)

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 -> (n, classes) float64."""
        return self._learnt.predict_proba(features)

    def importances(self) -> np.ndarray:
        """Mean absolute weight of each standardised feature over the classes, (features,)."""
        return self._learnt.importances()

    def save(self, folder: Path) -> None:
        """Write the weights and the scaling."""
        self._network.save_weights(folder / softmax_runtime.WEIGHTS)
        mean, scale = self._learnt.training_statistics()
        scaling = pd.DataFrame({"feature": self._feature_names, "mean": mean, "scale": scale})
        write_csv(scaling, folder / softmax_runtime.SCALING)


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
            raise Diverged("params.yaml: `train.lr` or `train.l2` is too large: the loss grew beyond all numbers")
        for side, (x, labels) in self._sides.items():
            predicted = self.model(x).numpy().argmax(axis=1)
            # Over the classes that occur: a small validation side may lack one.
            figures[f"uar/{side}"] = recall_score(labels, predicted, labels=np.unique(labels), average="macro")
        self._log(epoch, figures)
