"""How varied samples are, beside real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# Of the largest singular value: less is rounding. Squares hold half of the digits.
_FLAT, _FLAT_OF_SQUARES = 1e-9, 1e-6
_ALIKE = 1e-12  # of the features' size: their mean is not exact


@dataclass(frozen=True)
class Spread:
    """Standard deviations of fakes over those of real samples; 1 where nothing differs, NaN where
    real samples are all alike.

    Attributes:
        total: of the distance from the mean.
        narrowest: the least, over the directions in which real samples vary most.
    """

    total: float
    narrowest: float


def main_directions(real: Tensor, count: int = 8) -> Tensor:
    """The first principal directions of ``(n, d)`` features, ``(k, d)`` float64 of length 1.

    At most ``count``, and only those in which the features vary.
    """
    centred: Tensor = real.double() - real.double().mean(0)
    n, d = centred.shape
    if centred.norm() <= _ALIKE * real.double().norm():
        return centred[:0]
    if d <= n:
        _, s, rows = torch.linalg.svd(centred, full_matrices=False)
        first: Tensor = rows[: min(count, int((s > _FLAT * s[0]).sum()))]
        return first
    # Of large images a decomposition takes minutes, the products of n samples a second.
    squares, vectors = (each.flip(-1) for each in torch.linalg.eigh(centred @ centred.T))
    s = squares.clamp(min=0.0).sqrt()
    kept = min(count, int((s > _FLAT_OF_SQUARES * s[0]).sum()))
    axes: Tensor = (vectors[:, :kept] / s[:kept]).T @ centred
    return axes


def spread(real: Tensor, fake: Tensor, directions: Tensor | None = None) -> Spread:
    """Compare how far samples lie from their mean: in all, and along directions of the real ones.

    Args:
        real, fake: features ``(n, d)`` and ``(m, d)``, n and m > 1.
        directions: ``main_directions`` of the real ones, where they are known already.
    """
    along = main_directions(real) if directions is None else directions
    if not len(along):
        return Spread(math.nan, math.nan)
    centred, others = (x.double() - x.double().mean(0) for x in (real, fake))
    along_real, along_fake = ((x @ along.T).std(0) for x in (centred, others))
    total = (others.square().sum() / len(others)) / (centred.square().sum() / len(centred))
    return Spread(float(total.sqrt()), float((along_fake / along_real).min()))
