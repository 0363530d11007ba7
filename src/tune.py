"""Searches for better settings of a model: `python src/tune.py softmax gender`; `--write` puts them into params.yaml.

Looks at training and validation speakers alone. What it searches is the section `tune` of params.yaml. Interrupted, or
asked for more trials, it goes on where it stopped, as long as params, data and code are the same.
"""

import argparse
from dataclasses import asdict
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from voicetraits import params, stage
from voicetraits.classes import CLASSES
from voicetraits.errors import ParameterError
from voicetraits.examples import read_splits
from voicetraits.features.table import read_features
from voicetraits.splitting import speaker_groups
from voicetraits.store import make_key
from voicetraits.tuning.objective import validation_uar
from voicetraits.tuning.params_file import write_values
from voicetraits.tuning.rows import tuning_folds, without_tested
from voicetraits.tuning.space import TuneParams, read_space, section_of
from voicetraits.tuning.study import run_study, table, values_of

STUDIES = Path(".dvc/tmp/tune")
#: Epochs of which every trial is sure, and folds.
WARM_UP_EPOCHS, WARM_UP_FOLDS = 20, 1


def main() -> None:
    arguments = read_arguments()
    model, target = arguments.model, arguments.target
    all_params = params.load()
    settings = params.get(all_params, "tune", TuneParams)
    trials = arguments.trials or settings.trials
    module = import_of(model)
    kind = module.Params
    now, space = params.get(all_params, section_of(model), kind), read_space(all_params, model, kind)
    seed = params.get(all_params, "seed", params.Seed)

    splits = read_splits(Path("data/splits.csv"))
    metadata = pd.read_parquet("data/metadata.parquet")
    metadata, features = without_tested(splits, target, metadata, read_features(Path("data/features")))
    clips = pd.read_parquet("data/audio/clips.parquet")
    groups = speaker_groups(metadata, clips[clips["utterance_id"].isin(metadata["utterance_id"])])
    folds, classes = tuning_folds(
        target, features=features, metadata=metadata, splits=splits, groups=groups, folds=settings.folds, seed=seed
    )
    digest = sha256()
    for rows in (rows for pair in folds for rows in pair):
        digest.update(rows.features.tobytes() + rows.labels.tobytes())
    key = make_key(
        versions=("optuna", *module.Model.versions),
        model=model, target=target, data=digest.hexdigest(), now=asdict(now), space=repr(space), seed=seed,
    )  # fmt: skip
    finished = run_study(
        validation_uar(model, now, folds, classes=len(classes), feature_names=features.names, seed=seed),
        space,
        now=asdict(now),
        file=STUDIES / f"{model}-{target}.db",
        key=key,
        trials=trials,
        seed=seed,
        warm_up_steps=WARM_UP_EPOCHS if len(folds) == 1 else WARM_UP_FOLDS,
        announce=announce,
    )
    print(table(finished))
    best = values_of(finished[0])
    changed = {name: value for name, value in best.items() if asdict(now)[name] != value}
    for name, value in changed.items():
        print(f"tune: best: {section_of(model)}.{name}: {value} (now {asdict(now)[name]})")
    if arguments.write and changed:
        write_values(Path("params.yaml"), section_of(model), changed)
        print("tune: written to params.yaml; `dvc repro` trains with it")
    elif not changed:
        print("tune: nothing tried is better than what params.yaml has")


def import_of(model: str) -> ModuleType:
    try:
        return import_module(f"voicetraits.models.{model}")
    except ModuleNotFoundError as error:
        if error.name != f"voicetraits.models.{model}":
            raise
        raise ParameterError(f"there is no model {model!r}; each is a file of src/voicetraits/models/") from None


def announce(trial: FrozenTrial) -> None:
    outcome = f"{trial.value:.4f}" if trial.state == TrialState.COMPLETE else "pruned"
    print(f"tune: trial {trial.number}: {outcome} with {values_of(trial)}", flush=True)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="softmax, tfdf or the name of a net")
    parser.add_argument("target", choices=CLASSES)
    parser.add_argument("--trials", type=int, help="in all, instead of `tune.trials`")
    parser.add_argument("--write", action="store_true", help="put the best values into params.yaml")
    return parser.parse_args()


if __name__ == "__main__":
    stage.run(main)
