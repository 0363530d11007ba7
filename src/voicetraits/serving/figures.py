"""What Prometheus may know of a server: how much, how fast, how often refused, how far from the training set."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from voicetraits.serving.catalogue import Offered
from voicetraits.serving.drift import AnswerDrift, FeatureDrift
from voicetraits.serving.training_set import TrainingSet

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
disable_created_metrics()  # the time at which each series began doubles their number
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Figures:
    """Of one server, in a registry of its own. Threads may share it.

    Args:
        models: those that are offered.
        training_set: against which answers drift.
        restarts: tells how many workers were replaced.
    """

    def __init__(self, models: Mapping[str, Offered], training_set: TrainingSet, restarts: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._turn = threading.Lock()
        self._requests = self._counter("requests", "HTTP requests", "route", "method", "status")
        self._answers = self._counter("answers", "labels that models gave", "model", "target", "label")
        self._refusals = self._counter("refusals", "answers that were refused", "model", "target", "reason")
        self._problems = self._counter("problems", "sounds that got no answer at all", "via", "reason")
        self._seconds = self._histogram("predict_seconds", "from a sound's last byte to its answer", "via", "model")
        self._sound = self._counter("sound_seconds", "seconds of sound that were answered", "model")
        restarted = self._gauge("worker_restarts", "workers that were stopped or ended, and replaced")
        restarted.set_function(restarts)
        self._of_features = self._gauge(
            "feature_drift", "root mean square of the features' standardised mean shift", "model", "target"
        )
        of_answers = self._gauge("answer_drift", "population stability index of the labels", "model", "target")
        self._feature_drifts: dict[tuple[str, str], FeatureDrift] = {}
        self._answer_drifts: dict[tuple[str, str], AnswerDrift] = {}
        for name, model in models.items():
            for target, config in model.configs.items():
                key = name, target
                shares = training_set.shares(target)
                if set(shares) == set(config.classes):
                    self._answer_drifts[key] = AnswerDrift(shares)
                    of_answers.labels(*key).set_function(self._answer_drifts[key].value)

    def count_request(self, route: str, method: str, status: int) -> None:
        """Count a response."""
        self._requests.labels(route, method, str(status)).inc()

    def count_problem(self, via: str, reason: str) -> None:
        """Count a sound that got no answer; `via` is service or page."""
        self._problems.labels(via, reason).inc()

    def count_prediction(
        self, via: str, model: str, seconds: float, prediction: Mapping[str, Any], shifts: Mapping[str, np.ndarray]
    ) -> None:
        """Count the answers on a sound.

        Args:
            seconds: that they took.
            prediction: `Prediction.as_dict()`.
            shifts: by target, as `Predictor.shifts`.
        """
        with self._turn:
            self._seconds.labels(via, model).observe(seconds)
            self._sound.labels(model).inc(prediction["duration_seconds"])
            for target, answer in prediction["answers"].items():
                if answer["refusal"] is not None:
                    self._refusals.labels(model, target, str(answer["refusal"])).inc()
                else:
                    self._answers.labels(model, target, answer["label"]).inc()
                    if (model, target) in self._answer_drifts:
                        self._answer_drifts[model, target].add(answer["label"])
                if target in shifts:
                    self._drift_of(model, target).add(shifts[target])

    def _drift_of(self, model: str, target: str) -> FeatureDrift:
        """Made when it is first wanted: nets keep no statistics of their training clips, and have none."""
        key = model, target
        if key not in self._feature_drifts:
            self._feature_drifts[key] = FeatureDrift()
            self._of_features.labels(*key).set_function(self._feature_drifts[key].value)
        return self._feature_drifts[key]

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        with self._turn:
            return generate_latest(self._registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"voicetraits_{name}", about, labels, registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"voicetraits_{name}", about, labels, registry=self._registry)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(f"voicetraits_{name}", about, labels, registry=self._registry, buckets=_SECONDS)
