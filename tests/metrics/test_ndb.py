from __future__ import annotations

import math

import pytest
import torch
from scipy.spatial.distance import jensenshannon

from steadygan.metrics import METRICS, Pair
from steadygan.metrics.ndb import Bins, bins_of, different_bins


def test_the_test_by_hand() -> None:
    # Shares 0.5 and 0.4 of 100 each: pooled 0.45, error √(0.45 · 0.55 / 50) = 0.0704, z = 1.42.
    p, q = torch.tensor([0.5, 0.5]).double(), torch.tensor([0.4, 0.6]).double()
    assert different_bins(p, 100, q, 100).different == 0
    assert different_bins(p, 1_000, q, 1_000).different == 2  # z = 4.49
    assert different_bins(p, 100, q, 100, level=0.2).different == 2
    found = different_bins(p, 100, q, 100)
    assert found.jsd == pytest.approx(jensenshannon(p, q) ** 2)
    apart = different_bins(torch.tensor([1.0, 0.0, 0.0]).double(), 50,
                           torch.tensor([0.0, 1.0, 0.0]).double(), 50)  # fmt: skip
    assert apart.different == 2  # the bin that both leave empty is no difference
    assert apart.jsd == pytest.approx(math.log(2))


def test_of_one_distribution_about_the_level_differs_and_a_dropped_mode_is_seen() -> None:
    rng = torch.Generator().manual_seed(0)
    centres = 10.0 * torch.randn(10, 5, generator=rng)

    def drawn(n: int, modes: int) -> torch.Tensor:
        chosen = torch.randint(modes, (n,), generator=rng)
        return centres[chosen] + torch.randn(n, 5, generator=rng)

    real = drawn(4_000, 10)
    bins = bins_of(real, 50)
    shares = bins.shares(real)
    same = [different_bins(shares, 4_000, bins.shares(drawn(4_000, 10)), 4_000) for _ in range(10)]
    # Bins made of the real samples themselves: 5 % of 50 on average, and somewhat more.
    assert 0.5 <= sum(each.different for each in same) / 10 <= 7.5
    dropped = different_bins(shares, 4_000, bins.shares(drawn(4_000, 9)), 4_000)
    assert dropped.different > max(each.different for each in same)
    assert dropped.jsd > 5 * max(each.jsd for each in same)


def test_bins_are_the_cells_of_their_centres() -> None:
    bins = Bins(torch.tensor([[0.0], [10.0], [20.0]]))
    assert bins.of(torch.tensor([[1.0], [14.0], [16.0]])).tolist() == [0, 1, 2]
    assert bins.shares(torch.tensor([[1.0], [2.0], [16.0], [17.0]])).tolist() == [0.5, 0.0, 0.5]


def test_samples_that_repeat_have_as_many_bins_as_there_are_different_ones() -> None:
    few = torch.arange(3.0).repeat(50)[:, None]
    bins = bins_of(few, 7)  # a warning of scikit-learn's would be an error here
    assert sorted(bins.centres.flatten().tolist()) == [0.0, 1.0, 2.0]
    found = METRICS["ndb"].family(Pair(few, few + 0.2))
    assert found["ndb"].note.startswith("share of 3 bins")
    alike = METRICS["ndb"].family(Pair(torch.zeros(50, 2), torch.randn(50, 2)))["ndb"]
    assert "all alike" in alike.note
