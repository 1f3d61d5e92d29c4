"""Samples that lie in a file and are read as they are taken."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from steadygan.interfaces import Samples, Stored

_BLOCK = 1024  # samples that go to another device at a time


@dataclass(frozen=True, eq=False)
class MappedSamples:
    """Some rows of an array that the system maps into memory (``Stored``).

    What was read stays in memory as long as there is room, once for all processes that read it.

    Attributes:
        array: ``(rows, *shape)``, perhaps read-only; never written to.
        rows: ``(n,)`` int64, which of them these samples are.
        y: ``(n,)`` labels, or None.
    """

    array: np.ndarray
    rows: Tensor
    y: Tensor | None = None

    @property
    def x(self) -> Tensor:
        """All samples ``(n, *shape)``, copied into memory each time."""
        return self._read(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: Tensor) -> Samples:
        chosen = indices.cpu()
        return Samples(self._read(self.rows[chosen]), None if self.y is None else self.y[chosen])

    def on(self, device: torch.device, *, labels: bool) -> Stored:
        """On the CPU they stay in their file; another device gets a copy of them."""
        y = self.y if labels else None
        if device.type == "cpu":
            return replace(self, y=y)
        like = self._read(self.rows[:1])
        x = torch.empty((len(self), *like.shape[1:]), dtype=like.dtype, device=device)
        for begin in range(0, len(self), _BLOCK):
            x[begin : begin + _BLOCK] = self._read(self.rows[begin : begin + _BLOCK]).to(device)
        return Samples(x, None if y is None else y.to(device))

    def _read(self, rows: Tensor) -> Tensor:
        # By NumPy: a tensor on memory that cannot be written would end the process if it were.
        return torch.from_numpy(np.asarray(self.array)[rows.numpy()])
