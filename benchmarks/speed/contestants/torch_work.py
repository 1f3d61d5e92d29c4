"""What the contestants on torch share: counts, read from their optimisers."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torch.optim import Optimizer

from contestants import Work


def work(
    iterate: Callable[[int], None],
    generator: nn.Module,
    critic: nn.Module,
    generator_optimiser: Optimizer,
    critic_optimiser: Optimizer,
) -> Work:
    return Work(
        iterate,
        (_size(generator), _size(critic)),
        lambda: (_steps(critic_optimiser), _steps(generator_optimiser)),
    )


def _size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def _steps(optimiser: Optimizer) -> int:
    """Adam's own count."""
    return max((int(slots["step"]) for slots in optimiser.state.values()), default=0)
