"""How many samples are near-copies of training data."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from steadygan.metrics.neighbours import nearest_distance


@dataclass(frozen=True)
class NearCopies:
    """Shares of near-copies in [0, 1], among fakes and, to compare, among held-out samples."""

    fake: float
    held_out: float
    threshold: float


def near_copies(train: Tensor, held_out: Tensor, fake: Tensor) -> NearCopies:
    """Share of samples nearer to a training sample than half the median distance of held-out ones.

    Args:
        train, held_out, fake: features ``(n, d)``, ``(h, d)``, ``(m, d)``.
    """
    own = nearest_distance(held_out, train)
    threshold = 0.5 * float(own.median())
    return NearCopies(
        fake=float((nearest_distance(fake, train) < threshold).double().mean()),
        held_out=float((own < threshold).double().mean()),
        threshold=threshold,
    )
