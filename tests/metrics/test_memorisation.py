from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import mannwhitneyu
from torch import Tensor

from steadygan.metrics.memorisation import copying, nearer_to_training
from steadygan.metrics.neighbours import nearest_distance


def normal(n: int, seed: int, d: int = 4) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_the_score_is_the_standardised_rank_sum() -> None:
    train, held_out, fake = normal(200, 0), normal(80, 1), normal(90, 2) * 1.1
    of_fake, of_held_out = (nearest_distance(x, train).numpy() for x in (fake, held_out))
    u = mannwhitneyu(of_fake, of_held_out).statistic
    expected = (u - 80 * 90 / 2) / math.sqrt(80 * 90 * 171 / 12)
    assert copying(train, held_out, fake).c_t == pytest.approx(expected)


def test_fresh_samples_score_like_a_standard_normal() -> None:
    scores = [copying(normal(300, 3 * i), normal(100, 3 * i + 1), normal(100, 3 * i + 2)).c_t
              for i in range(60)]  # fmt: skip
    found = torch.tensor(scores)
    assert abs(float(found.mean())) < 0.5
    assert 0.6 < float(found.std()) < 1.5


def test_copies_score_far_below_and_missed_data_far_above() -> None:
    train, held_out, fresh = normal(400, 0), normal(200, 1), normal(200, 2)
    copies = train[:200] + 0.02 * normal(200, 3)
    assert copying(train, held_out, copies).c_t < -10
    assert copying(train, held_out, 3.0 * fresh).c_t > 5


def test_cells_find_copies_that_are_hidden_by_lack_of_fit_elsewhere() -> None:
    left, right = torch.full((1, 4), -20.0), torch.full((1, 4), 20.0)
    train = torch.cat([left + normal(400, 0), right + normal(400, 1)])
    held_out = torch.cat([left + normal(300, 2), right + normal(20, 3)])
    copied = train[:150] + 0.01 * normal(150, 4)
    missed = right + 3.0 * normal(150, 5)
    fake = torch.cat([copied, missed])
    whole, in_cells = copying(train, held_out, fake), copying(train, held_out, fake, cells=2)
    assert in_cells.cells == 2
    assert in_cells.c_t < whole.c_t - 5
    assert in_cells.c_t < -5
    nowhere = copying(train, held_out, fake[:0], cells=2)
    assert nowhere.cells == 0
    assert math.isnan(nowhere.c_t)


def test_only_copies_lie_nearer_to_training_samples() -> None:
    for size in (300, 3_000):
        _check_copies(normal(size, 0), normal(300, 1))
    assert nearer_to_training(normal(2, 0), normal(2, 0), normal(10, 7)) == 0.5  # ties


def _check_copies(train: Tensor, held_out: Tensor) -> None:
    # Fakes that know neither, whatever they are like: fresh, blurred, far away.
    for fake in (normal(300, 2), 0.5 * normal(300, 3), 3.0 * normal(300, 4)):
        assert nearer_to_training(train, held_out, fake) == pytest.approx(0.5, abs=0.2)
    assert nearer_to_training(train, held_out, train[:300] + 0.02 * normal(300, 5)) > 0.95
    assert nearer_to_training(train, held_out, held_out + 0.02 * normal(300, 6)) < 0.05
