from __future__ import annotations

import pytest
import torch
from torch import nn

from steadygan.schedules import Linear
from steadygan.training import (
    SGD,
    Adam,
    AdamW,
    OptimiserSettings,
    OptimisticAdam,
    RMSProp,
)
from steadygan.training.optimisers import set_values

ALL = [
    Adam(1e-2), AdamW(1e-2), OptimisticAdam(1e-2), RMSProp(1e-2), SGD(1e-2, momentum=0.5),
]  # fmt: skip


@pytest.mark.parametrize("settings", ALL)
def test_each_descends(settings: OptimiserSettings) -> None:
    x = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimiser = settings.build([x])
    start = float(x.detach().square().sum())
    for _ in range(50):
        optimiser.zero_grad()
        x.square().sum().backward()
        optimiser.step()
    assert float(x.detach().square().sum()) < start


@pytest.mark.parametrize("settings", ALL)
def test_each_takes_what_it_says(settings: OptimiserSettings) -> None:
    (group,) = settings.build([nn.Parameter(torch.ones(1))]).param_groups
    for name in ("eps", "momentum", "alpha", "weight_decay"):
        if hasattr(settings, name):
            assert group[name] == getattr(settings, name)
    if isinstance(settings, Adam | AdamW):
        assert group["betas"] == (settings.beta1, settings.beta2)


def test_a_schedule_moves_the_learning_rate() -> None:
    settings = Adam(lr=Linear(1e-3, 0.0))
    optimiser = settings.build([nn.Parameter(torch.ones(1))])
    rates = []
    for progress in (0.0, 0.25, 1.0):
        set_values(optimiser, settings, progress)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([1e-3, 7.5e-4, 0.0])


@pytest.mark.parametrize("kind", [Adam, AdamW, OptimisticAdam])
def test_a_schedule_moves_the_betas(kind: type[Adam]) -> None:
    settings = kind(beta1=Linear(0.5, 0.1), beta2=Linear(0.9, 0.99))
    optimiser = settings.build([nn.Parameter(torch.ones(1))])
    assert optimiser.param_groups[0]["betas"] == pytest.approx((0.5, 0.9))
    set_values(optimiser, settings, 0.5)
    assert optimiser.param_groups[0]["betas"] == pytest.approx((0.3, 0.945))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Adam(lr=0.0),
        lambda: Adam(beta1=1.0),
        lambda: Adam(lr=Linear(1e-3, -1e-3)),
        lambda: Adam(eps=-1.0),
        lambda: AdamW(weight_decay=-1.0),
        lambda: RMSProp(alpha=-0.1),
        lambda: SGD(nesterov=True),
    ],
)
def test_what_cannot_be_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=r"optimiser|learning rate"):
        make()
