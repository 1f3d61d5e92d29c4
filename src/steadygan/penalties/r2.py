"""R2 (Mescheder, Geiger & Nowozin 2018, eq. 10): the critic's slope at the fake samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from steadygan.interfaces import Gradients, PerSample, Samples
from steadygan.penalties.input_gradient import InputGradientPenalty, squared_norms


@dataclass(frozen=True)
class R2(InputGradientPenalty):
    """‖∇D‖² at the fake samples. The paper's γ/2 is the term's weight: γ 10 is a weight of 5."""

    name = "r2"

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        return fake

    def cost(self, gradients: Gradients) -> PerSample:
        return squared_norms(gradients)
