"""Metrics of the live generator, at an interval in training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from steadygan.data import Dataset
from steadygan.errors import RecipeError, did_you_mean
from steadygan.features import EXTRACTORS, Classifier, Extractor, choose_extractor
from steadygan.features.prepare import as_stored
from steadygan.interfaces import Samples
from steadygan.metrics.catalogue import METRICS, Pair
from steadygan.metrics.suite import sample
from steadygan.training import Signal, Training, TrainingState

_PREFIX = "probe."
_ALREADY = "coverage"  # of pixels: ``CoverageProbe`` has it


@dataclass(frozen=True)
class MetricProbe:
    """Metrics of the sampling generator against held-out samples, as many fakes as real ones.

    Attributes:
        names: of the metrics, from ``METRICS``.
        suffix: of their numbers: ``"@mobilenet"``, or nothing.
        extractor: of the features.
        real: features of the held-out samples ``(n, d)``.
        labels: of those, where the generator takes them.
        latent_dim: of the generator.
    """

    names: tuple[str, ...]
    suffix: str
    extractor: Extractor
    real: Tensor
    labels: Tensor | None
    latent_dim: int

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]:
        n = len(self.real)
        fake = sample(state.sampling_generator, n, self.latent_dim, rng, labels=self.labels)
        probabilities = (
            self.extractor.probabilities if isinstance(self.extractor, Classifier) else None
        )
        features = self.extractor(as_stored(fake))
        if not bool(torch.isfinite(features).all()):  # diverged: said, and training goes on
            return {f"{name}{self.suffix}": math.nan for name in self.names}
        pair = Pair(self.real, features, probabilities)
        found: dict[str, float] = {}
        for name in self.names:
            if name not in found:  # a family computes several at once
                values = METRICS[name].family(pair)
                found |= {each: value.value for each, value in values.items()}
        return {f"{name}{self.suffix}": found[name] for name in self.names}


def with_metrics(training: Training) -> Training:
    """The settings, with every metric that a signal names among those measured, and each such
    signal in the direction that is better for its metric.

    Raises:
        RecipeError: there is no such metric, or no such features.
    """
    best, plateau = training.best, training.plateau
    best = None if best is None else _directed(best)
    plateau = None if plateau is None else replace(plateau, signal=_directed(plateau.signal))
    signals = [best, None if plateau is None else plateau.signal]
    names = [each for written in training.metrics for each in _names(written)]
    names += [name for signal in signals if signal is not None for name in _measured(signal)]
    for name in names:
        _check(name)
    return replace(training, metrics=tuple(dict.fromkeys(names)), best=best, plateau=plateau)


def metric_probes(
    training: Training,
    dataset: Dataset,
    held_out: Samples,
    latent_dim: int,
    device: torch.device,
) -> list[MetricProbe]:
    """A probe for each of the features that ``training.metrics`` name.

    Args:
        training: as ``with_metrics`` returns it.
        dataset: that extractors are chosen for.
        held_out: encoded, with labels where the generator takes them.
        latent_dim: of the generator.
        device: to compute features on.

    Raises:
        UsageError: an extractor does not fit the data, or there are too few samples.
    """
    groups: dict[str, list[str]] = {}
    for name in training.metrics:
        metric, _, features = name.partition("@")
        if name != _ALREADY:
            groups.setdefault(features, []).append(metric)
    probes = []
    for features, metrics in groups.items():
        extractor = choose_extractor(features or "pixels", dataset, device=device)
        for metric in metrics:
            least, classes = METRICS[metric].least, METRICS[metric].classes
            if len(held_out) < least:
                raise RecipeError(
                    f"training.metrics: {metric} needs {least} held-out samples, there are "
                    f"{len(held_out)}."
                )
            if classes and not (isinstance(extractor, Classifier) and extractor.classifies):
                raise RecipeError(
                    f"training.metrics: {metric} needs features with a classifier: "
                    f"{metric}@classifier."
                )
        probes.append(
            MetricProbe(
                tuple(metrics),
                f"@{features}" if features else "",
                extractor,
                extractor(as_stored(held_out.x)),
                held_out.y,
                latent_dim,
            )
        )
    return probes


def _names(written: str) -> list[str]:
    """``--set`` reads fid@mobilenet as a product of two names, and fid,kid@pca:8 as one word."""
    return written.replace(" ", "").split(",")


def _measured(signal: Signal) -> list[str]:
    """The metric that a signal is, as ``training.metrics`` has it; none where it is another."""
    name = signal.name.removeprefix(_PREFIX)
    known = signal.name.startswith(_PREFIX) and name.partition("@")[0] in METRICS
    return [name] if known and name != _ALREADY else []


def _directed(signal: Signal) -> Signal:
    """Nobody keeps the checkpoint with the worst distance: ``--set training.best.name=probe.fid``
    is enough."""
    measured = _measured(signal)
    if not measured:
        return signal
    return replace(signal, better=METRICS[measured[0].partition("@")[0]].better)


def _check(name: str) -> None:
    metric, at, features = name.partition("@")
    if metric not in METRICS:
        raise RecipeError(
            f"training.metrics: unknown metric {metric!r}.{did_you_mean(metric, list(METRICS))}"
        )
    if at and ":" not in features and features not in EXTRACTORS:
        raise RecipeError(
            f"training.metrics: unknown features {features!r}."
            f"{did_you_mean(features, list(EXTRACTORS))}"
        )
