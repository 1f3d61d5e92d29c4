from __future__ import annotations

import pytest
import torch

from steadygan.data import load
from steadygan.data.points import grid, grid_mixture
from steadygan.metrics import class_report, coverage, measure, mode_report, near_copies
from steadygan.metrics.neighbours import kth_neighbour_distance, nearest_distance


def normal(n: int, seed: int, d: int = 3) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_distances_by_hand_and_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert nearest_distance(torch.tensor([[0.9], [6.0]]), points).tolist() == pytest.approx(
        [0.1, 1]
    )
    assert kth_neighbour_distance(points, 1).tolist() == [1, 1, 2, 4]
    assert kth_neighbour_distance(points, 2).tolist() == [3, 2, 3, 6]
    many = normal(500, 0)
    whole = kth_neighbour_distance(many, 5)
    monkeypatch.setattr("steadygan.metrics.neighbours._BLOCK", 64)
    assert torch.equal(kth_neighbour_distance(many, 5), whole)
    with pytest.raises(ValueError, match="more than 5"):
        kth_neighbour_distance(many[:5], 5)


def test_coverage_of_the_same_distribution_is_the_published_value() -> None:
    # 1 − 2⁻⁵ ≈ 0.969 for as many fakes as real samples (Naeem et al. 2020, eq. 12).
    assert coverage(normal(2000, 0), normal(2000, 1)) == pytest.approx(1 - 2**-5, abs=0.015)


def test_coverage_falls_when_modes_are_dropped_and_with_noise() -> None:
    real, fake = normal(1000, 0), normal(1000, 1)
    half = fake[torch.arange(1000) % 2 == 0]
    dropped = torch.cat([half, half])
    dropped = torch.where(dropped[:, :1] > 0, dropped, -dropped)  # only one side is generated
    assert coverage(real, dropped) < 0.6
    assert coverage(real, fake + 20) == 0.0
    assert coverage(real, fake.mean(0).expand(1000, 3)) < 0.1


def test_near_copies_are_found() -> None:
    train, held_out, fresh = normal(500, 0), normal(200, 1), normal(300, 2)
    honest = near_copies(train, held_out, fresh)
    assert abs(honest.fake - honest.held_out) < 0.1
    copied = torch.cat([train[:150] + 1e-4, fresh[:150]])
    assert near_copies(train, held_out, copied).fake == pytest.approx(
        0.5 + honest.fake / 2, abs=0.1
    )


def test_modes_by_hand() -> None:
    mixture = grid_mixture()
    three_sigma = 3 * mixture.sigma
    samples = torch.cat([
        mixture.centres[:20],
        mixture.centres[:1] + torch.tensor([[0.99 * three_sigma, 0.0]]),
        mixture.centres[:1] + torch.tensor([[1.01 * three_sigma, 0.0]]),
    ])  # fmt: skip
    report = mode_report(samples, mixture.centres, mixture.sigma)
    assert (report.found, report.total) == (20, 25)
    assert report.high_quality == pytest.approx(21 / 22)
    assert report.smallest_share == 0.0
    real = mode_report(grid(10_000, seed=7), mixture.centres, mixture.sigma)
    assert real.found == 25
    # Within 3σ in the plane: 1 − exp(−9/2) = 0.989.
    assert real.high_quality == pytest.approx(0.989, abs=0.005)
    assert 0.03 < real.smallest_share < 0.04
    nothing = mode_report(torch.full((5, 2), 99.0), mixture.centres, mixture.sigma)
    assert (nothing.found, nothing.high_quality) == (0, 0.0)


def test_the_classifier_knows_real_digits_and_sees_what_is_missing() -> None:
    digits = load("digits")
    train, held_out = digits.encode(digits.train), digits.encode(digits.validation)
    assert train.y is not None
    assert held_out.y is not None
    x, held_x = train.x.flatten(1), held_out.x.flatten(1)
    report = class_report(x, train.y, held_x, held_out.y, held_x)
    assert report.held_out_accuracy >= 0.97
    true = torch.bincount(held_out.y) / len(held_out.y)
    assert torch.allclose(torch.tensor(report.shares), true.float(), atol=0.02)
    no_threes = held_x[held_out.y != 3]
    assert class_report(x, train.y, held_x, held_out.y, no_threes).shares[3] < 0.02
    blends = (held_x + held_x.roll(1, dims=0)) / 2
    unsure = class_report(x, train.y, held_x, held_out.y, blends)
    assert unsure.top_probability < report.top_probability - 0.03


def test_every_measurement_says_what_it_was_computed_on() -> None:
    digits = load("digits")
    real_as_fake = digits.codec.encode(digits.validation.x)
    by_name = {m.name: m for m in measure(digits, real_as_fake)}
    assert set(by_name) == {
        "coverage", "near-copies", "smallest class share", "largest class share",
        "mean top probability",
    }  # fmt: skip
    assert by_name["coverage"].n_real == by_name["coverage"].n_fake == len(digits.validation)
    assert all(m.n_fake > 0 and m.features == "pixels" for m in by_name.values())
    assert "pixels" in str(by_name["coverage"])
    grid_set = load("25-grid")
    modes = {m.name: m.value for m in measure(grid_set, grid_set.validation.x)}
    assert modes["modes found"] == 25
