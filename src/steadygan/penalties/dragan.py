"""The penalty of DRAGAN (Kodali et al. 2017, section 3 and the authors' code)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.errors import RecipeError
from steadygan.interfaces import Gradients, PerSample, Samples
from steadygan.penalties.input_gradient import InputGradientPenalty
from steadygan.penalties.two_sided import interpolates, two_sided_cost


def around(real: Tensor, scale: float, *, rng: torch.Generator) -> Tensor:
    """Points near real samples, ``(batch, *shape)``: each on the line to a copy moved by
    ``scale`` standard deviations of the batch times U[0, 1) in every dimension."""
    noise = torch.rand(real.shape, generator=rng, device=real.device, dtype=real.dtype)
    moved = real + scale * real.std(correction=0) * noise
    return interpolates(real, moved, rng=rng)


@dataclass(frozen=True)
class DRAGAN(InputGradientPenalty):
    """(‖∇D(x̂)‖ − target)² at noisy copies of real samples: sharp slopes near the data are what
    its authors see before a mode collapses.

    Attributes:
        target: the norm that costs nothing; 1 in the paper.
        scale: largest move, in standard deviations of the real batch (one number over all
            dimensions); 0.5 in the authors' code.
    """

    target: float = 1.0
    scale: float = 0.5
    name = "dragan_penalty"

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise RecipeError(f"penalty.scale is {self.scale}: choose a number above 0.")

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        return Samples(around(real.x, self.scale, rng=rng), real.y)

    def cost(self, gradients: Gradients) -> PerSample:
        return two_sided_cost(gradients, self.target)
