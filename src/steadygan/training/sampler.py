"""Which training samples come next: shuffled epochs, from a seed and one number of position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from steadygan.training.seeds import derive_seed


class Sampler:
    """An endless stream of indices into ``size`` samples: one permutation after the other.

    A batch may span two epochs, so that no sample is left out and every batch is full; the state
    is two numbers.
    """

    def __init__(self, size: int, seed: int) -> None:
        assert size > 0
        self.size = size
        self.seed = seed
        self.drawn = 0  # samples so far
        self._order: tuple[int, int, Tensor] | None = None  # (seed, epoch) and its permutation

    def draw(self, batch_size: int) -> Tensor:
        """The next ``batch_size`` indices, ``(batch_size,)`` int64 on the CPU."""
        pieces: list[Tensor] = []
        missing = batch_size
        while missing:
            epoch, position = divmod(self.drawn, self.size)
            piece = self._permutation(epoch)[position : position + missing]
            pieces.append(piece)
            self.drawn += len(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _permutation(self, epoch: int) -> Tensor:
        if self._order is None or self._order[:2] != (self.seed, epoch):
            rng = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
            self._order = (self.seed, epoch, torch.randperm(self.size, generator=rng))
        return self._order[2]

    def state(self) -> dict[str, Any]:
        return {"seed": self.seed, "drawn": self.drawn}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.seed, self.drawn = int(state["seed"]), int(state["drawn"])
