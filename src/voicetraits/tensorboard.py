"""Learning curves in TensorBoard's form as well: `tensorboard --logdir tensorboard`."""

from collections.abc import Mapping
from pathlib import Path

from voicetraits.training import OpenLog


def in_tensorboard_too(open_log: OpenLog, folder: Path) -> OpenLog:
    """A log that also writes its figures below `folder`, a folder for each fold. Its files bear the time of the run."""

    def open_both(fold: str) -> "_Log":
        return _Log(open_log(fold), folder / f"fold-{fold}")

    return open_both


class _Log:
    def __init__(self, log: OpenLog, folder: Path) -> None:
        import tensorflow as tf  # takes seconds to load, and is there already where nets are trained

        self._log, self._scalar = log, tf.summary.scalar
        self._writer = tf.summary.create_file_writer(str(folder))

    def __call__(self, step: int, figures: Mapping[str, float]) -> None:
        self._log(step, figures)
        with self._writer.as_default(step=step):
            for name, value in figures.items():
                self._scalar(name, value)
        self._writer.flush()
