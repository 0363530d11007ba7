"""The training loop of nets: epochs of Keras, between which everything that counts is in `Progress`."""

import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sklearn.metrics import recall_score
from tqdm import tqdm

from voicetraits.errors import Diverged
from voicetraits.models.batches import Batches
from voicetraits.models.checkpoints import Checkpoints
from voicetraits.models.net_module import Phase
from voicetraits.models.net_params import NetParams, Training
from voicetraits.models.net_progress import Progress
from voicetraits.models.saved import Log
from voicetraits.models.schedules import learning_rate
from voicetraits.native_output import held_back

os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the user's own keras.json says
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # notes on CUDA that nobody need act on
with held_back():
    import keras
    import tensorflow as tf

_MOMENTUM = 0.9


def train(
    model: keras.Model,
    train_batches: Batches,
    validation_batches: Batches,
    phases: Sequence[Phase],
    *,
    params: NetParams,
    seed: int,
    log: Log,
    checkpoints: Checkpoints,
    key: str,
) -> Sequence[np.ndarray]:
    """Train a model; the weights of the epoch with the least validation loss, without `patience` of the last.

    Args:
        model: built under the strategy that is in scope.
        log: gets loss and UAR of both sides after each epoch; those of the training side are of the batches as they
            were learnt from, augmented, before each step.
        key: of the checkpoint, which stands for all that decides what comes out.

    Raises:
        Diverged: the loss is no number any more.
    """
    training, classes = params.training, model.output_shape[-1]
    can_learn = {layer.name for layer in model.layers if layer.trainable}
    progress = Progress.read(checkpoints, key)
    for epoch, figures in enumerate(progress.figures):
        log(epoch, figures)
    _assign(model.variables, progress.variables)
    current, predictor = None, Predictor(model)
    epochs = sum(phase.epochs for phase in phases)
    with tqdm(total=epochs, initial=progress.epoch, desc=model.name, unit="epoch", disable=None) as bar:
        while not progress.has_ended(phases, training.patience):
            number, first = progress.phase(phases)
            phase, epoch = phases[number], progress.epoch
            if epoch == first:
                progress.begin_phase()
            if number != current:
                _compile(model, phase, can_learn, training)
                _assign(model.optimizer.variables, progress.optimizer if epoch > first else ())
                current = number
            rate = learning_rate(training, epoch - first, phase.epochs, progress.waits)
            model.optimizer.learning_rate = phase.lr_factor * rate
            data = _dataset(train_batches, epoch, params, seed, classes)
            learnt = model.fit(data, shuffle=False, verbose=0).history
            figures = {"loss/train": learnt["loss"][0], **_validate(predictor, validation_batches)}
            figures["uar/train"] = learnt["uar"][0]
            if not np.isfinite(list(figures.values())).all():
                raise Diverged(
                    f"params.yaml: `net.common.lr`, or `lr` of the net, is too large ({training.lr:g}), or "
                    f"`weight_decay` there ({training.weight_decay:g}): the loss of {model.name} grew beyond all "
                    f"numbers in epoch {epoch}"
                )
            log(epoch, figures)
            progress.note(
                figures,
                model.get_weights(),
                step_epochs=training.step_epochs,
                keeps_last=training.patience is None,
            )
            progress.variables, progress.optimizer = _values(model.variables), _values(model.optimizer.variables)
            progress.write(checkpoints, key)
            bar.set_postfix({name: f"{value:.3f}" for name, value in figures.items()}, refresh=False)
            bar.update()
    return progress.kept


class Predictor:
    """What a model says of clips, with the weights that it has when asked."""

    def __init__(self, model: keras.Model) -> None:
        self._classes = model.output_shape[-1]
        signature = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs]
        # Of any length, so that TensorFlow prepares it once. Keras' own `predict` does so for each length.
        self._call = tf.function(
            lambda *inputs: model(inputs if len(inputs) > 1 else inputs[0], training=False), input_signature=signature
        )

    def __call__(self, batches: Batches) -> np.ndarray:
        """Probabilities of each clip, (n, classes) float64; where rows are examples, the mean over a clip's rows."""
        sums, counts = np.zeros((len(batches.rows.labels), self._classes)), np.zeros(len(batches.rows.labels))
        for batch in batches.in_order():
            inputs = [batch.values] if batch.mask is None else [batch.values, batch.mask]
            np.add.at(sums, batch.numbers, self._call(*inputs).numpy())
            np.add.at(counts, batch.numbers, 1)
        return sums / counts[:, None]


def _validate(predictor: Predictor, batches: Batches) -> Mapping[str, float]:
    rows, predicted = batches.rows, predictor(batches)
    losses = -np.log(np.maximum(predicted[np.arange(len(predicted)), rows.labels], np.finfo(np.float32).tiny))
    # Over the classes that occur: a small validation side may lack one.
    uar = recall_score(rows.labels, predicted.argmax(axis=1), labels=np.unique(rows.labels), average="macro")
    return {"loss/val": float(np.average(losses, weights=rows.weights)), "uar/val": float(uar)}


def _compile(model: keras.Model, phase: Phase, can_learn: set[str], training: Training) -> None:
    for layer in model.layers:
        layer.trainable = layer.name in can_learn and (phase.trainable is None or layer.name in phase.trainable)
    if training.optimizer == "adam":
        optimizer = keras.optimizers.Adam(weight_decay=training.weight_decay or None)
    else:
        optimizer = keras.optimizers.SGD(momentum=_MOMENTUM, weight_decay=training.weight_decay or None)
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(label_smoothing=training.label_smoothing),
        metrics=[_Uar(model.output_shape[-1])],
        jit_compile=False,
    )
    optimizer.build(model.trainable_variables)


def _dataset(batches: Batches, epoch: int, params: NetParams, seed: int, classes: int) -> tf.data.Dataset:
    """The batches of an epoch: inputs, one-hot labels, weights; the next ones are made while one is learnt from."""

    count, _ = batches.of_epoch(epoch, params=params.augment, seed=seed)

    def generate() -> Iterator[tuple]:
        # Anew each time: with several GPUs, Keras looks at the first batch before it begins.
        for batch in batches.of_epoch(epoch, params=params.augment, seed=seed)[1]:
            labels = np.eye(classes, dtype=np.float32)[batches.rows.labels[batch.numbers]]
            inputs = batch.values if batch.mask is None else (batch.values, batch.mask)
            yield inputs, labels, batches.rows.weights[batch.numbers]

    values = tf.TensorSpec((None, *batches.example_shape), tf.float32)
    inputs = (values, tf.TensorSpec((None, None), tf.float32)) if batches.has_mask else values
    signature = (inputs, tf.TensorSpec((None, classes), tf.float32), tf.TensorSpec((None,), tf.float32))
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(4)
    options = tf.data.Options()
    # Several GPUs share each batch; there are no files to share.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)


def _values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Give variables their values, where there are any."""
    for variable, value in zip(variables, values, strict=bool(values)):
        variable.assign(value)


class _Uar(keras.metrics.Metric):
    """Mean recall over the classes that occurred in an epoch."""

    def __init__(self, classes: int) -> None:
        super().__init__(name="uar")
        self._right = self.add_weight(shape=(classes,), initializer="zeros", name="right")
        self._all = self.add_weight(shape=(classes,), initializer="zeros", name="all")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        is_right = keras.ops.equal(keras.ops.argmax(y_true, axis=1), keras.ops.argmax(y_pred, axis=1))
        self._right.assign_add(keras.ops.sum(y_true * keras.ops.cast(is_right, y_true.dtype)[:, None], axis=0))
        self._all.assign_add(keras.ops.sum(y_true, axis=0))

    def result(self):
        occurs = keras.ops.cast(self._all > 0, "float32")
        recalls = self._right / keras.ops.maximum(self._all, 1)
        return keras.ops.sum(recalls * occurs) / keras.ops.sum(occurs)
