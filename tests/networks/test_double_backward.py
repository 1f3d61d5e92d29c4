"""Gradients of input gradients: the same as torch's own, for fewer passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from steadygan.interfaces import SampleSpec
from steadygan.networks import DCGAN, ResNet
from steadygan.networks.double_backward import differentiable_gradients


class Odd(nn.Module):
    """What replacements must leave to torch: in place, without a batch, padding by name."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding="same")
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4 * 64, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.relu(self.first(x), inplace=True)
        hidden = torch.stack([self.second(each) for each in hidden])
        hidden = nn.functional.leaky_relu(hidden, negative_slope=-0.1).relu()
        scores: Tensor = self.head(torch.relu(hidden).flatten(1))
        return scores


CRITICS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (
        lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 7), nn.LeakyReLU(0.2),
                              nn.Linear(7, 1)),
        (5,),
    ),
    "dcgan": (
        lambda: DCGAN(width=4).build(SampleSpec((3, 16, 16), None, None), 4)["critic"],
        (3, 16, 16),
    ),
    "dcgan with layer norm": (
        lambda: DCGAN(width=4, critic_norm="layer").build(
            SampleSpec((3, 16, 16), None, None), 4
        )["critic"],
        (3, 16, 16),
    ),
    "resnet": (
        lambda: ResNet(width=4).build(SampleSpec((3, 32, 32), None, None), 4)["critic"],
        (3, 32, 32),
    ),
    "smooth": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Conv2d(4, 5, 3, bias=False),
                              nn.Tanh(), nn.Flatten(), nn.Linear(5 * 16, 1)),
        (3, 8, 8),
    ),
    "groups, dilation, uneven strides": (
        lambda: nn.Sequential(nn.Conv2d(4, 8, 3, stride=(2, 1), padding=(1, 2), dilation=(1, 2),
                                        groups=2), nn.LeakyReLU(0.2), nn.Flatten(),
                              nn.Linear(8 * 4 * 8, 1)),
        (4, 8, 8),
    ),
    "one axis": (
        lambda: nn.Sequential(nn.Conv1d(2, 4, 5, stride=2), nn.ReLU(),
                              nn.ConvTranspose1d(4, 3, 4, stride=2), nn.Flatten(),
                              nn.Linear(3 * 14, 1)),
        (2, 15),
    ),
    "three axes": (
        lambda: nn.Sequential(nn.Conv3d(2, 4, 3), nn.ReLU(), nn.ConvTranspose3d(4, 3, 3),
                              nn.Flatten(), nn.Linear(3 * 125, 1)),
        (2, 5, 5, 5),
    ),
    "transposed": (
        lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 4, 2, 1, output_padding=1, groups=2),
                              nn.LeakyReLU(0.2), nn.Conv2d(6, 3, 3), nn.ReLU(), nn.Flatten(),
                              nn.Linear(3 * 49, 1)),
        (4, 4, 4),
    ),
    "odd": (Odd, (3, 8, 8)),
}  # fmt: skip


def penalty_gradients(
    critic: nn.Module, x: Tensor, gradients: Callable[[Callable[[], Tensor], Tensor], Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """The input gradients, and those of mean (‖·‖ − 1)² by every parameter."""
    points = x.clone().requires_grad_()
    found = gradients(lambda: critic(points).sum(), points)
    cost = (found.flatten(1).norm(dim=1) - 1.0).square().mean()
    parameters = list(critic.parameters())
    by_parameters = torch.autograd.grad(cost, parameters, allow_unused=True)
    pairs = zip(by_parameters, parameters, strict=True)
    return found.detach(), [torch.zeros_like(p) if g is None else g for g, p in pairs]


def ours(score: Callable[[], Tensor], points: Tensor) -> Tensor:
    return differentiable_gradients(score, [points])[0]


def torchs(score: Callable[[], Tensor], points: Tensor) -> Tensor:
    return torch.autograd.grad(score(), points, create_graph=True)[0]


@pytest.mark.parametrize("name", CRITICS)
def test_the_same_gradients_as_torchs_own(name: str) -> None:
    make, shape = CRITICS[name]
    torch.manual_seed(0)
    critic = make().double()
    x = torch.randn(6, *shape, dtype=torch.float64)
    found, mine = penalty_gradients(critic, x, ours)
    expected, its = penalty_gradients(critic, x, torchs)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    assert max(float(each.norm()) for each in its) > 1e-3
    for a, b in zip(mine, its, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)


def test_under_autocast_too() -> None:
    make, shape = CRITICS["dcgan"]
    torch.manual_seed(0)
    critic = make()
    x = torch.randn(16, *shape)
    _, exact = penalty_gradients(critic, x, torchs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, mine = penalty_gradients(critic, x, ours)
        _, its = penalty_gradients(critic, x, torchs)
    assert found.dtype == torch.float32  # as the points are
    for a, b, c in zip(mine, its, exact, strict=True):
        if float(c.norm()) > 1e-6:
            assert a.dtype == torch.float32
            assert float((a - b).norm()) < 0.01 * float(b.norm())
            assert float((a - c).norm()) < 0.05 * float(c.norm())


class Counting(TorchDispatchMode):
    """The convolutions that are carried out, forward or backward, and what kernels they have."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.largest_kernel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name == "convolution":
            self.calls["passes"] += 1
            self.largest_kernel = max(self.largest_kernel, *args[1].shape[2:])
        if name == "convolution_backward":
            self.calls["passes"] += sum(args[-1][:2])
        return func(*args, **(kwargs or {}))


def test_a_piecewise_linear_critic_costs_four_passes_per_layer() -> None:
    """Forward, back to the points, and of the penalty's gradient one pass up the layers and one for
    the weights; torch's own takes two more through the forward pass, and kernels as large as an
    image."""
    make, shape = CRITICS["dcgan"]
    critic = make()
    layers = sum(isinstance(module, nn.Conv2d) for module in critic.modules())
    counts = {}
    for name, gradients in (("ours", ours), ("torch's", torchs)):
        with Counting() as counting:
            penalty_gradients(critic, torch.randn(4, *shape), gradients)
        counts[name] = counting
    assert counts["ours"].calls["passes"] == 4 * layers
    assert counts["ours"].largest_kernel == 4
    assert counts["torch's"].calls["passes"] > 5 * layers


def test_a_third_derivative_is_refused_and_not_wrong() -> None:
    critic = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(4, 1))
    points = torch.randn(3, 1, 4, requires_grad=True)
    found = ours(lambda: critic(points).sum(), points)
    by_weight = torch.autograd.grad(found.square().sum(), critic[0].weight, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        by_weight.square().sum().backward()
