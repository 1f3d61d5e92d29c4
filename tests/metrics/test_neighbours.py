from __future__ import annotations

import pytest
import torch

from steadygan.metrics.neighbours import (
    distance_blocks,
    kth_neighbour_distance,
    nearest_distance,
    nearest_neighbours,
)


def features(n: int, d: int, seed: int) -> torch.Tensor:
    """Far from the origin, as what a ReLU leaves is."""
    return 5.0 + torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_near_copies_keep_their_digits_in_high_dimensions() -> None:
    points = features(300, 400, 0)
    moved = 10.0 ** -torch.arange(0.0, 4.0)  # how far from a point each copy is
    copies = points[:4].clone()
    copies[:, 0] += moved
    queries = torch.cat([copies, features(100, 400, 1)])
    exact = torch.cdist(queries.double(), points.double())
    found = torch.cat(list(distance_blocks(queries, points)))
    assert torch.allclose(found.double(), exact, rtol=1e-3, atol=0)
    far = exact > 1.0
    assert torch.allclose(found[far].double(), exact[far], rtol=1e-5, atol=0)
    assert float(nearest_distance(points, points).max()) == 0.0  # a copy is at 0, not near it


def test_a_collapsed_set_is_as_exact() -> None:
    spread = features(50, 400, 0)
    collapsed = spread[:1] + 1e-3 * torch.randn(
        200, 400, generator=torch.Generator().manual_seed(1)
    )
    found = kth_neighbour_distance(torch.cat([collapsed, spread]), 3)
    both = torch.cat([collapsed, spread]).double()
    exact = torch.cdist(both, both).sort(1).values[:, 3]
    assert torch.allclose(found.double(), exact, rtol=1e-3, atol=0)


def test_neighbours_come_nearest_first() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    distances, indices = nearest_neighbours(torch.tensor([[0.9], [6.0]]), points, 2)
    assert indices.tolist() == [[1, 0], [3, 2]]
    assert distances.flatten().tolist() == pytest.approx([0.1, 0.9, 1.0, 3.0])
