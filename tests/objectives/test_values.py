"""Each objective against a table computed by hand from its paper's formula.

Real scores (2, 0, −1), fake scores (1, −1, 3); σ(0) = 1/2, σ(1) = 0.7310586, σ(2) = 0.8807971,
σ(3) = 0.9525741.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from steadygan.errors import RecipeError
from steadygan.interfaces import Objective
from steadygan.objectives import (
    AuxiliaryClassifier,
    Hinge,
    LeastSquares,
    Minimax,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
)

REAL = torch.tensor([2.0, 0.0, -1.0], dtype=torch.float64)
FAKE = torch.tensor([1.0, -1.0, 3.0], dtype=torch.float64)

# −log σ(k) for k from −5 to 5, from tables of the logistic function.
L = {
    -5: 5.0067153, -4: 4.0181499, -3: 3.0485874, -2: 2.1269280, -1: 1.3132617, 0: 0.6931472,
    1: 0.3132617, 2: 0.1269280, 3: 0.0485874, 4: 0.0181499, 5: 0.0067153,
}  # fmt: skip

TABLE: list[tuple[Objective, list[float], list[float]]] = [
    (Wasserstein(), [1 - 2, -1 - 0, 3 + 1], [-1, 1, -3]),
    # −log σ(real) − log(1 − σ(fake)) = L(real) + L(−fake); generator −log σ(fake) = L(fake)
    (Minimax(), [L[2] + L[-1], L[0] + L[1], L[-1] + L[-3]], [L[1], L[-1], L[3]]),
    # … or log(1 − σ(fake)) = −L(−fake)
    (
        Minimax(saturating=True),
        [L[2] + L[-1], L[0] + L[1], L[-1] + L[-3]],
        [-L[-1], -L[1], -L[-3]],
    ),
    # one-sided smoothing: 0.9 L(real) + 0.1 L(−real) + L(−fake)
    (
        Minimax(real_label=0.9),
        [0.9 * L[2] + 0.1 * L[-2] + L[-1], L[0] + L[1], 0.9 * L[-1] + 0.1 * L[1] + L[-3]],
        [L[1], L[-1], L[3]],
    ),
    # ½ (real − 1)² + ½ fake²; ½ (fake − 1)²
    (LeastSquares(), [0.5 + 0.5, 0.5 + 0.5, 2 + 4.5], [0.0, 2.0, 2.0]),
    # labels −1 and 1, target 0: ½ (real − 1)² + ½ (fake + 1)²; ½ fake²
    (LeastSquares(1.0, -1.0, 0.0), [0.5 + 2, 0.5 + 0, 2 + 8], [0.5, 0.5, 4.5]),
    # max(0, 1 − real) + max(0, 1 + fake); −fake
    (Hinge(), [0 + 2, 1 + 0, 2 + 4], [-1, 1, -3]),
    # L(real − fake); L(fake − real)
    (RelativisticPairing(), [L[1], L[1], L[-4]], [L[-1], L[-1], L[4]]),
]


@pytest.mark.parametrize(("objective", "critic", "generator"), TABLE, ids=lambda x: str(x)[:40])
def test_values_are_those_of_the_formula(
    objective: Objective, critic: list[float], generator: list[float]
) -> None:
    assert objective.critic_loss(REAL, FAKE).tolist() == pytest.approx(critic, abs=1e-6)
    given = REAL if objective.needs_real_scores else None
    assert objective.generator_loss(given, FAKE).tolist() == pytest.approx(generator, abs=1e-6)


def test_relativistic_average_takes_the_mean_of_the_other_side() -> None:
    # mean real 1/3, mean fake 1: L(real − 1) + L(−(fake − 1/3)) for the critic
    def minus_log_sigma(x: float) -> float:
        return math.log1p(math.exp(-x))

    real, fake, third = REAL.tolist(), FAKE.tolist(), 1 / 3
    critic = [
        minus_log_sigma(r - 1) + minus_log_sigma(third - f) for r, f in zip(real, fake, strict=True)
    ]
    generator = [
        minus_log_sigma(f - third) + minus_log_sigma(1 - r) for r, f in zip(real, fake, strict=True)
    ]
    objective = RelativisticAverage()
    assert objective.critic_loss(REAL, FAKE).tolist() == pytest.approx(critic)
    assert objective.generator_loss(REAL, FAKE).tolist() == pytest.approx(generator)


def test_a_sure_critic_stops_the_saturating_generator_and_not_the_other() -> None:
    def slope(objective: Objective) -> float:
        fake = torch.tensor([-20.0], requires_grad=True)
        (gradient,) = torch.autograd.grad(objective.generator_loss(None, fake).sum(), fake)
        return abs(float(gradient))

    assert slope(Minimax(saturating=True)) < 1e-8
    assert slope(Minimax()) == pytest.approx(1.0)


@pytest.mark.parametrize("score", [-1e4, 1e4])
def test_extreme_scores_stay_finite(score: float) -> None:
    for objective, _, _ in TABLE:
        scores = torch.full((2,), score, requires_grad=True)
        loss = objective.critic_loss(scores, scores) + objective.generator_loss(scores, scores)
        (slope,) = torch.autograd.grad(loss.sum(), scores)
        assert torch.isfinite(loss).all(), objective
        assert torch.isfinite(slope).all(), objective


def test_the_auxiliary_classifier_is_the_cross_entropy_of_both_batches() -> None:
    def logits(*rows: list[float]) -> Tensor:
        return torch.tensor(rows, dtype=torch.float64).log()

    real = logits([0.5, 0.25, 0.25], [0.1, 0.2, 0.7])
    fake = logits([0.2, 0.6, 0.2], [0.25, 0.25, 0.5])
    real_y, fake_y = torch.tensor([0, 2]), torch.tensor([1, 0])
    auxiliary = AuxiliaryClassifier(weight=2.0, generator_weight=0.5)
    expected = [-2 * (math.log(0.5) + math.log(0.6)), -2 * (math.log(0.7) + math.log(0.25))]
    assert auxiliary.critic_loss(real, real_y, fake, fake_y).tolist() == pytest.approx(expected)
    expected = [-0.5 * math.log(0.6), -0.5 * math.log(0.25)]
    assert auxiliary.generator_loss(fake, fake_y).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Minimax(real_label=0.1, fake_label=0.2),
        lambda: Minimax(real_label=1.1),
        lambda: LeastSquares(real_label=-1.0),
        lambda: AuxiliaryClassifier(weight=0.0),
    ],
)
def test_what_cannot_be_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(RecipeError):
        make()
