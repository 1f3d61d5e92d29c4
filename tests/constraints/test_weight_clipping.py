from __future__ import annotations

import pytest
import torch
from torch import nn

from steadygan.constraints import WeightClipping
from steadygan.objectives import Wasserstein
from steadygan.step import critic_step


def test_every_parameter_stays_within_the_limit_after_every_update() -> None:
    critic = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    clipping = WeightClipping(0.01)
    clipping.prepare(critic)
    start = [p.detach().clone() for p in critic.parameters()]
    optimiser = torch.optim.RMSprop(critic.parameters(), lr=0.05)
    for seed in range(5):
        rng = torch.Generator().manual_seed(seed)
        critic_step(
            critic, optimiser, Wasserstein(), torch.randn(8, 4, generator=rng) + 1,
            torch.randn(8, 4, generator=rng), rng=rng, constraints=[clipping],
        )  # fmt: skip
        assert all(p.abs().max() <= 0.01 for p in critic.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(start, critic.parameters(), strict=True))


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_limit_that_is_not_positive_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match=r"constraint\.limit"):
        WeightClipping(limit)
