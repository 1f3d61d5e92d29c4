"""Improved precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al.
2020), from one pass over the distances."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.metrics.neighbours import distance_blocks, kth_neighbour_distance


@dataclass(frozen=True)
class PRDC:
    """What each sample adds; the metrics are their means.

    Attributes:
        precise: of each fake, whether it lies in the ball of some real sample, ``(m,)``.
        recalled: of each real sample, whether it lies in the ball of some fake, ``(n,)``.
        density: of each fake, how many balls of real samples it lies in, over k, ``(m,)``.
        covered: of each real sample, whether its ball holds a fake, ``(n,)``.
    """

    precise: Tensor
    recalled: Tensor
    density: Tensor
    covered: Tensor

    def means(self) -> dict[str, float]:
        """``precision``, ``recall`` and ``coverage`` in [0, 1]; ``density``, about 1 at best, above
        it where fakes crowd where real samples do."""
        return {name: float(terms.mean()) for name, terms in self.terms().items()}

    def terms(self) -> dict[str, Tensor]:
        """What each metric is the mean of, by name, float64."""
        return {
            "precision": self.precise.double(),
            "recall": self.recalled.double(),
            "density": self.density.double(),
            "coverage": self.covered.double(),
        }


def prdc(real: Tensor, fake: Tensor, k: int = 5) -> PRDC:
    """Where real and fake samples lie in each other's k-nearest-neighbour balls.

    A ball reaches from a sample to its k-th nearest other one of its own set, border included.

    Args:
        real, fake: features ``(n, d)`` and ``(m, d)``, n, m > k.
        k: neighbours.

    Raises:
        ValueError: there are not more than ``k`` of either.
    """
    real_radius, fake_radius = kth_neighbour_distance(real, k), kth_neighbour_distance(fake, k)
    recalled, covered = [], []
    balls = torch.zeros(len(fake), dtype=torch.int64)  # of real samples, that hold each fake
    start = 0
    for block in distance_blocks(real, fake):
        radius = real_radius[start : start + len(block), None]
        start += len(block)
        inside = block <= radius
        balls += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((block <= fake_radius).any(1))
    return PRDC(balls > 0, torch.cat(recalled), balls.double() / k, torch.cat(covered))
