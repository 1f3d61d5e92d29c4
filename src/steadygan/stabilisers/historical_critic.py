"""A historical-average critic: the generator learns from an average of the critic's past.

Fictitious play with the mean of the weights in place of a mixture of past players (Salimans et al.
2016, section 3.3, name the kinship; Yazıcı et al. 2019 average the other player).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from steadygan.errors import RecipeError
from steadygan.stabilisers.ema import ema_decay, update_average
from steadygan.stabilisers.historical_averaging import take_mean


@dataclass(frozen=True)
class HistoricalCritic:
    """The generator's loss is computed with an averaged critic, which changes slowly.

    Attributes:
        decay: weight of the past per critic update, in [0, 1), warmed up as ``EMA``'s; None takes
            the mean of all past critics alike.
    """

    decay: float | None = 0.99
    name = "historical_critic"

    def __post_init__(self) -> None:
        if self.decay is not None and not 0.0 <= self.decay < 1.0:
            raise RecipeError(f"stabiliser.decay is {self.decay}: choose a number in [0, 1).")

    def average_critic(self, average: nn.Module, critic: nn.Module, update: int) -> None:
        if self.decay is None:
            take_mean(average, critic, update)
        else:
            update_average(average, critic, ema_decay(self.decay, update))
