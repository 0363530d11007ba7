"""Decision trees on the plain features, trained by TensorFlow Decision Forests: boosted, or as a random forest.

Gradient-boosted trees are stochastic in rows and features, with early stopping on the validation speakers (the model
is cut back to its best number of trees). A random forest (Breiman 2001) averages the class shares in the leaves of
trees that know nothing of one another; nothing is stopped early, so validation speakers are only watched. What is
saved is the forest itself, in Yggdrasil's format, which `ydf` reads without TensorFlow.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
import ydf
from pydantic import Field

from voicetraits.files import write_csv
from voicetraits.models.rows import Balance, Rows, balance_train, balance_validation
from voicetraits.models.saved import Log
from voicetraits.native_output import held_back
from voicetraits.params import Count, section

if TYPE_CHECKING:
    import tensorflow as tf

_IMPORTANCES, _FOREST = "importances.csv", "forest"
#: Sum over the forest of the gain of each split on the feature.
_IMPORTANCE = "SUM_SCORE"
#: The names of these columns in every model that TensorFlow Decision Forests trains.
_LABEL, _WEIGHT = "__LABEL", "__WEIGHTS"
#: A probability in float32 may come out as 0.
_SMALLEST_PROBABILITY = 1e-7


@section
class Params:
    """The section `tfdf` of params.yaml. A random forest does not read `shrinkage` and `patience`."""

    algorithm: Literal["gradient_boosted_trees", "random_forest"]
    num_trees: Annotated[int, Field(ge=1, le=100_000)]
    max_depth: Annotated[int, Field(ge=1, le=1000)]
    shrinkage: Annotated[float, Field(gt=0, le=1)]
    subsample: Annotated[float, Field(gt=0, le=1)]
    num_candidate_attributes_ratio: Annotated[float, Field(gt=0, le=1)]
    min_examples: Count
    patience: Count
    balance: Balance


class Model:
    """Boosted trees or a random forest: see the module."""

    versions = ("numpy", "tensorflow", "tensorflow-decision-forests", "ydf")
    curves = ("loss/val", "accuracy/val")

    def __init__(self, *, classes: int, feature_names: Sequence[str]) -> None:
        self._classes = classes
        self._feature_names = tuple(feature_names)
        self._files: dict[str, bytes] = {}
        self._forest: ydf.DecisionForestModel | None = None
        self._importances = np.zeros(len(feature_names))

    def fit(self, train: Rows, validation: Rows, *, params: Params, seed: int, log: Log) -> None:
        """Learn; logs loss and accuracy of the validation side after each tree.

        The loss is the cross-entropy; boosted trees' of two classes is twice that, as Yggdrasil states it.
        """
        train = balance_train(train, params.balance, np.random.default_rng(seed))
        validation = balance_validation(validation, params.balance)
        boosted = params.algorithm == "gradient_boosted_trees"
        with held_back(), tempfile.TemporaryDirectory() as folder:
            learner = _learner(params, seed, folder)
            learner.compile(weighted_metrics=[])
            with _eager():
                watched = {"validation_data": self._dataset(validation)} if boosted else {}
                learner.fit(self._dataset(train), **watched, verbose=0)
            inspector = learner.make_inspector()
            trained = Path(learner.yggdrasil_model_path_tensor().numpy().decode())
            self._files = _forest_files(trained, learner.yggdrasil_model_prefix())
        gains = {feature.name: gain for feature, gain in inspector.variable_importances()[_IMPORTANCE]}
        self._importances = np.array([gains.get(name, 0.0) for name in self._feature_names])
        with tempfile.TemporaryDirectory() as folder:
            self._write_forest(Path(folder))
            self._forest = _read_forest(Path(folder))
        if boosted:
            for entry in inspector.training_logs():
                log(entry.num_trees, {"loss/val": entry.evaluation.loss, "accuracy/val": entry.evaluation.accuracy})
        else:
            self._log_growth(validation, log)

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """(n, features) float32 -> (n, classes) float64."""
        raw = self._forest.predict(self._columns(features)).astype(np.float64)
        raw = np.minimum(raw, 1)  # beyond which a sum over trees in float32 may come to lie
        return np.stack([1 - raw, raw], axis=1) if raw.ndim == 1 else raw / raw.sum(axis=1, keepdims=True)

    def importances(self) -> np.ndarray:
        """Summed gain of all splits on each feature, (features,)."""
        return self._importances

    def training_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each feature over the training clips, both (features,); kept by the forest."""
        columns = {column.name: column.numerical for column in self._forest.data_spec().columns}
        kept = [columns[name] for name in self._feature_names]
        return np.array([own.mean for own in kept]), np.array([own.standard_deviation for own in kept])

    def contributions(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each feature adds to the centred logits: Shapley values by TreeSHAP (Lundberg et al. 2020).

        A random forest adds up probabilities, and so do its Shapley values; what they share among the features of a
        clip is turned from probability to logit as a whole, see `_of_log_probabilities`.

        Returns:
            contributions (n, features, classes) and the base (classes,); they add up to 1e-4, as float32 does.
        """
        shapley, _ = self._forest.predict_shap(self._columns(features), num_threads=1)
        raw = np.stack([shapley[name] for name in self._feature_names], axis=1).astype(np.float64)
        probabilities = np.maximum(self.predict_proba(features), _SMALLEST_PROBABILITY)
        if isinstance(self._forest, ydf.RandomForestModel):
            values = _of_log_probabilities(raw, probabilities)
        else:
            values = _as_logits(raw)  # (n, features, classes)
        values -= values.mean(axis=-1, keepdims=True)
        logits = np.log(probabilities)
        logits -= logits.mean(axis=1, keepdims=True)
        # ydf's own initial value is off by some hundredths, the same for every clip. Log-odds of a probability near 1
        # are rounded, which the median leaves out.
        return values, np.median(logits - values.sum(axis=1), axis=0)

    def save(self, folder: Path) -> None:
        """Write the forest and the importances."""
        (folder / _FOREST).mkdir()
        self._write_forest(folder / _FOREST)
        importances = pd.DataFrame({"feature": self._feature_names, "summed_gain": self._importances})
        write_csv(importances, folder / _IMPORTANCES)

    @classmethod
    def load(cls, folder: Path, *, classes: int, feature_names: Sequence[str]) -> Self:
        """Read what `save` wrote."""
        model = cls(classes=classes, feature_names=feature_names)
        importances = pd.read_csv(folder / _IMPORTANCES)
        if tuple(importances["feature"]) != tuple(feature_names):
            raise ValueError(f"{_IMPORTANCES} names other features than config.yaml")
        model._importances = importances["summed_gain"].to_numpy()
        model._files = {path.name: path.read_bytes() for path in (folder / _FOREST).iterdir()}
        model._forest = _read_forest(folder / _FOREST)
        if sorted(model._forest.input_feature_names()) != sorted(feature_names):
            raise ValueError(f"{_FOREST} knows other features than config.yaml")
        if len(model._forest.label_classes()) != classes:
            raise ValueError(f"{_FOREST} knows another number of classes than config.yaml")
        return model

    def _columns(self, features: np.ndarray) -> dict[str, np.ndarray]:
        columns = dict(zip(self._feature_names, np.ascontiguousarray(features.T), strict=True))
        # ydf wants the label's column to be there, whatever it holds.
        return {**columns, _LABEL: np.ones(len(features), np.int64)}

    def _dataset(self, rows: Rows) -> "tf.data.Dataset":
        import tensorflow as tf

        columns = dict(zip(self._feature_names, rows.features.T, strict=True))
        return tf.data.Dataset.from_tensor_slices((columns, rows.labels, rows.weights)).batch(len(rows.labels))

    def _log_growth(self, validation: Rows, log: Log) -> None:
        """Log the loss and accuracy that a random forest has with its first tree, its first two, and so on.

        Not out of bag: there the speaker of a clip is known from other clips, which makes figures too good.
        """
        ones = np.ones(len(validation.labels), np.float32)
        leaves = self._forest.predict_leaves({**self._columns(validation.features), _WEIGHT: ones})  # (n, trees)
        places, summed = np.arange(len(ones)), np.zeros((len(ones), self._classes))
        for number, tree in enumerate(self._forest.iter_trees(), start=1):
            summed += np.array(_leaf_probabilities(tree.root))[leaves[:, number - 1]]
            of_truth = np.maximum(summed[places, validation.labels] / number, _SMALLEST_PROBABILITY)
            found = summed.argmax(axis=1) == validation.labels
            loss = np.average(-np.log(of_truth), weights=validation.weights)
            log(number, {"loss/val": loss, "accuracy/val": np.average(found, weights=validation.weights)})

    def _write_forest(self, folder: Path) -> None:
        for name, content in self._files.items():
            (folder / name).write_bytes(content)


@contextmanager
def _eager() -> Iterator[None]:
    """Let TensorFlow run its functions as Python: to make a graph of hundreds of columns takes longer than to train."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def _learner(params: Params, seed: int, folder: str) -> Any:
    """An untrained model of TensorFlow Decision Forests, which works in `folder`."""
    import tensorflow_decision_forests as tfdf  # takes seconds to load, and predicting does not need it

    common = {
        "num_trees": params.num_trees,
        "max_depth": params.max_depth,
        "num_candidate_attributes_ratio": params.num_candidate_attributes_ratio,
        "min_examples": params.min_examples,
        "random_seed": seed,
        "temp_directory": folder,
        "verbose": 0,
    }
    if params.algorithm == "random_forest":
        return tfdf.keras.RandomForestModel(
            **common,
            bootstrap_size_ratio=params.subsample,
            winner_take_all=False,  # votes of whole trees make coarser probabilities than the shares in their leaves
            compute_oob_performances=False,  # they are saved with it, and depend on which thread is done first
            # Else TensorFlow predicts a clip at once, which `ydf` does for us, and at times fails among other models.
            advanced_arguments=tfdf.keras.AdvancedArguments(infer_prediction_signature=False),
        )
    return tfdf.keras.GradientBoostedTreesModel(
        **common,
        shrinkage=params.shrinkage,
        subsample=params.subsample,
        early_stopping="LOSS_INCREASE",
        early_stopping_initial_iteration=0,
        early_stopping_num_trees_look_ahead=params.patience,
    )


def _leaf_probabilities(node: ydf.tree.AbstractNode) -> list[Sequence[float]]:
    """Class shares in the leaves below a node, in the order in which `predict_leaves` numbers them."""
    if node.is_leaf:
        return [node.value.probability]
    return _leaf_probabilities(node.neg_child) + _leaf_probabilities(node.pos_child)


def _of_log_probabilities(shapley: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """What features add to probabilities -> what they add to their logarithms, in the same proportions.

    The rescale rule of DeepLIFT (Shrikumar et al. 2017): times the slope of the logarithm from the base, which
    all clips share, to the clip's own probability.

    Args:
        shapley: (n, features, classes), which add up to probabilities less base.
        probabilities: (n, classes), above 0.
    """
    # ydf's own base is off by thousandths under class weights.
    base = np.maximum(np.median(probabilities - shapley.sum(axis=1), axis=0), _SMALLEST_PROBABILITY)
    change = probabilities - base
    moved = np.abs(change) > 1e-9
    slope = np.where(moved, np.log(probabilities / base) / np.where(moved, change, 1), 1 / base)
    return shapley * slope[:, np.newaxis, :]


def _as_logits(raw: np.ndarray) -> np.ndarray:
    """Log-odds of the second of two classes, (n, f) -> logits of both, (n, f, 2); of more: as they are."""
    return np.stack([-raw / 2, raw / 2], axis=-1) if raw.ndim == 2 else raw


def _read_forest(folder: Path) -> ydf.DecisionForestModel:
    ydf.verbose(0)
    with held_back():
        return ydf.load_model(str(folder))


def _forest_files(folder: Path, prefix: str) -> dict[str, bytes]:
    """The files of a trained forest by name, without what differs between two trainings of the same forest.

    That is the prefix of the names, and in the header a random id, the date, and importances in arbitrary order.
    """
    from yggdrasil_decision_forests.model import abstract_model_pb2

    files = {path.name.removeprefix(prefix): path.read_bytes() for path in sorted(folder.glob(f"{prefix}*"))}
    header = abstract_model_pb2.AbstractModel()
    header.ParseFromString(files["header.pb"])
    header.ClearField("metadata")
    header.ClearField("precomputed_variable_importances")
    return {**files, "header.pb": header.SerializeToString(deterministic=True)}
