"""Penalties: differentiable terms of the critic's loss, one value per sample."""

from steadygan.penalties.input_gradient import (
    InputGradientPenalty,
    gradient_norms,
    input_gradients,
    leaf,
)
from steadygan.penalties.term import Term
from steadygan.penalties.two_sided import TwoSided, interpolates, two_sided_cost

__all__ = [
    "InputGradientPenalty",
    "Term",
    "TwoSided",
    "gradient_norms",
    "input_gradients",
    "interpolates",
    "leaf",
    "two_sided_cost",
]
