"""Coverage (Naeem et al. 2020, eq. 9)."""

from __future__ import annotations

from torch import Tensor

from steadygan.metrics.neighbours import kth_neighbour_distance, nearest_distance


def coverage(real: Tensor, fake: Tensor, k: int = 5) -> float:
    """Share of real samples whose ball, up to their k-th nearest real neighbour, holds a fake.

    Args:
        real: ``(n, d)`` features, n > k.
        fake: ``(m, d)`` features; take m = n: the value grows with m. Then it is about
            1 − 2⁻ᵏ (0.969 for k = 5) for fakes of the real distribution.
        k: neighbours.

    Returns:
        In [0, 1]; higher is better.
    """
    radius = kth_neighbour_distance(real, k)
    return float((nearest_distance(real, fake) <= radius).double().mean())
