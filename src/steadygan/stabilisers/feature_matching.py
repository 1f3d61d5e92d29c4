"""Feature matching (Salimans et al. 2016, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadygan.errors import RecipeError
from steadygan.interfaces import Samples
from steadygan.networks.call import features
from steadygan.processes import batch_mean


def mean_distance(real: Tensor, fake: Tensor) -> Tensor:
    """‖mean real − mean fake‖² of features ``(batch, features)``, ``()``."""
    return (batch_mean(real) - batch_mean(fake)).square().sum()


@dataclass(frozen=True)
class FeatureMatching:
    """The generator matches the mean of the features that the critic's last dense layer sees.

    Attributes:
        weight: of the squared distance of the means.
        objective_weight: what is left of the objective's own generator loss beside it; 0 in the
            paper, where this replaces it.
    """

    weight: float = 1.0
    objective_weight: float = 0.0
    name = "feature_matching"

    def __post_init__(self) -> None:
        if not (self.weight > 0 and self.objective_weight >= 0):
            raise RecipeError("stabiliser: weight must be above 0, objective_weight 0 or more.")

    def batch_term(self, critic: nn.Module, real: Samples, fake: Samples) -> Tensor:
        with torch.no_grad():  # a constant to the generator
            of_real = features(critic, real.x, real.y)
        return self.weight * mean_distance(of_real, features(critic, fake.x, fake.y))
