"""Data-copying: the C_T test (Meehan, Chaudhuri & Dasgupta 2020, section 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.metrics.ndb import bins_of
from steadygan.metrics.neighbours import nearest_distance

_FEWEST = 5  # held-out and fake samples in a cell, for its test to say anything


@dataclass(frozen=True)
class Copying:
    """Attributes:
    c_t: a z-score: far below 0, fakes are nearer to training samples than held-out ones are
        (copies); far above, farther (they miss the data); within ±2 for fakes as new as
        held-out samples.
    cells: that it is the mean over.
    """

    c_t: float
    cells: int


def copying(
    train: Tensor, held_out: Tensor, fake: Tensor, *, cells: int = 1, seed: int = 0
) -> Copying:
    """Compare distances to the nearest training sample, of fakes and of held-out samples.

    Args:
        train, held_out, fake: features ``(n, d)``, ``(h, d)``, ``(m, d)``.
        cells: 1 compares everywhere at once; more, by k-means of the training samples, finds
            copying in one region that lack of fit in another hides. The score is then the mean over
            cells weighted with held-out samples (eq. 2); cells with next to none are left out.
        seed: of k-means.
    """
    if cells == 1:
        return Copying(_z(nearest_distance(held_out, train), nearest_distance(fake, train)), 1)
    regions = bins_of(train, cells, seed)
    of_train, of_held_out, of_fake = (regions.of(x) for x in (train, held_out, fake))
    scores, weights = [], []
    for cell in range(cells):
        own = train[of_train == cell]
        kept = held_out[of_held_out == cell], fake[of_fake == cell]
        if len(own) == 0 or min(map(len, kept)) < _FEWEST:
            continue
        scores.append(_z(*(nearest_distance(each, own) for each in kept)))
        weights.append(len(kept[0]))
    if not scores:
        return Copying(math.nan, 0)
    mean = sum(s * w for s, w in zip(scores, weights, strict=True)) / sum(weights)
    return Copying(mean, len(scores))


def nearer_to_training(train: Tensor, held_out: Tensor, fake: Tensor) -> float:
    """The share of fakes that lie nearer to a training than to a held-out sample, as if there were
    as many of both: a half for fakes that know neither, whatever they look like, as training and
    held-out samples could change places; 1 for copies.

    Args:
        train, held_out, fake: features ``(n, d)``, ``(h, d)``, ``(m, d)``. By chance n/(n + h) are
            nearer to training samples; from there on up to 1 the share is stretched.
    """
    to_train, to_held_out = (nearest_distance(fake, real) for real in (train, held_out))
    nearer = (to_train < to_held_out).double() + 0.5 * (to_train == to_held_out).double()
    by_chance = len(train) / (len(train) + len(held_out))
    return 0.5 + 0.5 * (float(nearer.mean()) - by_chance) / (1.0 - by_chance)


def _z(held_out: Tensor, fake: Tensor) -> float:
    """Mann and Whitney's U of the fakes' distances, standardised: N(0, 1) where nothing differs."""
    from scipy.stats import rankdata

    h, m = len(held_out), len(fake)
    ranks = rankdata(torch.cat([fake, held_out]).double().numpy())
    u = float(ranks[:m].sum()) - m * (m + 1) / 2
    return (u - h * m / 2) / math.sqrt(h * m * (h + m + 1) / 12)
