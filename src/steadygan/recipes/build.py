"""The networks of a recipe, before its constraints and without a device."""

from __future__ import annotations

import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.interfaces import SampleSpec
from steadygan.networks import check_networks
from steadygan.recipes.recipe import Recipe
from steadygan.training import derive_seed


def build_networks(recipe: Recipe, spec: SampleSpec) -> dict[str, nn.Module]:
    """The networks as they are before the first step, from the recipe's seed alone.

    Raises:
        NetworkError: they cannot be built, or do not fit the data.
    """
    torch.manual_seed(derive_seed(recipe.seed, "initialisation"))
    generator_spec, critic_spec = recipe.generator_spec(spec), recipe.critic_spec(spec)
    try:
        networks = recipe.architecture.build(generator_spec, recipe.latent_dim)
        if critic_spec != generator_spec:  # packs: a critic for wider samples
            wider = recipe.architecture.build(critic_spec, recipe.latent_dim)
            networks["critic"] = wider["critic"]
    except (RuntimeError, MemoryError) as error:  # out of memory, mostly
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise NetworkError(f"the networks cannot be built: {reason}") from None
    check_networks({"generator": networks["generator"]}, generator_spec, recipe.latent_dim)
    check_networks({"critic": networks["critic"]}, critic_spec, recipe.latent_dim)
    return networks
