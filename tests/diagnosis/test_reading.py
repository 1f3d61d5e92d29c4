"""What can be read from a loop's tensors: the maths behind the monitor's findings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    mse_loss,
    softplus,
)

from steadygan.diagnosis import reading


def read(loss: Callable[[Tensor], Tensor], scores: Tensor) -> reading.Labels | None:
    scores = scores.detach().requires_grad_()
    found = reading.slopes(loss(scores), scores)
    assert found is not None
    n = scores.numel()
    if found.second is None:  # a line bends nowhere
        return None
    return reading.labels(scores.detach().flatten(), found.first * n, found.second * n)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("form", "loss", "squash"),
    [
        ("cross-entropy", binary_cross_entropy_with_logits, False),
        ("least squares", mse_loss, False),
        ("cross-entropy of probabilities", binary_cross_entropy, True),
    ],
)
@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_each_samples_own_label_is_read_off(
    form: str,
    loss: Callable[[Tensor, Tensor], Tensor],
    squash: bool,
    weight: float,
    rng: torch.Generator,
) -> None:
    scores = torch.randn(200, 1, generator=rng)
    scores = scores.sigmoid() if squash else scores
    labels = torch.rand(200, 1, generator=rng)
    found = read(lambda s: weight * loss(s, labels), scores)
    assert found is not None
    assert found.form == form
    torch.testing.assert_close(found.values.float(), labels.flatten(), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "loss",
    [
        lambda s: softplus(s - s.detach().flip(0)).mean(),  # relativistic
        lambda s: -s.mean(),
        lambda s: (s**4).mean(),
    ],
    ids=["relativistic", "wasserstein", "quartic"],
)
def test_no_labels_are_read_where_there_are_none(
    loss: Callable[[Tensor], Tensor], rng: torch.Generator
) -> None:
    assert read(loss, torch.randn(200, generator=rng)) is None


def test_slopes_are_found_by_halves_of_a_joined_batch(rng: torch.Generator) -> None:
    weight = torch.randn(3, 1, generator=rng, requires_grad=True)
    scores = torch.randn(8, 3, generator=rng) @ weight
    loss = scores.square().mean()
    for half in scores.chunk(2):
        found = reading.slopes(loss, half)
        assert found is not None
        torch.testing.assert_close(found.first, (half / 4).flatten().double())
        assert found.second is not None
        torch.testing.assert_close(found.second, torch.full((4,), 0.25, dtype=torch.float64))


def test_shares_of_points_between(rng: torch.Generator) -> None:
    real, fake = (torch.randn(5, 2, 3, generator=rng) for _ in range(2))
    epsilon = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.7])
    at = epsilon[:, None, None] * real + (1 - epsilon[:, None, None]) * fake
    found = reading.shares(at, real, fake)
    assert found is not None
    torch.testing.assert_close(found.float(), epsilon, atol=1e-5, rtol=0)
    assert reading.shares(real + 0.1, real, fake) is None
    assert reading.shares(real, real, fake) is None
    assert reading.shares(fake, real, fake) is None


def test_rows_are_told_apart_whatever_their_order(rng: torch.Generator) -> None:
    batch = torch.randn(16, 4, generator=rng)
    mixed = batch[torch.randperm(16, generator=rng)]
    other = torch.randn(16, 4, generator=rng)
    # One-hot rows have equal sums and are different all the same.
    words = [torch.eye(8)[torch.randint(8, (16,), generator=rng)] for _ in range(5)]
    assert reading.different([reading.rows(batch), reading.rows(mixed)]) == (1, 16)
    assert reading.different([reading.rows(batch), reading.rows(other)]) == (2, 32)
    assert reading.different([reading.rows(each) for each in words])[0] == 5
    assert reading.rows(batch).is_continuous
    assert not reading.rows(words[0]).is_continuous
