"""The networks and the data of a setting, for those contestants that run on torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from settings import Setting
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.interfaces import Architecture, SampleSpec
from steadygan.networks import DCGAN, MLP

BATCHES = 16  # different ones, in memory


def networks(setting: Setting) -> tuple[nn.Module, nn.Module]:
    """Our generator and critic, in training mode, from a fixed seed."""
    torch.manual_seed(0)
    spec = SampleSpec(shape=setting.shape, bounds=(-1.0, 1.0) if setting.width else None)
    architecture: Architecture = MLP(hidden=setting.hidden)
    if setting.width is not None:
        architecture = DCGAN(width=setting.width)
    built = architecture.build(spec, setting.latent_dim)
    return built["generator"].train(), built["critic"].train()


def batches(setting: Setting) -> Iterator[Tensor]:
    """Endless real batches ``(batch, *shape)`` in [-1, 1]: slices of one fixed random tensor."""
    rng = torch.Generator().manual_seed(1)
    data = torch.rand(BATCHES * setting.batch, *setting.shape, generator=rng) * 2 - 1
    slices = data.split(setting.batch)
    while True:
        yield from slices


def adam(setting: Setting, network: nn.Module) -> Optimizer:
    """As people write it: without torch's fused or foreach kernels."""
    betas = (setting.beta1, setting.beta2)
    return torch.optim.Adam(network.parameters(), lr=setting.lr, betas=betas)


def as_image(setting: Setting) -> Setting:
    """The same problem with vectors as images of one channel, for code that takes nothing else."""
    if len(setting.shape) == 3:
        return setting
    side = int(setting.columns**0.5)
    square = side * side == setting.columns
    return replace(setting, shape=(1, side, side) if square else (1, 1, setting.columns))


class Column(nn.Module):
    """A critic whose scores ``(batch,)`` come as ``(batch, 1)``, for code that expects that."""

    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.critic(x)
        return scores.unsqueeze(1)
