"""Distances to nearest neighbours, in blocks, so that memory does not grow with the square."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_BLOCK = 2048  # rows at a time: 2048 × 50,000 float32 distances are 400 MB


def _distance_blocks(queries: Tensor, points: Tensor) -> Iterator[Tensor]:
    for block in torch.split(queries, _BLOCK):
        # Exact differences: the product form loses the digits that tell near copies apart.
        yield torch.cdist(block, points, compute_mode="donot_use_mm_for_euclid_dist")


def nearest_distance(queries: Tensor, points: Tensor) -> Tensor:
    """Euclidean distance of each query ``(n, d)`` to its nearest point of ``(m, d)``, ``(n,)``."""
    return torch.cat([block.min(dim=1).values for block in _distance_blocks(queries, points)])


def kth_neighbour_distance(points: Tensor, k: int) -> Tensor:
    """Distance of each point ``(n, d)`` to its k-th nearest other point, ``(n,)``; n > k.

    Raises:
        ValueError: there are not more than ``k`` points.
    """
    if len(points) <= k:
        raise ValueError(f"a {k}-th neighbour needs more than {k} points; there are {len(points)}.")
    # The nearest of all is the point itself.
    return torch.cat(
        [block.kthvalue(k + 1, dim=1).values for block in _distance_blocks(points, points)]
    )
