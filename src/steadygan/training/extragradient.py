"""Extragradient updates (Gidel et al. 2019, algorithm 2 and 4): look ahead, then step from where
one stood with the gradient found there. It converges on games where simultaneous gradient steps
circle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.record import Record
from steadygan.training.state import TrainingState
from steadygan.training.updates import AlternatingUpdates, NextBatch


@dataclass(frozen=True)
class ExtragradientUpdates:
    """Both networks at once: a step ahead from here, then from here with the gradients of there.

    Each half uses a real batch of its own and passes through the optimisers' moments, as the
    paper's Extra-Adam. Averages see only where the networks end.

    Attributes:
        updates: how one network is updated; its ``n_critic`` is 1.
    """

    updates: AlternatingUpdates

    def __call__(
        self, state: TrainingState, next_real: NextBatch, progress: float
    ) -> dict[str, list[Record]]:
        critic, generator = state.networks["critic"], state.networks["generator"]
        here = _weights(critic), _weights(generator)
        records: dict[str, list[Record]] = {"critic": [], "generator": []}
        for from_here in (False, True):
            real = next_real()
            seen = _weights(critic)  # by the generator: both move at once
            with _stepping_from(state.optimisers["critic"], critic, here[0], when=from_here):
                records["critic"].append(self.updates.update_critic(state, real, progress))
            moved = _weights(critic)
            _set_weights(critic, seen)
            with _stepping_from(state.optimisers["generator"], generator, here[1], when=from_here):
                records["generator"].append(self.updates.update_generator(state, real, progress))
            _set_weights(critic, moved)
            if any(record.applied is False for made in records.values() for record in made):
                return records
            if not from_here:  # a look ahead is no update: lazy penalties and averages go on after
                state.updates["critic"] -= 1
                state.updates["generator"] -= 1
        self.updates.average_critic(state, state.updates["critic"] - 1)
        self.updates.average_generator(state, state.updates["generator"] - 1)
        return records


def _weights(network: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


@torch.no_grad()
def _set_weights(network: nn.Module, weights: list[Tensor]) -> None:
    for parameter, value in zip(network.parameters(), weights, strict=True):
        parameter.copy_(value)


@contextmanager
def _stepping_from(
    optimiser: Optimizer, network: nn.Module, weights: list[Tensor], *, when: bool
) -> Iterator[None]:
    """Inside, the optimiser's step starts from ``weights``, whatever the network holds by then."""
    if not when:
        yield
        return
    handle = optimiser.register_step_pre_hook(lambda *_: _set_weights(network, weights))
    try:
        yield
    finally:
        handle.remove()
