"""Confidence intervals by the bootstrap (Efron 1979)."""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from torch import Tensor

Interval: TypeAlias = tuple[float, float]

LEVEL = 0.95
_ANY: Interval = (-math.inf, math.inf)


def interval(value: float, replicates: Tensor, within: Interval = _ANY) -> Interval:
    """How far a value moves with other samples, as many and of the same distributions.

    The middle 95 % of its replicates ``(draws,)``, shifted so that their mean is the value: what
    resampling adds on average (a Fréchet distance grows, since it repeats samples) is no part of
    what other samples would do. Cut to the values that there can be, ``within``: no distance is
    below 0.
    """
    replicates = replicates.double()
    tails = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)
    ends = replicates.quantile(tails) - replicates.mean() + value
    low, high = ends.clamp(*within).tolist()
    return low, high


def counts(n: int, draws: int, rng: torch.Generator) -> Tensor:
    """How often each of n samples is drawn, n times with replacement: float64 ``(draws, n)``."""
    drawn = torch.randint(n, (draws, n), generator=rng)
    return torch.zeros(draws, n, dtype=torch.float64).scatter_add_(
        1, drawn, torch.ones(draws, n, dtype=torch.float64)
    )


def mean_interval(terms: Tensor, draws: int, rng: torch.Generator) -> Interval:
    """Of the mean of terms ``(n,)``, one of each sample; the mean lies between their extremes."""
    terms = terms.double()
    means = torch.stack(
        [
            terms[torch.randint(len(terms), (len(terms),), generator=rng)].mean()
            for _ in range(draws)
        ]
    )
    return interval(float(terms.mean()), means, (float(terms.min()), float(terms.max())))
