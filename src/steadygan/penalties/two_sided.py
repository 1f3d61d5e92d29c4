"""The gradient penalty of WGAN-GP (Gulrajani et al. 2017, eq. 3 and algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.interfaces import Gradients, PerSample, Samples
from steadygan.penalties.input_gradient import InputGradientPenalty, gradient_norms


def interpolates(real: Tensor, fake: Tensor, *, rng: torch.Generator) -> Tensor:
    """Points on the lines between paired samples, ``(batch, *shape)``, detached.

    One ε ~ U[0, 1) per sample (not per batch, not normal), the same over a sample's dimensions;
    at least float32 whatever the autocast.

    Raises:
        ValueError: ``real`` and ``fake`` differ in shape.
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"real samples have shape {tuple(real.shape)} and fake ones {tuple(fake.shape)}: "
            "interpolation pairs them one to one."
        )
    if real.dtype in (torch.float16, torch.bfloat16):
        real, fake = real.float(), fake.float()
    one_per_sample = (real.shape[0],) + (1,) * (real.ndim - 1)
    epsilon = torch.rand(one_per_sample, generator=rng, device=real.device, dtype=real.dtype)
    return torch.lerp(fake.detach(), real.detach(), epsilon)


def at_interpolates(real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
    """``interpolates`` of two batches, with the condition that they share."""
    return Samples(interpolates(real.x, fake.x, rng=rng), real.y)


def two_sided_cost(gradients: Gradients, target: float = 1.0) -> PerSample:
    """(‖∇D‖ − target)², shape ``(batch,)``."""
    return (gradient_norms(gradients) - target).square()


@dataclass(frozen=True)
class TwoSided(InputGradientPenalty):
    """(‖∇D(x̂)‖ − target)² at random interpolates x̂ of real and fake samples.

    Attributes:
        target: the norm that costs nothing; 1 in the paper.
    """

    target: float = 1.0
    name = "gradient_penalty"

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        return at_interpolates(real, fake, rng=rng)

    def cost(self, gradients: Gradients) -> PerSample:
        return two_sided_cost(gradients, self.target)
