"""Packing (PacGAN: Lin et al. 2018, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.errors import RecipeError
from steadygan.interfaces import Samples


def pack(x: Tensor, size: int) -> Tensor:
    """``(batch, c, *rest)`` to ``(batch / size, size · c, *rest)``: samples that follow each other
    lie side by side, images as channels, vectors as columns.

    Raises:
        ValueError: ``size`` does not divide the batch.
    """
    if x.shape[0] % size:
        raise ValueError(f"packs of {size} do not divide a batch of {x.shape[0]} samples.")
    return x.reshape(x.shape[0] // size, size * x.shape[1], *x.shape[2:])


@dataclass(frozen=True)
class Packing:
    """The critic judges ``size`` samples together, all real or all fake: a lack of variety shows.

    The critic is built for samples ``size`` times as wide, and scores one pack per row; a gradient
    penalty then is one per pack.

    Attributes:
        size: samples in a pack; it must divide the batch. PacGAN2 is 2.
    """

    size: int = 2
    name = "packing"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise RecipeError(f"stabiliser.size is {self.size}: choose at least 1.")

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        if samples.y is not None:
            raise RecipeError("packing and labels do not go together: leave one of them out.")
        return Samples(pack(samples.x, self.size))

    def packed(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one pack of samples of ``shape``."""
        return (self.size * shape[0], *shape[1:])
