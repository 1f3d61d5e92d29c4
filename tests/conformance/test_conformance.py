"""Every objective, penalty, constraint and stabiliser of the package, and classes from outside."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from steadygan.conformance import (
    check_constraint,
    check_objective,
    check_penalty,
    check_stabiliser,
)
from steadygan.constraints import SpectralNorm, WeightClipping, WeightNorm
from steadygan.interfaces import (
    BatchTerm,
    Constraint,
    CriticAverage,
    InputStabiliser,
    LatentStabiliser,
    Objective,
    ParameterTerm,
    Penalty,
    Samples,
    Stabiliser,
)
from steadygan.networks.call import score
from steadygan.objectives import (
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
    InputGradientPenalty,
    OneSided,
    TwoSided,
    ZeroCentred,
)
from steadygan.recipes.components import KINDS
from steadygan.stabilisers import (
    DifferentiableAugmentation,
    FeatureMatching,
    HistoricalAveraging,
    HistoricalCritic,
    InstanceNoise,
    LatentNoise,
    Packing,
)

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
class Tempered:
    """An objective as a user would write it."""

    needs_real_scores = True

    def critic_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        return softplus(2.0 * (fake_scores - real_scores))

    def generator_loss(self, real_scores: Tensor | None, fake_scores: Tensor) -> Tensor:
        assert real_scores is not None
        return softplus(2.0 * (real_scores - fake_scores))


@dataclass(frozen=True)
class RealGradient(InputGradientPenalty):
    """R1 as a user would write it: the points are the real samples themselves."""

    name = "mine"

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


@dataclass(frozen=True)
class Dimmer:
    """A stabiliser from outside: everything the critic sees is dimmed, less and less."""

    name = "dimmer"

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        return Samples(samples.x * (0.5 + 0.5 * progress), samples.y)


OBJECTIVES = [
    Wasserstein(),
    Minimax(),
    Minimax(saturating=True),
    Minimax(real_label=0.9, fake_label=0.1),
    LeastSquares(),
    LeastSquares(1.0, -1.0, 0.0),
    Hinge(),
    RelativisticPairing(),
    RelativisticAverage(),
    Tempered(),
]
PENALTIES = [
    TwoSided(),
    TwoSided(0.0),
    OneSided(0.1),
    ZeroCentred(),
    R1(),
    R2(),
    DRAGAN(),
    # A step at which the difference is as good as the check's own (docs of the class).
    FiniteDifference(TwoSided(), step=1e-3),
    FiniteDifference(R1(), step=1e-3),
    RealGradient(),
    Consistency(),
]
CONSTRAINTS = [WeightClipping(0.05), SpectralNorm(), WeightNorm()]
STABILISERS = [
    InstanceNoise(),
    LatentNoise(),
    HistoricalAveraging(0.1),
    HistoricalCritic(),
    HistoricalCritic(None),
    FeatureMatching(),
    Packing(2),
    DifferentiableAugmentation(),
    Dimmer(),
]


def test_no_method_is_left_out() -> None:
    kinds: dict[object, list[object]] = {
        Objective: [*OBJECTIVES],
        Penalty: [*PENALTIES],
        Constraint: [*CONSTRAINTS],
    }
    for kind in (InputStabiliser, LatentStabiliser, ParameterTerm, BatchTerm, CriticAverage):
        kinds[kind] = [*STABILISERS]
    for kind, checked in kinds.items():
        assert set(KINDS[kind]) <= {type(each) for each in checked}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_objectives(objective: Objective, device: str) -> None:
    check_objective(objective, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_penalties(penalty: Penalty, device: str) -> None:
    check_penalty(penalty, device)


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=str)
def test_constraints(constraint: Constraint) -> None:
    check_constraint(constraint)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("stabiliser", STABILISERS, ids=str)
def test_stabilisers(stabiliser: Stabiliser, device: str) -> None:
    check_stabiliser(stabiliser, device)


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


class WrongNoise:
    """A stabiliser with one mistake."""

    def __init__(self, mistake: str) -> None:
        self.mistake = mistake

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        x = samples.x
        if self.mistake == "in place":
            return Samples(x.add_(1.0))
        if self.mistake == "gradient":
            return Samples(x.detach() + 0 * x)
        if self.mistake == "seed":
            return Samples(x + torch.randn_like(x))
        return Samples(x[1:])


@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [("in place", "in place|inplace"), ("seed", "one seed"), ("lost", "lost")],
)
def test_a_wrong_stabiliser_fails(mistake: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_stabiliser(WrongNoise(mistake))


def test_a_stabiliser_without_a_gradient_fails() -> None:
    with pytest.raises((AssertionError, RuntimeError), match=r"Jacobian|gradient"):
        check_stabiliser(WrongNoise("gradient"))


def test_what_is_no_stabiliser_fails() -> None:
    with pytest.raises(AssertionError, match="no kind"):
        check_stabiliser(R1())  # type: ignore[arg-type]


class Idle:
    """A historical critic that never learns of the critic."""

    def average_critic(self, average: nn.Module, critic: nn.Module, update: int) -> None:
        """Nothing."""


def test_an_average_that_does_not_move_fails() -> None:
    with pytest.raises(AssertionError, match="follow"):
        check_stabiliser(Idle())
