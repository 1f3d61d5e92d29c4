"""The exact earth mover's distance between two sets of samples (POT's network simplex)."""

from __future__ import annotations

import torch
from torch import Tensor


def earth_mover(real: Tensor, fake: Tensor) -> float:
    """The Wasserstein-1 distance of the two empirical distributions, in units of the features.

    Time grows faster than the square of n: seconds for 2,000. Biased upwards, in d dimensions by
    about n^(−1/d): compare with real against real at equal n.

    Args:
        real, fake: features ``(n, d)`` and ``(m, d)``.
    """
    weights = [torch.ones(len(x), dtype=torch.float64) for x in (real, fake)]
    return transport_cost(costs(real, fake), *weights)


def costs(real: Tensor, fake: Tensor) -> Tensor:
    """What moving each to each costs: Euclidean distances, float64 ``(n, m)``."""
    return torch.cdist(real.double(), fake.double(), compute_mode="donot_use_mm_for_euclid_dist")


def transport_cost(costs: Tensor, real_weights: Tensor, fake_weights: Tensor) -> float:
    """The least cost of moving one distribution onto the other.

    Args:
        costs: ``(n, m)``.
        real_weights, fake_weights: ``(n,)`` and ``(m,)``, not negative; scaled to sum to 1.
    """
    import ot

    weights = [(w.double() / w.double().sum()).numpy() for w in (real_weights, fake_weights)]
    return float(ot.emd2(*weights, costs.numpy(), numItermax=10_000_000))
