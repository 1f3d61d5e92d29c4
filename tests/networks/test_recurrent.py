from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.interfaces import Samples, SampleSpec
from steadygan.networks import Recurrent, RecurrentCritic, check_networks, couples_samples
from steadygan.penalties import TwoSided


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("shape", [(7,), (7, 3)])
def test_shapes(cell: str, shape: tuple[int, ...]) -> None:
    networks = Recurrent(hidden=6, depth=2, cell=cell).build(SampleSpec(shape, (0.0, 1.0)), 4)
    check_networks(networks, SampleSpec(shape, (0.0, 1.0)), 4)
    fake = networks["generator"](10 * torch.randn(5, 4))
    assert fake.shape == (5, *shape)
    assert fake.min() >= 0
    assert fake.max() <= 1
    assert networks["critic"](fake).shape == (5,)
    assert not couples_samples(networks["critic"], fake.detach())


def test_steps_differ_and_order_matters() -> None:
    torch.manual_seed(0)
    networks = Recurrent(hidden=16).build(SampleSpec((6, 2)), 4)
    fake = networks["generator"](torch.randn(3, 4)).detach()
    assert not torch.allclose(fake[:, 0], fake[:, 1])
    assert not torch.allclose(networks["critic"](fake), networks["critic"](fake.flip(1)))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_gradient_penalty_has_its_second_derivative(
    cell: str, check_double_backward: Callable[[nn.Module, Tensor], None]
) -> None:
    critic = RecurrentCritic((4, 2), hidden=3, cell=cell)
    check_double_backward(critic, torch.randn(2, 4, 2))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gradient_penalty_on_a_gpu_goes_without_cudnn() -> None:
    critic = RecurrentCritic((4, 2), hidden=8).cuda()
    real, fake = (Samples(torch.randn(5, 4, 2, device="cuda")) for _ in range(2))
    cost = TwoSided()(critic, real, fake, rng=torch.Generator("cuda"))
    torch.autograd.backward(cost.mean())
    assert all(p.grad is not None for p in critic.body.parameters())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(NetworkError, match="sequences"):
        Recurrent().build(SampleSpec((1, 8, 8)), 4)
    with pytest.raises(NetworkError, match="Did you mean 'gru'"):
        Recurrent(cell="grru")
    with pytest.raises(NetworkError, match="depth"):
        Recurrent(depth=0)
