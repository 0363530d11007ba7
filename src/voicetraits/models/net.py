"""Any net: its own module (see net_module.py) says what it is, `net.common` how it is trained.

Adam or SGD on the cross-entropy, a learning rate for each epoch, early stopping on the validation speakers with the
best weights kept, or all epochs with the last ones. A checkpoint after each epoch: a training that was killed goes on
from there, and ends in the same bytes as an undisturbed one. What is saved is the architecture, the weights, and the
net as ONNX, which is what predicts.
"""

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from voicetraits.code import key_of
from voicetraits.errors import ModelError
from voicetraits.models import net_runtime
from voicetraits.models.batches import Batches
from voicetraits.models.checkpoints import Checkpoints
from voicetraits.models.net_module import STANDARDISE, NetModule, Phase
from voicetraits.models.net_params import NetParams, Training
from voicetraits.models.net_training import Predictor, keras, tf, train
from voicetraits.models.onnx_file import onnx_bytes
from voicetraits.models.restoring import ARCHITECTURE, WEIGHTS
from voicetraits.models.rows import Rows, balance_train, balance_validation
from voicetraits.models.saved import Log
from voicetraits.net_inputs import Clips, NetInputs

#: Largest difference between what Keras and ONNX Runtime say, and how many clips they are asked about.
_TOLERANCE, _COMPARED = 1e-4, 8


class Net:
    """A net of any kind; see `Classifier`.

    Args:
        name: of its module under models/.
        inputs: what its front end made.
        checkpoints: where training leaves and finds its state.
    """

    runtime = "net_runtime"
    versions = ("keras", "numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx")
    curves = ("loss/train", "loss/val", "uar/train", "uar/val")

    def __init__(
        self, *, classes: int, feature_names: Sequence[str], name: str, inputs: NetInputs, checkpoints: Checkpoints
    ) -> None:
        self._classes, self._name, self._inputs, self._checkpoints = classes, name, inputs, checkpoints
        self._module = import_module(f"voicetraits.models.{name}")
        self._model: keras.Model | None = None
        self._onnx = b""
        self._runtime: net_runtime.Model | None = None

    def fit(self, train_rows: Rows, validation: Rows, *, params: NetParams, seed: int, log: Log) -> None:
        """Learn; logs loss and UAR of both sides after each epoch.

        Raises:
            Diverged: the loss is no number any more.
            ModelError: ONNX Runtime does not say what Keras says.
        """
        training, front_end = params.training, self._inputs.front_end
        train_rows = balance_train(train_rows, training.balance, np.random.default_rng(seed))
        validation = balance_validation(validation, training.balance)
        key = key_of(
            [self._name, asdict(params), seed, self._inputs.digest, _digest(train_rows), _digest(validation)],
            modules=[__name__, self._module.__name__],
            versions=self.versions,
        )
        phases = phases_of(self._module, params)
        _forget_models(seed)
        strategy = _strategy()
        with strategy.scope():
            model = self._build(params.net)
            _standardise(model, train_rows.features)
            getattr(self._module, "initialise", lambda *_: None)(model, params.net)
            # Without an axis for time, rows are examples.
            by_row = len(model.inputs[0].shape) == len(front_end.shape)
            train_batches, validation_batches = (
                Batches(rows, front_end, training.batch_size, by_row, strategy.num_replicas_in_sync)
                for rows in (train_rows, validation)
            )
            weights = train(
                model,
                train_batches,
                validation_batches,
                phases,
                params=params,
                seed=seed,
                log=log,
                checkpoints=self._checkpoints,
                key=key,
            )
        # A new one: without an optimizer, and without what training has counted.
        _forget_models(seed)
        self._model = self._build(params.net)
        self._model.set_weights(weights)
        self._onnx = onnx_bytes(self._model)
        self._runtime = net_runtime.Model(self._onnx)
        some = Rows(validation.features[:_COMPARED], validation.labels[:_COMPARED], validation.weights[:_COMPARED])
        self._compare(Batches(some, front_end, training.batch_size, by_row))

    def predict_proba(self, features: Clips) -> np.ndarray:
        """Clips -> (n, classes) float64."""
        return self._runtime.predict_proba(features)

    def save(self, folder: Path) -> None:
        """Write architecture, weights and ONNX."""
        (folder / ARCHITECTURE).write_text(self._model.to_json(indent=1), encoding="utf-8")
        self._model.save_weights(folder / WEIGHTS)
        (folder / net_runtime.NET).write_bytes(self._onnx)

    def _build(self, params: Any) -> keras.Model:
        return self._module.build(params, self._inputs.front_end.shape, self._classes)

    def _compare(self, batches: Batches) -> None:
        """Ask Keras, which gets padded batches, and ONNX Runtime, which gets clip by clip."""
        difference = np.abs(Predictor(self._model)(batches) - self.predict_proba(batches.rows.features)).max()
        if not difference <= _TOLERANCE:
            raise ModelError(
                f"{self._name} says as ONNX something else than in Keras (largest difference {difference:.2g}, "
                f"allowed: {_TOLERANCE:g}): ONNX does a layer otherwise, or what it says changes with padding"
            )


def phases_of(module: NetModule, params: NetParams) -> Sequence[Phase]:
    """How a net is trained, in parts: as its module says, else all layers for `epochs`."""
    return getattr(module, "phases", lambda _: [Phase(params.training.epochs)])(params.net)


def start_tensorflow(training: Training) -> None:
    """Set threads and GPUs, which TensorFlow takes only before its first operation.

    The number of threads decides how sums are cut, so that the same bytes come out on any number of cores.
    """
    tf.config.threading.set_intra_op_parallelism_threads(training.threads)
    tf.config.threading.set_inter_op_parallelism_threads(training.threads)
    if not training.gpu:
        tf.config.set_visible_devices([], "GPU")


def _forget_models(seed: int) -> None:
    """Let the next model be the same as in a new process: its weights, and the numbers of operations without names.

    Not within a strategy's scope, which would be forgotten as well.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def _strategy() -> tf.distribute.Strategy:
    """All GPUs that TensorFlow may see, each with a part of each batch; without any, the processor."""
    if len(tf.config.get_visible_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def _standardise(model: keras.Model, clips: Clips) -> None:
    """Give the layer that standardises inputs, if there is one, mean and variance of these clips."""
    layer = next((layer for layer in model.layers if layer.name == STANDARDISE), None)
    if layer is None:
        return
    size = layer.moving_mean.shape[0]
    count, total, squares = 0, np.zeros(size), np.zeros(size)
    for clip in clips:
        values = clip.reshape(-1, size).astype(np.float64)
        count, total, squares = count + len(values), total + values.sum(axis=0), squares + np.square(values).sum(axis=0)
    mean = total / count
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(np.maximum(squares / count - np.square(mean), 0))


def _digest(rows: Rows) -> str:
    digest = sha256()
    for values in (rows.features.places, rows.labels, rows.weights):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
