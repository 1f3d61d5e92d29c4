"""The zero-centred penalty at interpolates (Thanh-Tung, Tran & Venkatesh 2019, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from steadygan.interfaces import Gradients, PerSample, Samples
from steadygan.penalties.input_gradient import InputGradientPenalty, squared_norms
from steadygan.penalties.two_sided import at_interpolates


@dataclass(frozen=True)
class ZeroCentred(InputGradientPenalty):
    """‖∇D(x̂)‖² at random interpolates x̂ of real and fake samples."""

    name = "zero_centred_penalty"

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        return at_interpolates(real, fake, rng=rng)

    def cost(self, gradients: Gradients) -> PerSample:
        return squared_norms(gradients)
