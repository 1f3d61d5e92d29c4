"""Distances to nearest neighbours, in blocks, so that memory does not grow with the square."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_BLOCK = 2048  # rows at a time: 2048 × 50,000 float32 distances are 400 MB
_HIGH = 128  # dimensions above which one matrix product is faster than differences
# Below this share of the two vectors' squared lengths, a squared distance from a product has lost
# more than it should of its float32 digits.
_NEAR = 0.02
_REPAIRED = 1 << 22  # numbers gathered at a time while near pairs are computed again


def distance_blocks(queries: Tensor, points: Tensor) -> Iterator[Tensor]:
    """Euclidean distances ``(block, m)`` of successive queries of ``(n, d)`` to all of ``(m, d)``.

    Relative error at most about 1e-5 at any distance. In high dimensions most come from a matrix
    product, which loses the digits that tell near copies apart: near pairs are computed again from
    their differences.
    """
    if queries.shape[1] <= _HIGH:
        for block in torch.split(queries, _BLOCK):
            yield _from_differences(block, points)
        return
    centre = points.mean(0)  # distances do not change, and the product loses less
    points = points - centre
    lengths = points.square().sum(1)
    for block in torch.split(queries, _BLOCK):
        yield _from_product(block - centre, points, lengths)


def _from_differences(block: Tensor, points: Tensor) -> Tensor:
    return torch.cdist(block, points, compute_mode="donot_use_mm_for_euclid_dist")


def _from_product(block: Tensor, points: Tensor, lengths: Tensor) -> Tensor:
    own = block.square().sum(1)
    squares = torch.addmm(lengths, block, points.T, alpha=-2.0).add_(own[:, None])
    # Compared without a matrix of sums: a pair is near where |x − y|² < s(|x|² + |y|²).
    near = torch.sub(squares, lengths, alpha=_NEAR).sub_(own[:, None], alpha=_NEAR) < 0
    count = int(near.sum())
    if count > near.numel() // 16:  # a collapsed set: all of it is near
        return _from_differences(block, points)
    distances = squares.clamp_(min=0.0).sqrt_()
    if count:
        rows, columns = near.nonzero(as_tuple=True)
        step = max(1, _REPAIRED // block.shape[1])
        for i, j in zip(torch.split(rows, step), torch.split(columns, step), strict=True):
            distances[i, j] = (block[i] - points[j]).square_().sum(1).sqrt_()
    return distances


def nearest_distance(queries: Tensor, points: Tensor) -> Tensor:
    """Euclidean distance of each query ``(n, d)`` to its nearest point of ``(m, d)``, ``(n,)``."""
    return torch.cat([block.min(dim=1).values for block in distance_blocks(queries, points)])


def nearest_neighbours(queries: Tensor, points: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """The ``k`` nearest points of each query, nearest first: distances and indices ``(n, k)``."""
    found = [block.topk(k, largest=False) for block in distance_blocks(queries, points)]
    return torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])


def kth_neighbour_distance(points: Tensor, k: int) -> Tensor:
    """Distance of each point ``(n, d)`` to its k-th nearest other point, ``(n,)``; n > k.

    Raises:
        ValueError: there are not more than ``k`` points.
    """
    if len(points) <= k:
        raise ValueError(f"a {k}-th neighbour needs more than {k} points; there are {len(points)}.")
    # The nearest of all is the point itself. torch's kthvalue takes three times as long.
    return nearest_neighbours(points, points, k + 1)[0][:, k]
