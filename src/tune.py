"""Searches for better settings of a model: `python src/tune.py softmax gender`; `--write` puts them into params.yaml.

Looks at training and validation speakers alone. What it searches is the section `tune` of params.yaml. Interrupted, or
asked for more trials, it goes on where it stopped, as long as params, data and code are the same. A trial that does
badly is given up after a third of its epochs or later; tfdf, which is scored only when it has trained, between folds.
"""

import argparse
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from voicetraits import params, stage
from voicetraits.classes import CLASSES
from voicetraits.code import key_of
from voicetraits.errors import ParameterError
from voicetraits.examples import read_splits
from voicetraits.features.table import read_features
from voicetraits.models.net_names import NETS
from voicetraits.parallel import Workers
from voicetraits.params_file import write_values
from voicetraits.splitting import speaker_groups
from voicetraits.store import ComputeParams, Store
from voicetraits.tuning.clips import features_of, tuning_folds, without_tested
from voicetraits.tuning.objective import rows_of, validation_uar
from voicetraits.tuning.space import SECTION_OF, TuneParams, read_space
from voicetraits.tuning.study import has_diverged, run_study, table, values_of
from voicetraits.tuning.subject import Subject, on_audio, on_features

STUDIES = Path(".dvc/tmp/tune")
#: Folds of which every trial is sure.
WARM_UP_FOLDS = 1


def main() -> None:
    arguments = read_arguments()
    model, target = arguments.model, arguments.target
    all_params = params.load()
    settings = params.get(all_params, "tune", TuneParams)
    seed = params.get(all_params, "seed", params.Seed)

    splits = read_splits(Path("data/splits.csv"))
    metadata = without_tested(splits, target, pd.read_parquet("data/metadata.parquet"))
    clips = pd.read_parquet("data/audio/clips.parquet")
    groups = speaker_groups(metadata, clips[clips["utterance_id"].isin(metadata["utterance_id"])])
    folds, classes = tuning_folds(
        target, metadata=metadata, splits=splits, groups=groups, folds=settings.folds, seed=seed
    )
    compute = params.get(all_params, "compute", ComputeParams)
    store = Store(max_bytes=int(compute.store_gigabytes * 1e9))
    workers = Workers(compute.workers, compute.backend, compute.scheduler)
    subject = subject_of(model, target, all_params, metadata, folds, seed, store=store, workers=workers)
    space = read_space(all_params, subject)
    key = key_of(
        model, target, digest_of(subject, all_params, folds), dict(subject.now), dict(subject.fixed), repr(space), seed,
        modules=["voicetraits.tuning.study", "voicetraits.tuning.objective", *subject.modules],
        versions=("optuna", *subject.versions),
    )  # fmt: skip

    def finish(trial: FrozenTrial) -> None:
        announce(trial)
        store.trim()  # with another front end, a trial adds to it

    finished = run_study(
        validation_uar(subject, all_params, folds, classes=len(classes), seed=seed),
        space,
        now=dict(subject.now),
        file=STUDIES / f"{model}-{target}.db",
        key=key,
        trials=settings.trials if arguments.trials is None else arguments.trials,
        seed=seed,
        warm_up_steps=warm_up_epochs(subject.epochs) if len(folds) == 1 else WARM_UP_FOLDS,
        announce=finish,
    )
    if finished[0].state != TrialState.COMPLETE:
        raise ParameterError(
            f"params.yaml: `tune.space.{subject.section}` goes too far: with each of the {len(finished)} settings "
            f"tried the loss grew beyond all numbers; lower its bounds (`lr` first), or try more (--trials)"
        )
    print(table(finished))
    best = values_of(finished[0])
    changed = {name: value for name, value in best.items() if subject.now[name] != value}
    for name, value in changed.items():
        print(f"tune: best: {subject.section}.{name}: {value} (now {subject.now[name]})")
    if arguments.write and changed:
        write_values(Path("params.yaml"), {f"{subject.section}.{key}": value for key, value in changed.items()})
        print("tune: written to params.yaml; `dvc repro` trains with it")
    elif not changed:
        print("tune: nothing tried is better than what params.yaml has")


def subject_of(
    model: str,
    target: str,
    all_params: Mapping[str, Any],
    metadata: pd.DataFrame,
    folds: Sequence[tuple[pd.DataFrame, pd.DataFrame]],
    seed: int,
    *,
    store: Store,
    workers: Workers,
) -> Subject:
    """What is tuned: a model on features, or a net on audio."""
    module = import_module(f"voicetraits.models.{model}")
    if model not in NETS:
        features = features_of(metadata, read_features(Path("data/features")))
        return on_features(SECTION_OF[model], module, all_params, features)
    return on_audio(
        model,
        module,
        all_params,
        audio=Path("data/audio"),
        target=target,
        learnt_from=frozenset(pd.concat([train for train, _ in folds])["utterance_id"]),
        seed=seed,
        store=store,
        workers=workers,
    )


def digest_of(
    subject: Subject, all_params: Mapping[str, Any], folds: Sequence[tuple[pd.DataFrame, pd.DataFrame]]
) -> str:
    """Stands for the clips of all folds, their labels, and what the model sees of them today."""
    digest, inputs = sha256(), subject.inputs(subject.read(all_params))
    for clips in (clips for pair in folds for clips in pair):
        rows = rows_of(clips, inputs)
        digest.update("\0".join(clips["utterance_id"]).encode() + rows.labels.tobytes())
        digest.update(rows.features.tobytes() if isinstance(rows.features, np.ndarray) else inputs.digest.encode())
    return digest.hexdigest()


def warm_up_epochs(epochs: int | None) -> int:
    """Epochs of which every trial is sure, of so many: a third."""
    return max(1, (epochs or 0) // 3)


def announce(trial: FrozenTrial) -> None:
    if has_diverged(trial):
        outcome = "diverged (the loss grew beyond all numbers)"
    else:
        outcome = f"{trial.value:.4f}" if trial.state == TrialState.COMPLETE else "pruned"
    print(f"tune: trial {trial.number}: {outcome} with {values_of(trial)}", flush=True)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="softmax, tfdf or the name of a net")
    parser.add_argument("target", choices=CLASSES)
    parser.add_argument("--trials", type=int, help="in all, 1 or more, instead of `tune.trials`")
    parser.add_argument("--write", action="store_true", help="put the best values into params.yaml")
    arguments = parser.parse_args()
    if arguments.model not in SECTION_OF:
        raise ParameterError(f"there is no model {arguments.model!r}; allowed: {', '.join(SECTION_OF)}")
    if arguments.trials is not None and arguments.trials < 1:
        raise ParameterError(f"--trials is {arguments.trials}; allowed: 1 or more")
    return arguments


if __name__ == "__main__":
    stage.run(main)
