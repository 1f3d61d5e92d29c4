"""Modes found and samples of high quality, where the truth is a known mixture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.metrics.neighbours import nearest_distance


@dataclass(frozen=True)
class ModeReport:
    """Attributes:
    found: modes with at least one sample of high quality (Srivastava et al. 2017, section 4.1).
    total: modes of the mixture.
    high_quality: share of samples within 3 standard deviations of a centre.
    smallest_share: of the high-quality samples, the share of the rarest mode; 1/total at best.
    """

    found: int
    total: int
    high_quality: float
    smallest_share: float


def mode_report(samples: Tensor, centres: Tensor, sigma: float) -> ModeReport:
    """Count the modes of a mixture of equal isotropic Gaussians that samples hit.

    Args:
        samples: ``(n, d)``.
        centres: ``(modes, d)``.
        sigma: standard deviation along each axis; "within 3σ" is Euclidean distance ≤ 3σ.
    """
    good = nearest_distance(samples, centres) <= 3.0 * sigma
    owner = torch.cdist(samples[good], centres).argmin(dim=1)
    counts = torch.bincount(owner, minlength=len(centres))
    return ModeReport(
        found=int((counts > 0).sum()),
        total=len(centres),
        high_quality=float(good.double().mean()),
        smallest_share=float(counts.min() / max(1, int(counts.sum()))),
    )
