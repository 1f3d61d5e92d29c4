"""A dense critic's joint pass gives torch's scores, input gradients and gradients of both."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from steadygan.interfaces import Samples
from steadygan.networks import MLPCritic
from steadygan.networks.dense_pass import dense_critic
from steadygan.objectives import Wasserstein
from steadygan.penalties import R1, Term, TwoSided, ZeroCentred
from steadygan.step import critic_step

SEQUENTIAL: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Sequential(nn.Linear(5, 1)),
    "relu": lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(),
                                  nn.Linear(6, 1)),
    "leaky, no bias": lambda: nn.Sequential(nn.Linear(5, 7, bias=False), nn.LeakyReLU(0.2),
                                            nn.Linear(7, 1, bias=False)),
    "no activation between": lambda: nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 6), nn.ReLU(),
                                                   nn.Linear(6, 1)),
    "flattened": lambda: nn.Sequential(nn.Flatten(), nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 1)),
    "wide": lambda: nn.Sequential(nn.Linear(5, 300), nn.ReLU(), nn.Linear(300, 300), nn.ReLU(),
                                  nn.Linear(300, 1)),
}  # fmt: skip


def cost(scores: Tensor, gradients: Tensor) -> Tensor:
    weights = torch.linspace(-1.0, 2.0, len(scores), dtype=scores.dtype)
    return (weights * scores).sum() + (gradients.norm(dim=1) - 1.0).square().mean()


def by_torch(critic: nn.Module, x: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    leaves = points.clone().requires_grad_()
    (gradients,) = torch.autograd.grad(critic(leaves).sum(), leaves, create_graph=True)
    return critic(x).squeeze(1), gradients


def jointly(critic: nn.Module, x: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    found = dense_critic(critic, x)
    assert found is not None
    layers, rows = found
    return layers.scores_and_gradients(rows(x, None), rows(points, None))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)], ids=str
)
@pytest.mark.parametrize("name", SEQUENTIAL)
def test_all_that_comes_out_is_torchs(name: str, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    critic = SEQUENTIAL[name]().to(dtype)
    x, points = torch.randn(50, 5, dtype=dtype), torch.randn(30, 5, dtype=dtype)
    mine, its = jointly(critic, x, points), by_torch(critic, x, points)
    for a, b in zip(mine, its, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)
    parameters = list(critic.parameters())
    found = torch.autograd.grad(cost(*mine), parameters)
    expected = torch.autograd.grad(cost(*its), parameters, allow_unused=True)
    for a, c in zip(found, expected, strict=True):
        assert c is not None
        torch.testing.assert_close(a, c, rtol=tolerance, atol=tolerance * float(c.abs().max()))


def test_in_bfloat16_it_is_as_exact_as_torch() -> None:
    torch.manual_seed(0)
    critic = SEQUENTIAL["wide"]()
    parameters = list(critic.parameters())
    x, points = torch.randn(50, 5), torch.randn(30, 5)
    exact = torch.autograd.grad(cost(*by_torch(critic, x, points)), parameters)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine, its = jointly(critic, x, points), by_torch(critic, x, points)
    assert [each.dtype for each in mine] == [torch.float32] * 2
    found = torch.autograd.grad(cost(*mine), parameters)
    expected = torch.autograd.grad(cost(its[0].float(), its[1]), parameters)
    for a, b, c in zip(found, expected, exact, strict=True):
        assert a.dtype == torch.float32
        assert float((a - c).norm()) < 1.5 * float((b - c).norm()) + 1e-6
        assert float((a - c).norm()) < 0.1 * float(c.norm())


def step_gradients(critic: nn.Module, labels: bool) -> list[Tensor]:
    """The critic's gradients of a step with three penalties at different points."""
    torch.manual_seed(1)
    real, fake = torch.randn(2, 12, 3, 2, dtype=torch.float64)
    y = torch.arange(12) % 4 if labels else None
    optimiser = torch.optim.SGD(critic.parameters(), lr=0.0)
    critic_step(
        critic, optimiser, Wasserstein(), Samples(real, y), Samples(fake, y),
        rng=torch.Generator().manual_seed(2), accumulation=2,
        penalties=[Term(TwoSided(), 10.0), Term(R1(), 1.0), Term(ZeroCentred(), 0.5)],
    )  # fmt: skip
    return [p.grad.clone() for p in critic.parameters() if p.grad is not None]


@pytest.mark.parametrize("labels", [False, True])
def test_a_whole_step_is_the_same_with_and_without(
    labels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    critic = MLPCritic((3, 2), hidden=(8, 8), classes=4 if labels else None).double()
    assert dense_critic(critic, torch.zeros(1, 3, 2)) is not None
    jointly = step_gradients(critic, labels)
    monkeypatch.setattr(MLPCritic, "dense_layers", lambda self: None)
    apart = step_gradients(critic, labels)
    assert len(jointly) == len(apart) == 6
    for a, b in zip(jointly, apart, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


class Doubled(MLPCritic):
    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return 2.0 * super().forward(x, y)  # type: ignore[operator]


class Wrapped(nn.Sequential):
    def forward(self, input: Tensor) -> Tensor:
        return 2.0 * super().forward(input)  # type: ignore[no-any-return]


def hooked() -> nn.Module:
    critic = SEQUENTIAL["relu"]()
    critic[1].register_forward_hook(lambda *_: None)  # type: ignore[index]
    return critic


def hooked_itself() -> nn.Module:
    critic = MLPCritic((5,), hidden=(4,))
    critic.register_forward_pre_hook(lambda *_: None)
    return critic


@pytest.mark.parametrize(
    "make",
    [
        lambda: Doubled((5,), hidden=(4,)),
        lambda: Wrapped(nn.Linear(5, 1)),
        lambda: nn.Sequential(nn.Linear(5, 4), nn.SiLU(), nn.Linear(4, 1)),
        lambda: nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 1)),
        lambda: nn.Sequential(nn.Linear(5, 4), nn.LeakyReLU(-0.1), nn.Linear(4, 1)),
        lambda: nn.Sequential(nn.Linear(5, 2)),
        lambda: nn.Sequential(nn.Linear(5, 1), nn.ReLU()),
        lambda: nn.Sequential(spectral_norm(nn.Linear(5, 1))),
        lambda: nn.Sequential(nn.Linear(5, 4), nn.Dropout(), nn.Linear(4, 1)),
        lambda: nn.Sequential(),
        lambda: MLPCritic((5,), hidden=(4,), norm="layer"),
        lambda: MLPCritic((5,), hidden=(4,), minibatch_std=True),
        lambda: MLPCritic((5,), hidden=(4,), classes=3, conditioning="projection"),
        lambda: MLPCritic((5,), hidden=(4,), classes=3, conditioning="auxiliary"),
        hooked,
        hooked_itself,
    ],
)
def test_what_is_more_than_dense_layers_is_left_to_torch(make: Callable[[], nn.Module]) -> None:
    assert dense_critic(make(), torch.zeros(2, 5)) is None


def test_a_linear_layer_on_the_last_axis_is_no_dense_critic() -> None:
    critic = nn.Sequential(nn.Linear(5, 1))
    assert dense_critic(critic, torch.zeros(2, 3, 5)) is None
