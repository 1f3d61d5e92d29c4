from __future__ import annotations

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from steadygan.metrics.earth_mover import costs, earth_mover, transport_cost
from steadygan.metrics.sliced_wasserstein import directions, sliced_wasserstein


def normal(n: int, seed: int, d: int = 3) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_the_earth_mover_agrees_with_the_best_assignment() -> None:
    x, y = normal(80, 0), normal(80, 1) + 0.5
    between = cdist(x.double(), y.double())
    best = between[linear_sum_assignment(between)].mean()
    assert earth_mover(x, y) == pytest.approx(best, rel=1e-9)
    line, other = normal(70, 2, 1), normal(50, 3, 1) * 2
    expected = wasserstein_distance(line.flatten().double(), other.flatten().double())
    assert earth_mover(line, other) == pytest.approx(expected, rel=1e-9)


def test_a_shift_is_its_own_distance() -> None:
    x = normal(60, 0)
    shift = torch.tensor([3.0, 4.0, 0.0])
    assert earth_mover(x, x + shift) == pytest.approx(5.0, rel=1e-6)
    weights = torch.ones(60)
    assert transport_cost(costs(x, x), weights, weights) == pytest.approx(0.0, abs=1e-12)
    # Sliced: the root mean square of the shift's projections, |shift| / √d.
    along = directions(3, 4_000, torch.Generator().manual_seed(0))
    assert sliced_wasserstein(x, x + shift, along) == pytest.approx(5.0 / 3**0.5, rel=0.03)
    assert sliced_wasserstein(x, x, along) == pytest.approx(0.0, abs=1e-9)


def test_one_direction_is_the_distance_on_a_line() -> None:
    x, y = normal(50, 0, 2), normal(50, 1, 2)
    along = torch.tensor([[1.0], [0.0]])
    sorted_gap = x[:, 0].sort().values - y[:, 0].sort().values
    expected = float(sorted_gap.double().square().mean().sqrt())
    assert sliced_wasserstein(x, y, along) == pytest.approx(expected, rel=1e-6)


def test_directions_are_unit_vectors_and_distances_grow_with_noise_and_shift() -> None:
    along = directions(5, 100, torch.Generator().manual_seed(0))
    assert torch.allclose(along.norm(dim=0), torch.ones(100))
    x, y = normal(400, 0, 5), normal(400, 1, 5)
    for distance in (earth_mover, lambda a, b: sliced_wasserstein(a, b, along)):
        same = distance(x, y)
        assert distance(x, y + normal(400, 2, 5)) > 1.2 * same
        assert distance(x, y + 1.0) > 1.5 * same
