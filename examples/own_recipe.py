"""An own network, objective and penalty, run with

steadygan train digits --recipe examples/own_recipe.py:recipe --steps 500
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from steadygan import Recipe, Samples, SampleSpec, Term
from steadygan.networks import Custom
from steadygan.penalties import InputGradientPenalty
from steadygan.training import Training


@dataclass(frozen=True)
class NonSaturating:
    """The minimax game with the generator's loss that does not saturate (Goodfellow 2014)."""

    name = "non_saturating"
    needs_real_scores = False

    def critic_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return softplus(-real_scores) + softplus(fake_scores)

    def generator_loss(self, real_scores: Tensor | None, fake_scores: Tensor) -> Tensor:
        return softplus(-fake_scores)


@dataclass(frozen=True)
class RealGradient(InputGradientPenalty):
    """R1 (Mescheder et al. 2018): half the squared norm of the gradient at real samples."""

    name = "r1"

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        return real

    def cost(self, gradients: Tensor) -> Tensor:
        return 0.5 * gradients.flatten(1).square().sum(1)


def generator(spec: SampleSpec, latent_dim: int) -> nn.Module:
    size = torch.Size(spec.shape).numel()
    hidden = [nn.Linear(latent_dim, 128), nn.SiLU(), nn.Linear(128, size)]
    return nn.Sequential(*hidden, nn.Tanh(), nn.Unflatten(1, spec.shape))


def critic(spec: SampleSpec) -> nn.Module:
    size = torch.Size(spec.shape).numel()
    return nn.Sequential(nn.Flatten(), nn.Linear(size, 128), nn.SiLU(), nn.Linear(128, 1))


def recipe(spec: SampleSpec) -> Recipe:
    return Recipe(
        architecture=Custom(generator, critic),
        objective=NonSaturating(),
        penalty=(Term(RealGradient(), weight=1.0),),
        n_critic=1,
        training=Training(steps=5_000),
    )
