"""The number of statistically different bins (Richardson & Weiss 2018, section 2)."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Bins:
    """Voronoi cells of real data.

    Attributes:
        centres: ``(bins, d)``.
    """

    centres: Tensor

    def shares(self, features: Tensor) -> Tensor:
        """The share of ``(n, d)`` features in each bin, float64 ``(bins,)``."""
        return torch.bincount(self.of(features), minlength=len(self.centres)).double() / len(
            features
        )

    def of(self, features: Tensor) -> Tensor:
        """The bin of each of ``(n, d)`` features: ``(n,)`` int64."""
        return torch.cdist(features.float(), self.centres).argmin(1)


@dataclass(frozen=True)
class DifferentBins:
    """Attributes:
    different: bins whose shares differ, by the test.
    bins: there are.
    jsd: Jensen-Shannon divergence of the shares, in nats, from 0 to ln 2.
    """

    different: int
    bins: int
    jsd: float


def bins_of(real: Tensor, bins: int = 100, seed: int = 0) -> Bins:
    """Cells by k-means of real features ``(n, d)``, n ≥ ``bins``, best of one start; fewer where
    there are fewer different samples."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it says so where samples repeat
        model = KMeans(bins, n_init=1, random_state=seed).fit(real.float().numpy())
    filled = sorted(set(model.labels_.tolist()))
    return Bins(torch.from_numpy(model.cluster_centers_[filled]))


def different_bins(
    real_shares: Tensor, n_real: int, fake_shares: Tensor, n_fake: int, level: float = 0.05
) -> DifferentBins:
    """Bins that a two-proportion z-test tells apart, two-sided, at ``level``.

    Of samples of one distribution that is ``level`` × bins on average. The bins should be made of
    the real samples that are counted, as in the paper, or of others for both.

    Args:
        real_shares, fake_shares: ``(bins,)``, of each bin.
        n_real, n_fake: samples they were counted on.
    """
    pooled = (real_shares * n_real + fake_shares * n_fake) / (n_real + n_fake)
    error = (pooled * (1.0 - pooled) * (1.0 / n_real + 1.0 / n_fake)).sqrt()
    # An empty bin of both has no error and no difference.
    z = torch.where(error > 0, (real_shares - fake_shares) / error.clamp(min=1e-300), 0.0)
    critical = math.sqrt(2.0) * float(torch.erfinv(torch.tensor(1.0 - level, dtype=torch.float64)))
    return DifferentBins(
        different=int((z.abs() > critical).sum()),
        bins=len(real_shares),
        jsd=_divergence(real_shares, fake_shares),
    )


def _divergence(p: Tensor, q: Tensor) -> float:
    middle = 0.5 * (p + q)
    terms = [torch.xlogy(each, each) - torch.xlogy(each, middle) for each in (p, q)]
    return max(0.0, 0.5 * float(sum(term.sum() for term in terms)))
