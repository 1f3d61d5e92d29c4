"""An own network, objective, penalty and stabiliser, run with

steadygan train digits --recipe examples/own_recipe.py:recipe --steps 500
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from steadygan import Recipe, Samples, SampleSpec, Term
from steadygan.networks import Custom
from steadygan.penalties import InputGradientPenalty
from steadygan.training import Training


@dataclass(frozen=True)
class Energy:
    """The critic wants a gap of ``margin`` between fakes and real samples, and no more of it."""

    margin: float = 4.0
    name = "energy"
    needs_real_scores = False

    def critic_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return relu(self.margin + fake_scores - real_scores)

    def generator_loss(self, real_scores: Tensor | None, fake_scores: Tensor) -> Tensor:
        return -fake_scores


@dataclass(frozen=True)
class Midpoints(InputGradientPenalty):
    """The squared norm of the gradient halfway between real samples and fakes."""

    name = "midpoints"

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        return Samples(0.5 * (real.x + fake.x).detach(), real.y)

    def cost(self, gradients: Tensor) -> Tensor:
        return gradients.flatten(1).square().sum(1)


@dataclass(frozen=True)
class Fade:
    """Every sample that the critic sees is scaled by a number of its own, less and less."""

    strength: float = 0.2
    name = "fade"

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        shape = (len(samples), *[1] * (samples.x.ndim - 1))
        noise = torch.rand(shape, generator=rng, device=samples.x.device, dtype=samples.x.dtype)
        return Samples(samples.x * (1 - self.strength * (1 - progress) * noise), samples.y)


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
        objective=Energy(),
        penalty=(Term(Midpoints(), weight=1.0),),
        stabiliser=(Fade(),),
        n_critic=1,
        training=Training(steps=5_000),
    )
