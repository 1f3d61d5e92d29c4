"""Every class a recipe can hold, by name.

Reading a recipe, from JSON or from the command line, looks names up here and nowhere else: nothing
is imported because a file says so.
"""

from __future__ import annotations

from typing import Any

from steadygan.constraints import SpectralNorm, WeightClipping, WeightNorm
from steadygan.data import DataOptions, ImageCodec, VectorCodec
from steadygan.errors import RecipeError, did_you_mean
from steadygan.interfaces import (
    Architecture,
    BatchTerm,
    Constraint,
    CriticAverage,
    GradientPenalty,
    InputStabiliser,
    LatentStabiliser,
    Objective,
    ParameterTerm,
    Penalty,
)
from steadygan.networks import DCGAN, MLP, Custom, Recurrent, ResNet
from steadygan.objectives import (
    AuxiliaryClassifier,
    Hinge,
    LeastSquares,
    Minimax,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
)
from steadygan.penalties import (
    DRAGAN,
    R1,
    R2,
    FiniteDifference,
    OneSided,
    Term,
    TwoSided,
    ZeroCentred,
)
from steadygan.recipes.recipe import Recipe
from steadygan.schedules import Cosine, Exponential, Linear, Schedule
from steadygan.stabilisers import (
    EMA,
    DifferentiableAugmentation,
    FeatureMatching,
    HistoricalAveraging,
    HistoricalCritic,
    InstanceNoise,
    LatentNoise,
    Packing,
)
from steadygan.training import (
    SGD,
    Adam,
    AdamW,
    Burst,
    OptimiserSettings,
    OptimisticAdam,
    Plateau,
    RMSProp,
    Signal,
    Training,
)

# What can stand where an interface is asked for. Said here and not found by the methods: an
# optimiser has a ``build`` as an architecture has, a schedule is called as a penalty is.
_GRADIENT_PENALTIES = (TwoSided, OneSided, ZeroCentred, R1, R2, DRAGAN)
KINDS: dict[Any, tuple[type[Any], ...]] = {
    Architecture: (MLP, DCGAN, ResNet, Recurrent, Custom),
    Objective: (
        Wasserstein,
        Minimax,
        LeastSquares,
        Hinge,
        RelativisticPairing,
        RelativisticAverage,
    ),
    GradientPenalty: _GRADIENT_PENALTIES,
    Penalty: (*_GRADIENT_PENALTIES, FiniteDifference),
    Constraint: (WeightClipping, SpectralNorm, WeightNorm),
    InputStabiliser: (InstanceNoise, DifferentiableAugmentation, Packing),
    LatentStabiliser: (LatentNoise,),
    ParameterTerm: (HistoricalAveraging,),
    BatchTerm: (FeatureMatching,),
    CriticAverage: (HistoricalCritic,),
    OptimiserSettings: (Adam, AdamW, OptimisticAdam, RMSProp, SGD),
    Schedule: (Linear, Cosine, Exponential),
}

COMPONENTS: dict[str, type[Any]] = {
    each.__name__: each
    for each in (
        Recipe,
        DataOptions,
        ImageCodec,
        VectorCodec,
        Term,
        EMA,
        AuxiliaryClassifier,
        Burst,
        Training,
        Signal,
        Plateau,
        *(each for kind in KINDS.values() for each in kind),
    )
}


def component(name: str) -> type[Any]:
    """The class called ``name``.

    Raises:
        RecipeError: there is none.
    """
    if name not in COMPONENTS:
        raise RecipeError(f"unknown component {name!r}.{did_you_mean(name, list(COMPONENTS))}")
    return COMPONENTS[name]
