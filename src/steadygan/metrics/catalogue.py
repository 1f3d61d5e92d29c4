"""Metrics of two sets of features, by name, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from steadygan.errors import UsageError, did_you_mean
from steadygan.metrics.bootstrap import Interval, counts, interval, mean_interval
from steadygan.metrics.earth_mover import costs, transport_cost
from steadygan.metrics.frechet import frechet_distance, gaussian
from steadygan.metrics.inception_score import inception_score
from steadygan.metrics.kernel import weighted_kernel_distances
from steadygan.metrics.ndb import bins_of, different_bins
from steadygan.metrics.prdc import prdc
from steadygan.metrics.sliced_wasserstein import directions, sliced_wasserstein

K = 5  # neighbours
DIRECTIONS = 200
MOST_MOVED = 1_000  # samples that the exact earth mover's distance takes, with its intervals
BOTH = "real and generated samples"
_DISTANCE = (0.0, math.inf)  # what one can be


@dataclass(frozen=True)
class Pair:
    """What a metric compares.

    Attributes:
        real, fake: features ``(n, d)`` and ``(m, d)``.
        probabilities: from features to those of classes, or None.
        draws: of the bootstrap; 0 computes no interval.
        seed: of bootstrap, directions and bins: the same gives the same value.
    """

    real: Tensor
    fake: Tensor
    probabilities: Callable[[Tensor], Tensor] | None = None
    draws: int = 0
    seed: int = 0

    def rng(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def resampled(self) -> list[tuple[Tensor, Tensor]]:
        """Indices of real samples and of fakes, drawn with replacement, ``draws`` times."""
        rng = self.rng()
        sizes = len(self.real), len(self.fake)
        return [
            (torch.randint(n, (n,), generator=rng), torch.randint(m, (m,), generator=rng))
            for n, m in [sizes] * self.draws
        ]


@dataclass(frozen=True)
class Value:
    """A value, what it was computed on, and how sure it is.

    Attributes:
        value: of the metric.
        n_real, n_fake: samples used of each.
        interval: 95 %, or None.
        over: what was resampled.
        note: what it was computed with.
    """

    value: float
    n_real: int
    n_fake: int
    interval: Interval | None = None
    over: str = ""
    note: str = ""


Family: TypeAlias = Callable[[Pair], dict[str, Value]]


@dataclass(frozen=True)
class Metric:
    """Attributes:
    family: computes it, and those that come for nothing with it.
    better: which way.
    text: what it says, in a few words.
    unit: of its values.
    least: samples of each set it needs at least.
    classes: whether it needs probabilities of classes.
    """

    family: Family
    better: Literal["higher", "lower"]
    text: str
    unit: str = "no unit"
    least: int = 2
    classes: bool = False


def too_few(n: int, dim: int) -> str:
    """What to say of a covariance of ``dim`` features from ``n`` samples, or nothing."""
    if n <= dim:
        return f"fewer samples than the {dim:,} features: mostly bias, read beside real only"
    if n < 5 * dim:
        return f"few samples for {dim:,} features: biased upwards"
    return ""


def _frechet(pair: Pair) -> dict[str, Value]:
    value = frechet_distance(gaussian(pair.real), gaussian(pair.fake))
    between = None
    if pair.draws:
        replicates = [
            frechet_distance(gaussian(pair.real[i]), gaussian(pair.fake[j]))
            for i, j in pair.resampled()
        ]
        between = interval(value, torch.tensor(replicates), _DISTANCE)
    note = too_few(min(len(pair.real), len(pair.fake)), pair.real.shape[1])
    return {"fid": _value(value, pair, between, BOTH, note)}


def _kernel(pair: Pair) -> dict[str, Value]:
    rng = pair.rng()
    # The first weighting counts every sample once: the value itself.
    weights = [
        torch.cat([torch.ones(1, len(x), dtype=torch.float64), counts(len(x), pair.draws, rng)])
        for x in (pair.real, pair.fake)
    ]
    found = weighted_kernel_distances(pair.real, pair.fake, *weights)
    # Of 2 or 3 samples one may be drawn alone, which makes no pair: there is no interval then.
    sure = pair.draws > 0 and bool(torch.isfinite(found).all())
    between = interval(float(found[0]), found[1:]) if sure else None
    return {"kid": _value(float(found[0]), pair, between, BOTH, "unbiased, all pairs")}


def _prdc(pair: Pair) -> dict[str, Value]:
    found, rng, values = prdc(pair.real, pair.fake, K), pair.rng(), {}
    for name, terms in found.terms().items():
        of_real = name in ("recall", "coverage")
        values[name] = _value(
            float(terms.mean()),
            pair,
            mean_interval(terms, pair.draws, rng) if pair.draws else None,
            "real samples" if of_real else "generated samples",
            f"k={K}",
        )
    return values


def _bins(pair: Pair) -> dict[str, Value]:
    n, m = len(pair.real), len(pair.fake)
    bins = bins_of(pair.real, max(2, min(100, n // 20)), pair.seed)
    count = len(bins.centres)
    of_real, of_fake = bins.of(pair.real), bins.of(pair.fake)

    def found(real: Tensor, fake: Tensor) -> tuple[float, float]:
        shares = [torch.bincount(x, minlength=count).double() / len(x) for x in (real, fake)]
        result = different_bins(shares[0], n, shares[1], m)
        return result.different / count, result.jsd

    share, jsd = found(of_real, of_fake)
    replicates = torch.tensor([found(of_real[i], of_fake[j])[1] for i, j in pair.resampled()])
    between = interval(jsd, replicates, (0.0, math.log(2))) if pair.draws else None
    note = f"share of {count} bins by k-means that differ at 5 %"
    if count == 1:
        note = "real samples are all alike: one bin, which tells nothing"
    return {
        # Tests of resampled samples differ more often than tests of other samples would.
        "ndb": _value(share, pair, None, BOTH, note),
        "bin-divergence": _value(jsd, pair, between, BOTH, f"Jensen-Shannon, {count} bins"),
    }


def _sliced(pair: Pair) -> dict[str, Value]:
    along = directions(pair.real.shape[1], DIRECTIONS, pair.rng())
    value = sliced_wasserstein(pair.real, pair.fake, along)
    # Projected once; what is resampled are the projections.
    real, fake = pair.real @ along, pair.fake @ along
    axes = torch.eye(DIRECTIONS)
    replicates = [sliced_wasserstein(real[i], fake[j], axes) for i, j in pair.resampled()]
    between = interval(value, torch.tensor(replicates), _DISTANCE) if pair.draws else None
    return {
        "sliced-wasserstein": _value(value, pair, between, BOTH, f"{DIRECTIONS} directions, W₂")
    }


def _moved(pair: Pair) -> dict[str, Value]:
    few = Pair(pair.real[:MOST_MOVED], pair.fake[:MOST_MOVED], draws=pair.draws, seed=pair.seed)
    n, m = len(few.real), len(few.fake)
    matrix, rng = costs(few.real, few.fake), few.rng()
    value = transport_cost(matrix, torch.ones(n), torch.ones(m))
    weights = zip(counts(n, few.draws, rng), counts(m, few.draws, rng), strict=True)
    replicates = [transport_cost(matrix, *each) for each in weights]
    between = interval(value, torch.tensor(replicates), _DISTANCE) if few.draws else None
    return {"earth-mover": _value(value, few, between, BOTH, "exact, W₁")}


def _score(pair: Pair) -> dict[str, Value]:
    assert pair.probabilities is not None
    probabilities = pair.probabilities(pair.fake)
    value = inception_score(probabilities, splits=1).mean
    replicates = [inception_score(probabilities[j], splits=1).mean for _, j in pair.resampled()]
    most = float(probabilities.shape[1])
    between = interval(value, torch.tensor(replicates), (1.0, most)) if pair.draws else None
    note = f"of {probabilities.shape[1]} at most, one split; knows no real data"
    score = Value(value, 0, len(pair.fake), between, "generated samples", note)
    return {"inception-score": score}


def _value(value: float, pair: Pair, between: Interval | None, over: str, note: str) -> Value:
    over = over if between is not None else ""
    return Value(value, len(pair.real), len(pair.fake), between, over, note)


_SAMPLES = "share of samples"

METRICS: dict[str, Metric] = {
    "fid": Metric(
        _frechet, "lower", "Fréchet distance of Gaussians fitted to the features",
        "squared units of the features",
    ),
    "kid": Metric(_kernel, "lower", "kernel distance, unbiased at any number of samples"),
    "precision": Metric(_prdc, "higher", "generated samples among real ones", _SAMPLES, K + 1),
    "recall": Metric(_prdc, "higher", "real samples among generated ones", _SAMPLES, K + 1),
    "density": Metric(
        _prdc, "higher", "how densely real samples surround generated ones", least=K + 1
    ),
    "coverage": Metric(
        _prdc, "higher", "real samples with a generated one nearby", _SAMPLES, K + 1
    ),
    "ndb": Metric(
        _bins, "lower", "share of bins with too many or too few samples", "share of bins", 40
    ),
    "bin-divergence": Metric(_bins, "lower", "divergence of the bins' shares", "nats", 40),
    "sliced-wasserstein": Metric(
        _sliced, "lower", "transport distance along random directions", "units of the features"
    ),
    "earth-mover": Metric(_moved, "lower", "exact transport distance", "units of the features"),
    "inception-score": Metric(
        _score, "higher", "sure and even classes", "classes", classes=True
    ),
}  # fmt: skip


def check_names(names: Sequence[str], known: Sequence[str]) -> None:
    """Raises UsageError for the first of ``names`` that is not among ``known``."""
    for name in names:
        if name not in known:
            raise UsageError(f"unknown metric {name!r}.{did_you_mean(name, list(known))}")
