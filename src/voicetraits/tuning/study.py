"""An Optuna study that goes on where it was interrupted, and then is what it would have been.

The sampler (TPE: Bergstra et al. 2011) is seeded anew for each trial, from the seed and the number of trials that are
finished. What a kill leaves unfinished is tried again; a trial whose loss grows beyond all numbers would do so again:
it is finished.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState

from voicetraits.errors import DataError, Diverged
from voicetraits.tuning.space import Space

#: Trials drawn at random before TPE takes over, and before any is pruned.
_STARTUP_TRIALS, _UNPRUNED_TRIALS = 8, 5
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_VALUES, _DIVERGED = "values", "diverged"

#: Scores a setting: (values, report) -> UAR. `report(step, uar)` says how it goes, and ends a hopeless trial;
#: `Diverged` ends one as well.
Objective = Callable[[Mapping[str, Any], Callable[[int, float], None]], float]


def run_study(
    objective: Objective,
    space: Space,
    *,
    now: Mapping[str, Any],
    file: Path,
    key: str,
    trials: int,
    seed: int,
    warm_up_steps: int,
    announce: Callable[[FrozenTrial], None],
) -> list[FrozenTrial]:
    """Try settings until so many trials are finished, those of earlier runs among them.

    Args:
        now: today's values, which are the first to be tried where the space holds them.
        file: the database of studies.
        key: name of the study: of all that the scores depend on.
        warm_up_steps: reports of each trial before it may be ended.
        announce: told of each trial as it finishes.

    Returns:
        The finished trials, the best first, pruned and diverged ones last; `values_of` gives what each tried.

    Raises:
        DataError: another process is at it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with FileLock(f"{file}.lock", timeout=0):
            study = optuna.create_study(
                storage=f"sqlite:///{file}",
                study_name=key,
                direction="maximize",
                pruner=optuna.pruners.MedianPruner(_UNPRUNED_TRIALS, n_warmup_steps=warm_up_steps),
                load_if_exists=True,
            )
            for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                study.tell(left.number, state=TrialState.FAIL)
            while (done := len(study.get_trials(deepcopy=False, states=_FINISHED))) < trials:
                sampler_seed = int(np.random.default_rng([seed, done]).integers(2**31))
                study.sampler = optuna.samplers.TPESampler(n_startup_trials=_STARTUP_TRIALS, seed=sampler_seed)
                waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
                if done == 0 and not waiting and all(tried.has(now[name]) for name, tried in space.items()):
                    study.enqueue_trial({name: now[name] for name in space})
                announce(_run_trial(study, objective, space))
            finished = study.get_trials(states=_FINISHED)
    except Timeout:
        raise DataError(f"another process is tuning with {file}; wait for it, or stop it") from None
    return sorted(finished, key=_rank)


def _run_trial(study: optuna.Study, objective: Objective, space: Space) -> FrozenTrial:
    trial = study.ask()
    values = {name: tried.suggest(trial, name) for name, tried in space.items()}
    trial.set_user_attr(_VALUES, values)

    def report(step: int, uar: float) -> None:
        trial.report(uar, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        uar = objective(values, report)
    except optuna.TrialPruned:
        return study.tell(trial, state=TrialState.PRUNED)
    except Diverged:
        # To the sampler a pruned trial is a bad one, where a failed one would be none at all.
        trial.set_user_attr(_DIVERGED, True)
        return study.tell(trial, state=TrialState.PRUNED)
    return study.tell(trial, uar)


def values_of(trial: FrozenTrial) -> dict[str, Any]:
    """What a trial tried."""
    return trial.user_attrs[_VALUES]


def has_diverged(trial: FrozenTrial) -> bool:
    """Whether its loss grew beyond all numbers."""
    return trial.user_attrs.get(_DIVERGED, False)


def _rank(trial: FrozenTrial) -> tuple[bool, float, int]:
    """Pruned and diverged trials after all others, whatever they had reached; of equals the first."""
    return trial.state == TrialState.PRUNED, -(trial.value or 0.0), trial.number


def table(finished: Sequence[FrozenTrial], most: int = 10) -> str:
    """The best trials, for people; one at least must have come to its end."""
    complete = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    names = [*values_of(complete[0])]
    rows = [["trial", "uar", *names]]
    rows += [
        [str(trial.number), f"{trial.value:.4f}", *(str(value) for value in values_of(trial).values())]
        for trial in complete[:most]
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    diverged = sum(map(has_diverged, finished))
    counts = f"{len(complete)} trials to their end, {len(finished) - len(complete) - diverged} pruned"
    return "\n".join([*lines, f"{counts}, {diverged} diverged" if diverged else counts])
