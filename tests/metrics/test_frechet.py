from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import eigvals, sqrtm

from steadygan.metrics.frechet import frechet_distance, gaussian, gaussian_of


def drawn(n: int, d: int, seed: int) -> torch.Tensor:
    """Correlated features with a spectrum that falls, as those of networks do."""
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=torch.Generator().manual_seed(99))
    mixing = mixing * torch.linspace(1.0, 0.01, d)
    return torch.randn(n, d, generator=rng) @ mixing.T


def by_sqrtm(a: torch.Tensor, b: torch.Tensor) -> float:
    x, y = a.double().numpy(), b.double().numpy()
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    gap = x.mean(0) - y.mean(0)
    root = sqrtm(first @ second).real
    return float(gap @ gap + np.trace(first + second - 2 * root))


def test_closed_forms_of_known_gaussians() -> None:
    d = 6
    eye, zero = torch.eye(d), torch.zeros(d)
    unit = gaussian_of(zero, eye, 100)
    assert frechet_distance(unit, unit) == pytest.approx(0.0, abs=1e-12)
    assert frechet_distance(unit, gaussian_of(zero + 3.0, eye, 100)) == pytest.approx(9.0 * d)
    # Isotropic: d (σ_a − σ_b)².
    assert frechet_distance(unit, gaussian_of(zero, 4.0 * eye, 100)) == pytest.approx(d)
    # A point mass: tr B + the distance of the means.
    point = gaussian_of(zero, 0.0 * eye, 100)
    assert frechet_distance(point, gaussian_of(zero + 1.0, 4.0 * eye, 9)) == pytest.approx(5.0 * d)


@pytest.mark.parametrize(("n", "m", "d"), [(400, 300, 20), (400, 15, 20), (12, 15, 20)])
def test_agrees_with_the_square_root_of_a_matrix(n: int, m: int, d: int) -> None:
    a, b = drawn(n, d, 0), drawn(m, d, 1) * 1.2 + 0.1
    found = frechet_distance(gaussian(a), gaussian(b))
    assert found == pytest.approx(by_sqrtm(a, b), rel=1e-4 if min(n, m) < d else 1e-8)
    assert frechet_distance(gaussian(b), gaussian(a)) == pytest.approx(found, rel=1e-7)


def test_features_that_never_vary_change_nothing() -> None:
    a, b = drawn(300, 10, 0), drawn(300, 10, 1) + 0.2
    wide = [torch.cat([x, torch.full((300, 5), 7.0), x[:, :3]], dim=1) for x in (a, b)]
    first, second = (np.cov(x.double().numpy(), rowvar=False) for x in wide)
    roots = np.sqrt(np.clip(eigvals(first @ second).real, 0, None))
    gap = (wide[0] - wide[1]).double().mean(0).square().sum()
    expected = float(gap) + np.trace(first + second) - 2 * roots.sum()
    assert frechet_distance(*map(gaussian, wide)) == pytest.approx(expected, rel=1e-5)


def test_the_statistics_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    features = drawn(500, 8, 0) + 1_000.0  # far from 0: one pass would lose the variance
    whole = gaussian(features)
    monkeypatch.setattr("steadygan.metrics.frechet._BLOCK", 64)
    parts = gaussian(features)
    assert torch.allclose(parts.mean, whole.mean)
    assert torch.allclose(parts.covariance, whole.covariance)
    expected = torch.from_numpy(np.cov(features.double().numpy(), rowvar=False))
    assert torch.allclose(parts.covariance, expected, rtol=1e-9)
    with pytest.raises(ValueError, match="at least 2"):
        gaussian(features[:1])


def test_few_samples_bias_it_upwards() -> None:
    values = [
        frechet_distance(gaussian(drawn(n, 20, 1)), gaussian(drawn(n, 20, 2)))
        for n in (50, 500, 5_000)
    ]
    assert values[0] > 3 * values[1] > 9 * values[2] > 0
