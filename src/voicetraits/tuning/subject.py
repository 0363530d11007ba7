"""What is tuned: a model, the section of params.yaml that it reads, and what it sees of clips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from voicetraits import params
from voicetraits.errors import ParameterError
from voicetraits.features.table import FeatureTable
from voicetraits.models.saved import Classifier

if TYPE_CHECKING:
    from voicetraits.net_inputs import NetInputs
    from voicetraits.parallel import Workers
    from voicetraits.store import Store

#: Of `net.common`: they say where a net is trained, not how well.
_NOT_TRIED = ("threads", "gpu", "tensorboard")


@dataclass(frozen=True)
class Subject:
    """A model, as a study sees it.

    Attributes:
        section: of params.yaml; what is found is written there.
        now: each key that may be tried, with its value today.
        fixed: what else of params.yaml may change the results; JSON can hold it.
        modules: whose code may change the results.
        versions: distributions whose release may change them.
        epochs: of a training today, if it tells `uar/val` after each; None if it tells nothing until its end.
        read: the whole of params.yaml → the model's params.
        inputs: the model's params → what it sees of all clips.
        new_model: (params, inputs, number of classes) → an untrained model.
    """

    section: str
    now: Mapping[str, Any]
    fixed: Mapping[str, Any]
    modules: Sequence[str]
    versions: Sequence[str]
    epochs: int | None
    read: Callable[[Mapping[str, Any]], Any]
    inputs: Callable[[Any], "FeatureTable | NetInputs"]
    new_model: Callable[[Any, "FeatureTable | NetInputs", int], Classifier]

    def params_with(self, all_params: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        """The model's params with some values of its section in place of today's.

        Raises:
            ParameterError: a key cannot be tried, or a value is not allowed.
        """
        if unknown := sorted(values.keys() - self.now.keys()):
            raise ParameterError(
                f"params.yaml: unknown key `{self.section}.{unknown[0]}`; allowed: {', '.join(sorted(self.now))}"
            )
        return self.read(_replaced(all_params, self.section.split("."), values))


def on_features(section: str, module: ModuleType, all_params: Mapping[str, Any], features: FeatureTable) -> Subject:
    """A model that sees functionals: `module` has `Params` and `Model`."""

    def read(everything: Mapping[str, Any]) -> Any:
        return params.get(everything, section, module.Params)

    today = read(all_params)
    return Subject(
        section,
        asdict(today),
        {},
        [module.Model.__module__],
        module.Model.versions,
        today.epochs if "uar/val" in module.Model.curves else None,
        read,
        inputs=lambda _: features,
        new_model=lambda _, inputs, classes: module.Model(classes=classes, feature_names=inputs.names),
    )


def on_audio(
    name: str,
    module: ModuleType,
    all_params: Mapping[str, Any],
    *,
    audio: Path,
    target: str,
    learnt_from: frozenset[str],
    seed: int,
    store: "Store",
    workers: "Workers",
) -> Subject:
    """A net: `module` has what `models/net_module.py` asks for. What is tried may be keys of `net.common` as well.

    Args:
        learnt_from: utterance ids of the clips that get augmented versions.
    """
    # TensorFlow takes seconds to load.
    from voicetraits.augmentation.params import AugmentParams
    from voicetraits.models.checkpoints import Checkpoints
    from voicetraits.models.net import Net, phases_of, start_tensorflow
    from voicetraits.models.net_params import NetParams, Training, read_training_and_net
    from voicetraits.net_inputs import Augmentation, prepare

    augment = params.get(all_params, "augment", AugmentParams)

    def read(everything: Mapping[str, Any]) -> NetParams:
        return NetParams(*read_training_and_net(everything, name, module.Params), augment)

    def inputs(chosen: NetParams) -> "NetInputs":
        augmentation = Augmentation(augment, learnt_from, seed, target)
        return prepare(audio, module.front_end(chosen.net), store=store, workers=workers, augmentation=augmentation)

    checkpoints = Checkpoints(store)

    def new_model(_: NetParams, seen: "NetInputs", classes: int) -> Net:
        checkpoints.remove()  # of the models before, which nobody goes on with
        return Net(classes=classes, feature_names=seen.names, name=name, inputs=seen, checkpoints=checkpoints)

    today = read(all_params)
    start_tensorflow(today.training)
    shared = {field.name: getattr(today.training, field.name) for field in fields(Training)}
    now = {key: value for key, value in {**shared, **asdict(today.net)}.items() if key not in _NOT_TRIED}
    modules = [module.__name__, Net.__module__]
    epochs = sum(phase.epochs for phase in phases_of(module, today))
    return Subject(f"net.{name}", now, asdict(augment), modules, Net.versions, epochs, read, inputs, new_model)


def _replaced(content: Mapping[str, Any], section: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of nested mappings with some values of a section replaced."""
    if not section:
        return {**content, **values}
    first, *others = section
    return {**content, first: _replaced(content.get(first) or {}, others, values)}
