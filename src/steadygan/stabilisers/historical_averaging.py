"""Historical averaging (Salimans et al. 2016, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadygan.errors import RecipeError
from steadygan.schedules import follow
from steadygan.stabilisers.ema import update_average


def squared_distance(network: nn.Module, other: nn.Module) -> Tensor:
    """‖θ − θ'‖² over all parameters of two networks alike, ``()``; no gradient flows into θ'."""
    pairs = zip(network.parameters(), other.parameters(), strict=True)
    return torch.stack([(mine - its.detach()).square().sum() for mine, its in pairs]).sum()


def take_mean(average: nn.Module, network: nn.Module, update: int) -> None:
    """The mean of the networks after updates 0 … ``update``, from that of those before; in place.

    Before the first update ``average`` is the untrained network, which is forgotten.
    """
    update_average(average, network, follow(lambda n: n / (n + 1), update))


@dataclass(frozen=True)
class HistoricalAveraging:
    """A pull of both networks towards the mean of all their past weights, ‖θ − 1/t Σ θᵢ‖²: it stops
    orbits around an equilibrium that gradients alone never enter.

    Attributes:
        weight: of the term in both losses.
    """

    weight: float = 1e-3
    name = "historical_averaging"

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise RecipeError(f"stabiliser.weight is {self.weight}: choose 0 or more.")

    def parameter_term(self, network: nn.Module, average: nn.Module) -> Tensor:
        return self.weight * squared_distance(network, average)

    def average(self, average: nn.Module, network: nn.Module, update: int) -> None:
        take_mean(average, network, update)
