from __future__ import annotations

import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel

from steadygan.metrics import METRICS, Pair
from steadygan.metrics.bootstrap import counts
from steadygan.metrics.kernel import (
    kernel_distance,
    kernel_distance_of_subsets,
    weighted_kernel_distances,
)


def normal(n: int, seed: int, d: int = 5) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def by_hand(x: torch.Tensor, y: torch.Tensor) -> float:
    xx, yy, xy = (
        polynomial_kernel(a.double().numpy(), b.double().numpy(), degree=3, coef0=1)
        for a, b in ((x, x), (y, y), (x, y))
    )
    n, m = len(x), len(y)
    within = (xx.sum() - xx.trace()) / (n * (n - 1)) + (yy.sum() - yy.trace()) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def test_all_pairs_by_hand_and_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(90, 0), normal(70, 1) + 0.3
    assert kernel_distance(x, y) == pytest.approx(by_hand(x, y), rel=1e-10)
    monkeypatch.setattr("steadygan.metrics.kernel._BLOCK", 32)
    assert kernel_distance(x, y) == pytest.approx(by_hand(x, y), rel=1e-10)


def test_it_is_unbiased_at_any_number_of_samples() -> None:
    for n in (10, 40):
        values = torch.tensor(
            [kernel_distance(normal(n, 2 * i), normal(n, 2 * i + 1)) for i in range(400)]
        )
        error = float(values.std()) / 20
        assert abs(float(values.mean())) < 3 * error
        assert float(values.min()) < 0  # squares alone would not be


def test_subsets_scatter_around_all_pairs() -> None:
    x, y = normal(600, 0), normal(600, 1) + 0.5
    rng = torch.Generator().manual_seed(0)
    found = kernel_distance_of_subsets(x, y, size=100, subsets=60, rng=rng)
    assert found.mean == pytest.approx(kernel_distance(x, y), abs=3 * found.std / 60**0.5)
    assert found.std > 0
    whole = kernel_distance_of_subsets(x, y, size=1_000, subsets=2, rng=rng)
    assert whole.mean == pytest.approx(kernel_distance(x, y), rel=1e-9)
    assert whole.std == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("subsets", [3, 10], ids=["one by one", "each pair once"])
def test_subsets_are_what_each_gives_by_itself(subsets: int) -> None:
    x, y = normal(60, 0), normal(50, 1) + 0.5
    rng, same = (torch.Generator().manual_seed(3) for _ in range(2))
    found = kernel_distance_of_subsets(x, y, size=20, subsets=subsets, rng=rng)
    values = [
        by_hand(*(each[torch.randperm(len(each), generator=same)[:20]] for each in (x, y)))
        for _ in range(subsets)
    ]
    assert found.mean == pytest.approx(sum(values) / subsets, rel=1e-9)
    assert found.std == pytest.approx(float(torch.tensor(values).std(correction=0)), rel=1e-5)


def test_a_weight_is_a_sample_that_occurs_as_often() -> None:
    x, y = normal(30, 0), normal(20, 1) + 0.3
    ones = torch.ones(1, 20)
    dropped = torch.ones(1, 30)
    dropped[0, 10:] = 0
    (value,) = weighted_kernel_distances(x, y, dropped, ones).tolist()
    assert value == pytest.approx(kernel_distance(x[:10], y), rel=1e-9)
    # Resampling repeats samples; they are not paired with themselves, so nothing is added.
    rng = torch.Generator().manual_seed(0)
    x, y = normal(400, 3), normal(400, 4)
    replicates = weighted_kernel_distances(x, y, counts(400, 200, rng), counts(400, 200, rng))
    error = float(replicates.std()) / 200**0.5
    assert float(replicates.mean()) == pytest.approx(kernel_distance(x, y), abs=4 * error)


@pytest.mark.parametrize("n", [2, 3])
def test_so_few_samples_that_one_is_drawn_alone_have_a_value_and_no_interval(n: int) -> None:
    pair = Pair(normal(n, 0), normal(n, 1), draws=50)
    found = METRICS["kid"].family(pair)["kid"]
    assert found.value == pytest.approx(by_hand(pair.real, pair.fake))
    assert found.interval is None
    assert found.over == ""
    more = Pair(normal(60, 0), normal(60, 1), draws=50)
    assert METRICS["kid"].family(more)["kid"].interval is not None
