"""Gradients by layer and silent units, against their definitions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from steadygan.interfaces import Samples
from steadygan.training import LayerProbe, Sampler, TrainingState, draw_latent

REAL = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))


def state_of(generator: nn.Module, critic: nn.Module) -> TrainingState:
    return TrainingState(
        seed=0, device=torch.device("cpu"), networks={"generator": generator, "critic": critic},
        optimisers={}, averages={}, sampler=Sampler(64, 0),
    )  # fmt: skip


def look(
    generator: nn.Module, critic: nn.Module, bounds: tuple[float, float] | None = None
) -> dict[str, float]:
    state = state_of(generator, critic)
    return LayerProbe(Samples(REAL), 2, bounds)(state, torch.Generator().manual_seed(0))


def linear(weight: list[list[float]] | Tensor, bias: float | None = None) -> nn.Linear:
    values = torch.as_tensor(weight)
    layer = nn.Linear(values.shape[1], values.shape[0], bias=bias is not None)
    layer.weight.data = values.clone()
    if bias is not None:
        layer.bias.data.fill_(bias)
    return layer


def test_gradients_are_those_of_mean_scores() -> None:
    """Of D(x) = w·x and G(z) = Az: ∂E D(G)/∂A = w E[z]ᵀ, ∂(E D(x) − E D(G))/∂w their means' gap."""
    w, a = torch.tensor([[1.0, -2.0, 0.5]]), torch.randn(3, 2)
    found = look(linear(a), linear(w))
    z = draw_latent(64, 2, torch.Generator().manual_seed(0)).mean(0)
    assert found["layers.generator.0"] == pytest.approx(
        (w.T @ z[None]).norm().item() / a.norm().item(), rel=1e-4
    )
    gap = REAL.mean(0) - a @ z
    expected = gap.norm().item() / w.norm().item()
    assert found["layers.critic.0"] == pytest.approx(expected, rel=1e-4)
    assert set(found) == {"layers.generator.0", "layers.critic.0"}


def test_a_layer_that_cuts_the_gradient_off_is_seen() -> None:
    saturated = nn.Sequential(linear(torch.ones(4, 2)), linear(torch.ones(4, 4), 50.0), nn.Tanh(),
                              linear(torch.ones(3, 4)))  # fmt: skip
    found = look(saturated, nn.Linear(3, 1))
    assert found["layers.generator.0"] < 1e-12 < found["layers.generator.2"]
    assert found["silent.generator"] == 1.0


@pytest.mark.parametrize(
    ("bias", "activation", "silent"),
    [
        (-100.0, nn.ReLU(), 1.0),
        (100.0, nn.ReLU(), 0.0),
        (0.0, nn.ReLU(), 0.0),
        (100.0, nn.Tanh(), 1.0),
        (-100.0, nn.Sigmoid(), 1.0),
        (0.0, nn.Sigmoid(), 0.0),
    ],
)
def test_units_that_say_the_same_of_every_sample(
    bias: float, activation: nn.Module, silent: float
) -> None:
    critic = nn.Sequential(linear(torch.eye(3), bias), activation, nn.Linear(3, 1))
    found = look(nn.Linear(2, 3), critic)
    assert found["silent.critic"] == silent
    assert "silent.generator" not in found


def test_a_channel_is_silent_only_where_it_is_so_everywhere() -> None:
    images = nn.Sequential(nn.Unflatten(1, (1, 1, 3)), nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(),
                           nn.Linear(6, 1))  # fmt: skip
    kernel = images[1]
    assert isinstance(kernel, nn.Conv2d)
    kernel.weight.data.fill_(1.0)
    kernel.bias.data = torch.tensor([0.0, -100.0])  # type: ignore[union-attr]
    assert look(nn.Linear(2, 3), images)["silent.critic"] == 0.5


def test_the_samples_themselves_are_no_hidden_units() -> None:
    outputs = nn.Sequential(linear(torch.ones(3, 2), 100.0), nn.Tanh(), nn.Flatten())
    found = look(outputs, nn.Linear(3, 1), (-1.0, 1.0))
    assert "silent.generator" not in found
    assert found["at_bounds.fake"] == 1.0
    inner = nn.Sequential(linear(torch.ones(3, 2), 100.0), nn.Tanh(), nn.Linear(3, 3))
    assert look(inner, nn.Linear(3, 1))["silent.generator"] == 1.0


def test_the_share_at_the_ends_of_the_range() -> None:
    wide = (REAL.min().item(), REAL.max().item())
    margin = 0.01 * (wide[1] - wide[0])
    near = (wide[0] + margin > REAL) | (wide[1] - margin < REAL)
    found = look(nn.Linear(2, 3), nn.Linear(3, 1), wide)
    assert found["at_bounds.real"] == pytest.approx(near.double().mean().item())


def test_looking_changes_nothing() -> None:
    networks = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), nn.Linear(3, 1)
    state = state_of(*networks)
    before = [{k: v.clone() for k, v in each.state_dict().items()} for each in networks]
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    LayerProbe(Samples(REAL), 2)(state, torch.Generator())
    assert torch.equal(torch.rand(4), expected)
    for network, old in zip(networks, before, strict=True):
        assert network.training
        assert all(p.grad is None for p in network.parameters())
        assert all(torch.equal(v, old[k]) for k, v in network.state_dict().items())


def test_a_network_without_weight_matrices_has_no_layers() -> None:
    class Shift(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.by = nn.Parameter(torch.zeros(3))

        def forward(self, z: Tensor) -> Tensor:
            return z[:, :1] + self.by

    assert set(look(Shift(), nn.Linear(3, 1))) == {"layers.critic.0"}


def test_values_at_the_ends_of_tanh_and_sigmoid_are_counted() -> None:
    """Of two units one is always at an end, now at this one, now at the other: it is not silent."""
    steep = linear([[100.0, 0.0, 0.0], [0.0, 1e-3, 0.0]])
    for bounded in (nn.Tanh(), nn.Sigmoid()):
        critic = nn.Sequential(steep, bounded, linear([[1.0, 1.0]]))
        found = look(linear(torch.ones(3, 2)), critic)
        assert found["saturated.critic"] == pytest.approx(0.5, abs=0.02)
        assert found["silent.critic"] == 0.0
    assert "saturated.critic" not in look(linear(torch.ones(3, 2)), linear(torch.ones(1, 3)))
