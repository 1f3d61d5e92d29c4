from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from steadygan.interfaces import Samples
from steadygan.penalties import (
    Term,
    TwoSided,
    gradient_norms,
    input_gradients,
    interpolates,
    two_sided_cost,
)
from steadygan.schedules import Linear


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 10_000))
def test_on_a_linear_critic_it_is_the_squared_distance_of_the_norm_from_one(
    dimensions: int, batch: int, seed: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    critic = nn.Linear(dimensions, 1).double()
    with torch.no_grad():
        critic.weight.copy_(3 * torch.randn(1, dimensions, generator=rng, dtype=torch.float64))
    real, fake = (
        Samples(torch.randn(batch, dimensions, generator=rng, dtype=torch.float64))
        for _ in range(2)
    )
    cost = TwoSided()(critic, real, fake, rng=rng)
    expected = (critic.weight.detach().norm() - 1).square()
    assert (cost - expected).abs().max() <= 1e-12


def test_on_a_quadratic_critic_it_is_the_distance_from_the_origin() -> None:
    class Quadratic(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0.5 * x.flatten(1).square().sum(1)

    rng = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(7, 2, 3, 3, generator=rng, dtype=torch.float64) for _ in range(2))
    points = TwoSided().points(Samples(real), Samples(fake), rng=torch.Generator().manual_seed(9))
    cost = TwoSided()(
        Quadratic(), Samples(real), Samples(fake), rng=torch.Generator().manual_seed(9)
    )
    expected = (points.x.flatten(1).norm(dim=1) - 1).square()
    assert torch.allclose(cost, expected, rtol=1e-12)


def test_each_sample_has_a_norm_of_its_own() -> None:
    # One norm over the batch would give (√64 − 1)² = 49 for 64 unit gradients.
    gradients = torch.zeros(64, 3, 4, 4)
    gradients[:, 1, 2, 0] = 1.0
    assert torch.allclose(two_sided_cost(gradients), torch.zeros(64), atol=1e-12)
    assert gradient_norms(gradients).shape == (64,)


def test_a_zero_gradient_has_a_finite_derivative() -> None:
    gradients = torch.zeros(3, 5, requires_grad=True)
    (slope,) = torch.autograd.grad(two_sided_cost(gradients).sum(), gradients)
    assert torch.isfinite(slope).all()


def test_reduced_precision_is_reduced_in_float32() -> None:
    gradients = torch.full((2, 10_000), 0.01, dtype=torch.bfloat16)
    norms = gradient_norms(gradients)
    assert norms.dtype == torch.float32
    assert torch.allclose(norms, torch.full((2,), float(gradients[0, 0]) * 100), rtol=1e-4)


def test_epsilon_is_uniform_and_one_per_sample() -> None:
    n = 20_000
    real, fake = torch.ones(n, 2, 2), torch.zeros(n, 2, 2)
    points = interpolates(real, fake, rng=torch.Generator().manual_seed(0))
    epsilon = points[:, 0, 0]
    assert torch.equal(points, epsilon[:, None, None].expand_as(points))  # same over dimensions
    assert epsilon.min() >= 0
    assert epsilon.max() < 1
    # Uniform: every decile holds a tenth, within 5 standard deviations; a normal would not.
    deciles = torch.histc(epsilon, bins=10, min=0, max=1) / n
    assert (deciles - 0.1).abs().max() < 5 * (0.1 * 0.9 / n) ** 0.5


def test_interpolates_lie_between_real_and_fake() -> None:
    real, fake = torch.randn(9, 4), torch.randn(9, 4)
    points = interpolates(real, fake, rng=torch.Generator().manual_seed(0))
    assert (points <= torch.maximum(real, fake) + 1e-6).all()
    assert (points >= torch.minimum(real, fake) - 1e-6).all()
    with pytest.raises(ValueError, match="one to one"):
        interpolates(real, fake[:4], rng=torch.Generator())


def test_input_gradients_of_a_linear_critic_are_its_weights() -> None:
    critic = nn.Linear(4, 1)
    x = torch.randn(5, 4, requires_grad=True)
    gradients = input_gradients(critic(x).squeeze(1), x)
    assert torch.allclose(gradients, critic.weight.expand(5, 4))
    assert gradients.requires_grad


def test_a_term_weighs_by_schedule_and_interval() -> None:
    term = Term(TwoSided(), weight=Linear(10.0, 0.0), every=4)
    assert term.name == "gradient_penalty"
    assert term.factor(0.5) == 20.0
    assert [update for update in range(9) if term.is_due(update)] == [0, 4, 8]
    with pytest.raises(ValueError, match="at least 1"):
        Term(TwoSided(), every=0)
