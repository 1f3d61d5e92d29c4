"""Every objective, penalty and constraint of the package, and classes from outside it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from steadygan.conformance import check_constraint, check_objective, check_penalty
from steadygan.constraints import WeightClipping
from steadygan.interfaces import Constraint, Objective, Penalty, Samples
from steadygan.networks.call import score
from steadygan.objectives import Wasserstein
from steadygan.penalties import InputGradientPenalty, TwoSided

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
        ],
    ),
]


@dataclass(frozen=True)
class RelativisticPairing:
    """What comes next must fit already: both losses read both score vectors."""

    needs_real_scores = True

    def critic_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return softplus(fake_scores - real_scores)

    def generator_loss(self, real_scores: Tensor | None, fake_scores: Tensor) -> Tensor:
        assert real_scores is not None
        return softplus(real_scores - fake_scores)


@dataclass(frozen=True)
class RealGradient(InputGradientPenalty):
    """R1 as a user would write it: the points are the real samples themselves."""

    name = "r1"

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        return real

    def cost(self, gradients: Tensor) -> Tensor:
        return gradients.flatten(1).square().sum(1)


@dataclass(frozen=True)
class Consistency:
    """A penalty that is none on a gradient: the general form."""

    def __call__(
        self, critic: nn.Module, real: Samples, fake: Samples, *, rng: torch.Generator
    ) -> Tensor:
        noise = torch.randn(real.x.shape, generator=rng, dtype=real.x.dtype, device=real.x.device)
        return (score(critic, real.x + 0.1 * noise) - score(critic, real.x)).square()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("objective", [Wasserstein(), RelativisticPairing()])
def test_objectives(objective: Objective, device: str) -> None:
    check_objective(objective, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("penalty", [TwoSided(), TwoSided(0.0), RealGradient(), Consistency()])
def test_penalties(penalty: Penalty, device: str) -> None:
    check_penalty(penalty, device)


@pytest.mark.parametrize("constraint", [WeightClipping(0.05)])
def test_constraints(constraint: Constraint) -> None:
    check_constraint(constraint)


# The checks themselves must be able to fail: the mistakes that public code makes, one by one.


class ReducedLoss:
    needs_real_scores = False

    def critic_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return (fake_scores - real_scores).mean()

    def generator_loss(self, real_scores: Tensor | None, fake_scores: Tensor) -> Tensor:
        return -fake_scores.mean()


class ConstantGenerator(ReducedLoss):
    def critic_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return fake_scores - real_scores

    def generator_loss(self, real_scores: Tensor | None, fake_scores: Tensor) -> Tensor:
        return fake_scores * 0


class InPlace(ConstantGenerator):
    def generator_loss(self, real_scores: Tensor | None, fake_scores: Tensor) -> Tensor:
        return fake_scores.neg_()


@pytest.mark.parametrize(
    ("objective", "complaint"),
    [(ReducedLoss(), "shape"), (ConstantGenerator(), "no gradient"), (InPlace(), "in place")],
)
def test_a_wrong_objective_fails(objective: Objective, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_objective(objective)


class Wrong:
    """The gradient penalty with one published mistake."""

    def __init__(self, mistake: str) -> None:
        self.mistake = mistake

    def __call__(
        self, critic: nn.Module, real: Samples, fake: Samples, *, rng: torch.Generator
    ) -> Tensor:
        share = 0.5 if self.mistake != "unseeded" else torch.rand(())
        x = (fake.x + share * (real.x - fake.x)).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(
            critic(x).sum(), x, create_graph=self.mistake != "no graph"
        )
        gradient = gradient.flatten(1)
        if self.mistake == "batch norm":
            return (gradient.norm() - 1).square().expand(len(real))
        cost = (gradient.norm(dim=1) - 1).square()
        if self.mistake == "negative":
            return -cost
        if self.mistake == "no graph":
            return cost + 0 * critic(x).squeeze(1)
        return cost


@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        ("batch norm", "over the batch"),
        ("no graph", "create_graph"),
        ("negative", "negative"),
        ("unseeded", "same seed"),
    ],
)
def test_a_wrong_penalty_fails(mistake: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_penalty(Wrong(mistake))
