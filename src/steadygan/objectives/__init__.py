"""Objectives: the pair of losses, one value per sample."""

from steadygan.objectives.auxiliary_classifier import AuxiliaryClassifier
from steadygan.objectives.hinge import Hinge, hinge_critic_loss, hinge_generator_loss
from steadygan.objectives.least_squares import (
    LeastSquares,
    least_squares_critic_loss,
    least_squares_generator_loss,
)
from steadygan.objectives.minimax import (
    Minimax,
    cross_entropy,
    minimax_critic_loss,
    non_saturating_generator_loss,
    saturating_generator_loss,
)
from steadygan.objectives.relativistic import (
    RelativisticAverage,
    RelativisticPairing,
    average_loss,
    pairing_loss,
)
from steadygan.objectives.wasserstein import (
    Wasserstein,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)

__all__ = [
    "AuxiliaryClassifier",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "RelativisticAverage",
    "RelativisticPairing",
    "Wasserstein",
    "average_loss",
    "cross_entropy",
    "hinge_critic_loss",
    "hinge_generator_loss",
    "least_squares_critic_loss",
    "least_squares_generator_loss",
    "minimax_critic_loss",
    "non_saturating_generator_loss",
    "pairing_loss",
    "saturating_generator_loss",
    "wasserstein_critic_loss",
    "wasserstein_generator_loss",
]
