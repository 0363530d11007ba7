"""Small tables to learn from, and the params with which tests train on them."""

import numpy as np

from voicetraits.models.rows import Rows

NAMES = ("f0_median_hz", "formant_hz", "flat", "noise_1", "noise_2", "noise_3")
SOFTMAX = {"lr": 0.05, "epochs": 15, "batch_size": 32, "l2": 0.001, "patience": 10, "balance": "class_weight"}
TFDF = {
    "algorithm": "gradient_boosted_trees",
    "num_trees": 20, "max_depth": 3, "shrinkage": 0.2, "subsample": 0.8, "num_candidate_attributes_ratio": 0.5,
    "min_examples": 5, "patience": 10, "balance": "class_weight",
}  # fmt: skip


def learnable(rows: int, classes: int, seed: int, overlap: float = 1.0) -> Rows:
    """The first two features tell the classes apart, the third is constant, the others are noise on odd scales."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(rows) % classes).astype(np.int32)
    features = rng.normal(size=(rows, len(NAMES)))
    features[:, 0] = 120 + 60 * labels + 30 * overlap * features[:, 0]
    features[:, 1] = 500 - 80 * labels + 90 * overlap * features[:, 1]
    features[:, 2] = 0.1
    features[:, 3] *= 1e4
    features[:, 4] *= 1e-4
    return Rows(features.astype(np.float32), labels, np.ones(rows, np.float32))
