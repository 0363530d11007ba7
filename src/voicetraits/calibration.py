"""Makes stated confidence match the share of right answers, and says below which confidence not to answer.

Fitted on speakers that the model has not learnt from, each of whom counts the same whatever the number of clips: a
speaker's clips are right or wrong together, and new speakers are what comes. Classes are not weighted: confidence is a
promise about answers as they come in, and a weighted fit would break it where classes are unbalanced.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field

from voicetraits.errors import ModelError
from voicetraits.files import written_aside
from voicetraits.params import section

_FILE = "calibration.json"
_SMALLEST_PROBABILITY = 1e-12
#: Temperatures beyond these say that the validation speakers are odd, not the model.
_TEMPERATURES = (0.25, 8.0)
#: Standard deviation of ln(temperature) that is expected beforehand: a few speakers move it little, fifty freely.
_SPREAD = 0.5
#: The lapse rate's prior weighs as this many speakers with a wrong label and with a right one: 2 % is likeliest.
_LAPSES, _ANSWERS = 0.5, 25.0
_LAPSE_RATES = (1e-4, 0.5)

Share = Annotated[float, Field(gt=0, lt=1)]


@section
class WantedError:
    """The section `calibration.wanted_error` of params.yaml."""

    gender: Share
    age: Share


@section
class CalibrationParams:
    """The section `calibration` of params.yaml."""

    method: Literal["none", "temperature", "lapse", "isotonic"]
    wanted_error: WantedError


@dataclass(frozen=True)
class Calibration:
    """What turns a model's raw probabilities into those that it states, and into answers or refusals.

    Attributes:
        method: none, temperature, lapse or isotonic.
        temperature: raw log-probabilities are divided by it (Guo et al. 2017).
        lapse_rate: share of clips whose label is drawn at random, whatever the voice says; of temperature it is 0.
        steps: of isotonic, for each class the corners (raw probability, share of clips of the class) of a rising line.
        threshold: smallest stated confidence that is answered; above 1, nothing is.
        wanted_error: share of wrong answers for which the threshold was chosen.
        speakers: how many it was fitted on.
    """

    method: str = "none"
    temperature: float = 1.0
    lapse_rate: float = 0.0
    steps: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = ()
    threshold: float = 0.0
    wanted_error: float = 1.0
    speakers: int = 0

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Raw probabilities (n, classes) -> stated ones, rows sum to 1."""
        if self.method in ("temperature", "lapse"):
            return _tempered(raw, self.temperature, self.lapse_rate)
        if self.method == "isotonic":
            columns = [np.interp(raw[:, k], x, y) for k, (x, y) in enumerate(self.steps)]
            stated = np.stack(columns, axis=1)
            return stated / stated.sum(axis=1, keepdims=True)
        return raw

    def refuses(self, stated: np.ndarray) -> np.ndarray:
        """(n, classes) stated probabilities -> (n,) whether the answer is refused."""
        return stated.max(axis=1) < self.threshold

    def save(self, folder: Path) -> None:
        """Write calibration.json."""
        # Not by write_json, which rounds: what is loaded must state the same probabilities.
        with written_aside(folder / _FILE) as aside:
            aside.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: it is missing or damaged.
        """
        try:
            content: Mapping[str, Any] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            steps = tuple((tuple(x), tuple(y)) for x, y in content["steps"])
            return cls(**{**content, "steps": steps})
        except (OSError, ValueError, TypeError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(
                f"{folder} is incomplete or damaged ({_FILE}: {reason}); make it again with `dvc repro`"
            ) from None


def fit(
    labels: np.ndarray, raw: np.ndarray, speakers: np.ndarray, params: CalibrationParams, *, target: str
) -> Calibration:
    """Fit on clips of speakers that the model has not learnt from.

    Args:
        labels: (n,) int, index of the true class.
        raw: (n, classes), what the model states by itself.
        speakers: (n,) the speaker of each clip.
    """
    _, inverse, clips = np.unique(speakers, return_inverse=True, return_counts=True)
    weights = 1.0 / clips[inverse]
    wanted_error = getattr(params.wanted_error, target)
    fitted: dict[str, Any] = {"method": params.method, "wanted_error": wanted_error, "speakers": len(clips)}
    if params.method in ("temperature", "lapse"):
        with_lapses = params.method == "lapse"
        fitted["temperature"], fitted["lapse_rate"] = _fit_temperature(labels, raw, weights, with_lapses=with_lapses)
    elif params.method == "isotonic":
        fitted["steps"] = _fit_isotonic(labels, raw, weights)
    stated = Calibration(**fitted).apply(raw)
    right = stated.argmax(axis=1) == labels
    return Calibration(**fitted, threshold=_fit_threshold(stated.max(axis=1), right, wanted_error))


def _tempered(raw: np.ndarray, temperature: float, lapse_rate: float) -> np.ndarray:
    logs = np.log(np.maximum(raw, _SMALLEST_PROBABILITY)) / temperature
    stated = np.exp(logs - logs.max(axis=1, keepdims=True))
    stated /= stated.sum(axis=1, keepdims=True)
    return (1 - lapse_rate) * stated + lapse_rate / raw.shape[1]


def _fit_temperature(
    labels: np.ndarray, raw: np.ndarray, weights: np.ndarray, *, with_lapses: bool
) -> tuple[float, float]:
    """The likeliest temperature and lapse rate: log loss, and the priors of both.

    A single speaker with a wrong label, denied with confidence, would flatten everything by temperature alone.
    """
    from scipy.optimize import minimize  # takes long to load, and inference does not need it

    rows = np.arange(len(labels))

    def loss(point: np.ndarray) -> float:
        log_temperature, lapse_rate = point[0], point[1] if with_lapses else 0.0
        stated = _tempered(raw, float(np.exp(log_temperature)), lapse_rate)[rows, labels]
        prior = (log_temperature / _SPREAD) ** 2 / 2
        if with_lapses:
            prior -= _LAPSES * np.log(lapse_rate) + _ANSWERS * np.log1p(-lapse_rate)
        return float(weights @ -np.log(np.maximum(stated, _SMALLEST_PROBABILITY)) + prior)

    bounds = [tuple(np.log(_TEMPERATURES)), _LAPSE_RATES]
    start = [0.0, _LAPSES / (_LAPSES + _ANSWERS)]
    found = minimize(loss, start, method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-6, "fatol": 1e-9})
    return float(np.exp(found.x[0])), float(found.x[1]) if with_lapses else 0.0


def _fit_isotonic(
    labels: np.ndarray, raw: np.ndarray, weights: np.ndarray
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    """Each class against the rest (Zadrozny and Elkan 2002), the rows normalised later.

    Nobody can be surer than by the rule of succession over speakers: of n speakers without an error, 1 / (n + 2).
    """
    from sklearn.isotonic import IsotonicRegression  # inference does not need it

    least = 1 / (weights.sum() + 2)
    steps = []
    for k in range(raw.shape[1]):
        line = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip")
        line.fit(raw[:, k], labels == k, sample_weight=weights)
        steps.append((tuple(map(float, line.X_thresholds_)), tuple(map(float, line.y_thresholds_))))
    return tuple(steps)


def _fit_threshold(confidence: np.ndarray, right: np.ndarray, wanted_error: float) -> float:
    """The confidence from which on most clips are answered with few enough errors.

    One error more is counted than there is, as conformal risk control does (Angelopoulos et al. 2022): so a few clips
    that happen to be right promise nothing. Above 1, so that nothing is answered, where no confidence is enough.
    """
    order = np.argsort(-confidence, kind="stable")
    errors = np.cumsum(~right[order]) + 1
    answered = np.arange(1, len(order) + 1)
    ends = np.append(np.diff(confidence[order]) != 0, True)  # clips of equal confidence are answered together
    enough = np.flatnonzero(ends & (errors <= wanted_error * (answered + 1)))
    return float(confidence[order][enough[-1]]) if len(enough) else 1.0 + 1e-9
