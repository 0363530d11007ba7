"""A saved net, run by ONNX Runtime: needs neither TensorFlow nor the net's module.

Clips go through it one by one, on one thread: what it says of a clip does not hang on other clips, or on the machine's
number of cores.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime

NET = "net.onnx"
_CLIP, _MASK = "clip", "mask"


class Model:
    """A net that can only predict; see `Classifier`."""

    def __init__(self, onnx: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        self._inputs = {put.name: len(put.shape) for put in self._session.get_inputs()}

    def predict_proba(self, features: Sequence[np.ndarray]) -> np.ndarray:
        """Arrays of the front end's shape, one for each clip -> (n, classes) float64."""
        return np.array([self._predict_one(clip) for clip in features]).reshape(len(features), -1)

    def _predict_one(self, clip: np.ndarray) -> np.ndarray:
        # A net that sees single rows has no time axis: the clip's rows are its batch, and their mean is the answer.
        by_row = clip.ndim == self._inputs[_CLIP]
        inputs = {_CLIP: clip if by_row else clip[None]}
        if _MASK in self._inputs:
            inputs[_MASK] = np.ones((1, len(clip)), np.float32)
        probabilities = self._session.run(None, inputs)[0].astype(np.float64).mean(axis=0)
        return probabilities / probabilities.sum()

    @classmethod
    def load(cls, folder: Path, *, classes: int, feature_names: Sequence[str]) -> Self:
        """Read the net of a saved model."""
        model = cls((folder / NET).read_bytes())
        if model._session.get_outputs()[0].shape[-1] != classes:
            raise ValueError(f"{NET} knows another number of classes than config.yaml")
        return model
