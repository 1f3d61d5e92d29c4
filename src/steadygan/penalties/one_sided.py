"""The one-sided gradient penalty of WGAN-LP (Petzka, Fischer & Lukovnikov 2018, eq. 8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import relu

from steadygan.interfaces import Gradients, PerSample, Samples
from steadygan.penalties.input_gradient import InputGradientPenalty, gradient_norms
from steadygan.penalties.two_sided import at_interpolates


def one_sided_cost(gradients: Gradients, target: float = 1.0) -> PerSample:
    """max(0, ‖∇D‖ − target)², shape ``(batch,)``: gentler slopes cost nothing."""
    return relu(gradient_norms(gradients) - target).square()


@dataclass(frozen=True)
class OneSided(InputGradientPenalty):
    """max(0, ‖∇D(x̂)‖ − target)² at random interpolates x̂: what a 1-Lipschitz critic asks for.

    Attributes:
        target: the largest norm that costs nothing; 1 in the paper.
    """

    target: float = 1.0
    name = "one_sided_penalty"

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        return at_interpolates(real, fake, rng=rng)

    def cost(self, gradients: Gradients) -> PerSample:
        return one_sided_cost(gradients, self.target)
