"""Penalties: differentiable terms of the critic's loss, one value per sample."""

from steadygan.penalties.dragan import DRAGAN, around
from steadygan.penalties.finite_difference import FiniteDifference, slope_along
from steadygan.penalties.input_gradient import (
    InputGradientPenalty,
    gradient_norms,
    input_gradients,
    leaf,
    squared_norms,
)
from steadygan.penalties.one_sided import OneSided, one_sided_cost
from steadygan.penalties.r1 import R1
from steadygan.penalties.r2 import R2
from steadygan.penalties.term import Term
from steadygan.penalties.two_sided import TwoSided, interpolates, two_sided_cost
from steadygan.penalties.zero_centred import ZeroCentred

__all__ = [
    "DRAGAN",
    "R1",
    "R2",
    "FiniteDifference",
    "InputGradientPenalty",
    "OneSided",
    "Term",
    "TwoSided",
    "ZeroCentred",
    "around",
    "gradient_norms",
    "input_gradients",
    "interpolates",
    "leaf",
    "one_sided_cost",
    "slope_along",
    "squared_norms",
    "two_sided_cost",
]
