"""Spread against its closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from steadygan.metrics.variety import main_directions, spread

RNG = torch.Generator().manual_seed(0)
SCALES = torch.tensor([5.0, 2.0, 1.0])
REAL = torch.randn(400, 3, generator=RNG, dtype=torch.float64) * SCALES


@pytest.mark.parametrize("scale", [0.01, 1.0, 3.0])
def test_samples_scaled_by_s_spread_s_times_as_far(scale: float) -> None:
    width = spread(REAL, scale * REAL + 100.0)  # wherever they lie
    assert width.total == pytest.approx(scale, rel=1e-6)
    assert width.narrowest == pytest.approx(scale, rel=1e-6)


def test_the_narrowest_direction_is_the_one_that_was_lost() -> None:
    _, _, axes = torch.linalg.svd(REAL - REAL.mean(0), full_matrices=False)
    for axis in axes:
        along = (REAL @ axis)[:, None] * axis
        width = spread(REAL, REAL - 0.9 * along)
        assert width.narrowest == pytest.approx(0.1, rel=1e-6)
        assert 0.1 < width.total < 1.0


def test_directions_in_which_real_samples_do_not_vary_do_not_count() -> None:
    flat = torch.cat([REAL, torch.zeros(400, 1, dtype=torch.float64)], dim=1)
    fake = torch.cat([REAL, torch.randn(400, 1, generator=RNG)], dim=1)
    assert spread(flat, flat).narrowest == pytest.approx(1.0)
    assert spread(flat, fake).narrowest == pytest.approx(1.0)
    assert spread(flat, fake).total > 1.0


def test_only_the_first_directions_count() -> None:
    wide = torch.randn(400, 12, generator=RNG) * torch.linspace(12, 1, 12)
    lost = wide.clone()
    lost[:, -1] = 0.0  # about the twelfth
    assert spread(wide, lost).narrowest > 0.8
    assert spread(wide, lost, main_directions(wide, 12)).narrowest < 0.5


def test_directions_of_few_samples_are_those_of_many_dimensions() -> None:
    """With fewer samples than dimensions they come from the samples' products: the same plane."""
    turned, _ = torch.linalg.qr(torch.randn(60, 60, generator=RNG, dtype=torch.float64))
    wide = torch.randn(40, 60, generator=RNG, dtype=torch.float64) * torch.logspace(1, -2, 60)
    real = wide @ turned
    _, _, axes = torch.linalg.svd(real - real.mean(0), full_matrices=False)
    found = main_directions(real)
    assert found.shape == (8, 60)
    torch.testing.assert_close((found @ axes[:8].T).abs(), torch.eye(8, dtype=torch.float64))
    two = REAL[:30, :1] @ torch.randn(1, 60, generator=RNG, dtype=torch.float64)
    assert main_directions(two + 5.0).shape == (1, 60)


def test_real_samples_that_are_all_alike_are_no_measure() -> None:
    for shape in ((20, 3), (3, 20)):
        width = spread(torch.full(shape, 0.1), torch.randn(shape, generator=RNG))
        assert math.isnan(width.total)
        assert math.isnan(width.narrowest)


def test_samples_that_are_all_alike_have_no_spread() -> None:
    width = spread(REAL, REAL[:1].expand(50, 3))
    assert (width.total, width.narrowest) == pytest.approx((0.0, 0.0), abs=1e-9)
