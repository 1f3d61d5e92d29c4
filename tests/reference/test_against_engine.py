"""Reference and engine, from the same weights on the same batches, stay together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from steadygan.constraints import WeightClipping
from steadygan.networks import MLPCritic, MLPGenerator
from steadygan.objectives import Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.reference import WGANGP, Adam, Dense, RMSProp
from steadygan.step import critic_step, generator_step

COLUMNS, LATENT, BATCH, HIDDEN = 3, 2, 16, (12, 10)


def load(network: nn.Module, dense: Dense) -> nn.Module:
    """Give the engine's network the reference's weights."""
    network = network.double()
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    with torch.no_grad():
        for layer, weight, bias in zip(layers, dense.weights, dense.biases, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.T))
            layer.bias.copy_(torch.from_numpy(bias))
    return network


def distance(network: nn.Module, dense: Dense) -> float:
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    mine = np.concatenate([w.T.ravel() for w in dense.weights] + [b.ravel() for b in dense.biases])
    its = np.concatenate(
        [layer.weight.detach().numpy().ravel() for layer in layers]
        + [layer.bias.detach().numpy().ravel() for layer in layers]
    )
    return float(np.linalg.norm(mine - its) / np.linalg.norm(its))


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "elu", "silu", "softplus"])
@pytest.mark.parametrize("optimiser", ["rmsprop", "adam", "adam with momentum", "clipping"])
def test_after_100_iterations_the_weights_agree(activation: str, optimiser: str) -> None:
    settings: dict[str, tuple[Any, Any]] = {
        "rmsprop": (RMSProp(1e-3), lambda p: torch.optim.RMSprop(p, lr=1e-3)),
        "clipping": (RMSProp(1e-3), lambda p: torch.optim.RMSprop(p, lr=1e-3)),
        "adam": (Adam(1e-3), lambda p: torch.optim.Adam(p, lr=1e-3, betas=(0.0, 0.9))),
        "adam with momentum": (
            Adam(1e-3, beta1=0.5, beta2=0.99),
            lambda p: torch.optim.Adam(p, lr=1e-3, betas=(0.5, 0.99)),
        ),
    }
    mine, its = settings[optimiser]
    clip = 0.1 if optimiser == "clipping" else None
    model = WGANGP(
        latent_dim=LATENT, hidden=HIDDEN, optimiser=mine, activation=activation, clip=clip,
        batch_size=BATCH, dtype=np.float64, seed=3, average=0.0,
    )  # fmt: skip
    model.build(COLUMNS)
    assert model.generator is not None
    assert model.critic is not None
    how: dict[str, Any] = {"hidden": HIDDEN, "activation": activation}
    generator = load(MLPGenerator(LATENT, (COLUMNS,), **how), model.generator)
    critic = load(MLPCritic((COLUMNS,), **how), model.critic)
    optimisers = its(generator.parameters()), its(critic.parameters())
    penalties = [] if clip else [Term(TwoSided(), model.penalty)]
    constraints = [WeightClipping(clip)] if clip else []
    rng = np.random.default_rng(0)
    for iteration in range(100):
        for update in range(2):
            real = rng.standard_normal((BATCH, COLUMNS)) + 2.0
            latent = rng.standard_normal((BATCH, LATENT))
            torch_rng = torch.Generator().manual_seed(1000 * iteration + update)
            epsilon = torch.rand(BATCH, 1, generator=torch_rng, dtype=torch.float64).numpy()
            numbers = model.update_critic(real, latent, epsilon)
            with torch.no_grad():
                fake = generator(torch.from_numpy(latent))
            record = critic_step(
                critic,
                optimisers[1],
                Wasserstein(),
                torch.from_numpy(real),
                fake,
                rng=torch.Generator().manual_seed(1000 * iteration + update),
                penalties=penalties,
                constraints=constraints,
            )
        latent = rng.standard_normal((BATCH, LATENT))
        model.update_generator(latent)
        generator_step(generator, critic, optimisers[0], Wasserstein(), torch.from_numpy(latent))
    assert numbers["estimate"] == pytest.approx(-float(record.terms["wasserstein"]), rel=1e-7)
    assert distance(critic, model.critic) < 1e-9
    assert distance(generator, model.generator) < 1e-9
