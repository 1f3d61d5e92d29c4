"""The trials: their numbers against what is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from steadygan.diagnosis import trial
from steadygan.interfaces import Samples
from steadygan.objectives import Hinge, LeastSquares, Minimax, RelativisticPairing, Wasserstein
from steadygan.penalties import R1, OneSided, TwoSided


def test_coupling_is_zero_without_and_one_where_the_sum_says_nothing() -> None:
    x = torch.randn(8, 3)
    assert trial.coupling(lambda z: z.square().sum(1), x) == 0.0
    # Centred scores sum to zero whatever x is, so the sum's gradient is no sample's own.
    assert trial.coupling(lambda z: z.sum(1) - z.sum(1).mean(), x) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    "packs",
    [lambda z: z.reshape(4, 6), lambda z: torch.cat(z.chunk(2), 1)],
    ids=["that follow each other", "of halves"],
)
def test_what_samples_of_one_pack_share_is_no_coupling(packs: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(8, 3)
    assert trial.coupling(lambda z: packs(z).square().sum(1).sqrt(), x) < 1e-6
    centred = trial.coupling(lambda z: packs(z).sum(1) - z.sum() / 4, x)
    assert centred == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("end", "low", "high"),
    [
        (nn.Sigmoid(), 0.0, 1.0),
        (nn.Tanh(), -1.0, 1.0),
        (nn.ReLU(), 0.0, math.inf),
        (nn.Identity(), -math.inf, math.inf),
        (nn.Hardtanh(-3.0, 2.0), -3.0, 2.0),
    ],
    ids=str,
)
def test_reach(end: nn.Module, low: float, high: float) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3), end)
    x = torch.randn(8, 4)
    found = trial.reach(network, lambda n: n(x))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high))


def test_reach_is_unknown_where_weights_have_no_scale() -> None:
    network = torch.nn.utils.parametrizations.spectral_norm(nn.Linear(4, 1, bias=False))
    x = torch.randn(8, 4)
    assert trial.reach(network.eval(), lambda n: n(x)) is None


def test_only_some_objectives_reward_any_slope() -> None:
    assert trial.rewards_any_slope(Wasserstein())
    for objective in (Minimax(), Hinge(), LeastSquares(), RelativisticPairing()):
        assert not trial.rewards_any_slope(objective)


def test_scores_between_0_and_1_are_enough_for_least_squares_alone() -> None:
    unit = trial.Range(0.0, 1.0)
    assert trial.share_within(LeastSquares(), unit) == pytest.approx(1.0)
    for objective in (Minimax(), Hinge(), Wasserstein()):
        assert trial.share_within(objective, unit) < 0.6
    assert trial.share_within(Hinge(), trial.Range(-1.0, 1.0)) == pytest.approx(1.0)


@pytest.mark.parametrize("norm", [0.0, 0.5, 1.0, 3.0])
def test_costs_at_a_known_slope(norm: float) -> None:
    like = Samples(torch.randn(4, 1, 3, 3))
    assert trial.cost_at_slope(TwoSided(), norm, like) == pytest.approx((norm - 1) ** 2, abs=1e-5)
    assert trial.cost_at_slope(OneSided(), norm, like) == pytest.approx(max(0, norm - 1) ** 2)
    assert trial.cost_at_slope(R1(), norm, like) == pytest.approx(norm**2)


def test_a_penalty_is_as_steep_as_finite_differences_find() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1))
    real, fake = Samples(torch.randn(6, 3)), Samples(torch.randn(6, 3))
    assert trial.worst_slope_error(TwoSided(), critic, real, fake) < 1e-4


def test_one_whose_graph_is_cut_is_not() -> None:
    def half(critic: nn.Module, real: Samples, fake: Samples, *, rng: torch.Generator) -> Tensor:
        x = real.x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return (gradient.norm(dim=1) - 1).square() * gradient.norm(dim=1).detach()

    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1))
    real = Samples(torch.randn(6, 3))
    assert trial.worst_slope_error(half, critic, real, real) > 0.3
