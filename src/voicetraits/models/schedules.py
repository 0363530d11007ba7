"""Learning rates from epoch to epoch."""

import math

from voicetraits.models.net_params import Training


def learning_rate(params: Training, epoch: int, epochs: int, waits: int) -> float:
    """The learning rate of an epoch.

    constant: lr. step: lr · gamma^⌊epoch / step_epochs⌋. plateau: lr · gamma^waits. cosine: from lr down to 0,
    lr · (1 + cos(π · epoch / epochs)) / 2 (Loshchilov & Hutter 2017, without restarts).

    Args:
        epoch: from 0.
        epochs: how many there are at most.
        waits: how often the validation loss has not become better for `step_epochs` epochs.
    """
    match params.schedule:
        case "step":
            return params.lr * params.gamma ** (epoch // params.step_epochs)
        case "plateau":
            return params.lr * params.gamma**waits
        case "cosine":
            return params.lr * (1 + math.cos(math.pi * epoch / epochs)) / 2
    return params.lr
