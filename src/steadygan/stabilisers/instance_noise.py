"""Instance noise (Sønderby et al. 2017, section 3.3; Arjovsky & Bottou 2017, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.errors import RecipeError
from steadygan.interfaces import Samples
from steadygan.schedules import Linear, Value, at, smallest

_FADING = Linear(0.1, 0.0, end=0.5)


def add_noise(x: Tensor, sigma: float, *, rng: torch.Generator) -> Tensor:
    """``x`` plus N(0, σ²) in every dimension.

    Where σ has faded to 0 it draws all the same: a captured update cannot leave it out, and what is
    drawn after it from ``rng`` must not depend on how the update is carried out.
    """
    return x + sigma * torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)


@dataclass(frozen=True)
class InstanceNoise:
    """Noise on everything the critic sees, so that real and fake samples overlap; it fades.

    Attributes:
        sigma: its standard deviation in encoded units (images span [−1, 1], points and rows have
            about unit scale), a number or a schedule over the run.
    """

    sigma: Value = _FADING
    name = "instance_noise"

    def __post_init__(self) -> None:
        if not smallest(self.sigma) >= 0:
            raise RecipeError(f"stabiliser.sigma is {self.sigma}: choose 0 or more.")

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        return Samples(add_noise(samples.x, at(self.sigma, progress), rng=rng), samples.y)
