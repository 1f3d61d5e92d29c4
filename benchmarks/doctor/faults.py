"""Ways to break a training, by the class of failure that they are to cause.

A cause changes a sound recipe. Its severity is a factor; 1 is what the development runs have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from steadygan import Recipe, SampleSpec
from steadygan.constraints import WeightClipping
from steadygan.interfaces import Architecture, PerSample, Samples, Scores
from steadygan.networks import MLP
from steadygan.objectives import LeastSquares, Minimax, Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.penalties.input_gradient import InputGradientPenalty
from steadygan.training import SGD, Adam, RMSProp

Change = Callable[[Recipe, float], Recipe]


@dataclass(frozen=True)
class Cause:
    """One way to break a run.

    Attributes:
        names: of the classes that it may rightly be called by, fixed before any rule.
        bases: the sound recipes that it breaks.
        change: the recipe, broken; of a severity.
    """

    names: tuple[str, ...]
    bases: tuple[str, ...]
    change: Change


# Pieces that are wrong.


@dataclass(frozen=True)
class ReversedCritic(Wasserstein):
    """The critic minimises what it should maximise."""

    name = "wasserstein"

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample:
        return real_scores - fake_scores


@dataclass(frozen=True)
class DetachedGenerator(Minimax):
    """No gradient reaches the generator."""

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> PerSample:
        return super().generator_loss(real_scores, fake_scores.detach()) + 0.0 * fake_scores


@dataclass(frozen=True)
class ReversedGenerator(Minimax):
    """The generator helps the critic."""

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> PerSample:
        return -super().generator_loss(real_scores, fake_scores)


@dataclass(frozen=True)
class Overflowing(Wasserstein):
    """Exponentials of scores, which overflow once these have grown."""

    scale: float = 1.0

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample:
        return torch.exp(self.scale * fake_scores.float() ** 2 * 30) - real_scores


@dataclass(frozen=True)
class Breaking:
    """One value of one batch in many is not a number (a corrupt file, a division by zero)."""

    share: float
    name = "breaking"

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        bad = torch.rand((), generator=rng) < self.share
        return Samples(
            torch.where(bad, torch.full_like(samples.x, torch.nan), samples.x), samples.y
        )


@dataclass(frozen=True)
class Blinding:
    """The critic sees its samples through so much noise that it can tell nothing."""

    sigma: float
    name = "blinding"

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        noise = torch.randn(samples.x.shape, generator=rng, device=samples.x.device)
        return Samples(samples.x + self.sigma * noise, samples.y)


@dataclass(frozen=True)
class ElsewherePenalty(InputGradientPenalty):
    """A slope of 1 asked for far from the data, where it bounds nothing."""

    name = "gradient_penalty"

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        far = 30.0 + torch.randn(real.x.shape, generator=rng, device=real.x.device)
        return Samples(far, real.y)

    def cost(self, gradients: Tensor) -> PerSample:
        return (gradients.flatten(1).norm(dim=1) - 1).square()


@dataclass(frozen=True)
class Damaged:
    """An MLP architecture whose built networks are changed.

    Attributes:
        networks: that build.
        damage: of one network, in place.
        which: network.
    """

    networks: Architecture
    damage: Callable[[nn.Module], None]
    which: str = "generator"

    def build(self, spec: SampleSpec, latent_dim: int) -> dict[str, nn.Module]:
        built = self.networks.build(spec, latent_dim)
        with torch.no_grad():
            self.damage(built[self.which])
        return built


@dataclass(frozen=True)
class Scaled:
    """Weights times a factor: of every layer, or of the last one alone."""

    factor: float
    last_only: bool = False

    def __call__(self, network: nn.Module) -> None:
        for module in _linear(network)[-1 if self.last_only else 0 :]:
            module.weight.mul_(self.factor)


@dataclass(frozen=True)
class Biased:
    """The same bias in all units of the hidden layers."""

    bias: float

    def __call__(self, network: nn.Module) -> None:
        for module in _linear(network)[:-1]:
            module.bias.fill_(self.bias)


def _linear(network: nn.Module) -> list[nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def _damaged(recipe: Recipe, damage: Callable[[nn.Module], None], which: str, **mlp: Any) -> Recipe:
    assert isinstance(recipe.architecture, MLP)
    return replace(recipe, architecture=Damaged(replace(recipe.architecture, **mlp), damage, which))


def _rates(
    recipe: Recipe, critic: float | None = None, generator: float | None = None, **more: Any
) -> Recipe:
    """Adam with other learning rates."""
    changes: dict[str, Any] = {}
    for name, lr in (("critic_optimiser", critic), ("generator_optimiser", generator)):
        if lr is not None:
            changes[name] = Adam(lr=lr, **{"beta1": 0.5, "beta2": 0.9} | more)
    return replace(recipe, **changes)


def _limited(recipe: Recipe, samples: int, **changes: Any) -> Recipe:
    return replace(recipe, data=replace(recipe.data, limit=samples), **changes)


def _deep(recipe: Recipe, depth: int) -> Recipe:
    """A generator of many layers with weights so small that each passes on a part."""
    mlp = recipe.architecture
    assert isinstance(mlp, MLP)
    deep = replace(mlp, hidden=mlp.hidden[:1] * depth, activation="tanh")
    return replace(recipe, architecture=Damaged(_TwoMLPs(deep, mlp), Scaled(0.3)))


@dataclass(frozen=True)
class _TwoMLPs:
    """One architecture for the generator, another for the critic."""

    generator: MLP
    critic: MLP

    def build(self, spec: SampleSpec, latent_dim: int) -> dict[str, nn.Module]:
        return {
            "generator": self.generator.build(spec, latent_dim)["generator"],
            "critic": self.critic.build(spec, latent_dim)["critic"],
        }


def _critic(recipe: Recipe, **changes: Any) -> Recipe:
    assert isinstance(recipe.architecture, MLP)
    return replace(
        recipe, architecture=_TwoMLPs(recipe.architecture, replace(recipe.architecture, **changes))
    )


COLLAPSE, VANISHING, EXPLODING = "mode_collapse", "generator_vanishing", "exploding_gradients"
SATURATION, OSCILLATION, OVERFITTING = "saturation", "oscillation", "critic_overfitting"
LIPSCHITZ, WEAK, STRONG = "lipschitz", "critic_too_weak", "critic_too_strong"
DIVERGENCE, COPYING, STILL = "divergence", "memorisation", "nothing_learns"
SIGN = "reversed_loss"

CAUSES: Mapping[str, Cause] = {
    "fast generator": Cause(
        (COLLAPSE, OSCILLATION),
        ("nsgan", "lsgan"),
        lambda r, s: replace(
            _rates(r, generator=1e-2 * s, critic=1e-4, beta1=0.9), penalty=(), ema=None
        ),
    ),
    "linear critic": Cause(
        (COLLAPSE, WEAK),
        ("wgan-gp", "nsgan-r1"),
        lambda r, s: _critic(r, hidden=()),
    ),
    "generator without critic": Cause(
        (COLLAPSE, WEAK),
        ("nsgan", "hinge"),
        lambda r, s: replace(_rates(r, critic=2e-6 / s, generator=1e-3), penalty=()),
    ),
    "saturating": Cause(
        (VANISHING, STRONG, STILL),
        ("nsgan",),
        lambda r, s: replace(
            _rates(r, critic=2e-3 * s, generator=2e-5),
            penalty=(),
            n_critic=5,
            objective=Minimax(saturating=True),
        ),
    ),
    "deep and small": Cause(
        (VANISHING, STILL),
        ("nsgan-r1", "wgan-gp"),
        lambda r, s: _deep(r, round(8 * s)),
    ),
    "tiny weights": Cause(
        (VANISHING, STILL),
        ("lsgan", "wgan-gp"),
        lambda r, s: replace(
            _damaged(r, Scaled(1e-3 / s), "generator"),
            generator_optimiser=SGD(lr=1e-3),
        ),
    ),
    "no Lipschitz control": Cause(
        (EXPLODING, LIPSCHITZ, DIVERGENCE),
        ("wgan-gp",),
        lambda r, s: replace(_rates(r, critic=2e-3 * s, generator=1e-3), penalty=(), constraint=()),
    ),
    "rate of the critic": Cause(
        (EXPLODING, DIVERGENCE, LIPSCHITZ),
        ("wgan-gp", "nsgan"),
        lambda r, s: replace(r, critic_optimiser=SGD(lr=3.0 * s, momentum=0.9)),
    ),
    "rate of the generator": Cause(
        (EXPLODING, DIVERGENCE, SATURATION, COLLAPSE),
        ("wgan-gp", "lsgan"),
        lambda r, s: replace(r, generator_optimiser=SGD(lr=30.0 * s, momentum=0.9), ema=None),
    ),
    "saturated output": Cause(
        (SATURATION,),
        ("nsgan-r1", "wgan-gp"),
        lambda r, s: _damaged(r, Scaled(300.0 * s, last_only=True), "generator"),
    ),
    "dead units": Cause(
        (SATURATION, STILL),
        ("nsgan-r1", "wgan-gp"),
        lambda r, s: _damaged(r, Biased(-6.0 * s), "generator", activation="relu"),
    ),
    "saturated critic": Cause(
        (SATURATION, WEAK),
        ("nsgan", "wgan-gp"),
        lambda r, s: _damaged(r, Scaled(40.0 * s), "critic", activation="tanh"),
    ),
    "momentum": Cause(
        (OSCILLATION, COLLAPSE, DIVERGENCE),
        ("nsgan", "lsgan"),
        lambda r, s: replace(
            r,
            critic_optimiser=SGD(lr=0.2 * s, momentum=0.95),
            generator_optimiser=SGD(lr=0.2 * s, momentum=0.95),
            penalty=(),
            ema=None,
        ),
    ),
    "clipping with momentum": Cause(
        (OSCILLATION, COLLAPSE, LIPSCHITZ),
        ("wgan",),
        lambda r, s: replace(
            _rates(r, critic=5e-3 * s, generator=5e-3 * s, beta1=0.9, beta2=0.99),
            constraint=(WeightClipping(0.1),),
            n_critic=1,
            ema=None,
        ),
    ),
    "few samples, minimax": Cause(
        (OVERFITTING, COPYING),
        ("nsgan",),
        lambda r, s: _limited(r, round(48 / s)),
    ),
    "few samples, penalty": Cause(
        (OVERFITTING, COPYING),
        ("wgan-gp",),
        lambda r, s: _limited(r, round(32 / s), penalty=(Term(TwoSided(), 0.1),)),
    ),
    "few samples, hinge": Cause(
        (OVERFITTING, COPYING),
        ("hinge", "lsgan"),
        lambda r, s: _limited(r, round(40 / s)),
    ),
    "penalty too light": Cause(
        (LIPSCHITZ, EXPLODING),
        ("wgan-gp",),
        lambda r, s: replace(r, penalty=(Term(TwoSided(), 1e-5 / s),)),
    ),
    "penalty elsewhere": Cause(
        (LIPSCHITZ, EXPLODING),
        ("wgan-gp",),
        lambda r, s: replace(r, penalty=(Term(ElsewherePenalty(), 10.0),)),
    ),
    "clipped at one": Cause(
        (LIPSCHITZ, EXPLODING, VANISHING),
        ("wgan",),
        lambda r, s: replace(r, constraint=(WeightClipping(1.0 * s),)),
    ),
    "slow critic": Cause(
        (WEAK, COLLAPSE, STILL),
        ("wgan-gp", "wgan"),
        lambda r, s: _rates(r, critic=1e-7 / s),
    ),
    "blind critic": Cause(
        (WEAK,),
        ("wgan-gp", "hinge"),
        lambda r, s: replace(r, stabiliser=(Blinding(30.0 * s),)),
    ),
    "clipped to nothing": Cause(
        (WEAK, VANISHING, STILL),
        ("wgan",),
        lambda r, s: replace(r, constraint=(WeightClipping(1e-4 / s),)),
    ),
    "strong critic, minimax": Cause(
        (STRONG, VANISHING),
        ("nsgan",),
        lambda r, s: replace(_rates(r, critic=3e-3 * s, generator=1e-5), penalty=(), n_critic=5),
    ),
    "strong critic, squares": Cause(
        (STRONG, VANISHING),
        ("lsgan",),
        lambda r, s: replace(_rates(r, critic=3e-3 * s, generator=1e-5), penalty=(), n_critic=5),
    ),
    "strong critic, saturating": Cause(
        (STRONG, VANISHING),
        ("nsgan",),
        lambda r, s: replace(
            _rates(r, critic=1e-3 * s, generator=1e-4),
            penalty=(),
            n_critic=10,
            objective=Minimax(saturating=True),
        ),
    ),
    "rates of one": Cause(
        (DIVERGENCE, EXPLODING, SATURATION, COLLAPSE),
        ("wgan-gp", "lsgan"),
        lambda r, s: _rates(r, critic=1.0 * s, generator=1.0 * s),
    ),
    "corrupt data": Cause(
        (DIVERGENCE,),
        ("wgan-gp", "nsgan"),
        lambda r, s: replace(r, stabiliser=(Breaking(0.002 * s),)),
    ),
    "overflow": Cause(
        (DIVERGENCE, EXPLODING),
        ("wgan-gp",),
        lambda r, s: replace(
            _rates(r, critic=1e-2, generator=1e-3), objective=Overflowing(s), penalty=()
        ),
    ),
    "copies, strong fit": Cause(
        (COPYING, OVERFITTING),
        ("wgan-gp",),
        lambda r, s: _limited(r, round(12 / s)),
    ),
    "copies, minimax": Cause(
        (COPYING, OVERFITTING, COLLAPSE),
        ("nsgan-r1",),
        lambda r, s: _limited(r, round(10 / s)),
    ),
    "copies, hinge": Cause(
        (COPYING, OVERFITTING, COLLAPSE),
        ("hinge",),
        lambda r, s: _limited(r, round(16 / s)),
    ),
    "frozen generator": Cause(
        (STILL,),
        ("nsgan", "wgan-gp"),
        lambda r, s: _rates(r, generator=1e-14),
    ),
    "detached": Cause(
        (STILL,),
        ("nsgan",),
        lambda r, s: replace(r, objective=DetachedGenerator(), penalty=()),
    ),
    "frozen critic": Cause(
        (STILL, WEAK),
        ("hinge", "wgan-gp"),
        lambda r, s: _rates(r, critic=1e-14),
    ),
    "critic reversed": Cause(
        (SIGN,),
        ("wgan-gp",),
        lambda r, s: replace(r, objective=ReversedCritic()),
    ),
    "critic reversed, clipped": Cause(
        (SIGN,),
        ("wgan",),
        lambda r, s: replace(r, objective=ReversedCritic()),
    ),
    "generator reversed": Cause(
        (SIGN, COLLAPSE, STRONG),
        ("nsgan",),
        lambda r, s: replace(r, objective=ReversedGenerator()),
    ),
}

# Sound, but not pretty.
UGLY: Mapping[str, Change] = {
    "as it is": lambda r, s: r,
    "large scale of the loss": lambda r, s: replace(
        r,
        architecture=Damaged(r.architecture, Scaled(10.0, last_only=True), "critic"),  # type: ignore[arg-type]
    ),
    "small batches": lambda r, s: replace(r, training=replace(r.training, batch_size=32)),
    "no average": lambda r, s: replace(r, ema=None),
    "constant rate": lambda r, s: _rates(r, critic=3e-4, generator=3e-4),
    "clipped gradients": lambda r, s: replace(
        r, training=replace(r.training, clip_gradient_norm=1.0)
    ),
    "few hundred samples": lambda r, s: _limited(r, 900),
}

__all__ = ["CAUSES", "UGLY", "Cause", "LeastSquares", "RMSProp"]
