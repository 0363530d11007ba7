"""Where the training of a net stands between two epochs: all that it takes to go on as if nothing had been."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from voicetraits.models.checkpoints import Checkpoint, Checkpoints
from voicetraits.models.net_module import Phase


@dataclass
class Progress:
    """The state after `epoch` epochs.

    Attributes:
        kept: weights of the epoch that counts: the one with the least validation loss, or the last, see `note`.
        variables: all of the model's, the states of its random generators among them; empty before the first epoch.
        optimizer: all of the optimizer's; empty before the first epoch.
        epoch: how many epochs are done.
        best_loss: the least validation loss; None before the first epoch.
        stale: epochs since then, or since a phase began.
        waits: how often `stale` became a multiple of `step_epochs`.
        figures: what each epoch was logged with.
    """

    kept: Sequence[np.ndarray] = ()
    variables: Sequence[np.ndarray] = ()
    optimizer: Sequence[np.ndarray] = ()
    epoch: int = 0
    best_loss: float | None = None
    stale: int = 0
    waits: int = 0
    figures: list[Mapping[str, float]] = field(default_factory=list)

    def phase(self, phases: Sequence[Phase]) -> tuple[int, int]:
        """Number of the phase to which the next epoch belongs, and that phase's first epoch."""
        first = 0
        for number, phase in enumerate(phases):
            if self.epoch < first + phase.epochs:
                return number, first
            first += phase.epochs
        return len(phases), first

    def has_ended(self, phases: Sequence[Phase], patience: int | None) -> bool:
        """Whether all epochs are done, or the last phase has brought nothing for `patience` epochs (None: any)."""
        number, first = self.phase(phases)
        # Before the last phase's first epoch, `stale` is still what the phase before left.
        is_in_last = number == len(phases) - 1 and self.epoch > first
        return number == len(phases) or (patience is not None and is_in_last and self.stale >= patience)

    def note(
        self, figures: Mapping[str, float], weights: Sequence[np.ndarray], *, step_epochs: int, keeps_last: bool
    ) -> None:
        """Count an epoch that ended with these figures and weights; with `keeps_last`, whatever it brought."""
        self.epoch += 1
        self.figures.append(figures)
        is_best = self.best_loss is None or figures["loss/val"] < self.best_loss
        if is_best or keeps_last:
            self.kept = weights
        if is_best:
            self.best_loss, self.stale = figures["loss/val"], 0
            return
        self.stale += 1
        self.waits += self.stale % step_epochs == 0

    def begin_phase(self) -> None:
        """Forget what counts from epoch to epoch within a phase."""
        self.stale = self.waits = 0

    @classmethod
    def read(cls, checkpoints: Checkpoints, key: str) -> "Progress":
        """The state that `write` left; a new one where there is none."""
        checkpoint = checkpoints.read(key)
        if checkpoint is None:
            return cls()
        arrays = {
            kind: [checkpoint.arrays[f"{kind}_{i}"] for i in range(count)]
            for kind, count in checkpoint.state["counts"].items()
        }
        return cls(**arrays, **checkpoint.state["numbers"])

    def write(self, checkpoints: Checkpoints, key: str) -> None:
        """Keep the state."""
        kinds = {"kept": self.kept, "variables": self.variables, "optimizer": self.optimizer}
        state = {
            "counts": {kind: len(values) for kind, values in kinds.items()},
            "numbers": {
                "epoch": self.epoch,
                "best_loss": self.best_loss,
                "stale": self.stale,
                "waits": self.waits,
                "figures": self.figures,
            },
        }
        arrays = {f"{kind}_{i}": value for kind, values in kinds.items() for i, value in enumerate(values)}
        checkpoints.write(key, Checkpoint(state, arrays))
