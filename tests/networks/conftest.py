from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors here are tiny: on a busy machine more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def check_double_backward() -> Callable[[nn.Module, Tensor], None]:
    """Second derivatives by input and parameters against finite differences, in float64."""

    def check(critic: nn.Module, x: Tensor) -> None:
        critic = critic.double()
        names = [name for name, _ in critic.named_parameters()]
        values = [p.detach().clone().requires_grad_() for p in critic.parameters()]

        def score(x: Tensor, *values: Tensor) -> Tensor:
            # The square makes the second derivative non-zero for piecewise linear critics too.
            scores = functional_call(critic, dict(zip(names, values, strict=True)), (x,))
            return scores.square()

        x = x.double().requires_grad_()
        assert torch.autograd.gradgradcheck(score, (x, *values), fast_mode=True)

    return check


@pytest.fixture
def penalty_gradients() -> Callable[[nn.Module, Tensor], dict[str, Tensor | None]]:
    """Each parameter's gradient of the two-sided penalty at ``x``."""

    def gradients(critic: nn.Module, x: Tensor) -> dict[str, Tensor | None]:
        x = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        ((g.flatten(1).norm(dim=1) - 1) ** 2).mean().backward()
        return {name: p.grad for name, p in critic.named_parameters()}

    return gradients
