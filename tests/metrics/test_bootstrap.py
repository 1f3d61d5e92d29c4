from __future__ import annotations

import math

import pytest
import torch

from steadygan.metrics import METRICS, Pair, Value
from steadygan.metrics.bootstrap import counts, interval, mean_interval
from steadygan.metrics.held_out_estimate import held_out_estimate


def test_an_interval_is_as_wide_as_its_replicates_and_around_the_value() -> None:
    replicates = torch.linspace(10.0, 20.0, 1_001)
    assert interval(3.0, replicates) == pytest.approx((3.0 - 4.75, 3.0 + 4.75))


def test_an_interval_holds_no_value_that_cannot_be() -> None:
    replicates = torch.linspace(10.0, 20.0, 1_001)
    assert interval(3.0, replicates, (0.0, math.inf)) == pytest.approx((0.0, 7.75))
    shares = torch.tensor([1.0] * 19 + [0.0])
    rng = torch.Generator().manual_seed(0)
    low, high = mean_interval(shares, 400, rng)
    assert 0.7 < low < 0.95 <= high <= 1.0


def test_the_interval_of_a_distance_moves_as_the_distance_of_other_samples_does() -> None:
    # Resampling biases a Fréchet distance upwards, and the shift takes that out again.
    rng = torch.Generator().manual_seed(0)

    def drawn() -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(300, 8, generator=rng), torch.randn(300, 8, generator=rng) + 0.5

    def value(draws: int = 0) -> Value:
        return METRICS["fid"].family(Pair(*drawn(), draws=draws))["fid"]

    others = torch.tensor([value().value for _ in range(300)])
    centre = float(others.mean())
    found = [each for each in (value(60).interval for _ in range(60)) if each is not None]
    assert sum(low <= centre <= high for low, high in found) >= 50
    width = sum(high - low for low, high in found) / len(found)
    ends = others.quantile(torch.tensor([0.025, 0.975]))
    assert width == pytest.approx(float(ends[1] - ends[0]), rel=0.25)


def test_intervals_of_a_mean_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(200):
        low, high = mean_interval(torch.randn(60, generator=rng), 100, rng)
        held += low <= 0.0 <= high
    assert 0.87 <= held / 200 <= 0.99


def test_counts_are_draws_with_replacement() -> None:
    drawn = counts(50, 400, torch.Generator().manual_seed(0))
    assert torch.equal(drawn.sum(1), torch.full((400,), 50.0, dtype=torch.float64))
    assert float(drawn.var(0).mean()) == pytest.approx(1 - 1 / 50, abs=0.1)


def test_the_critics_estimate_does_not_know_its_offset() -> None:
    train, held_out, fake = torch.tensor([5.0, 7.0]), torch.tensor([4.0]), torch.tensor([1.0, 2.0])
    found = held_out_estimate(train, held_out, fake)
    assert (found.train, found.held_out) == (4.5, 2.5)
    assert held_out_estimate(train + 9, held_out + 9, fake + 9) == found
