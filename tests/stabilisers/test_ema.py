from __future__ import annotations

import pytest
import torch
from torch import nn

from steadygan.stabilisers import EMA, ema_decay, untrained_copy, update_average


def make() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_weights_and_buffers_are_averaged_and_counters_copied() -> None:
    network = make()
    average = untrained_copy(network)
    start = {name: value.clone() for name, value in average.state_dict().items()}
    network(torch.randn(16, 3) * 5 + 2)  # moves the running statistics
    with torch.no_grad():
        network[0].weight.add_(1.0)
    update_average(average, network, 0.9)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            expected = 0.9 * start[name] + 0.1 * value
            assert torch.allclose(average.state_dict()[name], expected, atol=1e-6), name
        else:
            assert torch.equal(average.state_dict()[name], value), name
    assert not torch.equal(start["1.running_mean"], average.state_dict()["1.running_mean"])


def test_the_average_is_a_copy_without_gradients() -> None:
    network = make()
    average = untrained_copy(network)
    with torch.no_grad():
        network[0].weight.zero_()
    assert average[0].weight.abs().sum() > 0
    assert not any(p.requires_grad for p in average.parameters())


def test_the_decay_warms_up_to_its_value() -> None:
    decays = [ema_decay(0.99, n) for n in (0, 10, 100, 10_000)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[-1] == 0.99


def test_bad_decays_are_refused() -> None:
    for decay in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match=r"ema\.decay"):
            EMA(decay)
