"""Every class a recipe can hold, by name.

Reading a recipe, from JSON or from the command line, looks names up here and nowhere else: nothing
is imported because a file says so.
"""

from __future__ import annotations

from typing import Any

from steadygan.constraints import WeightClipping
from steadygan.data import DataOptions, ImageCodec, VectorCodec
from steadygan.errors import RecipeError, did_you_mean
from steadygan.networks import DCGAN, MLP, Custom, ResNet
from steadygan.objectives import Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.recipes.recipe import Recipe
from steadygan.schedules import Cosine, Exponential, Linear
from steadygan.stabilisers import EMA
from steadygan.training import SGD, Adam, AdamW, Burst, Plateau, RMSProp, Signal, Training

SCHEDULES = (Linear, Cosine, Exponential)

COMPONENTS: dict[str, type[Any]] = {
    each.__name__: each
    for each in (
        Recipe,
        DataOptions,
        ImageCodec,
        VectorCodec,
        MLP,
        DCGAN,
        ResNet,
        Custom,
        Wasserstein,
        Term,
        TwoSided,
        WeightClipping,
        EMA,
        Adam,
        AdamW,
        RMSProp,
        SGD,
        Burst,
        Training,
        Signal,
        Plateau,
        *SCHEDULES,
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
