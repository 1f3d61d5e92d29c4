"""Exponential moving average of a network's weights and buffers.

Averaging the generator damps the rotation of adversarial training (Yazıcı et al. 2019; Karras et
al. 2018, section 4.1 used it as "smoothed" weights).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadygan.errors import RecipeError
from steadygan.schedules import follow


def ema_decay(decay: float, update: int) -> float:
    """The decay at ``update`` (from 0): grows as (1 + n)/(10 + n), so that the first, untrained
    weights are forgotten soon, up to ``decay``."""
    return follow(lambda n: min(decay, (1 + n) / (10 + n)), update)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """average ← decay · average + (1 − decay) · network, in place, buffers included.

    Floating-point buffers (batch-norm statistics) are averaged with the same decay, so that they
    lag as the weights do and belong to them; others (counters) are copied.
    """
    floating = [
        (mine, its)
        for mine, its in zip(_tensors(average), _tensors(network), strict=True)
        if mine.is_floating_point()
    ]
    if floating:
        averages, values = zip(*floating, strict=True)
        if isinstance(decay, Tensor):  # of a captured step; there is no lerp by one for all
            torch._foreach_mul_(averages, decay)
            torch._foreach_add_(averages, torch._foreach_mul(values, 1.0 - decay))
        else:
            torch._foreach_lerp_(averages, values, 1.0 - decay)
    for mine_buffer, its_buffer in zip(average.buffers(), network.buffers(), strict=True):
        if not mine_buffer.is_floating_point():
            mine_buffer.copy_(its_buffer)


def untrained_copy(network: nn.Module) -> nn.Module:
    """An average before the first update: a copy that takes no gradients."""
    return copy.deepcopy(network).requires_grad_(False)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


@dataclass(frozen=True)
class EMA:
    """An averaged copy of the generator, updated after each of its updates.

    Attributes:
        decay: weight of the past per update, in [0, 1); warmed up by ``ema_decay``.
    """

    decay: float = 0.999
    name = "ema"

    def __post_init__(self) -> None:
        if not 0.0 <= self.decay < 1.0:
            raise RecipeError(f"ema.decay is {self.decay}: choose a number in [0, 1).")

    def update(self, average: nn.Module, network: nn.Module, update: int) -> None:
        update_average(average, network, ema_decay(self.decay, update))
