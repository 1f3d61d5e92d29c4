from __future__ import annotations

import pytest
import torch
from torch import nn

from steadygan.constraints import SpectralNorm, WeightNorm
from steadygan.errors import NetworkError, RecipeError
from steadygan.interfaces import Samples
from steadygan.networks import DCGANCritic, MLPCritic, RecurrentCritic
from steadygan.objectives import Hinge, Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.step import critic_step


def test_spectral_norm_brings_every_layer_to_a_largest_singular_value_of_one() -> None:
    critic = MLPCritic((5,), hidden=(16, 16))
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.mul_(7.0)
    SpectralNorm().prepare(critic)
    for _ in range(300):  # the power iteration, one step per pass
        critic(torch.zeros(2, 5))
    layers = [module for module in critic.modules() if isinstance(module, nn.Linear)]
    assert len(layers) == 3
    for layer in layers:
        assert float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) == pytest.approx(
            1.0, abs=1e-3
        )


def test_a_spectrally_normalised_relu_critic_is_1_lipschitz() -> None:
    torch.manual_seed(0)
    critic = MLPCritic((4,), hidden=(32, 32))
    SpectralNorm().prepare(critic)
    for _ in range(200):
        critic(torch.zeros(2, 4))
    critic.eval().requires_grad_(False)
    first, second = torch.randn(500, 4), torch.randn(500, 4)
    slopes = (critic(first) - critic(second)).abs() / (first - second).norm(dim=1)
    assert float(slopes.max()) <= 1.0 + 1e-3


def test_convolutions_are_normalised_and_trained() -> None:
    critic = DCGANCritic((1, 8, 8), width=4)
    SpectralNorm().prepare(critic)
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-3)
    before = [p.detach().clone() for p in critic.parameters()]
    x = torch.randn(6, 1, 8, 8)
    record = critic_step(critic, optimiser, Hinge(), x, x + 1, rng=torch.Generator())
    assert record.applied
    assert all(not torch.equal(a, b) for a, b in zip(before, critic.parameters(), strict=True))


def test_weight_norm_keeps_the_function_and_takes_a_penalty() -> None:
    critic = MLPCritic((5,), hidden=(16,))
    x = torch.randn(6, 5)
    before = critic(x)
    WeightNorm().prepare(critic)
    torch.testing.assert_close(critic(x), before)
    record = critic_step(
        critic,
        torch.optim.Adam(critic.parameters(), lr=1e-3),
        Wasserstein(),
        Samples(x),
        Samples(x + 1),
        rng=torch.Generator(),
        penalties=[Term(TwoSided())],
    )
    assert record.applied


def test_recurrent_weights_are_normalised_too() -> None:
    critic = RecurrentCritic((4, 2), hidden=3)
    SpectralNorm().prepare(critic)
    for _ in range(200):
        critic(torch.zeros(2, 4, 2))
    weights = [value for name, value in vars_of(critic.body) if name.startswith("weight_")]
    assert len(weights) == 4  # input and hidden, in both directions
    for weight in weights:
        assert float(torch.linalg.matrix_norm(weight, 2)) == pytest.approx(1.0, abs=1e-3)


def vars_of(layer: nn.Module) -> list[tuple[str, torch.Tensor]]:
    names = [name.split(".")[1] for name, _ in layer.named_parameters() if "original" in name]
    return [(name, getattr(layer, name).detach()) for name in dict.fromkeys(names)]


def test_weight_norm_has_one_length_per_output_of_a_transposed_convolution() -> None:
    critic = nn.Sequential(nn.ConvTranspose2d(3, 5, 4))
    WeightNorm().prepare(critic)
    lengths = {tuple(p.shape) for p in critic.parameters() if p.numel() == 5 and p.ndim == 4}
    assert lengths == {(1, 5, 1, 1)}


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(NetworkError, match="no dense"):
        SpectralNorm().prepare(nn.Sequential(nn.Flatten()))
    critic = MLPCritic((5,), hidden=(4,))
    SpectralNorm().prepare(critic)
    with pytest.raises(NetworkError, match="go together"):
        WeightNorm().prepare(critic)
    with pytest.raises(RecipeError, match="iterations"):
        SpectralNorm(iterations=0)
