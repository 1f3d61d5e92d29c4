"""The sliced Wasserstein distance (Rabin et al. 2012; Bonneel et al. 2015)."""

from __future__ import annotations

import torch
from torch import Tensor


def directions(dimension: int, count: int, rng: torch.Generator) -> Tensor:
    """``count`` random unit vectors, evenly distributed: ``(dimension, count)``."""
    drawn = torch.randn(dimension, count, generator=rng)
    return torch.nn.functional.normalize(drawn, dim=0)


def sliced_wasserstein(real: Tensor, fake: Tensor, along: Tensor) -> float:
    """Root mean square over directions of the exact Wasserstein-2 distance of the projections.

    In units of the features. Around 1/√d of the distance itself; compare at equal directions.

    Args:
        real, fake: features ``(n, d)`` and ``(m, d)``.
        along: unit vectors ``(d, directions)``.
    """
    import ot

    return float(
        ot.sliced_wasserstein_distance(
            real.double().numpy(),
            fake.double().numpy(),
            projections=along.double().numpy(),
            p=2,
        )
    )
