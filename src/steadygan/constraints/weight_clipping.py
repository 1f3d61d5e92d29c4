"""Weight clipping (Arjovsky, Chintala & Bottou 2017, algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from steadygan.errors import RecipeError


@torch.no_grad()
def clip_weights(network: nn.Module, limit: float) -> None:
    """Clamp every parameter of ``network`` to [−limit, limit], in place."""
    for parameter in network.parameters():
        parameter.clamp_(-limit, limit)


@dataclass(frozen=True)
class WeightClipping:
    """Keeps every weight and bias of the critic within [−limit, limit].

    Attributes:
        limit: c in the paper, 0.01 there.
    """

    limit: float = 0.01
    name = "weight_clipping"

    def __post_init__(self) -> None:
        if not self.limit > 0:
            raise RecipeError(f"constraint.limit is {self.limit}: choose a number above 0.")

    def prepare(self, critic: nn.Module) -> None:
        clip_weights(critic, self.limit)

    def project(self, critic: nn.Module) -> None:
        clip_weights(critic, self.limit)
