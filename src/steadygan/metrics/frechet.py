"""The Fréchet distance between Gaussians fitted to features (FID, Heusel et al. 2017, eq. 6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_BLOCK = 4096  # rows at a time in float64: 64 MB of 2,048 features


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian, its covariance in factors, which is what distances between two are computed from.

    Attributes:
        mean: float64 ``(d,)``.
        factor: float64 ``(r, d)`` with factorᵀ factor the covariance; r is the number of samples
            or the rank, whichever was cheaper to come by.
        n: samples it was fitted to.
    """

    mean: Tensor
    factor: Tensor
    n: int

    @property
    def covariance(self) -> Tensor:
        return self.factor.T @ self.factor


def gaussian(features: Tensor) -> Gaussian:
    """The Gaussian of features ``(n, d)``, n > 1, with the unbiased covariance.

    In float64 a few thousand rows at a time: 50,000 × 2,048 take little more than the features.

    Raises:
        ValueError: fewer than two rows.
    """
    n, d = features.shape
    if n < 2:
        raise ValueError(f"a covariance needs at least 2 samples; there are {n}.")
    mean = torch.zeros(d, dtype=torch.float64)
    for block in torch.split(features, _BLOCK):
        mean += block.double().sum(0).cpu() / n
    if n <= d:  # the samples themselves are the thinnest factor
        return Gaussian(mean, (features.cpu().double() - mean) / (n - 1) ** 0.5, n)
    covariance = torch.zeros(d, d, dtype=torch.float64)
    for block in torch.split(features, _BLOCK):
        centred = block.cpu().double() - mean
        covariance.addmm_(centred.T, centred, alpha=1.0 / (n - 1))
    return gaussian_of(mean, covariance, n)


def gaussian_of(mean: Tensor, covariance: Tensor, n: int) -> Gaussian:
    """The Gaussian of a mean ``(d,)`` and a covariance ``(d, d)``, published ones for example."""
    covariance = covariance.double()
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not bool(failed):
        return Gaussian(mean.double(), lower.T, n)
    # Singular: some feature never varies, as the corners of digits do.
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > values[-1] * len(values) * torch.finfo(torch.float64).eps
    return Gaussian(mean.double(), (vectors[:, kept] * values[kept].sqrt()).T, n)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """|μ_a − μ_b|² + tr(A + B − 2 (AB)^½), in squared units of the features; 0 for equal ones.

    With A = FᵀF and B = GᵀG the trace of (AB)^½ is the sum of the singular values of FGᵀ, and they
    are the square roots of the eigenvalues of a symmetric matrix as large as the thinner factor.

    Biased upwards, the more the fewer samples there are for the dimension: compare at equal n.
    """
    cross = a.factor @ b.factor.T
    gram = cross @ cross.T if len(cross) <= cross.shape[1] else cross.T @ cross
    common = torch.linalg.eigvalsh(gram).clamp(min=0.0).sqrt().sum()
    spread = a.factor.square().sum() + b.factor.square().sum() - 2.0 * common
    return max(0.0, float((a.mean - b.mean).square().sum() + spread))  # not −1e-12
