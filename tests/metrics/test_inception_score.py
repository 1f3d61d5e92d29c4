from __future__ import annotations

import pytest
import torch
from scipy.stats import entropy

from steadygan.metrics.inception_score import inception_score


def test_extremes_and_splits_by_hand() -> None:
    sure = torch.eye(10).repeat(20, 1)
    assert inception_score(sure).mean == pytest.approx(10.0)
    assert inception_score(torch.full((50, 10), 0.1)).mean == pytest.approx(1.0)
    assert inception_score(torch.eye(10)[:1].repeat(50, 1)).mean == pytest.approx(1.0)  # one class
    halves = inception_score(torch.cat([sure[:100], torch.full((100, 10), 0.1)]), splits=2)
    assert halves.mean == pytest.approx(5.5)
    assert halves.std == pytest.approx(4.5)
    with pytest.raises(ValueError, match="10 splits"):
        inception_score(sure[:5])


def test_agrees_with_entropies_of_scipy() -> None:
    rng = torch.Generator().manual_seed(0)
    probabilities = torch.randn(300, 7, generator=rng).double().mul(2).softmax(1)
    marginal = probabilities.mean(0, keepdim=True).numpy()
    divergence = entropy(probabilities.numpy(), marginal, axis=1).mean()
    found = inception_score(probabilities, splits=1)
    assert found.mean == pytest.approx(float(torch.tensor(divergence).exp()), rel=1e-10)
    assert found.std == 0.0
