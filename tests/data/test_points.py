"""The constants of the WGAN-GP paper's toy data."""

from __future__ import annotations

import pytest
import torch

from steadygan.data import DataOptions, load
from steadygan.data.points import (
    grid,
    grid_mixture,
    parallel_lines,
    ring,
    ring_mixture,
    swiss_roll,
)


def test_the_ring_has_eight_modes_of_the_published_size() -> None:
    mixture = ring_mixture()
    assert mixture.centres.shape == (8, 2)
    assert torch.allclose(mixture.centres.norm(dim=1), torch.full((8,), 2 / 1.414))
    points = ring(40_000, seed=1)
    distance, owner = torch.cdist(points, mixture.centres).min(1)
    # E‖noise‖² = 2σ² in the plane.
    assert float(distance.square().mean() / 2) ** 0.5 == pytest.approx(0.02 / 1.414, rel=0.02)
    assert (torch.bincount(owner) / 40_000 - 1 / 8).abs().max() < 0.01


def test_the_grid_has_25_modes_of_the_published_size() -> None:
    mixture = grid_mixture()
    assert {round(float(c) * 2.828) for c in mixture.centres.unique()} == {-4, -2, 0, 2, 4}
    points = grid(50_000, seed=1)
    distance, owner = torch.cdist(points, mixture.centres).min(1)
    assert float(distance.square().mean() / 2) ** 0.5 == pytest.approx(0.05 / 2.828, rel=0.02)
    assert len(owner.unique()) == 25
    assert float(points.std(0).mean()) == pytest.approx(1.0, abs=0.02)


def test_the_swiss_roll_is_a_spiral_of_the_published_scale() -> None:
    points = swiss_roll(20_000, seed=0)
    radius = points.norm(dim=1) * 7.5
    # The roll's radius is its angle, from 1.5 π to 4.5 π.
    assert float(radius.quantile(0.01)) == pytest.approx(1.5 * torch.pi, abs=0.5)
    assert float(radius.quantile(0.99)) == pytest.approx(4.5 * torch.pi, abs=0.5)


def test_parallel_lines_stand_at_theta() -> None:
    points = parallel_lines(10_000, seed=0, theta=0.7)
    assert (points[:, 0] == 0.7).all()
    assert 0 <= points[:, 1].min() < 0.01
    assert 0.99 < points[:, 1].max() < 1


@pytest.mark.parametrize("name", ["8-ring", "25-grid", "swiss-roll", "parallel-lines"])
def test_named_sets_hold_out_independent_points(name: str) -> None:
    first, again = load(name), load(name)
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != load(name, DataOptions(split_seed=1)).fingerprint
    assert first.train.x.shape == (100_000, 2)
    assert first.validation.x.shape == (10_000, 2)
    assert not torch.equal(first.train.x[:100], first.validation.x[:100])
    assert torch.equal(first.encode(first.train).x, first.train.x)
