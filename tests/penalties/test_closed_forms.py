"""Each penalty on a linear critic w·x, whose gradient is w everywhere, and on ½‖x‖², whose gradient
is x itself: there the value is known in closed form at the points it is taken at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from steadygan.errors import RecipeError
from steadygan.interfaces import GradientPenalty, Samples
from steadygan.penalties import (
    DRAGAN,
    R1,
    R2,
    FiniteDifference,
    OneSided,
    TwoSided,
    ZeroCentred,
    around,
)

# penalty, and its value from the norm of the gradient
CASES = [
    (TwoSided(), lambda norm: (norm - 1) ** 2),
    (TwoSided(0.5), lambda norm: (norm - 0.5) ** 2),
    (OneSided(), lambda norm: (norm - 1).clamp(min=0) ** 2),
    (ZeroCentred(), lambda norm: norm**2),
    (R1(), lambda norm: norm**2),
    (R2(), lambda norm: norm**2),
    (DRAGAN(), lambda norm: (norm - 1) ** 2),
]


def batch(seed: int, scale: float = 1.0) -> Samples:
    rng = torch.Generator().manual_seed(seed)
    return Samples(scale * torch.randn(9, 2, 3, generator=rng, dtype=torch.float64))


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(3)


class Quadratic(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x.flatten(1).square().sum(1)


@pytest.mark.parametrize("length", [0.3, 1.0, 2.5])
@pytest.mark.parametrize(("penalty", "expected"), CASES, ids=lambda x: str(x)[:20])
def test_on_a_linear_critic(penalty: GradientPenalty, expected: object, length: float) -> None:
    assert callable(expected)
    linear = nn.Linear(6, 1).double()
    with torch.no_grad():
        linear.weight.mul_(length / linear.weight.norm())
    cost = penalty(nn.Sequential(nn.Flatten(), linear), batch(0), batch(1), rng=rng())
    value = expected(torch.tensor(length, dtype=torch.float64))
    assert (cost - value).abs().max() < 1e-12


@pytest.mark.parametrize("scale", [0.1, 1.0])
@pytest.mark.parametrize(("penalty", "expected"), CASES, ids=lambda x: str(x)[:20])
def test_on_a_quadratic_critic(penalty: GradientPenalty, expected: object, scale: float) -> None:
    assert callable(expected)
    real, fake = batch(0, scale), batch(1, scale)
    points = penalty.points(real, fake, rng=rng())
    cost = penalty(Quadratic(), real, fake, rng=rng())
    value = expected(points.x.flatten(1).norm(dim=1))
    torch.testing.assert_close(cost, value, rtol=1e-9, atol=1e-9)


def test_where_each_is_taken() -> None:
    real, fake = batch(0), batch(1)
    assert torch.equal(R1().points(real, fake, rng=rng()).x, real.x)
    assert torch.equal(R2().points(real, fake, rng=rng()).x, fake.x)
    between = ZeroCentred().points(real, fake, rng=rng()).x
    torch.testing.assert_close(between, TwoSided().points(real, fake, rng=rng()).x)
    share = (between - fake.x) / (real.x - fake.x)
    assert share.flatten(1).std(dim=1).max() < 1e-9  # on the line between its own pair


def test_dragan_stays_near_the_data_by_its_spread() -> None:
    real = Samples(5.0 + 3.0 * torch.randn(4_000, 7, generator=torch.Generator().manual_seed(0)))
    spread = float(real.x.std())
    moves = around(real.x, 0.5, rng=rng()) - real.x
    assert moves.min() >= 0
    assert 0.45 * spread < moves.max() <= 0.5 * spread
    # one share of the line times U[0, 1) each: mean ¼ of the largest move
    assert float(moves.mean()) == pytest.approx(0.25 * 0.5 * spread, rel=0.05)
    with pytest.raises(RecipeError, match="scale"):
        DRAGAN(scale=0.0)


def test_one_sided_leaves_gentle_slopes_alone() -> None:
    gradients = torch.tensor([[0.3, 0.4], [3.0, 4.0]])
    assert OneSided().cost(gradients).tolist() == pytest.approx([0.0, 16.0])


def smooth_critic(dtype: torch.dtype) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        hidden = [nn.Linear(6, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU()]
        return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(32, 1)).to(dtype)


def gradient(penalty: object, critic: nn.Module, dtype: torch.dtype) -> Tensor:
    assert callable(penalty)
    real, fake = Samples(batch(0).x.to(dtype)), Samples(batch(1).x.to(dtype))
    cost = penalty(critic, real, fake, rng=rng()).mean()
    parameters = list(critic.parameters())
    parts = torch.autograd.grad(cost, parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([part.flatten() for part in parts])


@pytest.mark.parametrize("penalty", [TwoSided(), R1()], ids=str)
@pytest.mark.parametrize(
    ("dtype", "step", "error"),
    [(torch.float64, 1e-3, 1e-6), (torch.float64, 1e-2, 1e-4), (torch.float32, 1e-2, 1e-2)],
)
def test_the_finite_difference_is_as_near_as_it_says(
    penalty: GradientPenalty, dtype: torch.dtype, step: float, error: float
) -> None:
    critic = smooth_critic(dtype)
    exact = gradient(penalty, critic, dtype)
    near = gradient(FiniteDifference(penalty, step=step), critic, dtype)
    assert float((near - exact).norm() / exact.norm()) < error


def test_the_finite_difference_needs_no_second_derivative() -> None:
    class Once(torch.autograd.Function):
        """Differentiable once: as cuDNN's recurrent layers are."""

        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: torch.autograd.function.FunctionCtx, slope: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
            return slope * x.cos()

    class Critic(nn.Module):
        def __init__(self, wave: Callable[[Tensor], Tensor]) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.last = nn.Linear(6, 8).double(), nn.Linear(8, 1).double()
            self.wave = wave

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.last(self.wave(self.first(x.flatten(1))))
            return scores

    once, twice = Critic(Once.apply), Critic(torch.sin)
    exact = gradient(TwoSided(), twice, torch.float64)
    wrong = gradient(TwoSided(), once, torch.float64)  # parts of it are lost without a word
    near = gradient(FiniteDifference(TwoSided()), once, torch.float64)
    assert float((wrong - exact).norm() / exact.norm()) > 0.1
    assert float((near - exact).norm() / exact.norm()) < 1e-4


def test_what_the_finite_difference_cannot_wrap_is_refused() -> None:
    with pytest.raises(RecipeError, match="gradient penalty"):
        FiniteDifference(FiniteDifference(R1()))  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="step"):
        FiniteDifference(R1(), step=0.0)


def test_dragan_uses_its_scale() -> None:
    real, fake = batch(0), batch(1)
    near, far = (DRAGAN(scale=s).points(real, fake, rng=rng()).x - real.x for s in (0.1, 0.4))
    torch.testing.assert_close(4.0 * near, far)


def test_the_finite_difference_is_not_for_kinks_as_it_says() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)]
        critic = nn.Sequential(nn.Flatten(), *layers).double()
    exact = gradient(TwoSided(), critic, torch.float64)
    near = [
        gradient(FiniteDifference(TwoSided(), step=step), critic, torch.float64)
        for step in (1e-1, 1e-2, 1e-3)
    ]
    errors = [float((each - exact).norm()) for each in near]
    assert max(errors) > 0.1 * float(exact.norm())  # a smaller step does not make it right
