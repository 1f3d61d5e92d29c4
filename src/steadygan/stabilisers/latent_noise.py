"""Latent noise: the generator is trained on a wider prior, which narrows to N(0, 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.errors import RecipeError
from steadygan.schedules import Linear, Value, at, smallest
from steadygan.stabilisers.instance_noise import add_noise

_FADING = Linear(0.5, 0.0, end=0.5)


@dataclass(frozen=True)
class LatentNoise:
    """Noise on the latent vectors of training. With N(0, 1) latents the sum is N(0, 1 + σ²); it
    fades, so that the generator ends on the prior that samples are drawn from.

    What it does against mode collapse is measured in docs/claims.md, claim 8.

    Attributes:
        sigma: its standard deviation, a number or a schedule over the run.
    """

    sigma: Value = _FADING
    name = "latent_noise"

    def __post_init__(self) -> None:
        if not smallest(self.sigma) >= 0:
            raise RecipeError(f"stabiliser.sigma is {self.sigma}: choose 0 or more.")

    def latent(self, z: Tensor, *, rng: torch.Generator, progress: float) -> Tensor:
        return add_noise(z, at(self.sigma, progress), rng=rng)
